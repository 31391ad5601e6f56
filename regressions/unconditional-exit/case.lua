-- The loop always leaves through its break; what stands after it must stay untouched.
local count, marker, sum = 0, -1, 0
while true do
  sum = sum + count
  count = count + 1
  if count >= 30 then
    break
  end
  if count > 1000 then
    marker = count
    sum = 0
  end
end
print(count, marker, sum)
