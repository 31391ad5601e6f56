-- Distances of more than 127 lines, and more than 128 instructions on near lines.
local a, b = 1, 2






























































































































a = b































































































































b = a
































































































































a = a + b












































































































































































































































































































local function f(x)








































































































































































































  return x + 1


































































































































end
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = b
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
a = a + b * 2 - a / b; b = a
f(a)
f(






















































































































































a






















































































































































, b)
a = a












































































































































+












































































































































b
a = -












































































































































b
while a do












































































































































if a == b then break end
a = f(a,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  b,
  a)
end
for i = 1, 10 do
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
a = a + i
end
for k, v in pairs(a) do








































































































































































































b = k
end
if not a then b = not


































































































































a end
return a == b,








































































































































































































a < b
