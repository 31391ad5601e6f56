local function closer(name) return setmetatable({name = name}, {__close = function(self, e) print('close', self.name, e) end}) end
do
  local a <close> = closer('a')
  local b <close> = closer('b')
  print(a.name, b.name)
  local n <close> = nil
  local f <close> = false
end
print('after')
local function f(...)
  local x <close> = closer('x')
  local y <close> = closer('y')
  return ...
end
print(f())
print(f(1))
print(f(1, 2, 3))
print((f(1, 2, 3)))
print(select('#', f(table.unpack({}, 1, 200))))
---
-- Order, values at the time of closing, upvalues closed first.
local function closer(f) return setmetatable({}, {__close = f}) end
local log = {}
do
  local v = 1
  local get
  local c1 <close> = closer(function() log[#log + 1] = get() end)
  local w = 10
  get = function() return v + w end
  local c2 <close> = closer(function() w = w + 5 end)
  local c3 <close> = closer(function() v = v + 1 end)
  w = 20
end
print(log[1])
local function f()
  local x = 'initial'
  local c <close> = closer(function() x = 'changed by close' end)
  return x, function() return x end
end
local v, get = f()
print(v, get())
---
-- Leaving by break, goto, return, and loops.
local function closer(name) return setmetatable({}, {__close = function(_, e) print('close', name, e) end}) end
for i = 1, 3 do
  local c <close> = closer('for' .. i)
  if i == 2 then break end
  print('body', i)
end
local i = 0
while true do
  i = i + 1
  local c <close> = closer('while' .. i)
  if i < 3 then goto continue end
  do local d <close> = closer('inner') if i == 3 then goto out end end
  ::continue::
end
::out::
repeat
  local c <close> = closer('repeat')
  local done = true
until done
do
  goto skip
  ::back::
  do return print('end') end
  ::skip::
  local c <close> = closer('goto back')
  goto back
end
---
-- What can be closed.
local function try(v)
  return pcall(function() local x <close> = v return 'fine' end)
end
for _, v in ipairs{1, 'str', {}, print, true, 1.5} do print(try(v)) end
print(try(nil)) print(try(false))
print(try(setmetatable({}, {__close = 1})))
print(try(setmetatable({}, {__close = setmetatable({}, {__call = function(self, v, e) print('callable', v ~= self, e) end})})))
print(pcall(function() local abc <const>, xyz <close> = 1, {} end))
print(pcall(function() for k in next, {}, nil, {} do end end))
print(pcall(function() local x <close> = setmetatable({}, {__close = 5}) end))
local t = setmetatable({}, {__close = print})
print(pcall(function() local gone <close> = t getmetatable(t).__close = nil end))
print(pcall(function() local gone <close> = t end))
---
-- Errors: passed to the methods, replaced by theirs.
local function closer(name, e) return setmetatable({}, {__close = function(_, m) print('close', name, type(m) == 'table' and 'T' or m) if e then error(e, 0) end end}) end
print(pcall(function()
  local a <close> = closer('a')
  local b <close> = closer('b', 'from b')
  local c <close> = closer('c')
  local d <close> = closer('d', 'from d')
  error('body', 0)
end))
print(pcall(function()
  local a <close> = closer('a')
  local b <close> = closer('b', 'from b')
  local c <close> = closer('c', {})
  return 'value'
end))
print(pcall(function()
  do
    local a <close> = closer('a')
    local b <close> = closer('b', 'in block')
  end
  print('not reached')
end))
print(pcall(function() local x <close> = closer('x') error() end))
print(pcall(function() local x <close> = closer('x') local y = nil + 1 end))
local function deep(n) local c <close> = closer(n) if n == 0 then error('bottom') end return (deep(n - 1)) end
print(pcall(deep, 4))
print(xpcall(function() local x <close> = closer('x', 'second') error('first', 0) end, function(m) return '<' .. tostring(m) .. '>' end))
print(xpcall(function()
  local x <close> = closer('x')
  local y <close> = setmetatable({}, {__close = function() local z <close> = closer('z', 'third') error('second', 0) end})
  error('first', 0)
end, function(m) return '<' .. tostring(m) .. '>' end))
---
-- An error in a method, uncaught.
local a <close> = setmetatable({}, {__close = function(_, e) print('outer', e) end})
local b <close> = setmetatable({}, {__close = function(_, e) print('inner', e) error('replaced') end})
error('original')
---
-- Nested protected calls and closing in between.
local function closer(name) return setmetatable({}, {__close = function(_, m) print('close', name, m) end}) end
print(pcall(function()
  local a <close> = closer('a')
  print(pcall(function()
    local b <close> = closer('b')
    print(pcall(error, 'innermost'))
    error('inner')
  end))
  local c <close> = closer('c')
  error('outer')
end))
-- through natives that call back
print(pcall(table.sort, {3, 2, 1}, function() local x <close> = closer('in sort') error('sorting') end))
print(pcall(string.gsub, 'a', 'a', function() local x <close> = closer('in gsub') return 'r' end))
print(load(function() local x <close> = closer('reader') error('reading') end))
print(pcall(function()
  local a <close> = closer('around')
  table.sort({3, 2, 1}, function(a, b) local x <close> = closer('cmp') if a == 3 then error('stop') end return a < b end)
end))
---
-- The fourth value of a generic for.
local function closer(name) return setmetatable({}, {__close = function(_, m) print('close', name, m) end}) end
local function iter(n, name) local i = 0 return function() i = i + 1 if i <= n then return i end end, nil, nil, closer(name) end
for i in iter(3, 'all') do print(i) end
for i in iter(3, 'break') do print(i) if i == 2 then break end end
print((function() for i in iter(3, 'return') do return 'r' .. i end end)())
print(pcall(function() for i in iter(3, 'error') do error('at ' .. i) end end))
for i in iter(2, 'outer') do for j in iter(2, 'inner' .. i) do print(i, j) goto next end ::next:: end
for i in next, {10}, nil, nil do print(i) end
for i in next, {10}, nil, false do print(i) end
print(pcall(function() for i in iter(1, 'x'), nil, nil, 42 do end end))
print(pcall(function() for i in print, nil, nil, 'str' do end end))
---
-- Not a tail call in the scope of such a variable.
local function closer(name) return setmetatable({}, {__close = function(_, m) print('close', name, m) end}) end
local function callee(...) print('callee', ...) return 'from callee', ... end
local function f() local x <close> = closer('x') return callee(1, 2) end
print(f())
local function g(n) local x <close> = closer(n) if n == 0 then return 'bottom' end return g(n - 1) end
print(g(3))
---
-- Many results, and a method that uses much of the stack.
local function wide() return setmetatable({}, {__close = function() local t = {} for i = 1, 100 do t[i] = i end return table.unpack(t) end}) end
local function f(...) local a <close> = wide() local b <close> = wide() return ... end
local t = {}
for i = 1, 500 do t[i] = i end
local r = {f(table.unpack(t))}
print(#r, r[1], r[250], r[500])
local function vf(a, b, ...) local x <close> = wide() return b, a, ... end
print(vf(1, 2, 3, 4))
---
-- Closing with a coroutine: yields in methods, at each kind of exit.
local function yielder(name) return setmetatable({}, {__close = function(_, e)
  print('start', name, e)
  print(name, coroutine.yield('yield ' .. name))
  print('end', name)
end}) end
local function drive(f, ...)
  local co = coroutine.create(f)
  local r = table.pack(coroutine.resume(co, ...))
  local n = 0
  while true do
    print('->', table.unpack(r, 1, r.n))
    if coroutine.status(co) == 'dead' then return end
    n = n + 1
    r = table.pack(coroutine.resume(co, n))
  end
end
drive(function() local a <close> = yielder('a') local b <close> = yielder('b') return 'r1', 'r2' end)
drive(function(...) local a <close> = yielder('a') local b <close> = yielder('b') return ... end, 1, nil, 3)
drive(function() do local a <close> = yielder('a') local b <close> = yielder('b') end print('between') return 'done' end)
drive(function() for i in (function(_, i) if i < 2 then return i + 1 end end), nil, 0, yielder('for') do print(i) end return 'loop over' end)
drive(function() for i = 1, 2 do local a <close> = yielder(i) if i == 2 then break end end return 'broke' end)
drive(function() return pcall(function() local a <close> = yielder('a') local b <close> = yielder('b') error('err', 0) end) end)
drive(function() return pcall(function()
  local a <close> = yielder('a')
  local b <close> = setmetatable({}, {__close = function(_, e) coroutine.yield('in b') error('b after ' .. e, 0) end})
  local c <close> = yielder('c')
  error('first', 0) end) end)
drive(function() return xpcall(function()
  local a <close> = yielder('a')
  error('first', 0) end, function(m) return 'H' .. m end) end)
drive(function() local a <close> = yielder('a') error('not caught', 0) end)
drive(function() return pcall(pcall, function() local a <close> = yielder('a') return pcall(error, 'e') end) end)
---
-- coroutine.close.
local function closer(name, e) return setmetatable({}, {__close = function(_, m)
  print('close', name, type(m) == 'table' and 'T' or m, coroutine.isyieldable(), select(2, coroutine.running()))
  if e then error(e, 0) end end}) end
local co = coroutine.create(function() local a <close> = closer('a') local b <close> = closer('b') coroutine.yield(1) end)
print(coroutine.resume(co))
print(coroutine.close(co), coroutine.status(co))
print(coroutine.close(co), coroutine.resume(co))
co = coroutine.create(function() local a <close> = closer('a') local b <close> = closer('b', 'from b') local c <close> = closer('c') coroutine.yield(1) end)
coroutine.resume(co)
print(coroutine.close(co)) print(coroutine.status(co)) print(coroutine.close(co))
co = coroutine.create(function() local a <close> = closer('a') local b <close> = closer('b', {}) error('dying') end)
print(coroutine.resume(co)) print(coroutine.status(co))
local ok, e = coroutine.close(co)
print(ok, type(e)) print(coroutine.close(co))
co = coroutine.create(function() local a <close> = closer('a') error('dying') end)
print(coroutine.resume(co)) print(coroutine.close(co)) print(coroutine.close(co))
co = coroutine.create(function()
  local a <close> = setmetatable({}, {__close = function() print(pcall(coroutine.yield, 1)) print(coroutine.status(co)) print(coroutine.resume(co)) print(pcall(coroutine.close, co)) end})
  coroutine.yield()
end)
coroutine.resume(co)
print(coroutine.close(co))
co = coroutine.create(function() for i in (function() return 1 end), nil, nil, closer('for') do pcall(function() local x <close> = closer('in pcall') coroutine.yield(i) end) end end)
print(coroutine.resume(co)) print(coroutine.close(co))
-- from inside another coroutine, and in a wrap
coroutine.wrap(function()
  local co = coroutine.create(function() local a <close> = closer('inner') coroutine.yield(1) end)
  coroutine.resume(co)
  print(coroutine.isyieldable(), coroutine.close(co))
end)()
-- dying inside a native callback leaves its variables to close
co = coroutine.create(function() table.sort({2, 1}, function() local x <close> = closer('cmp') error('in cmp', 0) end) end)
print(coroutine.resume(co)) print('now close') print(coroutine.close(co))
---
-- wrap closes on error.
local function closer(name, e) return setmetatable({}, {__close = function(_, m) print('close', name, m) if e then error(e) end end}) end
local w = coroutine.wrap(function() local a <close> = closer('a') local b <close> = closer('b') error('oops') end)
print(pcall(w)) print(pcall(w))
w = coroutine.wrap(function() local a <close> = closer('a', 'from a') error('oops') end)
print(pcall(w)) print(pcall(w))
w = coroutine.wrap(function() local a <close> = closer('a', {}) error('oops') end)
local ok, e = pcall(w)
print(ok, type(e))
w = coroutine.wrap(function() local a <close> = closer('a') coroutine.yield(1) return 2 end)
print(w(), w(), pcall(w))
---
-- Methods that call into coroutines and closing in depth.
local function closer(f) return setmetatable({}, {__close = f}) end
local gen = coroutine.wrap(function() local n = 0 while true do n = n + 1 coroutine.yield(n) end end)
do local a <close> = closer(function() print('gen', gen(), gen()) end) end
local function f(n)
  local x <close> = closer(function(_, e) print('unwinding', n, e) end)
  if n == 0 then local y <close> = closer(function() coroutine.wrap(function() error('inside method') end)() end) return 'r' end
  return (f(n - 1))
end
print(pcall(f, 3))
---
-- Too deep.
local function f() local x <close> = setmetatable({}, {__close = function() return f() end}) end
local ok, e = pcall(f)
print(ok, e:match('stack overflow'))
local count = 0
local function g() local x <close> = setmetatable({}, {__close = function() count = count + 1 end}) return 1 + g() end
ok, e = pcall(g)
print(ok, e:match('stack overflow'), count > 1000)
---
-- Closing in method: error positions and names.
local mt = {__close = function(o) local _ = o.x.y end}
print(pcall(function() local v <close> = setmetatable({}, mt) end))
print(pcall(function() local v <close> = setmetatable({}, mt) return 1 end))
print(pcall(function() do local v <close> = setmetatable({}, mt) end return 1 end))
mt.__close = function(o) setmetatable(o, nil) error('msg') end
print(pcall(function() local v <close> = setmetatable({}, mt) return 1 end))
