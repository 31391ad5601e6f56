local a, b, c = ...
local r
r = a .. b; r = a .. b .. c; r = a .. b .. c .. a .. b; r = (a .. b) .. c; r = a .. (b .. c)
r = "x" .. a; r = a .. "x"; r = a .. 1; r = 1 .. a; r = a .. 1.5 .. b; r = a .. nil; r = a .. true
r = a + 1 .. b * 2; r = -a .. #b; r = a .. f() .. b; r = a .. t.x .. t[1]; r = (a and b) .. c; r = a .. (b or c)
r = a .. b == c; r = a == b .. c; r = a .. b < c .. a; r = #(a .. b); r = {a .. b, x = a .. b}
a = a .. b; a = b .. a; a = a .. a .. a; x = x .. "y"; t.x = t.x .. "y"; t[a .. b] = c .. a
r = a
  ..
  b
  .. c
return a .. b .. c
