for _, name in ipairs {"close", "flush", "input", "lines", "open", "output", "popen", "read", "stderr", "stdin", "stdout", "tmpfile", "type", "write"} do print(name, type(io[name])) end
local p = os.tmpname()
local function clean(...)
  local t = table.pack(...)
  for i = 1, t.n do
    t[i] = io.type(t[i]) or (type(t[i]) == "string" and t[i]:gsub("/tmp/lua_%w+", "TMP"):gsub("0x%x+", "ADDR") or tostring(t[i]))
  end
  return table.concat(t, " ")
end
for _, m in ipairs {"r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "r+b", "w+b", "a+b", "rbb", "", "x", "rw", "+r", "br", "rb+", "r++", "rt", "R", "r\0x", "w\0"} do
  print(m, clean(pcall(io.open, p, m)))
end
print(clean(pcall(io.open, p, 1))) print(clean(pcall(io.open, p, {}))) print(clean(pcall(io.open))) print(clean(pcall(io.open, {}))) print(clean(io.open(p .. "\0ignored")))
print(clean(io.open "/nonexistent/file")) print(clean(io.open("/nonexistent/file", "w"))) print(clean(io.open("/", "w"))) print(clean(io.open "")) print(clean(io.open("/dev/null", "r+")))
bad(io.open, p, "x") bad(io.open)
local f = io.open(p, "w")
print(clean(tostring(f)), io.type(f), clean(f:close()), tostring(f), io.type(f))
for _, m in ipairs {"close", "read", "write", "lines", "flush", "seek", "setvbuf"} do print(m, pcall(f[m], f), pcall(f[m]), pcall(f[m], 1), pcall(f[m], io)) end
print(pcall(function() f:read() end)) print(pcall(function() return f:lines() end)) print(pcall(io.close, f)) print(pcall(function() f.close() end)) print(pcall(function() f.x.y = 1 end))
print(pcall(function() f.x = 1 end)) print(f.nothing, pcall(function() return #f end), pcall(function() return f + 1 end), pcall(function() return f < f end))
try(io.type) print(io.type(1), io.type(nil), io.type {}, io.type(io.stdin), io.type(setmetatable({}, getmetatable(f))))
local m = getmetatable(io.stdout)
local keys = {} for k, v in pairs(m) do keys[#keys + 1] = k .. "=" .. type(v) end table.sort(keys) print(table.concat(keys, " "), m.__name)
keys = {} for k, v in pairs(m.__index) do keys[#keys + 1] = k .. "=" .. type(v) end table.sort(keys) print(table.concat(keys, " "))
print(pcall(m.__tostring)) print(pcall(m.__tostring, 1)) print(pcall(m.__gc, 1)) print(pcall(m.__gc, f)) print(pcall(m.__close, f))
f = io.open(p) m.__gc(f) print(io.type(f)) f = io.open(p) m.__close(f, "e") print(tostring(f))

do local g <close> = io.open(p) f = g print(io.type(g)) end print(io.type(f))
print(io.stdin:close()) print(io.stdout:close()) print(io.type(io.stdout)) print(io.stderr:close())
print(clean(io.tmpfile())) local t = io.tmpfile() print(t:write("a", 1, 2.5, "\0z") == t, t:seek("set"), t:read("a") == "a12.5\0z", t:close())
print(clean(pcall(io.tmpfile, 1)))
os.remove(p)
