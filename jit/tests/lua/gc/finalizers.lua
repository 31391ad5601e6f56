-- order, resurrection, errors, when an object is marked
local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end
-- marked in one order, made in another
local a, b, c = {"a"}, {"b"}, {"c"}
local mt = {__gc = function(o) print("fin", o[1]) end}
setmetatable(b, mt) setmetatable(a, mt) setmetatable(c, mt)
setmetatable(b, mt) -- marked already: keeps its place
a, b, c = nil collectgarbage()
-- a metatable without __gc at the time
local m = {} local o = setmetatable({}, m) m.__gc = function() print "never" end
o = nil collectgarbage()
-- set again afterwards
o = setmetatable({}, m) setmetatable(o, m) o = nil collectgarbage() print "after m"
-- a finalizer that is not a function, or is gone when its time comes
for _, v in ipairs {1, "x", true} do setmetatable({}, {__gc = v}) end
do local gone = {__gc = function() print "not called" end} local x = setmetatable({}, gone) gone.__gc = nil end
collectgarbage()
-- callable objects
setmetatable({}, {__gc = setmetatable({}, {__call = function(self, x, ...) print("called", type(self), type(x), ...) end})})
collectgarbage()
-- resurrection: once only, unless marked again
local store = {}
local again = {__gc = function(self) store[#store + 1] = self end}
setmetatable({name = "once"}, again) collectgarbage()
print(#store, store[1].name) store[1] = nil collectgarbage() print(#store)
local forever forever = {__gc = function(self) store.n = (store.n or 0) + 1 if store.n < 4 then setmetatable(self, forever) end end}
setmetatable({}, forever)
for i = 1, 6 do collectgarbage() end print(store.n)
-- what a dying object refers to is still there
do local inner = setmetatable({"inner"}, {__gc = function(x) print("inner dies", x[1]) end})
  setmetatable({inner}, {__gc = function(x) print("outer dies", x[1][1]) end}) end
collectgarbage() collectgarbage()
-- cycles
do local x, y = {"x"}, {"y"} x.other, y.other = y, x
  setmetatable(x, {__gc = function(s) print(s[1], s.other[1], s.other.other == s) end})
  setmetatable(y, {__gc = function(s) print(s[1], s.other[1], s.other.other == s) end}) end
collectgarbage()
-- errors are warnings, and others are still called
do local l = {} for i = 1, 4 do l[i] = setmetatable({}, {__gc = function() if i % 2 == 0 then error("e" .. i) end print("ok", i) end}) end end
collectgarbage()
print(pcall(collectgarbage))
-- a finalizer that makes garbage, also with finalizers
do local depth = 0
  local function more() if depth < 5 then depth = depth + 1 setmetatable({}, {__gc = function() print("depth", depth) more() end}) end end
  more() end
for i = 1, 7 do collectgarbage() end
-- the stack around a finalizer is intact
local function sum(...) local s = 0 for _, v in ipairs {...} do s = s + v end return s end
print(sum(1, 2, (function() setmetatable({}, {__gc = function(...) local t = {...} for i = 1, 20 do t[i] = {} end end}) collectgarbage() return 3 end)(), 4))
-- collectgarbage inside a finalizer does nothing
setmetatable({}, {__gc = function() print(collectgarbage("collect"), collectgarbage("count"), collectgarbage("stop"), collectgarbage("setpause", 10), collectgarbage("incremental"), pcall(collectgarbage, "nothing")) end}) collectgarbage()
print(collectgarbage("isrunning"))
-- finalizers and weak tables: values go before, keys after
local wk, wv = setmetatable({}, {__mode = "k"}), setmetatable({}, {__mode = "v"})
do local x = setmetatable({"thing"}, {__gc = function(s) print("key", wk[s], "value", wv[1]) end}) wk[x] = "present" wv[1] = x end
collectgarbage() collectgarbage() print(count(wk), count(wv))
-- coroutines with pending finalizers and closures
do local coroutine = coroutine or {} local co = coroutine.wrap and coroutine.wrap(function() local x = setmetatable({}, {__gc = function() print "in a coroutine" end}) coroutine.yield() return x end)
  if co then co() end co = nil end
collectgarbage() collectgarbage()
-- many, in order
do local l, seen = {}, {} for i = 1, 300 do l[i] = setmetatable({}, {__gc = function() seen[#seen + 1] = i end}) end
  l = nil collectgarbage() local ok = #seen == 300 for i = 1, 300 do ok = ok and seen[i] == 301 - i end print(ok) end
-- __gc through a shared metatable that dies with its objects
do local shared = {__gc = function(o) print("shared", o.i) end} l = {} for i = 1, 3 do l[i] = setmetatable({i = i}, shared) end l = nil end
collectgarbage()
