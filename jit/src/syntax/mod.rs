//! Source text -> AST, and back.
