local x = 0.5
for i = 1, 60 do x = x * 1.25 - i end
print(x)
