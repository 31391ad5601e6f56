print(load("return 1 + 1")())
print(load("x = ", "=name"))
print(load("return ...")(1, 2))
print(load("syntax error here"))
print(load("x =", "@file.lua"))
print(load("x =", "a\nb"))
print(load("x = }", "a string that is quite long and will be cut somewhere because it has more than sixty characters"))
print(pcall(load("error('e')", "=chunk")))
print(pcall(load("error('e')", "@file")))
print(pcall(load("error('e')")))
print(pcall(load("\n\nerror('e')", "return\nmore")))
local pieces = {"return ", "1", " + ", "41"}
local i = 0
print(load(function() i = i + 1 return pieces[i] end)()) i = 0
print(load(function() i = i + 1 if i == 1 then return "return 5" elseif i == 2 then return "" end return " + error" end)())
print(load(function() return {} end))
print(load(function() error("reader", 0) end))
print(load(function() return nil end)() == nil)
print(load("return x", "=c", "t", {x = "env"})())
print(load("x = 1; return _ENV", "=c", "t", {}) ().x)
print(pcall(load("return x", "=c", "t", nil)))
print(load("return 1", "=c", "b"))
print(load("return 1", "=c", "x"))
print(load("", "=c", ""))
print(load("return 1", nil, "bt")())
print(load("") ~= nil)
local dumped = string.dump(function(a) return a, x end)
print(load(dumped, "=d", "t"))
print(pcall(load(dumped, "=d", "b", {x = "bin"}), 7))
print(load("\27Lua", "=d"))
print(load(dumped:sub(1, 20), "=d"))
print(load("\27", "=d", "t"))
try(load)
try(load, nil)
try(load, {})
try(load, "x", {})
try(load, "x", "n", {})
try(load, 5)
try(load, true)
print(load("goto x"))
print(load("break"))
print(load("return 'unfinished"))
print(load("for"))
print(load("x = 0x"))
print(load("local x <foo> = 1"))
print(load("::a:: ::a::"))
print(load("--[["))
print(load("x = [["))
print(load("#!shebang\nreturn 1"))
local counter = 0
local function reader() counter = counter + 1 if counter <= 5 then return "x" .. counter .. " = " .. counter .. "\n" end end load(reader, "=r", "t", _ENV)()
print(x1, x5, counter)

-- How often a reader is asked: not after an error, as far as the text read tells.
local function asked(...)
  local pieces, n = {...}, 0
  local f, message = load(function() n = n + 1 if n > 30 then error("asked too often", 0) end return pieces[n] end, "=r")
  print(f ~= nil, message, n)
end
asked("x = = 1", " ", " ")
asked("x = 1", " ", " ")
asked("x = 'abc", "\n", "more")
asked("return 1 x", "y")
asked("return 1 x ", "y")
asked("x = 3", "3", "g", " ", "y")
asked("x = 3 ", "4")
asked("goto a ", "::a::", " ::a:: ", "x")
asked("break ", "x")
asked("local x <const> = 1 x = 2", " ", "x")
asked("--[[", "x", "]", "] ", ")", "x")
asked("\\", "x")
asked("x = '\\q", "x'")
asked("x = '\\x4", "g'", "x")
asked("f(", ")", " ", ") ", "x")
asked("", "x = = 1")
asked("\27Lua")
print(load(function() return "x = (" end, "=r"))
local n = 0
print(load(function() n = n + 1 return "x = 1" end, "=r", "b"), n)

-- Binary chunks are read up to their end; a reader that never ends is no matter.
local whole = string.dump(function(...) return select("#", ...), "a constant" end, true)
print(load(function() return whole end, "=b")(1, 2))
local function split(text, size) local t = {} for i = 1, #text, size do t[#t + 1] = text:sub(i, i + size - 1) end return t end
for _, size in ipairs {1, 3, 7, 1000} do
  local pieces, n = split(whole, size), 0
  local f, message = load(function() n = n + 1 return pieces[n] end, "=b", "b")
  print(size, n == #pieces, f and f(1), message)
  pieces[#pieces], n = nil, 0
  f, message = load(function() n = n + 1 return pieces[n] end, "=b", "b")
  print(size, n == #pieces + 1, f, message)
end
asked("\27Lua", "S")
asked("\27Lub", "S")
asked("\27", "Lua", "T", "x", "x")
-- Many pieces, and what the reader may do meanwhile.
for _, stop in ipairs {150, 250, 1000} do
  local n = 0
  print(load(function() n = n + 1 if n == stop then return ")" end return "x = " .. n .. "\n" end, "=r"))
  print(n)
end
local log = {}
print(nil ~= load(function() log[#log + 1] = load("return 1 +") and "" or "inner" collectgarbage() if #log < 4 then return "local a" .. #log .. " " end end, "=r"), #log)
print(type(select(2, load(function() error({}) end)))) print(select("#", load(function() error() end)))
print(load(function() return {} end, "=r")) local once = {12} print(load(function() return table.remove(once) end, "=r"))
local n = 0 print(load(function() n = n + 1 if n < 3 then return "x = 1 " end error("late", 0) end, "=r"), n)
n = 0 print(load(function() n = n + 1 if n < 3 then return "x = ) " end error("never", 0) end, "=r"), n)
print(pcall(load, function() coroutine.yield() end)) print(coroutine.wrap(function() return load(coroutine.yield) end)())
print(xpcall(function() return load(function() return ("("):rep(300) end) end, function(m) return m .. "!" end))
