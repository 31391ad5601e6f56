-- a and b are the same table until i is 60.
local a = {1, 2, 3, 4, 5, x = 1}
local b = a
local s = 0
for i = 1, 100 do
  a.x = i; b.x = b.x + 1; s = s + a.x
  a[1] = i; b[1] = b[1] * 2; s = s + a[1]
  local k = i % 5 + 1
  a[k] = i; b[1] = -i; s = s + a[k]
  b.x = nil; if a.x == nil then s = s + 1 end
  if i > 60 then b = {1, 2, 3, 4, 5, x = 7} end
end
print(s)
