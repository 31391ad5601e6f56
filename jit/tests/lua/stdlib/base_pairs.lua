for k, v in pairs({1, 2, 3}) do print(k, v) end
local f, s, c = pairs({}) print(f == next, type(s), c)
for k, v in pairs(setmetatable({}, {__pairs = function(self) return function(_, k) k = (k or 0) + 1 if k < 4 then return k, k * k end end, self, nil end})) do print(k, v) end
print(pairs(setmetatable({}, {__pairs = function(...) return select("#", ...), 2, 3, 4 end})))
print(pairs(setmetatable({}, {__pairs = function() return 1 end})))
try(pairs) print(select("#", pairs(nil))) print(select("#", pairs(1))) bad(pairs) bad(pairs, nil)
print(pcall(function() for k in pairs(nil) do end end)) print(pcall(function() for k in pairs(5) do end end))
print(pairs("x") == next, select("#", pairs(1)))
for i, v in ipairs(setmetatable({}, {__index = function(_, i) if i < 4 then return i * i end end})) do print(i, v) end
