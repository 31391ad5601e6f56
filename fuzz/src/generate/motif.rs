//! Motifs: a few lines of Lua as people write them, where a compiler's shortcuts meet.
//!
//! In:  the scope.   Out: statements pushed to a list.
//!
//! What random expressions rarely do is written down here as text with holes: an element read again after a
//! store to its array, another function at the same call, two names of one table, a key that comes and goes,
//! two orders of one comparison, a metatable set meanwhile, a divisor that becomes 0.
//!
//! Holes: a lower-case letter is drawn once a motif, an upper-case one at each place.
//!
//! | hole | stands for |
//! |---|---|
//! | `$1` ... `$9` | names of the motif's own |
//! | `$<` ... `$>`, `$N` | body of a motif's own loop: `$<` is its counter; its trips |
//! | `$i` | the counter of the loop |
//! | `$n`, `$x`, `$v` | assignable variables: integer, float, number |
//! | `$t` `$u`, `$r` `$q`, `$f` `$g` | arrays, records, functions; each two may be the same |
//! | `$j` | a small array index |
//! | `$k`, `$K` | a small positive integer |
//! | `$I`, `$X`, `$E`, `$L` | expressions: integer, float, number; a leaf |
//! | `$S`, `$s` | a float, an integer that reaches an edge at some iteration, without a branch |
//! | `$C` | a condition, most often on the counter |
//! | `$A`, `$a`, `$b`, `$c` | names of fields |
//! | `$B` | generated statements |
//!
//! Limits: a hole that the scope cannot fill makes an assignment of the whole motif.

use super::Generator;
use super::scope::{Kind, Scope};
use plumb_jit::syntax::ast::{Block, Expr, ExprKind, Field, Stat, StatKind};
use plumb_jit::syntax::parser::parse;
use plumb_jit::syntax::printer::{print_expr, print_stat};
use std::collections::BTreeMap;

/// Statements of a loop's body.
const INSIDE: &[&str] = &[
    // Memory read again after a store, by the same name or another.
    "local $1 = $j; $v = $v + ($t[$1] or 1); $t[$1] = $E; $v = $v - ($t[$1] or 2)",
    "local $1, $2 = $t, $j; $v = ($t[$2] or 1) - $v; $1[$2] = $E; $v = $v + ($t[$2] or 2)",
    "local $1, $2 = $C and $t or $u, $j; $v = $t[$2] or $v; $1[$2] = $E; $v = $v + ($t[$2] or 2)",
    "local $1, $2 = $j, $j; $v = $v + ($t[$1] or 1); $t[$2] = $E; $v = $v - ($t[$1] or 2)",
    "local $1 = $k; $v = $v + ($t[$1] or 1); $t[$i % 12 + 1] = $E; $v = $v - ($t[$1] or 2)",
    "local $1, $2 = $j, $j; $t[$1] = $E; $t[$2] = $E; $v = ($t[$1] or 0) - ($t[$2] or 0)",
    "local $1 = $C and $r or $q; local $2 = $r.v; $1.v = $E; $v = $r.v - $2",
    "local $1 = $r; $v = $v + $r.w; $1.w = $E; $v = $v - $r.w",
    "local $1 = $i % 8 + 1; if ($t[$1] or 0) > ($t[$1 + 1] or 0) then $t[$1], $t[$1 + 1] = $t[$1 + 1], $t[$1] end",
    // Keys that come and go.
    "$v = $v + ($r.$a or $K); $r.$a = $E; $v = $v - ($r.$a or $K); $r.$a = nil",
    "if $C then $r.$a = $E else $r.$a = nil end; $v = $v + ($r.$a or $K)",
    "$v = $v + ($t[$k + 90] or $K); $t[$k + 90] = $E; $v = $v - ($t[$k + 90] or $K); $t[$k + 90] = nil",
    "local $1 = #$t; $t[$1 + 1] = $E; $n = $n + #$t - $1; $t[#$t] = nil",
    // Orders: both directions, negated, at NaN and at the edges.
    "local $1, $2 = $I, $I; if $1 <= $2 then $n = $n + 1 end; if $2 <= $1 then $n = $n ~ $K end",
    "local $1, $2 = $s, $K; if $1 <= $2 then $n = $n + 1 end; if $2 <= $1 then $n = $n - $K end",
    "local $1 = $i // $k; if 0 <= $1 then $n = $n + 1 end; if $1 <= 0 then $n = $n - $K end",
    "local $1, $2 = $S, $X; if not ($1 < $2) then $n = $n + 1 end; if $2 <= $1 then $n = $n ~ $K end",
    "local $1, $2 = $X, $S; if $1 < $2 then $n = $n + 1 elseif $1 >= $2 then $n = $n - 1 else $x = $X end",
    "local $1 = $S; if $1 == 0.0 then $n = $n + 1 else $v = $1 end; if $1 ~= $1 then $n = $n - $K end",
    "local $1 = $S; if $X == $1 then $n = $n + 1 end; if $1 ~= $X then $n = $n - $K end",
    "local $1 = $i // $k * 0x20000000000000 + 1; if $1 <= 9007199254740992.0 then $n = $n + 1 else $n = $n - 1 end",
    "local $1 = $s; if $1 < $X then $n = $n + 1 end; if $1 == $S then $n = $n - 1 end",
    "if $v < $K then $v = $v + $E elseif $v > $K then $v = $v - $K end",
    // The same operands under several operators.
    "local $1, $2 = $E, $E; $v = math.max($1, $2) - math.min($1, $2)",
    "local $1, $2 = $s, $I; $n = ($1 & $2) + ($1 | $2) - ($1 ~ $2)",
    "local $1, $2 = $S, $X; $x = ($1 - $2) * ($2 - $1)",
    "local $1, $2 = $s, $I; $n = $1 - $2; $v = $2 - $1",
    "local $1 = $s; $n = $1 // 4 + $1 % 8 - ($1 >> 1); $v = math.abs($1)",
    "local $1 = $S; $x = -$1 + math.abs($1); $v = math.floor($1) - math.ceil($1)",
    "local $1 = $S; $x = $1 ^ 0.5 + $1 ^ 3.0; $v = $1 * 0.0 - ($1 + 0.0)",
    "local $1 = $i // $k * 9223372036854775808.0; $v = math.floor($1)",
    "$v = $v + ($t[$S] or $K)",
    // One variable in several roles: a constant for a while, then a sum.
    "local $1 = $n; $n = $k; if $v ~= $K then $v = $v + $k end; $n = $1 + $k",
    "local $1 = $x; $x = 2.5; if $v < $E then $v = $v + 2.5 end; $x = $1 - 2.5",
    // Values of other kinds.
    "local $1 = $C and \"abc\" or \"hello, world\"; $n = $n + #$1; if $1 == \"abc\" then $n = $n ~ $K end",
    "local $1 = $C and $t or $u; if $1 == $t then $v = $v + $K else $v = #$1 end",
    "local $1 = $C and $r or $q; if $1 ~= $r then $n = $n + $1.n end",
    "local $1 = $C and $f or $g; if $1 == $f then $n = $n + 1 end; $v = $1($E, $E)",
    "local $1 = $C and math.floor or math.ceil; $v = $1($S)",
    "local $1 = $C and math.max or math.min; $v = $1($E, $E)",
    "$v = $f($E, $g($E, $E))",
    "$v = math.max($f($g($E, $E), $K))",
    "local $1 = $C and $K or nil; if $1 then $n = $n + $1 else $1 = $C; if $1 == false then $n = $n - 1 end end",
];

/// Whole pieces of a program, with a loop of their own.
const WHOLE: &[&str] = &[
    // Closures over different variables of one function.
    "local function $1(s) return function(d) s = s + d; return s end, function() return s end end
     local $2, $3 = $1($L); local $4, $5 = $1($L)
     for $< = 1, $N do local $6 = $C and $2 or $4; $v = $5() - $v; $v = $v + $6($K) - $3(); $4(1); $v = $v + $5(); $B $> end",
    "local function $1(s) return function(d) s = s + d; return s end, function() return s end end
     local $2, $3 = $1($L)
     for $< = 1, $N do local $4 = $3(); $2($K); $v = $3() - $4; $B $> end",
    // A variable that is a register of the loop's frame, or was one.
    "local $1
     for $2 = 1, $k % 4 + 3 do
       local $3 = $L
       local function $4(d) $3 = $3 + d; return $3 end
       $1 = $1 or $4
       local $5 = $2 % 2 == 0 and $1 or $4
       for $< = 1, $N // 4 do $v = $v + $5($i); $3 = $3 - 1; $B $> end
     end",
    "local $1
     for $2 = 1, $k % 4 + 4 do
       local $3 = $L
       local function $4(d) $3 = $3 + d; return $3 end
       local $5 = $2 > 3 and $4 or $1
       for $< = 1, ($2 - 1) * 9 do $3 = $3 + 1; $v = $v + $5($K); $B $> end
       $1 = $4
     end",
    // The same closure over a variable of an earlier frame, and over one of the loop's own.
    "local function $1(f, d)
       $( local s = $L; local function g(e) s = s + e; return s end; local h = f or g
       if d > 0 then s = s + $1(g, d - 1) end
       for $< = 1, 24 do $v = $v + h($i) - s; s = s - $K; $B $> end; return s $)
     end
     $v = $v + $1(nil, $k % 3 + 1)",
    // Another function at the same call.
    "local function $1(a, b) return a + b end local function $2(a, b) return a - b end local function $3(a) return a end
     local $4 = {$1, $2, $3}
     for $< = 1, $N do $v = $4[$i // $k % 3 + 1]($E, $K); $B $> end",
    "local $1 = {s = $L, add = function(self, d) self.s = self.s + d; return self end, get = function(self) return self.s end}
     for $< = 1, $N do $1:add($K); if $C then $1.get = function(self) return -self.s end end; $v = $v + $1:get(); $B $> end",
    // Metatables that are set, or get their events, meanwhile.
    "local $1 = {n = 1}
     for $< = 1, $N do $v = $v + ($1.$a or $K); if $i == $k then setmetatable($1, {__index = {$a = $L}}) end; $B $> end",
    "local $1, $2 = {}, {}
     for $< = 1, $N do $1[$i] = $E; $v = $v + #$1; if $i == $k then setmetatable($1, {__newindex = $2}) end; $B $> end; $v = #$2",
    "local $1, $2 = {$L}, {$L}
     for $< = 1, $N do if $1 == $2 then $n = $n + 1 end; $v = $v + #$1
     if $i == $k then setmetatable($1, {__eq = function() return true end, __len = function() return $K end}) end; $B $> end",
    "local $1, $2, $3 = {}, {}, {$a = $L}; setmetatable($1, $2)
     for $4 = 1, 4 do
       $v = $v + ($1.$a or $K)
       for $< = 1, $N // 4 do $2.__index = $3; $B $> end
       $v = $v + ($1.$a or $K); $2.__index = nil
     end",
    "local $1, $2, $3 = {}, {}, {$a = $L}; setmetatable($1, $2)
     for $< = 1, $N do
       $2.__index = $i % 8 > 2 and $3 or nil
       if $i % 8 == 2 or $i % 8 == 7 then $v = $v + ($1.$a or $K) end
     $> end",
    // Tables of other shapes.
    "local $1 = {{$a = $L, $b = $L}, {$b = $L, $c = $L}}
     for $< = 1, $N do local $3 = $1[$i // $k % 2 + 1]; $v = $v + ($3.$b or $K); $3.$b = $E; $B $> end",
    "local $1 = {{$b = $L, $a = $L, $c = $L}, {$c = $L, $b = $L, $a = nil}, {$a = $L}}
     for $< = 1, $N do local $3 = $1[$i // $k % 3 + 1]; $v = $v + ($3.$c or $K) - ($3.$a or $K); $B $> end",
    "local $1, $2 = {$L, $L, $L, $L}, {$L}
     for $< = 1, $N do local $3 = $C and $1 or $2; $3[$i % 4 + 1] = $E; $v = $v + ($1[$i % 4 + 1] or $K); $B $> end",
    // Objects compared, chosen without a branch.
    "local $1, $2 = {}, {}; local $3 = {$1, $2, $1}
     for $< = 1, $N do if $3[$i // $k % 3 + 1] == $1 then $n = $n + 1 else $n = $n - $K end; $B $> end",
    "local $1 = {math.floor, math.ceil, math.abs}
     for $< = 1, $N do $v = $1[$i // $k % 3 + 1]($S); $B $> end",
    "local $1 = {\"abc\", \"ab\", \"\", \"abc\"}
     for $< = 1, $N do local $2 = $1[$i // $k % 4 + 1]; $n = $n + #$2; if $2 == \"abc\" then $n = $n ~ $K end; $B $> end",
    "local $1, $2 = {s = $L}, {s = $L}
     for $< = 1, $N do $1, $2 = $2, $1; $1.s = $2.s + $K; if $1 ~= $2 then $v = $1.s - $2.s end; $B $> end",
    // Two names of one array, or of one record.
    "local $1, $2 = {$L, $L, $L}, {$L, $L, $L}; local $3 = {$1, $2, $1}
     for $< = 1, $N do local $4 = $3[$i % 3 + 1]; local $5 = $1[2]; $4[2] = $E; $v = $1[2]; if $5 == $v then $n = $n + 1 end; $B $> end",
    "local $1 = {s = $L}; local $2 = {$1, {s = $L}}
     for $< = 1, $N do local $3 = $2[$i // $k % 2 + 1]; $v = $v - $1.s; $3.s = $E; $v = $v + $1.s; $B $> end",
    // Functions loaded at run time, each dead before the next: what a trace knew of one must not fit another.
    "for $1 = 1, $k % 6 + 4 do
       local $2 = load(\"return function(a) return a % 7 + \" .. $1 .. \" end\")()
       for $< = 1, $N // 4 do $n = $n + $2($i); $B $> end
     end",
    // What raises an error at one iteration only.
    "print(pcall(function() for $< = 1, $N do $n = $n + $I // ($k - $i) $> end end))",
    "print(pcall(function() for $< = 1, $N do $v = $v - $K % ($k - $i); $n = $n + $i $> end end))",
    "print(pcall(function() for $< = 1, $N do local $1 = $i // $k * 0.5 | 0; $n = $n + $I $> end end))",
    "print(pcall(function() for $< = 1, $N do local $1 = $S | 0; $n = $n + $I $> end end))",
    "local $1 = {$a = $L}
     print(pcall(function() for $< = 1, $N do $n = $n + $i; $v = $v + $1.$a; if $i == $k then $1.$a = nil end $> end end))",
    // References that move between objects, while the collector has looked at one and not at the other.
    "local $1, $2 = {}, {}; for $3 = 1, 9 do $1[$3] = {$3 + $L}; $2[$3] = false end
     for $4 = 1, $k + 20 do
       for $< = 1, 9 do $2[$i] = $1[$i]; $1[$i] = false $> end
       $1, $2 = $2, $1; local $5 = {$4, {}, {{}}}
       for $< = 1, 9 do $v = $v + $1[$i][1] $> end
     end",
    "local $1, $2 = {{$L}, {$L}}, {{$L}, {$L}}
     for $4 = 1, $k + 9 do
       for $< = 1, 9 do $1[1], $1[2], $2[1], $2[2] = $2[1], $2[2], $1[2], $1[1]; $v = $v - $1[1][1] + $2[2][1] $> end
       local $5 = {$4, {}, {{}}}; $1[$4 % 2 + 1] = {$4}; $B
     end",
    "local function $1() local o = {$L}; return function(p) local q = o; o = p; return q end end
     local $2, $3 = $1(), {}; for $4 = 1, 9 do $3[$4] = {$4} end
     for $4 = 1, $k + 20 do
       for $< = 1, 9 do $3[$i] = $2($3[$i]); $v = $v + $3[$i][1] $> end
       local $5 = {$4, {}, {{}}}
     end",
    "local function $1(p) local o = p; return {get = function() return o end, set = function(q) o = q end} end
     local $2, $3 = {}, {}; for $4 = 1, 9 do $2[$4], $3[$4] = $1({$4 + $L}), $1(false) end
     for $4 = 1, $k + 20 do
       for $< = 1, 9 do local a, b = $2[$i], $3[$i]; b.set(a.get()); a.set(false) $> end
       $2, $3 = $3, $2; local $5 = {$4, {}, {{}}}
       for $< = 1, 9 do $v = $v + $2[$i].get()[1] $> end
     end",
    // An index on both sides of an array's ends.
    "for $< = $N // 2, -$k, -1 do if $i < $k then $v = $v + ($t[$i] or $K) end; $B $> end",
    "for $< = -$k, $N // 2 do if $i < 9 then $t[$i] = $E end; $v = $v + ($t[$i - 2] or $K); $B $> end",
];

const FIELDS: [&str; 8] = ["a", "b", "c", "d", "key", "left", "size", "z"];

impl Generator<'_> {
    /// Some lines in a loop's body.
    pub(super) fn motif(&mut self, out: &mut Vec<Stat>) {
        let text = self.choose(INSIDE);
        let Some(counter) = self.counter() else { return self.assignment(out) };
        let mut filled = Filled::new(counter);
        match self.fill(text, &mut filled) {
            Some(text) => out.extend(stats(&text)),
            None => self.assignment(out),
        }
    }

    /// A piece of program with a loop of its own, at the top level.
    pub(super) fn whole_motif(&mut self, out: &mut Vec<Stat>) {
        let text = self.choose(WHOLE);
        self.piece(text, out);
    }

    pub(super) fn piece(&mut self, text: &str, out: &mut Vec<Stat>) {
        let mut filled = Filled::default();
        filled.once.insert('N', self.pick(12, 90).to_string());
        // What is drawn once must be visible in the whole text, so it is drawn before it.
        for (hole, kind) in [('n', Kind::Int), ('v', Kind::Num)] {
            let Some(name) = self.assignable(kind) else { return self.hot_loop(out) };
            filled.once.insert(hole, name);
        }
        let outer = std::mem::replace(&mut self.scope.in_function, true);
        let mark = self.scope.enter();
        let text = self.fill(text, &mut filled);
        self.scope.leave(mark);
        self.scope.in_function = outer;
        match text {
            Some(text) => out.push(StatKind::Do(Block::from(stats(&text))).into()),
            None => self.hot_loop(out),
        }
    }

    pub(super) fn fill(&mut self, text: &str, filled: &mut Filled) -> Option<String> {
        let mut out = String::new();
        let mut pieces = text.split('$');
        out.push_str(pieces.next()?);
        for piece in pieces {
            let hole = piece.chars().next()?;
            out.push_str(&self.hole(hole, filled)?);
            out.push_str(&piece[hole.len_utf8()..]);
        }
        Some(out)
    }

    fn hole(&mut self, hole: char, filled: &mut Filled) -> Option<String> {
        if let Some(text) = filled.once.get(&hole) {
            return Some(text.clone());
        }
        let text = match hole {
            '1'..='9' => self.scope.fresh("m"),
            'n' => self.assignable(Kind::Int)?,
            'x' => self.assignable(Kind::Float)?,
            'v' => self.assignable(Kind::Num)?,
            't' | 'u' => self.variable(Kind::Array)?,
            'r' | 'q' => self.variable(Kind::Record)?,
            'f' | 'g' => self.callable()?,
            'j' => parenthesised(&self.index(0)),
            'k' | 'K' => self.pick(2, 12).to_string(),
            'I' => parenthesised(&self.expression(Kind::Int, 1)),
            'X' => parenthesised(&self.expression(Kind::Float, 1)),
            'E' => parenthesised(&self.expression(Kind::Num, 1)),
            'L' => parenthesised(&self.expression(Kind::Num, 0)),
            'S' => parenthesised(&self.sharp_float()?),
            's' => parenthesised(&self.sharp_int()?),
            'C' => {
                let counter = filled.once.get(&'i').cloned().or_else(|| self.counter())?;
                parenthesised(&self.motif_condition(&counter))
            }
            'a' | 'b' | 'c' | 'A' => self.choose(&FIELDS).to_string(),
            'B' => self.motif_body(),
            'P' => parenthesised(&self.anything()),
            'F' => print_stat(&self.failing_statement()),
            '<' => return Some(self.begin_loop(filled)),
            '[' | '(' => return Some(self.begin_function(hole == '[', filled)),
            '{' => return Some(self.begin_own(filled)),
            '>' | ']' | ')' | '}' => return Some(self.end_section(filled)),
            other => unreachable!("`{other}` is no hole"),
        };
        if !hole.is_ascii_uppercase() {
            filled.once.insert(hole, text.clone());
        }
        Some(text)
    }

    /// The counter of a loop whose body begins. Loops in it are short.
    fn begin_loop(&mut self, filled: &mut Filled) -> String {
        let trips = match self.scope.loops {
            0 => filled.once[&'N'].parse().expect("trips are a number"),
            _ => INNER_TRIPS,
        };
        filled.sections.push(Section::of(&mut self.scope, &filled.once));
        self.scope.multiply(trips);
        self.scope.loops += 1;
        let counter = self.scope.fresh("i");
        self.add(counter.clone(), Kind::Int, false);
        filled.once.insert('i', counter.clone());
        counter
    }

    fn begin_function(&mut self, yields: bool, filled: &mut Filled) -> String {
        filled.sections.push(Section::of(&mut self.scope, &filled.once));
        self.scope.in_coroutine = yields;
        String::new()
    }

    /// A function that uses no variables but its own, or any.
    fn begin_own(&mut self, filled: &mut Filled) -> String {
        if self.chance(50) {
            return self.begin_function(false, filled);
        }
        let kinds = [Kind::Int, Kind::Float, Kind::Num, Kind::Array];
        let values: Vec<Expr> = kinds.iter().map(|kind| self.own_value(*kind)).collect();
        self.begin_function(false, filled);
        self.scope.first = self.scope.len();
        let mut out = Vec::new();
        for (kind, value) in kinds.into_iter().zip(values) {
            self.declare(kind, value, &mut out);
        }
        for hole in VARIABLES {
            filled.once.remove(&hole);
        }
        out.iter().map(|stat| print_stat(stat) + ";\n").collect()
    }

    fn own_value(&mut self, kind: Kind) -> Expr {
        match kind {
            Kind::Array => {
                let items = (0..self.pick(1, 8)).map(|_| self.expression(Kind::Num, 0));
                ExprKind::Table(items.map(Field::Item).collect()).into()
            }
            _ => self.expression(kind, 0),
        }
    }

    fn end_section(&mut self, filled: &mut Filled) -> String {
        let section = filled.sections.pop().expect("a section ends that has begun");
        self.scope.leave(section.mark);
        self.scope.work = section.work;
        self.scope.loops = section.loops;
        self.scope.in_coroutine = section.in_coroutine;
        self.scope.first = section.first;
        for (hole, name) in section.names {
            match name {
                Some(name) => filled.once.insert(hole, name),
                None => filled.once.remove(&hole),
            };
        }
        String::new()
    }

    fn motif_body(&mut self) -> String {
        let mut body = Vec::new();
        for _ in 0..self.pick(0, 2) {
            self.statement(&mut body);
        }
        body.iter().map(|stat| print_stat(stat) + ";\n").collect()
    }

    fn motif_condition(&mut self, counter: &str) -> Expr {
        let k = self.pick(2, 12);
        let text = match self.pick(0, 6) {
            0 => format!("{counter} % {k} == 0"),
            1 => format!("{counter} < {k}"),
            2 => format!("{counter} > {k}"),
            3 => format!("{counter} == {k}"),
            4 => format!("{counter} // {k} % 2 == 0"),
            5 => format!("{counter} ~= {k}"),
            _ => return self.bool_expression(1),
        };
        expression(&text)
    }

    /// A variable of this kind that may be assigned.
    pub(super) fn assignable(&mut self, kind: Kind) -> Option<String> {
        let names: Vec<String> = self
            .scope
            .of_kind(kind)
            .filter(|variable| variable.assignable)
            .map(|variable| variable.name.clone())
            .collect();
        let last = names.len().checked_sub(1)?;
        Some(names[self.pick(0, last as i64) as usize].clone())
    }

    /// A float that is special at one iteration: NaN, an infinity, -0.0, 2^63, a fraction.
    pub(super) fn sharp_float(&mut self) -> Option<Expr> {
        let (i, k) = (self.counter()?, self.pick(2, 12));
        let text = match self.pick(0, 8) {
            0 => format!("({i} - {k}) / ({i} - {k})"),
            1 => format!("({i} - {k}) / 0.0"),
            2 => format!("({i} - {k}) * 0.0"),
            3 => format!("({k} - {i}) * 0.0"),
            4 => format!("({i} - {k}) * 4611686018427387904.0"),
            5 => format!("({i} - {k}) * 0.25"),
            6 => format!("{i} // {k} * 1.0"),
            7 => format!("{i} // {k} * -0.5"),
            _ => format!("({k} - {i}) / ({i} % 2)"),
        };
        Some(expression(&text))
    }

    /// An integer that changes its sign, wraps around or outgrows a double at one iteration.
    pub(super) fn sharp_int(&mut self) -> Option<Expr> {
        let (i, k) = (self.counter()?, self.pick(2, 12));
        let text = match self.pick(0, 6) {
            0 => format!("{i} - {k}"),
            1 => format!("{k} - {i}"),
            2 => format!("math.maxinteger - {k} + {i}"),
            3 => format!("math.mininteger + {k} - {i}"),
            4 => format!("0x1fffffffffffff - {k} + {i}"),
            5 => format!("({i} - {k}) << 60"),
            _ => format!("{i} - {k} << {i}"),
        };
        Some(expression(&text))
    }
}

/// Trips of loops within a motif's own loop, at most.
const INNER_TRIPS: u64 = 24;

/// What the holes of one motif stand for.
#[derive(Default)]
pub(super) struct Filled {
    pub once: BTreeMap<char, String>,
    /// Bodies of loops and functions that are being filled.
    sections: Vec<Section>,
}

impl Filled {
    fn new(counter: String) -> Filled {
        Filled { once: BTreeMap::from([('i', counter)]), sections: Vec::new() }
    }
}

/// What the end of a section brings back.
struct Section {
    mark: usize,
    work: u64,
    loops: usize,
    in_coroutine: bool,
    first: usize,
    /// Variables that holes stood for.
    names: [(char, Option<String>); 6],
}

impl Section {
    fn of(scope: &mut Scope, once: &BTreeMap<char, String>) -> Section {
        let (work, loops, in_coroutine) = (scope.work(), scope.loops, scope.in_coroutine);
        let names = VARIABLES.map(|hole| (hole, once.get(&hole).cloned()));
        Section { first: scope.first, mark: scope.enter(), work, loops, in_coroutine, names }
    }
}

/// Holes that stand for a variable all through a section.
const VARIABLES: [char; 6] = ['i', 'n', 'x', 'v', 't', 'u'];

pub(super) fn stats(text: &str) -> Vec<Stat> {
    let chunk = parse(text.as_bytes(), b"=motif");
    chunk.unwrap_or_else(|error| panic!("a motif is no Lua: {error:?}\n{text}")).body.stats
}

fn expression(text: &str) -> Expr {
    let mut stats = stats(&format!("return {text}"));
    match stats.pop().map(|stat| stat.kind) {
        Some(StatKind::Return(mut values)) if values.len() == 1 => values.remove(0),
        other => unreachable!("`return e` is one statement of one value: {other:?}"),
    }
}

/// As text that is an operand wherever it is put.
fn parenthesised(expr: &Expr) -> String {
    let text = print_expr(expr);
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Int(0..) | ExprKind::Float(_) | ExprKind::Paren(_) => text,
        _ => format!("({text})"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::coroutine::COROUTINES;
    use super::super::ending::ENDINGS;
    use super::*;

    #[test]
    fn every_hole_is_known() {
        let known = "123456789iNnxvturqfgjkKIXELSsCAabcBPF<>[](){}";
        for text in INSIDE.iter().chain(WHOLE).chain(COROUTINES).chain(ENDINGS) {
            for piece in text.split('$').skip(1) {
                assert!(known.contains(piece.chars().next().unwrap_or('?')), "{text}");
            }
        }
    }

    #[test]
    fn motifs_are_lua_with_their_holes_filled() {
        let name = |hole: char| match hole {
            'B' | 'F' | '>' | '[' | ']' | '(' | ')' | '{' | '}' => String::new(),
            '<' => "i".to_string(),
            'i' | 'v' | 'n' | 'x' => hole.to_string(),
            hole if hole.is_ascii_lowercase() => format!("{hole}{hole}"),
            _ => "m".to_string(),
        };
        for text in INSIDE.iter().chain(WHOLE).chain(COROUTINES).chain(ENDINGS) {
            let mut pieces = text.split('$');
            let mut lua = pieces.next().unwrap().to_string();
            for piece in pieces {
                lua += &name(piece.chars().next().unwrap());
                lua += &piece[1..];
            }
            stats(&lua);
        }
    }
}
