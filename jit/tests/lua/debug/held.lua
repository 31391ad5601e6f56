-- What only the VM itself refers to, after a program took it out of everything that it can reach.
local function churn() for i = 1, 50 do local garbage = {i, "garbage " .. i} end collectgarbage() end

-- The object of the running coroutine: its resumer's argument is overwritten.
local main = coroutine.running()
local function alone()
  local before = debug.getlocal(main, 0, 1)
  debug.setlocal(main, 0, 1, nil)
  churn()
  print(before, coroutine.status(coroutine.running()), coroutine.isyieldable())
  coroutine.yield(1)
  return 2
end
local function fresh() return coroutine.create(alone) end
print(coroutine.resume(fresh()))
churn()

-- The metatable of a userdata, found from there only; also of one that was visited before.
local file <const> = io.tmpfile()
local usual = debug.getmetatable(file)
debug.setmetatable(file, {__len = function() return 7 end, __index = {text = "text " .. 1}})
churn()
print(#file, file.text)
debug.setmetatable(file, usual)
file:close()

-- A key that was removed from its table, and freed: a long string equal to another.
local long = {}
for round = 1, 3 do
  for i = 1, 40 do long[("k"):rep(60) .. i] = i end
  for i = 1, 40 do long[("k"):rep(60) .. i] = nil end
  churn()
  for i = 1, 40 do assert(long[("k"):rep(60) .. i] == nil) end
end
print(next(long))

-- Dead slots of a suspended coroutine.
local function deep(n) local a, b, c = {n}, {n}, {n} if n > 0 then deep(n - 1) end return nil end
local threads = {}
for i = 1, 5 do
  threads[i] = coroutine.wrap(function() while true do deep(4) coroutine.yield() end end)
  threads[i]()
end
for i = 1, 5 do churn() threads[i]() end

-- Functions that a hot loop calls, and that are dropped between two runs of it, or while it is hot.
local function loop(f) local n = 0 for i = 1, 30 do n = n + f(i) end return n end
for j = 1, 4 do
  print(loop(load("return function(a) return a + " .. j .. " end")()))
  churn()
end
local n = 0
for i = 1, 60 do
  local f = load("local k = 'key " .. i .. "' return function(t) return t[k] end, k")
  local get, key = f()
  n = n + get({[key] = i})
  f, get, key = nil, nil, nil
  local garbage = {i}
end
print(n)
