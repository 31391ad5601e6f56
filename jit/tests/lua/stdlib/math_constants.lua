print(math.pi, math.huge, -math.huge, math.maxinteger, math.mininteger)
print(string.format("%.17g %a", math.pi, math.pi), math.type(math.huge), math.type(math.maxinteger))
local names = {}
for name in pairs(math) do names[#names + 1] = name end
table.sort(names)
print(table.concat(names, " "))
