local a, b, t = ...
f()
f(a)
f(a, b)
f(f())
f(a, f())
f(f(), a)
f((f()))
f(...)
f(a, ...)
f((...))
f{1, 2}
f"string"
f[[long]]
f{}{}""
a.b.c(1)
a.b:c(1)
t:m()
t:m(a, b)
t:m(t:m())
t:m{a}
t:m"s"
t:m(...):n(a):o()
("x"):rep(3)
("x" .. "y"):upper()
(f or g)(a);
(function(...) return ... end)(1, 2)
local x = f()
local y, z = f()
local u, v, w = a, f()
local p, q = f(), f()
local r, s = (f())
x, y = f()
x, y, z = a, f()
t.x, t.y = f()
t[f()] = f()
x = f() + f()
x = f() .. f() .. f()
x = -f()
x = #f()
x = f()[1]
x = f().y.z
x = {f(), x = f(), f()}
x = f() and f() or f()
if f() then g() end
while f() do g() end
f(a, b, f(a, b, f(a, b, ...)))
f(
  a,
  b
)
f
(
a
,
b
)
return f(a)
