-- Points of a 160 x 160 grid that stay bounded for 50 iterations.
local n, inside = 160, 0
for y = 0, n - 1 do
  local ci = 2 * y / n - 1
  for x = 0, n - 1 do
    local cr = 2 * x / n - 1.5
    local zr, zi, escaped = 0.0, 0.0, false
    for _ = 1, 50 do
      zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
      if zr * zr + zi * zi > 4 then
        escaped = true
        break
      end
    end
    if not escaped then inside = inside + 1 end
  end
end
return inside
