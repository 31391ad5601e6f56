//! How a few programs end: by an error that nothing catches, some calls deep.
//!
//! In:  the scope.   Out: a last statement that raises an error, in one program of about [`ONE_IN`].
//!
//! What such a run leaves is compared too: the error, its traceback with the position of each caller, and
//! what the program had changed by then. So the error comes out of loops that traces were made of, below
//! callers of each sort that a traceback names in its own way.
//!
//! Limits: generated statements in a loop may leave it before its failing iteration; the program then ends as
//! others do.

use super::Generator;
use plumb_jit::syntax::ast::Stat;

/// Programs that must run to their end are 99 of 100 at least.
const ONE_IN: i64 = 120;

/// Holes are those of motifs.
pub(super) const ENDINGS: &[&str] = &[
    // In a loop, below a function, a method, a global.
    "local function $1(a) for $< = 1, $N do $n = $n + $I; if $i == $k then $F end; $B $> end end
     local $2 = {m = {}}; function $2.m:run(a) $1(a); return a end
     function fail(a) local b = $2.m:run(a); return b end
     $v = $v + fail($L)",
    // In functions that a loop calls: they are frames inside its trace.
    "local function $1(a) if a == $k then $F end; return a end
     local function $2(a) local b = $1(a); return b + $K end
     for $< = 1, $N do $n = $n + $2($i); $B $> end",
    "local function $1(a)
       local b = a // $k
       if b > 1 then $F end
       return b
     end
     local function $2(a)
       local b = 0
       for $< = 1, $N do
         b = b + $1($i)
         $B
       $> end
       return b
     end
     $n = $n + $2($K)",
    // What the loop reads is missing at one iteration.
    "local $1 = {}; for $< = 1, $N do $1[$i] = {$a = $i} $> end; $1[$k] = nil
     local function $2(a) return a.$a + $K end
     local function $3(a) local b = 0; for $< = 1, $N do b = b + $2(a[$i]) $> end; return b end
     $n = $n + $3($1)",
    "local $1 = {}; for $< = 1, $N do $1[$i] = $i $> end; $1[$k] = {}
     local function $2(a) local b = 0; for $< = 1, $N do b = b ~ a[$i] $> end; return b end
     local function $3(...) local b = $2(...); return b end
     $n = $n + $3($1)",
    // Below a tail call, and at one.
    "local function $1(a) for $< = 1, $N do $v = $v + $E; if $i == $k then $F end $> end end
     local function $2(a) return $1(a) end
     local function $3(a) local b = $2(a); return b end
     $3($L)",
    // Below natives that call back.
    "local function $1(a, b) for $< = 1, $N do $n = $n + $i; if $i == $k then $F end $> end; return a < b end
     local function $2(a) table.sort(a, $1); return #a end
     $n = $n + $2({3, 1, 2})",
    "local function $1(a) local b = #a; for $< = 1, $N do b = b + $i; if b > $k * 9 then $F end $> end; return \"y\" end
     local function $2(a) local b = a:gsub(\"x\", $1); return b end
     $n = $n + #$2((\"x\"):rep($k))",
    // In a metamethod.
    "local $1 = setmetatable({}, {__index = function(a, b) if b == $k then $F end; return b end})
     local function $2(a) local b = 0; for $< = 1, $N do b = b + a[$i]; $B $> end; return b end
     $n = $n + $2($1)",
    "local $1 = {__add = function(a, b) for $< = 1, $N do $n = $n + $I; if $i == $k then $F end $> end; return a end}
     local function $2(a) local b = a + 1; return b end
     $2(setmetatable({}, $1))",
    // In an iterator.
    "local function $1(a, b) if b == $k then $F end; return b + 1 end
     local function $2(a) for b in $1, a, 0 do $n = $n + b; if b > 99 then break end end end
     for $< = 1, $N do $n = $n + $I $> end
     $2($L)",
    // In a coroutine: the error goes on in the thread that resumed it.
    "local $1 = coroutine.wrap(function() for $< = 1, $N do $n = $n + $I; if $i == $k then $F end; coroutine.yield($i) $> end end)
     local function $2(a) local b = $1(a); return b end
     for $3 = 1, $k + 1 do $v = $v + ($2($L) or 0) end",
    "local $1 = coroutine.create(function(a) for $< = 1, $N do $v = $v - $E; if $i == $k then $F end $> end; return 0 end)
     local function $2(a) local b, c = coroutine.resume($1, a); if not b then error(c, 0) end; return c end
     $v = $v + $2($L)",
    // Caught, and raised again.
    "local $1, $2 = pcall(function() for $< = 1, $N do $v = $v - $E; if $i == $k then $F end $> end end)
     local function $3(a) if not $1 then error(a, 0) end end
     $3($2)",
    // Values that are no strings.
    "local function $1(a) for $< = 1, $N do $v = $v + $E; if $i == $k then error({code = $i, $L}) end $> end end
     local function $2(a) $1(a) end
     $2($L)",
    "local function $1(a) for $< = 1, $N do $v = $v + $E; if $i == $k then error() end $> end end
     local function $2(a) $1(a) end
     $2($L)",
    // What is closed on the way out, which may fail too.
    "local function $1(a)
       local b <close> = setmetatable({}, {__close = function(a, b) for $< = 1, $N do $n = $n ~ $I; if $i == $K then $F end $> end end})
       for $< = 1, $N do $v = $v + $E; if $i == $k then $F end $> end
     end
     local function $2(a) $1(a) end
     $2($L)",
    "local function $1(a)
       local b <close> = setmetatable({}, {__close = function(a, b) for $< = 1, $N do $n = $n ~ $I $> end end})
       for $< = 1, $N do $v = $v + $E; if $i == $k then $F end $> end
     end
     local function $2(a) $1(a) end
     $2($L)",
    // Deeper than a traceback shows whole.
    "local function $1(a) if a == 0 then for $< = 1, $N do $n = $n + $I; if $i == $k then $F end $> end end; return 1 + $1(a - 1) end
     $n = $n + $1($k * 7)",
];

impl Generator<'_> {
    /// Most often nothing.
    pub(super) fn ending(&mut self, out: &mut Vec<Stat>) {
        if self.pick(0, ONE_IN - 1) == ONE_IN - 1 {
            let text = self.choose(ENDINGS);
            self.piece(text, out);
        }
    }
}
