for _, x in ipairs {0, 1, -1.5, 0.1, 5e-324, 1e308, math.huge} do
  for _, e in ipairs {0, 1, -1, 10, -1074, -1075, 1023, 1024, 2000, -2000} do print(x, e, math.ldexp(x, e)) end
end
print(math.ldexp(0x1.8p0, -1074), math.ldexp(0x1.fffffffffffffp0, -1023), math.ldexp(3, 1 << 40))
try(math.ldexp) try(math.ldexp, 1) try(math.ldexp, 1, 1.5) try(math.ldexp, {}, 1) try(math.ldexp, 1, "x")
print(math.pow(2, 10), math.pow(2, 0.5), math.pow(-8, 1/3) ~= math.pow(-8, 1/3), math.pow(0, 0))
try(math.pow, 1) try(math.pow, {}, 1)
