-- What a traceback says of each kind of function and of how it was called.
local tb = debug.traceback
local function show(...) print((tb(...))) end
show() show("message") show("message", 0) show("message", 1) show("message", 2) show("m", 3) show("m", 99) show("m", -1)
show(nil, 1) show(17) show(1.5) show("a\0b")
print(tb({}) ~= nil, tb(true), tb(nil) ~= nil, type(tb(print)))
local function localf() show("local") end
localf()
local up = localf
local function byup() up() end
byup()
function globalf() show("global") return 1 end
globalf()
local t = {field = function() show("field") return 1 end, sub = {}}
t.field() t["field"]() t[1] = t.field t[1]() local k = "field" t[k]()
function t:method() show("method") return 1 end
t:method()
function t.sub.deep() show("deep") return 1 end
t.sub.deep()
_ENV.envf = function() show("env") return 1 end
envf() _ENV.envf()
do local _ENV = {show = show, g = function() show("g") return 1 end} g() end
(function() show("anonymous") return 1 end)()
local mt = {}
for _, e in ipairs {"add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr",
  "bnot", "concat", "len", "eq", "lt", "le", "index", "newindex", "call"} do
  mt["__" .. e] = function() show(e) return 1 end
end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
local _ = a + b _ = a - 1 _ = 1 * a _ = a / b _ = a % 2 _ = a ^ 2 _ = -a _ = a // 3 _ = a & 1 _ = 1 | a _ = a ~ b
_ = a << 1 _ = a >> 1 _ = 1 << a _ = ~a _ = a .. "x" _ = "x" .. a _ = #a _ = a == b _ = a < b _ = a <= b _ = a > 1 _ = 1 >= a _ = 2 < a
_ = a.x _ = a[1] _ = a[k] a.x = 1 a[1] = 2 a[k] = 3 a() a(1, 2)
pcall(function() a:nomethod() end)
local function tail() show("tail") return 1 end
local function tailcaller() return tail() end
tailcaller()
local function tailmeta() return a(1) end
tailmeta()
for i in function(_, i) show("iterator") if not i then return 1 end end do end
for i in pairs(setmetatable({}, {__pairs = function() show("pairs") return next, {}, nil end})) do end
print(pcall(function() show("in pcall") end))
print(xpcall(function() error("e") end, function(m) show(m) return "handled" end))
print(xpcall(function() local x = nil; x.y = 1 end, tb))
print(xpcall(function() string.rep() end, tb))
print(xpcall(function() table.sort({1, 2, 3}, function() error("in sort") end) end, tb))
print(xpcall(function() string.gsub("abc", ".", function() error("in gsub") end) end, tb))
print(xpcall(function() return error("tail error") end, tb))
print(xpcall(error, tb, "direct"))
print(xpcall(string.rep, tb))
local co = coroutine and coroutine.create(function() end)
local function deep(n) if n == 0 then show("deep") else deep(n - 1) end return 1 end
for _, n in ipairs {5, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23, 30, 60} do deep(n) end
local function deeper(n, l) if n == 0 then show("deeper", l) else deeper(n - 1, l) end return 1 end
for l = 0, 45 do deeper(30, l) end
load("local show = ... show('main chunk') local function f() show('f') return 1 end f()", "=(chunk)")(show)
load("local show = ... show('main chunk') local function f() show('f') return 1 end f()", "a chunk\nwith lines")(show)
load(string.dump(load("local show = ... show('stripped') local function f() show('f') return 1 end f() glob = f glob()"), true))(show)
local loaded = debug.getregistry()._LOADED
loaded.mymod = {inner = function() show("module function") return 1 end}
loaded.mymod.inner()
local inner = loaded.mymod.inner
inner()
loaded.mymod = nil
