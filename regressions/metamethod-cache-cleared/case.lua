-- the traced loop itself writes __index of a metatable whose absence is cached
local mt = {__index = false}
mt.__index = nil
local t = setmetatable({}, mt)
local fallback = {foo = 5}
local s = 0
for r = 1, 6 do
  s = s + (t.foo or 1)
  for i = 1, 60 do mt.__index = fallback end
  s = s + (t.foo or 1)
  for i = 1, 60 do mt.__index = nil end
  s = s + (t.foo or 1)
end
print(s)
