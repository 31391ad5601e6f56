-- All results of one call are the arguments of the next; what lies above them in the stack is dead.
local t, nans = {}, 0
for i = 1, 60 do
  local x = 0 / (i % 4)
  t[0] = math.ceil(math.abs(x))
  if t[0] ~= t[0] then
    nans = nans + 1
  end
end
local function two(n)
  return n, n + 1
end
local function product(a, b)
  return a * b
end
local sum = 0
for i = 1, 60 do
  sum = sum + product(two(i))
end
print(t[0] ~= t[0], nans, sum)
