over_edges(math.log)
try(math.log)
try(math.log, nil)
try(math.log, "x")
try(math.log, {})
try(math.log, 1, 2, 3)
local ok, message = pcall(function() return 1 + math.log(print) end)
print(ok, message)
for _, base in ipairs {2, 10, 2.0, 10.0, 3, 0.5, 0, 1, -1, "2"} do
  print(base, math.log(8, base), math.log(1000, base), math.log(0, base))
end
try(math.log, 2, {})
try(math.log, 2, nil)
try(math.log, "x", {})
