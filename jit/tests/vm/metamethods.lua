local mt = {}
for _, e in next, {"add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "concat"} do
  mt["__" .. e] = function(a, b) return e .. ":" .. type(a) .. ":" .. type(b) end
end
local t = setmetatable({}, mt)
print(t + 1, 1 + t, t - 1, 1 - t, t * 2, 2 * t, t / 2, 2 / t, t % 2, 2 % t, t ^ 2, 2 ^ t, t // 2, 2 // t)
print(t & 1, 1 & t, t | 1, 1 | t, t ~ 1, 1 ~ t, t << 1, 1 << t, t >> 1, 1 >> t, t .. "x", "x" .. t, 1 .. t, t .. t)
print(t + t, t + "a", "a" + t, t + nil, t & 1.5, "x" & t)
local k <const> = 100
print(t + k, k + t, t - k, k - t, t & k, k & t, t + 0.5, 0.5 + t)
---
local t = setmetatable({}, {__unm = function(a, b) return rawequal(a, b) end, __bnot = function(a) return "bnot" end, __len = function() return 42 end})
print(-t, ~t, #t)
---
local mt = {__eq = function(a, b) print("eq") return true end}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
print(a == b, a ~= b, a == a, a == 1, rawequal(a, b))
if a == b then print("yes") else print("no") end
if a ~= b then print("yes") else print("no") end
local c = {}
print(c == a, a == c)
---
local mt = {__lt = function(a, b) return a.v < b.v end, __le = function(a, b) return a.v <= b.v end}
local function new(v) return setmetatable({v = v}, mt) end
print(new(1) < new(2), new(2) < new(1), new(1) <= new(1), new(1) > new(2), new(2) >= new(1))
if new(1) < new(2) then print("less") end
if not (new(1) < new(2)) then print("bad") end
local n = 0
while new(n) < new(3) do n = n + 1 end
print(n)
---
local mt = {__lt = function(a, b) return 1 end}
local t = setmetatable({}, mt)
print(t < 1, 1 < t, t > 1, 1 > t, t <= 1, 1 <= t, t >= 1, 1 >= t)
---
local mt = {__lt = function(a, b) return type(a) .. type(b) end, __le = function(a, b) return nil end}
local t = setmetatable({}, mt)
print(t < 5, 5 < t, t <= 5, 5 <= t, t < 5.0, t > 2.5)
---
local t = setmetatable({}, {__index = function(t, k) return k .. "!" end})
print(t.x, t[1], t["a b"], t[1.5], t[true] == nil)
---
local base = {x = 1, f = function(self) return self.y end}
local t = setmetatable({y = 2}, {__index = base})
print(t.x, t:f(), t.z)
local u = setmetatable({}, {__index = t})
print(u.x, u.y, u:f(), u.nothing)
---
local log = {}
local t = setmetatable({}, {__newindex = function(t, k, v) rawset(t, k, v * 2) end})
t.x = 5; t.x = 7; t[1] = 3; t[1] = 4
print(t.x, t[1])
---
local store = {}
local t = setmetatable({}, {__newindex = store, __index = store})
t.a = 1; t[1] = "one"
print(rawget(t, "a"), store.a, t.a, t[1], #t)
---
local t = setmetatable({}, {__call = function(self, ...) return self, select("#", ...), ... end})
print(rawequal(t(1, 2), t), select(2, t(1, 2, 3)))
local function tail(...) return t(...) end
print(select(2, tail("x", "y")))
local u = setmetatable({}, {__call = t})
print(select("#", u(9)), rawequal(u(9), t), select(4, u(9)))
print(pcall(t, 5) == true)
---
local calls = 0
local mt = {__index = function(t, k) calls = calls + 1; return calls end}
local t = setmetatable({}, mt)
local s = 0
for i = 1, 10 do s = s + t.x end
print(s, calls)
---
local mt = {__concat = function(a, b) return (type(a) == "table" and "T" or a) .. "+" .. (type(b) == "table" and "T" or b) end}
local t = setmetatable({}, mt)
print("a" .. "b" .. t, t .. "a" .. "b", "a" .. t .. "b", "a" .. "b" .. t .. "c" .. "d", t .. t .. t, 1 .. 2 .. t .. 3 .. 4)
---
local mt = {}
local t = setmetatable({}, mt)
print(t.x)
mt.__index = function() return "late" end
print(t.x)
mt.__index = nil
print(t.x)
rawset(mt, "__index", {x = "raw"})
print(t.x)
---
local mt = {}
local t = setmetatable({1, 2}, mt)
print(#t); mt.__len = function() return "len" end; print(#t)
---
local mt = {__index = function(t, k) return t[k .. "x"] end}
local t = setmetatable({axxx = 1}, mt)
print(t.a)
---
local t = setmetatable({}, {__index = function(t, k) local r = {} for i = 1, 3 do r[i] = k end return r end})
print(t.a[1], #t.b, t[5][3])
---
local t = setmetatable({}, {__add = function(a, b) return a end, __tostring = function() return "T!" end, __name = "N"})
print(t, t + t, tostring(t))
---
local t = setmetatable({}, {__index = rawget, __newindex = rawset, __len = rawlen, __eq = rawequal, __lt = sort2})
print(t.x, #t); t.x = 5; print(t.x)
---
local t = setmetatable({}, {__index = string.rep})
print(pcall(function() return t.x end))
---
local t = setmetatable({}, {__add = string.rep})
print(pcall(function() return t + 1 end))
print(pcall(function() return -t end))
---
local t = setmetatable({}, {__lt = function(a, b) error("in lt") end})
print(pcall(function() return t < 1 end))
---
local t = setmetatable({}, {__index = function(t, k) error("in index " .. k, 2) end})
print(pcall(function() return t.field end))
---
local depth = 0
local mt = {}
mt.__index = function(t, k) depth = depth + 1; if depth < 100 then return setmetatable({}, mt)[k] end return depth end
print(setmetatable({}, mt).x)
---
local mt = {}
mt.__index = function(t, k) return setmetatable({}, mt)[k] end
print(pcall(function() return setmetatable({}, mt).x end))
---
local mt = {__le = function(a, b) return false end}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
local r = {}
if a <= b then r[1] = 1 else r[1] = 2 end
if not (a <= b) then r[2] = 1 else r[2] = 2 end
print(r[1], r[2], a >= b)
---
local C = {}; C.__index = C
function C.new(x) return setmetatable({x = x}, C) end
function C:get() return self.x end
function C:add(o) return C.new(self.x + o.x) end
C.__add = C.add
C.__eq = function(a, b) return a.x == b.x end
local s = C.new(0)
for i = 1, 100 do s = s + C.new(i) end
print(s:get(), s == C.new(5050), s ~= C.new(5050), s == C.new(1))
---
local proxy = setmetatable({}, {__index = _G})
local _ENV = proxy
x = 5
print(x, rawget(proxy, "x"), _G.x)
---
local env = setmetatable({}, {__index = function(_, k) return "global " .. k end})
local p = print
local _ENV = env
p(foo, bar)
---
local t = setmetatable({}, {__index = function(t, k) return function(self, a) return k, a, rawequal(self, t) end end})
print(t:method(5))
print(t.other(t, 6))
---
local ok, e = pcall(function() local t = setmetatable({}, {__newindex = function(t, k, v) error({k, v}) end}); t.a = "b" end)
print(ok, type(e), e[1], e[2])
---
local t = setmetatable({}, {__call = 5}); t()
---
local t = setmetatable({}, {__call = setmetatable({}, {__call = function(...) return select("#", ...) end})})
print(t(1, 2))
---
local mt = {}
for _, e in next, {"add", "sub", "unm", "len", "index", "concat", "lt", "eq"} do mt["__" .. e] = function() return end end
local t, u = setmetatable({}, mt), setmetatable({}, mt)
print(t + 1, t - 1, -t, #t, t.x, t .. 1, t < u, t == u)
---
local mt = {__add = function() return 1, 2, 3 end}
local t = setmetatable({}, mt)
print(t + t, (t + t))
local r = {t + t}
print(#r)
