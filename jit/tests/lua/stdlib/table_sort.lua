math.randomseed(7)
local function check(n, compare, make)
  local t = {}
  for i = 1, n do t[i] = make(i) end
  local count, digest = 0, 0
  table.sort(t, compare and function(a, b) count = count + 1 digest = (digest * 31 + (a or 0) * 7 + (b or 0)) % 1000003 return compare(a, b) end)
  print(n, count, digest, table.concat(t, " ", 1, math.min(n, 20)))
end
local function less(a, b) return a < b end
for _, n in ipairs {0, 1, 2, 3, 4, 5, 10, 50, 99, 100, 101, 150, 250} do
  check(n, less, function() return math.random(1000) end) check(n, function(a, b) return a > b end, function() return math.random(10) end)
  check(n, nil, function() return math.random(-50, 50) end) check(n, less, function(i) return i end) check(n, less, function(i) return -i end) check(n, less, function() return 1 end)
end
-- Large intervals that partition evenly: uneven ones make PUC choose pivots by the clock.
check(1000, less, function() return math.random(1000) end)
check(1000, nil, function() return math.random(-50, 50) end)
local words = {"pear", "apple", "fig", "Apple", "", "a\0b", "a"}
table.sort(words)
print(#words, words[1], words[2], words[4], words[7])
local mixed = {3, 1.5, -2, 2^53, 1e300, 0.5} table.sort(mixed) print(table.unpack(mixed))
try(table.sort)
try(table.sort, 1)
try(table.sort, {}, 1)
try(table.sort, {1, 2}, 1)
try(table.sort, {1, "x"})
try(table.sort, {{}, {}})
try(table.sort, {1, 2, nil, 4, 5})
try(table.sort, {3, 2, 1}, function() error("cmp", 0) end)
try(table.sort, {1, 2, 3}, nil) try(table.sort, {1, 2, 3}, "x") try(table.sort, {1}, 5)
for n = 3, 20 do local t = {} for i = 1, n do t[i] = i end try(table.sort, t, function() return true end) end
for n = 3, 20 do local t = {} for i = 1, n do t[i] = i end print(pcall(table.sort, t, function() return false end)) print(table.unpack(t)) end
try(table.sort, setmetatable({}, {__len = function() return math.maxinteger end}))
local log = {}
local proxy = setmetatable({}, {__index = function(_, k) log[#log + 1] = "g" .. k return 10 - k end, __newindex = function(_, k, v) log[#log + 1] = "s" .. k end, __len = function() return 4 end})
try(table.sort, proxy) print(table.concat(log, " "))
local objects = {}
for i = 1, 10 do objects[i] = setmetatable({v = (i * 7) % 11}, {__lt = function(a, b) return a.v < b.v end}) end
table.sort(objects) for i = 1, 10 do print(objects[i].v) end
bad(table.sort, {1, 2, 3}, function(a, b) return true end)
