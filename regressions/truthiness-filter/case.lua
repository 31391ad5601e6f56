-- Elements are true, false or nil; only nil and false are falsy, 0 is not.
local keep = {}
for i = 1, 100 do
  keep[i] = (i % 2 == 0) and i or false
end
local kept, dropped, sum = 0, 0, 0
for i = 1, 100 do
  local value = keep[i]
  if value then
    kept = kept + 1
    sum = sum + value
  else
    dropped = dropped + 1
  end
end
print(kept, dropped, sum)
