for _, a in ipairs {1, 1.0, -0.0, 0, 2.5, math.huge, math.mininteger, 2^53} do
  for _, b in ipairs {1.0, 1, 0, -0.0, -math.huge, math.maxinteger, 2^53 + 1, 9007199254740993} do print(a, b, math.max(a, b)) end
end
print(math.max(3, 1, 2), math.max(1), math.max(1, 2.5, -1), math.max(5, 5.0), math.max(5.0, 5))
local nan = 0/0
print(math.max(nan, 1) ~= math.max(nan, 1), math.max(1, nan))
try(math.max)
try(math.max, nil)
try(math.max, "10")
try(math.max, "10", 2)
try(math.max, 2, "10")
try(math.max, 1, {})
try(math.max, {}, 1)
try(math.max, "a", "b") try(math.max, 1, 2, nil)
