local t = table.pack() print(t.n, #t)
t = table.pack(1, nil, 3, nil) print(t.n, t[1], t[2], t[3], t[4])
t = table.pack(nil) print(t.n, t[1])
t = table.pack(table.unpack({}, 1, 200)) print(t.n)
for k, v in pairs(table.pack("a", "b")) do print(k, v) end
