-- A simulation of an operating system's task queue, after Martin Richards' benchmark: an idle task, a
-- worker, two handlers and two devices exchange packets. Ten thousand idle steps are known to give 23246
-- packets queued and 9297 tasks held; this runs exactly that.

local IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = 1, 2, 3, 4, 5, 6
local DEVICE, WORK = 1, 2

local Scheduler = {}
Scheduler.__index = Scheduler

local function packet(link, id, kind)
  return {link = link, id = id, kind = kind, datum = 0, data = {0, 0, 0, 0}}
end

local function append(queue, p)
  p.link = nil
  if not queue then return p end
  local last = queue
  while last.link do last = last.link end
  last.link = p
  return queue
end

function Scheduler:add(id, priority, queue, run, suspended)
  local task = {id = id, priority = priority, queue = queue, run = run, link = self.list,
    pending = queue ~= nil, waiting = suspended, held = false}
  self.list, self.tasks[id] = task, task
  return task
end

function Scheduler:schedule()
  local task = self.list
  while task do
    if task.held or task.waiting and not task.pending then
      task = task.link
    else
      local p
      if task.waiting and task.pending then
        p = task.queue
        task.queue = p.link
        task.waiting, task.pending = false, task.queue ~= nil
      end
      self.current = task
      task = task.run(self, task, p)
    end
  end
end

function Scheduler:wait()
  self.current.waiting = true
  return self.current
end

function Scheduler:hold()
  self.holds = self.holds + 1
  self.current.held = true
  return self.current.link
end

function Scheduler:release(id)
  local task = self.tasks[id]
  task.held = false
  if task.priority > self.current.priority then return task end
  return self.current
end

function Scheduler:queue(p)
  local task = self.tasks[p.id]
  self.queued = self.queued + 1
  p.link, p.id = nil, self.current.id
  if task.queue then
    task.queue = append(task.queue, p)
    return self.current
  end
  task.queue, task.pending = p, true
  if task.priority > self.current.priority then return task end
  return self.current
end

local function idle(count)
  local seed = 1
  return function(s)
    count = count - 1
    if count == 0 then return s:hold() end
    if seed & 1 == 0 then
      seed = seed >> 1
      return s:release(DEVICE_A)
    end
    seed = seed >> 1 ~ 0xD008
    return s:release(DEVICE_B)
  end
end

local function worker()
  local target, letter = HANDLER_A, 0
  return function(s, _, p)
    if not p then return s:wait() end
    target = target == HANDLER_A and HANDLER_B or HANDLER_A
    p.id, p.datum = target, 0
    for i = 1, 4 do
      letter = letter % 26 + 1
      p.data[i] = 64 + letter
    end
    return s:queue(p)
  end
end

local function handler()
  local work, devices
  return function(s, _, p)
    if p then
      if p.kind == WORK then work = append(work, p) else devices = append(devices, p) end
    end
    if work then
      local at = work.datum + 1
      if at > 4 then
        local done = work
        work = work.link
        return s:queue(done)
      end
      if devices then
        local free = devices
        devices = devices.link
        free.datum = work.data[at]
        work.datum = at
        return s:queue(free)
      end
    end
    return s:wait()
  end
end

local function device()
  local pending
  return function(s, _, p)
    if not p then
      if not pending then return s:wait() end
      local done = pending
      pending = nil
      return s:queue(done)
    end
    pending = p
    return s:hold()
  end
end

local function simulate()
  local s = setmetatable({tasks = {}, queued = 0, holds = 0}, Scheduler)
  s:add(IDLE, 0, nil, idle(10000), false)
  s:add(WORKER, 1000, packet(packet(nil, WORKER, WORK), WORKER, WORK), worker(), true)
  local queue = packet(packet(packet(nil, DEVICE_A, DEVICE), DEVICE_A, DEVICE), DEVICE_A, DEVICE)
  s:add(HANDLER_A, 2000, queue, handler(), true)
  queue = packet(packet(packet(nil, DEVICE_B, DEVICE), DEVICE_B, DEVICE), DEVICE_B, DEVICE)
  s:add(HANDLER_B, 3000, queue, handler(), true)
  s:add(DEVICE_A, 4000, nil, device(), true)
  s:add(DEVICE_B, 5000, nil, device(), true)
  s:schedule()
  return s.queued, s.holds
end

local queued, holds = simulate()
print("queued", queued, "held", holds, queued == 23246 and holds == 9297)
