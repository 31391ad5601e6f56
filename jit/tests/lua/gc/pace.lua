-- pace
print(collectgarbage("setpause", 100), collectgarbage("setpause", 200), collectgarbage("setstepmul", 1000), collectgarbage("setstepmul", 100))
print(collectgarbage("generational"), collectgarbage("incremental", 10, 10, 10), collectgarbage("generational", 1), collectgarbage("incremental"))
print(collectgarbage("stop"), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("isrunning"))
repeat local a = {} until collectgarbage("step", 1)
print(collectgarbage("step", 100000), collectgarbage("step", -1))
local wk = setmetatable({}, {__mode = "k"})
do local x = setmetatable({}, {__gc = function(s) print("key", wk[s]) end}) wk[x] = "present" end
collectgarbage() print(next(wk) ~= nil) collectgarbage() print(next(wk) ~= nil)
