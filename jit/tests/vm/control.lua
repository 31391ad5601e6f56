local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(20))
---
local function sum(...) local s = 0; for _, v in next, {...} do s = s + v end return s, select("#", ...) end
print(sum(1, 2, 3), sum(), (sum(5)))
---
local function f(a, b, ...) local x, y = ...; return a, b, x, y, select("#", ...) end
print(f()); print(f(1)); print(f(1, 2, 3)); print(f(1, 2, 3, 4, 5))
---
local function f(...) return ... end
print(f()); print(f(nil)); print(f(nil, nil)); print((f(1, 2))); print(f(1, 2), f(3, 4))
---
local function f(n) if n == 0 then return "done" end return f(n - 1) end
print(f(100000))
---
local function count(n, ...) if n == 0 then return select("#", ...) end return count(n - 1, n, ...) end
print(count(50))
---
local fs = {}
for i = 1, 3 do fs[i] = function() i = i + 1 return i end end
print(fs[1](), fs[1](), fs[2](), fs[3]())
---
local function counter() local n = 0 return function() n = n + 1 return n end, function() return n end end
local inc, get = counter()
inc() inc()
print(get(), inc(), get())
---
local a = {}
for i = 1, 3 do local x = i * 10; a[i] = function(y) if y then x = y end return x end end
a[1](5)
print(a[1](), a[2](), a[3]())
---
local i = 0
local t = {}
while true do i = i + 1; local j = i; t[i] = function() j = j + 1 return j end; if i == 5 then break end end
print(t[1](), t[1](), t[5]())
---
local i = 0
repeat local done = i >= 3; i = i + 1 until done
print(i)
---
for i = 1, 3 do for j = 1, 3 do if j == 2 then goto continue end print(i, j) ::continue:: end end
---
local t = {}
for k, v in next, {10, 20, 30} do t[#t + 1] = k .. "=" .. v end
print(t[1], t[2], t[3])
---
local function iter(s, c) if c < s then return c + 1, c * 2 end end
for a, b in iter, 5, 0 do print(a, b) end
---
local t = setmetatable({}, {__call = function(self, s, c) c = c + 1; if c <= 3 then return c end end})
for i in t, nil, 0 do print(i) end
---
local n = 0
for k, v in pairs({1, 2, 3, nil, 5}) do n = n + v end
print(n)
---
local function outer() local x = 1; local function inner() x = x + 1; return x end; return inner(), x end
print(outer())
---
local x = 1
do local x = 2; print(x) end
print(x)
---
local function f() return 1, 2, 3 end
local a, b, c, d = f()
print(a, b, c, d)
local t = {f(), f()}
print(#t, t[1], t[2], t[4])
local a, b = (f())
print(a, b)
---
local function f(a, b) a, b = b, a return a, b end
print(f(1, 2))
---
local t = {1, 2, 3}
local i = 1
i, t[i] = i + 1, 20
print(i, t[1], t[2])
---
print(select("#", unpack({1, nil, 3})), (unpack({1, 2})))
---
local function v(...) local a, b, c = ..., "x"; return a, b, c end
print(v(1, 2, 3))
---
local function f(...) local t = {..., "end"} return #t, t[1], t[2] end
print(f(1, 2, 3))
---
local function f(...) local t = {"start", ...} return #t, t[2], t[4] end
print(f(1, 2, 3))
---
local s = 0
for i = 1, 10 do if i % 2 == 0 then goto next end s = s + i ::next:: end
print(s)
---
local function a(n) if n == 0 then return 0 end return (function(m) return a(m) + 1 end)(n - 1) end
print(a(50))
---
local t = {}
for i = 1, 1000 do t[i] = {i, tostring(i)} end
local s = 0
for i = 1, 1000 do s = s + t[i][1] + #t[i][2] end
print(s)
---
local s = 0
for i = 1, 20000 do local t = {i, x = i} s = s + t[1] + t.x end
print(s)
---
local function f(x) local function g() return x end x = x + 1 return g end
print(f(1)(), f(5)())
---
local r = {}
for i = 1, 60 do r[i] = i end
local t = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60, unpack(r)}
print(#t, t[51], t[61], t[120])
---
print(call(function(a, b) return b, a end, 1, 2))
print(pcall(call, error, "x", 0))
---
local function gen(n) return function() n = n - 1 if n >= 0 then return n, n * n end end end
for a, b in gen(4) do print(a, b) end
---
return 1, 2
---
local x = 10
local function f() local y = x; x = y * 2; return function() return x + y end end
local g = f()
x = 100
print(g(), x)
---
local t = {}
t.x, t.y = 1, 2
t.x, t.y = t.y, t.x
print(t.x, t.y)
---
local function f(a, ...) if a then return a + f(...) end return 0 end
print(f(1, 2, 3, 4, 5))
---
local t = {n = 0}
function t:inc(k) self.n = self.n + (k or 1) return self end
print(t:inc():inc(5):inc().n)
---
local a; a = 1; local function g() return a end; do local a = 2; print(g(), a) end
---
local s = "" for i = 3, 1, -1 do for j = i, 3 do s = s .. j end s = s .. ";" end print(s)
---
-- Tail calls: parameters without an argument, arguments too many, more registers than the caller had.
local function show(a, b, c) return a, b, c end
local function few() local a, b, c, d = 7, 8, 9, 10 return show(d) end
local function many() return show(1, 2, 3, 4, 5) end
local function wide(n)
  local a, b, c, d, e, f, g, h, i, j = n, n, n, n, n, n, n, n, n, n
  return show(a + j, b + i)
end
local function step(n, total) if n == 0 then return wide(total) end return step(n - 1, total + n) end
print(few()) print(many()) print(wide(4)) print(step(1000, 0))
local function open(...) return show(...) end
local function none() return open() end
print(none()) print(open(1, nil, 3, 4)) print(select('#', open()))
local callable = setmetatable({}, { __call = function(self, ...) return select('#', ...), ... end })
local function through(n) return callable(n, n) end
print(through(5))
print((few())) print(({ few() })[1], #{ many() })
local co = coroutine.wrap(function(n)
  local function count(n, a) if n == 0 then return a end return count(n - 1, coroutine.yield(n)) end
  return count(n, 'start')
end)
print(co(2), co('x'), co('y'))
print(pcall(function() return show.x end))
print(pcall(function() local function f(x) return x.y.z end return f({}) end))
---
-- Fields inherited through tables, and where that ends.
local A = { a = 1 }
local B = setmetatable({ b = 2 }, { __index = A })
local C = setmetatable({ c = 3 }, { __index = B })
print(C.a, C.b, C.c, C.d)
local key = 'a'
print(C[key], C['b'], rawget(C, 'a'))
A.d = 4 print(C.d) A.d = nil print(C.d)
getmetatable(B).__index = function(t, k) return t == B and k .. '?' end
print(C.a, C.b, C.gsub)
---
local plain = setmetatable({}, {})
print(plain.x)
getmetatable(plain).__index = { x = 'late' }
print(plain.x)
getmetatable(plain).__index = nil
print(plain.x)
getmetatable(plain).__index = 'text'
print(plain.rep == string.rep, plain.nothing)
local loop = {}
setmetatable(loop, { __index = loop })
print(pcall(function() return loop.x end))
local a, b = {}, {}
setmetatable(a, { __index = b }) setmetatable(b, { __index = a })
print(pcall(function() return a.x end))
print(pcall(function() return a:x() end))
---
-- Arrays that grow and shrink keep what they hold; stores where a metatable watches.
local t = {}
for i = 1, 5000 do t[i] = i end
for i = 5000, 10, -1 do t[i] = nil end
t.x = 1 t.y = 2 t.z = 3 t.w = 4 t.v = 5
local sum = 0
for i = 1, 5000 do sum = sum + (t[i] or 0) end
print(sum, t.v, #t)
for i = 10, 300 do t[i] = -i end
for i = 1, 300 do sum = sum + t[i] end
print(sum, #t)
local seen = {}
local watched = setmetatable({ 1, 2, k = 'there' }, { __newindex = function(_, k, v) seen[#seen + 1] = tostring(k) .. '=' .. v end })
watched[1] = 'one' watched[3] = 'three' watched.k = 'again' watched.n = 'new' watched[2] = nil watched[2] = 'two'
print(watched[1], watched[3], watched.k, watched.n, watched[2], table.concat(seen, ' '))
