-- The debug library on coroutines.
local co = coroutine.create(function(a, b, ...)
  local x = a + b
  local y = coroutine.yield(x)
  local function inner(p)
    local q = p * 2
    coroutine.yield(q)
    error("in coroutine")
  end
  inner(y)
end)
local function all(t, level)
  for _, step in ipairs {1, -1} do
    local i = step
    while true do
      local n, v = debug.getlocal(t, level, i)
      if not n then break end
      if n:sub(1, 1) ~= "(" or n == "(vararg)" then print(level, i, n, type(v) == "number" and v or type(v)) end
      i = i + step
    end
  end
end
local function info(t, level)
  local i = debug.getinfo(t, level)
  if not i then return print(level, nil) end
  print(level, i.name, i.namewhat, i.what, i.currentline, i.short_src, i.linedefined, i.istailcall)
end
local function look()
  print(debug.traceback(co)) print(debug.traceback(co, "msg")) print(debug.traceback(co, "msg", 1)) print(debug.traceback(co, nil, 5)) print(debug.traceback(co, {}) ~= nil)
  for level = 0, 3 do info(co, level) pcall(all, co, level) end
  print(pcall(debug.getlocal, co, 10, 1)) print(pcall(debug.setlocal, co, 10, 1, 1)) print(debug.getinfo(co, -1))
end
look()
print(coroutine.resume(co, 3, 4, "v1", "v2")) look()
print(debug.setlocal(co, 1, 3, 70), debug.setlocal(co, 1, -1, "changed"))
print(coroutine.resume(co, 21)) look()
print(debug.setlocal(co, 1, 2, "q set"))
print(coroutine.resume(co)) look()
print(coroutine.resume(co)) look()
print(debug.getinfo(co, print, "S").what, debug.getinfo(co, look, "l").currentline, debug.getlocal(co, look, 1), debug.getlocal(co, all, 1))
-- From inside.
co = coroutine.create(function() print(debug.traceback("inside")) print(debug.traceback(coroutine.running(), "inside")) info(coroutine.running(), 1)
  local main = debug.getregistry()[1] print(type(main), (select(2, coroutine.running()))) print(debug.traceback(main, "main", 0)) end)
print(coroutine.resume(co))
local w = coroutine.wrap(function() error("wrapped") end) print(pcall(w))
w = coroutine.wrap(function() print(debug.traceback("in wrap")) local function f() coroutine.yield(debug.traceback("deep")) end f() return 1 end) print(w()) print(w()) print(pcall(w))
-- Hooks are a thread's own.
local events = {}
local function hook(e, l) events[#events + 1] = e .. ":" .. tostring(l) end
local function finish() print(#events, table.concat(events, " ")) events = {} end
co = coroutine.create(function(a)
  local b = coroutine.yield(a)
  local c = b + 1
  return c
end)
debug.sethook(co, hook, "crl") print(select(2, debug.gethook(co)), debug.gethook())
print(coroutine.resume(co, 1)) finish() print(coroutine.resume(co, 2)) finish()
co = coroutine.create(function() coroutine.yield() local x = 1 coroutine.yield() return x end)
coroutine.resume(co) debug.sethook(co, hook, "l", 1) coroutine.resume(co) finish() debug.sethook(co) coroutine.resume(co) finish() print(debug.gethook(co))
co = coroutine.wrap(function() debug.sethook(hook, "l")
  local x = 1
  coroutine.yield()
  local y = 2
end)
co() local z = 1 finish() co() finish()
debug.sethook(hook, "cr") co = coroutine.wrap(function(a) coroutine.yield(a) return 1 end) co() co() debug.sethook() finish()
print(pcall(function() co = coroutine.create(function() for i = 1, 10 do end end) debug.sethook(co, function() error("from hook") end, "", 5) return coroutine.resume(co) end))
co = coroutine.create(function() coroutine.yield() end) debug.sethook(co, function() print(pcall(coroutine.yield)) debug.sethook() end, "c") print(coroutine.resume(co))
print(pcall(debug.sethook, co, 1)) print(pcall(debug.sethook, co, hook)) print(pcall(debug.traceback, co, "m", "x"))
-- Variables that are closed.
local function closing()
  local c <close> = setmetatable({}, {__close = function(_, e) print((debug.traceback("closing " .. tostring(e)))) end})
  return 1
end
closing()
print(pcall(function() local c <close> = setmetatable({}, {__close = function(_, e) print((debug.traceback("closing", 1))) end}) error("e", 0) end))
debug.sethook(function(e) local i = debug.getinfo(2, "nS") events[#events + 1] = e .. ":" .. tostring(i.name) end, "cr") closing() debug.sethook() finish()
print(pcall(function() local x <close> = 5 end)) print(pcall(function() local x <close> = {} end)) print(pcall(function() for i in print, nil, nil, 5 do end end))

-- A coroutine that has ended still says which hooks it had, and can be given others.
do
  local function hook() end
  local function report(label, co)
    local f, mask, count = debug.gethook(co)
    print(label, coroutine.status(co), f == hook, mask, count)
  end
  local ended = coroutine.create(function() coroutine.yield() end)
  debug.sethook(ended, hook, "lcr", 7)
  for _ = 1, 3 do
    report("returned", ended)
    coroutine.resume(ended)
  end
  local failed = coroutine.create(error)
  debug.sethook(failed, hook, "l")
  coroutine.resume(failed)
  report("failed", failed)
  coroutine.close(failed)
  report("failed, closed", failed)
  local unstarted = coroutine.create(print)
  debug.sethook(unstarted, hook, "r")
  coroutine.close(unstarted)
  report("closed", unstarted)
  debug.sethook(unstarted, hook, "c", 3)
  report("set when dead", unstarted)
  debug.sethook(unstarted)
  print(debug.gethook(unstarted))
  -- What it calls when it is dead is nothing.
  print(coroutine.resume(unstarted))
end
