-- weak values
local t = setmetatable({}, {__mode = "v"})
t[1] = {}; t[2] = "str" .. 1; t[3] = 5; t.x = {}; t.y = function() return t end; t.z = print
local keep = {}; t.keep = keep
collectgarbage()
local function show(t) local r = {} for k, v in pairs(t) do r[#r+1] = tostring(k) .. "=" .. type(v) end table.sort(r) print(table.concat(r, " ")) end
show(t)
local k = setmetatable({}, {__mode = "k"})
k[{}] = 1; k[keep] = {}; k["a"] = {}; k[1] = {}; k[function() end] = 2
collectgarbage(); 
local n = 0 for a, b in pairs(k) do n = n + 1 end print(n)
-- ephemeron chain
local e = setmetatable({}, {__mode = "k"})
local first = {}
do local x = first for i = 1, 100 do local y = {} e[x] = y x = y end end
collectgarbage()
n = 0 for _ in pairs(e) do n = n + 1 end print(n)
first = nil collectgarbage()
n = 0 for _ in pairs(e) do n = n + 1 end print(n)
-- finalizers
local list = {}
for i = 1, 5 do list[i] = setmetatable({}, {__gc = function() print("gc", i) end}) end
list = nil
collectgarbage()
local mt = {} local o = setmetatable({}, mt) mt.__gc = function() print("late") end o = nil collectgarbage() print "no late"
mt = {__gc = true} o = setmetatable({}, mt) mt.__gc = function() print("replaced") end o = nil collectgarbage()
local saved
do local r = setmetatable({name = "r"}, {__gc = function(self) saved = self end}) end
collectgarbage() print(saved.name) saved = nil collectgarbage() print(saved)
setmetatable({}, {__gc = function() print(collectgarbage("count"), collectgarbage("step"), collectgarbage("isrunning"), collectgarbage("generational"), collectgarbage()) end})
collectgarbage()
setmetatable({}, {__gc = function() error "x" end}) collectgarbage()
