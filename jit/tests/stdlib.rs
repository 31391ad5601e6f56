//! The library against PUC Lua, byte for byte.
//!
//! 1. The pure parts: conversion specifications, patterns, random numbers.
//! 2. The scripts of `tests/lua/stdlib`, one or more a function: what they print, error messages
//!    included, must be the same; also when ours collects garbage at every allocation.
//! 3. Random calls with random arguments.
//!
//! A script must not print addresses, and must not sort a large list that partitions unevenly, since
//! PUC then asks the clock.

#[path = "support/files.rs"]
mod files;
#[path = "../../fuzz/src/runner.rs"]
mod runner;

use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Value};
use plumb_jit::bytecode;
use plumb_jit::stdlib::format::Spec;
use plumb_jit::stdlib::open_all;
use plumb_jit::stdlib::pattern::{self, Captured};
use plumb_jit::stdlib::random::Random;
use plumb_jit::vm::{LuaError, Vm};
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::Arc;

fn cases(count: u32) -> Config {
    Config { failure_persistence: None, ..Config::with_cases(count) }
}

fn reference() -> Lua {
    Lua::new_with(StdLib::ALL_SAFE, LuaOptions::new()).expect("PUC Lua starts")
}

/// A library function called straight from `pcall` adds no `chunk:line:`.
fn message(error: &Value) -> String {
    error.to_string().expect("error values of library functions are strings")
}

fn puc_format(pcall_format: &Function, text: &str, argument: Value) -> Result<Vec<u8>, String> {
    let (ok, result): (bool, Value) = pcall_format.call((text, argument)).expect("pcall returns");
    match result {
        Value::String(s) if ok => Ok(s.as_bytes().to_vec()),
        other => Err(message(&other)),
    }
}

fn our_format(
    text: &str,
    write: impl FnOnce(&Spec, &mut Vec<u8>),
    flags: &[u8],
) -> Result<Vec<u8>, String> {
    let spec = Spec::parse(&text.as_bytes()[1..], flags, true)?;
    let mut out = Vec::new();
    write(&spec, &mut out);
    Ok(out)
}

const PCALL_FORMAT: &str = "return function(f, v) return pcall(string.format, f, v) end";

fn spec_text(conversions: &'static str) -> impl Strategy<Value = String> {
    let conversion = proptest::sample::select(conversions.chars().collect::<Vec<_>>());
    ("[-+#0 ]{0,3}", "([1-9][0-9]?)?", "([.][0-9]{0,2})?", conversion)
        .prop_map(|(flags, width, precision, c)| format!("%{flags}{width}{precision}{c}"))
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i32>().prop_map(|i| f64::from(i) / 8.0),
        (-400i32..400, 1u32..1000).prop_map(|(e, m)| format!("{m}e{e}").parse().unwrap()),
        proptest::sample::select(vec![
            0.0,
            -0.0,
            0.5,
            1.5,
            2.5,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE
        ]),
    ]
    // The sign that C prints for a NaN is its sign bit, which Lua programs cannot choose.
    .prop_filter("not NaN", |x| !x.is_nan())
}

#[test]
fn float_conversions_equal_puc() {
    let lua = reference();
    let pcall_format: Function = lua.load(PCALL_FORMAT).eval().unwrap();
    proptest!(cases(4000), |(text in spec_text("aAeEfgG"), x in any_float())| {
        let ours = our_format(&text, |spec, out| spec.float(out, x), b"-+#0 ");
        prop_assert_eq!(ours, puc_format(&pcall_format, &text, Value::Number(x)));
    });
}

#[test]
fn integer_conversions_equal_puc() {
    let lua = reference();
    let pcall_format: Function = lua.load(PCALL_FORMAT).eval().unwrap();
    let int = prop_oneof![any::<i64>(), -20i64..20, Just(i64::MIN)];
    proptest!(cases(4000), |(text in spec_text("dioxXu"), n in int)| {
        let flags: &[u8] = match text.as_bytes()[text.len() - 1] {
            b'd' | b'i' => b"-+0 ",
            b'u' => b"-0",
            _ => b"-#0",
        };
        let ours = our_format(&text, |spec, out| spec.int(out, n), flags);
        prop_assert_eq!(ours, puc_format(&pcall_format, &text, Value::Integer(n)));
    });
}

/// What `string.find(subject, pattern, init)` returns, as text.
fn our_find(subject: &[u8], full: &[u8], start: usize) -> Result<String, String> {
    if pattern::is_plain(full) {
        let found = pattern::find_plain(subject, full, start);
        return Ok(found.map_or("nil".into(), |at| format!("{} {}", at + 1, at + full.len())));
    }
    let (pattern, anchored) = match full.split_first() {
        Some((b'^', rest)) => (rest, true),
        _ => (full, false),
    };
    let found = pattern::search(subject, pattern, start, anchored).map_err(|e| e.to_string())?;
    let Some(found) = found else { return Ok("nil".into()) };
    let mut text = format!("{} {}", found.start + 1, found.end);
    for i in 0..found.num_captures() {
        match found.capture(i).map_err(|e| e.to_string())? {
            Captured::Position(at) => text += &format!(" {at}"),
            Captured::Range(from, to) => text += &format!(" {:?}", &subject[from..to]),
        }
    }
    Ok(text)
}

fn puc_find(
    pcall_find: &Function,
    lua: &Lua,
    subject: &[u8],
    pattern: &[u8],
    start: usize,
) -> Result<String, String> {
    let arguments = (lua.create_string(subject), lua.create_string(pattern), start + 1);
    let arguments = (arguments.0.unwrap(), arguments.1.unwrap(), arguments.2);
    let mut results: MultiValue = pcall_find.call(arguments).expect("pcall returns");
    if results.pop_front() == Some(Value::Boolean(false)) {
        return Err(message(&results[0]));
    }
    let shown = results.iter().map(|value| match value {
        Value::Integer(i) => i.to_string(),
        Value::String(s) => format!("{:?}", &s.as_bytes()[..]),
        _ => "nil".into(),
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

#[test]
fn patterns_equal_puc() {
    let lua = reference();
    let pcall_find: Function =
        lua.load("return function(s, p, i) return pcall(string.find, s, p, i) end").eval().unwrap();
    let piece = proptest::sample::select(vec![
        "a", "b", "(", ")", "()", "[", "]", "[ab]", "[^a]", "[a-c]", "[%w_]", "[]]", "[^]a]", ".",
        "*", "+", "-", "?", "%", "%a", "%d", "%s", "%S", "%p", "%x", "%z", "%c", "%b()", "%bab",
        "%b", "%f[a]", "%f[%W]", "%f", "%1", "%2", "%0", "^", "$", "\0", "%.", "é", ",",
    ]);
    let pattern = proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let byte = proptest::sample::select(b"aaabbc() ()1_.,]\0\x0b\xc3\xa9".to_vec());
    let subject = proptest::collection::vec(byte, 0..24);
    proptest!(cases(20_000), |(subject in subject, pattern in pattern, start in 0usize..4)| {
        let start = start.min(subject.len());
        let ours = our_find(&subject, pattern.as_bytes(), start);
        let theirs = puc_find(&pcall_find, &lua, &subject, pattern.as_bytes(), start);
        prop_assert_eq!(ours, theirs);
    });
    let deep = "(a".repeat(33);
    let optional = "a?".repeat(300);
    let subject = "a".repeat(300);
    for pattern in [deep, optional] {
        let ours = our_find(subject.as_bytes(), pattern.as_bytes(), 0);
        assert!(ours.is_err());
        assert_eq!(ours, puc_find(&pcall_find, &lua, subject.as_bytes(), pattern.as_bytes(), 0));
    }
}

#[test]
fn plain_search_equals_puc() {
    let text = b"aabaabaaab";
    assert_eq!(pattern::find_plain(text, b"aaa", 0), Some(6));
    assert_eq!(pattern::find_plain(text, b"ab", 2), Some(4));
    assert_eq!(pattern::find_plain(text, b"abc", 0), None);
    assert_eq!(pattern::find_plain(text, b"", 10), Some(10));
    assert!(pattern::is_plain(b"a]b") && !pattern::is_plain(b"a.b"));
}

#[test]
fn random_numbers_equal_puc() {
    let lua = reference();
    let next: Function = lua
        .load("return function(a, b, n) math.randomseed(a, b) return math.random(0), math.random(), math.random(0, n) end")
        .eval()
        .unwrap();
    proptest!(cases(256), |(a in any::<i64>(), b in any::<i64>(), n in prop_oneof![0i64..300, 0..=i64::MAX])| {
        let (word, float, projected): (i64, f64, i64) = next.call((a, b, n)).unwrap();
        let mut random = Random::seeded(a as u64, b as u64);
        prop_assert_eq!(random.next_u64() as i64, word);
        prop_assert_eq!(Random::unit_float(random.next_u64()), float);
        let drawn = random.next_u64();
        prop_assert_eq!(random.project(drawn, n as u64) as i64, projected);
    });
}

/// The scripts of `tests/lua/stdlib`, by name.
fn scripts() -> Vec<(String, String)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua/stdlib");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(&directory).expect("the scripts are there") {
        let path = entry.expect("readable directory").path();
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        if name != "prelude" {
            scripts.push((name, std::fs::read_to_string(&path).expect("readable script")));
        }
    }
    scripts.sort();
    scripts
}

/// Prelude and script as one chunk, so that one function is compiled.
fn with_prelude(script: &str) -> String {
    format!("{} {script}", include_str!("lua/stdlib/prelude.lua"))
}

/// What a program prints under PUC, and the error that ends it.
fn puc_output(name: &str, source: &str) -> (Vec<u8>, Option<String>) {
    let lua = reference();
    let output = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let sink = output.clone();
    let write = lua.create_function(move |_, text: mlua::LuaString| {
        sink.borrow_mut().extend_from_slice(&text.as_bytes());
        Ok(())
    });
    let install = r"local write, tostring = ... function print(...)
        for i = 1, select('#', ...) do
            if i > 1 then write '\t' end
            write(tostring((select(i, ...))))
        end
        write '\n'
    end";
    let tostring: Function = lua.globals().get("tostring").unwrap();
    lua.load(install).call::<()>((write.unwrap(), tostring)).unwrap();
    // Called from Lua's own `pcall`, so that no message handler of the host adds a traceback.
    let pcall: Function = lua.globals().get("pcall").unwrap();
    let chunk = lua.load(source).set_name(format!("@{name}.lua")).into_function();
    let (ok, error): (bool, Value) = pcall.call(chunk.expect("the script compiles")).unwrap();
    let text = output.borrow().clone();
    (text, (!ok).then(|| message(&error)))
}

/// The same under ours.
fn our_output(name: &str, source: &str) -> (Vec<u8>, Option<String>) {
    let mut vm = Vm::new();
    open_all(&mut vm);
    run(&mut vm, name, source)
}

fn run(vm: &mut Vm, name: &str, source: &str) -> (Vec<u8>, Option<String>) {
    let chunk_name = format!("@{name}.lua");
    let proto = bytecode::load(source.as_bytes(), chunk_name.as_bytes(), "t", 0);
    let proto = proto.unwrap_or_else(|error| panic!("{name}: {error}"));
    let chunk = vm.load(&Arc::new(proto));
    let pcall = vm.get_global("pcall");
    let results = vm.call(pcall, &[chunk.into()]).expect("pcall returns");
    let error = results[0].is_falsy().then(|| LuaError::new(results[1]).text());
    (std::mem::take(&mut vm.output), error)
}

/// Both outputs must be equal, line by line, and end in the same way.
fn compare(name: &str, source: &str) -> Result<(), String> {
    let _turn = files::turn(source);
    let (expected, expected_error) = puc_output(name, source);
    let (actual, actual_error) = our_output(name, source);
    let lines = |text: &[u8]| String::from_utf8_lossy(text).lines().map(String::from).collect();
    let (expected_lines, actual_lines): (Vec<_>, Vec<_>) = (lines(&expected), lines(&actual));
    for (i, (expected, actual)) in expected_lines.iter().zip(&actual_lines).enumerate() {
        if expected != actual {
            let number = i + 1;
            return Err(format!(
                "{name}, output line {number}\n  PUC  {expected}\n  ours {actual}"
            ));
        }
    }
    if expected != actual || expected_error != actual_error {
        let (expected, actual) = (expected_lines.len(), actual_lines.len());
        return Err(format!(
            "{name}\n  PUC  {expected} lines, {expected_error:?}\n  ours {actual} lines, {actual_error:?}"
        ));
    }
    Ok(())
}

#[test]
fn scripts_print_what_they_print_under_puc() {
    let scripts = scripts();
    assert!(scripts.len() > 60, "the scripts are found");
    let failures: Vec<String> = scripts
        .iter()
        .filter_map(|(name, script)| compare(name, &with_prelude(script)).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The zone is the process's, so each has one of its own.
#[test]
fn dates_are_pucs_in_every_time_zone() {
    let zones = [
        "UTC",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "XXX5YYY,M3.2.0,M11.1.0",
        "IST-5:30",
        "<+1130>-11:30",
    ];
    for zone in zones {
        let mut child = this_program();
        child.args(["--exact", "scripts_print_what_they_print_under_puc"]).env("TZ", zone);
        let output = child.output().expect("this test starts again");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{zone}: {text}");
    }
}

/// This program again; under an emulator, where its target is not the host.
fn this_program() -> Command {
    runner::command(std::env::current_exe().expect("this test has a file"))
}

/// Functions that no script here can call; what can.
const CALLED_ELSEWHERE: [&str; 2] = [
    // Reads the standard input: the tests of the command `plumb run`.
    "debug.debug",
    // Differs on purpose, see README: the same tests.
    "package.loadlib",
];

/// The names of PUC's functions: `print`, `string.rep`, `file:read`.
fn library_functions() -> Vec<String> {
    // SAFETY: the chunk only lists tables.
    let lua = unsafe { Lua::unsafe_new_with(StdLib::ALL, LuaOptions::new()) };
    let list = r#"
        local names = {}
        local function add(prefix, library)
            for name, value in next, library do
                if type(value) == "function" then names[#names + 1] = prefix .. name end
            end
        end
        for name, library in next, package.loaded do add(name == "_G" and "" or name .. ".", library) end
        add("file:", getmetatable(io.stdout).__index)
        return names
    "#;
    lua.load(list).eval().expect("the tables can be listed")
}

fn lua_scripts_under(directory: &std::path::Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).expect("readable directory") {
        let path = entry.expect("readable directory").path();
        if path.is_dir() {
            lua_scripts_under(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).expect("readable script"));
        }
    }
}

/// Whether a script mentions a function, alone or as a method.
fn mentions(scripts: &str, name: &str) -> bool {
    let method = name.split_once([':', '.']).map(|(_, method)| format!(":{method}"));
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = scripts.as_bytes();
    [Some(name.to_string()), method].into_iter().flatten().any(|text| {
        scripts.match_indices(&text).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            let starts_word = text.starts_with(':') || !is_word(before);
            starts_word && !is_word(bytes.get(at + text.len()))
        })
    })
}

#[test]
fn every_library_function_has_a_script() {
    let mut scripts = String::new();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua");
    lua_scripts_under(&directory, &mut scripts);
    let names = library_functions();
    assert!(names.len() > 130, "{} functions", names.len());
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !mentions(&scripts, name) && !CALLED_ELSEWHERE.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "no script calls {missing:?}");
    assert!(
        !mentions(&scripts, "string.no_such_function") && !mentions("xprint(1) print_(2)", "print")
    );
}

#[test]
fn the_comparison_sees_a_difference() {
    // The two engines' collectors do not use the same number of bytes.
    assert!(compare("count", "print(collectgarbage('count'))").is_err());
    assert!(compare("address", "error(tostring(print))").is_err());
}

/// A collection at every allocation point frees whatever a callback's caller failed to keep alive.
#[test]
fn scripts_do_not_depend_on_when_garbage_is_collected() {
    for (name, script) in scripts() {
        // These two keep thousands of objects, or turn the collector off.
        if name == "string_format" || name == "base_collectgarbage" {
            continue;
        }
        let source = with_prelude(&script);
        let _turn = files::turn(&source);
        let mut vm = Vm::new();
        open_all(&mut vm);
        vm.heap.set_collect_every(NonZeroU32::new(1));
        let stressed = run(&mut vm, &name, &source);
        assert!(stressed == our_output(&name, &source), "{name} differs under stress");
    }
}

/// Lua expressions for arguments.
fn int_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-6i64..9).prop_map(|i| i.to_string()),
        1 => any::<i64>().prop_map(|i| format!("{i:#x}")),
        1 => proptest::sample::select(vec!["math.maxinteger", "math.mininteger", "2^53", "nil"])
            .prop_map(String::from),
    ]
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![int_text(), any_float().prop_map(lua_float)]
}

/// A float literal that reads back as itself.
fn lua_float(x: f64) -> String {
    match x {
        f64::INFINITY => "math.huge".into(),
        f64::NEG_INFINITY => "-math.huge".into(),
        _ => format!("({x:e} + 0.0)"),
    }
}

fn numeral_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+ ]{0,2}[0-9]{0,20}([.][0-9]{0,5})?([eE][-+]?[0-9]{0,3})?[ ]{0,1}",
        "[-+ ]{0,1}0[xX][0-9a-fA-F]{0,18}([.][0-9a-f]{0,3})?([pP][-+]?[0-9]{0,3})?",
        "[0-9a-zA-Z ]{0,6}",
        any_float().prop_map(|x| format!("{x:e}")),
    ]
    .prop_map(|text| format!("\"{text}\""))
}

fn value_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => number_text(),
        2 => numeral_text(),
        1 => proptest::sample::select(vec!["true", "false", "nil", "'text'", "'a\\0b'"])
            .prop_map(String::from),
    ]
}

fn list_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(value_text(), 0..8)
        .prop_map(|items| format!("{{{}}}", items.join(", ")))
}

/// One statement that prints what a library call does.
fn call_text() -> impl Strategy<Value = String> {
    let unary = proptest::sample::select(vec![
        "math.floor",
        "math.ceil",
        "math.sqrt",
        "math.abs",
        "math.modf",
        "math.tointeger",
        "math.type",
        "math.exp",
        "math.sin",
        "math.log",
        "tostring",
        "tonumber",
        "math.frexp",
        "string.len",
        "string.reverse",
        "string.upper",
        "utf8.char",
        "string.char",
    ]);
    let binary = proptest::sample::select(vec![
        "math.fmod",
        "math.max",
        "math.min",
        "math.ult",
        "math.log",
        "math.pow",
        "math.ldexp",
        "string.byte",
        "string.sub",
        "rawequal",
        "select",
    ]);
    let format = spec_text("cdioxXueEfgGaAqs");
    let any_format = "%[-+#0 ]{0,2}[0-9]{0,2}[.]{0,1}[0-9]{0,3}[a-oq-zA-Z%]";
    prop_oneof![
        (unary, value_text()).prop_map(|(f, x)| format!("try({f}, {x})")),
        (binary, value_text(), value_text()).prop_map(|(f, x, y)| format!("try({f}, {x}, {y})")),
        (prop_oneof![3 => format, 1 => any_format], value_text())
            .prop_map(|(f, x)| format!("try(string.format, \"{f}\", {x})")),
        (numeral_text(), 0i32..40).prop_map(|(s, base)| format!("try(tonumber, {s}, {base})")),
        (list_text(), int_text(), int_text())
            .prop_map(|(t, i, j)| format!("try(table.concat, {t}, ',', {i}, {j})")),
        (list_text(), -9i64..9, -9i64..9)
            .prop_map(|(t, i, j)| format!("try(table.unpack, {t}, {i}, {j})")),
        (list_text(), -5i64..9, -5i64..9, -5i64..9).prop_map(|(t, f, e, to)| format!(
            "print(pcall(function() return table.unpack(table.move({t}, {f}, {e}, {to}), -9, 20) end))"
        )),
        (list_text(), int_text()).prop_map(|(t, i)| format!(
            "do local t = {t} try(table.remove, t, {i}) print(#t, table.unpack(t, 1, 9)) end"
        )),
        (list_text(), int_text(), value_text()).prop_map(|(t, i, x)| format!(
            "do local t = {t} try(table.insert, t, {i}, {x}) print(#t, table.unpack(t, 1, 9)) end"
        )),
        list_text().prop_map(|t| format!(
            "do local t = {t} try(table.sort, t) print(table.unpack(t, 1, 9)) end"
        )),
        (proptest::collection::vec(-9i64..9, 0..30), any::<u32>()).prop_map(|(t, bits)| format!(
            "do local t, n = {{{}}}, {bits}
            try(table.sort, t, function(a, b) n = n * 5 + 1 return (n >> 20) % 2 == 0 end)
            print(n, table.unpack(t)) end",
            t.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
        )),
    ]
}

#[test]
fn random_calls_equal_puc() {
    let program = proptest::collection::vec(call_text(), 30);
    proptest!(cases(300), |(program in program)| {
        if let Err(difference) = compare("calls", &with_prelude(&program.join("\n"))) {
            prop_assert!(false, "{}", difference);
        }
    });
}
