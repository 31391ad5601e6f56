-- A binary heap with a comparator, and shortest paths over a weighted grid.
local Heap = {} Heap.__index = Heap

function Heap.new(before) return setmetatable({before = before, n = 0}, Heap) end

function Heap:push(item)
  local i = self.n + 1
  self.n = i
  local before = self.before
  while i > 1 do
    local parent = i // 2
    if not before(item, self[parent]) then break end
    self[i] = self[parent]
    i = parent
  end
  self[i] = item
end

function Heap:pop()
  local n = self.n
  if n == 0 then return nil end
  local top, item = self[1], self[n]
  self[n] = nil
  self.n = n - 1
  n = n - 1
  local i, before = 1, self.before
  while true do
    local child = i * 2
    if child > n then break end
    if child < n and before(self[child + 1], self[child]) then child = child + 1 end
    if not before(self[child], item) then break end
    self[i] = self[child]
    i = child
  end
  if n > 0 then self[i] = item end
  return top
end

local heap = Heap.new(function(a, b) return a < b end)
local seed = 7
for i = 1, 200 do
  seed = (seed * 16807) % 2147483647
  heap:push(i % 3 == 0 and seed % 100 + 0.5 or seed % 100)
end
local last, sorted, sum = -1, true, 0
for _ = 1, 200 do
  local x = heap:pop()
  sorted = sorted and last <= x
  last, sum = x, sum + x
end
print(sorted, sum, heap:pop(), heap.n)

local grid = {
  "S11119991",
  "199919191",
  "191111191",
  "191999991",
  "111911111",
  "99991####",
  "1111111#E",
  "1#####1#1",
  "111111111",
}
local height, width = #grid, #grid[1]

local function cost(x, y)
  local cell = grid[y]:sub(x, x)
  if cell == "#" then return math.huge end
  return tonumber(cell) or 0
end

local function route()
  local start, goal
  for y = 1, height do
    for x = 1, width do
      local cell = grid[y]:sub(x, x)
      if cell == "S" then start = (y - 1) * width + x elseif cell == "E" then goal = (y - 1) * width + x end
    end
  end
  local distance, from, done = {[start] = 0}, {}, {}
  local open = Heap.new(function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.node < b.node
  end)
  open:push {node = start, distance = 0}
  local visited = 0
  while open.n > 0 do
    local node = open:pop().node
    if not done[node] then
      done[node] = true
      visited = visited + 1
      if node == goal then break end
      local x, y = (node - 1) % width + 1, (node - 1) // width + 1
      for dx = -1, 1 do
        for dy = -1, 1 do
          local nx, ny = x + dx, y + dy
          if dx * dx + dy * dy == 1 and nx >= 1 and nx <= width and ny >= 1 and ny <= height then
            local next_node = (ny - 1) * width + nx
            local total = distance[node] + cost(nx, ny)
            if total < (distance[next_node] or math.huge) then
              distance[next_node], from[next_node] = total, node
              open:push {node = next_node, distance = total}
            end
          end
        end
      end
    end
  end
  local path, node = {}, goal
  while node do
    path[node] = true
    node = from[node]
  end
  return distance[goal], visited, path
end

local length, visited, path = route()
print(length, visited)
for y = 1, height do
  local row = {}
  for x = 1, width do row[x] = path[(y - 1) * width + x] and "*" or grid[y]:sub(x, x) end
  print(table.concat(row))
end
