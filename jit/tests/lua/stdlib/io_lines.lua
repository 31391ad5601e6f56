local p = os.tmpname()
local h = io.open(p, "w") h:write("one\n", "2 3.5\n", "\n", "end") h:close()
for l in io.lines(p) do print(l) end
for l in io.lines(p, "L") do print(("%q"):format(l)) end
for a, b in io.lines(p, 1, 2) do print(a, b) end
for a, b, c in io.lines(p, "l", "n", "a") do print(a, b, c) end
for a in io.lines(p, "a") do print(#a) break end
for a in io.lines(p, 0) do print(#a) break end
for a in io.lines(p, "n") do print("unreached") end
print(select("#", io.lines(p)), select("#", io.lines(p, "l", 4))) 
local it, s, c, f = io.lines(p) print(type(it), s, c, io.type(f)) print(it(), it(s, c), it("x")) f:close() print(pcall(it))
it, s, c, f = io.lines(p) while it() do end print(io.type(f)) print(pcall(it))
print(pcall(function() local i = io.lines(p) while i() do end i() end))
do local closed for l in io.lines(p) do closed = l break end print(closed) end
h = io.open(p) for l in h:lines() do io.write("") print(l) end print(io.type(h), h:read()) print(h:seek("set")) for l in h:lines("n") do print(l) end for a, b in h:lines(1, "L") do print(a, b) end h:close() print(pcall(h.lines, h)) print(pcall(function() return h:lines() end))
h = io.open(p) it = h:lines() print(it()) h:close() print(pcall(it)) print(pcall(function() for l in it do end end))
for _, x in ipairs {"x", {}, true, 1.5} do print(pcall(function() for l in io.lines(p, x) do end end)) h = io.open(p) print(pcall(h:lines(x))) print(pcall(h:lines("l", x))) h:close() end
print((select(2, pcall(io.lines, "/nonexistent/file")))) print((select(2, pcall(function() return io.lines("/nonexistent/file") end)))) print(pcall(io.lines, {})) print(pcall(io.lines, true)) print(pcall(io.lines, ""))
local many = {} for i = 1, 250 do many[i] = 0 end print((pcall(io.lines, p, table.unpack(many)))) print(pcall(io.lines, p, 1, table.unpack(many)))
many = {} for i = 1, 251 do many[i] = 0 end print(pcall(io.lines, p, table.unpack(many)))
h = io.open(p) print(pcall(h.lines, h, table.unpack(many))) print(#table.pack((h:lines(table.unpack(many, 1, 250)))()), pcall(function() h:lines(table.unpack(many)) end)) h:close()
os.remove(p)
