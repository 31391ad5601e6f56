-- While CLOSE runs the method, and after it, the registers of the block above `closed` hold what the calls
-- left there: the values handed to a coroutine go through other slots in each engine.
local co = coroutine.wrap(function()
  do
    local closed <close> = setmetatable({}, {
      __close = function()
        sent = coroutine.yield()
      end,
    })
    local a, b, c
    ({})[0] = 0
  end
  coroutine.yield()
end)
for i = 0, 2 do
  got = co(0)
end
