-- Every literal, and where it is loaded from: an immediate, a constant, or nothing at all.
local a, b, c = nil, true, false
local small, limit, below = 0, 65535, -65536
local over, under = 65536, -65537
local max, min = 0x7fffffffffffffff, math.mininteger
local half, whole, big, tiny = 0.5, 1.0, 1e300, 1e-300
local f1, f2, f3 = 65535.0, 65536.0, -65536.0
local zero, nzero = 0.0, -0.0
local hex, hexf = 0xFFFFFFFFFFFFFFFF, 0x1p4
local inf = 1e999
local s1, s2 = "short", 'quotes "inside" \65\x41\u{41}\z
   joined'
local s3 = [[
long
string]]
local s4 = [==[ ]] ]==]
local s5 = "exactly forty bytes, the longest short.."
local s6 = "forty-one bytes, one more than the limit."
return a, b, c, small, limit, below, over, under, max, min, half, whole, big, tiny, f1, f2, f3
