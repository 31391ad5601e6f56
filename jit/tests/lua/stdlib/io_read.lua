local p = os.tmpname()
local function with(text, f) local h = io.open(p, "wb") h:write(text) h:close() h = io.open(p, "rb") f(h) h:close() end
local function reads(text, ...) local a = table.pack(...) with(text, function(h) print(("%q"):format(text), h:read(table.unpack(a, 1, a.n))) print(h:read("a")) end) end
local lines = "one\ntwo\n\nfour\0x\r\nlast"
reads(lines) reads(lines, "l") reads(lines, "L") reads(lines, "a") reads(lines, "l", "L", "l", "L", "l", "l", "l") reads(lines, 3) reads(lines, 0) reads(lines, 100) reads(lines, 1, 1, "l", 2, "a", "a", 0, "a")
reads("") reads("", "l") reads("", "L") reads("", "a") reads("", "a", "a") reads("", 0) reads("", 1) reads("", "n") reads("", "n", "l") reads("\n") reads("\n", "L") reads("\n\n", "l", "l", "l")
reads(lines, "*l", "*L", "*a") reads("12 x", "*n", "*l") reads("12\n", "number", "line") reads(lines, "all") reads(lines, "Line!") reads("5", 1.0) reads("5", "1") 
for _, f in ipairs {"x", "", "*", "*x", "**l", {}, true, 1.5, "\0l", -1, math.maxinteger} do with("some text", function(h) print(pcall(h.read, h, f)) print(pcall(h.read, h, 1, f)) print(pcall(function() return h:read(f) end)) end) end
with("x", function(h) print(pcall(h.read, h, nil)) print(pcall(h.read, h, "l", nil)) end)
for _, n in ipairs {"0", "12", "-7", "+5", "1.5", ".5", "5.", ".", "1e5", "1e", "1e+", "1E-2x", "0x10", "0xA.8p1", "0x.8", "0x", "0xg", "0X1P+4", "0x1p", "1..2", "1.2.3", "--1", "+-1", "- 1", "1_000", "1,5", "inf", "nan", "  \t\n\v\f\r 42 rest", "9223372036854775807", "9223372036854775808", "0xffffffffffffffffff", "1e400", "-0", "-0.0", "00012", "0e12", "0x0p0", "1e5.5", "e5", "x10", "0b1", "12abc", "\0012", "1\0002", "infinity", "0x1.8e2", "08", "1 2 3"} do
  reads(n, "n") reads(n, "n", "n", "n", "l")
end
reads(("1"):rep(199), "n") reads(("1"):rep(200), "n") reads(("1"):rep(201), "n") reads(("1"):rep(201), "n", 3) reads("0." .. ("0"):rep(300) .. "1", "n", "l") reads("-" .. ("9"):rep(200) .. "e1", "n", "l") reads("0x" .. ("f"):rep(198), "n") reads("0x" .. ("f"):rep(199), "n") reads((" "):rep(500) .. "1", "n")
with(("x"):rep(5000) .. "\n" .. ("y"):rep(70000), function(h) print(#h:read(), #h:read("a"), h:read("a"), h:read(), h:read(0)) end)
with("abc", function(h) print(h:read(2^20)) print(h:read(1)) end)
local d = io.open "/tmp" print(d:read(1)) print(d:read "a") print(d:read "l") print(d:read "n") print(d:read(0)) print(pcall(function() for l in d:lines() do end end)) d:close()
local w = io.open(p, "w") print(w:read()) print(w:read("a")) print(w:read("n", 1)) w:close()
os.remove(p)
