-- A table that counts words.
local words = {}
for i = 1, 500 do words[i] = "word" .. i * 7919 % 1009 end
local counts = {}
for round = 1, 300 do
  for i = 1, #words do
    local word = words[i]
    counts[word] = (counts[word] or 0) + round
  end
end
local sum = 0
for i = 1, #words, 7 do sum = sum + counts[words[i]] end
return sum
