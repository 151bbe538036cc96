//! Products of sines and cosines as sums.

use super::linear;
use crate::symbolic::{Expr, Function, Node, expand};

/// The highest power that is written as a sum.
const POWER_MAX: i64 = 12;

/// A product of powers of sines and cosines of linear arguments as a sum of sines and cosines; `None` where it is no such
/// product of two or more.
pub(super) fn as_sum(expr: &Expr, name: &str) -> Option<Expr> {
    let mut waves = Vec::new();
    let mut others = Vec::new();
    for factor in expr.factors() {
        let (base, exponent) = factor.base_and_exponent();
        match (base.node(), exponent.as_i64()) {
            (Node::Call(function @ (Function::Sin | Function::Cos), argument), Some(power @ 1..=POWER_MAX))
                if linear(argument, name).is_some() =>
            {
                (0..power).for_each(|_| waves.push((*function, argument.clone())));
            }
            _ => others.push(factor.clone()),
        }
    }
    if waves.len() < 2 || waves.len() > 2 * usize::try_from(POWER_MAX).unwrap_or(usize::MAX) {
        return None;
    }
    let (first, rest) = waves.split_first()?;
    let mut sum = first.0.of(&first.1);
    for (function, argument) in rest {
        sum = Expr::sum(expand(&sum).terms().iter().map(|term| times(term, *function, argument)));
    }
    Some(expand(&Expr::product(others.into_iter().chain([sum]))))
}

/// A term with one wave, times another one.
fn times(term: &Expr, function: Function, argument: &Expr) -> Expr {
    let (coefficient, rest) = term.coefficient();
    let half = Expr::number(coefficient) * Expr::fraction(1, 2);
    let Node::Call(own @ (Function::Sin | Function::Cos), angle) = rest.node() else {
        return term * function.of(argument);
    };
    let (sin, cos) = (Function::Sin, Function::Cos);
    let (minus, plus) = (expand(&(angle - argument)), expand(&(angle + argument)));
    half * match (own, function) {
        (Function::Sin, Function::Sin) => cos.of(&minus) - cos.of(&plus),
        (Function::Cos, Function::Cos) => cos.of(&minus) + cos.of(&plus),
        (Function::Sin, _) => sin.of(&plus) + sin.of(&minus),
        _ => sin.of(&plus) - sin.of(&minus),
    }
}
