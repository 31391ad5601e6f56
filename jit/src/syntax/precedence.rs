//! Operator precedence, and where a tree needs parentheses to be printed as itself.
//!
//! In: expressions. Out: the same expressions, wrapped in `Paren` where the grammar would
//! otherwise read them differently.
//!
//! PUC's parser reads `left op right` with a limit: an operator is taken when its left priority is
//! above the limit, and its right operand is read with its right priority as the limit. A binary
//! operand therefore needs no parentheses on the left of `op` when `op` would not be taken by the
//! operand's own right side, and none on the right when the operand's operator is above the limit.

use super::ast::*;

/// Limit with which a unary operator reads its operand.
pub const UNARY_PRIORITY: u8 = 12;

/// (left, right) priority.
pub fn priority(op: BinOp) -> (u8, u8) {
    match op {
        BinOp::Or => (1, 1),
        BinOp::And => (2, 2),
        BinOp::Eq | BinOp::Lt | BinOp::Le | BinOp::Ne | BinOp::Gt | BinOp::Ge => (3, 3),
        BinOp::BOr => (4, 4),
        BinOp::BXor => (5, 5),
        BinOp::BAnd => (6, 6),
        BinOp::Shl | BinOp::Shr => (7, 7),
        BinOp::Concat => (9, 8),
        BinOp::Add | BinOp::Sub => (10, 10),
        BinOp::Mul | BinOp::Div | BinOp::IDiv | BinOp::Mod => (11, 11),
        BinOp::Pow => (14, 13),
    }
}

/// Whether `left` would be read differently without parentheses before `op`.
pub fn left_needs_paren(op: BinOp, left: &Expr) -> bool {
    match &left.kind {
        ExprKind::Binary { op: inner, .. } => priority(op).0 > priority(*inner).1,
        ExprKind::Unary { .. } => priority(op).0 > UNARY_PRIORITY,
        _ => false,
    }
}

/// Whether `right` would be read differently without parentheses after `op`.
pub fn right_needs_paren(op: BinOp, right: &Expr) -> bool {
    match &right.kind {
        ExprKind::Binary { op: inner, .. } => priority(*inner).0 <= priority(op).1,
        _ => false,
    }
}

/// Whether the operand of a unary operator needs parentheses.
pub fn operand_needs_paren(operand: &Expr) -> bool {
    match &operand.kind {
        ExprKind::Binary { op, .. } => priority(*op).0 <= UNARY_PRIORITY,
        _ => false,
    }
}

/// Whether an expression that is called or indexed needs parentheses.
pub fn prefix_needs_paren(prefix: &Expr) -> bool {
    !matches!(
        prefix.kind,
        ExprKind::Name(_)
            | ExprKind::Index { .. }
            | ExprKind::Call { .. }
            | ExprKind::MethodCall { .. }
            | ExprKind::Paren(_)
    )
}

fn wrap_if(needed: bool, expr: Expr) -> Expr {
    if needed { Expr::paren(expr) } else { expr }
}

pub fn as_left_operand(op: BinOp, left: Expr) -> Expr {
    wrap_if(left_needs_paren(op, &left), left)
}

pub fn as_right_operand(op: BinOp, right: Expr) -> Expr {
    wrap_if(right_needs_paren(op, &right), right)
}

pub fn as_unary_operand(operand: Expr) -> Expr {
    wrap_if(operand_needs_paren(&operand), operand)
}

pub fn as_prefix(prefix: Expr) -> Expr {
    wrap_if(prefix_needs_paren(&prefix), prefix)
}
