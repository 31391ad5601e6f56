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

/// Operands of every type, with the edges of the numbers.
const OPERANDS: &[&str] = &[
    "nil",
    "false",
    "true",
    "0",
    "1",
    "-1",
    "3",
    "-7",
    "64",
    "-64",
    "(1 << 53) + 1",
    "math.maxinteger",
    "math.mininteger",
    "0.0",
    "-0.0",
    "1.0",
    "0.5",
    "-2.5",
    "2.0 ^ 53",
    "2.0 ^ 63",
    "-2.0 ^ 63",
    "1e308",
    "math.huge",
    "-math.huge",
    "0 / 0",
    "'10'",
    "'0x10'",
    "'1e1'",
    "' 5.5 '",
    "'abc'",
    "''",
    "{}",
    "print",
];

const BINARY: &[&str] = &[
    "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "<", "<=", ">", ">=",
    "==", "~=", "and", "or",
];

/// A NaN has no sign in Lua, and objects print their address.
const SHOW: &str = "local function show(ok, v)
  if v ~= v then v = 'nan' elseif type(v) == 'table' or type(v) == 'function' then v = type(v) end
  print(ok, math.type(v), v, v == 0 and 1 / v)
end
";

#[test]
fn every_operator_on_every_pair_of_operands() {
    let mut differences = Vec::new();
    for left in OPERANDS {
        let mut source = format!("{SHOW}local a, t = {left}, {{x = {left}}}\n");
        for (number, right) in OPERANDS.iter().enumerate() {
            source += &format!("do local b, u = {right}, {{y = {right}}}\n");
            for operator in BINARY {
                // Registers and upvalues, constants on either side, fields.
                let forms = [
                    "local c, d = a, b return c OP d",
                    "return a OP b",
                    "return a OP (RIGHT)",
                    "return (LEFT) OP b",
                    "return t.x OP u.y",
                ];
                let form = forms[(number + operator.len()) % forms.len()];
                for form in [forms[0], form] {
                    let body =
                        form.replace("LEFT", left).replace("RIGHT", right).replace("OP", operator);
                    source += &format!("show(pcall(function() {body} end))\n");
                }
            }
            for unary in ["-", "~", "#", "not "] {
                source += &format!("show(pcall(function() return {unary}b end))\n");
                source += &format!("show(pcall(function() return {unary}u.y end))\n");
            }
            source += "end\n";
        }
        differences.extend(support::first_different_line(&source));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_test_as_a_condition() {
    let mut differences = Vec::new();
    for left in OPERANDS {
        let mut source = format!("{SHOW}local a = {left}\n");
        for right in OPERANDS {
            source += &format!("do local b = {right}\n");
            for operator in ["<", "<=", ">", ">=", "==", "~="] {
                for condition in ["a OP b", "not (a OP b)", "a OP (RIGHT)", "(LEFT) OP b"] {
                    let condition = condition
                        .replace("LEFT", left)
                        .replace("RIGHT", right)
                        .replace("OP", operator);
                    source += &format!(
                        "show(pcall(function() if {condition} then return 'yes' end return 'no' end))\n"
                    );
                }
            }
            source += "end\n";
        }
        differences.extend(support::first_different_line(&source));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn numeric_loops_over_every_triple() {
    let mut differences = Vec::new();
    let bounds = [
        "0",
        "1",
        "3",
        "-2",
        "1.0",
        "0.5",
        "2.5",
        "-1.5",
        "'2'",
        "'x'",
        "nil",
        "{}",
        "0 / 0",
        "math.huge",
        "-math.huge",
        "math.maxinteger",
        "math.mininteger",
        "math.maxinteger - 1",
        "math.mininteger + 1",
        "2.0 ^ 63",
        "-2.0 ^ 63",
    ];
    for init in bounds {
        let mut source = SHOW.to_string();
        for limit in bounds {
            for step in [
                "1",
                "-1",
                "2",
                "0",
                "0.5",
                "-0.5",
                "0.0",
                "math.maxinteger",
                "math.mininteger",
                "'1'",
                "nil",
                "0 / 0",
            ] {
                source += &format!(
                    "show(pcall(function() local n, s = 0, '' for i = {init}, {limit}, {step} do
                    n = n + 1 s = s .. i .. ' ' if n == 5 then break end end return s end))\n"
                );
            }
        }
        differences.extend(support::first_different_line(&source));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn coroutines() {
    check_all(include_str!("vm/coroutines.lua"));
}

#[test]
fn variables_to_be_closed() {
    check_all(include_str!("vm/close.lua"));
}
