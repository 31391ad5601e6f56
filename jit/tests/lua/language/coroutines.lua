-- Manual 2.6 and 6.2: coroutines, and every function of the library.
local co = coroutine.create(function(a, b)
  print("start", a, b)
  local c = coroutine.yield(a + b)
  print("got", c)
  local d, e = coroutine.yield(c * 2)
  print("got", d, e)
  return b + c, "end"
end)
print(coroutine.status(co), coroutine.resume(co, 1, 10)) print(coroutine.status(co), coroutine.resume(co, 5)) print(coroutine.resume(co, "x", "y")) print(coroutine.status(co), coroutine.resume(co))
print(coroutine.resume(coroutine.create(function(...) return select("#", ...), ... end), nil, nil))
for _, f in ipairs {"create", "wrap", "resume", "status", "close", "isyieldable"} do print(f, pcall(coroutine[f])) print(f, pcall(coroutine[f], 1)) print(f, pcall(coroutine[f], {})) end
print(coroutine.resume(coroutine.create(print), "native body")) print(coroutine.resume(coroutine.create(error), "native error")) print(coroutine.resume(coroutine.create(coroutine.yield), "native yield"))
-- wrap: values, errors with a position, closing.
local gen = coroutine.wrap(function(n) for i = 1, n do coroutine.yield(i, i * i) end return "last" end)
print(gen(2)) print(gen()) print(gen()) print(pcall(gen))
print(pcall(coroutine.wrap(function() error("text") end))) print(pcall(coroutine.wrap(function() error({}) end)) == false) print(pcall(coroutine.wrap(function() error("text", 0) end))) print(pcall(coroutine.wrap(function() local x = nil + 1 end)))
print(pcall(function() coroutine.wrap(function() error("nested") end)() end))
for a, b in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i, -i) end end) do write(a, " ", b, ";") end print()
-- status, running, isyieldable from every place.
local main, is_main = coroutine.running() print(type(main), is_main, coroutine.isyieldable(), coroutine.isyieldable(main), coroutine.status(main))
local outer outer = coroutine.create(function() local inner = coroutine.create(function() print(coroutine.status(outer), coroutine.status(coroutine.running()), select(2, coroutine.running()), coroutine.isyieldable(), coroutine.isyieldable(outer)) print(coroutine.resume(outer)) print(coroutine.resume(coroutine.running())) print(pcall(coroutine.close, outer)) print(pcall(coroutine.close, coroutine.running())) end) print(coroutine.resume(inner)) print(coroutine.status(inner)) end)
print(coroutine.resume(outer)) print(coroutine.resume(main)) print(pcall(coroutine.close, main)) print(pcall(coroutine.yield, 1))
-- Yields across pcall, xpcall, metamethods, iterators, dofile-like C functions.
local function trace(f, ...) local c = coroutine.create(f) local r = table.pack(coroutine.resume(c, ...)) while true do print(table.unpack(r, 1, r.n)) if coroutine.status(c) ~= "suspended" then return end r = table.pack(coroutine.resume(c, "resumed")) end end
trace(function() print(pcall(function() print(coroutine.yield("in pcall")) error("after", 0) end)) return "done" end)
trace(function() print(xpcall(function() coroutine.yield("in xpcall") error("after", 0) end, function(m) return "H " .. m end)) end)
trace(function() print(xpcall(error, function(m) return select(2, pcall(coroutine.yield, m)) end, "in handler")) end)
trace(function() print(pcall(pcall, pcall, function() return coroutine.yield("deep") end)) end)
local Y = function(name, result) return function(...) return coroutine.yield(name) and result end end
local t = setmetatable({}, {__add = Y("add", 1), __index = Y("index", 2), __newindex = Y("newindex"), __call = Y("call", 3), __len = Y("len", 4), __eq = Y("eq", true), __lt = Y("lt", true), __le = Y("le", false), __concat = Y("concat", "c"), __unm = Y("unm", 5), __close = Y("close"), __band = Y("band", 6), __idiv = Y("idiv", 7)})
trace(function() print(t + 1, t.x, t(), #t, t == setmetatable({}, getmetatable(t)), t < t, t <= t, t > 1, t >= 1, t .. "x", "y" .. t, -t, t & 1, t // 2) t.y = 1 do local c <close> = t end if t < 1 then print "less" end if not (t <= 1) then print "not le" end return "x" .. t .. "z" end)
trace(function() for i in function(_, i) i = (i or 0) + 1 coroutine.yield("iter " .. i) if i < 3 then return i end end do print("body", i) end end)
trace(function() for k, v in pairs(setmetatable({}, {__pairs = function() coroutine.yield("pairs") return next, {a = 1} end})) do print(k, v) end end)
trace(function() local c <close> = setmetatable({}, {__close = function(_, e) coroutine.yield("closing " .. tostring(e)) end}) error("e", 0) end)
trace(function() for i = 1, 2 do local c <close> = setmetatable({}, {__close = function() coroutine.yield("loop close " .. i) end}) if i == 2 then return "value " .. i end end end)
-- Across C: not allowed.
trace(function() print(pcall(table.sort, {3, 2, 1}, function(a, b) coroutine.yield() return a < b end)) end)
trace(function() print(pcall(string.gsub, "abc", ".", function() coroutine.yield() end)) end)
trace(function() print(pcall(load, function() coroutine.yield() end)) print(load(function() coroutine.yield() end)) end)
trace(function() print(pcall(tostring, setmetatable({}, {__tostring = function() coroutine.yield() end}))) end)
trace(function() string.gsub("x", ".", function() print(coroutine.isyieldable()) end) print(coroutine.isyieldable()) end)
-- close: pending variables, their errors, what it returns.
local function closing(name, e) return setmetatable({}, {__close = function(_, m) print("close " .. name, m) if e then error(e, 0) end end}) end
local c = coroutine.create(function() local x <close>, y = closing("x") local z <close> = closing("z", "z failed") coroutine.yield() end)
coroutine.resume(c) print(coroutine.close(c)) print(coroutine.status(c), coroutine.close(c))
c = coroutine.create(function() local x <close> = closing("x") error("body", 0) end) print(coroutine.resume(c)) print(coroutine.status(c)) print(coroutine.close(c)) print(coroutine.close(c))
c = coroutine.create(function() error({"obj"}) end) coroutine.resume(c) print(coroutine.close(c) == false, coroutine.close(c))
print(coroutine.close(coroutine.create(print))) print(pcall(coroutine.wrap(function() local x <close> = closing("w", "w failed") error("first", 0) end)))
c = coroutine.create(function() local x <close> = closing("never") coroutine.yield() end) coroutine.resume(c) c = nil collectgarbage() print "collected, not closed"
-- Tracebacks of dead coroutines show where the error was, also inside callbacks of natives.
c = coroutine.create(function() local function f() error("deep", 0) end f() end) coroutine.resume(c) print(debug.traceback(c)) print(debug.traceback(c, "m", 1)) print(debug.traceback(c, nil, 5))
c = coroutine.create(function() string.gsub("abc", ".", function(x) local function g() error(x) end g() end) end) print(coroutine.resume(c)) print(debug.traceback(c)) print(debug.getinfo(c, 1, "l").currentline, debug.getlocal(c, 2, 1)) print(coroutine.close(c)) print(debug.traceback(c))
c = coroutine.create(function() table.sort({3, 1, 2}, function(a, b) return a < b.x end) end) print(coroutine.resume(c)) print(debug.traceback(c))
c = coroutine.create(function() return tostring(setmetatable({}, {__tostring = function() return {} .. "" end})) end) print(coroutine.resume(c)) print(debug.traceback(c))
c = coroutine.create(function() pcall(string.gsub, "a", ".", error) string.gsub("a", ".", function() print(pcall(string.gsub, "b", ".", function() error("in") end)) print(load(function() error("reader", 0) end)) table.concat({{}}) end) end) print(coroutine.resume(c)) print(debug.traceback(c))
c = coroutine.create(function() setmetatable({}, {__gc = function() error("gc", 0) end}) string.gsub("a", ".", function() collectgarbage() local x <close> = setmetatable({}, {__close = function() error("closed", 0) end}) error("out", 0) end) end) print(coroutine.resume(c)) print(debug.traceback(c)) print(coroutine.close(c))
c = coroutine.wrap(function() string.gsub("a", ".", function() local x <close> = closing("in callback") error("cb", 0) end) end) print(pcall(c))
-- Recursion of coroutines has a limit.
local function nest(n) return coroutine.wrap(function() return nest(n + 1) end)() end
local ok, message = pcall(nest, 1) print(ok, message:match("C stack overflow"))
-- Many values.
print(select("#", coroutine.wrap(function(...) return coroutine.yield(...) end)(table.unpack({}, 1, 200))))
local wide = coroutine.create(function(...) return select("#", coroutine.yield(...)) end) print(select("#", coroutine.resume(wide, table.unpack({}, 1, 5000))), coroutine.resume(wide, table.unpack({}, 1, 70000)))
