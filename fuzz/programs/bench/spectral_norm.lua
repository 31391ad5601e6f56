-- The largest singular value of an infinite matrix, by the power method.
local n = 100
local function a(i, j)
  local ij = i + j
  return 1.0 / (ij * (ij + 1) * 0.5 + i + 1)
end
local function times(v, out)
  for i = 0, n - 1 do
    local sum = 0
    for j = 0, n - 1 do sum = sum + v[j] * a(i, j) end
    out[i] = sum
  end
end
local function transposed(v, out)
  for i = 0, n - 1 do
    local sum = 0
    for j = 0, n - 1 do sum = sum + v[j] * a(j, i) end
    out[i] = sum
  end
end
local u, v, t = {}, {}, {}
for i = 0, n - 1 do u[i] = 1 end
for _ = 1, 10 do
  times(u, t) transposed(t, v)
  times(v, t) transposed(t, u)
end
local vbv, vv = 0, 0
for i = 0, n - 1 do
  vbv = vbv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end
return string.format("%.9f", math.sqrt(vbv / vv))
