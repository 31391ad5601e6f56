-- Functions made, kept and called.
local function counter(start)
  local n = start
  return function(by) n = n + by return n end
end
local total = 0
for i = 1, 60000 do
  local step = counter(i)
  total = total + step(1) + step(2)
end
local function compose(f, g) return function(x) return f(g(x)) end end
local f = function(x) return x + 1 end
for _ = 1, 6 do f = compose(f, f) end
for i = 1, 500 do total = total + f(i) end
return total
