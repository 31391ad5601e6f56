local a, b = ...
local t = {}
function t:m(x) return self.x + x end
function t.f(self, x) return self, x end
function t.a.b.c:d(...) self.e = ... end
a:m()
a:m(b)
a.b:m(a:n())
a[1]:m()
a[b]:m(1, 2)
a():m()
f():m()
x:m()
x.y:m()
("s"):m()
({}):m()
local r = a:m(b) + a:n()
r = a:m "s"
r = a:m {1}
r = a
  :m()
  :n
  ()
r = a:a_method_whose_name_is_longer_than_forty_bytes_in_all()
return a:m(...)
