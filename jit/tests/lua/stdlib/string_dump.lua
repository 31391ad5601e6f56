local function f(a, b) return a + b, "k", 1.5 end
print(#string.dump(f) > 0, string.dump(f):sub(1, 4) == "\27Lua", load(string.dump(f))(1, 2))
print(load(string.dump(f, true), "=s", "b")(3, 4))
local up = 5
local function g() return up end
local h = load(string.dump(g))
print(type(h()))
try(string.dump)
try(string.dump, 1)
try(string.dump, string.len)
try(string.dump, "x")
print(pcall(load(string.dump(function() error("e") end))))
print(pcall(load(string.dump(function() error("e") end, true))))
