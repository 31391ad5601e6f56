-- Every option of getinfo, for levels, functions and natives.
local keys = {"source", "short_src", "what", "currentline", "linedefined", "lastlinedefined", "nups", "nparams", "isvararg",
  "name", "namewhat", "istailcall", "ftransfer", "ntransfer"}
local function show(t)
  if not t then return print(t) end
  local s = {}
  for _, k in ipairs(keys) do if t[k] ~= nil then s[#s + 1] = k .. "=" .. tostring(t[k]) end end
  if t.func then s[#s + 1] = "func" end
  if t.activelines then
    local l = {}
    for k, v in pairs(t.activelines) do l[#l + 1] = k; assert(v == true) end
    table.sort(l)
    s[#s + 1] = "lines=" .. table.concat(l, ",")
  end
  print(table.concat(s, " "))
end
local info = debug.getinfo
local up = 1
local function f(a, b, ...)
  local x = up
  show(info(1)) show(info(1, "nSlutrfL"))
  return x
end
f()
local function g(a) up = a
  return function() return up, a end
end
show(info(f)) show(info(g)) show(info(g(1))) show(info(print)) show(info(string.gmatch("", ""), "S")) show(info(pcall)) show(info(debug.getinfo, "L"))
for o in ("nSltufrL"):gmatch "." do print(o) show(info(1, o)) show(info(f, o)) show(info(print, o)) show(info(0, o)) end
show(info(f, "LS")) show(info(1, "")) show(info(2)) show(info(3)) show(info(4)) show(info(100)) show(info(-1)) show(info(1.0, "l")) show(info("1", "l"))
print(info(1, "f").func ~= nil, info(f, "f").func == f, info(print, "f").func == print)
print(pcall(info)) print(pcall(info, {})) print(pcall(info, 1, "X")) print(pcall(info, 1, ">S")) print(pcall(info, f, ">")) print(pcall(info, 1, "S>"))
print(pcall(info, 1, {})) print(pcall(info, "x")) print(pcall(info, 1.5)) print(pcall(info, nil)) print(info(1, "S\0X").what) print(type(info(1 << 40)))
print(pcall(info, f, "SX"))
local function tail() show(info(1)) return 1 end
local function caller() return tail() end
caller()
local m = load("local a, b = ...\nlocal function f() end\n\nreturn info(1, 'SlL'), info(f, 'SL')", "=(load)", "t", {info = info})
local a, b = m() show(a) show(b)
show(info(load("x=1\n\n\ny=2", "@file.lua"), "SL"))
show(info(load("return ...", "return\nline"), "S"))
show(info(load(("x"):rep(80) .. "=1"), "S")) show(info(load("x=1", "@" .. ("y"):rep(90)), "S")) show(info(load("x=1", "=" .. ("z"):rep(90)), "S"))
show(info(load(string.dump(f, true)), "SLu")) show(info(load(string.dump(f)), "SLu"))
local s = load(string.dump(load("local i = ... return i(1), i(0, 'n')"), true))
a, b = s(info) show(a) show(b)
local big = "return function()" .. ("\n"):rep(300) .. "local x = 1" .. ("\n"):rep(500) .. "return x end"
show(info(load(big)(), "SL"))
local t = setmetatable({}, {__index = function(t, k) show(info(1, "n")) show(info(2, "l")) return k end})
print(t.x, t[1])
for _ in function(_, i) show(info(1, "n")) if not i then return 1 end end do end
table.sort({1, 2}, function() show(info(1, "n")) return false end)
string.gsub("a", "a", function() show(info(1, "nt")) show(info(2, "nSl")) end)
pcall(function() show(info(1, "n")) show(info(2, "n")) end)
function globalname() show(info(1, "n")) end globalname()
local o = {} function o.fld() show(info(1, "n")) end o.fld() function o:mth() show(info(1, "n")) end o:mth()
;(function() show(info(1, "n")) end)()
