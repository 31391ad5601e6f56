//! Bad sources: the same message from both, to the letter.

use super::{Both, report};

/// One source a line.
const ONE_LINERS: &str = r#"
x
x =
x = =
x = 1 2
x y
1
"a"
(x)
(x) = 1
(f()) = 1
f() = 1
f().x
a.b
a.b:c
a.b:c = 1
a.1 = 2
a. = 2
a[ = 1
a[1 = 2
a[] = 1
a, b
a, b = 
a, f() = 1, 2
a, (b) = 1, 2
a = b, 
a = {
a = {1, 2
a = {1 2}
a = {x y}
a = {x = }
a = {[1] 2}
a = {[1 = 2}
a = {, }
a = {;}
a = }
a = ]
a = )
a = (1
a = ()
a = (1, 2)
a = 1 +
a = + 1
a = 1 + * 2
a = not
a = -
a = # 
a = ~
a = 1 ~ ~
a = a ! b
a = a != b
a = a && b
a = a | | b
a += 1
a++
a = b ? c : d
a = @
a = $
a = `x`
a = \
a = 3x
a = 3.4.5
a = 0x
a = 0xg
a = 0x.p1
a = 0x1p
a = 1e
a = 1e+
a = 1..2
a = 08_1
a = 5e5e5
a = 0b11
a = 12ab
a = .5.
a = 'abc
a = "abc
a = 'abc\
a = 'a\qb'
a = '\400'
a = '\999'
a = '\256'
a = '\x'
a = '\xg'
a = '\x1'
a = '\x1g'
a = '\u'
a = '\u{'
a = '\u{}'
a = '\u{g}'
a = '\u{110000'
a = '\u{80000000}'
a = '\u{1234567890}'
a = '\u1234'
a = '\
a = '\z
a = [[abc
a = [==[abc]]
a = [=abc
a = [=
a = [==
--[[ abc
--[==[ abc ]]
--[==[ abc ]]]=]
if
if x
if x then
if then end
if x then else
if x then elseif
if x then elseif y end
if x then else elseif y then end
if x do end
else
elseif
end
end end
then
until
until x
do
do do end
do x end
while
while x
while x do
while do end
while x then end
repeat
repeat until
repeat x = 1
repeat end
for
for 1 = 1, 2 do end
for i
for i = 1
for i = 1 do end
for i = 1, do end
for i = 1, 2
for i = 1, 2, 3, 4 do end
for i = 1, 2, do end
for i in
for i in do end
for i, in x do end
for i, 2 in x do end
for i, j = 1, 2 do end
for i. in x do end
for i in x, do end
function
function f
function f(
function f(a
function f(a,) end
function f(a b) end
function f(..., a) end
function f(... a) end
function f(1) end
function f()
function f(self.x) end
function 1() end
function a.() end
function a.b:() end
function a:b.c() end
function a:b:c() end
function a[1]() end
function () end
a = function f() end
a = function
a = function (
a = function ()
local
local 1
local a b
local a,
local a =
local a.b = 1
local a, b. = 1
local function
local function 1
local function a.b() end
local function a:b() end
local function f(
local a <
local a <const
local a <const> <close>
local a <foo> = 1
local a <> = 1
local a <1> = 1
local <const> a = 1
local a <const> = 1; a = 2
local a <const> = f(); a = 2
local a <close> = nil; a = 2
local a <const> = 1; function f() a = 2 end
local a <const> = f(); function f() a = 2 end
local a <const> = f(); function g() return function() a = 2 end end
local a <const>, b = 1, 2; b = 1; b, a = 3, 4
local a <const> = 1; function a() end
local a <const> = 1; a, b
local a <const> = 1; a
local a <const> = 1; a.b = 1; a += 1
local a <close>, b <close> = 1, 2
local a <close>, b <const>, c <close>
local a <const>, b <bad>
return 1 2
return return
return 1; 2
return 1, 
return ; x = 1
return end
return )
do return end x
break
do break end
function f() break end
while x do function f() break end end
while x do local f = function() if y then break end end end
if x then break end
if x then break ; ; end
if x then break; x = 1 end
for i = 1, 2 do end break
repeat local f = function() break end until x
goto
goto 1
goto a
goto a; do ::a:: end
do goto a end; do ::a:: end
goto a; local b; ::a:: b = 1
goto a; local b; ::a::; ::c:: print(b)
goto a; local b; local c; ::a:: x = 1
do goto a end local b ::a:: x = 1
do goto a; local b; ::a:: ; local c end
repeat goto a; local b; ::a:: until b
repeat if x then goto continue end; local y; ::continue:: until y
local f = function() goto a end ::a::
::a:: function f() goto a end
while x do goto b end goto c; local d; ::c:: ::e:: f()
goto break
::a
::a:
:: ::
::1::
::a:: ::a::
::a:: do ::a:: end
::a:: x = 1 ::b:: x = 2 ::a::
do ::a:: end ::a:: ::b:: ::b::
::break::
...  = 1
a = function() return ... end
function f() return ... end
function f() local a = ... end
function f(...) return function() return ... end end
f(
f(1
f(1,
f(1,)
f(1 2)
f{
f{1
f"a
f"a" = 1
f{} = 2
f 1
f.1()
f:a
f:a = 1
f:a.b()
f:1()
f:()
f::a()
a.b.c.
a.end = 1
a = {end = 1}
a:end()
local end = 1
local function end() end
for end = 1, 2 do end
goto end
and
a and b
a = and b
a = b and
a = b or or c
a = not not
a = nil = nil
a = b == 
nil = 1
true = false
nil()
... 
'x'()
'x':rep(2)
{}
{}.x = 1
#a
-a
(a
(a)
(a).b
(a)(b) = 1
(a or b):c() = 1
not a
function f() end end
if a then end end
do end until x
while a do end until x
repeat until a end
;;;x;;;
;;;=;;;
a = 1 -- comment
b = [[x]] c [[y]]
a = 'x' 'y'
a = f 'x' 'y' = 1
a = "\z   
a = "\u{7FFFFFFF}\u{FFFFFFFF}"
x = {a b}
x = {a.b c}
x = {f() g()}
x = {a, b c}
x = {["a"] "b"}
x = {a = 1 b = 2}
x = {function() end end}
x = {[a]}
x = {a == }
x = {...,,}
"#;

/// Sources with line breaks or unusual bytes.
const LONGER: &[&[u8]] = &[
    b"if x then\n\n",
    b"if x then\nelse\n",
    b"if x\nthen\nelseif y then\n  z = 1\n",
    b"while x do\n y = 1\n",
    b"for i = 1, 2 do\n y = 1\n",
    b"function f()\n y = 1\n",
    b"function f()\n y = 1\nuntil x",
    b"repeat\n y = 1\n",
    b"repeat\n y = 1\nend",
    b"do\n y = 1\n",
    b"f(\n1\n",
    b"f(\n1\n]",
    b"a = (\n1\n",
    b"a = {\n1,\n2\n",
    b"a = {\n1,\n2\n)",
    b"a = {b\n c}",
    b"a = {b\n\n\n = }",
    b"a = {b\n'abc' 'd'}",
    b"a = 'abc\ndef'",
    b"a = \"abc\rdef\"",
    b"a = [[abc\n\ndef",
    b"a = [[abc\n\ndef]] =",
    b"--[[\n\n\n",
    b"--[[\n\n\n]] x",
    b"\n\n\n x = = 1",
    b"\r\n\r\n x = = 1",
    b"\n\r\n\r x = = 1",
    b"\r\r x = = 1",
    b"a = '\\\n\n'",
    b"a = '\\z\n\n' b",
    b"a = 'x\\\r\ny' 'z'",
    b"local a <const> = 1\n\na = 2",
    b"goto a\n\nlocal b\n::a::\nprint(b)",
    b"goto a\n\n",
    b"break\n\n",
    b"function f()\n  break\nend\nx = = 1",
    b"function f()\n  goto x\nend\nx = = 1",
    b"function f()\n  goto x\n",
    b"::a::\n::a::",
    b"do ::a:: end\n::a::\n::a::",
    b"::a::\n;\n::b::\n;\n::a::",
    b"x = \x00",
    b"x = 'a\x00b' =",
    b"x = 'a\x00b",
    b"x\x00y = 1",
    b"x = \xff",
    b"x = \xc3\xa9",
    b"\xc3\xa9 = 1",
    b"\xef\xbb\xbfx = = 1",
    b"#!lua\nx = 1",
    b"# x",
    b"x = 'a\xff\xfe' y",
    b"x = '\\\xff'",
    b"x = \x7f",
    b"x = \x1f",
    b"x = a\x0bb\x0c c",
    b"local function f()\n return ...\nend",
    b"local t = {\n  f = function()\n    return\n}",
    b"a.b.c\n.d = 1\n.e = 2",
    b"a\n.b\n.c",
    b"a = 1\n(b)",
    b"f\n(a)\n= 1",
    b"x = [=[\n]]\n]=] ]=]",
    b"local s = [==[ a ]=] b",
    b"if a then b = 1 else c = 2\nelse d = 3 end",
    b"for i = 1, 10\ndo print(i) end end",
    b"return\nreturn",
    b"return 1\n;\n;",
    b"\n",
    b"local function f(a, a) a = 1 end f(",
];

#[test]
fn messages_are_the_references() {
    let both = Both::default();
    let one_liners = ONE_LINERS.lines().filter(|line| !line.is_empty()).map(str::as_bytes);
    let sources: Vec<&[u8]> = one_liners.chain(LONGER.iter().copied()).collect();
    let names = ["=t", "@dir/file.lua", "some source text\nwith two lines"];
    let mut differences = Vec::new();
    let mut rejected = 0;
    for source in &sources {
        rejected += usize::from(both.reference(source, "=t").is_some());
        differences.extend(names.iter().filter_map(|name| both.difference(source, name)));
    }
    report(differences);
    assert!(rejected >= 300, "{rejected} of {} are errors", sources.len());
}

#[test]
fn a_source_cut_anywhere_gives_the_same_message() {
    let both = Both::default();
    let source = include_bytes!("sample.lua");
    let cuts = (0..source.len()).filter_map(|end| both.difference(&source[..end], "=t"));
    report(cuts.collect());
}

/// `prefix`, then `count` pieces, then `suffix`.
fn repeated(prefix: &str, count: usize, suffix: &str, piece: impl Fn(usize) -> String) -> String {
    let pieces: String = (0..count).map(piece).collect();
    format!("{prefix}{pieces}{suffix}")
}

#[test]
fn limits_are_hit_at_the_same_size() {
    let both = Both::default();
    let mut differences = Vec::new();
    let mut check = |source: String| differences.extend(both.difference(source.as_bytes(), "=t"));
    for n in 180..206 {
        let same = |piece: &'static str| move |_: usize| piece.to_string();
        check(repeated("x = ", n, "1", same("(")) + &")".repeat(n));
        check(repeated("x = ", n, "1", same("- ")));
        check(repeated("x = ", n, "1", same("1 .. ")));
        check(repeated("x = ", n, "1", same("2 ^ ")));
        check(repeated("x = ", n, "", same("{")) + &"}".repeat(n));
        check(repeated("x = ", n, "1", same("f(")) + &")".repeat(n));
        check(repeated("", n, "", same("do ")) + &"end ".repeat(n));
        check(repeated("", n, "", same("if x then ")) + &"end ".repeat(n));
        check(repeated("", n, "", same("while x do ")) + &"end ".repeat(n));
        check(repeated("a", n, " = 1", same(", a")));
        check(repeated("local function f() ", n, "", same("do ")) + &"end ".repeat(n + 1));
        check(repeated("", n, "", |i| format!("::l{i}:: ")));
        check(repeated("", n, "", |i| format!("local v{i} ")));
        check(repeated("function f() ", n, "end", |i| format!("local v{i} ")));
        check(repeated("\nfunction f(a", n, ") end", |i| format!(", v{i}")));
        check(repeated("function a:f(a", n, ") end", |i| format!(", v{i}")));
        check(repeated("for a", n, " in x do end", |i| format!(", v{i}")));
        check(repeated("", n, "for i = 1, 2 do end", |i| format!("local v{i} ")));
        check(repeated("", n, "for i in x do end", |i| format!("local v{i} ")));
        check(repeated("local a", n, "", |i| format!(", v{i} <const>")));
    }
    for n in 250..258 {
        check(upvalue_source(n, ""));
        check(upvalue_source(n, "return g "));
    }
    report(differences);
}

/// A function that uses `count` variables of two enclosing functions.
fn upvalue_source(count: usize, tail: &str) -> String {
    let declare = |range: std::ops::Range<usize>| {
        repeated("", range.len(), "", |i| format!("local v{} ", range.start + i))
    };
    let uses = repeated("", count, "", |i| format!("v{i} = 1 "));
    let half = count / 2;
    format!(
        "{}\nfunction f()\n{}\nfunction g()\n{uses} {tail} end end",
        declare(0..half),
        declare(half..count)
    )
}

/// Our own limit: PUC takes chains of any length, we keep trees that recursion can walk.
#[test]
fn long_chains_are_refused_before_they_are_dangerous() {
    let parse = |source: String| plumb_jit::syntax::parse(source.as_bytes(), b"=t");
    let chains: [fn(usize) -> String; 4] = [
        |n| format!("x = a{}", " + a".repeat(n)),
        |n| format!("x = a{}", ".b".repeat(n)),
        |n| format!("f{}", "()".repeat(n)),
        |n| format!("x = {}a{}", "(".repeat(90), " - a)".repeat(90)) + &" * a".repeat(n - 180),
    ];
    for chain in chains {
        let tree = parse(chain(1990)).expect("within the limit");
        let text = plumb_jit::syntax::print(&tree.clone());
        assert_eq!(parse(text), Ok(tree));
        let message = parse(chain(100_000)).unwrap_err().to_string();
        assert!(message.contains("too many nested operations (limit is 2000)"), "{message}");
    }
}
