//! AST -> `Proto`.
