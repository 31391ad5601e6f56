for _, a in ipairs {1, 1.0, -0.0, 0, 2.5, math.huge, math.mininteger, 2^53} do
  for _, b in ipairs {1.0, 1, 0, -0.0, -math.huge, math.maxinteger, 2^53 + 1, 9007199254740993} do print(a, b, math.min(a, b)) end
end
print(math.min(3, 1, 2), math.min(1), math.min(1, 2.5, -1), math.min(5, 5.0), math.min(5.0, 5))
local nan = 0/0
print(math.min(nan, 1) ~= math.min(nan, 1), math.min(1, nan))
try(math.min)
try(math.min, nil)
try(math.min, "10")
try(math.min, "10", 2)
try(math.min, 2, "10")
try(math.min, 1, {})
try(math.min, {}, 1)
try(math.min, "a", "b") try(math.min, 1, 2, nil)
