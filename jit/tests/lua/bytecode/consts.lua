-- Compile-time constants have no register; other <const> variables do.
local a <const> = 1
local b <const> = "text"
local c <const>, d <const> = 2, 3.5
local e <const> = nil
local f <const> = true
local g <const> = a + 4
local h <const> = -g
local i <const> = {}
local j <const> = print
local k <const> = a
local l <const> = b .. "x"
local m <const> = not e
local n, o <const> = 1, 2
local p <const>, q = 3, 4
local r <const>
local s <const> = ...
local u <const>, v <const> = ...
local x = a + c + d
x = x + a; x = x * d; x = x == b; x = x == e; x = x < c; x = x[a]; x = x[b]; x.y = b; x.z = f; x[c] = e
x = {a, b, c, [b] = d}
x = a and b; x = e or f; x = not f; if f then x = 1 end; if e then x = 2 end; while f do break end
local function up() return a, b, c, i, j, o, function() return a, i, s end end
for idx = a, c, g do x = idx end
x = #b; x = -a; x = ~c; x = b .. a; x = a << c; x = (a); x = b:rep(a); b.x = 1
return a, b, e
