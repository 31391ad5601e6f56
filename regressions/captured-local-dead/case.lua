-- No instruction of this function reads x and y after the loop; the closure does.
local x, y = 0, 0
local function get() return x, y end
for i = 1, 100 do
  x = i
  y = x * 2
  if i > 90 then x = -x end
end
print(get())
