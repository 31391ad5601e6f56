local a, b, c, d = ...
local t, u = {}, {}
a = b; a = 1; a = "x"; a = nil; a = {}; a = function() end; a = -b; a = a
a, b = b, a
a, b, c = c, a, b
a, b = 1
a, b, c = 1, nil
a, b = 1, 2, 3
a, b = f()
a, b = f(), 1
a, b = 1, f()
a, b, c = ...
a, b, c = (...)
t.x, t.y = t.y, t.x
t[1], t[2] = t[2], t[1]
t[a], t[b] = t[b], t[a]
a, t[a] = 1, 2
t[a], a = 1, 2
t.x, t = 1, 2
t, t.x = 1, 2
t[t], t = t, t
t.x.y, t[a], t = 1, 2, 3
t[1], t, a = 1, 2, 3
x, y = y, x
x.y, x = 1, 2
x, x.y = 1, 2
a, x, t.z, t[1], u[a] = 1, 2, 3, 4, 5
local function f()
  a, t.x, t = 1, 2, 3
  t.x, t = 1, t
  t[a], a = a, t
  u.v, u = 1
  x.y, a = a, x
  t.x, u, t = 1, 2, 3
end
a = a and b; a, b = a and b, a or b; a, b = a == b, a < b; a = (a == b)
a, b, c, d = d, c, b, a
