//! Good sources: both accept them, printing keeps the tree, and the printed text compiles, in the
//! reference, to the same bytecode, debug information included (for sources of one line: the printed
//! text is put on one line too).

use super::Both;
use mlua::Lua;
use plumb_jit::syntax::ast::{BinOp, UnOp};
use plumb_jit::syntax::{parse, print};

/// One source a line.
const ONE_LINERS: &str = r#"
;
;;;
return
return;
return 1
return 1;
return 1, 2, 3
return f()
return (f())
return f(), g()
return ...
return (...)
return f(...)
return nil, true, false
return {}
return function() end
return not nil
return - - 1
return -(-1)
return - -x
return ~~x
return not not x
return #x, ##x
return -x ^ 2, (-x) ^ 2
return 2 ^ -x, 2 ^ - -x
return 2 ^ 3 ^ 2, (2 ^ 3) ^ 2
return 1 .. 2 .. 3, (1 .. 2) .. 3
return 1 .. 2
return a.b.c.d
return a["b"]["c d"]["end"]
return a[1][2][f()]
return a.b(c).d[e]:f(g)
return a:b():c():d()
return f"x", f'x', f[[x]], f{}, f{1}
return f"x""y"{}()
return ("x"):rep(3), ("x").y, ({}).x, (f).y
return (a), (a.b), (a[1]), (a())
return (a or b)(c), (a and b).c
return a < b, a <= b, a > b, a >= b, a == b, a ~= b
return a << 1 >> 2 & 3 | 4 ~ 5
return a + b - c * d / e // f % g ^ h
return a and b or c, a or b and c
return (a or b) and c, a and (b or c)
return 1 < 2 == true, not (1 == 2)
return 0, 00, 0x0, 0xA, 0Xa, 1., .1, 1.0, 1e1, 1E+1, 1e-1, 0x.8, 0x8., 0x1p1, 0x1P-1
return 9223372036854775807, 9223372036854775808, 0xffffffffffffffff, 0x7fffffffffffffff
return 1e999, -1e999, 1e308, 5e-324, 0.1, 3.14159265358979, 123456789012.5
return '', "", [[]], [==[]==], 'a"b', "a'b"
return '\a\b\f\n\r\t\v\\\"\'', '\x00\xff', '\0\00\000\255', '\u{0}\u{7f}\u{80}\u{7FF}\u{FFFF}\u{10FFFF}\u{7FFFFFFF}'
return 'a\z     b', 'é', '\xe9', 'tab	tab'
return [[a]b]], [=[a]]b]=], [==[ ]=] ]==]
return {1, 2, 3}, {1, 2, 3,}, {1; 2; 3;}, {1, 2; 3}
return {a = 1}, {a = 1, b = 2;}, {["a"] = 1}, {[1] = 2, [f()] = g()}
return {a, b = c, d}, {a == b}, {a = b == c}, {(a)}, {a.b}, {a()}, {a, ...}, {f()}, {(f())}, {f(), 1}
return {{{}}, {{}, {}}}, {function() return 1 end}, {["end"] = 1, end_ = 2}
return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52}
return {aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb = {1, 2, {3}}, ccccccccccccccccccccc = "d"}
a = 1
a, b = 1, 2
a, b = b, a
a, b, c = f()
a, b = f(), g()
a, b = 1
a = 1, 2
a.b = 1
a["b"] = 1
a[1] = 1
a[b], b[a] = c, d
a.b.c, a[1][2] = a[1], a.b
a = a + 1
a = {} a.b = 1 a.c = 2
a = 1; b = 2; c = 3
(a).b = 1
(f()).x = 1
(a or b).c, d = 1, 2
f()
f(1, 2, 3)
f(f(f()))
f() g() h()
f(); (g)()
f{} {} {}
f{...}
f(...)
f(function() end)
f(function(...) return ... end, 1)
(f)()
(f or g)(1)
(function() end)()
(function(...) return ... end)(1, 2)
a.b.c()
a:b()
a.b:c(1, 2)
a[b]:c()
a:b{1}:c"x":d()
("x"):rep(3):upper()
local a
local a, b, c
local a = 1
local a = f()
local a, b = 1
local a, b = f()
local a, b = 1, f()
local a, b = f(), 1
local a = 1, 2
local a = a
local a <const> = 1
local a <const>, b = 1, 2
local a, b <const> = 1, 2
local a <const> = 1; local b <const> = a + 1; return b
local a <const> = "x"; return function() return a end
local a <const> = nil; local b <const> = not a; return b
local a <const> = 5 // 2; return a
local a <const> = 1 / 0; return a
local a <const> = 0 / 0; return a
local a <const>, b <const> = f(); return a, b
local a <close> = nil
local a <close>, b <const> = f(), 1
local a <const> = {}; a.b = 1
local _ENV = {}; x = 1
local _ENV <const> = {}; x = 1
local a; local a; local a; a = 1
local function f() end
local function f() return f end
local function f(a) return a end
local function f(a, b, ...) return a, b, ... end
local function f(...) local a, b = ... return a, b end
local function f() return f() end
local function f() return (f()) end
local function f() return 1, f() end
function f() end
function f(a) end
function f(a, b) end
function f(...) end
function f(a, ...) end
function a.b() end
function a.b.c.d() end
function a:b() end
function a.b:c(x) return self, x end
function a.b.c:d(...) return self, ... end
local a; function a() end
local a; function a.b() end
local a; function f() a = a + 1 return function() return a end end
function f() return function() return function() return x end end end
do end
do ; end
do local a end
do local a <close> = f() end
do do do end end end
do return end
do return 1 end
do local a; function f() return a end end
if a then end
if a then b() end
if a then else end
if a then b() else c() end
if a then elseif b then end
if a then b() elseif c then d() else e() end
if a then elseif b then elseif c then else end
if a then return end
if a then return 1 else return 2 end
if not a then b() end
if a and b then c() end
if a or b then c() end
if a == b then c() end
if a < 1 and b > 2 or not c then d() end
if nil then a() end
if true then a() end
if false then a() else b() end
if 1 then a() end
if "x" then a() end
if a then if b then c() end else d() end
while a do end
while a do b() end
while true do end
while true do break end
while a do if b then break end c() end
while a do if b then break; end c() end
while a do if b then ; break end c() end
while a do if b then ;; break end c() end
while a do if b then break c() end d() end
while a do if b then break; c() end d() end
while a do if b then break else c() end end
while a do if b then c() break else d() end end
while a do if b then break elseif c then break else break end end
while a do while b do break end break end
while a do local b = c; f(function() return b end) end
while a do local b <close> = c; if d then break end end
while not a do a = b end
while a < 10 do a = a + 1 end
repeat until a
repeat until true
repeat until nil
repeat local a = f() until a
repeat a() until b
repeat break until a
repeat if a then break end until b
repeat local a; f(function() return a end) until a
repeat local a; local function g() return a end until g()
repeat local a <close> = f() until a
repeat repeat until a until b
repeat return until a
repeat goto c; ::c:: until a
repeat local a; goto c; ::c:: a = 1 until a
for i = 1, 2 do end
for i = 1, 2, 3 do end
for i = 1, 2 do f(i) end
for i = f(), g(), h() do end
for i = ..., 2 do end
for i = 10, 1, -1 do print(i) end
for i = 1, 3 do break end
for i = 1, 3 do local j = i; f(function() return i + j end) end
for i = 1, 3 do for j = 1, 3 do if i == j then goto next end f() ::next:: end end
for i = 1.0, 2.0, 0.5 do end
for k in f do end
for k, v in pairs(t) do end
for a, b, c, d in f, s, v, c do end
for k in f() do break end
for k, v in next, t do t[k] = v end
for k in ... do f(function() return k end) end
for i in f, g, h, i, j, k do end
goto a ::a::
goto a; ::a::
goto a ::a:: ;
goto a ::a:: ::b:: ::c::
goto a; local b ::a::
goto a; local b ::a:: ;;
goto a; local b ::a:: ::c:: ;
::a:: goto a
::a:: ::b:: goto a
::a:: do goto a end
do goto a end ::a::
do goto a; local b; ::a:: end
do ::a:: end do ::a:: end
do ::a:: goto a end ::a::
::a:: local b; goto a
::a:: local b; f(function() return b end) goto a
::a:: local function f() ::a:: goto a end
while a do goto continue; local b ::continue:: end
while a do do goto out end end ::out::
for i = 1, 2 do for j = 1, 2 do goto out end end ::out::
::x:: x = 1
x = 1 ::x:: y = 2
return function(a, b, c) return a end
return function(...) local x <const> = ... return x end
return function() return 1, 2, 3 end, function() f() end
x = function() end
x = function(a) return a end
x = function(a, ...) return ... end
x.y = function(self) return self end
local f = function() return f end
local t = {f = function() return t end, g = function(x) return x end}
local s = "x" .. 1 .. "y" .. 2.5 .. "z"
local x = 1 + 2 * 3 - 4 / 5
local x = 7 // 2, 7 % 3, 7.5 // 2, -7 // 2, -7 % 3
local x = 1 << 63, 1 >> 63, ~0, 5 & 3, 5 | 3, 5 ~ 3
local x = "10" + 5, "3" * "4", 10 .. 20
local x = a and 1 or 2
local x = a == nil, a ~= nil, nil == a
local x = a == 1, a == "s", a == 1.5, 1 == a, a < 1, 1 < a, a <= 1, 1 <= a
local x = a + 1, 1 + a, a - 1, 1 - a, a * 2, a // 2, a % 2, a ^ 2, a / 2
local x = a & 1, a | 1, a ~ 1, 1 & a, a << 1, a >> 1, 1 << a, 1 >> a
local x = not a == b, -a + b, -(a + b), #a + 1, #(a .. b)
local x = (a + b) * c, a * (b + c), (a * b) + c
local x = (((((1)))))
local x = ((f()))
local x = (a == b) == (c == d)
local x = -9223372036854775808, 0x8000000000000000
local x, y = (f()), (...)
local x = {f()}, {f(), nil}, {(f())}
local x <const> = 10; for i = 1, x do f(x) end
f(1 < 2, 3 > 4, a.b, -1, "s", nil, true, {}, function() end)
--[[ comment ]] return 1 --[==[ another ]==] -- end
return 1 -- no newline
local function sieve(n) local p = {} for i = 2, n do p[i] = true end for i = 2, n do if p[i] then for j = i * i, n, i do p[j] = false end end end return p end
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local sum = 0 for i = 1, 15 do sum = sum + i end return sum
local t = setmetatable({}, {__index = function(t, k) return k end, __call = print})
local ok, err = pcall(function() error({code = 1}) end)
local a, b = 1, 2 a, b = b, a local c = a .. b
local t = {} t[#t + 1] = 1 t[#t], t[#t + 1] = t[#t + 1], t[#t]
local co = coroutine.wrap(function(...) local x = ... while x do x = coroutine.yield(x) end end)
local s = 0 while s < 10 do s = s + 1 if s % 2 == 0 then goto continue end print(s) ::continue:: end
local x = (function() return 1, 2 end)()
local x = {(function() return 1, 2 end)()}
local x = -2 ^ 2, (-2) ^ 2, 2 ^ -1
local a <const> = 10 local b <const> = a * 2 + 1 local t = {[b] = a}
local a = 1 local function f() a = 2 local function g() a = 3 end return g end
local a <const> = true if a then f() end
local a <const> = 3 return -a, ~a, not a, a == 3, a .. "x"
local t = {n = 0, [1] = "a", "b", x = {y = {z = 1}}} return t.x.y.z
local big = 1e15, 1e16, 123456789012345680, 0.1 + 0.2
if a then local b = 1 elseif c then local d = 2 else local e = 3 end
for i = 3, 1, -1 do local x <close> = f(i) if x then break end end
for i = 1, 10 do repeat local j = i if j then break end until false end
"#;

const LONGER: &[&[u8]] = &[
    b"",
    b"\n\n",
    b"--",
    b"--[[]]",
    b"--[==[\n]]\n]==]return",
    b"return 'a\\\nb', 'a\\\r\nb', 'a\\z\n\n  b', [[\na\n\rb\r\nc]]",
    b"return '\xff\xfe\x00\x01', [[\xff\x00]]",
    b"a = 1\r\nb = 2\n\rc = 3\rd = 4",
    b"local t = {\n  x = 1,\n  y = 2,\n}",
    b"local function f()\n  return function()\n    return 1\n  end\nend\nreturn f",
    include_bytes!("sample.lua"),
];

/// Every pair of operators, with and without parentheses.
fn operator_pairs() -> Vec<String> {
    let mut sources = Vec::new();
    for first in BinOp::ALL.map(BinOp::text) {
        for second in BinOp::ALL.map(BinOp::text) {
            sources.push(format!(
                "return a {first} b {second} c, (a {first} b) {second} c, a {first} (b {second} c)"
            ));
        }
        for unary in UnOp::ALL.map(UnOp::text) {
            sources.push(format!("return {unary} a {first} b, {unary} (a {first} b)"));
            sources.push(format!("return a {first} {unary} b, ({unary} a) {first} b"));
            sources.push(format!("return 2 {first} {unary} 3 {first} 4"));
        }
    }
    sources
}

#[test]
fn good_sources_survive_printing() {
    let both = Both::default();
    let lua = Lua::new();
    let dump = "local source = ... return string.dump(assert(load(source, '=t')))";
    let dump = lua.load(dump).into_function().unwrap();
    let bytecode = |source: &[u8]| -> Vec<u8> {
        let dumped: mlua::LuaString = dump.call(lua.create_string(source).unwrap()).unwrap();
        dumped.as_bytes().to_vec()
    };
    let pairs = operator_pairs();
    let one_liners = ONE_LINERS.lines().filter(|line| !line.is_empty()).map(str::as_bytes);
    let longer = LONGER.iter().copied();
    let sources: Vec<&[u8]> =
        one_liners.chain(longer).chain(pairs.iter().map(String::as_bytes)).collect();
    assert!(sources.len() >= 300 + pairs.len(), "{}", sources.len() - pairs.len());
    for source in sources {
        let shown = source.escape_ascii();
        let Some(message) = both.reference(source, "=t") else {
            let tree = parse(source, b"=t").unwrap_or_else(|e| panic!("{shown}: {e}"));
            let text = print(&tree);
            assert_eq!(parse(text.as_bytes(), b"=t"), Ok(tree), "{shown}\nprinted: {text}");
            if !source.contains(&b'\n') {
                let line = text.replace('\n', " ");
                assert_eq!(bytecode(line.as_bytes()), bytecode(source), "{shown}\nas {line}");
            }
            continue;
        };
        panic!("the reference rejects {shown}: {}", message.escape_ascii());
    }
}
