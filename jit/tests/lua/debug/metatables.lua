-- Metatables of every type, the registry, user values, traceback of non-strings.
local sm, gm = debug.setmetatable, debug.getmetatable
local mt = {__metatable = "locked", __index = function(v, k) return type(v) .. "." .. tostring(k) end, __call = function(v, ...) return "called", ... end,
  __add = function(a, b) return "added" end, __name = "Mine", __len = function() return 42 end, __tostring = function(v) return "<" .. type(v) .. ">" end}
for _, v in ipairs {1, true, "skip", print} do
  if v ~= "skip" then
    print(gm(v), sm(v, mt) == v, gm(v) == mt, getmetatable(v), v.key, tostring(v))
    print(pcall(function() return v(1, 2) end)) print(pcall(function() return v + {} end)) print(pcall(function() return #v end))
    print(sm(v, nil) == v, gm(v))
  end
end
print(sm(nil, mt)) print((nil).x, pcall(function() local n return n.a.b end)) print(sm(nil, nil), pcall(function() local n return n.a end))
local t = setmetatable({}, {__metatable = "x"})
print(getmetatable(t), gm(t).__metatable, pcall(setmetatable, t, {})) print(sm(t, nil) == t, getmetatable(t))
local smt = gm("") print(gm("").__index == string, sm("x", {__index = function(s, k) return s .. k end}), ("a").b, sm("", smt)) print(("x"):rep(2))
print(pcall(sm)) print(pcall(sm, 1)) print(pcall(sm, 1, 1)) print(pcall(sm, {}, "x")) print(pcall(gm)) print(gm({}), gm(nil))
local r = debug.getregistry()
print(type(r), r[2] == _G, type(r[1]), r._LOADED.string == string, r._LOADED._G == _G)
print(debug.getuservalue(1)) print(debug.getuservalue({}, 2)) print(debug.getuservalue(nil)) print(pcall(debug.getuservalue, 1, "x")) print(debug.getuservalue())
print(pcall(debug.setuservalue, {}, 1)) print(pcall(debug.setuservalue)) print(pcall(debug.setuservalue, 1, 2, "x"))
print(debug.setcstacklimit(1000), pcall(debug.setcstacklimit))
local names = {} for k, v in pairs(debug) do names[#names + 1] = k .. ":" .. type(v) end table.sort(names) print(table.concat(names, " "))
