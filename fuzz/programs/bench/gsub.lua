-- Patterns: replace, count, capture.
local text = ("the quick brown fox, 123 jumps; over 4567 lazy dogs. "):rep(20)
local total = 0
for _ = 1, 60 do
  local upper, n = text:gsub("%a+", string.upper)
  local swapped, m = upper:gsub("(%w+) (%w+)", "%2 %1")
  local numbers = 0
  for digits in swapped:gmatch("%d+") do numbers = numbers + tonumber(digits) end
  total = total + n + m + numbers + #swapped
end
return total
