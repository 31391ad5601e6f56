for _, x in ipairs(EDGES) do print(tostring(x), math.type(x)) end
print(tostring(nil), tostring(true), tostring(false), tostring("s"), tostring(1e15), tostring(1e14), tostring(123456789012345678), tostring(0.1), tostring(1/3), tostring(1e100), tostring(-0.0), tostring(100.0), tostring(2^24))
print((tostring({}):gsub("0x%x+", "PTR")), (tostring(print):gsub("0x%x+", "PTR")), (tostring(try):gsub("0x%x+", "PTR")))
print(tostring(setmetatable({}, {__tostring = function(self) return "custom" end})), (tostring(setmetatable({}, {__name = "MyType"})):gsub("0x%x+", "PTR")), (tostring(setmetatable({}, {__name = 5})):gsub("0x%x+", "PTR")))
print(tostring(1, 2), select("#", tostring(setmetatable({}, {__tostring = function() return "a", "b" end}))))
try(tostring)
try(tostring, setmetatable({}, {__tostring = function() return 1 end}))
try(tostring, setmetatable({}, {__tostring = function() return {} end}))
try(tostring, setmetatable({}, {__tostring = function() error("boom", 0) end}))
try(tostring, setmetatable({}, {__tostring = 1}))
try(tostring, setmetatable({}, {__tostring = function() return 12.5 end}))

local t = {}
print(tostring(t) == ("table: %p"):format(t), tostring(print) == ("function: %p"):format(print))
