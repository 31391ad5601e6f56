//! Coroutines: idioms as [`super::motif`] writes them, and yields wherever statements stand in one.
//!
//! In:  the scope.   Out: statements pushed to a list.
//!
//! What a trace has to survive here: a stack that is not the main thread's and moves as it grows, the same
//! loop on several stacks, variables on the stack of a coroutine that waits, values that come from a yield,
//! errors and `<close>` variables that end a coroutine, coroutines that are left suspended.
//!
//! Holes are those of motifs, and:
//!
//! | hole | stands for |
//! |---|---|
//! | `$[` ... `$]` | body of a coroutine: statements in it may yield numbers, and expect numbers or nil |
//! | `$(` ... `$)` | body of a function that must not yield, save where the text says so |
//! | `${` ... `$}` | the same, at times with no variables but its own: those of others are upvalues on other stacks |
//! | `$P` | a value of any type |
//! | `$F` | a statement that raises an error |
//!
//! Termination: who resumes is bounded by its own loop. A coroutine either ends by itself, or each round
//! of its endless loop has a yield that no branch avoids.

use super::Generator;
use super::scope::Kind;
use super::statement::{assign, local};
use plumb_jit::syntax::ast::{BinOp, Block, Expr, ExprKind, Function, Stat, StatKind};

/// Whole pieces of a program.
pub(super) const COROUTINES: &[&str] = &[
    // Values both ways, in hot loops on both sides.
    "local $1 = coroutine.wrap(function() $[ for $< = 1, $N do $B $v = $v + (coroutine.yield($E) or $K) $> end $] end)
     for $< = 1, $N do $v = $1($E) or $K; $B $> end",
    "local $1 = coroutine.create(function(a, ...) $( for $< = 1, $k do $B a = coroutine.yield($E, a, $P, ...) $> end; return $E, $P $) end)
     for $< = 1, $N do
       local a, b, c, d = coroutine.resume($1, $P, $P)
       if a then $v = b or $K; if c ~= c or c == d then $n = $n + 1 end else $n = $n + #b end
       if coroutine.status($1) == \"dead\" then $n = $n ~ $K end; $B
     $> end",
    "local $1 = coroutine.wrap(function(...) local a = select(\"#\", ...); while true do a = select(\"#\", coroutine.yield(table.unpack({}, 1, a * 3))) end end)
     for $< = 1, $N do $n = $n + select(\"#\", $1(table.unpack({}, 1, $i))); $B $> end",
    "local $1 = coroutine.wrap(function(a) $[ while true do $B a = coroutine.yield(a + $K) or $K end $] end)
     local $2 = coroutine.wrap(function(a) $[ while true do $B a = coroutine.yield(a - $K) or $K end $] end)
     for $< = 1, $N do $v = $1($2($v)); $B $> end",
    // Loops that are traced on another stack than the main thread's, the same on several.
    "local $1 = coroutine.wrap(function() ${ for $2 = 1, $k + 4 do for $< = 1, 24 do $B $> end; coroutine.yield($E) end $} end)
     for $2 = 1, $k do $v = $1() or $K end",
    "local $1 = coroutine.wrap(function(a) ${ for $< = 1, $N do $v = $v + a; if $C then a = coroutine.yield($E) or $K end; $B $> end $} end)
     for $2 = 1, $k do local a, b = coroutine.resume(coroutine.running()); $v = $v + #b; a, b = pcall($1, $E); $v = a and b or $v end",
    "local function $1(a) ${ for $< = 1, 20 do a = a + $i; $B $> end; $v = $v + a; return $v $} end
     $v = $1($K); local $2 = coroutine.wrap(function(b) while true do b = coroutine.yield($1(b)) end end)
     for $3 = 1, $k do $v = $v - $1($3) + $2($3) end",
    "local function $1(a) ${ for $< = 1, 30 do $v = $v + a; if $C and coroutine.isyieldable() then a = coroutine.yield($E) or a end; $B $> end $} return a end
     $v = $1($K); for a in coroutine.wrap(function() $1($K) end) do $v = $v - a end",
    "local $1 = {}
     for $2 = 1, $k do $1[$2] = coroutine.wrap(function(a) ${ while true do for $< = 1, 15 do $v = $v + a; a = $v - $i; $B $> end; a = coroutine.yield($E) end $} end) end
     for $< = 1, $N // 2 do $v = $1[$i % $k + 1]($L); $B $> end",
    "local $1 = coroutine.wrap(function() ${ local function deep(n) if n > 0 then return 1 + deep(n - 1) end; return coroutine.yield($L) or 0 end
       for $2 = 1, $k do for $< = 1, 20 do $B $> end; $v = $v + deep($2 * 11); for $< = 1, 20 do $B $> end end $} end)
     for $< = 1, $k do $v = $1($E) or $K; $B $> end",
    // Variables on the stack of a coroutine that waits; the stack moves as it grows.
    "local $1
     local $2 = coroutine.wrap(function() $[ local s = $L; $1 = function(d) s = s + d; return s end; while true do $B s = s - (coroutine.yield(s) or $K) end $] end)
     $v = $2(); for $< = 1, $N do $v = $1($K) - $v; if $C then $v = $2($E) end; $B $> end",
    "local $1
     local $2 = coroutine.wrap(function()
       local s, d = $L, 1; $1 = function(e) s = s + e; return s end
       local function deep(n) if n > 0 then return 1 + deep(n - 1) end; s = s + 1; return coroutine.yield(s) or $K end
       while true do s = s + deep(d); d = d * 2 % 97 end
     end)
     $v = $2(); for $< = 1, $N do $v = $1($K) - $v; if $C then $v = $2($E) end; $B $> end",
    "local $1 = {}
     for $2 = 1, 3 do local s = $L; local $3 = coroutine.wrap(function() local e = s; $1[$2] = function(d) e, s = e + d, s - d; return e - s end; while true do coroutine.yield(s); s = s + 1 end end); $3(); $1[$2 + 3] = $3 end
     for $< = 1, $N do $v = $1[$i // $k % 3 + 1]($K); if $C then $v = $1[$i % 3 + 4]() end; $B $> end",
    // The same closure over a variable of the thread that resumes, and over one of the loop's own.
    "local function $1(f, d)
       $( local s = $L; local function g(e) s = s + e; return s end; local h = f or g
       if d > 0 then s = s + coroutine.wrap($1)(g, d - 1) end
       for $< = 1, 24 do $v = $v + h($i) - s; s = s - $K; $B $> end; return s $)
     end
     $v = $v + $1(nil, $k % 3 + 1) - coroutine.wrap($1)(nil, 1)",
    // References kept by nothing but a variable of another thread, which is closed later on.
    "local $1, $2
     for $3 = 1, $k + 14 do
       local o, r = {$L}, {}; for $4 = 1, 9 do r[$4] = {$4 + $3} end
       if $1 then $v = $v + $1()[1] end
       if $3 % 5 == 1 then $1, $2 = function() return o end, function(p) o = p end end
       coroutine.wrap(function(q) for $< = 1, 9 do $2(q[$i]); $v = $v + $1()[1] $> end end)(r)
       r = nil; local $5 = {$3, {}, {{}}}; $v = $v - $1()[1]; $B
     end",
    // Generators.
    "for $1 = 1, $k do
       for a, b in coroutine.wrap(function() $[ for $< = 1, 12 do $B coroutine.yield($i, $E) $> end $] end) do $v = $v + (b or $K); $B end
     end",
    "local function $1(d) if d > 0 then $1(d - 1); coroutine.yield(d + $L); $1(d - 1) end end
     for $< = 1, $k do for a in coroutine.wrap(function() $1($i % 6) end) do $v = $v - a end; $B $> end",
    "local $1 = coroutine.wrap(function() $[ for a in function(s, c) c = (c or 0) + 1; $v = $v + (coroutine.yield($E) or $K); if c <= $N then return c end end do $B end $] end)
     for $< = 1, $N do $v = $1($E) or $K; $B $> end",
    "local $1 = {}
     for $2 = 1, $k do $1[$2] = coroutine.wrap(function() $[ while true do $B coroutine.yield($E) end $] end) end
     for $< = 1, $N do $v = $1[$i % $k + 1]($E); $B $> end",
    "local $1 = {s = $L, next = coroutine.wrap(function(self, d) $( while true do self.s = self.s + d; $B self, d = coroutine.yield(self.s) end $) end)}
     for $< = 1, $N do $v = $1:next($K); $B $> end",
    // Yields where other code waits: pcall, metamethods, __close; and where none may be.
    "local $1 = coroutine.wrap(function() $[ for $< = 1, $N do
       local a, b = pcall(function() $[ $B if $C then error($E) end; return coroutine.yield($E) $] end)
       if a then $v = b or $K else $n = $n - 1 end; $B $v = coroutine.yield($E) or $K
     $> end $] end)
     for $< = 1, $N do $v = $1($E) or $K; $B $> end",
    "local $1 = coroutine.wrap(function() $[ for $< = 1, $N do
       local a, b = xpcall(function() $[ $B local c = coroutine.yield($E) or $K; if $C then return missing.field end; return c $] end, function(m) return #m end)
       $v = b; $B
     $> end $] end)
     for $< = 1, $N do $v = $1($E) or $K; $B $> end",
    "local $1 = setmetatable({}, {__add = function(a, b) return coroutine.yield($L) or $K end, __index = function(t, k) return coroutine.yield($L) or k end, __newindex = function(t, k, w) coroutine.yield(w) end})
     local $2 = coroutine.wrap(function() $[ for $< = 1, $N do $v = $1 + $i; $v = $v - $1[$i]; $1[$i] = $v; $B $> end $] end)
     for $< = 1, $N do $v = $2($E) or $K; $B $> end",
    "local $1 = setmetatable({}, {__lt = function(a, b) return (coroutine.yield($L) or $K) < $K end, __len = function() return coroutine.yield($L) or $K end, __call = function(self, a) return coroutine.yield(a) or a end})
     local $2 = coroutine.wrap(function() $[ for $< = 1, $N do if $1 < $1 then $n = $n + 1 end; if not ($1 > $1) then $n = $n ~ $K end; $v = $1($v) + #$1; $B $> end $] end)
     for $< = 1, $N do $v = $2($E) or $K; $B $> end",
    "local $1 = coroutine.wrap(function() $[ for $< = 1, $N do
       do local a <close> = setmetatable({}, {__close = function(_, e) $v = $v + (coroutine.yield($L) or $K) end}); $B end
     $> end $] end)
     for $< = 1, $N do $v = $1($E) or $K; $B $> end",
    "local $1 = coroutine.wrap(function() for $< = 1, $k do $n = $n + #select(2, pcall(table.sort, {3, 1, 2}, function(a, b) coroutine.yield(1); return a < b end)); coroutine.yield($L) $> end end)
     for $< = 1, $k do $v = $1($E) or $K; $B $> end",
    // Errors, ends, what is said of it.
    "local $1 = coroutine.create(function() $[ for $< = 1, $N do $B if $i == $k then $F end; coroutine.yield($E) $> end $] end)
     for $< = 1, $N do
       local a, b = coroutine.resume($1, $E)
       if not a then if type(b) == \"string\" then $n = $n + #b + #debug.traceback($1, b) end; break end
       $v = b or $K; $B
     $> end
     $n = $n + (coroutine.close($1) and 1 or 2) + #coroutine.status($1)",
    "local $1 = coroutine.wrap(function() $[ for $< = 1, $N do $B if $i == $k then $F end; coroutine.yield($E) $> end $] end)
     for $< = 1, $N do local a, b = pcall($1, $E); if not a then $n = $n + (type(b) == \"string\" and #b or 1) else $v = b or $K end; $B $> end",
    "for $< = 1, $k do
       local $1 = coroutine.create(function() $[ local a <close> = setmetatable({}, {__close = function(_, e) $v = $v - $K; if $C then error($L) end end}); for $< = 1, 9 do $B coroutine.yield($E) $> end $] end)
       for $2 = 1, $i - 1 do coroutine.resume($1, $L) end
       $n = $n + (coroutine.close($1) and 1 or 2) + #coroutine.status($1); $B
     $> end",
    "local $1
     $1 = coroutine.create(function() $[ for $< = 1, $N do
       local $2 = coroutine.wrap(function() local a, b = coroutine.resume($1); $n = $n + #b + #coroutine.status($1); coroutine.yield(#coroutine.status(coroutine.running())) end)
       $n = $n + $2(); $B coroutine.yield($E)
     $> end $] end)
     for $< = 1, $N do local a, b = coroutine.resume($1, $E); $v = b or $K; $B $> end",
    // Made in a hot loop, and left suspended.
    "for $< = 1, $N do local $1 = coroutine.wrap(function(a) $[ $B a = coroutine.yield(a); $B coroutine.yield($i) $] end); $v = $1($E); if $C then $v = $1($K) or $v end; $B $> end",
    "local $1 = {}
     for $< = 1, $N do
       $1[$i % 3 + 1] = coroutine.create(function(a) local b = {a}; coroutine.yield(b); return b[1] end)
       local _, b = coroutine.resume($1[$i % 3 + 1], $E); b[1] = $E; _, $v = coroutine.resume($1[$i % 3 + 1]); $B
     $> end",
];

impl Generator<'_> {
    /// A piece of program about coroutines, at the top level.
    pub(super) fn coroutine_motif(&mut self, out: &mut Vec<Stat>) {
        let text = self.choose(COROUTINES);
        self.piece(text, out);
    }

    /// `local g = coroutine.wrap(function(a, b) while true do ... a, b = coroutine.yield(e) end end)`: to its
    /// callers a function like others.
    pub(super) fn producer(&mut self, out: &mut Vec<Stat>) {
        let name = self.scope.fresh("g");
        let params = [self.scope.fresh("a"), self.scope.fresh("a")];
        let outer = self.scope.enter_function(true);
        for param in &params {
            self.add(param.clone(), Kind::Num, true);
        }
        let mut body = Vec::new();
        for _ in 0..self.pick(0, 3) {
            self.statement(&mut body);
        }
        let value = self.expression(Kind::Num, 2);
        body.push(
            StatKind::Assign {
                targets: params.iter().map(|p| Expr::name(p.as_str())).collect(),
                values: vec![yielded(vec![value])],
            }
            .into(),
        );
        let work = self.scope.leave_function(outer);
        let endless = StatKind::While { cond: Expr::bool(true), body: Block::from(body) };
        let function = Function {
            params: params.iter().map(|p| p.as_str().into()).collect(),
            body: Block::from(vec![endless.into()]),
            ..Function::default()
        };
        let function = ExprKind::Function(Box::new(function)).into();
        let wrap = Expr::field(Expr::name("coroutine"), "wrap");
        out.push(local(&name, Expr::call(wrap, vec![function])));
        self.add_function(name, work);
    }

    /// A yield in the body of a coroutine: of numbers, for a number or nil.
    pub(super) fn yield_statement(&mut self, out: &mut Vec<Stat>) {
        let mut values = vec![self.expression(Kind::Num, 1)];
        if self.chance(30) {
            values.push(self.expression(Kind::Num, 1));
        }
        let given = yielded(values);
        let target = self.assignable(Kind::Num).filter(|_| self.chance(70));
        let Some(target) = target else { return out.push(StatKind::Call(given).into()) };
        let default = self.leaf(Kind::Num);
        let given = Expr::binary(BinOp::Or, given, default);
        let value = match self.chance(50) {
            true => Expr::binary(BinOp::Add, Expr::name(target.as_str()), given),
            false => given,
        };
        out.push(assign(Expr::name(target), value));
    }

    /// Something of any type.
    pub(super) fn anything(&mut self) -> Expr {
        match self.pick(0, 7) {
            0 => self.expression(Kind::Num, 1),
            1 => self.sharp_float().unwrap_or(Expr::float(-0.0)),
            2 => Expr::float(-0.0),
            3 => Expr::binary(BinOp::Div, Expr::int(0), Expr::int(0)),
            4 => Expr::string("text"),
            5 => Expr::nil(),
            6 => Expr::bool(self.chance(50)),
            _ => self.variable(Kind::Array).map_or(Expr::nil(), Expr::name),
        }
    }
}

fn yielded(values: Vec<Expr>) -> Expr {
    Expr::call(Expr::field(Expr::name("coroutine"), "yield"), values)
}
