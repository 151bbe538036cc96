//! Equations whose form leads to simpler ones: logarithms in a sum, one absolute value, waves of several angles.

use super::{Constant, Expr, Function, Node, Rational, cancel};

/// The most times that an angle may be another one where waves are written by one angle.
const TIMES_MAX: i64 = 8;

/// A sum of logarithms as the product of what stands in them: `a log(A) + b log(B) + c = 0` as `A^a B^b - exp(-c) = 0`.
pub(super) fn without_logarithms(expr: &Expr, name: &str) -> Option<Expr> {
    let (mut product, mut rest) = (Vec::new(), Vec::new());
    for term in expr.terms() {
        if !term.contains(name) {
            rest.push(term.clone());
            continue;
        }
        let (coefficient, inner) = term.coefficient();
        let Node::Call(Function::Log, argument) = inner.node() else { return None };
        product.push((coefficient, argument.clone()));
    }
    if product.len() < 2 {
        return None;
    }
    // Whole powers: a root would bring branches of its own.
    let scale = product.iter().fold(Rational::ONE, |scale, (own, _)| {
        scale.clone() * Rational::from((own.clone() * &scale).denominator().clone())
    });
    let powers = product.iter().map(|(own, argument)| argument.pow(&Expr::number(own.clone() * &scale)));
    let right = (-(Expr::sum(rest) * Expr::number(scale.clone()))).exp();
    Some(cancel(&(Expr::product(powers) - right)))
}

/// What `A` and `-A` may be where `c + b |A| = 0`: the differences that are to be zero.
pub(super) fn without_absolute_value(coefficients: &[Expr], generator: &Expr) -> Option<[Expr; 2]> {
    let ([below, above], Node::Call(Function::Abs, argument)) = (coefficients, generator.node()) else { return None };
    let value = cancel(&-(below / above));
    Some([argument - &value, argument + &value])
}

/// The differences of angles that are to be zero where two waves are equal; `counter` is any whole number.
pub(super) fn equal_waves(expr: &Expr, counter: &str) -> Option<Vec<Expr>> {
    let [left, right] = expr.terms() else { return None };
    let ((one, first), (other, second)) = (left.coefficient(), right.coefficient());
    let (Node::Call(f, a), Node::Call(g, b)) = (first.node(), second.node()) else { return None };
    let is_difference = one == -other.clone();
    if !is_difference && one != other {
        return None;
    }
    let pi = Expr::constant(Constant::Pi);
    let turn = |period: i64| Expr::product([Expr::int(period), pi.clone(), Expr::symbol(counter)]);
    // Sines as cosines: sin(a) = cos(pi/2 - a).
    let as_cosine = |function: Function, angle: &Expr| match function {
        Function::Cos => Some(angle.clone()),
        Function::Sin => Some(&pi * Expr::fraction(1, 2) - angle),
        _ => None,
    };
    if *f == Function::Tan && *g == Function::Tan {
        let b = if is_difference { b.clone() } else { -b };
        return Some(vec![a - b - turn(1)]);
    }
    let (a, b) = (as_cosine(*f, a)?, as_cosine(*g, b)?);
    let b = if is_difference { b } else { &pi - b };
    Some(vec![&a - &b - turn(2), a + b - turn(2)])
}

/// Sines and cosines of whole multiples of one angle by those of that angle; `None` where there is nothing to change.
pub(super) fn by_one_angle(expr: &Expr, name: &str) -> Option<Expr> {
    let mut angles = Vec::new();
    gather(expr, name, &mut angles);
    let first = angles.first()?.clone();
    let mut ratios = Vec::new();
    for angle in &angles {
        ratios.push(cancel(&(angle / &first)).as_number()?.clone());
    }
    // The largest angle of which all are whole multiples.
    let below = ratios
        .iter()
        .fold(Rational::ONE, |below, own| below.clone() * Rational::from((own.clone() * &below).denominator().clone()));
    let mut wholes = Vec::new();
    for own in &ratios {
        wholes.push(i64::try_from((own.clone() * &below).numerator()).ok().filter(|times| times.abs() <= TIMES_MAX)?);
    }
    if wholes.iter().all(|times| times.abs() == 1) {
        return None;
    }
    let unit = cancel(&(first * Expr::number(below).powi(-1)));
    let (sine, cosine) = (Function::Sin.of(&unit), Function::Cos.of(&unit));
    let mut changed = expr.clone();
    for (angle, times) in angles.iter().zip(wholes) {
        let (s, c) = multiple(times, &sine, &cosine);
        changed = changed
            .replace(&Function::Tan.of(angle), &(&s / &c))
            .replace(&Function::Sin.of(angle), &s)
            .replace(&Function::Cos.of(angle), &c);
    }
    Some(changed)
}

/// The sine and the cosine of so many times an angle, each time by the sum of two angles.
fn multiple(times: i64, sine: &Expr, cosine: &Expr) -> (Expr, Expr) {
    let (mut s, mut c) = (Expr::zero(), Expr::one());
    for _ in 0..times.abs() {
        (s, c) = (&s * cosine + &c * sine, &c * cosine - s * sine);
    }
    (if times < 0 { -s } else { s }, c)
}

fn gather(expr: &Expr, name: &str, found: &mut Vec<Expr>) {
    if let Node::Call(Function::Sin | Function::Cos | Function::Tan, argument) = expr.node()
        && argument.contains(name)
        && !found.contains(argument)
    {
        found.push(argument.clone());
    }
    expr.children().into_iter().for_each(|child| gather(child, name, found));
}
