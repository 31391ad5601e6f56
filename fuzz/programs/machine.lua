-- A small register machine: an assembler for its text, and an interpreter with a dispatch table.
local function assemble(source)
  local code, labels, fixes = {}, {}, {}
  for line in source:gmatch "[^\n]+" do
    line = line:gsub(";.*", "")
    local label = line:match "^%s*([%a_]+):"
    if label then labels[label] = #code + 1 end
    local name, operands = line:match "^%s+([%a]+)%s*(.-)%s*$"
    if name then
      local instruction = {op = name}
      for operand in operands:gmatch "[^,%s]+" do
        if operand:match "^r%d+$" then
          instruction[#instruction + 1] = tonumber(operand:sub(2)) + 1
        elseif tonumber(operand) then
          instruction[#instruction + 1] = tonumber(operand)
        else
          instruction[#instruction + 1] = operand
          fixes[#fixes + 1] = {instruction, #instruction}
        end
      end
      code[#code + 1] = instruction
    end
  end
  for _, fix in ipairs(fixes) do
    local name = fix[1][fix[2]]
    fix[1][fix[2]] = labels[name] or error("no label " .. name, 0)
  end
  return code
end

local operations = {
  set = function(m, i) m.r[i[1]] = i[2] end,
  mov = function(m, i) m.r[i[1]] = m.r[i[2]] end,
  add = function(m, i) m.r[i[1]] = m.r[i[2]] + m.r[i[3]] end,
  sub = function(m, i) m.r[i[1]] = m.r[i[2]] - m.r[i[3]] end,
  mul = function(m, i) m.r[i[1]] = m.r[i[2]] * m.r[i[3]] end,
  div = function(m, i) m.r[i[1]] = m.r[i[2]] // m.r[i[3]] end,
  mod = function(m, i) m.r[i[1]] = m.r[i[2]] % m.r[i[3]] end,
  inc = function(m, i) m.r[i[1]] = m.r[i[1]] + 1 end,
  jmp = function(m, i) m.pc = i[1] end,
  jlt = function(m, i) if m.r[i[1]] < m.r[i[2]] then m.pc = i[3] end end,
  jeq = function(m, i) if m.r[i[1]] == m.r[i[2]] then m.pc = i[3] end end,
  load = function(m, i) m.r[i[1]] = m.memory[m.r[i[2]]] or 0 end,
  store = function(m, i) m.memory[m.r[i[2]]] = m.r[i[1]] end,
  call = function(m, i) m.stack[#m.stack + 1] = m.pc m.pc = i[1] end,
  ret = function(m) m.pc = table.remove(m.stack) end,
  out = function(m, i) m.output[#m.output + 1] = tostring(m.r[i[1]]) end,
  halt = function(m) m.pc = 0 end,
}

local function run(source, ...)
  local code = assemble(source)
  local machine = {r = {0, 0, 0, 0, 0, 0, 0, 0}, pc = 1, memory = {}, stack = {}, output = {}, steps = 0}
  for i = 1, select("#", ...) do machine.r[i] = (select(i, ...)) end
  while machine.pc ~= 0 do
    local instruction = code[machine.pc]
    if not instruction then error("fell off the code at " .. machine.pc, 0) end
    machine.pc = machine.pc + 1
    machine.steps = machine.steps + 1
    local operation = operations[instruction.op] or error("unknown operation " .. instruction.op, 0)
    operation(machine, instruction)
  end
  return table.concat(machine.output, " "), machine.steps
end

local gcd = [[
loop:
  jeq r1, r7, done
  mod r2, r0, r1
  mov r0, r1
  mov r1, r2
  jmp loop
done:
  out r0
  halt
]]
print(run(gcd, 1071, 462))
print(run(gcd, 2.0 ^ 20, 48))
print(run(gcd, 17, 0))

local primes = [[
  set r0, 2        ; candidate
next:
  set r1, 2        ; divisor
test:
  mul r2, r1, r1
  jlt r0, r2, prime
  mod r3, r0, r1
  jeq r3, r7, composite
  inc r1
  jmp test
prime:
  out r0
composite:
  inc r0
  set r4, 60
  jlt r0, r4, next
  halt
]]
print(run(primes))

local fibonacci = [[
  set r0, 0
  set r1, 1
  set r2, 0        ; index
  set r5, 40
fill:
  store r0, r2
  add r3, r0, r1
  mov r0, r1
  mov r1, r3
  inc r2
  jlt r2, r5, fill
  set r2, 0
  set r6, 0
sum:
  load r3, r2
  call double
  add r6, r6, r3
  inc r2
  jlt r2, r5, sum
  out r6
  halt
double:
  add r3, r3, r3
  ret
]]
print(run(fibonacci))
print(pcall(run, "  jmp nowhere"))
print(pcall(run, "  set r0, 1"))
print(pcall(run, "  fly r0"))
print(select(2, pcall(run, "  set r0, 1\n  set r1, 0\n  div r2, r0, r1")):match "attempt.*")
