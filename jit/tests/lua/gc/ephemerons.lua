-- An entry with a weak key stays until the key's finalizer has run, value included.
local info = setmetatable({}, {__mode = "k"})
local seen = 0
for i = 1, 300 do
  local object = setmetatable({i}, {__gc = function(o)
    local entry = info[o]
    if entry and entry[1] == o[1] and entry.text == "entry " .. o[1] then seen = seen + 1 end
  end})
  info[object] = {i, text = "entry " .. i}
end
for i = 1, 100 do local garbage = {i} end
collectgarbage() collectgarbage()
print(seen, next(info))

-- What only a weak key leads to is strong: a table with weak values keeps it as well.
local chain, values, first = setmetatable({}, {__mode = "k"}), setmetatable({}, {__mode = "v"}), {}
local key = first
for i = 1, 100 do
  local value = {i}
  chain[key], values[i] = value, value
  key = value
end
key = nil
collectgarbage()
local length, at = 0, first
while chain[at] do at = chain[at] length = length + 1 end
local left = 0
for i = 1, 100 do if values[i] and values[i][1] == i then left = left + 1 end end
print(length, left)

-- Stores that go through `__newindex` to a table that has the key.
local target = {}
for i = 1, 20 do target[i] = false target["k" .. i] = false end
local proxy = setmetatable({}, {__newindex = setmetatable({}, {__newindex = target})})
for round = 1, 40 do
  for i = 1, 20 do
    proxy[i] = {round, i}
    proxy["k" .. i] = {round, "text " .. i}
  end
  for i = 1, round % 13 do local garbage = {i} end
  for i = 1, 20 do
    assert(target[i][1] == round and target[i][2] == i)
    assert(target["k" .. i][1] == round and target["k" .. i][2] == "text " .. i)
  end
end
print(target[7][1], target.k7[2])
