local mn, mx = math.mininteger, math.maxinteger
local ns = {0, 1, -1, 5, -5, mx, mn, mn + 1, 64, -64, 63, -63, 65}
local h = 0
for r = 1, 20 do
  for k = 1, 13 do
    local n = ns[k]
    h = h * 31 + n % 2; h = h * 31 + n % 8; h = h * 31 + n % 64; h = h * 31 + n % -8; h = h * 31 + n % 0x4000000000000000
    h = h * 31 + n // 2; h = h * 31 + n // 8; h = h * 31 + n // -8; h = h * 31 + n // 0x4000000000000000
    h = h * 31 + n % mn; h = h * 31 + n // mn
  end
end
print(h)
