for w in ("one two three"):gmatch("%a+") do print(w) end
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do print(k, v) end
for p in ("abc"):gmatch("()") do print(p) end
for w in ("abc"):gmatch("") do print("[" .. w .. "]") end
for w in ("aXbX"):gmatch("X*") do print("<" .. w .. ">") end
for w in ("hello"):gmatch("l", 4) do print(w) end
for w in ("hello"):gmatch(".", -2) do print(w) end
for w in ("x"):gmatch(".", 10) do print(w) end
for w in ("aaa"):gmatch("^a") do print(w) end
for w in ("^a^a"):gmatch("^a") do print(w) end
local f = ("ab"):gmatch(".") print(f(), f(), f(), f()) print(f(1, 2, 3)) print(type(f))
try(string.gmatch)
try(string.gmatch, "x")
try(string.gmatch, {}, "x")
try(string.gmatch, "x", "x", {})
local g = string.gmatch("x", "[")
print(pcall(g))
print(pcall(function() for _ in ("x"):gmatch("%") do end end))
print(pcall(function() for _ in ("x"):gmatch() do end end))
