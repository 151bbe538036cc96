//! Values of formulas: complex numbers of 64-bit floats, and real numbers to any number of digits.

use num_complex::Complex64;
use std::collections::HashMap;

use super::{Constant, Expr, Function, Node, Rational};

/// The values of names.
pub type Values = HashMap<String, Complex64>;

/// The value of a formula as a complex number of two 64-bit floats, on the principal branch of each function; `None` where
/// a name has no value or a function is not known at a complex number.
pub fn complex_value(expr: &Expr, values: &Values) -> Option<Complex64> {
    let of = |expr: &Expr| complex_value(expr, values);
    Some(match expr.node() {
        Node::Number(number) => number.to_f64_fast().into(),
        Node::Constant(constant) => match constant {
            Constant::E => std::f64::consts::E.into(),
            Constant::Pi => std::f64::consts::PI.into(),
            Constant::I => Complex64::I,
            Constant::Infinity => f64::INFINITY.into(),
            Constant::Undefined => f64::NAN.into(),
        },
        Node::Symbol(name) => *values.get(&**name)?,
        Node::Sum(terms) => terms.iter().map(of).sum::<Option<Complex64>>()?,
        Node::Product(factors) => factors.iter().map(of).product::<Option<Complex64>>()?,
        Node::Power(base, exponent) => power(of(base)?, exponent, of(exponent)?),
        Node::Call(function, argument) => call(*function, of(argument)?)?,
    })
}

fn power(base: Complex64, exponent: &Expr, value: Complex64) -> Complex64 {
    if let Some(count) = exponent.as_i64().and_then(|count| i32::try_from(count).ok()) {
        return base.powi(count);
    }
    if base == Complex64::ZERO {
        return if value.re > 0.0 { Complex64::ZERO } else { f64::NAN.into() };
    }
    if base.im == 0.0 && base.re > 0.0 && value.im == 0.0 {
        return base.re.powf(value.re).into();
    }
    // A negative zero would choose the other side of the cut.
    let base = if base.im == 0.0 { Complex64::new(base.re, 0.0) } else { base };
    (base.ln() * value).exp()
}

fn call(function: Function, argument: Complex64) -> Option<Complex64> {
    let argument = if argument.im == 0.0 { Complex64::new(argument.re, 0.0) } else { argument };
    let real = argument.im == 0.0;
    let x = argument.re;
    Some(match function {
        Function::Sin => argument.sin(),
        Function::Cos => argument.cos(),
        Function::Tan => argument.tan(),
        Function::Asin if real && x.abs() <= 1.0 => x.asin().into(),
        Function::Acos if real && x.abs() <= 1.0 => x.acos().into(),
        Function::Atan if real => x.atan().into(),
        Function::Acosh if real && x >= 1.0 => x.acosh().into(),
        Function::Atanh if real && x.abs() < 1.0 => x.atanh().into(),
        Function::Asinh if real => x.asinh().into(),
        Function::Asin => argument.asin(),
        Function::Acos => argument.acos(),
        Function::Atan => argument.atan(),
        Function::Sinh => argument.sinh(),
        Function::Cosh => argument.cosh(),
        Function::Tanh => argument.tanh(),
        Function::Asinh => argument.asinh(),
        Function::Acosh => argument.acosh(),
        Function::Atanh => argument.atanh(),
        Function::Log if real && x > 0.0 => x.ln().into(),
        Function::Log => argument.ln(),
        Function::Abs => argument.norm().into(),
        Function::Sign if argument == Complex64::ZERO => argument,
        Function::Sign => argument / argument.norm(),
        Function::Erf if real => libm::erf(x).into(),
        Function::Gamma if real => libm::tgamma(x).into(),
        Function::Factorial if real => libm::tgamma(x + 1.0).into(),
        Function::Erf | Function::Gamma | Function::Factorial => return None,
    })
}

/// The value of a formula without names, where it is a real number.
pub fn real_value(expr: &Expr) -> Option<f64> {
    if let Some(number) = expr.as_number() {
        return Some(number.to_f64_fast());
    }
    if let Some(sign) = expr.infinite_sign() {
        return Some(f64::INFINITY * f64::from(sign));
    }
    let value = complex_value(expr, &Values::new())?;
    (value.im.abs() <= 1e-12 * value.re.abs().max(1.0) && !value.re.is_nan()).then_some(value.re)
}

/// The sign of a formula without names that is a real number: -1, 0 or 1. Zero is claimed only where so many digits are
/// zeros that no formula of this size has them by chance.
pub fn real_sign(expr: &Expr) -> Option<i8> {
    if let Some(number) = expr.as_number() {
        return Some(if number.is_zero() {
            0
        } else if *number > Rational::ZERO {
            1
        } else {
            -1
        });
    }
    if let Some(sign) = expr.infinite_sign() {
        return Some(sign);
    }
    let value = real_value(expr)?;
    if value.abs() > 1e-6 {
        return Some(if value > 0.0 { 1 } else { -1 });
    }
    super::digits::sign(expr)
}
