-- one proto: its upvalue is a register of the root frame, of a frame below, or closed
local function make(x)
  local function add(d) x = x + d end
  return add, function() return x end, function(n) for i = 1, n do add(i) x = x - 1 end return x end
end
local a1, g1, r1 = make(0)
local a2, g2, r2 = make(100)
local function drive(add, n) for i = 1, n do add(i) end end
drive(a1, 50) drive(a2, 50) drive(a1, 10)
print(g1(), g2(), r1(50), r2(30), g1(), g2())
do
  local y = 5
  local function add(d) y = y + d end
  for i = 1, 60 do add(i); y = y - 1 end
  drive(add, 60)
  print(y)
end
