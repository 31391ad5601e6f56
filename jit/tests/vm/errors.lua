local a; print(a + 1)
---
local a = {}; print(a.x + 1)
---
local a = {}; print(1 + a.x.y)
---
print(undefined + 1)
---
print(undefined.x)
---
undefined.x = 1
---
undefined()
---
local t = {}; t.f()
---
local t = {}; t:m()
---
local t = {x = {}}; t.x.y.z = 1
---
local t = {x = {}}; t.x:nope(1)
---
local s = "abc"; print(s.x.y)
---
print("abc" + 1)
---
print({} + 1)
---
print(1 + {})
---
print(nil .. "x")
---
local x; print("a" .. x)
---
local x = {}; print(x .. "a")
---
print("a" .. {} .. "b")
---
print(1 < "2")
---
print({} < {})
---
print(nil < 1)
---
print("a" < 1)
---
print({} <= 1)
---
local x = true; print(x > 1)
---
local x; print(x > 1, x)
---
local x; print(1 >= x)
---
print(#5)
---
local x; print(#x)
---
print(-{})
---
local x = {}; print(-x.y)
---
print(~1.5)
---
print(1 | 1.5)
---
local a = 2 ^ 64; print(a & 1)
---
print(1 << {})
---
print("a" | 1)
---
print("3" & 1)
---
print(1 // 0)
---
print(1 % 0)
---
local x = 0; print(5 // x)
---
local x = 0; print(5 % x)
---
for i = 1, 10, 0 do end
---
for i = 1.0, 10, 0 do end
---
for i = "a", 10 do end
---
for i = 1, {} do end
---
for i = 1, 10, "x" do end
---
for i = 1, "x" do end
---
for i = 1.5, nil do end
---
local t = {}; t[nil] = 1
---
local t = {}; t[0 / 0] = 1
---
local t = setmetatable({}, {__index = function(t, k) error("no " .. k) end}); print(t.foo)
---
error("msg")
---
error("msg", 0)
---
error("msg", 2)
---
error({code = 1})
---
error()
---
error(nil)
---
local function f() error("deep", 2) end
local function g() f() end
g()
---
local function f(x) return x.y.z end
f({})
---
local up; local function f() return up.x end; f()
---
local up; local function f() return up() end; f()
---
local up = 1; local function f() up.x = 2 end; f()
---
local t = {}; t.a.b.c = 1
---
local t = {{}}; print(t[1][2][3])
---
local t = {}; local k = "key"; print(t[k].x)
---
local t = {}; print(t[1].x)
---
local t = {}; print(t[1]())
---
local t = {}; t[1]()
---
(nil)()
---
(1)()
---
("x")()
---
local a = "x"; a()
---
local function f() local x = 1; return x() end; f()
---
return undefined_function(1, 2)
---
for k in 5 do end
---
for k in nil do end
---
local t = {}; for k in t.iter do end
---
print(1 .. nil)
---
local a, b = 1; print(a .. b)
---
local t = {}; print(t.x .. "y")
---
setmetatable(1, {})
---
rawset(1, 2, 3)
---
rawget({})
---
string.rep()
---
string.rep("x", {})
---
string.rep("x", 1.5)
---
string.rep({}, 1)
---
("x"):rep()
---
("x"):rep("a")
---
("x").rep()
---
local s = string; s.rep()
---
local r = string.rep; r()
---
pcall()
---
print(pcall(string.rep))
---
print(pcall(string.rep, "x", "y"))
---
local t = setmetatable({}, {__name = "MyType"}); print(t + 1)
---
local t = setmetatable({}, {__name = "MyType"}); print(t < 1)
---
local t = setmetatable({}, {__name = "MyType"}); string.rep(t)
---
local t = setmetatable({}, {__name = "MyType"}); print(#t, t.x.y)
---
local t = setmetatable({}, {__index = 5}); print(t.x)
---
local t = setmetatable({}, {__newindex = 5}); t.x = 1
---
local t = setmetatable({}, {}); getmetatable(t).__index = t; print(t.x)
---
local function loop() return loop() + 1 end; loop()
---
local function loop(n) return 1 + loop(n + 1) end; print(pcall(loop, 1))
---
local t = {}
t.x = t.y.z
---
local a <const> = nil; print(a.b)
---
local _ENV = {print = print}; print(x.y)
---
local x = 5
local y = x.field.other
---
print(("abc").field.other)
---
local function f(...) local a = ... ; return a.b end; f()
---
print(({})[nil], ({}).x.y)
---
a.b.c = 1
---
a = {}; a.b.c = 1
---
local a = {}; a.b["c"].d = 1
---
local a = {}; local i = 3; a[i].d = 1
---
local a = {}; local i = 3.5; a[i].d = 1
---
local t = {}; t["a b"].c = 1
---
assert(false)
---
assert(nil, "own message")
---
assert()
---
tostring()
---
next({}, "nokey")
---
next({}, 1)
---
local x = 1 for i = 1, 3 do x = x[i] end
---
local t = {1, 2, 3}
local sum = 0
for i = 1, 4 do sum = sum + t[i] end
---
local function f()
  local a = 1

  return a + nil
end
f()
---
return nil + 1
---
return {} .. {}
---
local t = {} ; t = t < t
---
return 2^53 | 2^63
---
return 1 < nil
---
return nil > 1
---
local a = {} return a.b.c.d
---
local a = "x" + 1
---
local a = "10" + {}
---
local a = {} - "10"
---
local a = "abc" .. 1 + "def"
---
local a = -"abc"
---
local a = ~"abc"
---
local a = #nil
---
local a = 10; a.x.y = 5
---
local a = 2^63; for i = a, 1 do end; return a | 1
---
return math.huge // 1 | 0
---
return 1 & 0.5
---
local x = 0.5; return 1 & x
---
local x = 0.5; return x ~ 1
---
local t = {x = 0.5}; return t.x >> 1
