local a, b, c = ...
for i = 1, 10 do end
for i = 1, 10, 2 do a = i end
for i = 10, 1, -1 do a = a + i end
for i = a, b, c do print(i) end
for i = a + 1, b * 2, -c do print(i) end
for i = 1.0, 2, 0.25 do a = i end
for i = f(), g(), h() do a = i end
for i = 1, #a do a[i] = i end
for i = 1, 3 do for j = i, 3 do for k = j, 3 do a = i + j + k end end end
for i = 1, 3 do local x = i; i = x + 1 end
for i = 1, 100000, 70000 do local x <const> = 5; a = x + i end
for
i
=
1
,
10
do
a
=
i
end
for i = ({...})[1], ... do a = i end
