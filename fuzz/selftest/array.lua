local t, n = {}, 0
for i = 1, 40 do t[i] = i * 3 end
for i = 1, 40 do n = n + t[i] % 7 end
print(n, #t)
