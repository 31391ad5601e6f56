-- Manual 2.1: the eight types, subtypes of numbers, references.
print(type(nil), type(true), type(1), type(1.0), type("s"), type({}), type(print), type(function() end),
  type(coroutine.create(print)), type(io.stdout))
print(pcall(type))
print(math.type(1), math.type(1.0), math.type("1"), pcall(math.type))
print(1 == 1.0, "1" == 1, 0 == -0, 0.0 == -0.0, 1/0.0 == 1/-0.0, nil == false, "" == false)
print(math.maxinteger + 1 == math.mininteger, math.maxinteger * 2, math.mininteger // -1, math.mininteger % -1)
print(#"a\0b", "a\0b" == "a\0c", "a\0b" < "a\0c", ("\0"):byte())
-- Floats as keys are integers where they can be.
local t = {}
t[1.0] = "one" t[2^53] = "big" t[1.5] = "half" t["1"] = "text"
print(t[1], t[1.0], t[2^53 | 0], t[1.5], t["1"], #t)
print(next({[3.0] = 1}), math.type(next({[3.0] = 1})))
print(pcall(function() t[nil] = 1 end))
print(pcall(function() t[0/0] = 1 end))
print(t[nil], t[0/0], rawget(t, nil))
print(pcall(rawset, t, nil, 1))
print(pcall(rawset, t, 0/0, 1))
-- Objects are references; functions with the same code are not the same unless they may be.
local a = {} local b = a b.x = 1
print(a.x, a == b, {} == {}, rawequal(a, b), rawequal("x" .. 1, "x1"))
-- nil as a value removes the key, and assigning nil to an absent key does nothing.
t = {x = 1, y = nil} t.x = nil t.z = nil
print(next(t), #t, t.x)
print(tostring(nil), tostring(true), tostring(-0.0), tostring(1e15), tostring(1e16), tostring(2^63), 1e100, -1e-7)
print(10 // 0.0, -10 // 0.0, 0/0 ~= 0/0, pcall(function() return 1 // 0 end))
print(pcall(function() return 1 % 0 end))
print(3 | 0, pcall(function() return 3.5 | 0 end))
print(2^31 | 0, pcall(function() return "a" | 0 end))
print(pcall(function() return 2^63 | 0 end))
print(pcall(function() return "1e100" | 0 end))
print(pcall(function() return {} | 0 end))
print(pcall(function() local s = "x" return s + 1 end))
print(pcall(function() return ("10"):rep(2) + 1, "0x1p4" * "2", " 7 " // 2, "3" ^ 2, -"2", -"2.0", - " 0x10 " end))
