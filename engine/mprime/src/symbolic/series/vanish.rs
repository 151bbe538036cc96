//! Whether a formula is zero for all values of its names.

use num_complex::Complex64;

use crate::symbolic::{
    Expr, Function, Node, Rational, Values, cancel, complex_value, expand, numeric::real_sign, real_value,
};

/// The values of names at which formulas are compared with zero.
const POINTS: [f64; 3] = [1.375, 3.1875, 17.906_25];
/// How small a value is, beside what it was added up from, before it may be zero.
const SMALL: f64 = 1e-9;
/// The exponent of e beyond which no value is computed to many digits.
const EXPONENT_MAX: f64 = 1e5;
/// The logarithm of the size of a power of a rational number beyond which none is either.
const WHOLE_EXPONENT_MAX: f64 = 3e3;
/// The size of an argument beyond which none is either.
const SIZE_MAX: f64 = 1e80;

/// Whether a formula is zero wherever it has a value: by its form, else by its values at a few points to many digits.
pub(in crate::symbolic) fn vanishes(expr: &Expr) -> bool {
    if expr.as_number().is_some() {
        return expr.is_zero();
    }
    if matches!(expr.node(), Node::Symbol(_) | Node::Constant(_)) {
        return false;
    }
    let expanded = expand(expr);
    if expanded.is_zero() {
        return true;
    }
    let names = expr.symbols();
    let mut seen = 0;
    for (index, start) in POINTS.iter().enumerate() {
        let place = |at: usize| start + 0.437_5 * at as f64;
        let values: Values = names.iter().enumerate().map(|(at, name)| (name.to_string(), place(at).into())).collect();
        match is_small(&expanded, &values) {
            Some(false) => return false,
            Some(true) => seen += 1,
            None => continue,
        }
        if index < 2 && is_tame(expr, &values) {
            let exact = names.iter().enumerate().fold(expr.clone(), |expr, (at, name)| {
                let value = Rational::simplest_from_f64(place(at)).unwrap_or(Rational::ONE);
                expr.substitute(name, &Expr::number(value))
            });
            if matches!(real_sign(&exact), Some(-1 | 1)) {
                return false;
            }
        }
    }
    if seen == 0 { cancel(expr).is_zero() } else { true }
}

/// Whether a value may be zero; `None` where it is not known.
fn is_small(expr: &Expr, values: &Values) -> Option<bool> {
    let value = complex_value(expr, values).filter(|value| value.re.is_finite() && value.im.is_finite())?;
    let scale = match expr.node() {
        Node::Sum(terms) => {
            let sizes = terms.iter().filter_map(|term| complex_value(term, values)).map(Complex64::norm);
            sizes.sum::<f64>()
        }
        Node::Product(factors) => {
            return Some(factors.iter().any(|factor| is_small(factor, values) == Some(true)));
        }
        Node::Power(base, _) => return is_small(base, values),
        _ => 1.0,
    };
    Some(value.norm() <= SMALL * scale)
}

/// Whether the value of a formula, with these values of its names, can be computed to many digits in little time and space.
pub(in crate::symbolic) fn is_tame(expr: &Expr, values: &Values) -> bool {
    let value = |expr: &Expr| complex_value(expr, values).filter(|value| value.is_finite());
    let is_wild = |part: &Expr| match part.node() {
        Node::Power(base, exponent) => {
            // Powers of rational numbers have all their digits.
            let is_whole = base.as_number().is_some() || exponent.as_int().is_some();
            let most = if is_whole { WHOLE_EXPONENT_MAX } else { EXPONENT_MAX };
            match (value(base), value(exponent)) {
                (Some(base), Some(exponent)) => {
                    base.norm() > 0.0 && exponent.norm() * base.norm().ln().abs().max(1.0) > most
                }
                _ => true,
            }
        }
        Node::Call(Function::Sinh | Function::Cosh | Function::Tanh | Function::Erf, argument) => {
            value(argument).is_none_or(|value| value.norm() > EXPONENT_MAX)
        }
        Node::Call(..) | Node::Sum(_) | Node::Product(_) => {
            part.children().into_iter().any(|child| value(child).is_none_or(|value| value.norm() > SIZE_MAX))
        }
        _ => false,
    };
    !expr.any(&is_wild)
}

/// The values of numbers that are put in the place of names.
pub(in crate::symbolic) fn rough_values(places: &[(String, Expr)]) -> Values {
    places.iter().filter_map(|(name, number)| Some((name.clone(), real_value(number)?.into()))).collect()
}
