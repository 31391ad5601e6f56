-- Every arithmetic operator: registers, constants, immediates, in both orders.
local a, b = ...
local r
r = a + b; r = a - b; r = a * b; r = a / b; r = a % b; r = a // b; r = a ^ b
r = a + 1; r = 1 + a; r = a - 1; r = 1 - a
r = a + 127; r = a + 128; r = a + -127; r = a + -128
r = a - 127; r = a - 128; r = a - -127; r = a - -128; r = a - 0
r = a + 1.0; r = 1.0 + a; r = a - 1.0; r = 2.5 - a
r = a * 2; r = 2 * a; r = a * 2.5; r = 2.5 * a
r = a / 2; r = 2 / a; r = a % 3; r = 3 % a; r = a // 4; r = 4 // a; r = a ^ 2; r = 2 ^ a
r = a + 1000; r = 1000 + a; r = a - 1000; r = a * 1e100
r = -a; r = - -a; r = -(-a); r = -a ^ 2; r = (-a) ^ 2
r = a + b * a - b / a % b // a ^ b ^ a
r = (a + b) * (a - b) + (a * b) * (a / b)
r = a + (b + (a + (b + 1)))
return a + b, a - 1, -a
