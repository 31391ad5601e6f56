-- structures that change while the collector is at work keep exactly what they hold
local function lcg(seed) return function(n) seed = (seed * 1103515245 + 12345) % 2147483648 return seed // 65536 % n + 1 end end
for seed = 1, 3 do
  local rnd, nodes, watch = lcg(seed), {}, setmetatable({}, {__mode = "v"})
  for i = 1, 40 do nodes[i] = {id = i} watch[i] = nodes[i] end
  local id = 40
  for step = 1, 600 do
    local from, to = nodes[rnd(40)], nodes[rnd(40)]
    local kind = rnd(8)
    if kind == 1 then from[rnd(4)] = to
    elseif kind == 2 then from["f" .. rnd(3)] = {to, id = "leaf"}
    elseif kind == 3 then setmetatable(from, {__index = to, owner = {from}})
    elseif kind == 4 then from.get = function(x) local old = to if x then to = x end return old end
    elseif kind == 5 and rawget(from, "get") then from.get({nodes[rnd(40)]})
    elseif kind == 6 then id = id + 1 local new = {id = id, prev = rnd(2) == 1 and from or nil} watch[id] = new nodes[rnd(40)] = new
    elseif kind == 7 then table.insert(from, 1, {to}) from[8] = nil
    else from[to] = rawget(from, rnd(4)) end
  end
  local seen, order = {}, 0
  local function visit(x)
    if type(x) == "function" then local i = 1 while true do if not x then break end x = x() i = i + 1 if type(x) ~= "function" then break end end end
    if type(x) ~= "table" or seen[x] then return end
    seen[x] = true order = order + 1
    visit(getmetatable(x))
    for k, v in next, x do visit(k) visit(v) end
  end
  visit(nodes)
  collectgarbage()
  local alive, wrong = 0, 0
  for i, v in pairs(watch) do alive = alive + 1 if not seen[v] then wrong = wrong + 1 end if rawget(v, "id") ~= i then wrong = wrong + 1 end end
  print(seed, alive, wrong, order)
end
-- strings that die and come back
local parts = {}
for i = 1, 2000 do parts[i % 10 + 1] = "s" .. i % 50 end
table.sort(parts) print(table.concat(parts, ","))
-- old objects that get young ones, through every kind of store
local old = {} for i = 1, 50 do old[i] = {} end
local up = {} local function setup(x) up = x end local function getup() return up end
collectgarbage()
for i = 1, 500 do
  local o = old[i % 50 + 1]
  o.field = {i} o[1] = {i + 1} rawset(o, "raw", {i + 2}) o["k" .. i % 5] = "v" .. i
  setmetatable(o, {tag = {i}}) setup {i} table.insert(o, {i + 3}) if #o > 5 then table.remove(o, 1) end
end
local sum = 0
for i = 1, 50 do local o = old[i] sum = sum + o.field[1] + o.raw[1] + getmetatable(o).tag[1] + o[#o][1] for j = 0, 4 do sum = sum + #(o["k" .. j] or "") end end
print(sum, getup()[1])
