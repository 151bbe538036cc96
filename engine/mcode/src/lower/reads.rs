//! How often an expression reads a variable.

use crate::hir::{Axis, Expr, ExprKind, LocalId, Place, Program};

/// Reads of `local` in `expr`, the ones by closures that are made there included.
pub(super) fn count(program: &Program, expr: &Expr, local: LocalId) -> usize {
    let each = |exprs: &[Expr]| exprs.iter().map(|e| count(program, e, local)).sum::<usize>();
    let optional = |exprs: &[Option<Expr>]| exprs.iter().flatten().map(|e| count(program, e, local)).sum::<usize>();
    match &expr.kind {
        ExprKind::Invalid
        | ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Scalar(_)
        | ExprKind::Str(_)
        | ExprKind::Function(_)
        | ExprKind::Op(_)
        | ExprKind::Builtin(_) => 0,
        ExprKind::Read(place) => usize::from(*place == Place::Local(local)),
        ExprKind::Closure(id) => {
            let captures = &program.functions[*id as usize].captures;
            captures.iter().filter(|c| c.outer == Place::Local(local)).count()
        }
        ExprKind::List(items) | ExprKind::Compare(items, _) | ExprKind::CallBuiltin(_, items) => each(items),
        ExprKind::Record(fields) => fields.iter().map(|(_, e)| count(program, e, local)).sum(),
        ExprKind::Unary(_, a) | ExprKind::Field(a, _) | ExprKind::Spawn(a) | ExprKind::Await(a) => {
            count(program, a, local)
        }
        ExprKind::Binary(_, a, b) | ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            count(program, a, local) + count(program, b, local)
        }
        ExprKind::Range { start, end, step, .. } => {
            let step = step.as_ref().map_or(0, |e| count(program, e, local));
            count(program, start, local) + count(program, end, local) + step
        }
        ExprKind::CallFunction(_, arguments) | ExprKind::CallOp(_, arguments) => optional(arguments),
        ExprKind::CallValue(callee, arguments) => count(program, callee, local) + each(arguments),
        ExprKind::Fold(_, function, over, start) => {
            let start = start.as_ref().map_or(0, |e| count(program, e, local));
            count(program, function, local) + count(program, over, local) + start
        }
        ExprKind::Index(target, axes) => {
            count(program, target, local) + axes.iter().map(|a| in_axis(program, a, local)).sum::<usize>()
        }
    }
}

fn in_axis(program: &Program, axis: &Axis, local: LocalId) -> usize {
    match axis {
        Axis::All => 0,
        Axis::Expr(e) => count(program, e, local),
        Axis::Open { start, end, step, .. } => {
            [start, end, step].into_iter().flatten().map(|e| count(program, e, local)).sum()
        }
    }
}
