//! Our compiler gives PUC's bytecode for every Lua file of the repository, and those files together
//! use every opcode.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use plumb_jit::bytecode::opcode::MAX_BX;
use plumb_jit::bytecode::{Liveness, Op, Pc, Proto, RegisterSet, effects, listing, load};
use plumb_oracle::bytecode_check::compare_with;

/// All `.lua` files below a directory, build output and hidden directories left out.
fn lua_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("readable directory") {
        let path = entry.expect("readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            lua_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "lua") {
            found.push(path);
        }
    }
}

fn repository_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    lua_files(&root, &mut files);
    files.sort();
    files
}

/// One of the files written to exercise the compiler.
fn is_snippet(file: &Path) -> bool {
    file.parent().is_some_and(|directory| directory.ends_with("tests/lua/bytecode"))
}

#[test]
fn every_lua_file_compiles_to_pucs_bytecode() {
    let lua = mlua::Lua::new();
    let files = repository_files();
    let snippets = files.iter().filter(|file| is_snippet(file)).count();
    assert!(snippets >= 30, "only {snippets} snippets were found");
    let mut failures = Vec::new();
    for file in &files {
        let source = fs::read(file).expect("readable file");
        let name = format!("@{}", file.file_name().unwrap_or_default().to_string_lossy());
        // A file may be there for its syntax error; then the messages are compared. The snippets of
        // the compiler are there to compile.
        if is_snippet(file) && load(&source, name.as_bytes(), "t", 0).is_err() {
            failures.push(format!("{}: does not compile", file.display()));
        }
        if let Err(report) = compare_with(&lua, &source, &name) {
            failures.push(format!("{}: {report}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n"));
}

/// More constants than LOADK can count, then operators that want constants.
fn source_with_many_constants() -> String {
    let numbers = (0..=MAX_BX).map(|n| format!("{n}.5,")).collect::<String>();
    format!("local t = {{{numbers}}} return 'last', t.x + 'last', t == 'last', t.last, 1e99, -7")
}

#[test]
fn constants_beyond_loadk_compile_to_pucs_bytecode() {
    let source = source_with_many_constants();
    compare_with(&mlua::Lua::new(), source.as_bytes(), "=many").unwrap();
}

#[test]
fn loops_too_long_for_their_jump_are_refused_alike() {
    let lua = mlua::Lua::new();
    for head in ["for i = 1, 2 do", "for k in next, {} do"] {
        let fits = format!("{head} {} end", "f() ".repeat(65_000));
        compare_with(&lua, fits.as_bytes(), "=long").unwrap();
        let too_long = format!("{head} {} \nend", "f() ".repeat(66_000));
        assert!(load(too_long.as_bytes(), b"=long", "t", 0).is_err());
        compare_with(&lua, too_long.as_bytes(), "=long").unwrap();
    }
}

/// What compiled code reads was defined on every path, and nothing but parameters is live at entry:
/// effects, liveness and definedness agree with what the compiler meant.
#[test]
fn compiled_code_reads_only_defined_registers() {
    for file in repository_files() {
        let source = fs::read(&file).expect("readable file");
        if let Ok(proto) = load(&source, b"=test", "t", 0) {
            proto.for_each(&mut |proto| check_reads(proto));
        }
    }
}

fn check_reads(proto: &Proto) {
    let liveness = Liveness::new(proto);
    for pc in (0..proto.code.len() as u32).map(Pc) {
        let (live, defined) = (liveness.live_in(pc), liveness.defined_in(pc));
        let reachable = pc == Pc(0) || !defined.is_empty() || !live.is_empty();
        let open = proto.code[pc.index()].takes_top();
        let reads = effects(proto, pc).reads;
        let undefined = reads.without(*defined);
        assert!(
            !reachable || open || undefined.is_empty(),
            "{pc} reads {undefined:?}\n{}",
            listing(proto)
        );
    }
    let params = RegisterSet::range(0, usize::from(proto.num_params));
    let surprising = liveness.live_in(Pc(0)).without(params);
    assert!(surprising.is_empty(), "{surprising:?} live at entry\n{}", listing(proto));
}

#[test]
fn the_files_use_every_opcode() {
    let mut unused: BTreeSet<Op> = Op::ALL.into_iter().collect();
    let mut sources = vec![source_with_many_constants().into_bytes()];
    sources.extend(repository_files().iter().map(|file| fs::read(file).expect("readable file")));
    for source in sources {
        if let Ok(proto) = load(&source, b"=test", "t", 0) {
            proto.for_each(&mut |proto| {
                for instruction in &proto.code {
                    unused.remove(&instruction.op());
                }
            });
        }
    }
    assert!(unused.is_empty(), "never emitted: {unused:?}");
}
