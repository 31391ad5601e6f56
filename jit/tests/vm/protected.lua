print(pcall(function() return 1, 2, 3 end))
print(pcall(function() error("x") end))
print(pcall(function() error("x", 0) end))
print(pcall(error))
print(pcall(error, nil))
print(pcall(error, {}, 0) == false)
print(pcall(function(...) return select("#", ...), ... end, 1, nil, 3))
---
print(select("#", pcall(error)), pcall(pcall), pcall(pcall, error, "e"))
print(pcall(pcall, pcall, error, "e"))
---
local ok, e = pcall(function() local ok, e = pcall(error, "inner", 0) error("outer " .. e, 0) end)
print(ok, e)
---
local function f() error("in f") end
local ok, e = pcall(f)
print(ok, e)
for i = 1, 3 do local ok, e = pcall(f) print(i, ok, e) end
---
print(xpcall(function() error("x", 0) end, function(m) return "handled " .. m end))
print(xpcall(function(a, b) return a + b end, function(m) return m end, 1, 2))
print(xpcall(function() return nil + 1 end, function(m) return "H:" .. m end))
---
print(xpcall(function() local x = pcall(error, "inner") error("outer", 0) end, function(m) return "H:" .. m end))
print(xpcall(function() return xpcall(error, function(m) return "inner " .. m end, "e") end, function(m) return "outer " .. m end))
---
print(xpcall(error, function(m) return m .. "!" end, "e"))
print(xpcall(error, print, "to print"))
---
print(select("#", xpcall(error, function() return 1, 2, 3 end)))
---
local x = 0
local ok, e = pcall(function() for i = 1, 10 do x = i; if i == 5 then error({i}) end end end)
print(ok, e[1], x)
---
local a = {}
for i = 1, 3 do
  local v = i
  a[i] = select(2, pcall(function() local w = v * 2; error(function() w = w + 1 return w, v end) end))
end
print(a[1](), a[1](), a[2](), a[3]())
---
local function rec(n) if n == 0 then error("bottom", 0) end local ok, e = pcall(rec, n - 1) error(e .. n, 0) end
print(pcall(rec, 10))
---
local function deep(n) local ok, e = pcall(deep, n + 1) if not ok then error(e, 0) end return e end
local ok, e = pcall(deep, 1)
print(ok, e)
---
local function f() return f() + 1 end
local ok, e = pcall(f)
print(ok, e)
local ok, e = pcall(f)
print(ok, e)
---
local function f(...) return f(1, ...) + 1 end
local ok, e = pcall(f)
print(ok, e)
---
return pcall(function() return 1 end)
---
local function t() return pcall(error, "tail", 0) end
print(t())
print((t()))
local r = {t()}
print(#r, r[1], r[2])
---
local t = setmetatable({}, {__index = function(t, k) return select(2, pcall(error, k, 0)) end})
print(t.abc, t.def .. t.ghi)
---
local t = setmetatable({}, {__add = function(a, b) local ok, e = pcall(error, "caught", 0) return e end})
print(t + 1, 1 + t)
---
for k, v in (function() local n = 0 return function() n = n + 1; local ok, e = pcall(error, n, 0); if n <= 3 then return e, ok end end end)() do print(k, v) end
---
print(pcall(function() local t = nil; t.x = 1 end))
print(pcall(function() local t = {}; t[nil] = 1 end))
print(pcall(function() return 1 < {} end))
print(pcall(function() return {} .. "x" end))
print(pcall(next, {}, "x"))
print(pcall(rawset, {}, nil, 1))
---
print(xpcall(function() local function f() return f() + 1 end return f() end, function(m) return "overflow: " .. m end))
---
print(xpcall(function() error("first", 0) end, function(m) error("second", 0) end))
---
print(pcall(setmetatable, 1))
print(pcall(string.rep))
local p, r = pcall, string.rep
print(p(r))
---
local ok, e = pcall(function() error(setmetatable({}, {__tostring = function() return "custom" end})) end)
print(ok, tostring(e))
---
error(setmetatable({}, {__tostring = function() return "custom" end}))
---
local ok, e = pcall(function() local a <const> = 5; local t = {}; return t.x.y end) print(e)
---
print(pcall(pcall))
print(pcall(xpcall))
print(pcall(xpcall, error))
