-- table.sort with and without a comparison function.
local seed = 42
local function random()
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return seed
end
local check = 0
for _ = 1, 4 do
  local t = {}
  for i = 1, 10000 do t[i] = random() end
  table.sort(t)
  check = check + t[5000]
  for i = 1, 10000 do t[i] = random() end
  table.sort(t, function(a, b) return a > b end)
  check = check ~ t[2500]
end
return check
