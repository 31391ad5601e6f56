local a, b = ...
while a do end
while a do a = b end
while a < 10 do a = a + 1 end
while a and a < b or b == nil do a = a + 1; if a == 5 then break end end
while not a do a = b end
while (a) do local x = a; a = x end
while a do while b do b = a end a = b end
while a
do
  a = nil
  ;
  ;
end
repeat until a
repeat a = a + 1 until a > 10
repeat local x = a until x
repeat local x = a; repeat local y = x until y until x == nil
repeat a = b until a and b
repeat a = b until nil
repeat a = b until true
repeat if a then break end until b
repeat
  local x
until
  x
  ==
  1
