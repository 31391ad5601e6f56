-- Two sides that hand a value back and forth.
local pong = coroutine.wrap(function(n)
  while true do n = coroutine.yield(n + 1) end
end)
local n = 0
for _ = 1, 400000 do n = pong(n) end
return n
