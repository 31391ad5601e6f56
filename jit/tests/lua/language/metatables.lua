-- Manual 2.4: each event, on either side, with results that are cut to one.
local function show(name) return function(a, b, ...)
  local function s(v) return type(v) == "table" and (rawget(v, "name") or "table") or tostring(v) end
  return name .. "(" .. s(a) .. "," .. s(b) .. "," .. select("#", ...) .. ")", "dropped" end end
local mt = {}
for _, event in ipairs {"add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "bnot", "shl", "shr", "concat"} do
  mt["__" .. event] = show(event)
end
local a, b = setmetatable({name = "a"}, mt), setmetatable({name = "b"}, {__add = show("b.add"), __concat = show("b.concat"), __shr = show("b.shr")})
print(a + 1, 1 + a, a + b, b + a, "x" + a, nil + a, a + nil, 1.5 + a)
print(a - 1, 1 - a, a * 2, 2 * a, a / 2, 2 / a, a % 2, 2 % a, a ^ 2, 2 ^ a, a // 2, 2 // a)
print(a & 1, 1 & a, a | 1, 1 | a, a ~ 1, 1 ~ a, a << 1, 1 << a, a >> 1, 1 >> a, b >> 1, 1 >> b, 1.5 & a, "s" | a)
print(-a, ~a, a .. "x", "x" .. a, 1 .. a, a .. b, b .. a, "x" .. "y" .. a, a .. "x" .. "y", a .. 1 .. b)
print(pcall(function() return b - 1 end)) print(pcall(function() return -b end)) print(pcall(function() return b & 1 end)) print(pcall(function() return ~b end))
-- __len, __eq only for two tables (or two userdata), __lt and __le; no __le from __lt.
local len = setmetatable({1, 2, 3}, {__len = function(t, u) return rawequal(t, u) and "same" or 42, 43 end})
print(#len, rawlen(len), pcall(function() return # setmetatable({}, {__len = 5}) end))
local eq = {__eq = function(x, y) return "true value" end}
local e1, e2, e3 = setmetatable({}, eq), setmetatable({}, eq), setmetatable({}, {__eq = function() return nil end})
print(e1 == e2, e1 ~= e2, e1 == e3, e3 == e1, e1 == 1, 1 == e1, e1 == {}, {} == e1, e1 == "x", rawequal(e1, e2))
local lt = {__lt = function(x, y) return x ~= y and "yes" end}
local l1, l2 = setmetatable({}, lt), setmetatable({}, lt)
print(l1 < l2, l1 > l2, l1 < 1, 1 < l1, l1 < "x", not (l1 < l1))
print(pcall(function() return l1 <= l2 end)) print(pcall(function() return l1 >= 1 end))
local le = setmetatable({}, {__le = function() return 1 end})
print(le <= 1, 1 <= le, le >= 1, 1 >= le, le <= {}, pcall(function() return le < 1 end))
-- __index and __newindex: functions, chains, tables without.
local log = {}
local base = setmetatable({inherited = "base"}, {__index = function(t, k) log[#log + 1] = k return k .. "?" end})
local derived = setmetatable({own = 1}, {__index = base})
print(derived.own, derived.inherited, derived.other, derived[1], table.concat(log, ","))
local store = setmetatable({}, {__newindex = function(t, k, v) rawset(t, k, "stored " .. tostring(v)) end})
local proxy = setmetatable({}, {__newindex = store, __index = store})
proxy.x = 1 proxy.x = 2
print(rawget(proxy, "x"), store.x, proxy.x)
print(pcall(function() local t = setmetatable({}, {__index = 5}) return t.x end))
print(pcall(function() local t = setmetatable({}, {__newindex = 5}) t.x = 1 end))
print(pcall(function() local t = setmetatable({}, {__index = "text"}) return t.upper("x"), t.nothing end))
local loop = {} setmetatable(loop, {__index = loop, __newindex = loop})
print(pcall(function() return loop.x end)) print(pcall(function() loop.x = 1 end))
local p, q = {}, {} setmetatable(p, {__index = q}) setmetatable(q, {__index = p})
print(pcall(function() return p.x end))
print(rawget(derived, "other"), rawset(derived, "own", 2) == derived, derived.own)
-- __call: chains of callables, extra arguments, as iterators and handlers.
local callable = setmetatable({name = "callable"}, {__call = function(self, ...) return rawget(self, "name"), select("#", ...), ... end})
print(callable(), callable(1, nil), pcall(callable, "p"), (callable("x")))
local outer = setmetatable({name = "outer"}, {__call = callable})
print(outer(7))
print(pcall(setmetatable({}, {__call = 1})))
print(pcall(setmetatable({}, {__call = setmetatable({}, {__call = {}})})))
local i = 0
for k, v in setmetatable({}, {__call = function(self, s, c) i = i + 1 if i < 4 then return i, tostring(s) .. tostring(c) end end}), "s", "c" do print(k, v) end
print(pcall(string.gsub, "ab", ".", callable), select(2, pcall(table.sort, {2, 1}, callable)))
-- __tostring, __name, __metatable, __pairs.
print(tostring(setmetatable({}, {__tostring = function() return "mine" end})), pcall(tostring, setmetatable({}, {__tostring = function() return 1 end})))
print(pcall(tostring, setmetatable({}, {__tostring = 1})), (tostring(setmetatable({}, {__name = "My Type"})):gsub("0x%x+", "PTR")), (tostring(setmetatable({}, {__name = 1})):gsub("0x%x+", "PTR")))
print(pcall(math.floor, setmetatable({}, {__name = "My Type"}))) print(pcall(function() return setmetatable({}, {__name = "My Type"}) + 1 end))
print(pcall(function() return setmetatable({}, {__name = "My Type"}) < 1 end)) print(pcall(function() return setmetatable({}, {__name = "A"}) < setmetatable({}, {__name = "B"}) end))
print(pcall(function() return setmetatable({}, {__name = "My Type"}) .. "x" end)) print(pcall(function() local x = setmetatable({}, {__name = "My Type"}) x() end))
print(pcall(function() for i = 1, setmetatable({}, {__name = "My Type"}) do end end)) print(pcall(ipairs)) print(pcall(setmetatable, {}, 1))
print(getmetatable(setmetatable({}, {__metatable = "locked"})), pcall(setmetatable, setmetatable({}, {__metatable = false}), {}), getmetatable("").__index == string)
print(getmetatable(setmetatable({}, {__metatable = false})), getmetatable({}), getmetatable(1))
for k, v, w in pairs(setmetatable({}, {__pairs = function(t) return function(_, k) if not k then return 1, "p" end end, t, nil, "fourth" end})) do print(k, v, w) end
print(select("#", pairs(setmetatable({}, {__pairs = function() return 1 end}))), pcall(pairs, setmetatable({}, {__pairs = 1})))
for k, v in ipairs(setmetatable({}, {__index = function(_, k) if k < 3 then return k * 10 end end})) do print(k, v) end
-- Metatables of basic types.
debug.setmetatable(1, {__index = {double = function(n) return n * 2 end}, __call = function(n, x) return n + x end, __len = function(n) return n end})
print((5):double(), (5)(3), #7, pcall(function() return (5).nothing end))
debug.setmetatable(1, nil)
debug.setmetatable(nil, {__index = function() return "of nil" end, __add = function() return "nil sum" end, __concat = function() return "nil text" end})
local none print(none.x, none + 1, 1 + none, none .. "x", pcall(function() none.x = 1 end))
debug.setmetatable(nil, nil)
debug.setmetatable(print, {__index = {arity = "?"}, __concat = function(f, g) return "composed" end})
print(print.arity, print .. print, pcall(function() return print.x.y end))
debug.setmetatable(print, nil)
debug.setmetatable(true, {__bnot = function(b) return not b end, __lt = function() return true end})
print(~true, ~false, true < false, pcall(function() return true < 1 end))
debug.setmetatable(true, nil)
-- A metatable that changes during the operation.
local self = setmetatable({}, {__add = function(s) setmetatable(s, nil) return "once" end})
print(self + 1, pcall(function() return self + 1 end))
