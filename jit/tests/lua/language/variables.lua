-- Manual 3.2 and 3.5: globals, locals, fields, visibility.
local x = 10
do local x = x x = x + 1 do local x = x + 1 print(x) end print(x) end print(x)
print(undefined, _ENV.undefined, rawget(_G, "undefined"))
local a = {} local x = 20
for i = 1, 10 do local y = 0 a[i] = function() y = y + 1 return x + y end end
print(a[1](), a[1](), a[2](), a[10]()) x = 30 print(a[1]())
local t = {f = {g = {h = 1}}} t.f["g"].h = t.f.g["h"] + 1 print(t.f.g.h, t["f"]["g"]["h"], (t).f.g.h)
local x <const> = 5 local f = function() return x end print(f(), x)
-- A local function sees itself, a function value does not.
local function fact(n) return n == 0 and 1 or n * fact(n - 1) end local fib = function(n) return fib and "global" or "nothing" end print(fact(10), fib(1))
-- repeat's condition sees the body's locals.
local n = 0 repeat local done = n >= 3 n = n + 1 until done print(n)
-- Each iteration has its own variable; assigning to it does not disturb the loop.
local fs = {} for i = 1, 3 do fs[i] = function() i = i + 10 return i end i = i * 2 end print(fs[1](), fs[1](), fs[2](), fs[3]())
for k, v in pairs({"x"}) do k, v = v, k print(k, v) end
-- Shared upvalues.
local function pair() local n = 0 return function() n = n + 1 return n end, function() return n end end
local inc, get = pair() inc() inc() print(get(), select(2, pair())())
-- Redeclaration in the same block is another variable.
local r = 1 local g = function() return r end local r = 2 print(r, g())
print(load("local x <const> = 1 x = 2")) print(load("local function f() end local f <const> = f function f() end")) print(load("local a <close> = nil a = 1")) print(load("local x <const> = 1 return function() x = 1 end")) print(load("local x <const> = 1 for x = 1, 2 do x = 3 end"))
