local a = 1
local a = a
local a, a = a, a
do local a = a do local a = a end local b = a end
local function f(a, a) local a = a return a end
for a = a, a, a do local a = a end
for a, a in a, a do local a = a end
while a do local a = a break end
repeat local a = a until a
if a then local a = a elseif a then local a = a else local a = a end
local b = function() local a = a return function() local a = a return a end end
do local c; do local d; do local e; c, d, e = d, e, c end local g end local h end
local x, y, z; do local x; x = y; do local y; y = z end end z = x
do end do do end end ;;;
