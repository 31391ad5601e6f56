-- What return hooks are told about library functions: where the results are among the function's
-- values, and that they can be read there.
local log = {}
local function watch(event)
  local info = debug.getinfo(2, "rnS")
  if info.what ~= "C" then return end
  local line = { event, tostring(info.name), info.ftransfer, info.ntransfer }
  if event == "return" then
    for i = info.ftransfer, info.ftransfer + info.ntransfer - 1 do
      local _, value = debug.getlocal(2, i)
      local kind = type(value)
      line[#line + 1] = (kind == "number" or kind == "boolean") and tostring(value) or kind
    end
  end
  log[#log + 1] = table.concat(line, " ")
end

local function watched(title, f, ...)
  log = {}
  debug.sethook(watch, "cr")
  f(...)
  debug.sethook()
  print(title)
  print("", table.concat(log, "\n\t"))
end

watched("base", function()
  assert(1, 2, 3) collectgarbage("isrunning")
  getmetatable("") getmetatable({}) getmetatable(setmetatable({}, { __metatable = 1 }))
  setmetatable({}, nil) rawequal(1, 2) rawget({}, 1) rawget({ 5 }, 1, 2) rawlen({}) rawset({}, 1, 2)
  next({}) next({ 1 }) next({ 1 }, 1) next({ 1 }, nil, 3) ipairs({}) pairs({})
  pairs(setmetatable({}, { __pairs = function() return 1, 2, 3 end }))
  pcall(type, 1) pcall(error, 1) xpcall(type, print, 1) xpcall(error, type, 1)
  select("#", 1, 2) select(2, 1, 2, 3) select(-1, 1, 2, 3)
  tonumber("1") tonumber("x") tonumber("10", 2) tonumber("z", 2) tonumber(1) tonumber(1.5, nil)
  tonumber("7", nil) tostring(1) tostring({}) tostring(setmetatable({}, { __name = "N" }))
  tostring(setmetatable({}, { __tostring = function() return "x" end }))
  load("x = 1") load("x =") load(function() end) load("return 1", "=n", "t", {})
  load(function() end, "=n", "t", {}) load(function() return nil end, "=n") load(function() return {} end)
  load("x", "=n", "b") type(1)
end)

watched("loops", function()
  for _ in pairs { 1, 2 } do end
  for _ in ipairs { 1, 2 } do end
  for _ in next, { x = 1 } do end
  for _ in utf8.codes("ab") do end
  for _ in string.gmatch("ab", "(.)()") do end
end)

watched("coroutines", function()
  coroutine.create(print) coroutine.isyieldable() coroutine.running()
  coroutine.status(coroutine.create(print)) coroutine.wrap(type)(1)
  coroutine.resume(coroutine.create(type), 1, 2) coroutine.resume(coroutine.create(error))
  coroutine.close(coroutine.create(type))
  coroutine.wrap(function() coroutine.yield(1, 2) end)()
end)

watched("debug", function()
  debug.getinfo(1, "l") debug.getinfo(250) debug.getlocal(1, 1) debug.getlocal(1, 250)
  debug.getlocal(type, 1) debug.getlocal(watched, 1) debug.setlocal(1, 250, 1)
  local variable debug.setlocal(1, 1, 2) debug.getmetatable("") debug.getmetatable({})
  debug.setmetatable({}, nil) debug.getupvalue(type, 1) debug.getupvalue(watch, 1)
  debug.setupvalue(type, 1, 1) debug.upvalueid(watch, 1) debug.upvalueid(type, 3) debug.gethook()
  debug.getuservalue(io.stdout) debug.setuservalue(io.stdout, 1) debug.traceback("x") debug.traceback({})
end)

watched("math", function()
  math.abs(-1) math.abs(-1.5) math.ceil(1.5) math.ceil(1) math.ceil(2, 3) math.floor(1.5) math.floor(1)
  math.fmod(5, 3) math.fmod(5.5, 3) math.log(8) math.log(8, 2) math.log(100, 10) math.log(5, 3)
  math.max(1, 2, 3) math.max(3, 2) math.min(1, 2, 3) math.modf(1.5) math.modf(5) math.modf(5.0)
  math.sqrt(4) math.tointeger(1.0) math.tointeger("8") math.tointeger({}) math.tointeger(1.5)
  math.type(1) math.type({}) math.ult(1, 2) math.random(3, 3)
end)

watched("string", function()
  local _ = "10" + 1, -"2", "3" * "4", 2 - "1"
  string.byte("abc", 1, 3) string.byte("", 1) string.char(65, 66) string.char() string.dump(watched)
  string.find("abc", "b") string.find("abc", "(b)") string.find("abc", "b", 1, true)
  string.find("abc", "x") string.find("abc", "b", 10) string.match("abc", "b") string.match("abc", "(b)(c)")
  string.match("abc", "x") string.match("abc", "x", 10) string.gmatch("abc", "b")()
  string.gmatch("abc", "(b)()", 2)() string.gmatch("abc", "x")()
  string.gsub("abc", "b", "x") string.gsub("abc", "b", { b = 1 }) string.gsub("abc", "b", type)
  string.gsub("abc", "x", "y") string.gsub("abc", "b", {}, 1)
  string.format("%d", 1) string.format("%s", {}) string.format("%q", "x") string.format("%5s", "x")
  string.format("x") string.len("a") string.lower("A") string.upper("a") string.reverse("ab")
  string.rep("a", 3) string.rep("a", 0) string.rep("a", 3, ",") string.sub("abc", 1, 2)
  string.sub("abc", 3, 2) string.pack("i4i4", 1, 2) string.packsize("i4")
  string.unpack("i4i4", "abcdefgh") string.unpack("z", "a\0") string.unpack("s1", "\1a")
end)

watched("table, utf8", function()
  table.concat({ 1, 2, 3 }, ",") table.concat({}) table.insert({ 1 }, 2) table.insert({ 1, 2 }, 1, 2)
  table.move({ 1, 2 }, 1, 2, 2) table.move({ 1, 2 }, 1, 2, 2, {}) table.pack(1, 2) table.pack()
  table.remove({ 1, 2 }) table.remove({ 1, 2 }, 1) table.remove({}) table.sort { 3, 1, 2 }
  table.sort({ 3, 1, 2 }, function(a, b) return a < b end)
  table.unpack { 1, 2, 3 } table.unpack {} table.unpack({ 1, 2, 3 }, 2, 3)
  utf8.char(65, 66) utf8.char(65) utf8.char() utf8.codepoint("ab", 1, 2) utf8.codes("ab")
  utf8.len("ab") utf8.len("\xff") utf8.offset("abc", 2) utf8.offset("abc", 9)
end)

watched("os, io", function()
  os.date("%Y") os.date("*t", 0) os.difftime(1, 2) os.getenv("NO_SUCH_VARIABLE_") os.time { year = 2000, month = 1, day = 1 }
  os.remove("/no/such/file") os.rename("/no/such/file", "/no/other") os.setlocale("C") os.setlocale("no such")
  io.open("/no/such/file") io.open("/no/such/file", "w")
  local file = io.tmpfile()
  file:write("a\nb 5\n7 8 9\n") file:seek("set") file:read() file:read("l") file:seek("set") file:read("a")
  file:seek("set") file:read(1, 2) file:seek("set") file:read("n") file:seek("cur") file:seek("set")
  file:lines()() file:lines("l")() file:lines("n", "n")() file:lines("a")() file:lines()()
  file:setvbuf("full") file:flush() tostring(file) io.type(file) io.type(1)
  local before = io.input(file)
  file:seek("set") io.read() io.read("l", "n") io.lines()() io.lines(nil, "l", "l")() io.input()
  file:close() io.type(file) io.output() io.output():write("")
end)

watched("modules", function()
  local missing = "no_such_module_here"
  package.preload["made up"] = function(...) return 7 end
  package.preload["made up, nothing"] = function(...) end
  require("string") require("made up") require("made up") require("made up, nothing")
  package.searchpath(missing, "./?.x") package.searchpath("a.b", "./?.x") package.searchpath("a.b", "./?.x", "")
  package.searchpath("a-b", "./?.x;./?.y", "-", "+") package.searchpath("/dev/null", "?")
  package.searchpath("/dev.null", "?", ".", "/")
  pcall(require, missing) pcall(require, "no_such.module_here") package.loadlib("x", "*")
end)

local name = os.tmpname()
local file = assert(io.open(name, "w"))
file:write("return ...")
file:close()
package.path = "?"
watched("a module of a file", function() require(name) require(name) end)
os.remove(name)
