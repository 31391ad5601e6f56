-- Upvalues of coroutines that are closed, or fail, while marking goes on: what was stored in the slot
-- since the coroutine was visited is kept.
local kept, threads = {}, {}
for i = 1, 600 do
  local get
  local thread = coroutine.create(function()
    local x, y = {}
    get = function() return x[1], x[2], y and y[1] end
    for j = 1, 3 do
      x = {i, "value " .. i .. " " .. j}
      y = {j}
      coroutine.yield()
    end
    x = {i, "last " .. i}
    if i % 3 == 0 then error {} end
  end)
  threads[i] = thread
  kept[i] = get
  for j = 1, i % 4 + 1 do
    coroutine.resume(thread)
    kept[i] = get
    for k = 1, i % 7 do local garbage = {k} end
  end
  coroutine.close(thread)
  for k = 1, i % 50 do local garbage = {k} end
end
for i = 1, #kept do print(kept[i]()) end
