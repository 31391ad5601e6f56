local a, b, c, d = ...
local r
r = a + b == c - d; r = a < b and c or d; r = not a == b; r = #a + #b; r = -a + -b; r = ~a & ~b
r = a.x + a.y * a[1] - a[b]; r = a.x.y.z; r = a[b][c][d]; r = a[b.c[d]]; r = a[1][2][3]; r = a[b + 1]; r = a[-1]
r = (a)(b)(c); r = ((a)); r = (a.b); r = (a.b)(c); r = (f()); r = ((f()))
r = 2 ^ -a; r = -2 ^ a; r = not -a; r = - not a; r = # # a; r = -#a; r = not #a == b
r = a + b + c + d; r = a + (b + (c + d)); r = a * b + c * d; r = a ^ b ^ c; r = a .. b .. c; r = a - b - c
r = a or b and c == d + 1 * 2 .. "x" << 1 | 2 ~ 3 & 4
r = a < b == c; r = (a < b) == (c > d); r = (a == b) == (c ~= d); r = not (a < b) == not (c < d)
r = f(a)(b)(c).d[1]:e(2){3}"4".g
x.y[1].z = a; x[a].y, x.z[b] = c, d
a.b.c = a.b.c; a[1][2] = b[3][4]; a[b] = a[c] + a[d]
local e = a + 1; local g = e * 2 + e; local h = (g - e) / (g + e)
