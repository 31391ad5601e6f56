#!/usr/bin/env bash
# The forms tests as an aarch64 program: natively, or under qemu-aarch64. Says so where that cannot be had.
set -euo pipefail
target=aarch64-unknown-linux-gnu
filter=(the_simulator_and_the_processor_agree the_processor_repeats_what_is_recorded)
run=(cargo test --release -p plumb-jit --test forms)
if [ "$(uname -m)" = aarch64 ]; then
    exec "${run[@]}" -- --nocapture "${filter[@]}"
fi
for tool in qemu-aarch64 aarch64-linux-gnu-gcc; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: no $tool (Debian: qemu-user gcc-aarch64-linux-gnu)"; exit 0; }
done
[ -d "$(rustc --print target-libdir --target $target)" ] || {
    echo "SKIPPED: no Rust library for $target (rustup target add $target)"; exit 0
}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
# A dynamic program that starts a thread hangs under some versions of qemu.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
exec "${run[@]}" --target $target -- --nocapture "${filter[@]}"
