//! Every operator on pairs of edge values, in each shape that the compiler has an instruction for.

use crate::edges::{
    fill, float, float_literal, index, integer, integer_literal, number, numeric_string, value,
};
use crate::harness::check;
use proptest::prelude::*;
use proptest::sample::select;

const BINARY: &[&str] = &[
    "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "<", "<=", ">", ">=",
    "==", "~=",
];

/// Registers, a constant on either side, both, fields, upvalues; as a value and as a condition.
fn shape() -> impl Strategy<Value = &'static str> + Clone {
    select(vec![
        "T(function(a, b) return a OP b end, A, B)",
        "T(function(a) return a OP B end, A)",
        "T(function(b) return A OP b end, B)",
        "T(function() return A OP B end)",
        "do local a, b = A, B T(function() return a OP b end) end",
        "T(function(t) return t.x OP t.y end, {x = A, y = B})",
        "T(function(a, b) if a OP b then return 'yes' else return 'no' end end, A, B)",
        "T(function(a) if not (a OP B) then return 'no' end return 'yes' end, A)",
        "T(function(a, b) a = a OP b return a OP b end, A, B)",
    ])
}

fn statement(operand: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    (shape(), select(BINARY), operand.clone(), operand)
        .prop_map(|(shape, op, a, b)| fill(&shape.replace("OP", op), &[('A', &a), ('B', &b)]))
}

#[test]
fn numbers() {
    check(1200, statement(number()));
}

#[test]
fn anything() {
    check(1500, statement(value()));
    check(800, statement(prop_oneof![numeric_string(), number()]));
}

/// An integer beside the float nearest to it, and its neighbours.
#[test]
fn integers_against_floats() {
    let pair = (integer(), -3i64..4, any::<bool>()).prop_map(|(i, ulps, swap)| {
        let near = f64::from_bits((i as f64).to_bits().wrapping_add_signed(ulps));
        let (a, b) = (integer_literal(i), float_literal(near));
        if swap { (b, a) } else { (a, b) }
    });
    let comparison = select(vec!["<", "<=", ">", ">=", "==", "~=", "//", "%", "-"]);
    check(
        1000,
        (shape(), comparison, pair).prop_map(|(shape, op, (a, b))| {
            fill(&shape.replace("OP", op), &[('A', &a), ('B', &b)])
        }),
    );
}

#[test]
fn unary_operators_and_keys() {
    let form = select(vec![
        "T(function(a) return -a end, A)",
        "T(function(a) return ~a end, A)",
        "T(function(a) return #a end, A)",
        "S(not A)",
        "T(function() return -A end)",
        "T(function() return ~A end)",
        "T(function(a) return - - a end, A)",
        "T(function(t, k) t[k] = 1 return t[k], #t, next(t) end, {}, A)",
        "T(function(t, k) return t[k], t[A] end, {1, 2, 3, [2^53] = 4, [-1] = 5}, A)",
        "T(function(k) local t = {[k] = 'v'} return t[k], t[math.tointeger(k) or 0] end, A)",
        "T(function(a) return a.x end, A)",
        "T(function(a) a.x = 1 end, A)",
        "T(function(a) a() end, A)",
        "T(function(a) return a:upper() end, A)",
        "T(function(a) for k in pairs(a) do end end, A)",
        "T(function(a) for k in a do end end, A)",
        "T(setmetatable, {}, A)",
        "T(getmetatable, A)",
        "S(type(A))",
    ]);
    check(1200, (form, value()).prop_map(|(form, a)| fill(form, &[('A', &a)])));
}

#[test]
fn numeric_loops() {
    let bound = prop_oneof![3 => number(), 3 => index(), 1 => value(), 1 => float().prop_map(float_literal)];
    check(1000, (bound.clone(), bound.clone(), bound, 0u32..3).prop_map(|(from, to, step, shape)| {
        let range = match shape {
            0 => format!("{from}, {to}"),
            _ => format!("{from}, {to}, {step}"),
        };
        format!("T(function() local n = 0 for i = {range} do n = n + 1 S(i) if n == 4 then break end end return n end)")
    }));
}
