-- A function with a traced loop is called again, with other values in its registers.
local function sum_to(n)
  local before, sum, after = n, 0, -n
  for i = 1, n do
    sum = sum + i
  end
  if before ~= -after then
    return "a register outside the loop changed"
  end
  return sum
end
print(sum_to(10), sum_to(100), sum_to(1000), sum_to(100))
