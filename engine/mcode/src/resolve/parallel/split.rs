//! The body of a `parallel for` in two parts: what an iteration does by itself, and the updates that are made when all are
//! through.

use super::uses::{Role, Uses, operands};
use crate::ast::{
    Argument, BinaryOperator, Binding, Block, Comparison, Expr, ExprKind, Function, Ident, IndexSyntax, Name, Param,
    Statement, StatementKind,
};
use crate::resolve::scope::root_name;
use crate::source::ByteSpan;

/// The variable with what every iteration noted. No program can write these names.
pub(super) const RESULTS: &str = "the notes of all iterations";
/// In an iteration: the list of what it noted. Behind the loop: the list of one iteration.
pub(super) const NOTES: &str = "the notes";
/// One note: the number of the update and the values that it needs.
pub(super) const NOTE: &str = "a note";

/// How an iteration is called where code is printed.
const ITERATION: &str = "an iteration of a `parallel for`";

/// The two parts.
pub(super) struct Split {
    /// A function of the item that gives what the iteration noted.
    pub(super) iteration: Function,
    /// Goes over [`RESULTS`] and makes the updates.
    pub(super) replay: Block,
}

/// Splits a body whose `uses` are known; `changed` are the variables whose changes are seen outside.
pub(super) fn split(variable: &Ident, body: &Block, uses: &Uses, changed: &[Name], span: ByteSpan) -> Split {
    let mut splitter = Splitter { uses, changed, updates: Vec::new(), depth: 0, span };
    let mut block = vec![statement(bind(NOTES, expr(ExprKind::List(Vec::new()), span), span), span)];
    splitter.keep(&variable.name, span, &mut block);
    splitter.block(body, &mut block);
    block.push(returned(span));
    let iteration = Function {
        name: Some(Ident { name: ITERATION.into(), span }),
        params: vec![Param { name: variable.clone(), annotation: None, default: None }],
        returns: None,
        body: block,
        attributes: Vec::new(),
        head: ByteSpan::default(),
    };
    Split { iteration, replay: splitter.replay() }
}

struct Splitter<'a> {
    uses: &'a Uses,
    changed: &'a [Name],
    /// The updates by number; their operands are read from [`NOTE`].
    updates: Vec<Statement>,
    /// Loops of the body around the statement.
    depth: usize,
    span: ByteSpan,
}

impl Splitter<'_> {
    fn block(&mut self, block: &Block, to: &mut Block) {
        block.iter().for_each(|statement| self.statement(statement, to));
    }

    fn nested(&mut self, block: &Block) -> Block {
        let mut nested = Vec::with_capacity(block.len());
        self.block(block, &mut nested);
        nested
    }

    fn looped(&mut self, block: &Block) -> Block {
        self.depth += 1;
        let body = self.nested(block);
        self.depth -= 1;
        body
    }

    fn statement(&mut self, written: &Statement, to: &mut Block) {
        let span = written.span;
        let kind = match &written.kind {
            StatementKind::Bind { name, value, .. } if self.is_updated(&name.name) => {
                let Some(rest) = operands(&name.name, value) else { return to.push(written.clone()) };
                let mut note = self.note();
                let value = replaced(value, &rest, &mut note);
                let bound = bind_ident(name.clone(), value);
                return self.update(bound, note, span, to);
            }
            StatementKind::Assign { target, value } if self.is_updated_part(target) => {
                let mut note = self.note();
                let value = note.put(value);
                let target = note.path(target);
                return self.update(StatementKind::Assign { target, value }, note, span, to);
            }
            StatementKind::Update { target, operator, value } if self.is_updated_part(target) => {
                let mut note = self.note();
                let value = note.put(value);
                let target = note.path(target);
                return self.update(StatementKind::Update { target, operator: *operator, value }, note, span, to);
            }
            StatementKind::If { branches, otherwise } => StatementKind::If {
                branches: branches.iter().map(|(condition, block)| (condition.clone(), self.nested(block))).collect(),
                otherwise: otherwise.as_ref().map(|block| self.nested(block)),
            },
            StatementKind::While { condition, body } => {
                StatementKind::While { condition: condition.clone(), body: self.looped(body) }
            }
            StatementKind::For { name, iterable, body, .. } => {
                let mut inner = Vec::new();
                self.depth += 1;
                self.keep(&name.name, span, &mut inner);
                self.block(body, &mut inner);
                self.depth -= 1;
                // Everything runs in order inside an iteration.
                StatementKind::For { parallel: false, name: name.clone(), iterable: iterable.clone(), body: inner }
            }
            StatementKind::Continue if self.depth == 0 => return to.push(returned(span)),
            other => other.clone(),
        };
        let own = changed_name(&kind);
        to.push(statement(kind, span));
        if let Some(name) = own {
            self.keep(&name, span, to);
        }
    }

    /// Notes the value of a variable of the iteration's own that is seen outside.
    fn keep(&mut self, name: &Name, span: ByteSpan, to: &mut Block) {
        if self.changed.contains(name) && self.uses.role(name) == Some(Role::Own) {
            let mut note = self.note();
            let value = note.put(&expr(ExprKind::Name(name.clone()), span));
            self.update(bind_ident(Ident { name: name.clone(), span }, value), note, span, to);
        }
    }

    fn note(&self) -> Note {
        let number = i64::try_from(self.updates.len()).unwrap_or(i64::MAX);
        Note { values: vec![expr(ExprKind::Int(number), self.span)] }
    }

    fn update(&mut self, update: StatementKind, note: Note, span: ByteSpan, to: &mut Block) {
        self.updates.push(statement(update, span));
        to.push(statement(StatementKind::Note { values: note.values }, span));
    }

    fn is_updated(&self, name: &Name) -> bool {
        self.uses.role(name) == Some(Role::Updated)
    }

    fn is_updated_part(&self, target: &Expr) -> bool {
        root_name(target).is_some_and(|name| self.is_updated(&name))
    }

    /// `for notes in results … for note in notes … if note[0] == 0 … elseif …`
    fn replay(self) -> Block {
        let span = self.span;
        let number = |at: usize| expr(ExprKind::Int(i64::try_from(at).unwrap_or(i64::MAX)), span);
        let branches: Vec<(Expr, Block)> = (self.updates.into_iter().enumerate())
            .map(|(at, update)| {
                let compared = vec![element(0, span), number(at)];
                (expr(ExprKind::Compare(compared, vec![Comparison::Equal]), span), vec![update])
            })
            .collect();
        if branches.is_empty() {
            return Vec::new();
        }
        let chosen = statement(StatementKind::If { branches, otherwise: None }, span);
        let inner = over(NOTE, NOTES, vec![chosen], span);
        vec![over(NOTES, RESULTS, vec![inner], span)]
    }
}

/// The values of one note while they are gathered.
struct Note {
    values: Vec<Expr>,
}

impl Note {
    /// Adds a value and gives the expression that reads it behind the loop; literals stay what they are.
    fn put(&mut self, value: &Expr) -> Expr {
        match value.kind {
            ExprKind::Int(_) | ExprKind::Scalar(_) | ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::None => {
                value.clone()
            }
            _ => {
                self.values.push(value.clone());
                element(self.values.len() - 1, value.span)
            }
        }
    }

    /// The same for the indices of what is assigned to.
    fn path(&mut self, target: &Expr) -> Expr {
        let kind = match &target.kind {
            ExprKind::Index(inner, axes) => {
                let inner = self.path(inner);
                ExprKind::Index(Box::new(inner), axes.iter().map(|axis| self.axis(axis)).collect())
            }
            ExprKind::Field(inner, name) => ExprKind::Field(Box::new(self.path(inner)), name.clone()),
            ExprKind::Paren(inner) => return self.path(inner),
            other => other.clone(),
        };
        expr(kind, target.span)
    }

    fn axis(&mut self, axis: &IndexSyntax) -> IndexSyntax {
        let mut put = |e: &Expr| self.put(e);
        match axis {
            IndexSyntax::All => IndexSyntax::All,
            IndexSyntax::Expr(Expr { kind: ExprKind::Range { start, end, closed, step }, span, .. }) => {
                let (start, end) = (Box::new(put(start)), Box::new(put(end)));
                let step = step.as_ref().map(|e| Box::new(put(e)));
                IndexSyntax::Expr(expr(ExprKind::Range { start, end, closed: *closed, step }, *span))
            }
            IndexSyntax::Expr(e) => IndexSyntax::Expr(put(e)),
            IndexSyntax::Open { start, end, closed, step } => IndexSyntax::Open {
                start: start.as_ref().map(&mut put),
                end: end.as_ref().map(&mut put),
                closed: *closed,
                step: step.as_ref().map(&mut put),
            },
        }
    }
}

/// An update's value with its operands read from the note.
fn replaced(value: &Expr, operands: &[&Expr], note: &mut Note) -> Expr {
    let mut put = |e: &Expr| if operands.iter().any(|o| std::ptr::eq(*o, e)) { note.put(e) } else { e.clone() };
    let kind = match &value.kind {
        ExprKind::Binary(operator, a, b) => {
            let operator: BinaryOperator = *operator;
            ExprKind::Binary(operator, Box::new(put(a)), Box::new(put(b)))
        }
        ExprKind::Call(callee, arguments) => {
            let arguments = arguments.iter().map(|a| Argument { name: a.name.clone(), value: put(&a.value) }).collect();
            ExprKind::Call(callee.clone(), arguments)
        }
        other => other.clone(),
    };
    expr(kind, value.span)
}

/// The variable whose value a statement that was kept has changed.
fn changed_name(kind: &StatementKind) -> Option<Name> {
    match kind {
        StatementKind::Bind { name, .. } => Some(name.name.clone()),
        StatementKind::Assign { target, .. } | StatementKind::Update { target, .. } => root_name(target),
        StatementKind::Function(function) => function.name.as_ref().map(|name| name.name.clone()),
        _ => None,
    }
}

fn statement(kind: StatementKind, span: ByteSpan) -> Statement {
    Statement { kind, span }
}

fn expr(kind: ExprKind, span: ByteSpan) -> Expr {
    // Nothing asks how high a tree is once it has been parsed.
    Expr { kind, span, height: 1 }
}

fn named(name: &str, span: ByteSpan) -> Expr {
    expr(ExprKind::Name(name.into()), span)
}

/// The value at a place of [`NOTE`].
fn element(at: usize, span: ByteSpan) -> Expr {
    let index = expr(ExprKind::Int(i64::try_from(at).unwrap_or(i64::MAX)), span);
    expr(ExprKind::Index(Box::new(named(NOTE, span)), vec![IndexSyntax::Expr(index)]), span)
}

fn bind(name: &str, value: Expr, span: ByteSpan) -> StatementKind {
    bind_ident(Ident { name: name.into(), span }, value)
}

fn bind_ident(name: Ident, value: Expr) -> StatementKind {
    StatementKind::Bind { binding: Binding::Assign, name, annotation: None, value }
}

/// `return notes`
fn returned(span: ByteSpan) -> Statement {
    statement(StatementKind::Return(Some(named(NOTES, span))), span)
}

fn over(name: &str, iterable: &str, body: Block, span: ByteSpan) -> Statement {
    let name = Ident { name: name.into(), span };
    statement(StatementKind::For { parallel: false, name, iterable: named(iterable, span), body }, span)
}
