//! Functions written by exponentials and logarithms where their arguments grow.

use crate::symbolic::{Constant, Expr, Function, MathError, Node, expand, series::expansion::Stop};

use super::gruntz::Gruntz;

/// Terms of the asymptotic expansions of `erf` and `gamma`, beyond which they are taken to be exact.
const ASYMPTOTIC_TERMS: i64 = 8;
/// Stirling's series of the logarithm of gamma: the numerators and denominators of its coefficients.
const STIRLING: [(i64, u32); 8] =
    [(1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360_360), (1, 156), (-3617, 122_400)];
/// The farthest pole of gamma that is shifted away.
const POLE_MAX: i64 = 50;

impl Gruntz<'_> {
    /// The formula as one of exponentials, logarithms, functions of what stays finite, and parameters.
    pub(super) fn prepare(&mut self, expr: &Expr) -> Result<Expr, Stop> {
        let written = self.written(expr)?;
        Ok(self.ranges.joined(&written))
    }

    fn written(&mut self, expr: &Expr) -> Result<Expr, Stop> {
        if !expr.contains(self.name) {
            return Ok(expr.clone());
        }
        self.work.enter()?;
        let mut failed = None;
        let inner = expr.map(|part| {
            self.written(part).unwrap_or_else(|stop| {
                failed = Some(stop);
                Expr::zero()
            })
        });
        let written = match (failed, inner.node()) {
            (Some(stop), _) => Err(stop),
            (None, _) if inner.is_undefined() => Err(no_value(expr)),
            (None, Node::Call(function, argument)) if argument.contains(self.name) => {
                self.call(*function, argument, &inner)
            }
            (None, Node::Power(base, exponent)) if exponent.contains(self.name) => self.power(base, exponent, &inner),
            _ => Ok(inner),
        };
        self.work.leave();
        written
    }

    fn call(&mut self, function: Function, x: &Expr, whole: &Expr) -> Result<Expr, Stop> {
        let one = Expr::one;
        if matches!(function, Function::Sin | Function::Cos | Function::Tan) {
            return self.turned(function, x, whole);
        }
        if matches!(function, Function::Abs | Function::Sign) {
            return match self.sign(x) {
                Ok(sign) if function == Function::Sign => Ok(Expr::int(i64::from(sign))),
                Ok(sign) => Ok(Expr::int(i64::from(sign)) * x),
                Err(Stop::Oscillates) => Ok(whole.clone()),
                Err(stop) => Err(stop),
            };
        }
        let value = self.limit(x)?;
        if function == Function::Factorial {
            return self.gamma(&(x + one()), &(value + one()));
        }
        if function == Function::Gamma {
            return self.gamma(x, &value);
        }
        let Some(sign) = value.infinite_sign() else { return Ok(whole.clone()) };
        let sign = Expr::int(i64::from(sign));
        let positive = &sign * x;
        Ok(match function {
            Function::Sinh => (x.exp() - (-x).exp()) * Expr::fraction(1, 2),
            Function::Cosh => (x.exp() + (-x).exp()) * Expr::fraction(1, 2),
            Function::Tanh => {
                let falling = (Expr::int(-2) * &positive).exp();
                sign * (one() - &falling) / (one() + &falling)
            }
            Function::Atan => {
                sign * Expr::constant(Constant::Pi) * Expr::fraction(1, 2) - Function::Atan.of(&x.powi(-1))
            }
            Function::Asinh => sign * Function::Log.of(&(&positive + (positive.powi(2) + one()).sqrt())),
            Function::Acosh if sign.is_one() => Function::Log.of(&(x + (x.powi(2) - one()).sqrt())),
            Function::Erf => {
                let rest = (-positive.powi(2)).exp() * complement(&positive);
                sign * (one() - rest)
            }
            Function::Log => whole.clone(),
            _ => {
                return Err(MathError::new(format!("`{whole}` is no real number where its argument grows"))
                    .help("Ask for the limit where it is real")
                    .into());
            }
        })
    }

    /// Sine, cosine and tangent of what grows oscillate: parameters stand for them.
    fn turned(&mut self, function: Function, x: &Expr, whole: &Expr) -> Result<Expr, Stop> {
        let mut growing = Vec::new();
        let mut settling = Vec::new();
        match self.limit(x) {
            Ok(value) if !value.is_infinite() => return Ok(whole.clone()),
            Err(Stop::Math(error)) => return Err(error.into()),
            _ => {}
        }
        for term in expand(x).terms() {
            match self.limit(term) {
                Ok(value) if !value.is_infinite() && !self.ranges.is_in(&value) => settling.push(term.clone()),
                Err(Stop::Math(error)) => return Err(error.into()),
                _ => growing.push(term.clone()),
            }
        }
        let (growing, settling) = (Expr::sum(growing), Expr::sum(settling));
        let (plain, sign) = if growing.is_negated() { (-growing, -1) } else { (growing, 1) };
        let (known, shift) = self.near_argument(&plain)?;
        let settling = settling + shift * Expr::int(sign);
        let (sine, cosine) = self.ranges.turn(&known);
        let sine = sine * Expr::int(sign);
        let (inner_sine, inner_cosine) = (Function::Sin.of(&settling), Function::Cos.of(&settling));
        let own_sine = || &sine * &inner_cosine + &cosine * &inner_sine;
        let own_cosine = || &cosine * &inner_cosine - &sine * &inner_sine;
        Ok(match function {
            Function::Sin => own_sine(),
            Function::Cos => own_cosine(),
            _ => own_sine() / own_cosine(),
        })
    }

    /// An argument that has a parameter already and differs by what settles, and the difference.
    fn near_argument(&mut self, argument: &Expr) -> Result<(Expr, Expr), Stop> {
        for known in self.ranges.arguments() {
            let difference = argument - &known;
            match self.limit(&difference) {
                Ok(value) if !value.is_infinite() && !self.ranges.is_in(&value) => return Ok((known, difference)),
                Err(Stop::Math(error)) => return Err(error.into()),
                _ => {}
            }
        }
        Ok((argument.clone(), Expr::zero()))
    }

    /// By Stirling's series where the argument grows; poles are shifted away.
    fn gamma(&mut self, x: &Expr, value: &Expr) -> Result<Expr, Stop> {
        let one = Expr::one;
        if let Some(sign) = value.infinite_sign() {
            if sign < 0 {
                return Err(MathError::new("gamma has poles without end where its argument falls").into());
            }
            let series = STIRLING
                .iter()
                .enumerate()
                .map(|(index, (above, below))| Expr::fraction(*above, *below) * x.powi(-1 - 2 * index as i64));
            let root = (Expr::int(2) * Expr::constant(Constant::Pi)).sqrt();
            let power = ((x - Expr::fraction(1, 2)) * Function::Log.of(x) - x).exp();
            return Ok(root * power * Expr::sum(series).exp());
        }
        let Some(pole) = value.as_i64().filter(|number| *number <= 0) else { return Ok(Function::Gamma.of(x)) };
        if pole < -POLE_MAX {
            return Err(MathError::new(format!("the pole of gamma at {pole} is farther than {POLE_MAX}")).into());
        }
        let below = (0..=-pole).map(|index| (x + Expr::int(index)).powi(-1));
        let shifted = Function::Gamma.of(&(x + Expr::int(-pole) + one()));
        Ok(Expr::product(below.chain([shifted])))
    }

    /// Powers of negative numbers, and imaginary exponents.
    fn power(&mut self, base: &Expr, exponent: &Expr, whole: &Expr) -> Result<Expr, Stop> {
        let imaginary = Expr::constant(Constant::I);
        let is_negative = !base.is_constant(Constant::E) && matches!(self.sign(base), Ok(-1));
        if !is_negative && !exponent.any(&|part| *part == imaginary) {
            return Ok(whole.clone());
        }
        let log = match (base.is_constant(Constant::E), is_negative) {
            (true, _) => Expr::one(),
            (_, true) => Function::Log.of(&-base) + Expr::constant(Constant::Pi) * &imaginary,
            _ => Function::Log.of(base),
        };
        let argument = expand(&(exponent * log));
        let (turning, growing): (Vec<Expr>, Vec<Expr>) =
            argument.terms().iter().cloned().partition(|term| term.factors().contains(&imaginary));
        let angle = Expr::sum(turning) / &imaginary;
        let (sine, cosine) = (Function::Sin.of(&angle), Function::Cos.of(&angle));
        let turn =
            self.turned(Function::Cos, &angle, &cosine)? + imaginary * self.turned(Function::Sin, &angle, &sine)?;
        Ok(Expr::sum(growing).exp() * turn)
    }
}

/// What one less the error function is, times e to the square of the argument.
fn complement(x: &Expr) -> Expr {
    let mut factor = Expr::one();
    let mut terms = vec![factor.clone()];
    for index in 1..ASYMPTOTIC_TERMS {
        factor = factor * Expr::fraction(1 - 2 * index, 2);
        terms.push(&factor * x.powi(-2 * index));
    }
    Expr::sum(terms) / (x * Expr::constant(Constant::Pi).sqrt())
}

fn no_value(expr: &Expr) -> Stop {
    MathError::new(format!("`{expr}` has no value near the point")).into()
}
