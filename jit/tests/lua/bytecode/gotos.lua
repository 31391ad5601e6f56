local a, b = ...
do goto skip; local x; ::skip:: end
::top::
a = a - 1
if a > 0 then goto top end
for i = 1, 10 do
  if i == 3 then goto continue end
  for j = 1, 10 do
    if j == 2 then goto next_j end
    if j == 5 then goto out end
    local f = function() return i, j end
    ::next_j::
  end
  local k = i
  local g = function() return k end
  if k then goto continue end
  ::continue::
end
::out::
do
  local x
  ::back::
  local y = function() return x end
  if y then goto back end
end
do
  local x
  ::again::
  local y = 1
  local z = function() return y end
  if x then goto again end
end
repeat
  local x = a
  local y = 2
  if x then goto cont end
  x = function() return y end
  ::cont:: ;
until a
repeat
  do goto inner; local z; ::inner:: end
  local x
  ::before::
until x
while a do
  if b then goto l1 end
  do goto l1 end
  ::l1:: ::l2:: ; ::l3::
end
do ::e1:: end
do ::e2:: ; ; end
goto last
do goto last end
::last::
