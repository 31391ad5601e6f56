-- Manual 2.5: finalizers, weak tables, collectgarbage.
local log = {}
local function note(x) log[#log + 1] = tostring(x) end
local function flush() print(table.concat(log, " ")) log = {} end
local together = {}
for i = 1, 3 do together[i] = setmetatable({}, {__gc = function() note("gc" .. i) end}) end
together = nil collectgarbage() flush()
-- In reverse order of marking; a field added later does not count.
local mt = {}
setmetatable({}, mt) mt.__gc = function() note("late") end
collectgarbage() flush()
setmetatable({}, {__gc = true})
collectgarbage() flush()
-- Resurrection: finalized once, unless marked again.
local kept
do local x = setmetatable({n = 0}, {__gc = function(o) o.n = o.n + 1 kept = o note("up" .. o.n) end}) end
collectgarbage() flush()
kept = nil collectgarbage() collectgarbage() flush()
do local remark remark = {__gc = function(o) o.n = o.n + 1 note("again" .. o.n) if o.n < 3 then setmetatable(o, remark) end end} setmetatable({n = 0}, remark) end
collectgarbage() collectgarbage() collectgarbage() collectgarbage() flush()
-- An error in a finalizer is a warning, and a variable that it wants closed is closed.
setmetatable({}, {__gc = function() local c <close> = setmetatable({}, {__close = function(_, e) note("closed:" .. tostring(e):gsub("^.-:%d+: ", "")) end}) error("in gc") end})
collectgarbage() flush()
-- The arguments and results; it cannot yield.
setmetatable({}, {__gc = function(...) note(select("#", ...)) note(coroutine.isyieldable()) return 1, 2 end})
collectgarbage() flush()
coroutine.wrap(function() setmetatable({}, {__gc = function() note(pcall(coroutine.yield)) note(coroutine.isyieldable()) end}) collectgarbage() end)() flush()
-- Weak keys, weak values, both; strings and numbers stay, objects go.
local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end
local values = setmetatable({}, {__mode = "v"})
values[1], values[2], values.x, values[3] = {}, "text", {}, function() end
local keep = {} values.keep = keep
collectgarbage() print(count(values), values[2], values.keep == keep, values.x)
local keys = setmetatable({}, {__mode = "k"})
keys[{}] = 1 keys["s"] = {} keys[1] = {} keys[keep] = {}
collectgarbage() print(count(keys), type(keys.s), type(keys[1]), type(keys[keep]))
-- Ephemerons: a value that refers to its own key keeps nothing.
do local k = {} keys[k] = {k} end
do local k1, k2 = {}, {} keys[k1] = k2 keys[k2] = k1 end
collectgarbage() print(count(keys))
do local k1 = {} local k2 = {} keys[keep] = k1 keys[k1] = k2 keys[k2] = "end of chain" end
collectgarbage() print(count(keys), keys[keys[keys[keep]]])
local both = setmetatable({}, {__mode = "kv"})
both[{}] = keep both[keep] = {} both[1] = {}
collectgarbage() print(count(both))
setmetatable(both, {__mode = "x"}) both[1] = {} collectgarbage() print(count(both))
setmetatable(both, {__mode = 1}) both[2] = {} collectgarbage() print(count(both))
-- A resurrected object leaves weak values before its finalizer, weak keys after it.
local wv, wk, seen = setmetatable({}, {__mode = "v"}), setmetatable({}, {__mode = "k"})
do local o = setmetatable({}, {__gc = function(o) seen = tostring(wv[1] == nil) .. tostring(wk[o]) end}) wv[1] = o wk[o] = "k" end
collectgarbage() print(seen, wv[1], count(wk)) collectgarbage() print(count(wk))
-- The options.
print(collectgarbage("count") > 0, math.type(collectgarbage("count")), collectgarbage("step"), collectgarbage("isrunning"))
print(collectgarbage("stop"), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("isrunning"))
print(collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("generational", 20, 100), collectgarbage("incremental", 100, 200, 10), collectgarbage("incremental"))
print(collectgarbage("setpause", 150), collectgarbage("setpause", 200), collectgarbage("setstepmul", 300), collectgarbage("setstepmul", 100))
print(pcall(collectgarbage, "nothing")) print(pcall(collectgarbage, 1)) print(pcall(collectgarbage, "step", "x")) print(collectgarbage(), collectgarbage(nil), collectgarbage("collect", 5))
setmetatable({}, {__gc = function() note(collectgarbage()) note(collectgarbage("step")) note(collectgarbage("count")) note(pcall(collectgarbage, "bad")) end})
collectgarbage() print((table.concat(log, " "):gsub("%d%d+[.]?%d*", "N"))) log = {}
