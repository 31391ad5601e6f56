//! AST -> `Proto`, with PUC's code.
//!
//! In:  a chunk of the syntax tree (with the lines that the parser noted). Out: the prototype of its
//! main function, equal field by field to what PUC 5.4.9 compiles from the same text, or a syntax error
//! that only shows when names and sizes are known. Of a text with an error, what stands before the error is
//! compiled, since PUC, which compiles while it parses, finds the errors of the code generator first.
//!
//! 1. [`statements`], [`loops`]  statements, blocks, functions, and what they do with expressions
//! 2. [`expressions`]            an expression of the tree -> a description
//! 3. [`operators`], [`fold`]    operators on descriptions, literals folded
//! 4. [`scope`]                  names, scopes, labels
//! 5. [`values`], [`constants`]  a described value -> a register, a constant, a branch, a variable
//! 6. [`function`]               code buffer, lines, jump lists, registers
//!
//! [`expdesc`] is the vocabulary that all of them share.
//!
//! Invariants: between statements the free register is the one above the active locals; `reached` is the
//! last token that PUC's parser would have consumed when an instruction is emitted.

mod constants;
mod expdesc;
mod expressions;
mod fold;
mod function;
mod loops;
mod operators;
mod scope;
mod statements;
mod values;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::opcode::Instruction;
use super::proto::{Proto, UpvalueDesc, VarKind};
use super::verify::verify;
use crate::syntax::SyntaxError;
use crate::syntax::ast::{Chunk, ENV, Expr, Line};
use crate::syntax::error::chunk_display;
use crate::syntax::lexer::Lexer;
use crate::syntax::parser::Parse;
use constants::Key;
use function::FunctionState;

/// Compiles what was parsed of a text. `chunk_name` has PUC's form: `@file`, `=name`, or the source text
/// itself.
pub fn compile_parsed(parse: Parse, text: &[u8], chunk_name: &[u8]) -> Result<Proto, SyntaxError> {
    let found = match (run(&parse.chunk, chunk_name), parse.error) {
        (Ok(proto), None) => return Ok(proto),
        (Err((CompileError::Limit(message), reached)), _) => {
            // The current token is the one after the last one consumed.
            return Err(Lexer::error_after(text, chunk_name, reached.token, &message));
        }
        (Err((error @ CompileError::Bare(_), reached)), _) => (error, reached),
        (_, Some(error)) => return Err(error),
        (Err(found), None) => found,
    };
    Err(found.0.into_syntax_error(chunk_name, found.1.number))
}

/// Compiles a chunk of which there is no text.
pub fn compile(chunk: &Chunk, chunk_name: &[u8]) -> Result<Proto, SyntaxError> {
    run(chunk, chunk_name)
        .map_err(|(error, reached)| error.into_syntax_error(chunk_name, reached.number))
}

/// Gives the prototype, or an error and the last token consumed before it.
fn run(chunk: &Chunk, chunk_name: &[u8]) -> Result<Proto, (CompileError, Line)> {
    let mut compiler = Compiler {
        f: FunctionState::default(),
        enclosing: Vec::new(),
        constant_indices: FxHashMap::default(),
        long_strings: FxHashMap::default(),
        reached: Line { number: 1, token: 1 },
        source: chunk_name.into(),
        spare: Vec::new(),
        spine: Vec::new(),
    };
    compiler.f.start(0);
    if let Err(error) = compiler.main_function(chunk) {
        return Err((error, compiler.reached));
    }
    let proto = compiler.f.take_proto(compiler.source, 0, false);
    debug_assert_eq!(verify(&proto), Ok(()), "compiled code breaks a rule");
    Ok(proto)
}

/// Why a function cannot be compiled.
#[derive(Debug)]
enum CompileError {
    /// PUC adds the position of the current token, and `near <token>`.
    Limit(String),
    /// PUC adds the position. The parser finds these errors first, so they only occur in trees that
    /// were built by hand.
    Semantic(u32, Vec<u8>),
    /// PUC adds nothing.
    Bare(String),
    /// The text has an error before this place.
    Unreached,
}

impl CompileError {
    fn into_syntax_error(self, chunk_name: &[u8], last_line: u32) -> SyntaxError {
        let (line, message) = match self {
            CompileError::Limit(message) => (last_line, message.into_bytes()),
            CompileError::Semantic(line, message) => (line, message),
            CompileError::Bare(message) => return SyntaxError::runtime(message),
            CompileError::Unreached => (last_line, b"<name> expected".to_vec()),
        };
        let mut text = chunk_display(chunk_name);
        text.extend_from_slice(format!(":{line}: ").as_bytes());
        text.extend(message);
        SyntaxError::new(text)
    }
}

type Res<T = ()> = Result<T, CompileError>;

struct Compiler<'a> {
    /// The function being compiled.
    f: FunctionState<'a>,
    /// The functions around it, outermost first.
    enclosing: Vec<FunctionState<'a>>,
    /// Where constants were put, for all functions together (see `constants`).
    constant_indices: FxHashMap<Key<'a>, u32>,
    /// The bytes of each long string of the chunk, shared by the constants of all its functions.
    long_strings: FxHashMap<&'a [u8], Arc<[u8]>>,
    reached: Line,
    source: Arc<[u8]>,
    /// States of functions that are done, for their buffers.
    spare: Vec<FunctionState<'a>>,
    /// Expressions whose leftmost child is being compiled, innermost last.
    spine: Vec<&'a Expr>,
}

impl<'a> Compiler<'a> {
    fn main_function(&mut self, chunk: &'a Chunk) -> Res {
        self.enter_scope(false);
        self.set_vararg();
        self.f.add_upvalue(UpvalueDesc {
            name: Some(ENV.0.clone()),
            in_stack: true,
            index: 0,
            kind: VarKind::Regular,
        })?;
        self.statements(&chunk.body)?;
        self.finish_function()
    }

    /// PUC's parser has consumed this token, if it gets there at all.
    fn reach(&mut self, line: Line) -> Res {
        if !line.is_reached() {
            return Err(CompileError::Unreached);
        }
        self.reached = line;
        Ok(())
    }

    fn emit(&mut self, instruction: Instruction) -> u32 {
        self.f.emit(instruction, self.reached.number)
    }

    fn emit_jump(&mut self) -> u32 {
        self.f.emit_jump(self.reached.number)
    }
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::super::proto::Constant;
    use super::*;
    use crate::syntax::ast::{Attrib, Block, Expr, LocalName, Stat, StatKind};

    fn compile_text(source: &str) -> Result<Proto, String> {
        load(source.as_bytes(), b"=t", "t", 0).map_err(|error| error.to_string())
    }

    #[test]
    fn too_many_registers_are_an_error() {
        let call = format!("f({}1)", "1,".repeat(300));
        let message = compile_text(&call).unwrap_err();
        assert_eq!(message, "t:1: function or expression needs too many registers near '1'");
        let nested = format!("return {}1{}", "{1, ".repeat(130), "}".repeat(130));
        assert!(compile_text(&nested).is_err());
    }

    #[test]
    fn bad_trees_built_by_hand_are_errors() {
        let message = |stats: Vec<Stat>| {
            let chunk = Chunk { body: Block::from(stats) };
            compile(&chunk, b"=t").unwrap_err().to_string()
        };
        let broken = vec![StatKind::Break.into()];
        assert_eq!(message(broken), "t:0: break outside loop at line 0");
        let lost = vec![StatKind::Goto("x".into()).into()];
        assert_eq!(message(lost), "t:0: no visible label 'x' for <goto> at line 0");
        let twice = vec![StatKind::Label("x".into()).into(), StatKind::Label("x".into()).into()];
        assert_eq!(message(twice), "t:0: label 'x' already defined on line 0");
        let attrib = Some(Attrib::Const);
        let constant = StatKind::Local {
            names: vec![LocalName { name: "c".into(), attrib }],
            values: vec![Expr::int(1)],
        };
        let assigned =
            StatKind::Assign { targets: vec![Expr::name("c")], values: vec![Expr::int(2)] };
        assert_eq!(
            message(vec![constant.into(), assigned.into()]),
            "t:0: attempt to assign to const variable 'c'"
        );
    }

    #[test]
    fn large_floats_collide_with_integers_in_the_constant_memory() {
        // 1e16 is remembered under the next float, which is this integer.
        let proto = compile_text("local a = 1e16; a = 10000000000000002; a = 1e16").unwrap();
        let expected =
            [Constant::Float(1e16), Constant::Int(10_000_000_000_000_002), Constant::Float(1e16)];
        assert_eq!(proto.constants, expected);
    }
}
