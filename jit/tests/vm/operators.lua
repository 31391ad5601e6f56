print(1 + 2, 1 + 2.0, 1.5 + 2, 7 // 2, -7 // 2, 7 // -2, 7.0 // 2, -7 % 3, 7 % -3, -7.5 % 2)
---
print(1 // 0.0, -1 // 0.0, 0.0 / 0.0 ~= 0.0 / 0.0, 1 / 0, -1 / 0, 5.3 % math.huge, -5.3 % math.huge)
---
print(2 ^ 10, 2 ^ 0.5, (-2) ^ 2, (-8) ^ (1 / 3) ~= 0, 10 / 2, 3 / 2)
---
local min, max = math.mininteger, math.maxinteger
print(max + 1 == min, min - 1 == max, max * 2, -min == min, min // -1, min % -1, max // 1, min * -1)
---
local a, b = 5, 3
print(a & b, a | b, a ~ b, ~a, a << b, a >> 1, a << 63, a << 64, a >> 64, a << -1, a >> -1, -1 >> 63, 2.0 & 3)
---
local x <const> = 0x7fffffffffffffff
local y = 3
print(y << 1, 1 << y, y >> 1, y & 0xf, y | 0x10, y ~ 0xff, x + y)
---
print(1 < 2, 1 <= 1, 2 > 3, 1 == 1.0, "a" < "b", "a" <= "a", "a" == "a", "Z" < "a", "" < "a", "a\0b" < "a\0c", "a\0" > "a")
---
local i, f = 9007199254740993, 9007199254740992.0
print(i < f, i <= f, i > f, i >= f, i == f, f < i, f <= i, f == i)
---
local max = math.maxinteger
print(max < 2 ^ 63, max <= 2 ^ 63, max > 2 ^ 63, max + 0.0 == 2 ^ 63, max == 2 ^ 63, math.mininteger == -2 ^ 63, math.mininteger <= -2 ^ 63)
---
local nan = 0 / 0
print(nan == nan, nan < nan, nan <= nan, 1 < nan, 1 > nan, nan ~= nan, nan < 1, 1 <= nan, nan >= 1)
---
print(-0.0 == 0.0, 1 / -0.0, 1 / 0.0, 0.0, -0.0, 0 // -1, 0.0 // -1)
---
print("10" + 1, "0x10" + 0, "1e1" + 0, 10 .. 20, "3" * "4", -"2", "10" // "3", "7" % 4, "2" ^ 2, " 5 " + 0)
---
print(1 .. "", 1.0 .. "", 1e100 .. "", -0.0 .. "", 2 ^ 53 .. "", 1e15 .. "", 123456789012345678 .. "", 0.1 .. "", 1 / 3 .. "")
---
print(not nil, not false, not 0, not "", nil == false, 1 and 2, nil and 2, nil or 3, false or nil)
---
print(#"abc", #"", #{1, 2, 3}, #{1, 2, nil}, #{n = 1}, #{1, nil, 3})
---
print(1e308 * 10, -1e308 * 10, 5 // 0.3, 5.5 // 1, 1e16, 1e15, 123.456e2, 0x.8p1, 0xA.8p0, 3 | 0)
---
local t = {}
t[1.0] = "a"; t[2] = "b"; t[2 ^ 53] = "c"
print(t[1], t[2.0], t[2 ^ 53 | 0], #t, next({}), t[1.5], t[nil])
---
local t = {10, 20, 30, x = 1, ["y z"] = 2, [100] = 3}
print(t[1], t[3], t.x, t["y z"], t[100], #t, t.nothing, t[-1], t[0])
t.x = nil; t[3] = nil
print(t.x, #t)
---
local t = {}
for i = 1, 100 do t[i] = i end
for i = 51, 100 do t[i] = nil end
print(#t, t[50], t[51])
---
local a <const>, b = 10, 20
print(a + b, a * b, a - b, a / b, a % b, a // b, a ^ 2, a .. b)
---
local s = 0
for i = 1, 10 do s = s + i * i end
print(s)
for i = 10, 1, -3 do print(i) end
for i = 1, 0 do print("never") end
for i = 1.0, 2, 0.25 do print(i) end
for i = 1, 3.7 do print(i) end
for i = 3, 1.5, -1 do print(i) end
---
for i = math.maxinteger - 2, math.maxinteger do print(i) end
for i = math.mininteger + 2, math.mininteger, -1 do print(i) end
for i = math.mininteger, math.maxinteger, math.maxinteger do print(i) end
for i = 1, math.huge do if i > 3 then break end print(i) end
for i = 1, -math.huge, -1 do if i < -1 then break end print(i) end
for i = 1, 0 / 0 do print("never") end
for i = 1, -1e300 do print("never") end
for i = 0.1, 1, 0.3 do print(i) end
for i = 1, 1e300, math.maxinteger do print(i) end
---
for i = 1, "3" do print(i) end
---
for i = "1", 2 do print(i) end
---
print(math.maxinteger // -1, math.mininteger // 1, 7 // 1, -7 // 1, 7 % 1, 5 // -1)
---
local t = {f = function(self, x) return x + self.k end, k = 5}
print(t:f(3), t.f(t, 4), (t):f(1))
local s = "abc"
print(s:len(), ("x"):rep(3), #s:rep(2))
---
goto done
do print("skipped") end
::done::
local i = 1
::top::
if i <= 3 then print(i) i = i + 1 goto top end
---
local t = {[1] = "a", [2] = "b", [4] = "d"}
print(#t == 2 or #t == 4, t[4])
local u = {nil, nil, 3}
print(#u, u[3])
---
local s = ""
for i = 1, 20 do s = s .. i .. "," end
print(s, #s)
---
print(("x"):rep(50) == ("x"):rep(50), ("x"):rep(50) < ("y"):rep(50), #("x"):rep(1000))
local t = {}
t[("k"):rep(100)] = 1
print(t[("k"):rep(100)], t[("k"):rep(99)])
---
local function f(...) return select("#", ...) end
print(pcall(f, 1, 2))
---
print(0x7fffffffffffffff + 0, 0xffffffffffffffff, 0x10p2, 1e2, .5, 3., 0xA, 9223372036854775807, 9223372036854775808)
---
local a, b, c = (function() return 1, 2, 3 end)()
print(a, b, c, (function() return 1, 2 end)())
print((function() return 1, 2 end)(), 10)
print(((function() return 1, 2 end)()))
local t = {(function() return 1, 2, 3 end)()}
print(#t)
---
local big = {}
for i = 1, 300 do big[i] = i end
print(#{unpack(big)}, select(300, unpack(big)))
---
local x = 3
x = x == 3 and "three" or "other"
print(x, x == "three", x ~= "three", not (x == "three"))
---
print(2^31 | 0, "0x7fffffffffffffff" + 0, "9223372036854775808" + 0, "1e400" + 0, "-0x1" + 0, "0x1p4" + 0)
---
print(tonumber("0x1.8p1"), tonumber("  12  "), tonumber("1e"), tonumber("0x"), tonumber(""), tonumber("1 2"), tonumber("inf"), tonumber("nan"), tonumber("1."), tonumber(".5"), tonumber("."), tonumber("0x.8"), tonumber("5e-324"), tonumber("0x1p-1074"), tonumber("0x1.fffffffffffff8p-1023"), tonumber("0x1p1024"), tonumber("1e+5"), tonumber("- 1"), tonumber("--1"))
