//! Expressions of the syntax tree -> descriptions.
//!
//! Chains that lean to the left (`a + b + c`, `a.b.c(d)`) are walked with a loop: their length is not
//! bounded by the parser's nesting limit.

use super::super::opcode::{FIELDS_PER_FLUSH, Instruction, MAX_C, Op};
use super::expdesc::{ExpDesc, Kind};
use super::{Compiler, Res};
use crate::syntax::ast::{Expr, ExprKind, Field, Line};

impl<'a> Compiler<'a> {
    pub(super) fn expression(&mut self, expr: &'a Expr) -> Res<ExpDesc<'a>> {
        let outside = self.spine.len();
        let mut head = expr;
        while let Some(left) = leftmost_child(head) {
            self.spine.push(head);
            head = left;
        }
        let mut e = self.head(head)?;
        self.reach(head.end)?;
        while self.spine.len() > outside
            && let Some(node) = self.spine.pop()
        {
            self.extend(&mut e, node)?;
            self.reach(node.end)?;
        }
        Ok(e)
    }

    /// An expression that does not start with another one (parentheses excepted).
    fn head(&mut self, expr: &'a Expr) -> Res<ExpDesc<'a>> {
        Ok(match &expr.kind {
            ExprKind::Nil => Kind::Nil.into(),
            ExprKind::True => Kind::True.into(),
            ExprKind::False => Kind::False.into(),
            ExprKind::Int(value) => Kind::Int(*value).into(),
            ExprKind::Float(value) => Kind::Float(value.0).into(),
            ExprKind::Str(value) => Kind::Str(value).into(),
            ExprKind::Vararg => {
                self.reach(expr.line)?;
                Kind::Vararg(self.emit(Instruction::abc(Op::VarArg, 0, 0, 1))).into()
            }
            ExprKind::Function(function) => self.function(function, false)?,
            ExprKind::Name(name) => {
                self.reach(expr.end)?;
                self.variable(name)?
            }
            ExprKind::Table(fields) => self.table(expr, fields)?,
            ExprKind::Unary { op, operand } => {
                let mut e = self.expression(operand)?;
                self.unary(*op, &mut e, expr.line.number)?;
                e
            }
            ExprKind::Paren(inner) => {
                let mut e = self.expression(inner)?;
                self.reach(expr.end)?;
                self.discharge(&mut e);
                e
            }
            ExprKind::Index { .. }
            | ExprKind::Call { .. }
            | ExprKind::MethodCall { .. }
            | ExprKind::Binary { .. } => unreachable!("these start with another expression"),
        })
    }

    /// Continues the leftmost child of `node`, described by `e`, to the whole of `node`.
    fn extend(&mut self, e: &mut ExpDesc<'a>, node: &'a Expr) -> Res {
        match &node.kind {
            ExprKind::Index { key, .. } => {
                self.place_or_upvalue(e)?;
                let mut key = self.expression(key)?;
                self.settle(&mut key)?;
                self.reach(node.end)?;
                self.index(e, key)
            }
            ExprKind::Call { args, .. } => {
                self.place_next(e)?;
                self.call(e, args, node)
            }
            ExprKind::MethodCall { name, args, .. } => {
                self.reach(name.line)?;
                self.method(e, &name.text)?;
                self.call(e, args, node)
            }
            ExprKind::Binary { op, right, .. } => {
                self.reach(node.line)?;
                self.infix(*op, e)?;
                let right = self.expression(right)?;
                self.postfix(*op, e, right, node.line.number)
            }
            _ => unreachable!("this node has no leftmost child"),
        }
    }

    /// A call of the function that `e` holds in a register (a method's `self` is in the next one).
    fn call(&mut self, e: &mut ExpDesc<'a>, args: &'a [Expr], node: &'a Expr) -> Res {
        let Kind::Fixed(base) = e.kind else { unreachable!("a called function is in a register") };
        let (_, mut last) = self.expression_list(args)?;
        let b = if last.is_multi() {
            self.set_results(&last, None)?;
            self.reach(node.end)?;
            0
        } else {
            self.reach(node.end)?;
            if !matches!(last.kind, Kind::Void) {
                self.place_next(&mut last)?;
            }
            self.f.free_register - base
        };
        *e = Kind::Call(self.emit(Instruction::abc(Op::Call, base, b, 2))).into();
        self.f.fix_line(node.line.number);
        self.f.free_register = base + 1;
        Ok(())
    }

    /// Compiles a list: all but the last go to registers; gives their number and the last one.
    pub(super) fn expression_list(&mut self, list: &'a [Expr]) -> Res<(u32, ExpDesc<'a>)> {
        let Some((last, init)) = list.split_last() else {
            return Ok((0, Kind::Void.into()));
        };
        for expr in init {
            let mut e = self.expression(expr)?;
            self.reach(expr.sep)?;
            self.place_next(&mut e)?;
        }
        Ok((list.len() as u32, self.expression(last)?))
    }

    // Table constructors.

    fn table(&mut self, node: &'a Expr, fields: &'a [Field]) -> Res<ExpDesc<'a>> {
        self.reach(node.line)?;
        let pc = self.emit(Instruction::abc(Op::NewTable, 0, 0, 0));
        // Place of the extra argument; the size is known at the end.
        self.emit(Instruction::from_ax(Op::ExtraArg, 0));
        let table = self.f.free_register;
        self.f.reserve_registers(1)?;
        let mut items = Items { table, stored: 0, pending: 0, last: Kind::Void.into() };
        let mut pairs = 0;
        for field in fields {
            self.close_item(&mut items)?;
            match field {
                Field::Item(value) => {
                    items.last = self.expression(value)?;
                    items.pending += 1;
                }
                Field::Pair { key, eq_line, value } => {
                    self.pair(table, key, *eq_line, value)?;
                    pairs += 1;
                }
            }
            self.reach(field.value().sep)?;
        }
        self.reach(node.end)?;
        self.close_last_item(&mut items)?;
        self.set_table_size(pc, table, items.stored, pairs);
        Ok(Kind::Fixed(table).into())
    }

    fn pair(&mut self, table: u32, key: &'a Expr, eq_line: Line, value: &'a Expr) -> Res {
        let free = self.f.free_register;
        let mut key = self.expression(key)?;
        self.settle(&mut key)?;
        self.reach(eq_line)?;
        let mut field = Kind::Fixed(table).into();
        self.index(&mut field, key)?;
        let mut value = self.expression(value)?;
        self.store(&field, &mut value)?;
        self.f.free_register = free;
        Ok(())
    }

    /// Puts the last item into its register, and the items into the table when enough are pending.
    fn close_item(&mut self, items: &mut Items<'a>) -> Res {
        if matches!(items.last.kind, Kind::Void) {
            return Ok(());
        }
        self.place_next(&mut items.last)?;
        items.last = Kind::Void.into();
        if items.pending == FIELDS_PER_FLUSH {
            self.set_list(items.table, items.stored, items.pending);
            items.stored += items.pending;
            items.pending = 0;
        }
        Ok(())
    }

    /// Stores what is pending at the end of the constructor.
    fn close_last_item(&mut self, items: &mut Items<'a>) -> Res {
        if items.pending == 0 {
            return Ok(());
        }
        if items.last.is_multi() {
            self.set_results(&items.last, None)?;
            self.set_list(items.table, items.stored, 0);
            // The size of the table does not count the open item.
            items.pending -= 1;
        } else {
            if !matches!(items.last.kind, Kind::Void) {
                self.place_next(&mut items.last)?;
            }
            self.set_list(items.table, items.stored, items.pending);
        }
        items.stored += items.pending;
        Ok(())
    }

    /// Stores `count` values (0: up to the top) after the first `stored` items.
    fn set_list(&mut self, table: u32, stored: u32, count: u32) {
        let (extra, low) = (stored / (MAX_C + 1), stored % (MAX_C + 1));
        self.emit(Instruction::abck(Op::SetList, table, count, low, extra > 0));
        if extra > 0 {
            self.emit(Instruction::from_ax(Op::ExtraArg, extra));
        }
        self.f.free_register = table + 1;
    }

    fn set_table_size(&mut self, pc: u32, table: u32, items: u32, pairs: u32) {
        let hash_size = if pairs == 0 { 0 } else { pairs.next_power_of_two().ilog2() + 1 };
        let (extra, low) = (items / (MAX_C + 1), items % (MAX_C + 1));
        *self.f.instruction(pc) = Instruction::abck(Op::NewTable, table, hash_size, low, extra > 0);
        *self.f.instruction(pc + 1) = Instruction::from_ax(Op::ExtraArg, extra);
    }
}

/// Items of a constructor that are not in the table yet.
struct Items<'a> {
    table: u32,
    stored: u32,
    /// Items in registers, the last one included.
    pending: u32,
    last: ExpDesc<'a>,
}

/// The subexpression that the source text of this one starts with, outside parentheses.
fn leftmost_child(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Index { object, .. } | ExprKind::MethodCall { object, .. } => Some(object),
        ExprKind::Call { callee, .. } => Some(callee),
        ExprKind::Binary { left, .. } => Some(left),
        _ => None,
    }
}
