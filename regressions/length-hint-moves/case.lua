-- The border moves down and up under a loop that reads elements around it.
local t = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}
local s = 0
for r = 1, 5 do
  for i = 16, 4, -1 do t[i] = nil; s = s * 3 + #t; s = s + (t[i] and 1 or 0) + (t[i - 1] or 0) end
  for i = 4, 16 do t[i] = i; s = s * 3 + #t + t[i] end
end
print(s, #t)
