//! How often each name stands in a piece of the syntax tree, whatever it stands for.

use std::collections::BTreeMap;

use crate::ast::{Block, Expr, ExprKind, Function, IndexSyntax, Name, Statement, StatementKind};

/// Names with how often they stand there.
pub(in crate::resolve) type Mentions = BTreeMap<Name, usize>;

/// The names of a block, those inside functions included.
pub(in crate::resolve) fn mentions(block: &Block) -> Mentions {
    let mut found = Mentions::new();
    in_block(block, &mut |name| *found.entry(name.clone()).or_default() += 1);
    found
}

/// Whether a name stands in an expression.
pub(super) fn is_mentioned(name: &Name, expr: &Expr) -> bool {
    let mut found = false;
    in_expression(expr, &mut |other| found |= other == name);
    found
}

/// Shows every name of a block.
pub(super) fn in_block(block: &Block, see: &mut dyn FnMut(&Name)) {
    block.iter().for_each(|statement| in_statement(statement, see));
}

fn in_statement(statement: &Statement, see: &mut dyn FnMut(&Name)) {
    match &statement.kind {
        StatementKind::Bind { name, value, .. } => {
            see(&name.name);
            in_expression(value, see);
        }
        StatementKind::Assign { target, value } | StatementKind::Update { target, value, .. } => {
            in_expression(target, see);
            in_expression(value, see);
        }
        StatementKind::Expr(value) => in_expression(value, see),
        StatementKind::If { branches, otherwise } => {
            for (condition, block) in branches {
                in_expression(condition, see);
                in_block(block, see);
            }
            otherwise.iter().for_each(|block| in_block(block, see));
        }
        StatementKind::While { condition, body } => {
            in_expression(condition, see);
            in_block(body, see);
        }
        StatementKind::For { name, iterable, body, .. } => {
            see(&name.name);
            in_expression(iterable, see);
            in_block(body, see);
        }
        StatementKind::When { name, body } => {
            see(&name.name);
            in_block(body, see);
        }
        StatementKind::Return(value) => value.iter().for_each(|e| in_expression(e, see)),
        StatementKind::Function(function) => {
            function.name.iter().for_each(|name| see(&name.name));
            in_function(function, see);
        }
        StatementKind::Note { values } => values.iter().for_each(|e| in_expression(e, see)),
        StatementKind::Break | StatementKind::Continue | StatementKind::Import { .. } => {}
    }
}

/// Shows every name of a function but its own.
pub(super) fn in_function(function: &Function, see: &mut dyn FnMut(&Name)) {
    function.params.iter().filter_map(|p| p.default.as_ref()).for_each(|e| in_expression(e, see));
    in_block(&function.body, see);
}

/// Shows every name of an expression.
pub(super) fn in_expression(expr: &Expr, see: &mut dyn FnMut(&Name)) {
    match &expr.kind {
        ExprKind::Name(name) => see(name),
        ExprKind::Lambda(function) => in_function(function, see),
        _ => parts(expr, &mut |part| in_expression(part, see)),
    }
}

/// Shows the expressions directly inside one, in the order in which they are evaluated; not those of functions.
pub(super) fn parts<'e>(expr: &'e Expr, see: &mut dyn FnMut(&'e Expr)) {
    match &expr.kind {
        ExprKind::Invalid
        | ExprKind::None
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Scalar(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::Lambda(_) => {}
        ExprKind::List(items) | ExprKind::Compare(items, _) => items.iter().for_each(see),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, e)| see(e)),
        ExprKind::Unary(_, a)
        | ExprKind::Field(a, _)
        | ExprKind::Spawn(a)
        | ExprKind::Await(a)
        | ExprKind::Paren(a) => see(a),
        ExprKind::Binary(_, a, b) | ExprKind::And(a, b) | ExprKind::Or(a, b) | ExprKind::Pipe(a, b) => {
            see(a);
            see(b);
        }
        ExprKind::Range { start, end, step, .. } => {
            see(start);
            see(end);
            step.iter().for_each(|e| see(e));
        }
        ExprKind::Call(callee, arguments) => {
            see(callee);
            arguments.iter().for_each(|a| see(&a.value));
        }
        ExprKind::Index(target, axes) => {
            see(target);
            axes.iter().for_each(|axis| axis_parts(axis, see));
        }
    }
}

/// Shows the expressions of one axis of an index.
pub(super) fn axis_parts<'e>(axis: &'e IndexSyntax, see: &mut dyn FnMut(&'e Expr)) {
    match axis {
        IndexSyntax::All => {}
        IndexSyntax::Expr(e) => see(e),
        IndexSyntax::Open { start, end, step, .. } => [start, end, step].into_iter().flatten().for_each(see),
    }
}
