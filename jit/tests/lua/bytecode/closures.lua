-- Upvalues: of the stack, of the enclosing function, through several levels, in loops.
local a, b, c = 1, 2, 3
local function f()
  local d = a
  return function()
    local e = b + d
    return function()
      a = e
      c = c + d
      return function() return a, b, c, d, e, f end
    end
  end
end
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() n = 0 end
end
local fs = {}
for i = 1, 10 do fs[i] = function() return i end end
for k, v in pairs(fs) do fs[k] = function() return k, v end end
local i = 0
while i < 10 do local j = i; fs[i] = function() j = j + 1 return j end i = i + 1 end
repeat local j = i; fs[i] = function() return j end i = i - 1 until j < 0
repeat local j = i; fs[j] = function() return j end; if i then break end until function() return j end
do local x = 1; fs.x = function() return x end end
if a then local x = 2; fs.y = function() return x end else local x = 3; fs.z = function() return x end end
local function rec(n) if n > 0 then return rec(n - 1) end end
local rec2; rec2 = function(n) return rec2(n) end
local shadow = 1
local shadow2 = function() local shadow = shadow return function() return shadow end end
function global() return a, global end
local t = {m = function(self) return self, t end}
function t:n(...) return self, ..., a end
return function() return a end
