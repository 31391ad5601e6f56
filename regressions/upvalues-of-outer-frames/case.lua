local function outer()
  local acc, cnt = 0, 0
  local function body(n)
    local function bump(d) acc = acc + d; cnt = cnt + 1 end
    for i = 1, n do
      acc = acc + i
      bump(1)
      if acc > 1000 then acc = acc - 1000 end
    end
  end
  body(30); body(60)
  return acc, cnt
end
for k = 1, 4 do print(outer()) end
