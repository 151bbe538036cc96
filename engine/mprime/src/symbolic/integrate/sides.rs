//! Integrals of absolute values and signs, for real values of the name: between the zeros of what stands in them they are
//! ordinary formulas, whose antiderivatives are joined so that nothing jumps.

use super::{Expr, Function, Node, cancel};
use crate::symbolic::{Solutions, Values, complex_value, real_value, solve};

/// Pieces that an integral is cut into at most.
const PIECES_MAX: usize = 64;
/// Zeros of a family that are looked at: so many to each side of the first.
const FAMILY_MAX: i64 = 1_000;

/// What a formula is between two neighbouring zeros.
pub(super) struct Piece {
    pub(super) formula: Expr,
    /// Where it begins; the first one begins nowhere.
    pub(super) low: Option<Expr>,
}

/// Whether the name is in an absolute value or a sign.
pub(super) fn has_sides(expr: &Expr, name: &str) -> bool {
    expr.any(
        &|part| matches!(part.node(), Node::Call(Function::Abs | Function::Sign, argument) if argument.contains(name)),
    )
}

/// The pieces of a formula from left to right. A family of zeros is known only inside a range.
pub(super) fn pieces(expr: &Expr, name: &str, range: Option<(f64, f64)>) -> Option<Vec<Piece>> {
    let mut arguments = Vec::new();
    gather(expr, name, &mut arguments);
    let mut zeros: Vec<(f64, Expr)> = Vec::new();
    for argument in &arguments {
        if argument.symbols().len() > 1 || !is_continuous(argument) {
            return None;
        }
        zeros.extend(zeros_of(argument, name, range)?);
    }
    zeros.sort_by(|left, right| left.0.total_cmp(&right.0));
    zeros.dedup_by(|left, right| (left.0 - right.0).abs() <= 1e-9 * left.0.abs().max(1.0));
    if zeros.len() >= PIECES_MAX {
        return None;
    }
    let middle = |at: usize| match (at.checked_sub(1).map(|before| zeros[before].0), zeros.get(at)) {
        (Some(low), Some((high, _))) => f64::midpoint(low, *high),
        (Some(low), None) => low + 1.0,
        (None, Some((high, _))) => high - 1.0,
        (None, None) => 0.0,
    };
    let piece = |at: usize| {
        let formula = on_one_side(expr, name, middle(at))?;
        Some(Piece { formula, low: at.checked_sub(1).map(|before| zeros[before].1.clone()) })
    };
    (0..=zeros.len()).map(piece).collect()
}

/// One antiderivative of all pieces: at each zero the difference to the next one is added, from there on.
pub(super) fn joined(pieces: &[Piece], name: &str, mut integral: impl FnMut(&Expr) -> Option<Expr>) -> Option<Expr> {
    let mut whole = Expr::zero();
    let mut before = Expr::zero();
    for piece in pieces {
        let own = integral(&piece.formula)?;
        let difference = &own - &before;
        let added = match &piece.low {
            None => difference,
            Some(low) => {
                let at_low = difference.substitute(name, low);
                if at_low.is_undefined() || real_value(&at_low).is_none() {
                    return None;
                }
                from_there_on(&(difference - at_low), &(Expr::symbol(name) - low), name)
            }
        };
        whole = whole + added;
        before = own;
    }
    Some(whole)
}

/// What is zero below the zero of `distance`, and the formula above it.
fn from_there_on(formula: &Expr, distance: &Expr, name: &str) -> Expr {
    let quotient = cancel(&(formula / distance));
    let divides = !quotient.any(
        &|part| matches!(part.node(), Node::Power(base, exponent) if exponent.is_negated() && base.contains(name)),
    );
    let signed = if divides { Function::Abs.of(distance) * quotient } else { Function::Sign.of(distance) * formula };
    (formula + signed) * Expr::fraction(1, 2)
}

/// What stands in absolute values and signs, the inner ones too.
fn gather(expr: &Expr, name: &str, found: &mut Vec<Expr>) {
    if let Node::Call(Function::Abs | Function::Sign, argument) = expr.node()
        && argument.contains(name)
        && !found.contains(argument)
    {
        found.push(argument.clone());
    }
    expr.children().into_iter().for_each(|child| gather(child, name, found));
}

/// Whether its sign changes at its zeros only.
fn is_continuous(expr: &Expr) -> bool {
    use Function::{Abs, Asinh, Atan, Cos, Cosh, Erf, Sin, Sinh, Tanh};
    let own = match expr.node() {
        Node::Number(_) | Node::Constant(_) | Node::Symbol(_) | Node::Sum(_) | Node::Product(_) => true,
        Node::Power(base, exponent) => exponent.as_i64().is_some_and(|power| power > 0) || real_value(base) > Some(0.0),
        Node::Call(function, _) => matches!(function, Abs | Asinh | Atan | Cos | Cosh | Erf | Sin | Sinh | Tanh),
    };
    own && expr.children().into_iter().all(is_continuous)
}

/// The real zeros, with their values; `None` where one might be missing.
fn zeros_of(argument: &Expr, name: &str, range: Option<(f64, f64)>) -> Option<Vec<(f64, Expr)>> {
    let Ok(Solutions::Some { found, counter, is_complete: true }) = solve(argument, name) else { return None };
    let mut zeros = Vec::new();
    for solution in found {
        let crate::symbolic::Root::Exact(root) = solution.root else { return None };
        let Some(counter) = counter.as_deref().filter(|counter| root.contains(counter)) else {
            let value = complex_value(&root, &Values::new())?;
            if value.im == 0.0 {
                zeros.push((value.re, root));
            }
            continue;
        };
        let (low, high) = range?;
        let inside = |at: i64| {
            let zero = root.substitute(counter, &Expr::int(at));
            let value = real_value(&zero)?;
            (low..=high).contains(&value).then_some((value, zero))
        };
        zeros.extend((-FAMILY_MAX..=FAMILY_MAX).filter_map(inside));
        // A family that goes on inside the range was cut off.
        if inside(FAMILY_MAX).is_some() || inside(-FAMILY_MAX).is_some() {
            return None;
        }
    }
    Some(zeros)
}

/// The formula with the signs that it has near a value.
fn on_one_side(expr: &Expr, name: &str, value: f64) -> Option<Expr> {
    if let Node::Call(function @ (Function::Abs | Function::Sign), argument) = expr.node()
        && argument.contains(name)
    {
        let there = complex_value(argument, &Values::from([(name.to_owned(), value.into())]))?;
        if there.im != 0.0 || there.re == 0.0 {
            return None;
        }
        let sign = Expr::int(if there.re < 0.0 { -1 } else { 1 });
        return match function {
            Function::Sign => Some(sign),
            _ => Some(sign * on_one_side(argument, name, value)?),
        };
    }
    let mut is_known = true;
    let changed = expr.map(|child| {
        on_one_side(child, name, value).unwrap_or_else(|| {
            is_known = false;
            child.clone()
        })
    });
    is_known.then_some(changed)
}
