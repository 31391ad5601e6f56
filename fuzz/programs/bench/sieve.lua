-- Primes up to 200,000, five times.
local count
for _ = 1, 5 do
  local n, composite = 200000, {}
  count = 0
  for i = 2, n do
    if not composite[i] then
      count = count + 1
      for j = i * i, n, i do composite[j] = true end
    end
  end
end
return count
