-- t[j] and t[k] are sometimes the same element.
local t = {}
for i = 1, 10 do t[i] = i end
local s = 0
for i = 1, 100 do
  local j = i % 9 + 1
  t[j] = i; t[j + 1] = -i; s = s + t[j] * t[j + 1]
  local k = (i * 3) % 10 + 1
  t[k] = 0; s = s + t[j]
end
print(s)
