local t = {1, 2, 3, 4, 5}
print(table.remove(t), table.remove(t, 1), table.remove(t, 2), #t, table.unpack(t))
print(table.remove(t, #t + 1), #t) print(table.remove({}), table.remove({}, 0), table.remove({}, 1))
local z = {[0] = "zero"} print(table.remove(z), z[0], table.remove(z, 0))
try(table.remove)
try(table.remove, t, 5)
try(table.remove, t, -1)
try(table.remove, t, "x")
try(table.remove, t, 1.5)
try(table.remove, nil)
try(table.remove, {}, 2)
try(table.remove, {1, 2}, 4) try(table.remove, {1, 2}, 0)
local log = {}
local proxy = setmetatable({}, {__index = function(_, k) log[#log + 1] = "get" .. k return k * 10 end,
  __newindex = function(_, k, v) log[#log + 1] = "set" .. k .. "=" .. tostring(v) end, __len = function() return 3 end})
print(table.remove(proxy, 1), table.remove(proxy))
print(table.concat(log, " "))
bad(table.remove, {}, 7)
