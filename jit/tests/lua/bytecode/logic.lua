-- `and`, `or`, `not`: as values, as conditions, nested.
local a, b, c, d = ...
local r
r = a and b; r = a or b; r = a and b or c; r = (a or b) and c; r = a or b and c or d
r = not a; r = not not a; r = not (a and b); r = not (a or b); r = not a and not b; r = not a or b
r = a and 1; r = a or 1; r = 1 and a; r = nil and a; r = false or a; r = a and nil; r = a and false or true
r = a and b == c; r = a == b and c; r = a == b or c == d; r = (a < b) and (c < d) or a
r = a and b and c and d; r = a or b or c or d; r = (a and b) or (c and d); r = (a or b) and (c or d)
r = f(a and b, c or d); r = {a and b, x = c or d, [a or b] = c and d}
r = (a and b).x; r = (a or b)[c and d]; r = (a or b)(c); r = (a and b) + (c or d)
a = a and b; a = b or a; b = a and a; local s = a or b
r = a and f(b) or f(c); r = f(a) and f(b); r = f(a) or ... ; r = a and (b or c)
if a and b then r = 1 end
if a or b then r = 1 end
if not a then r = 1 end
if not (a and b) then r = 1 else r = 2 end
if a and (b or c) and not d then r = 1 elseif a or not b then r = 2 end
if (a and b or c) == d then r = 1 end
while a and b do a = nil end
while not a or b do b = nil a = 1 end
repeat local x = a until x and b or c
repeat local x = a until not (x or b)
if nil then r = 1 end if false then r = 2 end if true then r = 3 end if 1 then r = 4 end if "s" then r = 5 end
if not nil then r = 1 end if a and nil then r = 2 end if a or true then r = 3 end if nil or a then r = 4 end
while true do break end
while nil do r = 1 end
return a and b, c or d, not a
