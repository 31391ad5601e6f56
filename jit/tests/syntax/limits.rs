//! Limits of the code generator against PUC: which one, at which token, and before or after which error
//! of the text.
//!
//! Each program comes near a limit, with its sizes varied so that every place that may hit the limit does;
//! the same programs with an error behind them, and cut off at every token, must give PUC's first error.

use super::{Both, report};

/// Expressions that take registers in different ways and places.
const EXPRESSIONS: [&str; 24] = [
    "x",
    "1",
    "'s'",
    "nil",
    "...",
    "x.y.z",
    "x[y][z]",
    "x:y(z)",
    "x:y\n(z, ...)",
    "x 's' {y}",
    "x(y, z, u(...))",
    "{x, y; z}",
    "{x = y, [z] = u, ...}",
    "{{{x}, {y}}}",
    "-x + y * -(z .. u .. v)",
    "x and y or z",
    "not (x == y) and z < u",
    "x ^ y ^ z",
    "x .. y",
    "(x)",
    "(x(...))",
    "function() end",
    "function(a, b, ...) local c = x return a, b end",
    "function() goto lost end",
];

/// Statements that take registers for themselves; `$` stands for a list of values.
const STATEMENTS: [&str; 20] = [
    "x = $",
    "x.y, z[u], v = $",
    "a1, a1.b, a1[a2], a2 = $",
    "local p = $",
    "local p <const>, q <close> = $",
    "local p, q, r, s, t = $",
    "return $",
    "return f($)",
    "f($)",
    "x:y($)",
    "if f($) then end",
    "if f($) then break end",
    "while f($) do end",
    "repeat local p until f($)",
    "for i = f($), g, h do end",
    "for i = 1, f($) do local p end",
    "for i, j, k in $ do local p end",
    "for i in f($) do for j = 1, 2 do end end",
    "local t = {$}",
    "x.y.z = {[f($)] = 1}",
];

fn locals(count: usize) -> String {
    let names: Vec<String> = (1..=count).map(|i| format!("a{i}")).collect();
    format!("local {}\n", names.join(","))
}

fn check(sources: impl IntoIterator<Item = String>) {
    let both = Both::default();
    report(sources.into_iter().filter_map(|s| both.difference(s.as_bytes(), "=t")).collect());
}

#[test]
fn registers_run_out_in_every_expression() {
    let head = locals(199);
    check(EXPRESSIONS.iter().flat_map(|expression| {
        let head = &head;
        (36..58).flat_map(move |arguments| {
            let call = format!("{head}f({}{expression}", "1,".repeat(arguments));
            [format!("{call})"), format!("{call}, y) = = 1"), format!("{call} ]")]
        })
    }));
}

#[test]
fn registers_run_out_in_every_statement() {
    for few in [199, 200] {
        let head = locals(few);
        check(STATEMENTS.iter().flat_map(|statement| {
            let head = &head;
            (42..58).flat_map(move |values| {
                let values = format!("{}...", "a1, ".repeat(values));
                let text = format!("{head}{}", statement.replace('$', &values));
                [text.clone(), format!("{text} ]"), format!("{text}\n\nx = 1 goto y")]
            })
        }));
    }
}

/// The text up to each of its last tokens, whole or not.
fn cuts(text: &str, last_bytes: usize) -> Vec<String> {
    let from = text.len().saturating_sub(last_bytes);
    (from..=text.len()).map(|end| text[..end].to_string()).collect()
}

#[test]
fn texts_that_end_near_a_limit() {
    let head = locals(200);
    let texts = [
        format!("{head}return {}1", "{".repeat(60)),
        format!("{head}f({}function() local x = y(1) end)", "1,".repeat(52)),
        format!("{head}f({}a.b:c 'd')", "1,".repeat(51)),
        format!("{head}x = {{{}}}", "{x = 1, y = {2}, ".repeat(30)),
        format!("{head}for i = 1, 2 do end"),
        format!("{head}for i, j in x do end"),
        format!("{head}local function f() end"),
        format!("function f({}b) end", "a,".repeat(200)),
    ];
    check(texts.iter().flat_map(|text| cuts(text, 60)));
}

#[test]
fn too_many_local_variables() {
    let around = |count| {
        let head = locals(count);
        [
            "local x",
            "local x <const> = 1 local y",
            "local x, y, z = 1, 2, 3",
            "local function x() end",
            "for i = 1, 2 do end",
            "for i, j in x do end",
            "do local x, y end",
            "return function(p) local q end",
            "local x = 1 ) local y",
            "local x <cons",
        ]
        .map(|tail| format!("{head}{tail}"))
    };
    check((193..202).flat_map(around));
    let parameters = |count: usize| format!("function f.g:h({}...) end", "p,".repeat(count));
    check((198..202).map(parameters));
    // Variables of all blocks together, for the debug information.
    let blocks =
        |count: usize| format!("{} do local x end x = 1", "do local a,b end ".repeat(count));
    check([16_382, 16_383, 16_384].map(blocks));
    check([format!("{} goto x", blocks(16_384)), format!("{} = ", blocks(16_384))]);
}

#[test]
fn too_many_upvalues() {
    let nested = |count: usize, tail: &str| {
        // Two functions deep, for more than 200 variables to capture.
        let (some, more) = (count / 2, count - count / 2);
        let list = |prefix: &str, n: usize| -> String {
            (1..=n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>().join(",")
        };
        let (a, b) = (list("a", some), list("b", more));
        format!(
            "local {a}\nreturn function() local {b}\nreturn function()\nx = {a},{b}\n{tail} end end"
        )
    };
    check((250..258).flat_map(|count| {
        ["", "y = z", "y = = 1", "local a1 <const> = 1 y()"].map(|tail| nested(count, tail))
    }));
    // Values that are folded, or not, need no upvalue, or do.
    let folded = |value: &str| {
        let head = format!("local c <const> = {value}\n");
        head + &nested(254, "x = c y = z")
    };
    check(["1", "0/0", "1 + 1", "1 // 0", "-0.0", "'s'", "x", "nil", "1 < 2", "~1.5"].map(folded));
}

#[test]
fn nesting() {
    let open =
        ["(", "{", "-", "f(", "x[", "function() ", "do ", "if x then ", "a.b = 1 ^ ", "repeat "];
    check(open.iter().flat_map(|open| {
        (185..202).map(|depth| {
            let prefix = if open.len() < 4 && *open != "do " { "x = " } else { "" };
            format!("{prefix}{}", open.repeat(depth))
        })
    }));
    check((180..202).map(|count| format!("{}x = 1", "x, ".repeat(count))));
    // The register limit comes before that of nesting.
    check((125..200).step_by(5).map(|depth| format!("return {}", "{1, ".repeat(depth))));
}

#[test]
fn loops_that_are_too_long() {
    let body = "x=y ".repeat(65_533);
    let ends = ["", "x=y ", "x=y x=y ", "x=y x=y x=y ", "x=y x=y x=y x=y "];
    check(ends.iter().flat_map(|end| {
        let body = &body;
        ["end", "end x = = 1", "until x", ""]
            .map(|close| format!("for i = 1, 2 do {body}{end}{close}"))
    }));
    check(ends.iter().map(|end| format!("for k, v in x do {body}{end}\nend")));
    check(ends.iter().map(|end| format!("while x do {body}{body}{end}\nend")));
}

#[test]
fn too_many_labels_gotos_and_functions() {
    for count in [32_766, 32_767, 32_768] {
        let labels: String = (0..count).map(|i| format!("::l{i}::\n")).collect();
        check([labels.clone() + "x = = 1", labels]);
        check([
            format!("{}::x::", "goto x ".repeat(count)),
            format!("while x do {} end", "break ".repeat(count)),
        ]);
    }
    let functions = |count: usize| "x = function() end ".repeat(count);
    check([131_071, 131_072].map(functions));
    check([functions(131_072) + "]"]);
}

#[test]
fn errors_of_scopes_before_and_after_limits() {
    let head = locals(200);
    let call = format!("f({}1)", "1, ".repeat(60));
    let errors = [
        "local c <const> = 1; c = 2",
        "goto nowhere",
        "break",
        "::a:: ::a::",
        "do goto a local x; ::a:: f() end",
        "local x <close>, y <close> = 1",
        "local x <what> = 1",
        "x = ...  y = function() return ... end",
        "x + 1",
        "x(y) = 1",
        "x, y(z) = 1",
        "x = 'a\nb'",
        "x = 0x",
        "x = [==[",
    ];
    let head = head.strip_suffix(",a200\n").unwrap_or(&head);
    check(errors.iter().flat_map(|error| {
        [
            format!("{head} {error} {call}"),
            format!("{head} {call} {error}"),
            format!("{head} do {call}\n{error} end"),
        ]
    }));
}

#[test]
fn the_generated_programs_are_near_the_limits() {
    let both = Both::default();
    let answer = |source: &str| {
        both.reference(source.as_bytes(), "=t").map(|m| String::from_utf8_lossy(&m).into_owned())
    };
    let call = |arguments: usize| format!("{}f({}x)", locals(199), "1,".repeat(arguments));
    assert_eq!(answer(&call(36)), None);
    let message = answer(&call(57)).expect("PUC refuses this");
    assert!(message.ends_with("too many registers near '1'"), "{message}");
}
