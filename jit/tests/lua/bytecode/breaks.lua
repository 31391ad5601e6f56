local a, b = ...
while a do break end
while a do if b then break end end
while a do if b then break; end a = 1 end
while a do if b then break ; ; end end
while a do if b then ; break end end
while a do if not b then break else a = 2 end end
while a do if a == b then break elseif b then break end b = 1 end
while a do if a < b then break a = 1 end end
while a do if nil then break end if false then break end if true then break end if 1 then break end a = 3 end
while a do if a and b then break end if a or b then break end if not (a and b) then break end end
while a do local x = b; local function f() return x end if x then break end end
while a do do local x = b; local function f() return x end if x then break end end end
repeat if a then break end until b
repeat local x = a; if x then break end until x
repeat local x = a; local f = function() return x end if x then break end until x
for i = 1, 10 do if i == b then break end end
for i = 1, 10 do local j = i local f = function() return i, j end if j then break end end
for k in next, a do if k then break end local f = function() return k end break end
for i = 1, 2 do for j = 1, 2 do if j == i then break end end if i then break end end
while true do if a then break end while true do if b then break end end end
