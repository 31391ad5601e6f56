//! `plumb bench`: how fast a part is on this machine.

use super::emitln;
use plumb_jit::exec::measure::{Speed, measure};
use plumb_jit::exec::{Executor, Simulator};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(clap::Subcommand, Clone, Copy, Debug)]
enum Part {
    /// The ARM64 simulator: instructions per second, and the time to enter and leave a trace; next to
    /// the unicorn engine, if it is built in.
    Sim,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    match args.part {
        Part::Sim => sim(),
    }
}

fn sim() -> anyhow::Result<u8> {
    emitln!("executor     float loop    memory loop      one entry")?;
    show(&mut Simulator::new())?;
    unicorn()?;
    Ok(0)
}

fn show(executor: &mut dyn Executor) -> anyhow::Result<()> {
    let Speed { float_loop, memory_loop, entry } = measure(executor);
    emitln!(
        "{:<9} {:>8.0} M/s     {:>8.0} M/s  {:>10.0} ns",
        executor.name(),
        float_loop / 1e6,
        memory_loop / 1e6,
        entry.as_secs_f64() * 1e9,
    )
}

#[cfg(feature = "unicorn")]
fn unicorn() -> anyhow::Result<()> {
    show(&mut plumb_jit::exec::unicorn::Unicorn::new())
}

#[cfg(not(feature = "unicorn"))]
fn unicorn() -> anyhow::Result<()> {
    emitln!("(the unicorn engine is not in this build: --features unicorn)")
}
