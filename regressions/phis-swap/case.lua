local a, b, c, d = 1, 2, 3.5, 4.5
for i = 1, 101 do a, b = b, a; c, d = d, c; if i % 10 == 0 then a, c = c // 1 | 0, a + 0.0 end end
print(a, b, c, d)
