//! Integration by parts: which factor is differentiated.

use super::linear;
use crate::symbolic::{Constant, Expr, Function, Node};

/// The factors that are differentiated and those that are integrated: logarithms and inverse functions become simpler by
/// the first, then powers of the name; `None` where nothing does.
pub(super) fn split(expr: &Expr, name: &str) -> Option<(Expr, Expr)> {
    let rank = |factor: &Expr| {
        use Function::{Acos, Acosh, Asin, Asinh, Atan, Atanh, Erf, Log};
        let (base, exponent) = factor.base_and_exponent();
        match base.node() {
            Node::Call(Log, _) if exponent.as_i64().is_some_and(|power| power > 0) => Some(0),
            Node::Call(Asin | Acos | Atan | Asinh | Acosh | Atanh | Erf, _) if exponent.is_one() => Some(1),
            Node::Symbol(own) if **own == *name && exponent.as_i64().is_some_and(|power| power > 0) => Some(2),
            Node::Sum(_) if exponent.as_i64().is_some_and(|power| power > 0) && linear(&base, name).is_some() => {
                Some(2)
            }
            _ => None,
        }
    };
    let factors = expr.factors();
    let (at, _) = factors.iter().enumerate().filter_map(|(at, own)| Some((at, rank(own)?))).min_by_key(|own| own.1)?;
    let others = factors.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, own)| own.clone());
    Some((factors[at].clone(), Expr::product(others)))
}

/// The integral of `e^(a x + c) * sin(b x + d)` or of the cosine, where the two would follow from each other for ever.
pub(super) fn exponential_times_wave(expr: &Expr, name: &str) -> Option<Expr> {
    let [first, second] = expr.factors() else { return None };
    let (exponential, wave) = match first.node() {
        Node::Power(..) => (first, second),
        _ => (second, first),
    };
    let Node::Power(base, exponent) = exponential.node() else { return None };
    let Node::Call(function @ (Function::Sin | Function::Cos), argument) = wave.node() else { return None };
    if !base.is_constant(Constant::E) {
        return None;
    }
    let ((a, _), (b, _)) = (linear(exponent, name)?, linear(argument, name)?);
    let (sin, cos) = (Function::Sin.of(argument), Function::Cos.of(argument));
    let inner = match function {
        Function::Sin => &a * sin - &b * cos,
        _ => &a * cos + &b * sin,
    };
    Some(exponential * inner / (a.powi(2) + b.powi(2)))
}
