-- A closure outlives the coroutine that made it, which is dropped while suspended: its upvalue keeps
-- what was stored in the slot since the coroutine was visited, and what the closure stores later.
local kept = {}
for i = 1, 500 do
  local get, set
  local thread = coroutine.create(function()
    local x = {}
    get = function() return x[1], x[2] end
    set = function(v) x = v end
    for j = 1, 4 do
      x = {i, "value " .. i .. " " .. j}
      coroutine.yield()
    end
  end)
  for j = 1, i % 4 + 1 do
    coroutine.resume(thread)
    kept[i] = {get = get, set = set}
    for k = 1, i % 9 do local garbage = {k} end
  end
  thread = nil
  for k = 1, i % 60 do local garbage = {k} end
  local other = kept[i // 2 + 1]
  if i % 3 == 0 then other.set {i, "later " .. i} end
end
for i = 1, #kept do print(kept[i].get()) end

-- Slots above those of a suspended coroutine hold what is dead; a call after it goes on takes them.
local function fill(n)
  if n == 0 then return 0 end
  local a, b, c, d = {n}, {n}, {n}, "text " .. n
  return #a + #b + #c + fill(n - 1)
end
local function wide(f)
  local r = f {1}
  if r then return r end
  local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s, t, u, v, w, x, y, z
  return a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s, t, u, v, w, x, y, z
end
local sum = 0
for i = 1, 30 do
  local thread = coroutine.wrap(function()
    for round = 1, 5 do
      sum = sum + fill(6)
      coroutine.yield()
      sum = sum + wide(function(t) for k = 1, 20 do t = {k, t[1]} end return t[1] end)
    end
  end)
  for round = 1, 5 do
    thread()
    for k = 1, 30 do local garbage = {k} end
  end
end
print(sum)
