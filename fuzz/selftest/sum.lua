local sum = 0
for i = 1, 60 do sum = sum + i end
print(sum)
