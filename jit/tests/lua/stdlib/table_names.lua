for _, library in ipairs {"table", "string", "utf8"} do
  local names = {}
  for name in pairs(_G[library]) do names[#names + 1] = name end
  table.sort(names)
  print(library, table.concat(names, " "))
end
