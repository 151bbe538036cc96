//! Integrals with the square root of a quadratic polynomial, and of fractions over `x^4 + p x^2 + q`.

use super::{Expr, Function, Node, cancel, expand};
use crate::symbolic::real_value;

/// The degree beyond which a polynomial before a root is left alone.
const DEGREE_MAX: usize = 12;

/// An antiderivative of a polynomial times an odd power of the root of a quadratic one: `Q sqrt(q) + c` times that of
/// `1/sqrt(q)`, with the coefficients of `Q` from the highest down.
pub(super) fn square_root(expr: &Expr, name: &str) -> Option<Expr> {
    let is_root = |factor: &&Expr| match factor.node() {
        Node::Power(base, exponent) => base.contains(name) && odd_half(exponent).is_some(),
        _ => false,
    };
    let found: Vec<&Expr> = expr.factors().iter().filter(is_root).collect();
    let [root] = found.as_slice() else { return None };
    let (q, exponent) = root.base_and_exponent();
    let whole = (odd_half(&exponent)? + 1) / 2;
    let quadratic = coefficients(&q, name)?;
    let [c, b, a] = quadratic.as_slice() else { return None };
    let rest = Expr::product(expr.factors().iter().filter(|factor| factor != root).cloned());
    let p = coefficients(&expand(&(rest * q.powi(whole))), name)?;
    let degree = p.len() - 1;
    let mut own = vec![Expr::zero(); degree + 2];
    for m in (1..=degree).rev() {
        let known = &own[m] * b * Expr::fraction(2 * m as i64 + 1, 2) + &own[m + 1] * c * Expr::int(m as i64 + 1);
        own[m - 1] = cancel(&((&p[m] - known) / (a * Expr::int(m as i64))));
    }
    let left = cancel(&(&p[0] - &own[0] * b * Expr::fraction(1, 2) - &own[1] * c));
    let x = Expr::symbol(name);
    let polynomial = Expr::sum(own.iter().enumerate().map(|(power, own)| own * x.powi(power as i64)));
    Some(polynomial * q.sqrt() + left * reciprocal(&q, (a, b, c), &x))
}

/// The exponent times two, where that is an odd number from -1.
fn odd_half(exponent: &Expr) -> Option<i64> {
    let twice = (exponent * Expr::int(2)).as_i64()?;
    (twice >= -1 && twice % 2 != 0).then_some(twice)
}

/// An antiderivative of one by the root of `a x^2 + b x + c`.
fn reciprocal(q: &Expr, (a, b, c): (&Expr, &Expr, &Expr), x: &Expr) -> Expr {
    let slope = Expr::int(2) * a * x + b;
    if real_value(a).is_some_and(|value| value < 0.0) {
        let discriminant = expand(&(b.powi(2) - Expr::int(4) * a * c));
        return -Function::Asin.of(&(slope / discriminant.sqrt())) / (-a).sqrt();
    }
    Function::Log.of(&(Expr::int(2) * a.sqrt() * q.sqrt() + slope)) / a.sqrt()
}

/// An antiderivative of `(B x^2 + D)/(x^4 + p x^2 + q)` whose denominator has no real zero: it is the product of
/// `x^2 + s x + r` and `x^2 - s x + r`.
pub(super) fn biquadratic(expr: &Expr, name: &str) -> Option<Expr> {
    let is_below = |factor: &&Expr| matches!(factor.node(), Node::Power(base, exponent) if exponent.is_int(-1) && base.contains(name));
    let found: Vec<&Expr> = expr.factors().iter().filter(is_below).collect();
    let [below] = found.as_slice() else { return None };
    let quartic = coefficients(&below.base_and_exponent().0, name)?;
    let [c0, c1, c2, c3, c4] = quartic.as_slice() else { return None };
    let above = Expr::product(expr.factors().iter().filter(|factor| factor != below).cloned());
    let above = coefficients(&expand(&above), name)?;
    let part = |power: usize| above.get(power).cloned().unwrap_or_else(Expr::zero) / c4;
    if !c1.is_zero() || !c3.is_zero() || above.len() > 3 || !part(1).is_zero() {
        return None;
    }
    let (p, q, b, d) = (c2 / c4, c0 / c4, part(2), part(0));
    let r = q.sqrt();
    let square = expand(&(Expr::int(2) * &r - p));
    if real_value(&q) <= Some(0.0) || real_value(&square) <= Some(0.0) {
        return None;
    }
    let s = square.sqrt();
    let first = (&d / &r - b) / (Expr::int(2) * &s);
    let second = d / (Expr::int(2) * &r);
    let x = Expr::symbol(name);
    let width = expand(&(Expr::int(4) * &r - s.powi(2))).sqrt();
    let half = |sign: i64| {
        let (s, first) = (&s * Expr::int(sign), &first * Expr::int(sign));
        let quadratic = x.powi(2) + &s * &x + &r;
        let turn = (&second - &first * &s * Expr::fraction(1, 2)) * Expr::int(2) / &width;
        first * Expr::fraction(1, 2) * Function::Log.of(&quadratic)
            + turn * Function::Atan.of(&((Expr::int(2) * &x + s) / &width))
    };
    Some(half(1) + half(-1))
}

/// The coefficients of a polynomial in the name, from the constant one.
fn coefficients(expr: &Expr, name: &str) -> Option<Vec<Expr>> {
    let x = Expr::symbol(name);
    let mut rest = expand(expr);
    let mut found = Vec::new();
    while found.len() <= DEGREE_MAX {
        let constant = rest.substitute(name, &Expr::zero());
        if constant.is_undefined() || constant.contains(name) {
            return None;
        }
        rest = expand(&cancel(&((&rest - &constant) / &x)));
        found.push(constant);
        if rest.is_zero() {
            return Some(found);
        }
    }
    None
}
