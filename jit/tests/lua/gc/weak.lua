-- weak tables of all modes
local function keys(t) local r = {} for k, v in pairs(t) do r[#r + 1] = ((type(k) == "table" or type(k) == "function") and type(k) or tostring(k)) .. ":" .. type(v) end table.sort(r) return #r .. " " .. table.concat(r, " ") end
local held = {}
local function fill(t)
  t[1] = {} t[2] = held t[3] = "s" .. #held t[4] = 4.5 t[5] = true t[6] = print t[7] = function() return t end
  t[{}] = 1 t[held] = 2 t["k" .. #held] = {} t[true] = {} t[2.5] = held t[function() return held end] = held t[{}] = {}
  return t
end
for _, mode in ipairs {"", "k", "v", "kv", "vk", "x", "xkx", "v\0k", "\0k", ("k"):rep(50)} do
  local t = setmetatable(fill {}, {__mode = mode})
  collectgarbage() print(#mode, keys(t))
end
for _, mode in ipairs {1, true, {}} do local t = setmetatable(fill {}, {__mode = mode}) collectgarbage() print(keys(t)) end
-- the mode changes
local m = {} local t = setmetatable(fill {}, m)
collectgarbage() print(keys(t)) m.__mode = "k" collectgarbage() print(keys(t)) m.__mode = "v" collectgarbage() print(keys(t))
setmetatable(t, nil) t[1] = {} collectgarbage() print(keys(t))
-- strings are values: they stay, also as only keys or values
local s = setmetatable({}, {__mode = "kv"})
for i = 1, 20 do s["key" .. i] = "value" .. i s[i] = ("long"):rep(30) .. i s[("lk"):rep(30) .. i] = i end
collectgarbage() collectgarbage() local n = 0 for k, v in pairs(s) do n = n + 1 end print(n, s.key7, #s[9])
-- ephemerons: chains forwards and backwards, across tables, loops through a key
local function count(t) local c = 0 for _ in pairs(t) do c = c + 1 end return c end
local e1, e2 = setmetatable({}, {__mode = "k"}), setmetatable({}, {__mode = "k"})
local root = {}
do local x = root for i = 1, 200 do local y = {i} if i % 2 == 0 then e1[x] = y else e2[x] = y end x = y end end
collectgarbage() print(count(e1), count(e2))
do local x, n = root, 0 while x do x = e1[x] or e2[x] n = n + 1 end print(n) end
root = nil collectgarbage() print(count(e1), count(e2))
do local k = {} e1[k] = k e1[{}] = {k} local a, b = {}, {} e1[a] = b e2[b] = a end
collectgarbage() print(count(e1), count(e2))
do local k = {} e1[k] = function() return k end end collectgarbage() print(count(e1))
-- array part of a table with weak keys is strong
local arr = setmetatable({{}, {}, {}}, {__mode = "k"}) collectgarbage() print(#arr)
-- weak values in the array part
arr = setmetatable({{}, held, {}, "x"}, {__mode = "v"}) collectgarbage() print(arr[1], arr[2] == held, arr[3], arr[4])
-- traversal while entries vanish; assignments to fields during it
local w = setmetatable({}, {__mode = "k"})
for i = 1, 100 do w[{}] = i end for i = 1, 10 do w[i] = i end
n = 0 for k in pairs(w) do n = n + 1 w[k] = nil if n == 5 then collectgarbage() end end print(next(w))
-- a weak table that refers to itself, and one only reachable through a weak one
do local self = setmetatable({}, {__mode = "k"}) self[self] = self self[1] = self end
local outer = setmetatable({}, {__mode = "v"}) outer[1] = setmetatable({held}, {__mode = "v"}) collectgarbage() print(outer[1])
-- resurrected weak tables lose their values
local back
do local x = setmetatable({{}, held}, {__mode = "v", __gc = function(o) back = o end}) end
collectgarbage() print(back[1], back[2] == held)
-- a cache keeps what is in use
local cache = setmetatable({}, {__mode = "v"})
local function get(i) local v = cache[i] if not v then v = {i} cache[i] = v end return v end
local five = get(5) for i = 1, 50 do get(i) end collectgarbage() print(get(5) == five, count(cache))
-- upvalues, metatables, closures hold
do local v = {} local f = function() return v end held.f = f cache.v = v end collectgarbage() print(cache.v == held.f())
do local mt2 = {} held.o = setmetatable({}, mt2) cache.mt = mt2 end collectgarbage() print(cache.mt == getmetatable(held.o))
held = nil collectgarbage() print(type(cache.v), type(cache.mt))
