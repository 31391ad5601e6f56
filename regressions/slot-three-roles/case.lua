-- The temporaries of the three statements share one register.
local x, n = 0.0, 0
for i = 1, 100 do
  x = x + i * 0.25      -- float product
  n = n + (i - (i - 2)) -- integer temporary
  if x > 0.5 then
    x = x - 0.28125 + 0.0 -- float constants
  end
end
print(x, n)
