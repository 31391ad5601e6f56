local s = "hello"
for _, i in ipairs {-6, -5, -1, 0, 1, 3, 5, 6, math.mininteger, math.maxinteger} do
  print(i, s:sub(i))
for _, j in ipairs {-6, -5, -1, 0, 1, 3, 5, 6, math.mininteger, math.maxinteger} do print(i, j, ("%q"):format(s:sub(i, j)), s:byte(i, j)) end
end
print((""):sub(1, 1), ("abc"):sub("2"), ("abc"):sub(2.0, "3"), string.sub(12345, 2, 3), s:sub(2, nil))
try(string.sub)
try(string.sub, "x")
try(string.sub, {}, 1)
try(string.sub, "x", "y")
try(string.sub, "x", 1.5)
try(string.sub, "x", 1, {})
try(string.sub, nil, 1)
print(pcall(function() return ("x"):sub() end))
print(pcall(function() return ("x"):sub(1, {}) end))
print(pcall(function() return string.sub() end))
