local a, b = ...
local function r0() return end
local function r0b() end
local function r1() return a end
local function r1local(x) return x end
local function r1const() return 1 end
local function r2(x, y) return x, y end
local function r3(x) return x, a, b end
local function tail(x) return r2(x) end
local function tail_method(x) return x:m(1, 2) end
local function no_tail(x) return (r2(x)) end
local function no_tail2(x) return r2(x), r2(x) end
local function no_tail3(x) return x, r2(x) end
local function va(...) return ... end
local function va1(x, ...) return x, ... end
local function va2(...) return (...) end
local function va_tail(...) return r2(...) end
local function va_ret(x, y, ...) if x then return end if y then return y end return x, y end
local function early(x) if x then return 1 else return 2 end end
local function early2(x) while x do return x end do return end end
local function closing(x) local function g() return x end if a then return g end return x end
local function closing_tail(x) local function g() return x end return g(x) end
local function closing_va(...) local x = ... local function g() return x end return g(...) end
local function semi() return; end
local function semi2() return 1, 2; end
local function cmp(x) return x == 1, x < 2, not x end
local function logic(x, y) return x and y end
local function logic2(x, y) return x or y, x and y end
return
