-- Functions made by load go when nothing refers to them, and not before.
local function count() collectgarbage() collectgarbage() return collectgarbage "count" end

-- memory stays bounded
local before = count()
for i = 1, 2000 do
  assert(load("local s = '" .. ("x"):rep(200) .. i .. "' return function() return s, " .. i .. " end"))()
end
print(count() - before < 64)

-- their code counts
local text = {}
for i = 1, 2000 do text[i] = "x = " .. i .. " + y" end
text = table.concat(text, "\n")
before = count()
local big = load(text)
print(count() - before > 16)
big, text = nil
print(count() - before < 16)

-- a nested function outlives its chunk, and its own nested ones come from it
local inner = load("local a = 1 return function(b) return function(c) return a + b * c end end")()
collectgarbage()
for i = 1, 100 do load("return " .. i)() end
print(inner(2)(3), inner(4)(5))

-- a function that runs is alive, also if only its frame knows it
print(load("collectgarbage() local function f() collectgarbage() return 'alive' end return (f())")())
print(select(2, pcall(load("collectgarbage() error('message ' .. #'long enough a constant to be no short one of forty bytes')", "=chunk"))))
local co = coroutine.wrap(load("collectgarbage() coroutine.yield('first') collectgarbage() return 'second'"))
print(co()) collectgarbage() print(co())
-- tail calls replace the function that made them
print(load("collectgarbage() return load(\"collectgarbage() return 'tail', ...\")(...)")(1, 2))
-- a finalizer whose function nobody else has
do
  local seen = 0
  for i = 1, 3 do
    load("local f = ... setmetatable({}, {__gc = function() f(" .. i .. ") end})")(function(n) seen = seen + n end)
  end
  collectgarbage()
  print(seen)
end

-- weak tables see them go
local weak = setmetatable({}, {__mode = "k"})
for i = 1, 10 do weak[load("return " .. i)] = i end
collectgarbage()
print(next(weak))

-- dumped, loaded, dropped
local dumped = string.dump(inner)
for i = 1, 200 do load(dumped)(i) end
collectgarbage()
print(pcall(load(dumped)(2), 3))

-- many functions at once, half of them dropped
local list = {}
for i = 1, 200 do list[i] = load("local n = ... for i = 1, 20 do n = n + " .. i .. " end return n") end
for i = 1, 200, 2 do list[i] = false end
collectgarbage()
local sum = 0
for i = 2, 200, 2 do sum = sum + list[i](i) end
print(sum)

-- loops hot enough for a JIT, in functions that come and go, calling others that do
local total = 0
for i = 1, 60 do
  local add = load("local a, b = ... return a + b + " .. i % 7)
  local loop = load("local add, n = ... for i = 1, 80 do n = add(n, i) end return n")
  total = total + loop(add, i)
  local plain = load("local function g(x, y) return x ~ (y + " .. i .. ") end local n = ... for i = 1, 80 do n = g(n, i) end return n")
  total = total + plain(i)
  if i % 5 == 0 then collectgarbage() end
end
print(total)
