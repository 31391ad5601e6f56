x = 1
y = x
x, y = y, x
print(x, y, _ENV)
x.field = y.field
x["field"] = y["other field"]
x[1] = y[256]
function f() return x end
function x.f() end
function x.y.z:m(a, ...) return self, a, ... end
do
  local _ENV = {print = print}
  x = 1
  print(x)
  local function g() x = 2 return x end
end
local function h(_ENV) return x, y end
local e <const> = nil
do local _ENV <const> = {} ; z = 1; local function k() z = z + 1 end end
_ENV.w = 1
_ENV[x] = 2
