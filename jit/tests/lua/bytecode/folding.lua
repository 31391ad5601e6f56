-- What is computed while compiling, and what is not.
local r
r = 1 + 2; r = 1 - 2; r = 2 * 3; r = 7 / 2; r = 7 // 2; r = 7 % 3; r = 2 ^ 10
r = -7 // 2; r = -7 % 3; r = 7 % -3; r = 7.5 % -2; r = -7.5 % 2; r = 7.5 // 2; r = -7.5 // 2
r = 5 % -5; r = 5.0 % -5.0; r = 1e308 * 10; r = -1e308 * 10; r = 1 % 1e999; r = -1 % 1e999
r = 1 / 0; r = 1 // 0; r = 1 % 0; r = 0 / 0; r = 1.0 // 0; r = 1.5 % 0
r = 0.0 + 0; r = 1 - 1; r = 1.0 - 1; r = 0 * 2.5; r = -0.0; r = -0; r = 0.0
r = 9007199254740993 + 0.0; r = 0x7fffffffffffffff + 1; r = math.mininteger // -1
r = 3 & 5; r = 3 | 5; r = 3 ~ 5; r = 1 << 62; r = 1 << 63; r = 1 << 64; r = 1 >> 1; r = -1 >> 1
r = 1 << -1; r = -1 >> -1; r = 1 << 100; r = 3.0 & 5; r = 3.5 & 5; r = 2^53 | 0; r = ~0; r = ~1.0; r = ~1.5
r = -1; r = -(1); r = - -1; r = -1.5; r = -0x8000000000000000; r = -"2"
r = not nil; r = not false; r = not true; r = not 1; r = not "x"; r = not 0.5; r = not not nil
r = "a" .. "b"; r = 1 .. 2; r = #"abc"; r = 2 ^ 0.5; r = 2 ^ -1; r = (2 ^ 2) ^ 2
r = 1 < 2; r = 1 == 1; r = "a" < "b"; r = 1 == 1.0; r = nil == false; r = 1 < 1000.0
r = 2 * 3 + 4 * 5; r = 2 + r + 3; r = 2 + 3 + r; r = (2 + 3) * r
r = 1 and 2; r = nil and 2; r = false or 3; r = nil or nil; r = 1 or r
return 2 + 3, -4, 1 << 4
