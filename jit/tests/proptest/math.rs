//! `math.*` on edges and on what is no number.

use crate::edges::{index, number, value};
use crate::harness::check;
use proptest::prelude::*;
use proptest::sample::select;

#[test]
fn functions_of_one_number() {
    let function = select(vec![
        "abs",
        "ceil",
        "floor",
        "sqrt",
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "modf",
        "tointeger",
        "type",
        "deg",
        "rad",
        "frexp",
        "log10",
        "cosh",
        "sinh",
        "tanh",
        "max",
        "min",
    ]);
    check(
        900,
        (function, prop_oneof![5 => number(), 1 => value()])
            .prop_map(|(f, x)| format!("T(math.{f}, {x})")),
    );
}

#[test]
fn functions_of_two_numbers() {
    let function = select(vec!["fmod", "max", "min", "ult", "log", "pow", "ldexp"]);
    let x = || prop_oneof![5 => number(), 1 => value()];
    check(1000, (function, x(), x()).prop_map(|(f, x, y)| format!("T(math.{f}, {x}, {y})")));
    // Two names for one function: which one a message has depends on the order of a table.
    check(
        300,
        (number(), number()).prop_map(|(x, y)| format!("T(math.atan, {x}) T(math.atan, {x}, {y})")),
    );
    check(
        300,
        (x(), x(), x())
            .prop_map(|(x, y, z)| format!("T(math.max, {x}, {y}, {z}) T(math.min, {x}, {y}, {z})")),
    );
}

#[test]
fn random_numbers() {
    let bound = || prop_oneof![3 => number(), 2 => index()];
    check(
        500,
        (number(), number(), bound(), bound()).prop_map(|(a, b, m, n)| {
            format!(
        "math.randomseed(7) T(math.randomseed, {a}, {b}) T(math.random) T(math.random, {m}) T(math.random, {m}, {n})
         T(math.random, 0) T(math.random, {n}, {m}, 1)"
    )
        }),
    );
}
