local p = os.tmpname()
local function contents() local h = io.open(p, "rb") local s = h:read "a" h:close() return ("%q"):format(s) end
local function written(mode, f) local h = io.open(p, mode) f(h) if io.type(h) == "file" then h:close() end print(contents()) end
written("w", function(h) print(h:write() == h, h:write("a") == h, h:write("b", 1, 2.0, -0.0, 1e100, 2^53, 2^63, 0.1, 1/3, 1e15, 1e14, 123456789012345678, math.mininteger, 1/0, -1/0, "c\0d") == h) end)
written("a", function(h) h:write("|more") print(h:seek(), h:seek("end")) end)
written("r+", function(h) print(h:read(3)) h:seek("cur", 0) h:write("XYZ") h:seek("set", 1) print(h:read(2)) end)
written("a+", function(h) print(h:seek("set"), h:read(4)) h:seek("set") h:write("END") h:seek("set", 2) print(h:read("a")) end)
written("w+", function(h) h:write("hello\nworld\n") h:seek("set") print(h:read("l", "L", "l")) h:seek("set", 5) h:write("!") h:seek("set") print(h:read("a")) end)
written("r", function(h) print(h:write("x")) print(h:write() == h) print(h:flush()) print(h:write("") == h) end)
for _, v in ipairs {{}, true, print and nil or false, function() end} do written("w", function(h) print((select(2, pcall(h.write, h, "ok", v)))) print((select(2, pcall(function() h:write(v) end)))) end) end
written("w", function(h) print(pcall(h.write, h, nil)) print(pcall(h.write, h, "x", nil)) end)
written("w", function(h)
  print(h:seek(), h:seek("cur"), h:seek("set", 10), h:seek("cur", -3), h:seek("end"), h:seek("end", 5)) h:write("z") print(h:seek())
  print(h:seek("set", -1)) print(h:seek("cur", -1000)) try(h.seek, h, "x") try(h.seek, h, "set", "y") try(h.seek, h, "set", 1.5) try(h.seek, h, 1) try(h.seek, h, nil, 2) try(h.seek, h, "set", "3") print(pcall(function() h:seek("bad") end)) print(h:seek("set", math.maxinteger)) print(h:seek("set", 0))
end)
-- What another handle sees depends on the buffer.
for _, mode in ipairs {"no", "full", "line"} do
  written("w", function(h) print(mode, h:setvbuf(mode)) h:write("ab") print(contents()) h:write("c\nd") print(contents()) h:write(("x"):rep(20)) print(contents()) print(h:flush() == h, contents()) end)
  written("w", function(h) print(mode, h:setvbuf(mode, 8)) h:write("ab") print(contents()) h:write("c\nd") print(contents()) h:write(("x"):rep(20)) print(contents()) end)
end
written("w", function(h) try(h.setvbuf, h) try(h.setvbuf, h, "x") try(h.setvbuf, h, "full", "y") try(h.setvbuf, h, "full", 1.5) try(h.setvbuf, h, nil) print(pcall(function() h:setvbuf("bad") end)) end)
written("w", function(h) h:write(("0123456789"):rep(1000)) print(#contents()) h:write("end") print(#contents()) end)
-- Default output.
local old = io.output() print(io.output() == io.stdout, io.output(p) == io.output(), io.type(io.output())) print(io.write("default ", 1) == io.output()) io.flush() print(contents()) print(io.close()) print(pcall(io.write, "x")) print(pcall(io.close)) print(pcall(io.flush)) print(io.type(io.output())) print(io.open(1.5)) print(pcall(io.output, {})) print((select(2, pcall(io.output, "/nonexistent/x")))) print(pcall(function() io.output("/nonexistent/x") end))
io.output(old) print(io.output() == old) 
-- Default input.
print(io.input() == io.stdin) local h = io.open(p, "w") h:write("line 1\nline 2\n3 rest") h:close() print(io.type(io.input(p))) print(io.read()) for l in io.lines() do print(l) break end print(io.read("n", "a")) print(io.read("n")) print(io.read("a", "a", "l")) for l in io.lines() do print(l) end print(io.type(io.input())) print(pcall(io.read, "x")) print(pcall(io.read, {})) print(pcall(function() io.read("x") end))
io.close(io.input()) print(pcall(io.read)) print(pcall(io.lines)) print(pcall(function() io.lines() end)) print(pcall(io.input, "/nonexistent/x")) print(pcall(io.input, {})) print(pcall(io.input, true)) io.input(io.stdin) print(io.input() == io.stdin, io.input(nil) == io.stdin)
-- A full device.
local full = io.open("/dev/full", "w") print(full:setvbuf("no")) print(full:write("x")) print(full:write("x", "y")) print(full:flush()) print(full:close())
full = io.open("/dev/full", "w") print(io.type(full:write("x"))) print(full:flush()) print(full:close())
full = io.open("/dev/full", "w") print(io.type(full:write("x"))) print(full:close()) print(io.type(full))
full = io.open("/dev/full", "w") print(full:write(("x"):rep(100000), "y"))
os.remove(p)
