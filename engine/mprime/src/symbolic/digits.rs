//! Real values of formulas to any number of digits.
//!
//! A value is computed twice, the second time with twice the guard bits; where both agree in the digits that are asked
//! for, they are returned, else the bits are doubled again. Each operation of [`dashu_float`] is rounded rightly. A sum whose
//! terms cancel in all bits tells nothing: it is zero, or too small for the bits.

mod special;

use dashu_base::BitTest;
use dashu_float::{Context, FBig, Repr, round::mode::HalfEven};
use dashu_int::IBig;
use std::collections::HashMap;

use super::{Constant, Expr, Function, MathError, Node, Rational};

type Float = FBig<HalfEven, 2>;

/// The most digits that may be asked for.
pub const DIGITS_MAX: usize = 100_000;
/// Guard bits at first.
const GUARD: usize = 64;
/// Guard bits beyond which a sum that is still not told from zero is called zero, and four times the bits that its terms have
/// before or behind the point.
const GUARD_MAX: usize = 4_096;
/// As many guard bits at most, however large or small the terms are.
const GUARD_LIMIT: usize = 1 << 18;

/// The value of a formula without names, to so many significant decimal digits.
///
/// # Errors
/// A formula with names, one whose value is no real number, and too many digits.
pub fn evaluate(expr: &Expr, digits: usize) -> Result<String, MathError> {
    if digits == 0 || digits > DIGITS_MAX {
        return Err(
            MathError::new(format!("{digits} digits are asked for")).help(format!("Ask for 1 to {DIGITS_MAX} digits"))
        );
    }
    if let Some(name) = expr.symbols().first() {
        return Err(
            MathError::new(format!("the value of `{name}` is not known")).help(format!("Give it with `{name}=...`"))
        );
    }
    let bits = digits * 3_322 / 1_000 + 8;
    let mut guard = GUARD;
    let mut last: Option<String> = None;
    loop {
        let found = compute(expr, bits + guard);
        let is_last = guard > found.guard_max(GUARD_MAX.max(2 * bits));
        if found.is_unsure && !is_last {
            last = None;
        } else {
            let text = decimal(&found.value.ok_or_else(|| not_real(expr))?, digits);
            if found.is_unsure || last.as_ref() == Some(&text) {
                return Ok(text);
            }
            if is_last {
                let message = format!("the digits are not settled by {} bits", bits + guard);
                return Err(
                    MathError::new(message).help("Simplify it first: its terms cancel nearly all of their digits")
                );
            }
            last = Some(text);
        }
        guard *= 2;
    }
}

fn not_real(expr: &Expr) -> MathError {
    let error = MathError::new(format!("`{expr}` is no real number, or grows beyond every float"));
    match super::complex_value(expr, &super::Values::new()).filter(|value| value.im != 0.0 && value.is_finite()) {
        Some(value) => {
            let sign = if value.im < 0.0 { '-' } else { '+' };
            error.help(format!("It is about {} {sign} {}*i", value.re, value.im.abs()))
        }
        None => error,
    }
}

/// The sign of a real value; `None` where it is no real number.
pub(super) fn sign(expr: &Expr) -> Option<i8> {
    let mut guard = GUARD;
    loop {
        let found = compute(expr, 64 + guard);
        if !found.is_unsure || guard > found.guard_max(GUARD_MAX / 4) {
            let value = found.value?;
            return Some(if value > Float::ZERO { 1 } else { -i8::from(value < Float::ZERO) });
        }
        guard *= 2;
    }
}

/// Bits before or behind the point up to which a value is converted at once.
const BITS_CONVERTED: isize = 1 << 16;

/// A value in decimal digits. One far from 1 is first divided by a power of ten, which would else be computed exactly.
fn decimal(value: &Float, digits: usize) -> String {
    let context: Context<HalfEven> = Context::new(value.precision().max(64) + 64);
    let Some(magnitude) = magnitude(value) else { return "0".to_owned() };
    if magnitude.abs() <= BITS_CONVERTED {
        return converted(value, digits, 0);
    }
    let tens = (magnitude as f64 * std::f64::consts::LOG10_2) as isize;
    let ten = context.convert_int::<2>(IBig::from(10)).value();
    match context.powi(ten.repr(), IBig::from(tens)) {
        Ok(power) => converted(&(value / power.value()), digits, tens),
        Err(_) => "0".to_owned(),
    }
}

/// A value times a power of ten, in decimal digits.
fn converted(value: &Float, digits: usize, tens: isize) -> String {
    let decimal = value.clone().with_base_and_precision::<10>(digits).value();
    let (significand, exponent) = decimal.into_repr().into_parts();
    let text = significand.to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    // Where the point stands, counted from the left of the digits.
    let point = text.len() as isize + exponent + tens;
    if !(-5..=digits.max(21) as isize).contains(&point) {
        let tail = text[1..].trim_end_matches('0');
        let dot = if tail.is_empty() { "" } else { "." };
        return format!("{sign}{}{dot}{tail}e{}", &text[..1], point - 1);
    }
    if point <= 0 {
        let zeros = "0".repeat(point.unsigned_abs());
        return format!("{sign}0.{zeros}{}", text.trim_end_matches('0'));
    }
    let point = point.unsigned_abs();
    if point >= text.len() {
        return format!("{sign}{text}{}", "0".repeat(point - text.len()));
    }
    let tail = text[point..].trim_end_matches('0');
    let dot = if tail.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{tail}", &text[..point])
}

/// A value with so many bits.
struct Found {
    /// `None` where it is no real number, or infinite.
    value: Option<Float>,
    /// Whether a sum was taken for zero because its terms cancel in all bits.
    is_unsure: bool,
    /// The most bits that a term of a sum has before or behind the point.
    reach: usize,
}

impl Found {
    fn guard_max(&self, least: usize) -> usize {
        least.saturating_add(self.reach.saturating_mul(4)).min(GUARD_LIMIT)
    }
}

fn compute(expr: &Expr, bits: usize) -> Found {
    let mut evaluation =
        Evaluation { context: Context::new(bits), bits, known: HashMap::new(), is_unsure: false, reach: 0 };
    let value = evaluation.value(expr).filter(|value| value.repr().is_finite());
    Found { value, is_unsure: evaluation.is_unsure, reach: evaluation.reach }
}

/// The place of the first bit, counted from the point; `None` for zero.
fn magnitude(value: &Float) -> Option<isize> {
    let repr = value.repr();
    (!repr.significand().is_zero()).then(|| repr.exponent() + repr.digits() as isize)
}

/// How many bits below its argument's the value of a function may be what the argument's rounding left of zero, for those
/// with zeros where their argument has none.
fn lost(function: Function, bits: usize) -> Option<usize> {
    match function {
        Function::Sin | Function::Cos | Function::Tan | Function::Log => Some(bits),
        // Near 1 they rise like a root.
        Function::Acos | Function::Acosh => Some(bits / 2),
        _ => None,
    }
}

struct Evaluation {
    context: Context<HalfEven>,
    bits: usize,
    known: HashMap<Expr, Option<Float>>,
    is_unsure: bool,
    reach: usize,
}

impl Evaluation {
    fn value(&mut self, expr: &Expr) -> Option<Float> {
        if let Some(known) = self.known.get(expr) {
            return known.clone();
        }
        let value = self.compute(expr);
        self.known.insert(expr.clone(), value.clone());
        value
    }

    fn int(&self, number: &IBig) -> Float {
        self.context.convert_int::<2>(number.clone()).value()
    }

    fn compute(&mut self, expr: &Expr) -> Option<Float> {
        match expr.node() {
            Node::Number(number) => Some(self.rational(number)),
            Node::Constant(Constant::Pi) => Some(Float::pi(self.bits)),
            Node::Constant(Constant::E) => Some(self.int(&IBig::ONE).exp()),
            Node::Constant(_) | Node::Symbol(_) => None,
            Node::Sum(terms) => {
                let mut total = self.int(&IBig::ZERO);
                let mut first = isize::MIN;
                for term in terms {
                    let term = self.value(term)?;
                    if let Some(place) = magnitude(&term) {
                        first = first.max(place);
                        self.reach = self.reach.max(place.unsigned_abs());
                    }
                    total += term;
                }
                Some(self.told_from_zero(total, first, self.bits))
            }
            Node::Product(factors) => {
                let mut total = self.int(&IBig::ONE);
                for factor in factors {
                    total *= self.value(factor)?;
                }
                Some(total)
            }
            Node::Power(base, exponent) => self.power(base, exponent),
            Node::Call(function, argument) => {
                let argument = self.value(argument)?;
                let value = self.call(*function, &argument)?;
                Some(match lost(*function, self.bits) {
                    Some(lost) => self.told_from_zero(value, magnitude(&argument).unwrap_or(0), lost),
                    None => value,
                })
            }
        }
    }

    /// A value, or zero where nothing but rounding is left, so many bits below the first bit of what it was made of.
    fn told_from_zero(&mut self, total: Float, first: isize, bits: usize) -> Float {
        const ROUNDED: isize = 8;
        if first == isize::MIN || magnitude(&total).is_some_and(|place| first - place < bits as isize - ROUNDED) {
            return total;
        }
        self.is_unsure = true;
        self.int(&IBig::ZERO)
    }

    fn rational(&mut self, number: &Rational) -> Float {
        // Near one, it has as many bits before the first that tells it from that.
        self.reach = self.reach.max(number.denominator().bit_len());
        let denominator = IBig::from(number.denominator().clone());
        self.int(number.numerator()) / self.int(&denominator)
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Option<Float> {
        let value = self.value(base)?;
        let is_zero = value.repr().significand().is_zero();
        if let Some(count) = exponent.as_int() {
            if is_zero && *count < IBig::ZERO {
                return None;
            }
            let size = self.context.powi(value.repr(), count.clone()).ok()?.value();
            return Some(size);
        }
        if let Some(number) = exponent.as_number()
            && *number.denominator() == 2u8.into()
            && value >= Float::ZERO
        {
            let root = self.context.sqrt(value.repr()).ok()?.value();
            let count = number.numerator().clone();
            return (!is_zero || count > IBig::ZERO)
                .then(|| self.context.powi(root.repr(), count).ok().map(|rounded| rounded.value()))?;
        }
        if is_zero || value < Float::ZERO {
            return None;
        }
        let exponent = self.value(exponent)?;
        if base.is_constant(Constant::E) {
            return Some(self.context.exp(exponent.repr(), None).ok()?.value());
        }
        Some(self.context.powf(value.repr(), exponent.repr(), None).ok()?.value())
    }

    fn call(&self, function: Function, argument: &Float) -> Option<Float> {
        let (context, repr): (_, &Repr<2>) = (&self.context, argument.repr());
        let zero = Float::ZERO;
        let rounded = match function {
            Function::Sin => context.sin(repr, None),
            Function::Cos => context.cos(repr, None),
            Function::Tan => context.tan(repr, None),
            Function::Asin => context.asin(repr, None),
            Function::Acos => context.acos(repr, None),
            Function::Atan => context.atan(repr, None),
            Function::Sinh => context.sinh(repr, None),
            Function::Cosh => context.cosh(repr, None),
            Function::Tanh => context.tanh(repr, None),
            Function::Asinh => context.asinh(repr, None),
            Function::Acosh => context.acosh(repr, None),
            Function::Atanh => context.atanh(repr, None),
            Function::Log if *argument > zero => context.ln(repr, None),
            Function::Abs if *argument < zero => return Some(-argument.clone()),
            Function::Abs => return Some(argument.clone()),
            Function::Sign => {
                let sign = if *argument > zero { 1 } else { -i32::from(*argument < zero) };
                return Some(self.int(&IBig::from(sign)));
            }
            Function::Erf => return special::erf(argument, self.bits),
            Function::Gamma => return special::gamma(argument, self.bits),
            Function::Factorial => return special::gamma(&(argument + self.int(&IBig::ONE)), self.bits),
            Function::Log => return None,
        };
        Some(rounded.ok()?.value())
    }
}
