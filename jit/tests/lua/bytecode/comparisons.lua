local a, b = ...
local r
r = a == b; r = a ~= b; r = a < b; r = a <= b; r = a > b; r = a >= b
r = a == 1; r = 1 == a; r = a ~= 1; r = a == 1.0; r = a == 1.5; r = a == 1000; r = 1000 == a
r = a == 1000.0; r = a == "s"; r = "s" == a; r = a == nil; r = nil == a; r = a ~= nil
r = a == true; r = a == false; r = false ~= a; r = a == "a string that is longer than forty bytes, so it is long"
r = a < 1; r = a <= 1; r = a > 1; r = a >= 1; r = 1 < a; r = 1 <= a; r = 1 > a; r = 1 >= a
r = a < 1.0; r = a <= -127.0; r = a > 128.0; r = a >= 129.0; r = 1.0 < a; r = 300.0 <= a
r = a < -127; r = a < -128; r = a < 128; r = a < 129; r = a < 1.5; r = 2.5 > a
r = 1 < 1000.0; r = 1000.0 < 1; r = 1000.0 < 1000; r = 1.0 == 1; r = "x" == "y"; r = nil == nil
r = a + 1 < b + 2; r = (a < b) == (b < a); r = a < b == true
r = (a == b) == nil; r = not (a == b); r = not (a < b); r = not a == b
if a < b then r = 1 end
if a >= 10 then r = 2 elseif a == b then r = 3 elseif not (a ~= nil) then r = 4 else r = 5 end
return a == b, a < 1
