local a, b = ...
local t
t = {}
t = {1, 2, 3}
t = {1, 2, 3,}
t = {a; b; 1; "x"; nil; true}
t = {x = 1, y = a, ["z"] = b, [1] = 2, [1.5] = 3, [a] = b, [nil or a] = 1, [true] = false}
t = {1, x = 2, 3, y = 4, 5}
t = {f()}
t = {f(), f()}
t = {(f())}
t = {...}
t = {..., ...}
t = {1, 2, ...}
t = {x = f(), f()}
t = {{}, {{}}, {{1}, {2, x = {3}}}}
t = {function() return a end, function(...) return ... end}
t = {[a .. b] = a .. b, a + b, -a, not a, #a, a == b, a and b}
t = {
  a,
  b
  ,
  c = a
  ,
  d
}
t.x = 1; t.x.y = 2; t[1] = 3; t[255] = 4; t[256] = 5; t[-1] = 6; t[0] = 7; t[1.0] = 8; t[a] = b; t[a][b] = 9
t.x = nil; t.x = true; t.x = false; t.x = 1.5; t.x = "s"; t.x = a; t[a] = nil; t[1] = 1e10; t[b] = t[a]
t.x = t.x + 1; t[1] = t[2]; t[a + 1] = t[b - 1]
t["a key that is longer than forty bytes is no field name"] = 1
t = t["a key that is longer than forty bytes is no field name"]
t = {["a key that is longer than forty bytes is no field name"] = 1}
return {}, {1}, {...}
