local a, b, c = ...
for k in next, a do end
for k, v in pairs(a) do b = k end
for k, v, w, x in f() do b = x end
for k in a do b = k end
for k in a, b do b = k end
for k in a, b, c do b = k end
for k in a, b, c, nil do b = k end
for k in a, b, c, nil, 5 do b = k end
for k in f, f() do b = k end
for k, v in a, ... do b = v end
for k, v in pairs(a) do for k2, v2 in ipairs(v) do b = k + k2 end end
for k, v in pairs(a) do local f = function() return k end end
for k, v in pairs(a) do if v then break end end
for k, v in pairs(a) do if v then goto continue end b = v ::continue:: end
for _, v in ipairs {1, 2, 3} do b = v end
for line in io.lines() do print(line) end
for k,
v in
pairs(
a) do
b = k
end
