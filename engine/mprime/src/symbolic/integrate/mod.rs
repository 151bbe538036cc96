//! Integrals: antiderivatives by a few methods, each checked by its derivative, and integrals between two points.

mod definite;
mod fractions;
mod parts;
mod quadratics;
mod sides;
mod trigonometry;

use std::collections::HashSet;

use super::{
    Assumptions, Constant, Expr, Function, MathError, Node, cancel, check::same_values, expand, rational::Generators,
    simplify,
};

pub use definite::{Definite, integrate_between};

/// How deep integrals may follow from integrals.
const DEPTH_MAX: usize = 10;
/// Integrals that one question may be turned into.
const WORK_MAX: usize = 400;
/// The size beyond which an integrand is not looked at: it would come from a method that leads nowhere.
const SIZE_MAX: usize = 400;

/// An antiderivative of a formula by a name.
///
/// The methods are: linearity, a table of functions of linear arguments, fractions of polynomials with rational coefficients
/// (by their factors), products of sines and cosines as sums, integration by parts, substitution, and, for real values of the
/// name, absolute values and signs between the zeros of what stands in them. What is returned has been differentiated again and compared with the question at random points.
///
/// # Errors
/// A formula of which none of the methods finds an antiderivative; there may be one.
pub fn integrate(expr: &Expr, name: &str) -> Result<Expr, MathError> {
    if expr.is_undefined() {
        return Err(MathError::undefined());
    }
    let none = || {
        MathError::new(format!("no antiderivative of `{expr}` by `{name}` was found"))
            .help("There may be none that functions known here make up; between two points there is a numerical value")
    };
    let mut integrator = Integrator { name, work: 0, open: HashSet::new() };
    let short = simplify(expr, &Assumptions::default());
    let mut assumptions = Assumptions::default();
    let mut found = integrator.integral(expr, 0).or_else(|| integrator.integral(&short, 0));
    if sides::has_sides(expr, name) {
        // Absolute values have derivatives over the real numbers only.
        assumptions.assume(&format!("{name} real"))?;
    } else if found.is_none() {
        // What is an absolute value for real numbers is integrated as one.
        assumptions.assume(&format!("{name} real"))?;
        let short = simplify(expr, &assumptions);
        found = if sides::has_sides(&short, name) { integrator.integral(&short, 0) } else { None };
    }
    let found = found.ok_or_else(none)?;
    let is_right =
        |found: &Expr| found.derivative(name).is_ok_and(|derivative| same_values(&derivative, expr, &assumptions));
    if !is_right(&found) {
        return Err(none());
    }
    let shown = simplify(&found, &assumptions);
    let (shown, _) = without_constant(&shown, name);
    Ok(if is_right(&shown) { shown } else { found })
}

/// A sum without the terms that a name is not in, and these.
fn without_constant(expr: &Expr, name: &str) -> (Expr, Expr) {
    let (kept, left): (Vec<Expr>, Vec<Expr>) = expr.terms().iter().cloned().partition(|term| term.contains(name));
    (Expr::sum(kept), Expr::sum(left))
}

struct Integrator<'a> {
    name: &'a str,
    work: usize,
    /// Integrands that are being worked on: one that comes up again below itself leads nowhere.
    open: HashSet<Expr>,
}

impl Integrator<'_> {
    fn integral(&mut self, expr: &Expr, depth: usize) -> Option<Expr> {
        self.work += 1;
        if depth > DEPTH_MAX || self.work > WORK_MAX || expr.size() > SIZE_MAX || expr.is_undefined() {
            return None;
        }
        let x = Expr::symbol(self.name);
        if !expr.contains(self.name) {
            return Some(expr * &x);
        }
        if let Node::Sum(terms) = expr.node()
            && let Some(found) = terms.iter().map(|term| self.integral(term, depth + 1)).collect::<Option<Vec<_>>>()
        {
            return Some(Expr::sum(found));
        }
        let (constants, rest): (Vec<Expr>, Vec<Expr>) =
            expr.factors().iter().cloned().partition(|factor| !factor.contains(self.name));
        if !constants.is_empty() {
            let inner = self.integral(&Expr::product(rest), depth + 1)?;
            return Some(Expr::product(constants) * inner);
        }
        if !self.open.insert(expr.clone()) {
            return None;
        }
        let found = self.by_methods(expr, depth);
        self.open.remove(expr);
        found
    }

    fn by_methods(&mut self, expr: &Expr, depth: usize) -> Option<Expr> {
        if let Some(found) = self.table(expr) {
            return Some(found);
        }
        if sides::has_sides(expr, self.name) {
            let pieces = sides::pieces(expr, self.name, None)?;
            return sides::joined(&pieces, self.name, |piece| self.integral(piece, depth + 1));
        }
        if self.is_fraction(expr)
            && let Some(found) =
                fractions::integral(expr, self.name).or_else(|| quadratics::biquadratic(expr, self.name))
        {
            return Some(found);
        }
        if let Some(sum) = trigonometry::as_sum(expr, self.name) {
            return self.integral(&sum, depth + 1);
        }
        if let Some(found) = self.by_substitution(expr, depth) {
            return Some(found);
        }
        if let Some(found) = quadratics::square_root(expr, self.name) {
            return Some(found);
        }
        if let Some(found) = parts::exponential_times_wave(expr, self.name) {
            return Some(found);
        }
        if let Some((kept, integrated)) = parts::split(expr, self.name)
            && let Some(antiderivative) = self.integral(&integrated, depth + 1)
        {
            let rate = kept.derivative(self.name).ok()?;
            if let Some(rest) = self.integral(&cancel(&(&antiderivative * rate)), depth + 1) {
                return Some(kept * antiderivative - rest);
            }
        }
        let expanded = expand(expr);
        if expanded != *expr && matches!(expanded.node(), Node::Sum(_)) {
            return self.integral(&expanded, depth + 1);
        }
        None
    }

    /// Whether it is a quotient of polynomials in the name.
    fn is_fraction(&self, expr: &Expr) -> bool {
        let generators = Generators::of(&[expr]);
        generators.exprs().iter().all(|own| own.as_symbol() == Some(self.name) || !own.contains(self.name))
    }

    /// a and b of a*x + b.
    fn linear(&self, expr: &Expr) -> Option<(Expr, Expr)> {
        linear(expr, self.name)
    }

    /// Powers and functions of linear arguments.
    fn table(&self, expr: &Expr) -> Option<Expr> {
        match expr.node() {
            Node::Symbol(_) => Some(expr.powi(2) * Expr::fraction(1, 2)),
            Node::Power(base, exponent) => self.power(expr, base, exponent),
            Node::Call(function, argument) => {
                let (rate, _) = self.linear(argument)?;
                Some(antiderivative(*function, argument)? / rate)
            }
            _ => None,
        }
    }

    fn power(&self, whole: &Expr, base: &Expr, exponent: &Expr) -> Option<Expr> {
        if !exponent.contains(self.name) {
            if let Node::Call(function @ (Function::Sin | Function::Cos | Function::Cosh | Function::Sinh), argument) =
                base.node()
                && exponent.is_int(-2)
            {
                let (rate, _) = self.linear(argument)?;
                let found = match function {
                    Function::Cos => Function::Tan.of(argument),
                    Function::Sin => -Function::Tan.of(argument).powi(-1),
                    Function::Cosh => Function::Tanh.of(argument),
                    _ => -Function::Tanh.of(argument).powi(-1),
                };
                return Some(found / rate);
            }
            if let Node::Call(Function::Tan, argument) = base.node()
                && exponent.is_int(2)
            {
                let (rate, _) = self.linear(argument)?;
                return Some(base / rate - Expr::symbol(self.name));
            }
            let (rate, _) = self.linear(base)?;
            if exponent.is_int(-1) {
                return Some(Function::Log.of(base) / rate);
            }
            let next = exponent + Expr::one();
            return Some(base.pow(&next) / (next * rate));
        }
        if base.contains(self.name) {
            return None;
        }
        if let Some((rate, _)) = self.linear(exponent) {
            return Some(whole / (rate * Function::Log.of(base)));
        }
        if base.is_constant(Constant::E) { self.gauss(exponent) } else { None }
    }

    /// e to a quadratic power: the error function of a completed square.
    fn gauss(&self, exponent: &Expr) -> Option<Expr> {
        let x = Expr::symbol(self.name);
        let second = exponent.derivative(self.name).ok()?.derivative(self.name).ok()?;
        let a = expand(&(second * Expr::fraction(-1, 2)));
        let is_positive = super::real_value(&a).is_some_and(|value| value > 0.0);
        if a.contains(self.name) || !is_positive {
            return None;
        }
        let (b, c) = self.linear(&expand(&(exponent + &a * x.powi(2)))).or_else(|| {
            let rest = expand(&(exponent + &a * x.powi(2)));
            (!rest.contains(self.name)).then(|| (Expr::zero(), rest))
        })?;
        let root = a.sqrt();
        let argument = &root * &x - &b / (Expr::int(2) * &root);
        let height = (c + b.powi(2) / (Expr::int(4) * &a)).exp();
        let pi = Expr::constant(Constant::Pi);
        Some(Expr::fraction(1, 2) * pi.sqrt() / root * height * Function::Erf.of(&argument))
    }

    /// A part of the integrand in the place of the name, where its derivative stands before the rest.
    fn by_substitution(&mut self, expr: &Expr, depth: usize) -> Option<Expr> {
        let mut candidates = Vec::new();
        inner(expr, self.name, &mut candidates);
        candidates.sort_by_key(|candidate: &Expr| std::cmp::Reverse(candidate.size()));
        candidates.dedup();
        let stand_in = Expr::symbol("#u");
        for candidate in candidates {
            let Ok(rate) = candidate.derivative(self.name) else { continue };
            if rate.is_zero() || linear(&candidate, self.name).is_some() && expr.size() < 4 {
                continue;
            }
            let quotient = cancel(&(expr / rate));
            let replaced = replaced(&quotient, &candidate, &stand_in);
            if replaced.contains(self.name) || replaced.size() > expr.size() + 4 {
                continue;
            }
            let outer = std::mem::replace(&mut self.name, "#u");
            let found = self.integral(&replaced, depth + 1);
            self.name = outer;
            if let Some(found) = found {
                return Some(found.substitute("#u", &candidate));
            }
        }
        None
    }
}

/// a and b of a*x + b, a not zero.
fn linear(expr: &Expr, name: &str) -> Option<(Expr, Expr)> {
    let rate = expand(&expr.derivative(name).ok()?);
    if rate.is_zero() || rate.contains(name) {
        return None;
    }
    let rest = expand(&(expr - &rate * Expr::symbol(name)));
    (!rest.contains(name)).then_some((rate, rest))
}

/// Parts of a formula that hold the name and are more than it: arguments, bases, exponents and functions.
fn inner(expr: &Expr, name: &str, found: &mut Vec<Expr>) {
    let mut keep = |expr: &Expr| {
        if expr.contains(name) && expr.as_symbol().is_none() {
            found.push(expr.clone());
        }
    };
    match expr.node() {
        Node::Call(_, argument) => {
            keep(argument);
            keep(expr);
        }
        Node::Power(base, exponent) => {
            keep(base);
            keep(exponent);
            if !base.contains(name) || exponent.as_int().is_none() {
                keep(expr);
            }
            // x^4 is the square of x^2.
            if base.as_symbol().is_some()
                && let Some(power) = exponent.as_i64().filter(|power| power % 2 == 0 && *power > 2)
            {
                keep(&base.powi(power / 2));
            }
        }
        _ => {}
    }
    expr.children().into_iter().for_each(|child| inner(child, name, found));
}

/// A formula with another one in the place of a part, also where powers of the part stand.
fn replaced(expr: &Expr, from: &Expr, to: &Expr) -> Expr {
    if expr == from {
        return to.clone();
    }
    let (base, power) = from.base_and_exponent();
    if let Node::Power(own, exponent) = expr.node()
        && *own == base
        && let Some(times) = (exponent / &power).as_i64()
    {
        return to.powi(times);
    }
    expr.map(|child| replaced(child, from, to))
}

/// The antiderivative of a function by its argument.
fn antiderivative(function: Function, x: &Expr) -> Option<Expr> {
    let one = Expr::one;
    let log = |of: Expr| Function::Log.of(&of);
    let half = || Expr::fraction(1, 2);
    let hypotenuse = |sign: i64| (x.powi(2) + Expr::int(sign)).sqrt();
    Some(match function {
        Function::Sin => -Function::Cos.of(x),
        Function::Cos => Function::Sin.of(x),
        Function::Tan => -log(Function::Cos.of(x)),
        Function::Sinh => Function::Cosh.of(x),
        Function::Cosh => Function::Sinh.of(x),
        Function::Tanh => log(Function::Cosh.of(x)),
        Function::Log => x * log(x.clone()) - x,
        Function::Asin => x * Function::Asin.of(x) + (one() - x.powi(2)).sqrt(),
        Function::Acos => x * Function::Acos.of(x) - (one() - x.powi(2)).sqrt(),
        Function::Atan => x * Function::Atan.of(x) - half() * log(x.powi(2) + one()),
        Function::Asinh => x * Function::Asinh.of(x) - hypotenuse(1),
        Function::Acosh => x * Function::Acosh.of(x) - (x - one()).sqrt() * (x + one()).sqrt(),
        Function::Atanh => x * Function::Atanh.of(x) + half() * log(one() - x.powi(2)),
        Function::Erf => x * Function::Erf.of(x) + (-x.powi(2)).exp() / Expr::constant(Constant::Pi).sqrt(),
        Function::Abs | Function::Sign | Function::Gamma | Function::Factorial => return None,
    })
}

#[cfg(test)]
mod tests;
