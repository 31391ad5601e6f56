-- Manual 2.2: _ENV and the globals.
print(_ENV == _G, _G._G == _G, load("return _ENV")() == _G)
x = 1
do
  local print = print
  local _ENV = {x = 2}
  print(x, _ENV.x, y)
  y = 3
  print(_ENV.y)
end
print(x, y)
local function sandbox(code, env) local f, message = load(code, "=box", "t", env) return f and f() or message end
print(sandbox("return x", {x = "boxed"}), sandbox("x = 5 return _ENV.x", {}))
print(pcall(load("return x", "=nothing", "t", nil)))
print(pcall(load("return x", "=no table", "t", 1)))
print(pcall(load("x = 1", "=no table", "t", "text")))
print(pcall(function() local _ENV = nil return x end))
print(pcall(function() local _ENV = nil x = 1 end))
print(pcall(function() local _ENV <const> = {} z = 1 return z end))
print(load("local _ENV <const> = {} _ENV = 1"))
local function f(_ENV) return a + b end
print(f {a = 1, b = 2}, pcall(f, {a = 1}))
print(pcall(function() undefined_function() end))
print(pcall(function() undefined.field = 1 end))
print(pcall(function() local t = {} t.a.b.c = 1 end))
setmetatable(_G, {__index = function(_, k) return "no " .. k end, __newindex = function(t, k, v) print("set", k, v) rawset(t, k, v) end})
print(nothing_here) brand_new = 1 brand_new = 2
print(brand_new)
setmetatable(_G, nil)
print(nothing_here)
-- An upvalue named _ENV of a stripped or reloaded function is the first.
local g = load(string.dump(function() return marker end), "=d", "b", {marker = "mine"})
print(g())
print(load("local a = _ENV; return a")() == _G)
local h = load("x = 1; local function k() return x end return k")
print(h()())
print(debug.getupvalue(h, 1))
debug.setupvalue(h, 1, {print = print})
print(pcall(h))
