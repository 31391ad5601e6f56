local a, b, c = ...
if a then end
if a then b = 1 end
if a then b = 1 else b = 2 end
if a then elseif b then else end
if a == nil then b = 1 elseif a == false then b = 2 elseif a == 3 then b = 3 elseif a == 3.5 then b = 4 elseif a == "s" then b = 5 end
if a.x and a.y == 1 or a[b] then b = a.x end
if f(a) then if f(b) then if f(c) then a = 1 else a = 2 end end else a = 3 end
if (a) then b = 1 end if ((a == b)) then b = 1 end if (not a) then b = 1 end if not (not a) then b = 1 end
if a ~= b then c = a == b end if a <= b and b >= c then c = a > b end
if a then goto done end
if a and b then goto done elseif c then goto done end
do local x = a == b and c or not a; local y = not (x and a or b); local z = (a or b) == (b and c) end
local t = {a == b, a and b, not a, x = a < b, [a == b] = a ~= b}
f(a == b, a and b, not a, a < b or nil)
a, b = a == b, not c
a = a == b == c
::done::
