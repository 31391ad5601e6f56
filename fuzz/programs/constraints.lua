-- One-way constraints solved incrementally, after the DeltaBlue benchmark: a chain of equalities and a
-- projection x * scale + offset. Values that must come out are checked.

local REQUIRED, STRONG, NORMAL, WEAK, WEAKEST = 1, 2, 3, 4, 5

local Variable = {}
Variable.__index = Variable

local function variable(name, value)
  return setmetatable(
    {name = name, value = value, constraints = {}, determined_by = nil, mark = 0, strength = WEAKEST, stay = true},
    Variable)
end

function Variable:remove(constraint)
  for i, other in ipairs(self.constraints) do
    if other == constraint then return table.remove(self.constraints, i) end
  end
end

-- A constraint has variables and methods; a method computes one variable from the others.
local Constraint = {}
Constraint.__index = Constraint

local function constraint(strength, variables, methods, is_input)
  return setmetatable({strength = strength, variables = variables, methods = methods, chosen = nil,
    is_input = is_input or false}, Constraint)
end

function Constraint:output() return self.chosen and self.variables[self.chosen.out] end

function Constraint:choose(mark)
  local best
  for _, method in ipairs(self.methods) do
    local out = self.variables[method.out]
    if out.mark ~= mark and out.strength > self.strength then
      if not best or out.strength > self.variables[best.out].strength then best = method end
    end
  end
  self.chosen = best
  return best
end

function Constraint:inputs_known(mark)
  for i, input in ipairs(self.variables) do
    if i ~= self.chosen.out and not (input.mark == mark or input.stay or not input.determined_by) then
      return false
    end
  end
  return true
end

function Constraint:recalculate()
  local out, strength, stay = self:output(), self.strength, not self.is_input
  for i, input in ipairs(self.variables) do
    if i ~= self.chosen.out then
      if input.strength > strength then strength = input.strength end
      stay = stay and input.stay
    end
  end
  out.strength, out.stay = strength, stay
  if self.chosen.run then out.value = self.chosen.run(self.variables) end
end

local Planner = {mark = 0, executed = 0}

function Planner:fresh()
  self.mark = self.mark + 1
  return self.mark
end

function Planner:propagate(constraint, mark)
  local todo = {constraint}
  while #todo > 0 do
    local c = table.remove(todo)
    if c:output().mark == mark then
      self:retract(c)
      return false
    end
    c:recalculate()
    for _, other in ipairs(c:output().constraints) do
      if other ~= c and other.chosen and other:output() ~= c:output() then todo[#todo + 1] = other end
    end
  end
  return true
end

function Planner:satisfy(c, mark)
  local method = c:choose(mark)
  if not method then
    if c.strength == REQUIRED then error("a required constraint cannot be satisfied", 0) end
    return nil
  end
  for i, input in ipairs(c.variables) do
    if i ~= method.out then input.mark = mark end
  end
  local out = c:output()
  local overridden = out.determined_by
  if overridden then overridden.chosen = nil end
  out.determined_by = c
  if not self:propagate(c, mark) then error("a cycle of constraints", 0) end
  out.mark = mark
  return overridden
end

function Planner:add(c)
  for _, v in ipairs(c.variables) do v.constraints[#v.constraints + 1] = c end
  local mark = self:fresh()
  local overridden = self:satisfy(c, mark)
  while overridden do overridden = self:satisfy(overridden, mark) end
  return c
end

function Planner:retract(c)
  local out = c:output()
  for _, v in ipairs(c.variables) do v:remove(c) end
  if not out then return end
  c.chosen, out.determined_by = nil, nil
  out.strength, out.stay = WEAKEST, true
  local unsatisfied, todo = {}, {out}
  while #todo > 0 do
    local v = table.remove(todo)
    for _, other in ipairs(v.constraints) do
      if not other.chosen then
        unsatisfied[#unsatisfied + 1] = other
      elseif other ~= v.determined_by then
        other:recalculate()
        todo[#todo + 1] = other:output()
      end
    end
  end
  for strength = REQUIRED, WEAKEST do
    for _, other in ipairs(unsatisfied) do
      if other.strength == strength and not other.chosen then
        local mark = self:fresh()
        local overridden = self:satisfy(other, mark)
        while overridden do overridden = self:satisfy(overridden, mark) end
      end
    end
  end
end

function Planner:plan(sources)
  local mark, plan, todo = self:fresh(), {}, {}
  for _, c in ipairs(sources) do
    if c.chosen then todo[#todo + 1] = c end
  end
  while #todo > 0 do
    local c = table.remove(todo)
    local out = c:output()
    if out.mark ~= mark and c:inputs_known(mark) then
      plan[#plan + 1] = c
      out.mark = mark
      for _, other in ipairs(out.constraints) do
        if other ~= c and other.chosen and other:output() ~= out then todo[#todo + 1] = other end
      end
    end
  end
  return plan
end

function Planner:execute(plan)
  for i = 1, #plan do
    local c = plan[i]
    if c.chosen.run then c:output().value = c.chosen.run(c.variables) end
    self.executed = self.executed + 1
  end
end

local function stay(v, strength) return Planner:add(constraint(strength, {v}, {{out = 1}})) end
local function edit(v) return Planner:add(constraint(STRONG, {v}, {{out = 1}}, true)) end

local function equal(a, b)
  return Planner:add(constraint(REQUIRED, {a, b}, {
    {out = 2, run = function(v) return v[1].value end},
    {out = 1, run = function(v) return v[2].value end},
  }))
end

local function scaled(source, scale, offset, target)
  return Planner:add(constraint(REQUIRED, {source, scale, offset, target}, {
    {out = 4, run = function(v) return v[1].value * v[2].value + v[3].value end},
    {out = 1, run = function(v) return (v[4].value - v[3].value) // v[2].value end},
  }))
end

local function change(v, value, rounds)
  local e = edit(v)
  local plan = Planner:plan {e}
  for _ = 1, rounds do
    v.value = value
    Planner:execute(plan)
  end
  Planner:retract(e)
end

local function check(condition, what)
  if not condition then error("wrong: " .. what, 0) end
end

local function chain(n)
  local list = {}
  for i = 0, n do
    list[i] = variable("v" .. i, 0)
    if i > 0 then equal(list[i - 1], list[i]) end
  end
  stay(list[n], NORMAL)
  local e = edit(list[0])
  local plan = Planner:plan {e}
  for value = 1, 60 do
    list[0].value = value
    Planner:execute(plan)
    check(list[n].value == value, "end of the chain")
  end
  Planner:retract(e)
  return #plan
end

local function projection(n)
  local scale, offset = variable("scale", 10), variable("offset", 1000)
  local sources, targets = {}, {}
  for i = 1, n do
    sources[i], targets[i] = variable("s" .. i, i), variable("t" .. i, i)
    stay(sources[i], NORMAL)
    scaled(sources[i], scale, offset, targets[i])
  end
  change(sources[1], 17, 10)
  check(targets[1].value == 1170, "forwards")
  change(targets[1], 1050, 10)
  check(sources[1].value == 5, "backwards")
  change(scale, 5, 10)
  for i = 2, n do check(targets[i].value == i * 5 + 1000, "scale") end
  change(offset, 2000, 10)
  for i = 2, n do check(targets[i].value == i * 5 + 2000, "offset") end
  return targets[n].value
end

print("chain", chain(40))
print("projection", projection(25))
print("steps", Planner.executed)
