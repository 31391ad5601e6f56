-- A least-recently-used cache: a table for lookup, a doubly linked ring for the order of use.
local Cache = {} Cache.__index = Cache

function Cache.new(capacity)
  local ring = {}
  ring.next, ring.previous = ring, ring
  return setmetatable({capacity = capacity, size = 0, nodes = {}, ring = ring, hits = 0, misses = 0}, Cache)
end

local function unlink(node)
  node.previous.next, node.next.previous = node.next, node.previous
end

local function link_after(place, node)
  node.previous, node.next = place, place.next
  place.next.previous = node
  place.next = node
end

function Cache:get(key)
  local node = self.nodes[key]
  if not node then
    self.misses = self.misses + 1
    return nil
  end
  self.hits = self.hits + 1
  unlink(node)
  link_after(self.ring, node)
  return node.value
end

function Cache:put(key, value)
  local node = self.nodes[key]
  if node then
    unlink(node)
  elseif self.size == self.capacity then
    node = self.ring.previous
    unlink(node)
    self.nodes[node.key] = nil
  else
    node = {}
    self.size = self.size + 1
  end
  node.key, node.value = key, value
  self.nodes[key] = node
  link_after(self.ring, node)
end

function Cache:keys()
  local keys, node = {}, self.ring.next
  while node ~= self.ring do
    keys[#keys + 1] = tostring(node.key)
    node = node.next
  end
  return table.concat(keys, " ")
end

local state = 12345
local function random(n)
  state = (state * 1103515245 + 12345) & 0x7fffffff
  return (state >> 8) % n + 1
end

for _, capacity in ipairs {1, 4, 16, 64} do
  local cache = Cache.new(capacity)
  local checksum = 0
  for i = 1, 600 do
    local key = random(10) + random(30)
    local value = cache:get(key)
    if value == nil then
      value = key * key + (i % 7) / 4
      cache:put(key, value)
    end
    checksum = checksum + value
  end
  print(capacity, cache.hits, cache.misses, cache.size, checksum)
  if capacity <= 16 then print(cache:keys()) end
end

-- Keys of every type.
local mixed = Cache.new(3)
local object = setmetatable({}, {__tostring = function() return "object" end})
for _, key in ipairs {1, "1", true, object, 1.5, "1", object} do
  mixed:put(key, mixed:get(key) and "again" or "new")
  print(mixed:keys(), mixed:get(key))
end
print(pcall(mixed.put, mixed, nil, "no key"))
