-- An event loop with virtual time: tasks are coroutines that sleep, send, receive, spawn and wait.
local Loop = {} Loop.__index = Loop

function Loop.new() return setmetatable({now = 0, timers = {}, ready = {}, sequence = 0, log = {}}, Loop) end

function Loop:at(time, task, ...)
  self.sequence = self.sequence + 1
  local entry = {time = time, sequence = self.sequence, task = task, values = table.pack(...)}
  local i = #self.timers + 1
  while i > 1 and self.timers[i - 1].time > time do
    self.timers[i] = self.timers[i - 1]
    i = i - 1
  end
  self.timers[i] = entry
end

function Loop:wake(task, ...) self.ready[#self.ready + 1] = {task = task, values = table.pack(...)} end

function Loop:spawn(name, body, ...)
  local task = {name = name, waiters = {}, thread = coroutine.create(body)}
  self:wake(task, self, task, ...)
  return task
end

local handlers = {}
function handlers.sleep(loop, task, duration) loop:at(loop.now + duration, task, "woke") end
function handlers.receive(loop, task, channel)
  if #channel.items > 0 then
    loop:wake(task, table.remove(channel.items, 1))
    local sender = table.remove(channel.senders, 1)
    if sender then
      channel.items[#channel.items + 1] = sender.value
      loop:wake(sender.task, true)
    end
  else
    channel.receivers[#channel.receivers + 1] = task
  end
end
function handlers.send(loop, task, channel, value)
  local receiver = table.remove(channel.receivers, 1)
  if receiver then
    loop:wake(receiver, value)
    loop:wake(task, true)
  elseif #channel.items < channel.capacity then
    channel.items[#channel.items + 1] = value
    loop:wake(task, true)
  else
    channel.senders[#channel.senders + 1] = {task = task, value = value}
  end
end
function handlers.join(loop, task, other)
  if other.done then loop:wake(task, table.unpack(other.done, 1, other.done.n)) else other.waiters[#other.waiters + 1] = task end
end

function Loop:step(task, values)
  local result = table.pack(coroutine.resume(task.thread, table.unpack(values, 1, values.n)))
  if coroutine.status(task.thread) == "suspended" then
    return handlers[result[2]](self, task, table.unpack(result, 3, result.n))
  end
  task.done = result
  if not result[1] then self.log[#self.log + 1] = ("%g %s failed: %s"):format(self.now, task.name, tostring(result[2])) end
  for _, waiter in ipairs(task.waiters) do self:wake(waiter, table.unpack(result, 1, result.n)) end
end

function Loop:run()
  local steps = 0
  while true do
    while #self.ready > 0 do
      local batch = self.ready
      self.ready = {}
      for _, entry in ipairs(batch) do
        steps = steps + 1
        self:step(entry.task, entry.values)
      end
    end
    local timer = table.remove(self.timers, 1)
    if not timer then return steps end
    self.now = timer.time
    self:wake(timer.task, table.unpack(timer.values, 1, timer.values.n))
  end
end

local yield = coroutine.yield
local function sleep(n) return yield("sleep", n) end
local function send(channel, value) return yield("send", channel, value) end
local function receive(channel) return yield("receive", channel) end
local function join(task) return yield("join", task) end
local function channel(capacity) return {items = {}, senders = {}, receivers = {}, capacity = capacity} end

local loop = Loop.new()
local function say(...) loop.log[#loop.log + 1] = ("%g "):format(loop.now) .. table.concat({...}, " ") end

local numbers, squares = channel(2), channel(0)
local producer = loop:spawn("producer", function()
  for i = 1, 12 do
    if i % 4 == 0 then sleep(1.5) end
    send(numbers, i)
  end
  send(numbers, false)
  return "produced", 12
end)
for w = 1, 2 do
  loop:spawn("worker" .. w, function()
    local closing <close> = setmetatable({}, {__close = function(_, e) say("worker", w, "closes", tostring(e)) end})
    while true do
      local n = receive(numbers)
      if not n then
        send(numbers, false)
        break
      end
      sleep(w / 2)
      send(squares, n * n)
    end
    send(squares, false)
  end)
end
loop:spawn("collector", function()
  local sum, ended = 0, 0
  while ended < 2 do
    local value = receive(squares)
    if value then
      sum = sum + value
      say("got", value, "sum", sum)
    else
      ended = ended + 1
    end
  end
  say("producer said", table.unpack({select(2, join(producer))}))
end)
local failing = loop:spawn("failing", function()
  sleep(2)
  local guard <close> = setmetatable({}, {__close = function(_, e) say("guard sees", tostring(e)) end})
  error("on purpose", 0)
end)
loop:spawn("watcher", function()
  local ok, message = join(failing)
  say("watcher", tostring(ok), message)
  local caught, object = pcall(function()
    sleep(0.25)
    error({code = 7})
  end)
  say("caught", tostring(caught), object.code)
  say("after a sleep within pcall")
  local parts = {}
  for part in coroutine.wrap(function() for _, p in ipairs {"a", "b", "c"} do yield(p) end end) do parts[#parts + 1] = part end
  say(table.concat(parts, "+"))
end)
local clock = loop:spawn("clock", function()
  local ticks = 0
  for _ = 1, 200 do
    sleep(0.125)
    ticks = ticks + 1
  end
  return ticks
end)
print(loop:run())
for _, line in ipairs(loop.log) do print(line) end
print(loop.now, table.unpack(clock.done, 1, clock.done.n))
