//! Instrumentation of a template's source before it is compiled: limits and guards.
//!
//! minijinja limits the steps of a template (its fuel) and its recursion, but a step may double a
//! text, and a loop within one filter costs one step. So the result of each operation that may
//! exceed its inputs is passed to a guard, a filter that charges it to the rendering's
//! [`Budget`](super::budget). Operands of comparisons are passed to a filter that removes marks.
//!
//! Invariant: inserted text has no line breaks or blanks and wraps whole expressions, so that the
//! meaning of the template is unchanged.
//!
//! Does not do: running a template.

use std::collections::HashSet;

use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, ErrorKind};

use super::guards::{CHARACTERS, CHARGED, ITEM, LOOPED, PRODUCT, SLICED, UNMARKED};
use super::lists::{MUTABLE_LIST, are_changed_in};
use super::tags::{check_tags, without_generation};

/// Maximum size of a template, in bytes: ten times the longest known public one.
pub(super) const SOURCE_BYTES: usize = 256 * 1024;
/// Operators per guard in a chain such as `a + b + c + …`: guards nest, and the compiler allows 150
/// levels.
const GUARDED_LINK: usize = 16;

/// Inserts guards into `source`; also returns the names of its variables.
///
/// # Errors
/// If the source or a tag is too long, or it is not a valid template.
pub(super) fn guarded(
    source: &str,
    syntax: &SyntaxConfig,
) -> Result<(String, HashSet<String>), Error> {
    if source.len() > SOURCE_BYTES {
        return Err(refused(format!(
            "it has {} bytes, and at most {SOURCE_BYTES} are read",
            source.len()
        )));
    }
    let source = without_generation(source);
    check_tags(&source, syntax)?;
    let made = if are_changed_in(&source) { MUTABLE_LIST } else { CHARGED };
    let mut guards = Guards {
        source: &source,
        made,
        inserts: Vec::new(),
        is_of_several: false,
        names: HashSet::new(),
    };
    guards.statement(&parse(&source, super::NAME, syntax.clone())?);
    if guards.is_of_several {
        return Err(refused("it loads other templates or has blocks for them".to_owned()));
    }
    let names = std::mem::take(&mut guards.names);
    Ok((guards.written(), names))
}

pub(super) fn refused(reason: String) -> Error {
    Error::new(ErrorKind::SyntaxError, reason)
}

/// Filters that treat a text as the list of its characters.
const BY_CHARACTERS: [&str; 12] = [
    "join", "map", "max", "min", "reject", "select", "sort", "unique", "zip", "chain", "groupby",
    "random",
];

struct Guards<'a> {
    source: &'a str,
    /// Filter for created values.
    made: &'static str,
    /// Insertions: position, text, and number of bytes replaced.
    inserts: Vec<(usize, String, usize)>,
    /// Whether it refers to other templates, which do not exist here.
    is_of_several: bool,
    names: HashSet<String>,
}

impl Guards<'_> {
    fn written(mut self) -> String {
        // At one position, closing text comes before opening text, in order of insertion, which is
        // from the inside out; a replaced operator comes after the end of its left operand.
        self.inserts.sort_by_key(|(at, text, instead)| (*at, text == "(", *instead));
        let mut written = String::with_capacity(self.source.len() + 16 * self.inserts.len());
        let mut from = 0;
        for (at, text, instead) in &self.inserts {
            written.push_str(&self.source[from..*at]);
            written.push_str(text);
            from = *at + instead;
        }
        written + &self.source[from..]
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.inserts.push((at, text.into(), 0));
    }

    /// Wraps an expression that no postfix follows in `filter`.
    fn wrap(&mut self, expression: &ast::Expr<'_>, filter: &str) {
        self.insert(start(expression), "(");
        self.insert(end(expression), format!(")|{filter}"));
    }

    /// Wraps a call or a literal, which a postfix may follow.
    fn wrap_whole(&mut self, expression: &ast::Expr<'_>) {
        self.insert(start(expression), "(");
        self.insert(end(expression), format!("|{})", self.made));
    }

    fn statements(&mut self, statements: &[ast::Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) {
        match statement {
            ast::Stmt::Template(node) => self.statements(&node.children),
            ast::Stmt::EmitExpr(node) => self.expression(&node.expr),
            ast::Stmt::ForLoop(node) => {
                self.expression(&node.iter);
                let body = raw_bytes(&node.body);
                self.wrap(&node.iter, &format!("{LOOPED}({body})"));
                self.expressions(&node.filter_expr);
                self.statements(&node.body);
                self.statements(&node.else_body);
            }
            ast::Stmt::IfCond(node) => {
                self.expression(&node.expr);
                self.statements(&node.true_body);
                self.statements(&node.false_body);
            }
            ast::Stmt::WithBlock(node) => {
                self.expressions(node.assignments.iter().map(|(_, value)| value));
                self.statements(&node.body);
            }
            ast::Stmt::Set(node) => self.expression(&node.expr),
            ast::Stmt::SetBlock(node) => {
                self.expressions(&node.filter);
                self.statements(&node.body);
            }
            ast::Stmt::AutoEscape(node) => self.statements(&node.body),
            ast::Stmt::FilterBlock(node) => {
                self.expression(&node.filter);
                self.statements(&node.body);
            }
            ast::Stmt::Macro(node) => self.macro_body(node),
            ast::Stmt::CallBlock(node) => {
                self.arguments(&node.call.args);
                self.macro_body(&node.macro_decl);
            }
            ast::Stmt::Do(node) => self.arguments(&node.call.args),
            ast::Stmt::Block(_)
            | ast::Stmt::Import(_)
            | ast::Stmt::FromImport(_)
            | ast::Stmt::Extends(_)
            | ast::Stmt::Include(_) => self.is_of_several = true,
            ast::Stmt::EmitRaw(_) | ast::Stmt::Continue(_) | ast::Stmt::Break(_) => {}
        }
    }

    fn macro_body(&mut self, node: &ast::Macro<'_>) {
        self.expressions(&node.defaults);
        self.statements(&node.body);
    }

    fn expressions<'e>(&mut self, expressions: impl IntoIterator<Item = &'e ast::Expr<'e>>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    fn expression(&mut self, expression: &ast::Expr<'_>) {
        match expression {
            ast::Expr::Var(variable) => {
                self.names.insert(variable.id.to_owned());
            }
            ast::Expr::Const(_) => {}
            ast::Expr::Slice(node) => {
                self.expression(&node.expr);
                self.expressions(node.start.iter().chain(&node.stop).chain(&node.step));
                self.slice(expression, node);
            }
            ast::Expr::UnaryOp(node) => self.expression(&node.expr),
            ast::Expr::BinOp(_) => self.chain(expression),
            ast::Expr::Compare(node) => {
                self.compared(&node.expr);
                node.ops.iter().for_each(|op| self.compared(&op.expr));
            }
            ast::Expr::IfExpr(node) => {
                self.expressions([&node.test_expr, &node.true_expr]);
                self.expressions(&node.false_expr);
            }
            ast::Expr::Filter(node) => {
                self.expressions(&node.expr);
                if let Some(filtered) = &node.expr
                    && BY_CHARACTERS.contains(&node.name)
                {
                    self.wrap(filtered, CHARACTERS);
                }
                self.arguments(&node.args);
                self.insert(end(expression), format!("|{}", self.made));
            }
            ast::Expr::Test(node) => {
                if node.args.is_empty() {
                    return self.expression(&node.expr);
                }
                self.compared(&node.expr);
                for argument in &node.args {
                    match argument {
                        ast::CallArg::Pos(value) => self.compared(value),
                        other => self.arguments(std::slice::from_ref(other)),
                    }
                }
            }
            ast::Expr::GetAttr(node) => self.expression(&node.expr),
            ast::Expr::GetItem(node) => {
                self.expressions([&node.expr, &node.subscript_expr]);
                self.item(expression, node);
            }
            ast::Expr::Call(node) => {
                self.expression(&node.expr);
                self.arguments(&node.args);
                self.wrap_whole(expression);
            }
            ast::Expr::List(node) => self.literal(expression, node.items.iter()),
            ast::Expr::Tuple(node) => self.literal(expression, node.items.iter()),
            ast::Expr::Map(node) => {
                self.literal(expression, node.keys.iter().chain(&node.values));
            }
        }
    }

    /// Operators of one precedence level. A loop, since their tree is as deep as the chain is long.
    fn chain(&mut self, expression: &ast::Expr<'_>) {
        let (mut expression, mut links) = (expression, 0);
        while let ast::Expr::BinOp(node) = expression {
            match node.op {
                ast::BinOpKind::Eq
                | ast::BinOpKind::Ne
                | ast::BinOpKind::Lt
                | ast::BinOpKind::Lte
                | ast::BinOpKind::Gt
                | ast::BinOpKind::Gte
                | ast::BinOpKind::In => {
                    self.compared(&node.left);
                    return self.compared(&node.right);
                }
                _ => self.expression(&node.right),
            }
            match node.op {
                ast::BinOpKind::Mul => self.product(expression, node),
                ast::BinOpKind::Add | ast::BinOpKind::Concat => {
                    if links % GUARDED_LINK == 0 {
                        self.wrap(expression, self.made);
                    }
                    links += 1;
                }
                _ => {}
            }
            expression = &node.left;
        }
        self.expression(expression);
    }

    /// Replaces a product by a filter that charges it before it is computed.
    fn product(&mut self, product: &ast::Expr<'_>, node: &ast::BinOp<'_>) {
        let between = end(&node.left)..start(&node.right);
        let Some(sign) = self.source.get(between.clone()).and_then(|text| text.find('*')) else {
            return;
        };
        self.insert(start(product), "(");
        // Replaces the operator; brackets beside it belong to either operand.
        self.inserts.push((between.start + sign, format!(")|{PRODUCT}("), 1));
        self.insert(end(product), ")");
    }

    /// Replaces `x[a:b]` by a filter of `x`, in brackets since a postfix may follow.
    fn slice(&mut self, slice: &ast::Expr<'_>, node: &ast::Slice<'_>) {
        // Only brackets may stand between an expression and an operator.
        let source = self.source;
        let sign = |from: usize, signs: &[char]| {
            source.get(from..).and_then(|text| text.find(signs)).map(|at| from + at)
        };
        let after = |part: &Option<ast::Expr<'_>>, sign: usize| part.as_ref().map_or(sign + 1, end);
        let Some(open) = sign(end(&node.expr), &['[']) else { return };
        let Some(colon) = sign(after(&node.start, open), &[':']) else { return };
        let Some(mut close) = sign(after(&node.stop, colon), &[':', ']']) else { return };
        let comma = |part: &Option<ast::Expr<'_>>| if part.is_some() { "," } else { "none," };
        let mut last = &node.stop;
        if source[close..].starts_with(':') {
            self.inserts.push((close, comma(&node.stop).to_owned(), 1));
            last = &node.step;
            match sign(after(&node.step, close), &[']']) {
                Some(at) => close = at,
                None => return,
            }
        }
        self.insert(start(slice), "(");
        self.inserts.push((open, format!("|{SLICED}("), 1));
        self.inserts.push((colon, comma(&node.start).to_owned(), 1));
        let closed = if last.is_some() { ")" } else { "none)" };
        let made =
            if self.made == MUTABLE_LIST { format!("|{MUTABLE_LIST}") } else { String::new() };
        self.inserts.push((close, format!("{closed}{made})"), 1));
    }

    /// Replaces `x[a]` by a filter of `x`, unless `a` is a member name, which texts do not have.
    fn item(&mut self, item: &ast::Expr<'_>, node: &ast::GetItem<'_>) {
        if matches!(&node.subscript_expr, ast::Expr::Const(name) if name.value.as_str().is_some()) {
            return;
        }
        let source = self.source;
        let sign = |from: usize, sign: char| {
            source.get(from..).and_then(|text| text.find(sign)).map(|at| from + at)
        };
        let Some(open) = sign(end(&node.expr), '[') else { return };
        let Some(close) = sign(end(&node.subscript_expr), ']') else { return };
        self.insert(start(item), "(");
        self.inserts.push((open, format!("|{ITEM}("), 1));
        self.inserts.push((close, "))".to_owned(), 1));
    }

    fn compared(&mut self, operand: &ast::Expr<'_>) {
        self.expression(operand);
        if !matches!(operand, ast::Expr::Const(_)) {
            self.wrap(operand, UNMARKED);
        }
    }

    fn literal<'e>(
        &mut self,
        literal: &ast::Expr<'_>,
        items: impl Iterator<Item = &'e ast::Expr<'e>>,
    ) {
        let mut holds_values = false;
        for item in items {
            holds_values |= !matches!(item, ast::Expr::Const(_));
            self.expression(item);
        }
        // A tuple without brackets is skipped: a guard would apply to its last item only.
        let opens = self.source[start(literal)..].starts_with(['[', '{', '(']);
        if (holds_values || self.made == MUTABLE_LIST) && opens {
            self.wrap_whole(literal);
        }
    }
}

/// Start of an expression. The span of a postfix expression covers only its last part.
fn start(expression: &ast::Expr<'_>) -> usize {
    let mut expression = expression;
    loop {
        expression = match expression {
            ast::Expr::GetAttr(node) => &node.expr,
            ast::Expr::GetItem(node) => &node.expr,
            ast::Expr::Slice(node) => &node.expr,
            ast::Expr::Call(node) => &node.expr,
            ast::Expr::Test(node) => &node.expr,
            ast::Expr::IfExpr(node) => &node.true_expr,
            ast::Expr::Filter(node) if let Some(filtered) = &node.expr => filtered,
            other => return other.span().start_offset as usize,
        }
    }
}

fn end(expression: &ast::Expr<'_>) -> usize {
    expression.span().end_offset as usize
}

/// Bytes of fixed text in `statements`, without nested loops.
fn raw_bytes(statements: &[ast::Stmt<'_>]) -> usize {
    let bytes = |statement: &ast::Stmt<'_>| match statement {
        ast::Stmt::EmitRaw(node) => node.raw.len(),
        ast::Stmt::IfCond(node) => raw_bytes(&node.true_body) + raw_bytes(&node.false_body),
        ast::Stmt::WithBlock(node) => raw_bytes(&node.body),
        ast::Stmt::SetBlock(node) => raw_bytes(&node.body),
        ast::Stmt::FilterBlock(node) => raw_bytes(&node.body),
        _ => 0,
    };
    statements.iter().map(bytes).sum()
}
