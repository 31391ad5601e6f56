local co = coroutine.create(function(a, b)
  print('start', a, b)
  local c = coroutine.yield(a + b)
  print('again', c)
  local d, e = coroutine.yield(c, c * 2)
  print('more', d, e)
  return 'end', 1, 2
end)
print(coroutine.status(co))
print(coroutine.resume(co, 1, 10))
print(coroutine.status(co))
print(coroutine.resume(co, 7))
print(coroutine.resume(co, 'x', 'y'))
print(coroutine.status(co))
print(coroutine.resume(co))
print(coroutine.close(co))
---
-- Results and arguments of any number, through resume and wrap.
local function pack2(...) return select('#', ...), ... end
local co = coroutine.create(function(...)
  print('args', pack2(...))
  while true do print('in', pack2(coroutine.yield(...))) end
end)
for n = 0, 5 do print('out', pack2(coroutine.resume(co, table.unpack({1, 2, 3, 4, 5}, 1, n)))) end
local many = {}
for i = 1, 300 do many[i] = i end
print(select('#', coroutine.resume(co, table.unpack(many))))
local w = coroutine.wrap(function(...) return select('#', ...), coroutine.yield(...) end)
print(select('#', w(table.unpack(many))))
print(w('last'))
print(pcall(w))
---
-- Status seen from everywhere.
local main, is_main = coroutine.running()
print(type(main), is_main, coroutine.status(main), coroutine.isyieldable(), coroutine.isyieldable(main))
local a, b
a = coroutine.create(function()
  print(coroutine.status(a), coroutine.status(b), coroutine.status(main))
  print(select(2, coroutine.running()), coroutine.running() == a, coroutine.isyieldable())
  coroutine.resume(b)
  print(coroutine.status(a), coroutine.status(b))
end)
b = coroutine.create(function()
  print(coroutine.status(a), coroutine.status(b), coroutine.status(main))
  print(coroutine.resume(a))
  print(coroutine.resume(b))
  print(coroutine.resume(main))
  print(pcall(coroutine.close, a))
  print(pcall(coroutine.close, b))
  print(pcall(coroutine.close, main))
  print(coroutine.isyieldable(a), coroutine.isyieldable(b), coroutine.isyieldable(main))
  coroutine.yield()
end)
print(coroutine.isyieldable(a))
print(coroutine.resume(a))
print(coroutine.status(a), coroutine.status(b), coroutine.isyieldable(a), coroutine.isyieldable(b))
print(pcall(coroutine.close, main))
---
-- Wrong arguments.
for name, f in next, {create = coroutine.create, wrap = coroutine.wrap} do
  print(select(2, pcall(f)):gsub(name, 'F'))
  print(select(2, pcall(f, 1)):gsub(name, 'F'))
  print(select(2, pcall(f, {})):gsub(name, 'F'))
end
for _, name in ipairs{'resume', 'status', 'close', 'isyieldable'} do
  local f = coroutine[name]
  if name ~= 'isyieldable' then print(pcall(f)) end
  print(pcall(f, 1))
  print(pcall(f, print))
  print(pcall(f, nil))
end
print(pcall(coroutine.yield, 1))
print(select('#', pcall(coroutine.yield)))
coroutine.yield(1)
---
-- Errors end a coroutine.
local co = coroutine.create(function() local x = nil + 1 end)
print(coroutine.resume(co))
print(coroutine.status(co))
print(coroutine.resume(co))
print(coroutine.close(co))
print(coroutine.close(co))
co = coroutine.create(function() error({}) end)
print(select('#', coroutine.resume(co)), type(select(2, coroutine.resume(co))))
co = coroutine.create(function() error() end)
print(coroutine.resume(co))
co = coroutine.create(function() error('plain', 0) end)
print(coroutine.resume(co))
co = coroutine.create(function() coroutine.yield(1) error('later') end)
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.resume(co))
co = coroutine.create(error)
print(coroutine.resume(co, 'from a native'))
co = coroutine.create(function() return (function() error('deep', 2) end)() end)
print(coroutine.resume(co))
---
-- wrap adds the position of its caller to messages.
local w = coroutine.wrap(function() error('a') end)
print(pcall(w))
print(pcall(w))
print(pcall(function() w() end))
w = coroutine.wrap(function() error('b', 0) end)
print(pcall(function() w() end))
w = coroutine.wrap(function() error({}) end)
print(type(select(2, pcall(w))))
w = coroutine.wrap(function() error(42) end)
print(pcall(function() w() end))
w = coroutine.wrap(function() return w() end)
print(pcall(function() w() end))
local inner = coroutine.wrap(function() error('nested') end)
w = coroutine.wrap(function() inner() end)
print(pcall(function() w() end))
w()
---
-- A wrapped coroutine is an iterator.
local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end end) end
for i, q in range(5) do print(i, q) end
local function walk(t)
  if type(t) == 'table' then for _, v in ipairs(t) do walk(v) end else coroutine.yield(t) end
end
for v in coroutine.wrap(function() walk{1, {2, {3, 4}, 5}, {{6}}} end) do print(v) end
local function permute(a, n)
  if n <= 1 then coroutine.yield(a) else
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permute(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
end
for p in coroutine.wrap(function() permute({1, 2, 3, 4}, 4) end) do print(table.concat(p, ' ')) end
---
-- Yield across pcall, xpcall, and what they call.
local co = coroutine.wrap(function()
  print(pcall(coroutine.yield, 'p1', 'p2'))
  print(pcall(function(...) print('f', coroutine.yield(...)) error('oops') end, 'q'))
  print(xpcall(function() coroutine.yield('x') error('bad') end, function(m) return 'handled ' .. m end))
  print(pcall(pcall, pcall, function() coroutine.yield('deep') error(false) end))
  print(select(2, pcall(error, coroutine.yield('e'))))
  return pcall(coroutine.yield, 'tail')
end)
print(co())
for i = 1, 9 do print(i, co(i, i + 100)) if i == 7 then break end end
print(pcall(co))
---
-- Yield in every metamethod.
local mt = {}
local function y(name) return function(a, b) return (coroutine.yield(name)) end end
for _, name in ipairs{'add', 'sub', 'mul', 'div', 'mod', 'pow', 'unm', 'idiv', 'band', 'bor', 'bxor', 'shl',
  'shr', 'bnot', 'concat', 'len', 'eq', 'lt', 'le', 'index', 'newindex', 'call'} do mt['__' .. name] = y(name) end
local function new() return setmetatable({}, mt) end
local tests = {
  function(a, b) return a + b end, function(a, b) return a - 1 end, function(a, b) return 2 * b end,
  function(a, b) return a / b end, function(a, b) return a % 5 end, function(a, b) return a ^ b end,
  function(a, b) return -a end, function(a, b) return a // b end, function(a, b) return a & 7 end,
  function(a, b) return a | b end, function(a, b) return 3 ~ a end, function(a, b) return a << 1 end,
  function(a, b) return 1 >> b end, function(a, b) return ~a end, function(a, b) return a .. b end,
  function(a, b) return 'x' .. 'y' .. a .. 'z' .. 1 .. b .. 'w' end,
  function(a, b) return #a end, function(a, b) return a == b end, function(a, b) return a ~= b end,
  function(a, b) if a == b then return 'then' else return 'else' end end,
  function(a, b) return a < b end, function(a, b) return a <= b end, function(a, b) return a > 1 end,
  function(a, b) return a >= 1 end, function(a, b) return 1 < b end, function(a, b) return not (a < b) end,
  function(a, b) if a < b then return 'then' else return 'else' end end,
  function(a, b) local n = 0 while a < b do n = n + 1 end return n end,
  function(a, b) return a.x end, function(a, b) return a[1] end, function(a, b) return a[b] end,
  function(a, b) a.x = 1 return 'set' end, function(a, b) a[1] = 1 return 'set' end,
  function(a, b) a[b] = 1 return 'set' end, function(a, b) return a(b) end, function(a, b) return (a(b)) end,
  function(a, b) return a:method() end,
}
for i, f in ipairs(tests) do
  for _, answer in ipairs{1, 'text', false} do
    local co = coroutine.create(f)
    local line = {i}
    local ok, v = coroutine.resume(co, new(), new())
    local steps = 0
    while coroutine.status(co) == 'suspended' do
      line[#line + 1] = tostring(v)
      steps = steps + 1
      local give = answer
      if steps > 3 then give = false end
      ok, v = coroutine.resume(co, give)
    end
    line[#line + 1] = tostring(ok)
    line[#line + 1] = type(v) == 'table' and 'table' or tostring(v)
    print(table.concat(line, ' '))
  end
end
---
-- 5.3's <= by <, across a yield.
local mt = {__lt = function(a, b) coroutine.yield('lt') return a.v < b.v end}
local function n(v) return setmetatable({v = v}, mt) end
local co = coroutine.wrap(function()
  return n(1) <= n(2), n(2) <= n(1), n(1) <= n(1), n(3) >= n(2)
end)
print(co()) print(co()) print(co()) print(co()) print(co())
---
-- Yield in iterators and in __pairs, __index functions of natives.
local co = coroutine.wrap(function()
  for a, b in coroutine.yield, 's', 0 do print('body', a, b) if a == 3 then break end end
  local t = setmetatable({}, {__pairs = function(t) coroutine.yield('pairs') return next, {k = 1}, nil end})
  for k, v in pairs(t) do print(k, v) end
  for k, v in (function(s, c) return coroutine.yield(c) end), nil, 'first' do print('it', k, v) end
  return 'done'
end)
print(co())
print(co(1, 'one'))
print(co(2))
print(co(3, 'three'))
print(co())
print(co('k', 'v'))
print(co('l'))
print(co(nil))
---
-- A coroutine made of natives only.
print(coroutine.wrap(coroutine.yield)(1, 2))
local w = coroutine.wrap(coroutine.yield)
print(w('a')) print(w('b', 'c')) print(pcall(w))
print(coroutine.wrap(print)('printed'))
print(coroutine.resume(coroutine.create(pcall), error, 'e'))
w = coroutine.wrap(pcall)
print(w(coroutine.yield, 'y')) print(w('z'))
w = coroutine.wrap(coroutine.wrap(function(...) return 'inner', ... end))
print(w(1, 2))
print(coroutine.wrap(coroutine.resume)(coroutine.create(function(a) return a, coroutine.isyieldable() end), 5))
w = coroutine.wrap(setmetatable({}, {__call = function(self, ...) return 'called', ... end}).__call or select)
print(w('#', 1, 2))
print(coroutine.wrap(error) == nil, pcall(coroutine.wrap(error), 'x'))
---
-- C-call boundaries.
local function try(f, ...) print(coroutine.resume(coroutine.create(f), ...)) end
try(function() table.sort({3, 2, 1}, function(a, b) coroutine.yield() return a < b end) end)
try(function() return string.gsub('abc', '.', function(c) coroutine.yield(c) end) end)
try(function() return load(function() coroutine.yield('chunk') end) end)
try(function() return tostring(setmetatable({}, {__tostring = function() coroutine.yield() return 'x' end})) end)
try(function() local t = setmetatable({}, {__index = function(t, i) return coroutine.yield(i) end}) return table.concat(t, ',', 1, 3) end)
try(function() local t = setmetatable({}, {__len = function() return coroutine.yield() end}) return table.unpack(t) end)
try(function() for i, v in ipairs(setmetatable({}, {__index = function(t, i) coroutine.yield(i) end})) do end end)
try(function() return xpcall(error, function(m) coroutine.yield(m) return 'h' end, 'msg') end)
try(function() table.sort({1, 2, 3}, function(a, b) print(pcall(coroutine.yield, 1)) return a < b end) end)
try(function()
  print(coroutine.isyieldable())
  string.gsub('a', 'a', function() print(coroutine.isyieldable()) end)
  table.sort({2, 1}, function(a, b)
    -- another coroutine inside is free to yield
    local co = coroutine.wrap(function() print(coroutine.isyieldable()) coroutine.yield('in') return 'out' end)
    print(co(), co())
    return a < b
  end)
end)
---
-- A coroutine's function used directly as callback of a native, FRESH from Rust.
print((string.gsub('abcd', '.', coroutine.wrap(function(c)
  while true do c = coroutine.yield(c:upper() .. '-') end
end))))
local cmp = coroutine.wrap(function(a, b) while true do a, b = coroutine.yield(a < b) end end)
local t = {5, 3, 8, 1, 9, 2}
table.sort(t, cmp)
print(table.concat(t, ' '))
print(pcall(string.gsub, 'xy', '.', coroutine.wrap(function() error('in callback') end)))
print(pcall(string.gsub, 'xy', '.', coroutine.wrap(function() return 'once' end)))
print(tostring(setmetatable({}, {__tostring = coroutine.wrap(function() coroutine.yield('first') return 'second' end)})))
print(load(coroutine.wrap(function() for _, s in ipairs{'return ', '1', '+', '41'} do coroutine.yield(s) end end))())
---
-- Deep: nesting of resumes is limited like C calls, other depth is not.
local function nest(n)
  local ok, err = coroutine.resume(coroutine.create(function() return nest(n + 1) end))
  if not ok then return n, err end
  return ok, err
end
print(pcall(nest, 1))
local depth = 0
local function deeper() depth = depth + 1 coroutine.wrap(deeper)() end
local ok, message = pcall(deeper)
print(ok, message:match('C stack overflow$'), message:find('t:9: t:9: ', 1, true), depth > 190 and depth < 200)
depth = 0
local function rec() depth = depth + 1 return pcall(coroutine.wrap(rec)) end
print(select('#', rec()) > 95, depth > 95 and depth < 102)
---
-- Stack overflow inside a coroutine, and life after it.
local co = coroutine.create(function()
  local function f(n) return 1 + f(n + 1) end
  local ok, err = pcall(f, 1)
  print(ok, err)
  coroutine.yield('survived')
  return f(1)
end)
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.status(co))
local function count(n) if n == 0 then return coroutine.yield('bottom') end return 1 + count(n - 1) end
co = coroutine.wrap(count)
print(co(50000)) print(co(0))
---
-- Upvalues shared between coroutines and with the main chunk, open and closed, as stacks move.
local n = 0
local function make()
  local here = 10
  local co = coroutine.wrap(function()
    local inner = 100
    local function grow(d) local a, b, c, e = d, d, d, d if d > 0 then grow(d - 1) end inner = inner + 1 return a + b + c + e end
    local get = function() return inner end
    coroutine.yield(get)
    grow(50)
    n = n + 1
    here = here + 1
    coroutine.yield(inner)
    inner = 'closed soon'
  end)
  return co, function() return here end
end
local co, here = make()
local get = co()
print(get(), here(), n)
print(co(), get(), here(), n)
co()
print(get(), here(), n)
print(pcall(co))
---
-- Varargs, tail calls, and loops around yields.
local co = coroutine.wrap(function(...)
  local function v(...) coroutine.yield(select('#', ...)) return ... end
  print(v(...))
  local function t(...) return coroutine.yield(...) end
  print(t('t', ...))
  local function loop(n, ...) if n == 0 then return ... end coroutine.yield(n) return loop(n - 1, n, ...) end
  print(loop(3, ...))
  for i = 1, 3 do for j = 10, 12 do if coroutine.yield(i * j) then break end end end
end)
print(co(1, 2, 3)) print(co()) print(co('back', nil))
for i = 1, 12 do print(i, co(i % 4 == 0)) if i == 9 then break end end
---
-- Producer, filter, consumer.
local function producer() return coroutine.create(function() for i = 1, 4 do coroutine.yield('line' .. i) end return nil end) end
local function receive(p) local ok, v = coroutine.resume(p) return v end
local function filter(p) return coroutine.create(function() local n = 1 while true do local x = receive(p) if not x then return nil end coroutine.yield(n .. ':' .. x) n = n + 1 end end) end
local f = filter(producer())
while true do local x = receive(f) if not x then break end print(x) end
---
-- A sieve of coroutines.
local function gen(n) return coroutine.wrap(function() for i = 2, n do coroutine.yield(i) end end) end
local function filter(p, g) return coroutine.wrap(function() for n in g do if n % p ~= 0 then coroutine.yield(n) end end end) end
local x, primes = gen(120), {}
while true do local n = x() if n == nil then break end primes[#primes + 1] = n x = filter(n, x) end
print(table.concat(primes, ' '))
---
-- Message handlers do not reach into coroutines.
print(xpcall(function()
  local co = coroutine.create(function() error('inside') end)
  print(coroutine.resume(co))
  local w = coroutine.wrap(function() error('wrapped') end)
  w()
end, function(m) return 'H(' .. m .. ')' end))
print(xpcall(coroutine.wrap(function() error('direct') end), function(m) return 'H(' .. tostring(m) .. ')' end))
print(coroutine.wrap(function() return xpcall(function() coroutine.yield() error('e') end, function(m) return 'h:' .. m end) end)())
local co = coroutine.wrap(function() return xpcall(function() coroutine.yield() error('e') end, function(m) return 'h:' .. m end) end)
co()
print(co())
print(coroutine.resume(coroutine.create(function() error('x') end), 1))
local co = coroutine.create(function()
  return xpcall(function() error('1') end, function(m) error('2') end)
end)
local r = {coroutine.resume(co)}
print(r[1], r[2], type(r[3]))
---
-- A coroutine that resumes itself through another, or is resumed while normal.
local a, b
a = coroutine.wrap(function() return b() end)
b = coroutine.wrap(function() return a() end)
print(pcall(a))
local co
co = coroutine.create(function() return coroutine.resume(co) end)
print(coroutine.resume(co))
co = coroutine.create(function() return pcall(coroutine.resume, co) end)
print(coroutine.resume(co))
co = coroutine.wrap(function() local ok, err = pcall(co) print(ok, err) return ok end)
print(co())
---
-- Threads as keys and values, equality, tostring.
local co = coroutine.create(print)
print(co == co, co == coroutine.create(print), type(co), ({[co] = 'v'})[co], (tostring(co):gsub('0x%x+', 'A')))
print(pcall(function() return co + 1 end))
print(pcall(function() return co.x end))
print(pcall(function() return co < co end))
print(pcall(function() return #co end))
print(pcall(function() co() end))
print(rawequal(co, co), rawequal(co, coroutine.running()))
---
-- Yield as a metamethod itself, and resume as one.
local co = coroutine.wrap(function()
  local t = setmetatable({}, {__index = coroutine.yield, __newindex = coroutine.yield, __call = coroutine.yield, __add = coroutine.yield,
    __lt = coroutine.yield, __concat = coroutine.yield, __eq = coroutine.yield, __len = coroutine.yield})
  local u = setmetatable({}, getmetatable(t))
  print(t.key)
  t.key = 1
  print(t(1, 2))
  print(t + 1)
  print(t < u, t == u, #t)
  print(t .. 'x', 'x' .. t, 'a' .. 'b' .. t .. 'c')
  return 'over'
end)
local function arg(v) return type(v) == 'table' and 'T' or tostring(v) end
local r = table.pack(co())
for i = 1, 12 do
  for j = 1, r.n do r[j] = arg(r[j]) end
  print(i, table.concat(r, ' ', 1, r.n))
  if r[1] == 'over' then break end
  r = table.pack(co(i))
end
local counter = coroutine.wrap(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end)
local t = setmetatable({}, {__index = counter, __len = counter, __add = counter, __call = counter, __lt = counter, __unm = counter})
print(t.x, t.y, #t, t + 1, 1 + t, t(), t < t, -t)
---
-- Closing suspended coroutines without variables to be closed.
local co = coroutine.create(print)
print(coroutine.close(co), coroutine.status(co))
print(coroutine.resume(co))
co = coroutine.create(function() coroutine.yield() print('never') end)
coroutine.resume(co)
print(coroutine.close(co), coroutine.status(co), coroutine.close(co))
print(coroutine.resume(co))
local x
co = coroutine.create(function() local v = 'kept' x = function() return v end coroutine.yield() end)
coroutine.resume(co)
print(coroutine.close(co), x())
