//! `Proto` -> text, in the manner of `luac -l -l`.
//!
//! In:  a prototype. Out: one line an instruction (index, source line, operation, operands and a
//! comment with the constants, names and jump targets they stand for), then the tables, then the
//! nested functions. For people and for showing differences; it is not parsed back.

use std::fmt::Write;

use super::opcode::{Event, Format, Instruction, Op, Operand, Pc};
use super::proto::{Constant, Proto};

/// The listing of a prototype and everything nested in it.
pub fn listing(proto: &Proto) -> String {
    let mut out = String::new();
    write_function(&mut out, proto, "main");
    out
}

/// The listing of one instruction, without position.
pub fn instruction_text(proto: &Proto, pc: Pc) -> String {
    let instruction = proto.code[pc.index()];
    let mut text = format!("{:<10} {}", instruction.op().name(), operands(instruction));
    let notes = comment(proto, pc, instruction);
    if !notes.is_empty() {
        let _ =
            write!(text, "{:pad$}; {notes}", "", pad = 26_usize.saturating_sub(text.len()).max(1));
    }
    text
}

/// A constant as it would be written in Lua.
pub fn constant_text(constant: &Constant) -> String {
    match constant {
        Constant::Nil => "nil".into(),
        Constant::False => "false".into(),
        Constant::True => "true".into(),
        Constant::Int(value) => value.to_string(),
        Constant::Float(value) if value.is_finite() => format!("{value:?}"),
        Constant::Float(value) => format!("{value}"),
        Constant::Str(bytes) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

// Writing to a String cannot fail, so the results of `write!` are ignored below.

fn write_function(out: &mut String, proto: &Proto, path: &str) {
    let _ = writeln!(
        out,
        "function {path} <{}:{},{}> ({} instructions)",
        text(proto.source.as_deref()),
        proto.line_defined,
        proto.last_line_defined,
        proto.code.len()
    );
    let _ = writeln!(
        out,
        "{}{} params, {} slots, {} upvalues, {} locals, {} constants, {} functions",
        proto.num_params,
        if proto.is_vararg { "+" } else { "" },
        proto.max_stack_size,
        proto.upvalues.len(),
        proto.locals.len(),
        proto.constants.len(),
        proto.protos.len()
    );
    for pc in (0..proto.code.len() as u32).map(Pc) {
        let line = proto.line(pc).map_or("-".into(), |line| line.to_string());
        let _ = writeln!(out, "{:5}  [{line}]\t{}", pc.0, instruction_text(proto, pc));
    }
    write_tables(out, proto);
    for (index, nested) in proto.protos.iter().enumerate() {
        write_function(out, nested, &format!("{path}.{index}"));
    }
}

fn write_tables(out: &mut String, proto: &Proto) {
    let _ = writeln!(out, "constants ({}):", proto.constants.len());
    for (index, constant) in proto.constants.iter().enumerate() {
        let _ = writeln!(out, "{index:5}  {}", constant_text(constant));
    }
    let _ = writeln!(out, "locals ({}):", proto.locals.len());
    for (index, local) in proto.locals.iter().enumerate() {
        let name = text(Some(&local.name));
        let _ = writeln!(out, "{index:5}  {name}  {} to {}", local.start_pc, local.end_pc);
    }
    let _ = writeln!(out, "upvalues ({}):", proto.upvalues.len());
    for (index, upvalue) in proto.upvalues.iter().enumerate() {
        let _ = writeln!(
            out,
            "{index:5}  {}  {} {}  {:?}",
            text(upvalue.name.as_deref()),
            if upvalue.in_stack { "register" } else { "upvalue" },
            upvalue.index,
            upvalue.kind
        );
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or("-".into(), |bytes| bytes.escape_ascii().to_string())
}

fn operands(i: Instruction) -> String {
    let info = i.op().info();
    let k = if i.k() { " k" } else { "" };
    match info.format {
        Format::Abc => {
            let field = |operand: Operand, unsigned: usize, signed: i32| match operand {
                Operand::Signed => signed.to_string(),
                _ => unsigned.to_string(),
            };
            let mut text = i.a().to_string();
            // C is shown whenever it is not zero: PUC leaves a flag there in some comparisons.
            let show_c = info.c != Operand::Unused || i.c() != 0;
            if info.b != Operand::Unused || show_c {
                let _ = write!(text, " {}", field(info.b, i.b(), i.sb()));
            }
            if show_c {
                let _ = write!(text, " {}", field(info.c, i.c(), i.sc()));
            }
            text + k
        }
        Format::ABx => format!("{} {}", i.a(), i.bx()),
        Format::AsBx => format!("{} {}", i.a(), i.sbx()),
        Format::Ax => i.ax().to_string(),
        Format::SJ => i.sj().to_string(),
    }
}

fn comment(proto: &Proto, pc: Pc, i: Instruction) -> String {
    let info = i.op().info();
    let wide = matches!(info.format, Format::ABx | Format::AsBx);
    let fields = [
        (info.a, i.a()),
        (info.b, if wide { i.bx() } else { i.b() }),
        (info.c, if wide { 0 } else { i.c() }),
    ];
    let mut notes: Vec<String> = fields
        .iter()
        .filter_map(|&(operand, value)| operand_note(proto, i, operand, value))
        .collect();
    if let Some(target) = jump_target(pc, i) {
        notes.push(format!("to {target}"));
    }
    if i.op() == Op::LoadKX
        && let Some(extra) = proto.code.get(pc.index() + 1)
    {
        notes.extend(proto.constants.get(extra.ax()).map(constant_text));
    }
    notes.join(" ")
}

fn operand_note(proto: &Proto, i: Instruction, operand: Operand, value: usize) -> Option<String> {
    match operand {
        Operand::Constant
        | Operand::ConstantString
        | Operand::ConstantNumber
        | Operand::ConstantInteger => proto.constants.get(value).map(constant_text),
        Operand::ReadOrConstant if i.k() => proto.constants.get(value).map(constant_text),
        Operand::Upvalue => proto.upvalue_name(value).map(|name| text(Some(name))),
        Operand::Event => Event::from_u8(value as u8).map(|event| event.name().into()),
        Operand::Proto => Some(format!("function {value}")),
        _ => None,
    }
}

/// Where a jump or loop instruction may go besides the next instruction.
fn jump_target(pc: Pc, i: Instruction) -> Option<Pc> {
    let distance = match i.op() {
        Op::Jmp => i.sj(),
        Op::ForPrep => i.bx() as i32 + 1,
        Op::TForPrep => i.bx() as i32,
        Op::ForLoop | Op::TForLoop => -(i.bx() as i32),
        _ => return None,
    };
    Some(pc.next().offset(distance))
}
