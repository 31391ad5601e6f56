-- One constant memory serves all functions, so a parent adds what its child overwrote again.
local a = "one"
local function f() return "two", "one", 1.5, 100000, nil == a, true == a end
a = "one"; a = "two"; a = 1.5; a = 100000; a = a == nil; a = a == true; a = a == false
local function g() return "three", "two", function() return "one", "three", 1.5 end, "two", 1.5 end
a = "three"; a = 1.5; a = 3.0; a = 3; a = 100000.0; a = 100000; a = 1e15; a = 1000000000000000; a = 1e16; a = 10000000000000000; a = 9007199254740992.0; a = 9007199254740992; a = 9007199254740994.0; a= 9007199254740994
a = a + 2^53; a = a + 9007199254740992; a = a + 0.0; a = a * 0; a = a * 0.0; a = a * 2.220446049250313e-16; a = a * 1.0; a = a * 1.0000000000000002; a = a * 1
local function h() a.one = a.two; a.three = "one"; return a.one.two.three end
a = 1e16; a = 10000000000000002; a = 1e16
return f, g, h, 2^63, -(2^63), 2^64, 1e999, -1e999
