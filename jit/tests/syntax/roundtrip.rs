//! `parse(print(tree)) == tree`, and the printed text compiles, in the reference, to the same code.

use super::generate::Generator;
use super::{Both, Noise};
use plumb_jit::syntax::{ast::Chunk, parse, print};
use proptest::prelude::*;

fn reparse(text: &str) -> Chunk {
    parse(text.as_bytes(), b"=printed").unwrap_or_else(|e| panic!("{e}\n{text}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn printed_trees_parse_to_themselves(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let tree = Generator::new(&bytes).chunk();
        let text = print(&tree);
        prop_assert_eq!(&reparse(&text), &tree, "{}", text);
    }

    #[test]
    fn printing_twice_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = print(&Generator::new(&bytes).chunk());
        prop_assert_eq!(print(&reparse(&text)), text);
    }
}

fn random_tree(noise: &mut Noise) -> Chunk {
    let bytes: Vec<u8> = (0..300).map(|_| noise.bits() as u8).collect();
    Generator::new(&bytes).chunk()
}

#[test]
fn the_reference_accepts_generated_programs() {
    let both = Both::default();
    let mut noise = Noise(0x5eed_0020);
    for _ in 0..1000 {
        let text = print(&random_tree(&mut noise));
        let message = both.reference(text.as_bytes(), "=t");
        assert_eq!(message, None, "{}", text);
    }
}

#[test]
fn generated_trees_hold_every_kind_of_node() {
    let mut noise = Noise(0x5eed_0021);
    let all: String = (0..300).map(|_| format!("{:?}", random_tree(&mut noise))).collect();
    for kind in [
        "Empty",
        "Local {",
        "LocalFunction {",
        "Function {",
        "Assign {",
        "Call(",
        "Do(",
        "While {",
        "Repeat {",
        "If {",
        "NumericFor(",
        "GenericFor(",
        "Goto(",
        "Label(",
        "Break",
        "Return(",
        "Some(Const)",
        "Some(Close)",
        "Nil",
        "True",
        "False",
        "Int(",
        "Float(",
        "Str(",
        "Vararg",
        "Function(",
        "Name(",
        "Index {",
        "Call {",
        "MethodCall {",
        "Table(",
        "Item(",
        "Pair {",
        "Unary {",
        "Binary {",
        "Paren(",
        "vararg: true",
        "method: Some",
        "orelse: Some",
    ] {
        assert!(all.contains(kind), "no {kind}");
    }
    for op in plumb_jit::syntax::ast::BinOp::ALL {
        assert!(all.contains(&format!("op: {op:?},")), "no {op:?}");
    }
}
