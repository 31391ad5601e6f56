# Plumb's tasks; `just` lists them.

_default:
    @just --list --unsorted

# three engines in lockstep on generated programs for 30 seconds (or: just sweep --seeds 0..10000)
sweep *ARGS:
    cargo run --release -- sweep {{ARGS}}

# plants known miscompiles in turn and measures how the harness finds and blames them (or: just score --list)
score *ARGS:
    cargo run --release -- score {{ARGS}}

# a case of regressions/: source, bytecode, IR, machine code, and the dumps side by side if it diverges
repro CASE:
    cargo run --release -- repro {{CASE}}

# your own Lua files in lockstep
check +FILES:
    cargo run --release -- check {{FILES}}

# bytecode, IR after each pass, allocation, disassembly of a program's traces
trace FILE:
    cargo run --release -- trace {{FILE}}

# the interpreter's time against PUC's, program by program
bench *ARGS:
    cargo run --release -- bench interp {{ARGS}}

# all tests, regressions included
test:
    cargo test --workspace

# a million random cases of every instruction form: simulator against unicorn, processor (or qemu) and disassembler
referee CASES="1000000" SEED="1":
    PLUMB_CASES={{CASES}} PLUMB_SEED={{SEED}} cargo test --release -p plumb-jit --features unicorn --test forms -- --include-ignored --skip write_vectors --nocapture
    PLUMB_CASES={{CASES}} PLUMB_SEED={{SEED}} .ci/arm64 test --test forms -- --nocapture processor || [ $? = 3 ]
    cargo run --release --features unicorn -- sweep --seconds 60 --referee unicorn --sample 100

# jit/tests/data/vectors.txt anew: drawn, run by unicorn, repeated by the simulator and by the processor
vectors:
    cargo test --release -p plumb-jit --features unicorn --test forms -- --ignored --nocapture write_vectors
    cargo test --release -p plumb-jit --features unicorn --test forms
    .ci/arm64 test --test forms -- --nocapture processor || [ $? = 3 ]

# coverage-guided fuzzing (nightly toolchain and cargo-fuzz needed)
fuzz SECONDS="60":
    cargo +nightly fuzz run trace_diff -- -max_total_time={{SECONDS}}

# arbitrary text to our compiler and to PUC's: same verdict, same message, same bytecode
fuzz-frontend SECONDS="60":
    cargo +nightly fuzz run frontend -- -max_total_time={{SECONDS}} -dict={{justfile_directory()}}/fuzz/fuzz_targets/lua.dict

# all tests as ARM64 code, traces native (under qemu-aarch64 on other hosts)
arm64-test *ARGS:
    .ci/arm64 test {{ARGS}}

# a sweep with native traces (under qemu-aarch64 on other hosts)
arm64-sweep *ARGS="--seconds 60":
    .ci/arm64 plumb sweep --executor native {{ARGS}}

# rewrite the expectations of the filetests after a wanted change
bless:
    BLESS=1 cargo test -p plumb-jit --test filetests

# the collector's tests under AddressSanitizer (nightly toolchain needed)
asan:
    .ci/asan

# the whole test suite with a collection at every allocation point (`just stress-tests minor`: minor ones)
stress-tests regime="full":
    .ci/stress {{regime}}

# every Lua program of the repository under each regime of the collector, at more allocation points than in the tests
stress:
    cargo test -p plumb-jit --test stress -- --ignored --nocapture

# formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# what CI runs
ci:
    bash .ci/run
