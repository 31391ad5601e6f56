use plumb_jit::bytecode;
use plumb_jit::heap::Value;
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::trace::manager::{Jit, JitObserver, TraceId};
use plumb_jit::vm::Vm;
use std::sync::Arc;
struct Obs;
impl JitObserver for Obs {
    fn compiled(&mut self, _t: TraceId, _ir: &Trace) {}
    fn stage(&mut self, t: TraceId, stage: &str, text: &dyn Fn() -> String) {
        if std::env::var("STAGES").unwrap_or("dce,code".into()).split(',').any(|s| s == stage) {
            println!("== {} {stage}\n{}", t.0, text());
        }
    }
}
fn main() {
    let source = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let proto = bytecode::load(source.as_bytes(), b"=test", "t", 0).expect("valid Lua");
    let mut vm = Vm::new();
    let config = JitConfig { hot_loop: 5, executor: ExecutorKind::Simulator, check: true, ..JitConfig::default() };
    Jit::new(config, Box::new(Obs)).install(&mut vm);
    let main = Value::from(vm.load(&Arc::new(proto)));
    if let Err(error) = vm.call(main, &[]) {
        println!("error {}", error.text());
    }
    println!("{:?}", Jit::take(&mut vm).map(|jit| jit.stats));
}
