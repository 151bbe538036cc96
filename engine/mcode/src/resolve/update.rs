//! `x += e` and `a[i] += e`: assignments that read what they change.
//!
//! They become plain assignments, so that no later pass knows of them. Indices that are more than a variable or a
//! literal are evaluated once, into variables that no name leads to.

use super::Resolver;
use crate::ast::{self, BinaryOperator, Binding, Ident};
use crate::hir::{Axis, Expr, ExprKind, Place, Statement, StatementKind, Step};
use crate::source::ByteSpan;

impl Resolver<'_, '_> {
    /// Adds the statements that `target operator= value` stands for.
    pub(super) fn update(
        &mut self,
        target: &ast::Expr,
        operator: BinaryOperator,
        value: &ast::Expr,
        span: ByteSpan,
        statements: &mut Vec<Statement>,
    ) {
        let value = self.boxed(value);
        if let ast::ExprKind::Name(name) = &target.kind {
            let ident = Ident { name: name.clone(), span: target.span };
            let Some(place) = self.assigned_place(&ident, Binding::Assign) else { return };
            let old = Box::new(Expr { kind: ExprKind::Read(place), span: target.span });
            let value = Expr { kind: ExprKind::Binary(operator, old, value), span };
            let kind = StatementKind::Bind { place, declared: None, annotation: None, value };
            return statements.push(Statement { kind, span });
        }
        if self.refuse_constant(target).is_none() {
            return;
        }
        let Some((place, path)) = self.target(target) else { return };
        let path: Vec<Step> = path.into_iter().map(|step| self.evaluated_step(step, statements)).collect();
        let old = Box::new(read_of(place, &path, target.span));
        let value = Expr { kind: ExprKind::Binary(operator, old, value), span };
        statements.push(Statement { kind: StatementKind::Assign { place, path, value, target: target.span }, span });
    }

    fn evaluated_step(&mut self, step: Step, statements: &mut Vec<Statement>) -> Step {
        match step {
            Step::Field(name) => Step::Field(name),
            Step::Index(axes) => {
                Step::Index(axes.into_iter().map(|axis| self.evaluated_axis(axis, statements)).collect())
            }
        }
    }

    fn evaluated_axis(&mut self, axis: Axis, statements: &mut Vec<Statement>) -> Axis {
        let mut evaluated = |e: Expr| self.evaluated(e, statements);
        match axis {
            Axis::All => Axis::All,
            Axis::Expr(Expr { kind: ExprKind::Range { start, end, closed, step }, span }) => {
                let kind = ExprKind::Range {
                    start: Box::new(evaluated(*start)),
                    end: Box::new(evaluated(*end)),
                    closed,
                    step: step.map(|e| Box::new(evaluated(*e))),
                };
                Axis::Expr(Expr { kind, span })
            }
            Axis::Expr(e) => Axis::Expr(evaluated(e)),
            Axis::Open { start, end, closed, step } => Axis::Open {
                start: start.map(&mut evaluated),
                end: end.map(&mut evaluated),
                closed,
                step: step.map(&mut evaluated),
            },
        }
    }

    /// The expression where evaluating it twice changes nothing, else a variable that it is assigned to first.
    fn evaluated(&mut self, e: Expr, statements: &mut Vec<Statement>) -> Expr {
        if plain_copy(&e).is_some() {
            return e;
        }
        let span = e.span;
        let place = Place::Local(self.scope().hidden(&"an index".into(), span));
        let kind = StatementKind::Bind { place, declared: None, annotation: None, value: e };
        statements.push(Statement { kind, span });
        Expr { kind: ExprKind::Read(place), span }
    }
}

/// The value at the end of a path whose indices are plain.
fn read_of(place: Place, path: &[Step], span: ByteSpan) -> Expr {
    let mut value = Expr { kind: ExprKind::Read(place), span };
    for step in path {
        let kind = match step {
            Step::Field(name) => ExprKind::Field(Box::new(value), name.clone()),
            Step::Index(axes) => ExprKind::Index(Box::new(value), axes.iter().map(axis_copy).collect()),
        };
        value = Expr { kind, span };
    }
    value
}

fn axis_copy(axis: &Axis) -> Axis {
    match axis {
        Axis::All => Axis::All,
        Axis::Expr(e) => Axis::Expr(copy(e)),
        Axis::Open { start, end, closed, step } => Axis::Open {
            start: start.as_ref().map(copy),
            end: end.as_ref().map(copy),
            closed: *closed,
            step: step.as_ref().map(copy),
        },
    }
}

fn copy(e: &Expr) -> Expr {
    let kind = match &e.kind {
        ExprKind::Range { start, end, closed, step } => ExprKind::Range {
            start: Box::new(copy(start)),
            end: Box::new(copy(end)),
            closed: *closed,
            step: step.as_ref().map(|e| Box::new(copy(e))),
        },
        _ => plain_copy(e).unwrap_or(ExprKind::Invalid),
    };
    Expr { kind, span: e.span }
}

/// A copy of a literal or of the name of a variable; `None` for anything that computes.
fn plain_copy(e: &Expr) -> Option<ExprKind> {
    Some(match &e.kind {
        ExprKind::Int(v) => ExprKind::Int(*v),
        ExprKind::Str(v) => ExprKind::Str(v.clone()),
        ExprKind::Read(place) => ExprKind::Read(*place),
        _ => return None,
    })
}
