-- The sum of the integers from 1 to 15.
local sum = 0
for i = 1, 15 do
  sum = sum + i
end
print(sum)
