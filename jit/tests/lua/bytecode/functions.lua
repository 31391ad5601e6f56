local f = function() end
local function g() end
local function h(a) return a end
local function i(a, b, c) return c, b, a end
local function j(...) end
local function k(a, ...) return a end
function l() end
function l.m() end
function l:n() end
local o = function(a) return function(b) return function(c) return a + b + c end end end
local p = {f = function() return 1 end, ["g"] = function() return 2 end, function() return 3 end}
(function() print(1) end)()
local q = (function(...) return ... end)(1, 2, 3)
f(function() return 1 end, function() return 2 end)
local r, s = function() return 1 end, function() return 2 end
local function t() local function u() local function v() return t, u, v end end end
function f() function g() function h() end end end
if f then local function w() end else local function x() end end
local function y() do local a = 1 end do local b = 2 end local c end
local function z(a, b) local a = a local b = b local a = a + b return a end
return function() return function() end end
