local even, odd = 0, 0
for i = 1, 80 do
  if i % 2 == 0 then even = even + i else odd = odd - i end
end
print(even, odd)
