//! AST -> Lua source as a person would write it.
//!
//! In: any tree. Out: text with `parse(print(tree)) == tree`, when the tree keeps the invariants
//! that [`ast`](super::ast) lists; parentheses that such a tree lacks are added.
//!
//! Indentation is two spaces; short tables, functions and jumps stay on one line. Strings keep
//! valid UTF-8 and escape the rest; floats are the shortest decimals that read back the same.
//!
//! Limits: a literal that Lua cannot write (a negative or NaN float) is printed as an expression of
//! the same value, so it reads back as that expression.
//!
//! - `expr` expressions and literals

mod expr;

use super::ast::*;
use super::precedence::prefix_needs_paren;

/// Wider tables and functions are broken over lines.
const INLINE_WIDTH: usize = 72;

pub fn print(chunk: &Chunk) -> String {
    print_block(&chunk.body)
}

/// The statements of a block, one a line, not indented.
pub fn print_block(block: &Block) -> String {
    let mut printer = Printer::default();
    printer.stats(&block.stats);
    printer.out
}

pub fn print_stat(stat: &Stat) -> String {
    let mut printer = Printer::default();
    printer.stat(stat);
    printer.out
}

pub fn print_expr(expr: &Expr) -> String {
    let mut printer = Printer::default();
    printer.expr(expr);
    printer.out
}

#[derive(Default)]
struct Printer {
    out: String,
    depth: usize,
}

/// Prints `items` with `each`, a comma between.
macro_rules! comma_separated {
    ($printer:expr, $items:expr, |$item:pat_param| $each:expr) => {
        for (i, $item) in $items.iter().enumerate() {
            if i > 0 {
                $printer.put(", ");
            }
            $each;
        }
    };
}
use comma_separated;

impl Printer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn put_name(&mut self, name: &Str) {
        self.put(&String::from_utf8_lossy(name));
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.indent();
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn stats(&mut self, stats: &[Stat]) {
        let mut previous: Option<&Stat> = None;
        for stat in stats {
            if let Some(previous) = previous
                && self.depth == 0
                && (is_definition(previous) || is_definition(stat))
            {
                self.out.push('\n');
            }
            self.indent();
            if previous.is_some_and(may_be_called) && starts_with_paren(stat) {
                self.put(";");
            }
            self.stat(stat);
            self.out.push('\n');
            previous = Some(stat);
        }
    }

    /// A block's lines, after what opens it and before what closes it.
    fn block(&mut self, block: &Block) {
        self.out.push('\n');
        self.depth += 1;
        self.stats(&block.stats);
        self.depth -= 1;
        self.indent();
    }

    fn stat(&mut self, stat: &Stat) {
        match &stat.kind {
            StatKind::Empty => self.put(";"),
            StatKind::Local { names, values } => self.local(names, values),
            StatKind::LocalFunction { name, body } => {
                self.put("local function ");
                self.put_name(name);
                self.function(body);
            }
            StatKind::Function { name, body } => {
                self.put("function ");
                self.function_name(name);
                self.function(body);
            }
            StatKind::Assign { targets, values } => {
                self.exprs(targets);
                self.put(" = ");
                self.exprs(values);
            }
            StatKind::Call(call) => self.expr(call),
            StatKind::Do(body) => {
                self.put("do");
                self.block(body);
                self.put("end");
            }
            StatKind::While { cond, body } => {
                self.put("while ");
                self.expr(cond);
                self.loop_body(body);
            }
            StatKind::Repeat { body, cond } => {
                self.put("repeat");
                self.block(body);
                self.put("until ");
                self.expr(cond);
            }
            StatKind::If { arms, orelse } => self.if_stat(arms, orelse.as_ref()),
            StatKind::NumericFor(numeric) => self.numeric_for(numeric),
            StatKind::GenericFor(generic) => self.generic_for(generic),
            StatKind::Goto(label) => {
                self.put("goto ");
                self.put_name(label);
            }
            StatKind::Label(label) => {
                self.put("::");
                self.put_name(label);
                self.put("::");
            }
            StatKind::Break => self.put("break"),
            StatKind::Return(values) => {
                self.put("return");
                if !values.is_empty() {
                    self.put(" ");
                    self.exprs(values);
                }
            }
        }
    }

    fn local(&mut self, names: &[LocalName], values: &[Expr]) {
        self.put("local ");
        comma_separated!(self, names, |local| {
            self.put_name(&local.name);
            match local.attrib {
                Some(Attrib::Const) => self.put(" <const>"),
                Some(Attrib::Close) => self.put(" <close>"),
                None => {}
            }
        });
        if !values.is_empty() {
            self.put(" = ");
            self.exprs(values);
        }
    }

    fn function_name(&mut self, name: &FunctionName) {
        self.put_name(&name.base.text);
        for field in &name.path {
            self.put(".");
            self.put_name(&field.text);
        }
        if let Some(method) = &name.method {
            self.put(":");
            self.put_name(&method.text);
        }
    }

    fn if_stat(&mut self, arms: &[Arm], orelse: Option<&Block>) {
        for (i, arm) in arms.iter().enumerate() {
            self.put(if i == 0 { "if " } else { "elseif " });
            self.expr(&arm.cond);
            self.put(" then");
            if let ([only], [stat], None) = (arms, &arm.body.stats[..], orelse)
                && is_short_jump(&only.cond, stat)
            {
                self.put(" ");
                self.stat(stat);
                self.put(" end");
                return;
            }
            self.block(&arm.body);
        }
        if let Some(body) = orelse {
            self.put("else");
            self.block(body);
        }
        self.put("end");
    }

    fn loop_body(&mut self, body: &Block) {
        self.put(" do");
        self.block(body);
        self.put("end");
    }

    fn numeric_for(&mut self, numeric: &NumericFor) {
        self.put("for ");
        self.put_name(&numeric.var);
        self.put(" = ");
        self.expr(&numeric.start);
        self.put(", ");
        self.expr(&numeric.limit);
        if let Some(step) = &numeric.step {
            self.put(", ");
            self.expr(step);
        }
        self.loop_body(&numeric.body);
    }

    fn generic_for(&mut self, generic: &GenericFor) {
        self.put("for ");
        comma_separated!(self, generic.names, |name| self.put_name(name));
        self.put(" in ");
        self.exprs(&generic.values);
        self.loop_body(&generic.body);
    }

    /// Parameters and body.
    fn function(&mut self, function: &Function) {
        self.put("(");
        comma_separated!(self, function.params, |param| self.put_name(param));
        if function.vararg {
            self.put(if function.params.is_empty() { "..." } else { ", ..." });
        }
        self.put(")");
        match &function.body.stats[..] {
            [] => self.put(" end"),
            [Stat { kind: StatKind::Return(values), .. }]
                if expr::fit(values, INLINE_WIDTH / 2) =>
            {
                self.put(" ");
                self.stat(&function.body.stats[0]);
                self.put(" end");
            }
            _ => {
                self.block(&function.body);
                self.put("end");
            }
        }
    }
}

fn is_definition(stat: &Stat) -> bool {
    matches!(stat.kind, StatKind::Function { .. } | StatKind::LocalFunction { .. })
}

/// `if cond then break end` and the like, on one line.
fn is_short_jump(cond: &Expr, stat: &Stat) -> bool {
    let values: &[Expr] = match &stat.kind {
        StatKind::Break | StatKind::Goto(_) => &[],
        StatKind::Return(values) => values,
        _ => return false,
    };
    expr::fit(std::iter::once(cond).chain(values), INLINE_WIDTH)
}

/// Whether a `(` on the next line would be read as a call of the statement's last expression.
fn may_be_called(stat: &Stat) -> bool {
    match &stat.kind {
        StatKind::Local { values, .. } => !values.is_empty(),
        StatKind::Assign { .. } | StatKind::Call(_) | StatKind::Repeat { .. } => true,
        _ => false,
    }
}

fn starts_with_paren(stat: &Stat) -> bool {
    let mut expr = match &stat.kind {
        StatKind::Call(call) => call,
        StatKind::Assign { targets, .. } => match targets.first() {
            Some(target) => target,
            None => return false,
        },
        _ => return false,
    };
    loop {
        expr = match &expr.kind {
            ExprKind::Index { object: inner, .. }
            | ExprKind::Call { callee: inner, .. }
            | ExprKind::MethodCall { object: inner, .. } => inner,
            ExprKind::Paren(_) => return true,
            _ => return prefix_needs_paren(expr),
        };
    }
}
