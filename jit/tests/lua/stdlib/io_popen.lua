local h = io.popen("echo hello; echo world") print(io.type(h), h:read("l", "a")) print(h:close()) print(io.type(h), pcall(h.close, h))
h = io.popen("exit 7") print(h:read("a")) print(h:close())
h = io.popen("kill -9 $$", "r") print(h:read("a")) print(h:close())
h = io.popen("cat >/dev/null; exit 2", "w") print(h:write("x\n") == h, h:flush() == h) print(h:close())
local p = os.tmpname() h = io.popen("cat > " .. p, "w") h:write("through a pipe") h:close() print(io.open(p):read("a")) os.remove(p)
for _, m in ipairs {"r", "w", "a", "", "rb", "r+", "x", "r\0x", "rw"} do local ok, f, e = pcall(io.popen, "true", m) print(m, ok, io.type(f) or f) if ok then print(f:close()) end end
try(io.popen) try(io.popen, {}) try(io.popen, "true", {}) print(pcall(function() io.popen("true", "q") end))
h = io.popen("no_such_command_anywhere 2>/dev/null") print(h:read("a")) print(h:close())
h = io.popen("echo 1 2 3") print(h:read("n", "n", "n", "n")) print(h:seek()) h:close()
for l in io.popen("echo a; echo b"):lines() do print(l) end
h = io.popen("cat", "w") print(h:read(1)) h:close()
-- Buffered output is flushed before a command starts.
p = os.tmpname() local f = io.open(p, "w") f:write("first") print(io.popen("cat " .. p):read("a")) f:close() os.remove(p)
