-- Events of hooks: lines, counts, calls and returns, tail calls; what a hook sees and may do.
local sethook, gethook, info = debug.sethook, debug.gethook, debug.getinfo
local events = {}
local function name(level)
  local i = info(level + 1, "nSlt")
  return (i.name or "?") .. "/" .. i.namewhat .. "/" .. i.what .. "/" .. i.currentline .. "/" .. tostring(i.istailcall)
end
local function record(event, line) events[#events + 1] = event .. ":" .. tostring(line) .. " " .. name(2) end
local function lines(event, line) events[#events + 1] = event .. ":" .. tostring(line) end
local function finish()
  print(#events) for i, e in ipairs(events) do print(i, e) end events = {}
end
local function work(n)
  local s = 0
  for i = 1, n do
    s = s + i
  end
  local t = {}
  for k, v in pairs {1, 2} do
    t[k] = v
  end
  while s > 0 do s = s - 3 end
  repeat s = s + 1 until s > 2
  if s then
    s = 1
  else
    s = 2
  end
  return s
end
local function hooked(mask, count, f, ...)
  sethook(record, mask, count)
  local a = f(...)
  sethook()
  finish()
  return a
end
hooked("l", 0, work, 3)
hooked("c", 0, work, 2)
hooked("r", 0, work, 2)
hooked("crl", 0, work, 1)
hooked("", 1, work, 1)
hooked("", 3, work, 5)
hooked("", 10, work, 20)
hooked("l", 2, work, 2)
hooked("crl", 5, work, 1)
local function tail2(x) return x end
local function tail1(x) return tail2(x + 1) end
local function tails() return tail1(1) end
hooked("crl", 0, tails)
local function natives() return math.abs(string.len("x"), 2), select("#", 1, 2) end
hooked("cr", 0, natives)
hooked("crl", 0, function() return string.rep("x", 3) end)
hooked("cr", 0, function() return pcall(error, "x") end)
hooked("cr", 0, function() return (pcall(string.rep)) end)
hooked("crl", 0, function() local ok = pcall(function() local x = nil; return x.y end) return ok end)
hooked("crl", 0, function() return select("#", pcall(pcall, error, "e")) end)
hooked("cr", 0, function() return xpcall(error, function(m) return m end, "msg") end)
hooked("crl", 0, function(...) local a, b = ... return a end, 1, 2)
hooked("crl", 0, function(a, ...) return a end)
local mt = {__index = function(t, k) return k end, __add = function(a, b) return 1 end, __eq = function() return true end, __lt = function() return true end,
  __call = function(self, x) return x end, __concat = function() return "c" end, __len = function() return 3 end, __newindex = function() end}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
hooked("crl", 0, function()
  local x = a.x .. 1 .. a
  if a == b then x = a + b end
  if a < b then x = #a end
  a.y = 1
  return a(5)
end)
hooked("cr", 0, function() table.sort({3, 1, 2}, function(x, y) return x < y end) return 1 end)
hooked("crl", 0, function() local s = ("ab"):gsub(".", function(c)
  return c
end) return s end)
hooked("crl", 0, function() for k in pairs {10, 20} do local x = k end for i, v in ipairs {1} do local y = v end return 1 end)
hooked("l", 0, load("local a = 1\nlocal b = 2\n\n\nfor i = 1, 2 do\n  a = a + i\nend\ngoto done\na = 5\n::done::\nreturn a"))
hooked("l", 0, load("local x\nwhile true do\nx = (x or 0) + 1 if x > 3 then break end\nend\nreturn\nx"))
hooked("l", 0, load("while true do break end return 1"))
hooked("l", 0, load("local n = 0 while n < 3 do n = n + 1 end return n"))
hooked("l", 0, load(string.dump(load("local a = 1\nlocal b = 2\nfor i = 1, 2 do a = a + b\n end return a"), true)))
hooked("crl", 1, load(string.dump(load("local a = 1\nlocal function f() return 1 end\nreturn f()"), true)))
hooked("l", 0, load("return " .. ("\n"):rep(200) .. "1 + " .. ("\n"):rep(300) .. "(...)"), 1)
-- gethook
print(gethook()) sethook(lines, "crl", 7) local h, m, c = gethook() sethook() print(h == lines, m, c) events = {}
sethook(lines, "", 0) print(gethook()) sethook(lines, "r") h, m, c = gethook() sethook() print(h == lines, m, c) events = {}
sethook(lines, "zlx", -5) h, m, c = gethook() sethook() print(h == lines, m, c) events = {}
print(pcall(sethook, 1)) print(pcall(sethook, 1, "l")) print(pcall(sethook, lines)) print(pcall(sethook, lines, {})) print(pcall(sethook, lines, "l", "x")) print(gethook())
-- Hooks do not run inside hooks.
local depth, max = 0, 0
sethook(function() depth = depth + 1 if depth > max then max = depth end local x = tostring(1) .. tostring(2) depth = depth - 1 end, "crl", 1)
work(3) sethook() print(max)
-- A hook that removes itself, or replaces itself.
local n = 0
sethook(function() n = n + 1 if n == 3 then sethook() end end, "l") work(3) print(n, gethook())
sethook(function() n = n + 1 sethook(function() n = n + 100 sethook() end, "l") end, "l") work(3) print(n, gethook())
-- Errors in hooks.
print(pcall(function()
  sethook(function(e, l) sethook() error("hook " .. e .. " " .. tostring(l)) end, "l")
  local x = 1
end)) print(gethook())
print(pcall(function()
  sethook(function(e, l) sethook() error("hook " .. e, 2) end, "c")
  tail2(1)
end)) print(gethook())
print(type(select(2, pcall(function() sethook(function(e) sethook() error({}) end, "r") tail2(1) end))))
print(pcall(function() sethook(function(e) sethook() local x = nil; x() end, "", 5) for i = 1, 100 do end end))
-- Errors while a hook stays set: hooks work afterwards.
local seen = 0
sethook(record, "crl")
pcall(error, "x") pcall(function() local x = nil + 1 end) pcall(string.rep)
sethook() finish()
seen = 0
sethook(function(e, l) seen = seen + 1 if seen == 5 then error("in hook") end end, "l")
print(pcall(work, 10)) local before = seen
work(2) sethook() print(before, seen)
-- Frames and variables that a hook sees.
sethook(function(e, l)
  local i = 1
  while true do
    local n, v = debug.getlocal(2, i)
    if not n then break end
    -- What natives push, and what registers held before, is an engine's own.
    if n == "(temporary)" then v = nil end
    if n ~= "(C temporary)" then events[#events + 1] = e .. " " .. n .. "=" .. (type(v) == "number" and v or type(v)) end
    i = i + 1
  end
end, "crl")
local function vars(p, q) local r = p + q
  do local s = r * 2 end
  return r, p
end
vars(3, 4) sethook() finish()
local function transfer(e)
  local i = info(2, "r") local s = e .. " " .. i.ftransfer .. " " .. i.ntransfer
  for k = i.ftransfer, i.ftransfer + i.ntransfer - 1 do local n, v = debug.getlocal(2, k) s = s .. " " .. tostring(n) .. "=" .. (type(v) == "number" and v or type(v)) end
  events[#events + 1] = s
end
local function many(a, b, c) return a, b, c, 4 end
local function varargs(a, ...) return ... end
sethook(transfer, "cr") many(1, 2, 3) many() varargs(1, 2, 3) varargs() math.max(1, 5, 3) select(2, "a", "b") ;(function() return math.min(7, 8) end)() tails() sethook() finish()
sethook(transfer, "l", 3) many(1, 2) sethook() finish()
-- A hook changes variables.
local function changed() local x = 1
  local y = 2
  return x
end
sethook(function(e, l) for i = 1, 5 do local n = debug.getlocal(2, i) if n == "x" then debug.setlocal(2, i, 99) end end end, "l")
local got = changed() sethook() print(got)
sethook(function(e) if e == "return" then local n = debug.getlocal(2, 1) events[#events + 1] = tostring(n) end end, "r") changed() sethook() finish()
-- The traceback from a hook.
sethook(function(e, l) sethook() print((debug.traceback("hook " .. e))) end, "l")
local x = 1
sethook(function(e, l) sethook() print((debug.traceback("hook " .. e))) end, "c") tail2(1)
sethook(function(e, l) sethook() print((debug.traceback("hook " .. e))) end, "r") tail2(1)
sethook(function(e, l) sethook() print((debug.traceback("hook " .. e))) end, "c") math.abs(1)
sethook(function(e, l) sethook() print((debug.traceback("hook " .. e))) end, "", 1)
-- Loops on one line, nested functions over lines, and functions entered again.
hooked("l", 0, load("for i = 1, 3 do local f = function()\n return i\n end f() end return 1"))
hooked("l", 0, load("local function f(n) if n > 0 then\n return f(n - 1) end\n return n end\n return f(2)"))
hooked("l", 0, load("local function f(n) if n > 0 then\n f(n - 1) end\n return n end\n return f(2)"))
hooked("l", 0, load("local t = {\n1,\n2,\nmath.abs(3),\n}\nreturn t"))
hooked("l", 0, load("local a =\n1 +\nmath.abs(\n2)\n+ 3\nreturn a"))
hooked("", 100, function() local s = 0 for i = 1, 1000 do s = s + i end return s end)
hooked("l", 0, function() string.gsub("xyz", ".", "%0") local t = setmetatable({}, {__gc = nil}) return t end)
-- A count hook stops a loop.
print(pcall(function() sethook(function() sethook() error("timeout") end, "", 1000) while true do end end))
print(pcall(function() sethook(function() sethook() error("timeout") end, "", 1000) repeat until false end))
print(pcall(function() sethook(function() sethook() error("timeout") end, "", 1000) local function f() return f() end f() end))
