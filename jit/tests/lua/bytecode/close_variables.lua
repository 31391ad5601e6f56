local function new(x) return setmetatable({}, {__close = x}) end
do local a <close> = new(1) end
do local a <close>, b = new(2), 3 end
do local a, b <close> = 4, new(5); local c <close> = new(6); print(a) end
local function f()
  local a <close> = new(7)
  return f(a)
end
local function g(x)
  if x then local a <close> = nil return g(x - 1) end
  return g(x)
end
local function h(...)
  for i = 1, 3 do
    local a <close> = new(i)
    if i == 2 then break end
    if i == 3 then goto done end
    goto continue
    ::continue::
  end
  ::done::
  return ...
end
while f do local a <close> = nil; if a then break end end
repeat local a <close> = nil until a
for k, v in pairs({}) do local a <close> = v end
local c <close> = nil
return f
