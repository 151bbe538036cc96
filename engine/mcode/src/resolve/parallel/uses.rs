//! What the body of a `parallel for` does with each variable, and whether its iterations are independent.
//!
//! The body is read once in the order in which it runs, branches one by one, with the variables that certainly have a
//! value of this iteration (definite assignment). A variable that it assigns is either the iteration's own (it has a new
//! value before it is read) or is only updated; anything else carries a value from one iteration to the next.

use std::collections::{BTreeMap, BTreeSet};

use super::mentions::{axis_parts, in_expression, in_function, is_mentioned, parts};
use crate::ast::{Block, Expr, ExprKind, Ident, IndexSyntax, Name, Statement, StatementKind};
use crate::resolve::scope::root_name;
use crate::source::ByteSpan;

/// Why iterations must run in order.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// A variable is read where it holds what another iteration wrote.
    Carried { name: Name, place: ByteSpan },
    /// Something that has no copy: a `spawn`, a `when`, a declared dimension.
    Other,
}

/// What a variable is to an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It gets a value in the iteration before it is read there.
    Own,
    /// It is changed by updates, and read nowhere else.
    Updated,
}

/// The variables that a body assigns.
#[derive(Debug, Default)]
pub(super) struct Uses {
    roles: BTreeMap<Name, Role>,
}

impl Uses {
    /// What a variable that the body assigns is to it.
    pub(super) fn role(&self, name: &Name) -> Option<Role> {
        self.roles.get(name).copied()
    }

    /// The variables whose changes are seen outside the loop; of the iteration's own those that `lives_on` says.
    pub(super) fn changed(&self, lives_on: impl Fn(&Name) -> bool) -> impl Iterator<Item = &Name> {
        let seen = move |(name, role): &(&Name, &Role)| **role == Role::Updated || lives_on(name);
        self.roles.iter().filter(seen).map(|(name, _)| name)
    }
}

/// Looks at the body of `for variable in iterable`.
pub(super) fn uses(variable: &Ident, iterable: &Expr, body: &Block) -> Result<Uses, Obstacle> {
    let mut reader = Reader {
        variable: &variable.name,
        distinct: is_distinct(iterable),
        set: BTreeSet::from([variable.name.clone()]),
        seen: BTreeMap::new(),
        callees: BTreeSet::new(),
        other: false,
    };
    reader.seen.entry(variable.name.clone()).or_default().whole = true;
    reader.block(body);
    if reader.other {
        return Err(Obstacle::Other);
    }
    let mut roles = BTreeMap::new();
    for (name, seen) in reader.seen.into_iter().filter(|(_, seen)| seen.whole || seen.updated.is_some()) {
        if let Some(place) = seen.carried() {
            return Err(Obstacle::Carried { name, place });
        }
        roles.insert(name, if seen.updated.is_some() { Role::Updated } else { Role::Own });
    }
    // What is called when the updates are made must mean the same there.
    if reader.callees.iter().any(|name| roles.contains_key(name)) {
        return Err(Obstacle::Other);
    }
    Ok(Uses { roles })
}

/// Whether the items are indices that are never the same element: whole numbers from 0 or above, each once.
fn is_distinct(iterable: &Expr) -> bool {
    let natural = |e: &Expr, least| matches!(e.kind, ExprKind::Int(value) if value >= least);
    match &iterable.kind {
        ExprKind::Range { start, step, .. } => natural(start, 0) && step.as_ref().is_none_or(|e| natural(e, 1)),
        ExprKind::Paren(inner) => is_distinct(inner),
        _ => false,
    }
}

/// What was seen of one variable.
#[derive(Debug, Default)]
struct Seen {
    /// It was given a value as a whole.
    whole: bool,
    /// Where it was updated without a value of this iteration.
    updated: Option<ByteSpan>,
    /// An element was updated that need not be the iteration's own.
    foreign: bool,
    /// Where it was read without a value of this iteration: as a whole, or at an element that another may write.
    read: Option<ByteSpan>,
    /// Where its own element was read, before any update.
    own_read: Option<ByteSpan>,
}

impl Seen {
    /// Where it has a value that another iteration may have given it.
    fn carried(&self) -> Option<ByteSpan> {
        match (self.whole, self.updated) {
            (true, updated) => self.read.or(self.own_read).or(updated),
            (false, Some(_)) => self.read.or(self.own_read.filter(|_| self.foreign)),
            (false, None) => None,
        }
    }
}

struct Reader<'a> {
    variable: &'a Name,
    distinct: bool,
    /// Variables that certainly have a value of this iteration.
    set: BTreeSet<Name>,
    seen: BTreeMap<Name, Seen>,
    /// Functions that are called in updates.
    callees: BTreeSet<Name>,
    other: bool,
}

impl Reader<'_> {
    fn block(&mut self, block: &Block) {
        block.iter().for_each(|statement| self.statement(statement));
    }

    /// A block that may not run, or not from its beginning to its end.
    fn branch(&mut self, block: &Block) -> BTreeSet<Name> {
        let before = self.set.clone();
        self.block(block);
        std::mem::replace(&mut self.set, before)
    }

    /// The body of a loop: what its end does is before its beginning, too.
    fn repeated(&mut self, block: &Block) {
        self.branch(block);
        self.branch(block);
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Bind { name, value, annotation, .. } => {
                self.other |= annotation.as_ref().is_some_and(|ty| !ty.arguments.is_empty());
                match operands(&name.name, value) {
                    Some(rest) if !self.set.contains(&name.name) => {
                        rest.into_iter().for_each(|e| self.expression(e));
                        if let ExprKind::Call(callee, _) = &value.kind {
                            in_expression(callee, &mut |name| self.callees.extend([name.clone()]));
                        }
                        self.update(&name.name, false, statement.span);
                    }
                    _ => {
                        self.expression(value);
                        self.whole(&name.name);
                    }
                }
            }
            StatementKind::Assign { target, value } | StatementKind::Update { target, value, .. } => {
                self.expression(value);
                self.part(target);
            }
            StatementKind::Expr(value) => self.expression(value),
            StatementKind::If { branches, otherwise } => {
                let mut after: Option<BTreeSet<Name>> = None;
                for (condition, block) in branches {
                    self.expression(condition);
                    let set = self.branch(block);
                    after = Some(after.map_or(set.clone(), |known| &known & &set));
                }
                let set = match otherwise {
                    Some(block) => self.branch(block),
                    None => self.set.clone(),
                };
                self.set = after.map_or(set.clone(), |known| &known & &set);
            }
            StatementKind::While { condition, body } => {
                self.expression(condition);
                self.repeated(body);
                self.expression(condition);
            }
            StatementKind::For { name, iterable, body, .. } => {
                self.expression(iterable);
                let before = self.set.clone();
                self.whole(&name.name);
                self.repeated(body);
                self.set = before;
            }
            StatementKind::Function(function) => {
                in_function(function, &mut |name| self.read(name, statement.span));
                function.name.iter().for_each(|name| self.whole(&name.name));
            }
            StatementKind::When { .. } | StatementKind::Return(_) | StatementKind::Import { .. } => self.other = true,
            StatementKind::Break | StatementKind::Continue | StatementKind::Note { .. } => {}
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.read(name, expr.span),
            ExprKind::Lambda(function) => in_function(function, &mut |name| self.read(name, expr.span)),
            ExprKind::Spawn(_) => self.other = true,
            ExprKind::Index(target, axes) => {
                axes.iter().for_each(|axis| axis_parts(axis, &mut |e| self.expression(e)));
                match &target.kind {
                    ExprKind::Name(name) if self.is_own(axes) => self.own_read(name, expr.span),
                    _ => self.expression(target),
                }
            }
            _ => parts(expr, &mut |part| self.expression(part)),
        }
    }

    /// Whether an index leads to the iteration's own element.
    fn is_own(&self, axes: &[IndexSyntax]) -> bool {
        let first = axes.first();
        let named =
            matches!(first, Some(IndexSyntax::Expr(e)) if matches!(&e.kind, ExprKind::Name(n) if n == self.variable));
        self.distinct && named
    }

    fn part(&mut self, target: &Expr) {
        let Some(root) = root_name(target) else { return };
        let own = first_axes(target).is_some_and(|axes| self.is_own(axes));
        let mut path = target;
        loop {
            match &path.kind {
                ExprKind::Index(inner, axes) => {
                    axes.iter().for_each(|axis| axis_parts(axis, &mut |e| self.expression(e)));
                    path = inner;
                }
                ExprKind::Field(inner, _) | ExprKind::Paren(inner) => path = inner,
                _ => break,
            }
        }
        self.update(&root, own, target.span);
    }

    fn whole(&mut self, name: &Name) {
        // With another value in the loop's variable, no index is known to be the iteration's own.
        self.other |= name == self.variable;
        self.set.insert(name.clone());
        self.seen_of(name).whole = true;
    }

    fn update(&mut self, name: &Name, own: bool, span: ByteSpan) {
        self.other |= name == self.variable;
        if !self.set.contains(name) {
            let seen = self.seen_of(name);
            seen.updated.get_or_insert(span);
            seen.foreign |= !own;
        }
    }

    fn read(&mut self, name: &Name, span: ByteSpan) {
        if !self.set.contains(name) {
            self.seen_of(name).read.get_or_insert(span);
        }
    }

    fn own_read(&mut self, name: &Name, span: ByteSpan) {
        if !self.set.contains(name) {
            let seen = self.seen_of(name);
            let place = if seen.updated.is_some() { &mut seen.read } else { &mut seen.own_read };
            place.get_or_insert(span);
        }
    }

    fn seen_of(&mut self, name: &Name) -> &mut Seen {
        self.seen.entry(name.clone()).or_default()
    }
}

/// The index next to the root of `x[i][j].f`: `[i]`.
fn first_axes(target: &Expr) -> Option<&[IndexSyntax]> {
    match &target.kind {
        ExprKind::Index(inner, axes) if matches!(inner.kind, ExprKind::Name(_)) => Some(axes),
        ExprKind::Index(inner, _) | ExprKind::Field(inner, _) | ExprKind::Paren(inner) => first_axes(inner),
        _ => None,
    }
}

/// The operands beside `name` where `name = value` is an update: `name + e`, `f(name, e)`, and their like.
pub(super) fn operands<'e>(name: &Name, value: &'e Expr) -> Option<Vec<&'e Expr>> {
    let is_self = |e: &Expr| matches!(&e.kind, ExprKind::Name(n) if n == name);
    let rest: Vec<&Expr> = match &value.kind {
        ExprKind::Binary(_, a, b) if is_self(a) => vec![b],
        ExprKind::Binary(_, a, b) if is_self(b) => vec![a],
        ExprKind::Call(callee, arguments) if is_fixed(callee) && arguments.iter().any(|a| is_self(&a.value)) => {
            let mut callee_names = false;
            in_expression(callee, &mut |n| callee_names |= n == name);
            let rest = arguments.iter().map(|a| &a.value).filter(|e| !is_self(e));
            let rest: Vec<&Expr> = rest.collect();
            if callee_names || rest.len() + 1 != arguments.len() {
                return None;
            }
            rest
        }
        _ => return None,
    };
    (!rest.iter().any(|e| is_mentioned(name, e))).then_some(rest)
}

/// Whether a callee is a function by its name, such as `append` or `tensor.maximum`.
fn is_fixed(callee: &Expr) -> bool {
    match &callee.kind {
        ExprKind::Name(_) => true,
        ExprKind::Field(inner, _) => is_fixed(inner),
        _ => false,
    }
}
