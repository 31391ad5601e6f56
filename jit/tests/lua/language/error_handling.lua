-- Manual 2.3: error, pcall, xpcall, error objects, message handlers, warn.
print(pcall(error))
print(pcall(error, nil))
print(pcall(error, "text", 0))
print(pcall(error, "text"))
print(pcall(error, {code = 1}))
print(select("#", pcall(error)))
local function level(n) error("at " .. tostring(n), n) end
for n = 0, 4 do print(pcall(function() level(n) end)) end
print(pcall(level, 1)) print(pcall(level, 2)) print(pcall(level, 3)) print(pcall(level, 50)) print(pcall(level, -1))
print(pcall(error, "m", "x"))
print(pcall(error, setmetatable({}, {__tostring = function() return "shown" end})))
local object = setmetatable({}, {__tostring = function() return "object" end})
print(select(2, pcall(error, object)) == object)
print(pcall(pcall)) print(pcall(pcall, error)) print(pcall(pcall, pcall, error, "e"))
print(pcall(xpcall)) print(pcall(xpcall, print)) print(pcall(xpcall, print, nil, 1))
print(xpcall(error, function(m) return "handled " .. tostring(m) end, "e"))
print(xpcall(function() local x = nil; x() end, function(m) return (m:gsub("^.-:%d+: ", "")) end))
print(xpcall(function(...) return select("#", ...), ... end, print, 1, nil, 3))
-- An error in the handler goes to the handler again, until it is too much.
local n = 0
print(xpcall(function() error("first", 0) end, function(m) n = n + 1 if n < 4 then error("again " .. m, 0) end return "stopped at " .. m end))
print(n)
print(select(2, xpcall(function() error("first", 0) end, function(m) error(m, 0) end)))
print(xpcall(function() error("x", 0) end, function(m) return m, "second is dropped" end))
print(xpcall(function() error() end, function(m) return type(m) end))
print(xpcall(error, error, "e"))
print(pcall(xpcall, error, 5, "not callable"))
print(pcall(xpcall, error, setmetatable({}, {__call = function(_, m) return "called " .. m end}), "e"))
-- Nested protection; the inner one catches.
print(pcall(function() print(pcall(error, "inner", 0)) error("outer", 0) end))
print(xpcall(function() return xpcall(error, function(m) return "inner:" .. m end, "e") end, function(m) return "outer:" .. m end))
-- Stack overflow is an error like others.
local function deep() return 1 + deep() end
local ok, message = pcall(deep)
print(ok, message:match("stack overflow"), #message < 250)
local function handled() return xpcall(deep, function(m) return "H" .. (m:match("stack overflow") or "?") end) end
print(handled())
print(pcall(string.rep, "x", -1)) print(pcall(string.rep)) print(pcall(("x").rep, "x", 1 << 60))
print(pcall(assert, false)) print(pcall(assert, nil, "m")) print(pcall(assert, false, {1} and 7)) print(pcall(assert)) print(assert(1, 2, 3))
print(select("#", pcall(assert, nil, nil)))
-- What the operand was called.
local t = {field = {}}
local up = t
print(pcall(function() local loc = nil; loc.x = 1 end))
print(pcall(function() return up.missing.x end))
print(pcall(function() up.field.deep.x = 1 end))
print(pcall(function() return up:nomethod() end))
print(pcall(function() return ("x"):nomethod() end))
print(pcall(function() return #nil end)) print(pcall(function() return -{} end)) print(pcall(function() return {} .. "x" end))
print(pcall(function() return 1 < "2" end)) print(pcall(function() return {} < {} end)) print(pcall(function() return nil < 1 end))
print(pcall(function() return "a" + 1 end)) print(pcall(function() return up.field + 1 end)) print(pcall(function() return 2^53 & 1.5 end))
print(pcall(function() local a = "x" return a & 1 end)) print(pcall(function() return up.n .. "x" end))
print(pcall(function() for i = 1, "x" do end end)) print(pcall(function() for i = "x", 1 do end end)) print(pcall(function() for i = 1, 2, 0 do end end))
print(pcall(function() for i = 1, 2, {} do end end)) print(pcall(function() for k in nil do end end)) print(pcall(function() for k in pairs() do end end))
print(pcall(next, {}, "absent")) print(pcall(ipairs)) print(pcall(setmetatable, 1, {})) print(pcall(rawlen, 1))
print(pcall(function() t.x.y.z = 1 end)) print(pcall(function() t[1][2] = 3 end)) print(pcall(function() local k = "key" return t[k][k] end))
print(pcall(function() string.nothing("x") end)) print(pcall(function() math.floor("x") end)) print(pcall(function() ("x"):rep({}) end)) print(pcall(function() ("x").rep() end))
