-- Counts the points of an n x n grid that stay bounded under z = z^2 + c.
local function mandelbrot(n)
  local count = 0
  for y = 0, n - 1 do
    local ci = 2.0 * y / n - 1.0
    for x = 0, n - 1 do
      local cr = 2.0 * x / n - 1.5
      local zr, zi = 0.0, 0.0
      local escaped = false
      for _ = 1, 50 do
        local r = zr * zr - zi * zi + cr
        local i = 2.0 * zr * zi + ci
        zr, zi = r, i
        if zr * zr + zi * zi > 4.0 then
          escaped = true
          break
        end
      end
      if not escaped then
        count = count + 1
      end
    end
  end
  return count
end
print(mandelbrot(1000))
