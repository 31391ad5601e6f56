-- The names that messages give to values and functions.
local function m(source, ...)
  local f, e = load(source, "=m", "t", setmetatable({}, {__index = _G}))
  if not f then return print("syntax", e) end
  local r = table.pack(pcall(f, ...))
  for i = 1, r.n do r[i] = type(r[i]) == "table" and "table" or type(r[i]) == "function" and "function" or tostring(r[i]) end
  print(source:gsub("\n", " "), table.concat(r, "|"))
end
-- Calls.
for _, s in ipairs {"undef()", "local l; l()", "local t = {} t.f()", "local t = {} t:m()", "local t = {} t.a.b()", "local t = {} t['x y']()", "local t = {} t[1]()",
  "local t, k = {}, 'key' t[k]()", "local t = {} t[print]()", "('x')()", "(1)()", "({})()", "local a <const> = 5; a()", "string.nothing()", "_ENV.nothing()",
  "local _ENV = {} f()", "local _ENV = 5; f()", "local t = {} (t.x or t.y)()", "local t = {} t.x.y.z()", "return undef()", "local l; return l()", "local t = {} return t:m()",
  "for i in undef do end", "for i in 5 do end", "for i in nil do end", "local t = {} for i in t.x do end", "for k in pairs() do end", "for k in ipairs() do end",
  "local u; (function() u() end)()", "local u = {} ; (function() u.x() end)()", "local u = {} ; (function() u:x() end)()", "local u ; (function() return u.x end)()",
  "local u ; (function() u.x = 1 end)()", "local u ; (function() u[1] = 1 end)()", "local u ; (function() return #u end)()", "local u ; (function() return -u end)()", "local u ; (function() return u .. 'x' end)()",
  "local u ; (function() return u + 1 end)()", "local u ; (function() return 1 + u end)()", "local u ; (function() return u < 1 end)()", "local u = {} ; (function() return u & 1 end)()"} do m(s) end
-- Indexing.
for _, s in ipairs {"return undef.x", "return undef[1]", "return undef[undef2]", "undef.x = 1", "undef[1] = 1", "local l; return l.x", "local l; l.x = 1", "local l; l[1] = 2", "local l; local k = 'kk' l[k] = 2",
  "local t = {} return t.a.b", "local t = {} t.a.b = 1", "local t = {} return t[1].x", "local t = {} return t[1][2]", "local t = {} local k = 'key' return t[k].x", "return ('x').y.z", "return (5).x", "return (nil).x",
  "return true .x", "local t = {} return t.x:y()", "local t = {} return t:x().y", "local s = 'abc' return s:nomethod()", "return #5", "return #undef", "local t = {} return #t.x", "return -{}", "return -'x'", "return -undef",
  "return ~{}", "return ~1.5", "return ~'x'", "return ~'1.5'", "local a = 'x' return a.b.c.d", "return math.huge.x.y", "return print.x", "print.x = 1", "local t = setmetatable({}, {__index = 5}) return t.x.y",
  "local t = setmetatable({}, {__index = function() return nil end}) return t.x.y", "local t = setmetatable({}, {__newindex = 5}) t.x = 1", "t = {} t[nil] = 1", "t = {} t[0/0] = 1", "return {[nil] = 1}", "return {[0/0] = 1}", "rawset({}, nil, 1)",
  "local a = setmetatable({}, {}) getmetatable(a).__index = a return a.x", "local a = setmetatable({}, {}) getmetatable(a).__newindex = a a.x = 1"} do m(s) end
-- Arithmetic, concatenation, comparison.
for _, op in ipairs {"+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "<", "<=", ">", ">="} do
  for _, s in ipairs {"local a, b = {}, 1 return a OP b", "local a, b = 1, {} return a OP b", "local a, b = {}, {} return a OP b", "return undef OP 1", "return 1 OP undef", "local t = {} return t.x OP 1", "local t = {} return 2 OP t.x", "local t = {x = {}} return t.x OP t.x",
    "return 'abc' OP 1", "return 1 OP 'abc'", "return '10' OP {}", "return 1.5 OP 'x'", "local t = {} return t[1] OP 1", "return 2^53 OP {}", "local a = 'x' return a OP nil", "return nil OP nil", "return true OP 1", "local a <const> = 'k' return {} OP a", "return print OP 1",
    "local s = 'str' return s OP true", "return 1.5 OP 1", "return '1.5' OP 1", "local t = {f = 1.5} return t.f OP 1", "return 1 OP 2^70", "return math.huge OP 1"} do
    m((s:gsub("OP", (op:gsub("%%", "%%%%")))))
  end
end
for _, s in ipairs {"return 1 < 'x'", "return {} < {}", "return {} < 1", "return nil < 1", "return print < print", "return 'a' < 1", "return true < false", "local t = setmetatable({}, {__name = 'My'}) return t < t", "local t = setmetatable({}, {__name = 'My'}) return t < 1",
  "local t = setmetatable({}, {__name = 'My'}) return t + 1", "local t = setmetatable({}, {__name = 'My'}) return t .. 1", "local t = setmetatable({}, {__name = 'My'}) t()", "local t = setmetatable({}, {__name = 5}) t()", "local t = setmetatable({}, {__name = 'My'}) string.rep(t)", "for i = 1, setmetatable({}, {__name = 'My'}) do end",
  "return 1 // 0", "return 1 % 0", "local a, b = 1, 0 return a // b", "local a, b = 1, 0 return a % b", "return 1 // 0.0", "return 5 % 0.0 ~= 5 % 0.0", "for i = 1, 10, 0 do end", "for i = 1.0, 10, 0 do end", "for i = 'a', 10 do end", "for i = 1, {} do end", "for i = 1, 10, {} do end", "for i = nil, 1 do end", "for i = '1', 2 do end", "for i = 1, '2' do end", "for i = 1, 2, '1' do end", "for i = undef, 1 do end",
  "return ('x'):rep(1e10)", "return ('x'):rep(1 << 40)", "return 1 .. {}", "return {} .. 1", "local a, b, c = 'a', {}, 'c' return a .. b .. c", "local a, b, c = 'a', 'b', nil return a .. b .. c", "return 'x' .. undef .. 'y'", "local t = {} return 'x' .. t.y"} do m(s) end
-- Natives: names in argument errors.
for _, s in ipairs {"string.rep()", "('x'):rep()", "('x'):rep({})", "local s = 'x' s:rep({})", "string.rep('x', {})", "local r = string.rep r()", "local r = string.rep r('x', {})", "table.insert(nil, 1)", "table.insert({}, 1, 2, 3)", "table.concat({{}})", "table.concat({1, {}, 3})", "setmetatable(1, {})", "setmetatable({})", "setmetatable({}, 1)", "math.floor()", "math.floor({})", "math.floor('x')", "math.random(0, {})", "math.random(2, 1)",
  "tonumber()", "tonumber('x', 99)", "tonumber(5, 10)", "select(0)", "select()", "select('x')", "select(-5, 1)", "rawlen(5)", "rawequal(1)", "rawget(1)", "rawset({}, 1)", "ipairs()", "next({}, 'nokey')", "next()", "pairs(nil)", "getmetatable()", "error()", "error(nil)", "error('m', 0)", "error('m', 1)", "error('m', 2)", "error('m', 3)", "error({})", "error(5)", "error(5, 2)", "assert(false)", "assert(nil, 'msg')", "assert(false, {})", "assert()", "assert(1, 2)",
  "local t = {f = string.rep} t.f()", "local t = {f = string.rep} t:f({})", "local t = {f = string.rep} t.f('x', {})", "io = {write = string.rep} io.write()", "pcall()", "pcall(1)", "xpcall()", "xpcall(print)", "xpcall(1, print)", "string.char(256)", "string.char(-1)", "string.format('%d', 'x')", "string.format('%d', 1.5)", "string.format('%q', {})", "string.format('%y', 1)", "string.format('%', 1)", "string.format('%s')", "('%d'):format('x')", "utf8.char(-1)", "utf8.codepoint('\\xff')", "table.unpack({}, 1, 1e8)", "table.unpack()", "string.rep(setmetatable({}, {__name = 'N'}))",
  "load({})", "load()", "load('x', 1, {})", "load(5)", "string.dump(print)", "string.dump()", "(string.rep)()", "local function f(...) return string.rep(...) end f()", "local function f() return string.rep() end f()", "coroutine = nil ; string.gsub('x', 'x', 1, {})", "string.gsub('x', '(', 'y')", "string.gsub('x', 'x', '%2')", "string.gsub('x', 'x', true)", "string.find('x', '[')", "string.find('x', '%')", "string.rep('x', 1.5)", "('x').rep()", "('x').rep({})", "local mt = {__index = string.rep} return setmetatable({}, mt).x", "local mt = {__add = string.rep} return setmetatable({}, mt) + 1", "for i in string.rep do end", "for i in string.rep, 'x', {} do end", "table.sort({1, 2, 3}, string.rep)", "table.sort({3, 'x', 1})", "table.sort({1, {}, 3})", "string.gsub('abc', '.', string.rep)", "tostring()", "tostring(setmetatable({}, {__tostring = function() return {} end}))", "print(setmetatable({}, {__tostring = function() end}))", "return tostring(setmetatable({}, {__name = 'N'})):match('^N: ')"} do m(s) end
-- Levels of error.
local function lvl(n) error("level" .. n, n) end
local function outer(n)
  lvl(n)
end
for n = 0, 6 do print(pcall(outer, n)) end
print(pcall(error, "x", 1)) print(pcall(error, "x", 2)) print(pcall(error)) print(pcall(error, nil)) print(select("#", pcall(error)))
print(pcall(function() error(setmetatable({}, {__tostring = function() return "custom" end})) end))
print(pcall(assert, false, "m")) print(pcall(assert, nil)) print(pcall(assert)) print(pcall(function() assert(false, "no position") end))
-- Stripped functions have no names and no lines.
local function strip(s) return load(string.dump(load(s, "=m"), true), "=stripped") end
for _, s in ipairs {"local l; l()", "undef()", "undef.x = 1", "local t = {} t.x.y = 1", "local l return l + 1", "local u; (function() u() end)()", "error('m')", "error('m', 2)", "string.rep()", "local t = {} t:m()", "return 1 < {}", "for i = 1, {} do end", "return 1.5 | 1"} do print(s, pcall(strip(s))) end
