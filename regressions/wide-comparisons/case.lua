local big = 2^53
local n = 0
local ints = {9007199254740991, 9007199254740992, 9007199254740993, 9007199254740994, math.maxinteger, math.mininteger, -9007199254740993}
local fl = {2^53, 2^53 + 2, 2^63, -2^63, 2^62, 1/0, -1/0, 0/0, -2^53, 9007199254740991.0}
local c = {0, 0, 0, 0, 0}
for r = 1, 20 do
  for i = 1, 7 do for j = 1, 10 do
    if ints[i] < fl[j] then c[1] = c[1] + j end
    if ints[i] <= fl[j] then c[2] = c[2] + j end
    if fl[j] < ints[i] then c[3] = c[3] + j end
    if fl[j] <= ints[i] then c[4] = c[4] + j end
    if ints[i] == fl[j] then c[5] = c[5] + j end
  end end
end
print(table.unpack(c))
