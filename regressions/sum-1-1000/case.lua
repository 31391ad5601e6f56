-- The sum of the integers from 1 to 1000.
local sum = 0
for i = 1, 1000 do
  sum = sum + i
end
print(sum)
