-- Strings built piece by piece, joined and formatted.
local total = 0
for round = 1, 40 do
  local pieces, line = {}, ""
  for i = 1, 500 do
    pieces[#pieces + 1] = "item " .. i .. ";"
    line = line .. string.char(97 + i % 26)
  end
  local joined = table.concat(pieces, ",")
  total = total + #joined + #line + #string.format("%5d %s %g", round, line:sub(1, 20), round / 7)
end
return total
