local a = 0.0
local c = 0
for i = 1, 80 do
  local b = a * -1
  local d = 0 - a
  local e = -a
  local f = a - 0.0
  local g = b + 0.0
  if 1/b < 0 then c = c + 1 end
  if 1/d < 0 then c = c + 10 end
  if 1/e < 0 then c = c + 100 end
  if 1/f < 0 then c = c + 1000 end
  if 1/g < 0 then c = c + 10000 end
  local h = b - 0
  if 1/h < 0 then c = c + 100000 end
  if i == 40 then a = -0.0 end
end
print(c)
