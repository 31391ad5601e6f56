//! PUC 5.4 binary chunk -> `Proto`.
//!
//! In:  bytes that start with `ESC L u a`, from PUC's or our own `dump`. Out: the prototype, or PUC's
//! error message.
//! Limits: the operands of instructions are not checked here; `verify` does that. Input that PUC
//! accepts without looking (an unknown constant tag or variable kind, functions nested deeper than a
//! compiler can produce) is refused with a message in PUC's form.

use std::sync::Arc;

use super::dump::{
    CHECK_DATA, CHECK_FLOAT, CHECK_INTEGER, FLOAT_BYTES, FORMAT, INSTRUCTION_BYTES, INTEGER_BYTES,
    SIGNATURE, VERSION, tag,
};
use super::opcode::{Instruction, Pc};
use super::proto::{AbsLine, Constant, LocalVar, Proto, UpvalueDesc, VarKind};
use crate::syntax::{Source, SyntaxError};

/// PUC's compiler stops at this depth of nested constructs, so no chunk of its own goes deeper.
const MAX_NESTED_FUNCTIONS: u32 = 200;

/// Reads a binary chunk. `chunk_name` (with its `@` or `=` prefix, if any) only appears in errors.
pub fn undump(bytes: &[u8], chunk_name: &[u8]) -> Result<Proto, SyntaxError> {
    undump_source(&mut Source::from(bytes), chunk_name)
}

/// As [`undump`]; what comes after the chunk is not asked for.
pub fn undump_source(source: &mut Source, chunk_name: &[u8]) -> Result<Proto, SyntaxError> {
    let mut reader = Reader { source, position: 0 };
    reader.chunk().map_err(|why| bad_format(chunk_name, why))
}

/// PUC's message for a binary chunk that it cannot use.
pub(super) fn bad_format(chunk_name: &[u8], why: &str) -> SyntaxError {
    let name = match chunk_name {
        [b'@' | b'=', name @ ..] => name,
        [0x1b, ..] => b"binary string",
        name => name,
    };
    let message = [name, b": bad binary format (", why.as_bytes(), b")"].concat();
    SyntaxError::new(message)
}

type Read<T> = Result<T, &'static str>;

struct Reader<'s, 'r> {
    source: &'s mut Source<'r>,
    position: usize,
}

impl Reader<'_, '_> {
    fn chunk(&mut self) -> Read<Proto> {
        self.header()?;
        let upvalue_count = self.byte()?;
        let proto = self.function(None, 0)?;
        if proto.upvalues.len() != usize::from(upvalue_count) {
            return Err("upvalue count mismatch");
        }
        Ok(proto)
    }

    fn header(&mut self) -> Read<()> {
        self.literal(SIGNATURE, "not a binary chunk")?;
        if self.byte()? != VERSION {
            return Err("version mismatch");
        }
        if self.byte()? != FORMAT {
            return Err("format mismatch");
        }
        self.literal(CHECK_DATA, "corrupted chunk")?;
        if self.byte()? != INSTRUCTION_BYTES {
            return Err("Instruction size mismatch");
        }
        if self.byte()? != INTEGER_BYTES {
            return Err("lua_Integer size mismatch");
        }
        if self.byte()? != FLOAT_BYTES {
            return Err("lua_Number size mismatch");
        }
        if self.integer()? != CHECK_INTEGER {
            return Err("integer format mismatch");
        }
        if self.float()? != CHECK_FLOAT {
            return Err("float format mismatch");
        }
        Ok(())
    }

    /// How many bytes are there that have not been read.
    fn at_hand(&self) -> usize {
        self.source.bytes().len() - self.position
    }

    fn block(&mut self, len: usize) -> Read<&[u8]> {
        while self.at_hand() < len {
            if !self.source.extend() {
                return Err("truncated chunk");
            }
        }
        let start = self.position;
        self.position += len;
        Ok(&self.source.bytes()[start..self.position])
    }

    fn literal(&mut self, expected: &[u8], message: &'static str) -> Read<()> {
        if self.block(expected.len())? == expected { Ok(()) } else { Err(message) }
    }

    fn word<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut word = [0; N];
        word.copy_from_slice(self.block(N)?);
        Ok(word)
    }

    fn byte(&mut self) -> Read<u8> {
        self.word::<1>().map(|[byte]| byte)
    }

    fn integer(&mut self) -> Read<i64> {
        self.word().map(i64::from_le_bytes)
    }

    fn float(&mut self) -> Read<f64> {
        self.word().map(f64::from_le_bytes)
    }

    fn unsigned(&mut self, limit: u64) -> Read<u64> {
        let mut value = 0;
        loop {
            let byte = self.byte()?;
            if value >= limit >> 7 {
                return Err("integer overflow");
            }
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                return Ok(value);
            }
        }
    }

    fn int(&mut self) -> Read<u32> {
        self.unsigned(i32::MAX as u64).map(|value| value as u32)
    }

    fn string(&mut self) -> Read<Option<Arc<[u8]>>> {
        match self.unsigned(u64::MAX)? {
            0 => Ok(None),
            size => {
                let len = usize::try_from(size - 1).map_err(|_| "truncated chunk")?;
                Ok(Some(self.block(len)?.into()))
            }
        }
    }

    /// A counted vector. The count is not trusted: the vector grows as elements are really read.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.int()? as usize;
        let mut list = Vec::with_capacity(count.min(self.at_hand()));
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }

    fn function(&mut self, parent_source: Option<&Arc<[u8]>>, depth: u32) -> Read<Proto> {
        if depth > MAX_NESTED_FUNCTIONS {
            return Err("functions nested too deep");
        }
        let source = self.string()?.or_else(|| parent_source.cloned());
        let line_defined = self.int()?;
        let last_line_defined = self.int()?;
        let num_params = self.byte()?;
        let is_vararg = self.byte()? != 0;
        let max_stack_size = self.byte()?;
        let code = self.list(|r| r.word().map(|word| Instruction(u32::from_le_bytes(word))))?;
        let constants = self.list(Self::constant)?;
        let upvalues = self.list(Self::upvalue)?;
        let protos = self.list(|r| r.function(source.as_ref(), depth + 1).map(Arc::new))?;
        let mut proto = Proto {
            source,
            line_defined,
            last_line_defined,
            num_params,
            is_vararg,
            max_stack_size,
            code,
            constants,
            upvalues,
            protos,
            lineinfo: Vec::new(),
            abslineinfo: Vec::new(),
            locals: Vec::new(),
        };
        self.debug_info(&mut proto)?;
        Ok(proto)
    }

    fn constant(&mut self) -> Read<Constant> {
        Ok(match self.byte()? {
            tag::NIL => Constant::Nil,
            tag::FALSE => Constant::False,
            tag::TRUE => Constant::True,
            tag::INT => Constant::Int(self.integer()?),
            tag::FLOAT => Constant::Float(self.float()?),
            tag::SHORT_STRING | tag::LONG_STRING => {
                Constant::Str(self.string()?.ok_or("bad format for constant string")?)
            }
            _ => return Err("invalid constant"),
        })
    }

    fn upvalue(&mut self) -> Read<UpvalueDesc> {
        Ok(UpvalueDesc {
            name: None,
            in_stack: self.byte()? != 0,
            index: self.byte()?,
            kind: VarKind::from_u8(self.byte()?).ok_or("invalid variable kind")?,
        })
    }

    fn debug_info(&mut self, proto: &mut Proto) -> Read<()> {
        proto.lineinfo = self.list(|r| r.byte().map(|byte| byte as i8))?;
        proto.abslineinfo = self.list(|r| Ok(AbsLine { pc: Pc(r.int()?), line: r.int()? }))?;
        proto.locals = self.list(|r| {
            Ok(LocalVar {
                name: r.string()?.unwrap_or_default(),
                start_pc: Pc(r.int()?),
                end_pc: Pc(r.int()?),
            })
        })?;
        if self.int()? != 0 {
            for upvalue in &mut proto.upvalues {
                upvalue.name = self.string()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::dump::dump;
    use super::*;

    const SOURCE: &str = r#"
        local a <const>, b = 1, ...
        local long = "a string that is longer than the forty bytes of a short one"
        local function f(x, ...)
            local t <close> = nil
            for i = 1, x do b = b + i * 1.5 end
            return function() return a, b, x, -0.0, 1e300, 0x7fffffffffffffff, nil == b, b == true, b == false end
        end
        return f, long
    "#;

    fn puc_dump(source: &str, strip: bool) -> Vec<u8> {
        let lua = mlua::Lua::new();
        lua.load(source).set_name("=test").into_function().unwrap().dump(strip)
    }

    #[test]
    fn chunks_of_puc_survive_a_round_trip() {
        let full = puc_dump(SOURCE, false);
        let proto = undump(&full, b"=test").unwrap();
        assert_eq!(dump(&proto, false), full);
        assert_eq!(dump(&proto, true), puc_dump(SOURCE, true));
        assert_eq!(proto.source.as_deref(), Some(&b"=test"[..]));
        assert_eq!(proto.protos[0].source, proto.source);
        assert_eq!(proto.protos[0].line(Pc(0)), Some(4));
        let stripped = undump(&puc_dump(SOURCE, true), b"=test").unwrap();
        assert_eq!(stripped.line(Pc(0)), None);
        assert_eq!(dump(&stripped, true), puc_dump(SOURCE, true));
    }

    #[test]
    fn malformed_chunks_get_pucs_message() {
        let lua = mlua::Lua::new();
        let load: mlua::Function = lua
            .load("return function(s) return select(2, load(s, '=chunk', 'b')) end")
            .eval()
            .unwrap();
        let good = puc_dump(SOURCE, false);
        let mut cases: Vec<Vec<u8>> =
            (5..good.len()).step_by(7).map(|len| good[..len].to_vec()).collect();
        for position in [1, 4, 5, 6, 12, 13, 14, 15, 23] {
            let mut bad = good.clone();
            bad[position] ^= 0x15;
            cases.push(bad);
        }
        let mut overflow = good[..32].to_vec();
        overflow.extend([0x7f; 12]);
        cases.push(overflow);
        for bad in cases {
            let expected: String = load.call(lua.create_string(&bad).unwrap()).unwrap();
            assert_eq!(undump(&bad, b"=chunk").unwrap_err().to_string(), expected);
        }
    }
}
