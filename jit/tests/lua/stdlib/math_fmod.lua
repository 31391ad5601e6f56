for _, a in ipairs {7, -7, 7.5, -7.5, math.mininteger, math.maxinteger, 0, -0.0} do
  for _, b in ipairs {2, -2, 3, -3, 2.5, -1, 1, math.huge, math.mininteger} do print(a, b, math.fmod(a, b)) end
end
print(math.fmod(-6, 2.0), math.fmod(6, 2.0), math.fmod(1, math.huge))
try(math.fmod, 1, 0) try(math.fmod, math.mininteger, 0)
print(math.fmod(1, 0.0) ~= math.fmod(1, 0.0))
try(math.fmod)
try(math.fmod, 1)
try(math.fmod, {}, 1)
try(math.fmod, 1, "a")
try(math.fmod, "9", "4")
try(math.fmod, 9, "4")
