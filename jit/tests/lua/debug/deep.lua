-- Deep nesting in source, deep recursion in Lua and through natives: the same message, at the same depth.
local function short(ok, e) e = tostring(e) print(ok, #e < 200 and e or e:sub(1, 100) .. " ... " .. e:sub(-80)) end
local function try(source) local f, e = load(source, "=d") print(f ~= nil, e) return f end
for _, n in ipairs {100, 150, 180, 185, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 220, 1000, 5000} do
  print(n)
  try("return " .. ("("):rep(n) .. "1" .. (")"):rep(n))
  try("return " .. ("{"):rep(n) .. ("}"):rep(n))
  try("return " .. ("-"):rep(n) .. "1")
  try("return " .. ("not "):rep(n) .. "1")
  try("return " .. ("1 .. "):rep(n) .. "1")
  try("return " .. ("a .. "):rep(n) .. "a")
  try("return " .. ("2 ^ "):rep(n) .. "2")
  try(("do "):rep(n) .. ("end "):rep(n))
  try(("if x then "):rep(n) .. ("end "):rep(n))
  try(("while x do "):rep(n) .. ("end "):rep(n))
  try(("repeat "):rep(n) .. ("until x "):rep(n))
  try(("for i = 1, 2 do "):rep(n) .. ("end "):rep(n))
  try(("function f() "):rep(n) .. ("end "):rep(n))
  try("return " .. ("function() return "):rep(n) .. "1" .. (" end"):rep(n))
  try("f" .. ("("):rep(n) .. (")"):rep(n))
  try("f" .. ("{"):rep(n) .. ("}"):rep(n))
  try("x = a" .. ("[a"):rep(n) .. ("]"):rep(n))
  try("a" .. (", a"):rep(n) .. " = 1")
  try("local a" .. (", a"):rep(n) .. " = 1")
end
-- Left-associative chains of any length.
for _, n in ipairs {1000, 1999, 2000, 2001, 5000, 30000} do
  local f = try("local a = 1 return a" .. (" + a"):rep(n)) print(f and f())
  f = try("local t = {} t.x = t return t" .. (".x"):rep(n) .. " == t") print(f and f())
  f = try("local f function f() return f end return f" .. ("()"):rep(n) .. " == f") print(f and f())
  f = try("local s = {} function s:m() return self end return s" .. (":m()"):rep(n) .. " == s") print(f and f())
  f = try("local a = 1 return a" .. (" and a"):rep(n)) print(f and f())
  f = try("local a return a" .. (" or a"):rep(n)) print(f and f())
  f = try("local a = 5 return a" .. (" - 1"):rep(n) .. " * 0") print(f and f())
  f = try("return 1" .. (" + 1"):rep(n)) print(f and f())
  f = try("return 1" .. (" == 1"):rep(n)) print(f and f())
  try("local a = 1 return a" .. (" + a"):rep(n) .. ")")
  try("x = a" .. (" + a"):rep(n) .. " + ")
end
-- Runaway recursion.
local function f() return 1 + f() end
short(pcall(f))
local function g(x) g(x) g(x) end
short(pcall(g, 1))
local depth = 0
local function count() depth = depth + 1 return 1 + count() end
print(pcall(count), depth) depth = 0
local function count2(a, b, c, d, e) depth = depth + 1 local x, y, z return 1 + count2(a, b, c, d, e) end
print(pcall(count2), depth) depth = 0
local function varcount(...) depth = depth + 1 return 1 + varcount(...) end
print(pcall(varcount, 1, 2, 3), depth) depth = 0
local t = setmetatable({}, {}) local mt = getmetatable(t)
mt.__index = function(t, k) depth = depth + 1 return t[k .. "x"] end short(pcall(function() return t.x end)) print(depth) depth = 0
mt.__index = function(t, k) depth = depth + 1 return t[k] end short(pcall(function() return t.x end)) print(depth) depth = 0
mt.__add = function(a, b) depth = depth + 1 return a + b end short(pcall(function() return t + 1 end)) print(depth) depth = 0
mt.__eq = function(a, b) depth = depth + 1 return a == b end short(pcall(function() return t == setmetatable({}, mt) end)) print(depth) depth = 0
mt.__lt = function(a, b) depth = depth + 1 return a < b end short(pcall(function() return t < t end)) print(depth) depth = 0
mt.__concat = function(a, b) depth = depth + 1 return a .. b end short(pcall(function() return t .. "x" end)) print(depth) depth = 0
mt.__len = function(a) depth = depth + 1 return #a end short(pcall(function() return #t end)) print(depth) depth = 0
mt.__newindex = function(t, k, v) depth = depth + 1 t[k] = v end short(pcall(function() t.x = 1 end)) print(depth) depth = 0
mt.__call = function(self) depth = depth + 1 return 1 + self() end short(pcall(function() return t() end)) print(depth) depth = 0
mt.__tostring = function(self) depth = depth + 1 return tostring(self) end short(pcall(tostring, t)) print(depth) depth = 0
mt.__pairs = function(self) depth = depth + 1 return pairs(self) end short(pcall(pairs, t)) print(depth) depth = 0
local function sub(s) depth = depth + 1 return s:gsub(".", sub) end short(pcall(sub, "x")) print(depth) depth = 0
local function sort() depth = depth + 1 table.sort({1, 2}, sort) end short(pcall(sort)) print(depth) depth = 0
local function pc() depth = depth + 1 return pcall(pc) end print(pc()) print(depth) depth = 0
local function pc2() depth = depth + 1 local ok, e = pcall(pc2) if not ok then error(e, 0) end end short(pcall(pc2)) print(depth) depth = 0
local function xp() depth = depth + 1 return xpcall(xp, function(m) return m end) end print(xp()) print(depth) depth = 0
local function iter() depth = depth + 1 for _ in iter do end end short(pcall(iter)) print(depth) depth = 0
local function ld() depth = depth + 1 return load(ld) end print(type(ld())) print(depth) depth = 0
local function err() depth = depth + 1 return error(setmetatable({}, {__tostring = err})) end print(pcall(err) == false) print(depth) depth = 0
-- Errors in message handlers.
print(xpcall(error, function(m) error(m) end, "e"))
print(xpcall(error, function(m) local x = nil; x() end, "e"))
print(xpcall(error, error, "e"))
print(xpcall(error, function(m) return m, 2 end, "e"))
print(xpcall(error, print, "e"))
print(select("#", xpcall(error, function() end, "e")))
print(xpcall(f, function(m) return #m < 60 and m or "long" end))
print(xpcall(f, function(m) return f() end))
print(xpcall(f, function(m) local function g(n) if n == 0 then return m end return g(n - 1) .. "" end return g(10) end))
print(xpcall(f, debug.traceback) == false)
short(xpcall(f, debug.traceback))
local calls = 0
print(xpcall(error, function(m) calls = calls + 1 error(m, 0) end, "again")) print(calls)
print(xpcall(function() error("inner") end, function(m) return pcall(error, m) end))
print(xpcall(function() return xpcall(error, function(m) error("h1") end, "e") end, function(m) return "outer: " .. tostring(m) end))
print(pcall(string.rep, "x", -1)) print(pcall(table.unpack, {}, 1, 1000000)) print(pcall(table.unpack, {}, 1, 999000) == false)
print(pcall(function() return select("#", table.unpack({}, 1, 900000)) end))
print(pcall(string.char, table.unpack({}, 1, 100)))
print(pcall(function() local t = {} for i = 1, 260 do t[i] = "a" .. i end return load("local " .. table.concat(t, ", ")) end))
print(load("local a = 1 " .. ("local a = 1 "):rep(200)))
