local a, b = ...
local r
r = a & b; r = a | b; r = a ~ b; r = a << b; r = a >> b; r = ~a
r = a & 1; r = 1 & a; r = a | 1; r = 1 | a; r = a ~ 1; r = 1 ~ a
r = a & 0xFFFFFFFFFF; r = 0xFFFFFFFFFF | a; r = a & 1.0; r = 2.0 ~ a; r = a | 2.5
r = a << 1; r = 1 << a; r = a >> 1; r = 1 >> a
r = a << 127; r = a << 128; r = a << -127; r = a << -128
r = a >> 127; r = a >> 128; r = a >> -127; r = a >> -128
r = 127 << a; r = 128 << a; r = 1000 << a; r = 1.0 << a; r = a << 1.0; r = a >> 1.0
r = ~ ~a; r = ~(a & b) | ~b
r = a & b | a ~ b << 2 >> a
return a & 15, 3 | b
