for _, y in ipairs {0, -0.0, 1, -1, math.huge, 2^60} do
  print(y, math.atan(y))
  for _, x in ipairs {0, -0.0, 1, -1, -math.huge, 3} do print(y, x, math.atan(y, x)) end
end
bad(math.atan) bad(math.atan, {}) bad(math.atan, 1, {}) print(math.atan(1, nil))
local m = math
print(pcall(function() m.atan() end))
print(math.atan2 == math.atan, math.atan2(1, -1)) bad(math.atan2, {})
