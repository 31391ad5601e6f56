//! `Proto` -> PUC 5.4 binary chunk.
//!
//! In:  a prototype. Out: the bytes that `string.dump` of PUC 5.4 gives on a 64-bit little-endian host
//! (4-byte instructions, 8-byte integers and floats).
//! Keeps: `undump(dump(p, false)) == p`; a nested function is written without its source when that
//! equals its parent's.

use super::proto::{Constant, Proto};

/// `ESC L u a`: the first bytes of every binary chunk.
pub const SIGNATURE: &[u8; 4] = b"\x1bLua";
pub(super) const VERSION: u8 = 0x54;
pub(super) const FORMAT: u8 = 0;
/// Bytes that a text-mode transfer would corrupt.
pub(super) const CHECK_DATA: &[u8; 6] = b"\x19\x93\r\n\x1a\n";
pub(super) const INSTRUCTION_BYTES: u8 = 4;
pub(super) const INTEGER_BYTES: u8 = 8;
pub(super) const FLOAT_BYTES: u8 = 8;
pub(super) const CHECK_INTEGER: i64 = 0x5678;
pub(super) const CHECK_FLOAT: f64 = 370.5;

/// Type tags of constants, as PUC's `ttypetag`.
pub(super) mod tag {
    pub const NIL: u8 = 0x00;
    pub const FALSE: u8 = 0x01;
    pub const TRUE: u8 = 0x11;
    pub const INT: u8 = 0x03;
    pub const FLOAT: u8 = 0x13;
    pub const SHORT_STRING: u8 = 0x04;
    pub const LONG_STRING: u8 = 0x14;
}

/// The binary chunk of a main function. `strip` leaves out source, lines and names.
pub fn dump(proto: &Proto, strip: bool) -> Vec<u8> {
    let mut out = Writer { bytes: Vec::new(), strip };
    out.header();
    out.byte(proto.upvalues.len() as u8);
    out.function(proto, None);
    out.bytes
}

struct Writer {
    bytes: Vec<u8>,
    strip: bool,
}

impl Writer {
    fn header(&mut self) {
        self.bytes.extend_from_slice(SIGNATURE);
        self.byte(VERSION);
        self.byte(FORMAT);
        self.bytes.extend_from_slice(CHECK_DATA);
        self.byte(INSTRUCTION_BYTES);
        self.byte(INTEGER_BYTES);
        self.byte(FLOAT_BYTES);
        self.bytes.extend_from_slice(&CHECK_INTEGER.to_le_bytes());
        self.bytes.extend_from_slice(&CHECK_FLOAT.to_le_bytes());
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, most significant group first; the last byte has its high bit set.
    fn size(&mut self, size: usize) {
        let groups = (usize::BITS - size.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let bits = (size >> (7 * group)) as u8 & 0x7f;
            self.byte(if group == 0 { bits | 0x80 } else { bits });
        }
    }

    fn line(&mut self, line: u32) {
        self.size(line as usize);
    }

    fn string(&mut self, string: Option<&[u8]>) {
        match string {
            None => self.size(0),
            Some(bytes) => {
                self.size(bytes.len() + 1);
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    fn function(&mut self, proto: &Proto, parent_source: Option<&[u8]>) {
        let source = proto.source.as_deref();
        self.string(if self.strip || source == parent_source { None } else { source });
        self.line(proto.line_defined);
        self.line(proto.last_line_defined);
        self.byte(proto.num_params);
        self.byte(u8::from(proto.is_vararg));
        self.byte(proto.max_stack_size);
        self.size(proto.code.len());
        for instruction in &proto.code {
            self.bytes.extend_from_slice(&instruction.0.to_le_bytes());
        }
        self.constants(&proto.constants);
        self.size(proto.upvalues.len());
        for upvalue in &proto.upvalues {
            self.byte(u8::from(upvalue.in_stack));
            self.byte(upvalue.index);
            self.byte(upvalue.kind as u8);
        }
        self.size(proto.protos.len());
        for nested in &proto.protos {
            self.function(nested, source);
        }
        self.debug_info(proto);
    }

    fn constants(&mut self, constants: &[Constant]) {
        self.size(constants.len());
        for constant in constants {
            match constant {
                Constant::Nil => self.byte(tag::NIL),
                Constant::False => self.byte(tag::FALSE),
                Constant::True => self.byte(tag::TRUE),
                Constant::Int(value) => {
                    self.byte(tag::INT);
                    self.bytes.extend_from_slice(&value.to_le_bytes());
                }
                Constant::Float(value) => {
                    self.byte(tag::FLOAT);
                    self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
                }
                Constant::Str(bytes) => {
                    self.byte(if constant.is_short_string() {
                        tag::SHORT_STRING
                    } else {
                        tag::LONG_STRING
                    });
                    self.string(Some(bytes));
                }
            }
        }
    }

    fn debug_info(&mut self, proto: &Proto) {
        if self.strip {
            for _ in ["lines", "absolute lines", "local variables", "upvalue names"] {
                self.size(0);
            }
            return;
        }
        self.size(proto.lineinfo.len());
        self.bytes.extend(proto.lineinfo.iter().map(|&delta| delta as u8));
        self.size(proto.abslineinfo.len());
        for abs in &proto.abslineinfo {
            self.line(abs.pc.0);
            self.line(abs.line);
        }
        self.size(proto.locals.len());
        for local in &proto.locals {
            self.string(Some(&local.name));
            self.line(local.start_pc.0);
            self.line(local.end_pc.0);
        }
        self.size(proto.upvalues.len());
        for upvalue in &proto.upvalues {
            self.string(upvalue.name.as_deref());
        }
    }
}
