local function step(a, b)
  if a > 30 then return b - a end
  return a + b
end
local x = 1
for i = 1, 60 do x = step(i, x) end
print(x)
