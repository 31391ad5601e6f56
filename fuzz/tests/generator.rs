//! The generator keeps its promises: deterministic, printable, valid, hot, and equal bytecode to PUC's.

use plumb_fuzz::campaign::judge_case;
use plumb_fuzz::generate::{bytes_of_seed, case_of_bytes, case_of_seed};
use plumb_fuzz::harness::Answer;
use plumb_jit::syntax::parser::parse;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_oracle::bytecode_check::compare_with;

#[test]
fn a_seed_is_one_program() {
    for seed in 0..200 {
        assert_eq!(case_of_seed(seed), case_of_seed(seed));
        assert_eq!(case_of_seed(seed), case_of_bytes(&bytes_of_seed(seed)));
    }
    assert_ne!(case_of_seed(1), case_of_seed(2));
}

#[test]
fn programs_survive_printing() {
    for seed in 0..500 {
        let chunk = case_of_seed(seed).chunk;
        let text = print(&chunk);
        let again = parse(text.as_bytes(), b"=case").expect("generated programs are Lua");
        assert_eq!(again, chunk, "seed {seed}\n{text}");
    }
}

#[test]
fn any_bytes_are_a_program() {
    for bytes in [&[][..], &[0; 64], &[255; 4096], b"local x = 1", &[0x80; 7]] {
        let text = print(&case_of_bytes(bytes).chunk);
        parse(text.as_bytes(), b"=case").expect("generated programs are Lua");
    }
}

/// Code, constants, line info and all, over 2,000 programs.
#[test]
fn bytecode_equals_pucs() {
    let lua = mlua::Lua::new();
    for seed in 0..2000 {
        let text = print(&case_of_seed(seed).chunk);
        if let Err(difference) = compare_with(&lua, text.as_bytes(), "=case") {
            panic!("seed {seed}\n{text}\n{difference}");
        }
    }
}

/// What the sweep's numbers rest on: most programs compile a trace and leave one through a guard.
#[test]
fn programs_agree_and_are_hot() {
    let (mut traced, mut exits, mut inconclusive) = (0, 0, 0);
    let programs = 300;
    for seed in 0..programs {
        let case = case_of_seed(seed);
        let judged = judge_case(&case, ExecutorKind::host_default());
        traced += u64::from(judged.stats.compiled > 0);
        exits += u64::from(judged.stats.side_exits > 0);
        match judged.answer {
            Answer::Agree(_) => {}
            Answer::Inconclusive(_) => inconclusive += 1,
            Answer::Found(_) => panic!(
                "seed {seed}\n{}\n{}",
                print(&case.chunk),
                plumb_fuzz::regression::report(&judged.answer, print(&case.chunk).as_bytes(), None)
            ),
        }
    }
    assert!(traced * 100 >= programs * 80, "{traced} of {programs} completed a trace");
    assert!(exits * 100 >= programs * 50, "{exits} of {programs} took a side exit");
    assert!(inconclusive * 100 <= programs, "{inconclusive} of {programs} inconclusive");
}

/// Errors are raised on purpose, and caught: a program that ends in one has shown less than it could. A few
/// do end in one, so that this is compared too.
#[test]
fn programs_run_to_their_end() {
    let programs = 2000;
    let mut failed = Vec::new();
    for seed in 0..programs {
        let lua = mlua::Lua::new();
        lua.globals()
            .set("print", lua.create_function(|_, _: mlua::MultiValue| Ok(())).unwrap())
            .unwrap();
        // mlua opens no debug library.
        lua.load("debug = {traceback = function(_, text) return text end}").exec().unwrap();
        let text = print(&case_of_seed(seed).chunk);
        if let Err(error) = lua.load(text).set_name("=case").exec() {
            failed.push(format!("seed {seed}: {}", error.to_string().lines().next().unwrap_or("")));
        }
    }
    assert!(failed.len() >= 2, "too few for their tracebacks to be compared");
    assert!(
        failed.len() as u64 * 100 <= programs,
        "{} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}
