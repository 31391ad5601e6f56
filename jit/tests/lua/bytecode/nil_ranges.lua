-- Consecutive LOADNIL instructions merge, unless a jump may land between them.
local a
local b
local c, d, e
local f = nil
local g = 1
local h
do local i, j end
local k, l
if g then local m, n end
local o
while g do local p; break end
local q, r = nil
local s, t, u = 1, nil
t = nil
u = nil
a, b = nil, nil
local function x() local y, z return y, z end
return nil, nil, nil
