-- What only the debug library can set keeps what it refers to.
local function counter(v) return function() return v[1] end end
local joined = {}
for i = 1, 20 do joined[i] = counter {0} end
for round = 1, 30 do
  for i = 1, 20 do
    debug.upvaluejoin(joined[i], 1, counter {round * i}, 1)
    local garbage = {round}
  end
  for i = 1, 20 do assert(joined[i]() == round * i) end
end
print(joined[20]())

local words = {}
for i = 1, 20 do words[i] = ("a b c"):gmatch("%a") end
for round = 1, 30 do
  for i = 1, 20 do debug.setupvalue(joined[i], 1, {round + i}) local garbage = {i} end
  for i = 1, 20 do assert(joined[i]() == round + i) end
end
print(words[1](), joined[1]())

-- The metatable of a userdata of its own, and what it leads to.
local file <const> = io.tmpfile()
local usual = debug.getmetatable(file)
for round = 1, 200 do
  debug.setmetatable(file, {__index = {value = {round}}, __len = function() return round end})
  for i = 1, round % 17 do local garbage = {i} end
  assert(#file == round and file.value[1] == round)
end
print(#file, file.value[1])
debug.setmetatable(file, usual)
file:close()

-- The registry.
local registry = debug.getregistry()
registry.kept = {1, {2}}
registry = nil
for i = 1, 200 do local garbage = {i} end
print(debug.getregistry().kept[2][1])
debug.getregistry().kept = nil

-- Hooks.
local count = 0
debug.sethook((function() local seen = {} return function() seen[1] = (seen[1] or 0) + 1 count = seen[1] end end)(), "", 3)
for i = 1, 200 do local garbage = {i} end
debug.sethook()
print(count > 0)
