//! The expansion of a formula, from the inside out.
//!
//! What the scale is, and which formulas count as constants beside it, a [`Frame`] says: the distance to a point for
//! series, the function that vanishes most rapidly for limits.

use std::cmp::Ordering;

use crate::symbolic::{Constant, Expr, Function, MathError, Node, Rational, Values, complex_value};

use super::{
    compose,
    expansion::{Expansion, Stop, Work, compare, tidy},
};

/// What formulas are expanded in.
pub(in crate::symbolic) trait Frame {
    /// The bounds of the work.
    fn work(&mut self) -> &mut Work;
    /// The expansion of what is made of nothing that has to be expanded: a constant, or the scale itself.
    fn leaf(&mut self, expr: &Expr) -> Result<Option<Expansion>, Stop>;
    /// The logarithm of the scale.
    fn log_scale(&self) -> Expr;
    /// Whether a coefficient is zero, however it looks.
    fn is_zero(&mut self, coefficient: &Expr) -> Result<bool, Stop>;
    /// Whether a coefficient may be divided by: an error where it may vanish now and then.
    fn divisor(&mut self, coefficient: &Expr) -> Result<(), Stop>;
    /// The sign of a coefficient, where it is a real number and its sign is known.
    fn sign(&mut self, coefficient: &Expr) -> Result<Option<i8>, Stop>;
    /// Whether the scale stands for positive numbers only.
    fn is_one_sided(&self) -> bool;
    /// Whether a formula is a power of the scale, up to a coefficient.
    fn is_rapid(&self, expr: &Expr) -> bool;
    /// Of a power whose exponent by e is known: the constant times the scale to a power that e to the constant term is.
    fn exponential(&mut self, power: &Expr, constant: Expr) -> Result<(Expr, Expr), Stop>;
    /// The error for a function whose argument grows beyond all bounds.
    fn essential(&self, function: &Expr) -> Stop;
}

/// The expansion of a formula.
pub(in crate::symbolic) fn expand_in(expr: &Expr, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    if let Some(leaf) = frame.leaf(expr)? {
        return Ok(leaf);
    }
    frame.work().enter()?;
    let expansion = inner(expr, frame);
    frame.work().leave();
    expansion
}

fn inner(expr: &Expr, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    match expr.node() {
        Node::Number(_) | Node::Constant(_) | Node::Symbol(_) => Ok(Expansion::constant(expr.clone())),
        Node::Sum(terms) => {
            let mut sum = Expansion::default();
            for term in terms {
                let next = expand_in(term, frame)?;
                sum = sum.add(&next, frame.work())?;
            }
            Ok(sum)
        }
        Node::Product(factors) => {
            let mut product = Expansion::constant(Expr::one());
            for factor in factors {
                let next = expand_in(factor, frame)?;
                product = product.mul(&next, frame.work())?;
            }
            Ok(product)
        }
        Node::Power(base, exponent) => power(expr, base, exponent, frame),
        Node::Call(function, argument) => {
            let argument = expand_in(argument, frame)?;
            call(expr, *function, argument, frame)
        }
    }
}

fn power(whole: &Expr, base: &Expr, exponent: &Expr, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    if exponent.as_number().is_some() {
        let base = expand_in(base, frame)?;
        return constant_power(base, exponent, frame);
    }
    let is_constant = frame.leaf(exponent)?.is_some_and(|leaf| is_plain(&leaf));
    if is_constant && !base.is_constant(Constant::E) && !frame.is_rapid(whole) {
        let base = without_zeros(expand_in(base, frame)?, frame)?;
        // Beside a power of the scale only numbers are exponents.
        if base.low().is_some_and(|low| low.is_zero() || exponent.symbols().is_empty()) {
            return constant_power(base, exponent, frame);
        }
    }
    let mut argument = expand_in(exponent, frame)?;
    if !base.is_constant(Constant::E) {
        let base = expand_in(base, frame)?;
        let log = logarithm(base, frame)?;
        argument = argument.mul(&log, frame.work())?;
    }
    exponential(whole, argument, frame)
}

fn is_plain(expansion: &Expansion) -> bool {
    expansion.bound.is_none() && matches!(expansion.terms.as_slice(), [] | [(_, _)]) && {
        expansion.terms.first().is_none_or(|(exponent, _)| exponent.is_zero())
    }
}

fn exponential(whole: &Expr, argument: Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let (below, constant, above) = without_zeros(argument, frame)?.parts()?;
    if !below.is_empty() {
        return Err(frame.essential(whole));
    }
    let (coefficient, exponent) = frame.exponential(whole, constant)?;
    let rest = compose::exponential(&above, frame.work())?;
    Ok(rest.scaled(&coefficient).shifted(&exponent))
}

/// Drops the first terms as long as they are zero.
pub(in crate::symbolic) fn without_zeros(mut expansion: Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let mut zeros = 0;
    while let Some((_, coefficient)) = expansion.terms.get(zeros)
        && frame.is_zero(coefficient)?
    {
        zeros += 1;
    }
    expansion.terms.drain(..zeros);
    Ok(expansion)
}

/// The first term, and what the others make beside it.
fn leading(expansion: Expansion, frame: &mut impl Frame) -> Result<(Expr, Expr, Expansion), Stop> {
    let mut expansion = without_zeros(expansion, frame)?;
    if expansion.terms.is_empty() {
        return Err(if expansion.bound.is_some() {
            Stop::More
        } else {
            MathError::new("a part of the formula divides by zero, or is a logarithm of zero").into()
        });
    }
    let (exponent, coefficient) = expansion.terms.remove(0);
    frame.divisor(&coefficient)?;
    let rest = expansion.scaled(&coefficient.powi(-1)).shifted(&-&exponent);
    Ok((exponent, coefficient, rest))
}

fn constant_power(base: Expansion, exponent: &Expr, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    if exponent.is_one() {
        return Ok(base);
    }
    if let Some(count @ 2..=64) = exponent.as_i64()
        && base.terms.len() <= 64
    {
        return whole_power(&base, count, frame.work());
    }
    if base.is_nothing() && exponent.as_number().is_some_and(|number| *number > Rational::ZERO) {
        return Ok(base);
    }
    let (low, coefficient, rest) = leading(base, frame)?;
    if !frame.is_one_sided() && exponent.as_int().is_none() {
        // The root of x^2 is -x on the other side.
        let power = &low * exponent;
        let is_cornered = is_even(&low) && power.as_int().is_some() && !is_even(&power);
        if is_cornered {
            return Err(MathError::new(format!(
                "a root in the formula has no expansion here: its argument is of order {low}"
            ))
            .into());
        }
    }
    let outside = match exponent.as_int() {
        None if frame.sign(&coefficient)? == Some(-1) => {
            let turn = if is_above_cut(&coefficient, &rest)? { exponent.clone() } else { -exponent };
            (-&coefficient).pow(exponent) * Expr::int(-1).pow(&turn)
        }
        _ => coefficient.pow(exponent),
    };
    let expansion = compose::power(&rest, exponent, frame.work())?;
    Ok(expansion.scaled(&tidy(outside)).shifted(&(low * exponent)))
}

/// Whether what begins with a negative number comes from above the negative numbers, or stays on them: the cut of roots
/// and logarithms belongs to the side above.
fn is_above_cut(coefficient: &Expr, rest: &Expansion) -> Result<bool, Stop> {
    for (_, value) in &rest.terms {
        if !value.any(&is_imaginary) {
            continue;
        }
        match complex_value(&(coefficient * value), &Values::new()) {
            Some(value) if value.im.abs() <= 1e-12 * value.norm() => {}
            Some(value) => return Ok(value.im > 0.0),
            None => {
                return Err(MathError::new(format!("the side of the cut on which `{value}` is, is not known")).into());
            }
        }
    }
    Ok(true)
}

/// Whether a formula is the imaginary unit, or another root of a negative number.
pub(in crate::symbolic) fn is_imaginary(part: &Expr) -> bool {
    part.is_constant(Constant::I)
        || matches!(part.node(), Node::Power(base, _) if base.as_number().is_some_and(|base| *base < Rational::ZERO))
}

/// A whole power by squaring: its first coefficient may be zero.
fn whole_power(base: &Expansion, count: i64, work: &mut Work) -> Result<Expansion, Stop> {
    let mut power = Expansion::constant(Expr::one());
    for bit in (0..64 - count.leading_zeros()).rev() {
        power = power.mul(&power, work)?;
        if count >> bit & 1 == 1 {
            power = power.mul(base, work)?;
        }
    }
    Ok(power)
}

fn logarithm(argument: Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let (exponent, coefficient, rest) = leading(argument, frame)?;
    let constant = match frame.sign(&coefficient)? {
        Some(-1) => {
            let turn = Expr::constant(Constant::Pi) * Expr::constant(Constant::I);
            let turn = if is_above_cut(&coefficient, &rest)? { turn } else { -turn };
            Function::Log.of(&-&coefficient) + turn
        }
        _ => Function::Log.of(&coefficient),
    };
    let outside = tidy(constant + exponent * frame.log_scale());
    let work = frame.work();
    compose::logarithm(&rest, work)?.add(&Expansion::constant(outside), work)
}

fn call(whole: &Expr, function: Function, argument: Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    match function {
        Function::Log => return logarithm(argument, frame),
        Function::Abs | Function::Sign => return absolute(whole, function, argument, frame),
        Function::Asinh | Function::Acosh | Function::Atanh | Function::Atan => {
            if let Some(expansion) = inverse_at_singularity(function, &argument, frame)? {
                return Ok(expansion);
            }
        }
        _ => {}
    }
    let (below, constant, above) = without_zeros(argument.clone(), frame)?.parts()?;
    if !below.is_empty() {
        return Err(frame.essential(whole));
    }
    let value = function.of(&constant);
    let work = frame.work();
    match function {
        Function::Sin | Function::Cos | Function::Sinh | Function::Cosh => turned(function, &constant, &above, work),
        Function::Tan | Function::Tanh => tangent(function, &value, &above, frame),
        Function::Gamma | Function::Factorial if value.is_undefined() => {
            Err(MathError::new(format!("the expansion of `{whole}` at a pole is not known")).into())
        }
        // Only the first term is elementary.
        Function::Gamma | Function::Factorial => {
            let bound = above.low().cloned();
            Ok(Expansion { bound, ..Expansion::constant(value) })
        }
        _ => {
            let work = frame.work();
            let known = Expansion::constant(constant).add(&above, work)?;
            let rate = rate(function, &known, frame)?;
            known.theta().mul(&rate, frame.work())?.integrated(value)
        }
    }
}

/// By the theorems of addition, so that the constant term stays out of the recurrence.
fn turned(function: Function, constant: &Expr, above: &Expansion, work: &mut Work) -> Result<Expansion, Stop> {
    let is_hyperbolic = matches!(function, Function::Sinh | Function::Cosh);
    let (sine, cosine) = compose::sine_and_cosine(above, is_hyperbolic, work)?;
    let (own, other) = match function {
        Function::Sin => (Function::Sin.of(constant), Function::Cos.of(constant)),
        Function::Cos => (Function::Cos.of(constant), -Function::Sin.of(constant)),
        Function::Sinh => (Function::Sinh.of(constant), Function::Cosh.of(constant)),
        _ => (Function::Cosh.of(constant), Function::Sinh.of(constant)),
    };
    cosine.scaled(&own).add(&sine.scaled(&other), work)
}

fn tangent(function: Function, value: &Expr, above: &Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let is_hyperbolic = function == Function::Tanh;
    let (sine, cosine) = compose::sine_and_cosine(above, is_hyperbolic, frame.work())?;
    // (t + s/c)/(1 -+ t*s/c), and -c/s at a pole.
    let (above, below) = if value.is_undefined() {
        (cosine.scaled(&Expr::int(-1)), sine)
    } else {
        let sign = Expr::int(if is_hyperbolic { 1 } else { -1 });
        let work = frame.work();
        (cosine.scaled(value).add(&sine, work)?, cosine.add(&sine.scaled(&(sign * value)), work)?)
    };
    let below = constant_power(below, &Expr::int(-1), frame)?;
    above.mul(&below, frame.work())
}

/// The derivative of a function by its argument.
fn rate(function: Function, x: &Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let one = Expansion::constant(Expr::one());
    let square = x.mul(x, frame.work())?;
    let minus = one.add(&square.scaled(&Expr::int(-1)), frame.work())?;
    let plus = one.add(&square, frame.work())?;
    let (root, inverse) = (Expr::fraction(-1, 2), Expr::int(-1));
    match function {
        Function::Asin => constant_power(minus, &root, frame),
        Function::Acos => Ok(constant_power(minus, &root, frame)?.scaled(&Expr::int(-1))),
        Function::Atan => constant_power(plus, &inverse, frame),
        Function::Asinh => constant_power(plus, &root, frame),
        Function::Atanh => constant_power(minus, &inverse, frame),
        Function::Acosh => {
            let work = frame.work();
            let below = x.add(&one.scaled(&Expr::int(-1)), work)?;
            let above = x.add(&one, work)?;
            let below = constant_power(below, &root, frame)?;
            below.mul(&constant_power(above, &root, frame)?, frame.work())
        }
        _ => {
            let (below, constant, above) = square.scaled(&Expr::int(-1)).parts()?;
            debug_assert!(below.is_empty(), "the argument of erf is finite here");
            let outside = Expr::int(2) * Expr::constant(Constant::Pi).pow(&root) * constant.exp();
            Ok(compose::exponential(&above, frame.work())?.scaled(&outside))
        }
    }
}

/// Inverse functions of what is infinite, or where they are.
fn inverse_at_singularity(
    function: Function,
    argument: &Expansion,
    frame: &mut impl Frame,
) -> Result<Option<Expansion>, Stop> {
    let argument = without_zeros(argument.clone(), frame)?;
    let Some((exponent, coefficient)) = argument.terms.first() else { return Ok(None) };
    let order = compare(exponent, &Expr::zero())?;
    let is_pole = function == Function::Atanh
        && order.is_eq()
        && (frame.is_zero(&(coefficient - Expr::one()))? || frame.is_zero(&(coefficient + Expr::one()))?);
    if order == Ordering::Greater || (order == Ordering::Equal && !is_pole) {
        return Ok(None);
    }
    let one = Expansion::constant(Expr::one());
    let (half, minus) = (Expr::fraction(1, 2), Expr::int(-1));
    Ok(Some(match function {
        Function::Atan => {
            let sign = frame.sign(coefficient)?.ok_or_else(|| sign_error(coefficient))?;
            // A pole of odd order has another sign on the other side.
            if !frame.is_one_sided() && !is_even(exponent) {
                return Err(MathError::new("the arc tangent jumps where its argument is infinite").into());
            }
            let quarter = Expr::constant(Constant::Pi) * Expr::fraction(i64::from(sign), 2);
            let inverse = constant_power(argument, &minus, frame)?;
            let turned = call(&Expr::zero(), Function::Atan, inverse, frame)?;
            turned.scaled(&minus).add(&Expansion::constant(quarter), frame.work())?
        }
        Function::Atanh => {
            let above = one.add(&argument, frame.work())?;
            let below = one.add(&argument.scaled(&minus), frame.work())?;
            let above = logarithm(above, frame)?;
            let below = logarithm(below, frame)?;
            above.add(&below.scaled(&minus), frame.work())?.scaled(&half)
        }
        // asinh(x) is -asinh(-x), whose logarithm does not cancel.
        Function::Asinh if frame.sign(coefficient)? == Some(-1) => {
            let positive = call(&Expr::zero(), function, argument.scaled(&minus), frame)?;
            positive.scaled(&minus)
        }
        _ => {
            let shift = if function == Function::Asinh { one } else { one.scaled(&minus) };
            let square = argument.mul(&argument, frame.work())?.add(&shift, frame.work())?;
            let root = constant_power(square, &half, frame)?;
            let sum = argument.add(&root, frame.work())?;
            logarithm(sum, frame)?
        }
    }))
}

fn is_even(exponent: &Expr) -> bool {
    exponent.as_i64().is_some_and(|count| count % 2 == 0)
}

fn sign_error(coefficient: &Expr) -> Stop {
    super::expansion::sign_needed(coefficient).into()
}

/// By the sign of the first term.
fn absolute(whole: &Expr, function: Function, argument: Expansion, frame: &mut impl Frame) -> Result<Expansion, Stop> {
    let argument = without_zeros(argument, frame)?;
    let Some((exponent, coefficient)) = argument.terms.first() else {
        return if argument.bound.is_some() { Err(Stop::More) } else { Ok(argument) };
    };
    if !frame.is_one_sided() && !is_even(exponent) {
        return Err(MathError::new(format!("`{whole}` has no expansion here: its argument changes its sign")).into());
    }
    let sign = frame.sign(coefficient)?.ok_or_else(|| sign_error(coefficient))?;
    let sign = Expr::int(i64::from(sign));
    Ok(if function == Function::Sign { Expansion::constant(sign) } else { argument.scaled(&sign) })
}
