-- Conway's Game of Life on a torus. A glider moves one cell in 4 steps, a pulsar comes back after 3, and
-- a gun fires a glider every 30.

local function grid(width, height)
  local cells = {}
  for i = 1, width * height do cells[i] = 0 end
  return {width = width, height = height, cells = cells}
end

local function place(g, x, y, rows)
  for dy, row in ipairs(rows) do
    for dx = 1, #row do
      if row:sub(dx, dx) == "#" then
        g.cells[(y + dy - 2) % g.height * g.width + (x + dx - 2) % g.width + 1] = 1
      end
    end
  end
end

local function step(g)
  local width, height, old, new = g.width, g.height, g.cells, {}
  for y = 0, height - 1 do
    local above, here, below = (y - 1) % height * width, y * width, (y + 1) % height * width
    for x = 0, width - 1 do
      local left, right = (x - 1) % width + 1, (x + 1) % width + 1
      local mid = x + 1
      local n = old[above + left] + old[above + mid] + old[above + right]
        + old[here + left] + old[here + right]
        + old[below + left] + old[below + mid] + old[below + right]
      if n == 3 or n == 2 and old[here + mid] == 1 then new[here + mid] = 1 else new[here + mid] = 0 end
    end
  end
  g.cells = new
end

local function population(g)
  local n = 0
  for i = 1, #g.cells do n = n + g.cells[i] end
  return n
end

local function picture(g)
  local lines = {}
  for y = 0, g.height - 1 do
    local line = {}
    for x = 1, g.width do line[x] = g.cells[y * g.width + x] == 1 and "#" or "." end
    lines[#lines + 1] = table.concat(line)
  end
  return table.concat(lines, "\n")
end

local g = grid(8, 8)
place(g, 1, 1, {".#.", "..#", "###"})
local start = picture(g)
for _ = 1, 32 do step(g) end
print("glider", population(g), picture(g) == start)

local p = grid(17, 17)
place(p, 3, 3, {
  "..###...###..", ".............", "#....#.#....#", "#....#.#....#", "#....#.#....#", "..###...###..",
  ".............", "..###...###..", "#....#.#....#", "#....#.#....#", "#....#.#....#", ".............",
  "..###...###..",
})
local first, counts = picture(p), {}
for i = 1, 3 do
  counts[i] = population(p)
  step(p)
end
print("pulsar", table.concat(counts, " "), picture(p) == first)

-- Gosper's gun looks the same every 30 steps, but for one more glider of 5 cells.
local gun = grid(52, 40)
place(gun, 2, 2, {
  "........................#...........",
  "......................#.#...........",
  "............##......##............##",
  "...........#...#....##............##",
  "##........#.....#...##..............",
  "##........#...#.##....#.#...........",
  "..........#.....#.......#...........",
  "...........#...#....................",
  "............##......................",
})
local sizes = {}
for i = 0, 60 do
  if i % 30 == 0 then sizes[#sizes + 1] = population(gun) end
  step(gun)
end
print("gun", table.concat(sizes, " "))
