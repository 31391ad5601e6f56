for _, a in ipairs {0, 1, -1, math.mininteger, math.maxinteger, 2.0, "3"} do
  for _, b in ipairs {0, 1, -1, math.mininteger, math.maxinteger} do print(a, b, math.ult(a, b), math.ult(b, a)) end
end
try(math.ult) try(math.ult, 1) try(math.ult, 1.5, 1) try(math.ult, 1, "1.5") try(math.ult, {}, 1) try(math.ult, 2^63, 1)
