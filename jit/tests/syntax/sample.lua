local a <const>, b, c <close> = 0x1p4, [==[
long ]] string]==], nil
--[[ a comment
over lines ]] local t = {1, 2; x = 3, ["y z"] = 'q\n\x41\u{20AC}\065\z
   end', f = function(...) return ... end, [1 + 2] = {}}
function t.f.g:h(x, y, ...)
  if x == y and not (x ~= 3) then return 1, 2 elseif x <= y then goto done
  else for i = 1, #t, -1 do print(i // 2, i >> 1 | 3 & ~4) break end end
  while x < 10 do x = x + 1; if x > 5 then break end end
  repeat local z = x .. y; until z ^ 2 >= 1e3 ::done::
end
for k, v in pairs(t), nil do t[k], t.x = v, k end
local function rec(n) return rec "s" { n } (n):m() end
goto last ::last:: return t.x["y"](a, b), -2 ^ 2;
