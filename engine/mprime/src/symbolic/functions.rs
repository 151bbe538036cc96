//! The elementary functions, and the values of theirs that are known exactly.

use dashu_int::IBig;
use std::fmt;

use super::{Constant, Expr, Node, Rational, radicals};

macro_rules! functions {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// A function of one argument. Roots and `exp` are powers, `cot`, `sec` and `csc` quotients.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Function {
            $(#[doc = $doc] $variant,)*
        }

        impl Function {
            /// All of them.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)*];

            /// Its name in formulas.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Function::$variant => $name,)*
                }
            }
        }
    };
}

functions! {
    Sin "sin" "The sine.";
    Cos "cos" "The cosine.";
    Tan "tan" "The tangent.";
    Asin "asin" "The arc sine, between -pi/2 and pi/2.";
    Acos "acos" "The arc cosine, between 0 and pi.";
    Atan "atan" "The arc tangent, between -pi/2 and pi/2.";
    Sinh "sinh" "The hyperbolic sine.";
    Cosh "cosh" "The hyperbolic cosine.";
    Tanh "tanh" "The hyperbolic tangent.";
    Asinh "asinh" "The inverse of the hyperbolic sine.";
    Acosh "acosh" "The inverse of the hyperbolic cosine, not negative.";
    Atanh "atanh" "The inverse of the hyperbolic tangent.";
    Log "log" "The natural logarithm, with an imaginary part between -pi and pi.";
    Abs "abs" "The absolute value.";
    Sign "sign" "-1, 0 or 1.";
    Erf "erf" "The error function.";
    Gamma "gamma" "The gamma function.";
    Factorial "factorial" "The product of the whole numbers up to the argument; beyond them gamma of one more.";
}

/// The largest argument whose factorial is computed at once.
const FACTORIAL_MAX: i64 = 3_000;

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Function {
    /// The function of this name.
    pub fn named(name: &str) -> Option<Function> {
        Function::ALL.iter().copied().find(|function| function.name() == name)
    }

    /// The function of an argument, with its value where that is known exactly.
    pub fn of(self, argument: &Expr) -> Expr {
        if argument.is_undefined() {
            return argument.clone();
        }
        if let Some(value) = self.value(argument) {
            return value;
        }
        if argument.is_negated() {
            let plain = -argument;
            if self.is_odd() {
                return -self.of(&plain);
            }
            if self.is_even() {
                return self.of(&plain);
            }
        }
        Expr::raw(Node::Call(self, argument.clone()))
    }

    /// Whether the function of the negated argument is the negated one.
    pub const fn is_odd(self) -> bool {
        use Function::{Asin, Asinh, Atan, Atanh, Erf, Sign, Sin, Sinh, Tan, Tanh};
        matches!(self, Sin | Tan | Asin | Atan | Sinh | Tanh | Asinh | Atanh | Erf | Sign)
    }

    /// Whether the function of the negated argument is the same.
    pub const fn is_even(self) -> bool {
        matches!(self, Function::Cos | Function::Cosh | Function::Abs)
    }

    /// The inverse function: of each argument that it takes, this function of it is the argument.
    const fn inverse(self) -> Option<Function> {
        Some(match self {
            Function::Sin => Function::Asin,
            Function::Cos => Function::Acos,
            Function::Tan => Function::Atan,
            Function::Sinh => Function::Asinh,
            Function::Cosh => Function::Acosh,
            Function::Tanh => Function::Atanh,
            _ => return None,
        })
    }

    fn value(self, argument: &Expr) -> Option<Expr> {
        if let Node::Call(inner, of) = argument.node()
            && self.inverse() == Some(*inner)
        {
            return Some(of.clone());
        }
        match self {
            Function::Sin | Function::Cos | Function::Tan => self.turned(argument),
            Function::Asin | Function::Acos | Function::Atan => self.inverse_value(argument),
            Function::Log => logarithm(argument),
            Function::Abs => absolute(argument),
            Function::Sign => match argument.as_number() {
                Some(number) if number.is_zero() => Some(Expr::zero()),
                _ if radicals::is_positive(argument) => Some(Expr::one()),
                _ if radicals::is_positive(&-argument) => Some(Expr::int(-1)),
                _ => None,
            },
            Function::Factorial => factorial(argument.as_int()?),
            Function::Gamma => gamma(argument),
            _ => self.value_at_zero_or_infinity(argument),
        }
    }

    fn value_at_zero_or_infinity(self, argument: &Expr) -> Option<Expr> {
        let infinite = || Expr::constant(Constant::Infinity);
        if argument.is_zero() {
            return Some(match self {
                Function::Cosh => Expr::one(),
                Function::Acosh => Expr::product([Expr::fraction(1, 2), pi(), Expr::constant(Constant::I)]),
                _ => Expr::zero(),
            });
        }
        if argument.is_one() {
            return match self {
                Function::Acosh => Some(Expr::zero()),
                Function::Atanh => Some(infinite()),
                _ => None,
            };
        }
        if argument.is_constant(Constant::Infinity) {
            return match self {
                Function::Sinh | Function::Cosh | Function::Asinh | Function::Acosh => Some(infinite()),
                Function::Tanh | Function::Erf => Some(Expr::one()),
                _ => None,
            };
        }
        None
    }

    /// Sine, cosine and tangent of multiples of pi/12, and of sums with quarter turns.
    fn turned(self, argument: &Expr) -> Option<Expr> {
        if argument.is_zero() {
            return Some(if self == Function::Cos { Expr::one() } else { Expr::zero() });
        }
        if let Node::Call(inner, of) = argument.node() {
            return self.of_inverse(*inner, of);
        }
        if let Some(turn) = turn(argument) {
            let twelfths = turn * Rational::from(12);
            return twelfths.is_int().then(|| self.at_twelfths(twelfths.numerator()));
        }
        let Node::Sum(terms) = argument.node() else { return None };
        let at = terms.iter().position(|term| turn(term).is_some())?;
        let halves = turn(&terms[at])? * Rational::from(2);
        let whole = radicals::floor(&halves);
        if whole.is_zero() {
            return None;
        }
        let shift = Expr::product([Expr::number(Rational::from(whole.clone())), Expr::fraction(1, 2), pi()]);
        let rest = argument - &shift;
        let quarter = i64::try_from(whole % IBig::from(4)).ok()?.rem_euclid(4);
        let (sin, cos) = (|| Function::Sin.of(&rest), || Function::Cos.of(&rest));
        Some(match (self, quarter) {
            (Function::Sin, 0) | (Function::Cos, 3) => sin(),
            (Function::Sin, 1) | (Function::Cos, 0) => cos(),
            (Function::Sin, 2) | (Function::Cos, 1) => -sin(),
            (Function::Sin, _) | (Function::Cos, _) => -cos(),
            (_, 0 | 2) => Function::Tan.of(&rest),
            _ => -Function::Tan.of(&rest).powi(-1),
        })
    }

    fn at_twelfths(self, twelfths: &IBig) -> Expr {
        let index = i64::try_from(twelfths % IBig::from(24)).map_or(0, |index| index.rem_euclid(24));
        match self {
            Function::Sin => sine_at(index),
            Function::Cos => sine_at((index + 6) % 24),
            _ => match index % 12 {
                6 => Expr::constant(Constant::Undefined),
                // tan(pi/12) and tan(5*pi/12), whose quotient of sums has a simpler form.
                1 | 5 | 7 | 11 => {
                    let root = Expr::int(3).sqrt();
                    let size = if matches!(index % 12, 1 | 11) { Expr::int(2) - root } else { Expr::int(2) + root };
                    if index % 12 < 6 { size } else { -size }
                }
                _ => sine_at(index) / sine_at((index + 6) % 24),
            },
        }
    }

    /// Of the inverse of another one: `sin(acos(x))`.
    fn of_inverse(self, inner: Function, of: &Expr) -> Option<Expr> {
        let other = || (Expr::one() - of.powi(2)).sqrt();
        let hypotenuse = || (Expr::one() + of.powi(2)).sqrt();
        Some(match (self, inner) {
            (Function::Sin, Function::Acos) | (Function::Cos, Function::Asin) => other(),
            (Function::Sin, Function::Atan) => of / hypotenuse(),
            (Function::Cos, Function::Atan) => hypotenuse().powi(-1),
            (Function::Tan, Function::Asin) => of / other(),
            (Function::Tan, Function::Acos) => other() / of,
            _ => return None,
        })
    }

    /// The angle whose sine, cosine or tangent is known.
    fn inverse_value(self, argument: &Expr) -> Option<Expr> {
        let angle = |twelfths: i64| Expr::product([Expr::fraction(twelfths, 12), pi()]);
        match self {
            Function::Atan => {
                if let Some(sign) = argument.infinite_sign() {
                    return Some(angle(6 * i64::from(sign)));
                }
                (-5..=5).find(|index| Function::Tan.at_twelfths(&IBig::from(*index)) == *argument).map(angle)
            }
            Function::Asin => (-6..=6).find(|index| sine_at((index + 24) % 24) == *argument).map(angle),
            _ => (0..=12).find(|index| sine_at((index + 6) % 24) == *argument).map(angle),
        }
    }
}

fn pi() -> Expr {
    Expr::constant(Constant::Pi)
}

/// The rational r of `r*pi`.
pub(super) fn turn(expr: &Expr) -> Option<Rational> {
    let (coefficient, rest) = expr.coefficient();
    rest.is_constant(Constant::Pi).then_some(coefficient)
}

/// sin(index*pi/12) for an index from 0 to 23.
fn sine_at(index: i64) -> Expr {
    let value = match if index < 12 { index } else { index - 12 }.min(12 - index % 12) {
        0 => Expr::zero(),
        1 => (Expr::int(6).sqrt() - Expr::int(2).sqrt()) * Expr::fraction(1, 4),
        2 => Expr::fraction(1, 2),
        3 => Expr::int(2).sqrt() * Expr::fraction(1, 2),
        4 => Expr::int(3).sqrt() * Expr::fraction(1, 2),
        5 => (Expr::int(6).sqrt() + Expr::int(2).sqrt()) * Expr::fraction(1, 4),
        _ => Expr::one(),
    };
    if index < 12 { value } else { -value }
}

fn logarithm(argument: &Expr) -> Option<Expr> {
    match argument.node() {
        Node::Constant(Constant::E) => Some(Expr::one()),
        Node::Constant(Constant::Infinity) => Some(argument.clone()),
        Node::Constant(Constant::I) => Some(Expr::product([Expr::fraction(1, 2), pi(), Expr::constant(Constant::I)])),
        Node::Number(number) if number.is_zero() => Some(-Expr::constant(Constant::Infinity)),
        Node::Number(number) if number.is_one() => Some(Expr::zero()),
        Node::Number(number) if *number < Rational::ZERO => {
            let turn = Expr::product([pi(), Expr::constant(Constant::I)]);
            Some(Function::Log.of(&-argument) + turn)
        }
        Node::Number(number) if number.numerator().is_one() => {
            let whole = Rational::from(number.denominator().clone());
            Some(-Function::Log.of(&Expr::number(whole)))
        }
        // Of a power of a whole number: log(8) is 3*log(2).
        Node::Number(number) if number.is_int() => {
            let roots = radicals::number_power(number, &Rational::from_parts(IBig::ONE, 60_060u32.into()));
            let Node::Power(base, exponent) = roots.node() else { return None };
            let count = exponent.as_number()? * Rational::from(60_060);
            (!count.is_one()).then(|| Expr::number(count) * Function::Log.of(base))
        }
        Node::Power(base, exponent)
            if (radicals::is_positive(base) && exponent.as_number().is_some())
                || (base.is_constant(Constant::E) && is_real_number(exponent)) =>
        {
            Some(exponent * Function::Log.of(base))
        }
        _ => None,
    }
}

/// Whether a formula is a real number by its form alone.
fn is_real_number(expr: &Expr) -> bool {
    radicals::is_positive(expr) || radicals::is_positive(&-expr)
}

fn absolute(argument: &Expr) -> Option<Expr> {
    if argument.is_zero() || radicals::is_positive(argument) {
        return Some(argument.clone());
    }
    if argument.is_infinite() {
        return Some(Expr::constant(Constant::Infinity));
    }
    match argument.node() {
        Node::Number(_) => Some(-argument),
        Node::Constant(Constant::I) => Some(Expr::one()),
        Node::Call(Function::Abs, _) => Some(argument.clone()),
        Node::Product(factors) => {
            let is_known = |factor: &Expr| absolute(factor).is_some();
            let (known, rest): (Vec<Expr>, Vec<Expr>) = factors.iter().cloned().partition(is_known);
            if known.is_empty() {
                return None;
            }
            let sizes = known.iter().filter_map(absolute);
            Some(Expr::product(sizes.chain([Function::Abs.of(&Expr::product(rest.clone()))])))
        }
        _ if radicals::is_positive(&-argument) => Some(-argument),
        _ => None,
    }
}

fn factorial(number: &IBig) -> Option<Expr> {
    let number = i64::try_from(number).ok()?;
    if number < 0 {
        return Some(Expr::constant(Constant::Undefined));
    }
    (number <= FACTORIAL_MAX)
        .then(|| Expr::number(Rational::from((2..=number).fold(IBig::ONE, |product, factor| product * factor))))
}

fn gamma(argument: &Expr) -> Option<Expr> {
    let number = argument.as_number()?;
    if number.is_int() {
        return if *number > Rational::ZERO {
            factorial(&(number.numerator() - IBig::ONE))
        } else {
            Some(Expr::constant(Constant::Undefined))
        };
    }
    let doubled = number * Rational::from(2);
    let half = i64::try_from(doubled.numerator()).ok().filter(|_| doubled.is_int())?;
    if !(1..=FACTORIAL_MAX).contains(&half) {
        return None;
    }
    // gamma(n + 1/2) = (2n)! / (4^n n!) * sqrt(pi)
    let below = (0..half / 2).map(|index| Expr::fraction(2 * index + 1, 2));
    Some(Expr::product(below.chain([pi().sqrt()])))
}
