//! The interpreter against PUC: the same output, the same error messages, the same clock.

mod support;

use support::check_all;

#[test]
fn values_and_operators() {
    check_all(include_str!("vm/operators.lua"));
}

#[test]
fn errors_name_their_operands() {
    check_all(include_str!("vm/errors.lua"));
}

#[test]
fn metamethods() {
    check_all(include_str!("vm/metamethods.lua"));
}

#[test]
fn control_flow_and_calls() {
    check_all(include_str!("vm/control.lua"));
}

#[test]
fn protected_calls() {
    check_all(include_str!("vm/protected.lua"));
}
