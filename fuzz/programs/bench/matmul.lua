-- The product of two 100 x 100 matrices, rows as tables.
local n = 100
local function matrix(seed)
  local m = {}
  for i = 1, n do
    local row = {}
    for j = 1, n do row[j] = (i * seed + j) % 17 - 8 end
    m[i] = row
  end
  return m
end
local a, b, c = matrix(3), matrix(5), {}
for i = 1, n do
  local ai, ci = a[i], {}
  for j = 1, n do
    local sum = 0
    for k = 1, n do sum = sum + ai[k] * b[k][j] end
    ci[j] = sum
  end
  c[i] = ci
end
local trace = 0
for i = 1, n do trace = trace + c[i][i] end
return trace
