-- Strings of more than 40 bytes are not interned: two objects may hold the same text.
local long = ("ab"):rep(30)
local a, b = {}, {}
for i = 1, 40 do a[i], b[i] = "x", "y" end
for i = 41, 80 do a[i], b[i] = long, ("ab"):rep(30) end
local same = 0
for i = 1, 80 do
  if a[i] == b[i] then same = same + 1 end
end
print(same)
