//! `filetests/backend/*.ir`: each trace's machine-level IR, allocation and listing, as the `.txt`
//! beside it says. `BLESS=1` rewrites the expectations.

use std::path::{Path, PathBuf};

use plumb_jit::backend::alloc::allocate;
use plumb_jit::backend::lower::lower;
use plumb_jit::backend::{self, BackendConfig, CompiledTrace};
use plumb_jit::exec::Category;
use plumb_jit::ir::parse::parse;
use plumb_jit::ir::trace::Trace;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests/backend")
}

fn read(path: &Path) -> Trace {
    let text = std::fs::read_to_string(path).expect("a readable file");
    parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compile(trace: &Trace) -> CompiledTrace {
    backend::compile(trace, &BackendConfig::default(), &mut ()).expect("a small trace")
}

fn stages(trace: &Trace) -> String {
    let lowered = lower(trace);
    let allocated = allocate(&lowered, &BackendConfig::default()).expect("a small trace");
    format!("; lowered\n{lowered}\n; allocated\n{allocated}\n; code\n{}", compile(trace).listing())
}

#[test]
fn stages_are_as_expected() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(directory()).expect("filetests/backend") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "ir") {
            continue;
        }
        count += 1;
        let found = stages(&read(&path));
        let expectation = path.with_extension("txt");
        if bless {
            std::fs::write(&expectation, found).expect("a writable file");
            continue;
        }
        let expected = std::fs::read_to_string(&expectation).unwrap_or_default();
        assert!(found == expected, "{} differs; BLESS=1 accepts:\n{found}", expectation.display());
    }
    assert!(count > 0, "no .ir file in {}", directory().display());
}

/// Constants stand before the loop, values stay in registers, each phi is updated in place.
#[test]
fn mandelbrot_inner_loop_is_tight() {
    let counts = compile(&read(&directory().join("mandelbrot.ir"))).loop_counts();
    for category in [Category::Constants, Category::Memory, Category::Moves] {
        assert_eq!(counts.get(category), 0, "{counts}");
    }
    assert!(counts.total() <= 12, "{counts}");
}
