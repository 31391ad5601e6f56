-- All solutions for eight queens, six times.
local n = 8
local columns, rising, falling
local function place(row)
  if row > n then return 1 end
  local solutions = 0
  for column = 1, n do
    local up, down = row + column, row - column + n
    if not columns[column] and not rising[up] and not falling[down] then
      columns[column], rising[up], falling[down] = true, true, true
      solutions = solutions + place(row + 1)
      columns[column], rising[up], falling[down] = false, false, false
    end
  end
  return solutions
end
local total = 0
for _ = 1, 6 do
  columns, rising, falling = {}, {}, {}
  total = total + place(1)
end
return total
