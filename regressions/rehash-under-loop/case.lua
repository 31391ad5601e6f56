-- the same field in tables whose nodes are laid out differently
local list = {}
for i = 1, 40 do list[i] = {a = i, b = 2, c = 3} end
for i = 41, 60 do list[i] = {c = 1, a = i} end
for i = 61, 80 do local t = {} for j = 1, 20 do t["f" .. j] = j end t.a = i; list[i] = t end
for i = 81, 90 do list[i] = {} end
local s = 0
for r = 1, 3 do for i = 1, 90 do local o = list[i]; if o.a then s = s + o.a; o.a = o.a + 1 end end end
print(s)
