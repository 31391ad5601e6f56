-- Local variables of frames and of functions, varargs, temporaries; upvalues.
local gl, sl = debug.getlocal, debug.setlocal
local function all(level)
  local i = 1
  while true do
    local n, v = gl(level + 1, i)
    if not n then break end
    print(i, n, type(v) == "number" and v or type(v) == "string" and v or type(v))
    i = i + 1
  end
  i = -1
  while true do
    local n, v = gl(level + 1, i)
    if not n then break end
    print(i, n, v)
    i = i - 1
  end
end
local function f(a, b, ...)
  local x, y = 10, 20
  do local inner = 30 all(1) end
  local z = 40
  for i = 1, 2 do local w = i all(1) end
  for k, v in next, {5} do all(1) end
  local s = "a" .. (all(1) or "b") .. x
  return x + (all(1) or 0)
end
f(1, 2, 3, 4, 5) f() f(1)
local function g(a, b)
  print(sl(1, 1, "new a"), sl(1, 2, 99), a, b)
  local c = 5
  print(sl(1, 3, 6), c, sl(1, 50, 1))
  return c
end
print(g(1, 2))
local function v(...)
  print(sl(1, -1, "one"), sl(1, -2, "two"), sl(1, -3, "three"), ...)
  print(gl(1, -1)) print(gl(1, -2)) print(gl(1, -3)) print(gl(1, 0)) print(gl(1, -1000000)) print(gl(1, math.mininteger))
end
v(1, 2) v()
-- A vararg's function keeps its own copy of the parameters.
local function pv(a, ...) sl(1, 1, "changed") sl(1, -1, "extra") return a, ... end
print(pv(1, 2, 3))
print(gl(f, 1), gl(f, 2), gl(f, 3), gl(f, 0), gl(f, -1), gl(pcall, 1), gl(function(...) end, 1), gl(function(...) end, -1))
print(pcall(gl, 1)) print(pcall(gl, 100, 1)) print(pcall(gl, -1, 1)) print(pcall(gl, {}, 1)) print(pcall(gl, f)) print(pcall(gl, f, "x")) print(pcall(gl, "x", 1)) print(pcall(gl, 1, 1.5))
print(pcall(sl, 1, 1)) print(pcall(sl, 100, 1, 1)) print(pcall(sl, f, 1, 1)) print(pcall(sl)) print(pcall(sl, 1)) print(pcall(sl, 1, "x", 1))
print(gl(0, 1)) print(gl(0, 2)) print(gl(0, 3)) print(gl(0, "2"))
local stripped = load(string.dump(function(a, b) local c = 3 print(debug.getlocal(1, 1)) print(debug.getlocal(1, 3)) print(debug.setlocal(1, 1, "s")) return a, b, c end, true))
print(stripped(1, 2)) print(gl(stripped, 1))
local function attribs() local c <const> = 5 local k <const> = {} local z = 1 all(1) return c end
attribs()
local function shadow() local a = 1 local a = 2 do local a = 3 all(1) end end
shadow()
-- Callers' locals.
local function caller() local secret = "s" local function callee() print(gl(2, 1)) print(sl(2, 1, "changed")) end callee() return secret end
print(caller())
-- Variables that a closure shares.
local function captured() local c = 1 local function get() return c end sl(1, 1, 77) return get() end
print(captured())
-- Upvalues.
local gu, su, id, join = debug.getupvalue, debug.setupvalue, debug.upvalueid, debug.upvaluejoin
local a, b = 1, 2
local function two() return a, b, id end
local function set(x) b = x end
print(gu(two, 1)) print(gu(two, 2)) print((gu(two, 3))) print(gu(two, 4)) print(gu(two, 0)) print(gu(two, -1)) print(select("#", gu(two, 9)))
print(su(two, 1, "A"), a, su(two, 9, 1), select("#", su(two, 9, 1))) print(su(two, 2, "x", "last"), b)
print(id(two, 1) == id(two, 2), id(two, 2) == id(set, 1), id(two, 1) == id(two, 1), id(two, 9), type(id(two, 1)), id(pcall, 1))
local function counter() local n = 0 return function() n = n + 1 return n end end
local c1, c2 = counter(), counter()
c1() c1()
join(c2, 1, c1, 1)
print(c2(), c1(), id(c1, 1) == id(c2, 1), select("#", join(c2, 1, c1, 1)))
for _, args in ipairs {{}, {two}, {two, 1}, {two, 1, two}, {two, 9, two, 1}, {two, 1, two, 9}, {pcall, 1, two, 1}, {two, 1, pcall, 1}, {1, 1, two, 1}, {two, "x", two, 1}} do
  print(pcall(join, table.unpack(args, 1, 4)))
  print(pcall(id, table.unpack(args, 1, 2)) == true)
  print(select("#", pcall(gu, table.unpack(args, 1, 2))), (select(2, pcall(gu, table.unpack(args, 1, 2)))))
  print(pcall(su, table.unpack(args, 1, 3)))
end
print(pcall(id)) print(pcall(id, two)) print(pcall(id, 1, 1)) print(pcall(gu)) print(pcall(su, two, 1))
local st = load(string.dump(function() return a, b end, true))
print((gu(st, 1))) print((gu(st, 2))) print(su(st, 1, 5)) print(st())
print((gu(load("return x"), 1))) print((gu(load(string.dump(load("return x"), true)), 1)))
print((gu(string.gmatch("", ""), 1))) print(gu(pcall, 1)) print(su(pcall, 1, 1))
