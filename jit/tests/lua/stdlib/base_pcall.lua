print(pcall(function(...) return ... end, 1, nil, 3))
print(pcall(function() end))
print(pcall(pcall, error, "x"))
print(pcall(pcall))
print(pcall(1))
print(pcall({}))
print(pcall(nil))
print(pcall("x"))
try(pcall)
print(select("#", pcall(error)))
print(pcall(setmetatable({}, {__call = function(self, a) return "called", a end}), 5))
local function recurse(n) if n == 0 then error("bottom", 0) end local ok, e = pcall(recurse, n - 1) error(e .. n % 10, 0) end
print(pcall(recurse, 50))
print(pcall(function() local x <const> = 1 return pcall(function() return x + nil end) end))
local depth = 0
local function nest(n) if n > 0 then return pcall(nest, n - 1) end return "end" end
print(select("#", nest(40)))
print(pcall(string.rep)) print(pcall(string.rep, "x", {})) print(pcall(("x").rep, "x"))
for i = 1, 3 do print(pcall(next, {}, "nokey")) end
