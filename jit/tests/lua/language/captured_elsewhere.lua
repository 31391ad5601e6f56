-- Manual 2.6 and 3.5: loops in one coroutine that use local variables of another, which waits, has moved, has ended.

-- A coroutine reads and writes locals of the main chunk; both sides see each assignment.
do
  local n, x, t, s = 0, 0.5, {0}, "a"
  local co = coroutine.wrap(function()
    while true do
      for i = 1, 30 do n = n + i; x = x + n / 2; t[1] = t[1] + n; if i % 10 == 0 then t = {t[1]}; s = s == "a" and "b" or "a" end end
      coroutine.yield(n, x)
    end
  end)
  for i = 1, 6 do print(co(), n, x, t[1], s); n = n - i; t = {i}; s = i % 2 == 0 and "c" or "a" end
end

-- The variable changes its type while the coroutine waits.
do
  local n = 1
  local co = coroutine.wrap(function() while true do for i = 1, 30 do n = n + i end coroutine.yield() end end)
  for i = 1, 6 do co(); print(math.type(n), n); n = i % 2 == 0 and 7 or 7.5 end
  n = "10" co() print(math.type(n), n)
  n = nil print(pcall(co))
end

-- Two closures over one variable, and over two, called in one loop: a store through one is seen by the other.
do
  local a, b = 0, 100
  local function add_a(d) a = a + d end
  local function get_a() return a end
  local function get_b() return b end
  local function loop(set, first, second)
    local sum = 0
    for i = 1, 40 do local before = first(); set(i); sum = sum + second() - before end
    return sum
  end
  print(coroutine.wrap(loop)(add_a, get_a, get_a), a, b)
  print(coroutine.wrap(loop)(add_a, get_a, get_b), a, b)
  print(coroutine.wrap(loop)(add_a, get_b, get_a), a, b)
  print(loop(add_a, get_a, get_a), a, b)
end

-- One loop, closures over variables in many places: an own register, a frame below, another thread, closed.
do
  local function counter(n) return function(d) n = n + d; return n end end
  local resumed
  local function loop(given, k)
    local own = 1000
    local function add(d) own = own + d; return own end
    local f, sum = given or add, 0
    for i = 1, 30 do sum = sum + f(i) - own end
    if k > 0 then sum = sum + loop(add, k - 1) end
    if k == 0 and coroutine.isyieldable() then resumed = coroutine.yield(add, sum) or resumed end
    return sum, own
  end
  local here, elsewhere = 5
  local function add(d) here = here + d; return here end
  for round = 1, 3 do
    print(loop(counter(3), 1)) print(loop(nil, 2)) print(loop(add, 0), here)
    local co = coroutine.wrap(loop)
    local f, sum = co(round % 2 == 0 and add or nil, 1)
    print(sum, here, f(1), loop(f, 0), f(1))
    print(select(2, coroutine.wrap(loop)(f, 0))) print(f(1))
    print(select(2, co())) print(loop(f, 1), f(1)) print(select(2, coroutine.wrap(loop)(f, 1)))
  end
end

-- The variable is closed between two runs: its block ends, the coroutine ends, fails, is closed, is forgotten.
do
  local get, set
  local function loop() for i = 1, 40 do set({get()[1] + i}) end return get()[1] end
  do
    local v = {0}
    get, set = function() return v end, function(w) v = w end
    print(coroutine.wrap(loop)(), v[1]) print(coroutine.wrap(loop)(), v[1])
  end
  collectgarbage("step") print(coroutine.wrap(loop)()) collectgarbage() print(loop()) print(coroutine.wrap(loop)())
  local function owner(how)
    local v = {how}
    get, set = function() return v end, function(w) v = w end
    coroutine.yield()
    for i = 1, 20 do v = {v[1] - i} end
    if how == 2 then error("failed") end
    coroutine.yield()
  end
  for how = 1, 4 do
    local co = coroutine.create(owner)
    coroutine.resume(co, how) print(loop())
    print(coroutine.wrap(loop)()) print(coroutine.resume(co)) print(loop())
    if how == 1 then print(coroutine.resume(co)) elseif how == 3 then print(coroutine.close(co)) elseif how == 4 then co = nil end
    collectgarbage() print(loop()) print(coroutine.wrap(loop)()) collectgarbage("step") print(loop())
  end
end

-- The stack that holds the variable moves between two runs.
do
  local add
  local co = coroutine.wrap(function(k)
    local v = 0
    add = function(d) v = v + d; return v end
    local function deep(n) if n > 0 then return 1 + deep(n - 1) end return coroutine.yield(v) or 0 end
    while true do v = v + deep(k); k = k * 2 % 509 end
  end)
  co(3)
  local sum = 0
  for round = 1, 14 do
    for i = 1, 20 do sum = sum + add(i) end
    print(sum, co(round))
  end
end

-- The loop that resumes, and the loop that is resumed, are one; the variable is a register of the first.
do
  local function run(depth, add, get)
    local v = depth * 100
    add, get = add or function(d) v = v + d end, get or function() return v end
    local inner = depth > 0 and coroutine.wrap(run)
    local log = 0
    for round = 1, 3 do
      for i = 1, 25 do add(i); v = v + 1; log = log + get() - v end
      if inner then log = log + inner(depth - 1, add, get) end
      if depth < 2 then coroutine.yield(log) end
    end
    return log + v
  end
  print(run(2)) print(coroutine.wrap(run)(1)) print(coroutine.wrap(run)(2))
end

-- The loop leaves in the middle, by a break and by an error: what was stored stays, and is not stored twice.
do
  local n, t = 0, {}
  for i = 1, 60 do t[i] = i end
  local function work(limit)
    for i = 1, 60 do n = n + 1; if i > limit then break end n = n + t[i] end
    return n
  end
  for limit = 20, 60, 8 do print(coroutine.wrap(work)(limit), n) end
  t[33] = false
  print(select("#", pcall(coroutine.wrap(work), 60)), n) t[33] = nil print(select("#", pcall(coroutine.wrap(work), 60)), n)
end

-- Three threads: the variable belongs to the one in the middle.
do
  local middle = coroutine.wrap(function()
    local v, list = 0, {}
    while true do
      local inner = coroutine.wrap(function() for i = 1, 30 do v = v + i; list = {v, list[1]} end coroutine.yield(v) for i = 1, 30 do v = v - 2 * i end end)
      inner() local a = v; inner()
      coroutine.yield(a, v, list[1], list[2])
    end
  end)
  for i = 1, 4 do print(middle()) end
end

-- The variable is changed, or exchanged for another, by the debug library.
do
  local first, second = 1, 1000
  local function add() for i = 1, 30 do first = first + i end return first end
  local function other() return second end
  local co = coroutine.create(function() local held = 7; add = function() for i = 1, 30 do held = held + i end return held end; coroutine.yield() return held end)
  print(coroutine.wrap(add)(), first)
  debug.upvaluejoin(add, 1, other, 1) print(coroutine.wrap(add)(), first, second)
  coroutine.resume(co) print(add(), add())
  print(debug.setlocal(co, 1, 1, -50), add()) print(debug.setlocal(co, 1, 1, 0.25), add())
  print(coroutine.resume(co)) print(add())
end

-- Tables that only such a variable refers to survive, in each mode of the collector.
for _, mode in ipairs {"generational", "incremental"} do
  collectgarbage(mode)
  local list, n = nil, 0
  local co = coroutine.wrap(function(spare)
    while true do
      for i = 1, 50 do list = spare[i]; n = n + list[1] end
      spare = coroutine.yield()
    end
  end)
  for round = 1, 12 do
    local spare = {}
    for i = 1, 50 do spare[i] = {i, {round}} end
    co(spare) spare = nil
    local garbage = {}
    for i = 1, 50 do garbage[i] = {i} end
    collectgarbage("step", round)
    if list[1] ~= 50 or list[2][1] ~= round then print("lost", mode, round) end
  end
  print(mode, n)
end
