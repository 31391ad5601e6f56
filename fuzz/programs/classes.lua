-- A class library: inheritance, mixins, operators, class methods, properties with getters.
local function class(name, parent)
  local c = {name = name, parent = parent, getters = {}, methods = {}}
  local function find(key, kind)
    local owner = c
    while owner do
      local found = owner[kind][key]
      if found ~= nil then return found end
      owner = owner.parent
    end
  end
  local meta = {__name = name}
  function meta.__index(self, key)
    local getter = find(key, "getters")
    if getter then return getter(self) end
    return find(key, "methods")
  end
  for _, event in ipairs {"__add", "__sub", "__mul", "__eq", "__lt", "__le", "__len", "__call", "__tostring", "__concat", "__unm"} do
    meta[event] = function(...)
      local method = find(event, "methods")
      if not method then error(name .. " has no " .. event, 2) end
      return method(...)
    end
  end
  c.meta = meta
  function c.super(self, method, ...) return parent and parent.find(method)(self, ...) end
  function c.find(key) return find(key, "methods") end
  function c.include(mixin) for key, value in pairs(mixin) do c.methods[key] = value end return c end
  return setmetatable(c, {
    __call = function(_, ...)
      local object = setmetatable({}, meta)
      local init = find("init", "methods")
      if init then init(object, ...) end
      return object
    end,
    __newindex = function(_, key, value) c.methods[key] = value end,
    __tostring = function() return "class " .. name end,
  })
end

local Shape = class "Shape"
function Shape:init(label) self.label = label end
function Shape:area() return 0 end
function Shape.__tostring(self) return ("%s<%s %.2f>"):format(getmetatable(self).__name, self.label, self:area()) end
function Shape.__lt(a, b) return a:area() < b:area() end
function Shape.__le(a, b) return a:area() <= b:area() end
function Shape.__eq(a, b) return a:area() == b:area() end

local Circle = class("Circle", Shape)
function Circle:init(r) Circle.super(self, "init", "circle") self.r = r end
function Circle:area() return math.pi * self.r ^ 2 end
Circle.getters.diameter = function(self) return self.r * 2 end

local Rect = class("Rect", Shape)
function Rect:init(w, h) Rect.super(self, "init", "rect") self.w, self.h = w, h end
function Rect:area() return self.w * self.h end
function Rect.__mul(a, n) if type(a) == "number" then a, n = n, a end return Rect(a.w * n, a.h * n) end

local Square = class("Square", Rect)
function Square:init(side) Square.super(self, "init", side, side) self.label = "square" end
Square.include {scale = function(self, n) self.w, self.h = self.w * n, self.h * n return self end}

local shapes = {}
for i = 1, 60 do
  if i % 3 == 0 then shapes[i] = Circle(i / 8)
  elseif i % 3 == 1 then shapes[i] = Rect(i, 61 - i)
  else shapes[i] = Square(i % 7 + 1) end
end
local total = 0.0
for round = 1, 5 do
  for i = 1, #shapes do total = total + shapes[i]:area() * round end
end
print(("%.6f"):format(total))
table.sort(shapes, function(a, b)
  if a == b then return a.label < b.label end
  return a < b
end)
for i = 1, #shapes, 12 do print(i, shapes[i]) end
print(Circle, Circle(2), Circle(2).diameter, Square(3):scale(2), Rect(1, 2) * 3, 2 * Rect(1, 2))
print(Circle(1) < Square(2), Circle(1) <= Circle(1), Square(2) == Rect(4, 1), Square(2) ~= Rect(2, 1))
print(pcall(function() return Circle(1) * 2 end))
print(pcall(function() return #Square(1) end))
print(select(2, pcall(function() return Square(1) .. "x" end)))

-- Operators in a hot loop, with an accumulator that changes its class.
local Vector = class "Vector"
function Vector:init(x, y) self.x, self.y = x, y end
function Vector.__add(a, b) return Vector(a.x + b.x, a.y + b.y) end
function Vector.__sub(a, b) return Vector(a.x - b.x, a.y - b.y) end
function Vector.__mul(a, b) return type(b) == "number" and Vector(a.x * b, a.y * b) or a.x * b.x + a.y * b.y end
function Vector.__unm(a) return Vector(-a.x, -a.y) end
function Vector.__len(a) return (a.x ^ 2 + a.y ^ 2) ^ 0.5 end
function Vector.__call(a, name) return a[name] end
function Vector.__eq(a, b) return a.x == b.x and a.y == b.y end
function Vector.__concat(a, b) return tostring(a) .. tostring(b) end
function Vector.__tostring(a) return ("(%g, %g)"):format(a.x, a.y) end
local position, velocity = Vector(0, 0), Vector(3, 4)
for i = 1, 100 do
  position = position + velocity
  if i == 50 then velocity = -velocity * 0.5 end
  if i % 30 == 0 then velocity = velocity - Vector(0, 1) end
end
print(position, velocity, #Vector(3, 4), Vector(1, 2) * Vector(3, 4), position "x", Vector(1, 1) .. Vector(2, 2), Vector(1, 2) == Vector(1.0, 2.0))
