local e = {math.mininteger, math.maxinteger, -64, -63, 63, 64, 65, 0, 1, -1}
local h = 0
for r = 1, 30 do for k = 1, 10 do h = h * 7 + (0x123456789abcdef << e[k]) + (-3 >> e[k]) + (e[k] << e[11 - k]) end end
print(h)
