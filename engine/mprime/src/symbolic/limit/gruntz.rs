//! The algorithm of D. Gruntz, "On Computing Limits in a Symbolic Manipulation System", 1996.
//!
//! Of all parts of a formula, those that vary most rapidly are found by comparing logarithms. They are written as powers of
//! one of them that vanishes, the scale; the formula is expanded in it, and its first term says what becomes of the whole.
//! The coefficients vary less rapidly: the limit of the first one is found in the same way.

use std::collections::HashMap;

use crate::symbolic::{
    Constant, Expr, Function, MathError, Node, Rational, expand,
    numeric::real_sign,
    series::{
        expand::{Frame, expand_in, is_imaginary, without_zeros},
        expansion::{Expansion, Stop, Work, sign_needed},
        vanish::vanishes,
    },
};

use super::{infinity, range::Ranges};

/// How many terms an expansion has, one attempt after the other.
const TERMS: [usize; 5] = [2, 4, 8, 16, 32];
/// The size of a formula beyond which its limit is refused.
const SIZE_MAX: usize = 5_000;

/// Limits as a name grows to infinity.
pub(super) struct Gruntz<'a> {
    pub(super) name: &'a str,
    pub(super) ranges: Ranges,
    pub(super) work: Work,
    limits: HashMap<Expr, Expr>,
    /// What is shown to be zero, and what not.
    zeros: HashMap<Expr, bool>,
}

impl<'a> Gruntz<'a> {
    pub(super) fn new(name: &'a str, steps: u64) -> Gruntz<'a> {
        Gruntz {
            name,
            ranges: Ranges::default(),
            work: Work::new(steps),
            limits: HashMap::new(),
            zeros: HashMap::new(),
        }
    }

    /// The limit of a formula that is prepared; it may hold parameters of what oscillates.
    pub(super) fn limit(&mut self, expr: &Expr) -> Result<Expr, Stop> {
        if !expr.contains(self.name) {
            return Ok(expr.clone());
        }
        if let Some(known) = self.limits.get(expr) {
            return Ok(known.clone());
        }
        self.work.enter()?;
        let value = self.limit_by_first_term(expr);
        self.work.leave();
        let value = value?;
        self.limits.insert(expr.clone(), value.clone());
        Ok(value)
    }

    fn limit_by_first_term(&mut self, expr: &Expr) -> Result<Expr, Stop> {
        if expr.as_symbol() == Some(self.name) {
            return Ok(infinity(1));
        }
        let (exponent, coefficient) = self.first_term(expr)?;
        match self.constant_sign(&exponent)? {
            1 => Ok(Expr::zero()),
            0 => self.limit(&coefficient),
            _ => match self.sign(&coefficient) {
                Err(Stop::Math(_)) if coefficient.any(&is_imaginary) => Err(Stop::NotReal),
                sign => Ok(infinity(sign?)),
            },
        }
    }

    /// The sign of a formula from some point on.
    pub(super) fn sign(&mut self, expr: &Expr) -> Result<i8, Stop> {
        if !expr.contains(self.name) {
            return self.constant_sign(expr);
        }
        match expr.node() {
            Node::Symbol(_) => return Ok(1),
            Node::Product(factors) => {
                let mut sign = 1;
                for factor in factors {
                    sign *= self.sign(factor)?;
                }
                return Ok(sign);
            }
            Node::Power(base, _) if base.is_constant(Constant::E) || self.is_positive_base(base) => return Ok(1),
            _ => {}
        }
        self.work.enter()?;
        let sign = self.first_term(expr).and_then(|(_, coefficient)| self.sign(&coefficient));
        self.work.leave();
        sign
    }

    fn is_positive_base(&self, base: &Expr) -> bool {
        !base.contains(self.name) && !self.ranges.is_in(base) && base.symbols().is_empty() && real_sign(base) == Some(1)
    }

    /// The sign of what does not hold the name.
    fn constant_sign(&self, expr: &Expr) -> Result<i8, Stop> {
        if self.ranges.is_in(expr) {
            return self.ranges.sign(expr).ok_or(Stop::Oscillates);
        }
        if expr.symbols().is_empty()
            && let Some(sign) = real_sign(expr)
        {
            return Ok(sign);
        }
        if crate::symbolic::radicals::is_positive(expr) {
            return Ok(1);
        }
        Err(sign_needed(expr).into())
    }

    /// Whether a formula stays within bounds, whatever its parameters are: it divides by none that may be zero.
    fn settled(&mut self, expr: &Expr) -> Result<(), Stop> {
        if !self.ranges.is_in(expr) {
            return Ok(());
        }
        let is_positive = |exponent: &Expr| exponent.as_number().is_some_and(|number| *number > Rational::ZERO);
        match expr.node() {
            Node::Power(base, exponent) if self.ranges.is_in(base) && !is_positive(exponent) => {
                self.sign(base)?;
            }
            Node::Call(Function::Log, argument) => {
                self.sign(argument)?;
            }
            Node::Call(Function::Tan | Function::Gamma | Function::Factorial, _) => return Err(Stop::Oscillates),
            _ => {}
        }
        expr.children().into_iter().try_for_each(|part| self.settled(part))
    }

    fn vanishes(&mut self, expr: &Expr) -> Result<bool, Stop> {
        if expr.as_number().is_some() {
            return Ok(expr.is_zero());
        }
        if let Some(known) = self.zeros.get(expr) {
            return Ok(*known);
        }
        self.work.spend(64 + expr.size())?;
        let is_zero = vanishes(&self.ranges.joined(expr));
        self.zeros.insert(expr.clone(), is_zero);
        Ok(is_zero)
    }

    /// The exponent and the coefficient of the first term in what varies most rapidly.
    fn first_term(&mut self, expr: &Expr) -> Result<(Expr, Expr), Stop> {
        if expr.size() > SIZE_MAX {
            return Err(MathError::new(format!("the limit leads to formulas of more than {SIZE_MAX} parts"))
                .help("Simplify the formula first")
                .into());
        }
        self.work.spend(expr.size())?;
        let fastest = self.fastest(expr)?;
        let scale = self.scale(&fastest)?;
        let before = self.work.terms;
        for terms in TERMS {
            self.work.terms = terms;
            let mut frame = Rapid { gruntz: self, scale: &scale };
            let expansion = expand_in(expr, &mut frame).and_then(|found| without_zeros(found, &mut frame));
            self.work.terms = before;
            match expansion {
                Err(Stop::More) => {}
                Err(stop) => return Err(stop),
                Ok(found) => match found.terms.into_iter().next() {
                    Some(first) => return Ok(first),
                    None if found.bound.is_none() => return Ok((Expr::zero(), Expr::zero())),
                    None => {}
                },
            }
            // What is zero has no first term, however many are looked at.
            if self.vanishes(expr)? {
                return Ok((Expr::zero(), Expr::zero()));
            }
        }
        Err(Stop::More)
    }

    /// The parts that vary most rapidly, all at the same rate.
    fn fastest(&mut self, expr: &Expr) -> Result<Vec<Expr>, Stop> {
        if !expr.contains(self.name) {
            return Ok(Vec::new());
        }
        self.work.enter()?;
        let found = self.fastest_in(expr);
        self.work.leave();
        found
    }

    fn fastest_in(&mut self, expr: &Expr) -> Result<Vec<Expr>, Stop> {
        match expr.node() {
            Node::Symbol(_) => Ok(vec![expr.clone()]),
            Node::Number(_) | Node::Constant(_) => Ok(Vec::new()),
            Node::Call(_, argument) => self.fastest(argument),
            Node::Sum(parts) | Node::Product(parts) => {
                let mut fastest = Vec::new();
                for part in parts {
                    let next = self.fastest(part)?;
                    fastest = self.faster(fastest, next)?;
                }
                Ok(fastest)
            }
            Node::Power(base, exponent) if exponent.as_number().is_some() => self.fastest(base),
            Node::Power(base, exponent) => {
                let argument = rate_of(base, exponent);
                let inner = self.fastest(&argument)?;
                if self.limit(&argument)?.is_infinite()
                    && (exponent.contains(self.name) || !exponent.symbols().is_empty())
                {
                    return self.faster(vec![expr.clone()], inner);
                }
                if exponent.contains(self.name) { Ok(inner) } else { self.fastest(base) }
            }
        }
    }

    /// Those of two sets that vary more rapidly; both where they vary at the same rate.
    fn faster(&mut self, mut left: Vec<Expr>, right: Vec<Expr>) -> Result<Vec<Expr>, Stop> {
        let (Some(first), Some(second)) = (left.first(), right.first()) else {
            return Ok(if left.is_empty() { right } else { left });
        };
        if !left.iter().any(|part| right.contains(part)) {
            let ratio = self.limit(&(self.logarithm(first) / self.logarithm(second)))?;
            if ratio.is_infinite() {
                return Ok(left);
            }
            if ratio.is_zero() {
                return Ok(right);
            }
        }
        for part in right {
            if !left.contains(&part) {
                left.push(part);
            }
        }
        Ok(left)
    }

    /// The logarithm of a part that varies most rapidly.
    fn logarithm(&self, part: &Expr) -> Expr {
        match part.node() {
            Node::Power(base, exponent) => rate_of(base, exponent),
            _ => Function::Log.of(part),
        }
    }

    /// The parts as powers of the one among them that holds none of the others.
    fn scale(&mut self, fastest: &[Expr]) -> Result<Scale, Stop> {
        let name = Expr::symbol(self.name);
        let has_name = fastest.contains(&name);
        let smallest = fastest.iter().min_by_key(|part| part.size());
        // What varies in no part, such as x^(1/log(x)), is expanded by the name itself.
        let has_name = has_name || smallest.is_none();
        let chosen = smallest.filter(|_| !has_name).unwrap_or(&name);
        let growth = self.logarithm(chosen);
        let sign = if has_name { 1 } else { self.limit(&growth)?.infinite_sign().unwrap_or(1) };
        let logarithm = if sign > 0 { -growth } else { growth };
        let mut members = HashMap::new();
        for part in fastest.iter().filter(|part| **part != name) {
            let power = if part == chosen {
                Expr::int(-i64::from(sign))
            } else {
                self.limit(&(self.logarithm(part) / &logarithm))?
            };
            if self.ranges.is_in(&power) {
                return Err(Stop::Oscillates);
            }
            members.insert(part.clone(), power);
        }
        // Where the name itself is among them, its logarithm takes its place in the coefficients.
        let logarithm = if has_name { -name } else { logarithm };
        Ok(Scale { has_name, logarithm, members })
    }
}

/// By what e is raised in a power.
fn rate_of(base: &Expr, exponent: &Expr) -> Expr {
    if base.is_constant(Constant::E) { exponent.clone() } else { exponent * Function::Log.of(base) }
}

/// What vanishes most rapidly.
struct Scale {
    /// Whether it is one over the name; the logarithm of the name is then called as the name is.
    has_name: bool,
    logarithm: Expr,
    /// The parts that are powers of it, up to what varies less rapidly.
    members: HashMap<Expr, Expr>,
}

/// The frame of a limit.
struct Rapid<'a, 'b> {
    gruntz: &'a mut Gruntz<'b>,
    scale: &'a Scale,
}

impl Rapid<'_, '_> {
    /// e to what varies less rapidly. Its canonical form is a product of powers wherever it holds logarithms, each of which
    /// may vary more rapidly than all of them together: then the logarithms are written as what stays in the exponent.
    fn exponential_of(&self, rest: &Expr) -> Expr {
        let name = self.gruntz.name;
        let value = rest.exp();
        let is_split = value.any(&|part| match part.node() {
            Node::Power(base, exponent) => {
                !base.is_constant(Constant::E) && base.contains(name) && exponent.contains(name)
            }
            _ => false,
        });
        if is_split { without_logarithms(rest, name).exp() } else { value }
    }
}

/// The terms with logarithms among their factors written by log(x) = 2*atanh((x - 1)/(x + 1)).
fn without_logarithms(expr: &Expr, name: &str) -> Expr {
    let one = Expr::one;
    Expr::sum(expr.terms().iter().map(|term| {
        Expr::product(term.factors().iter().map(|factor| match factor.node() {
            Node::Call(Function::Log, x) if x.contains(name) => {
                Expr::int(2) * Function::Atanh.of(&((x - one()) / (x + one())))
            }
            _ => factor.clone(),
        }))
    }))
}

impl Frame for Rapid<'_, '_> {
    fn work(&mut self) -> &mut Work {
        &mut self.gruntz.work
    }

    fn leaf(&mut self, expr: &Expr) -> Result<Option<Expansion>, Stop> {
        let has_name = expr.contains(self.gruntz.name);
        if has_name && self.scale.has_name {
            let is_name = expr.as_symbol() == Some(self.gruntz.name);
            return Ok(is_name.then(|| Expansion::term(Expr::one(), Expr::int(-1))));
        }
        if has_name && expr.any(&|part| self.scale.members.contains_key(part)) {
            return Ok(None);
        }
        self.gruntz.settled(expr)?;
        Ok(Some(Expansion::constant(expr.clone())))
    }

    fn log_scale(&self) -> Expr {
        self.scale.logarithm.clone()
    }

    fn is_zero(&mut self, coefficient: &Expr) -> Result<bool, Stop> {
        self.gruntz.vanishes(coefficient)
    }

    fn divisor(&mut self, coefficient: &Expr) -> Result<(), Stop> {
        if self.gruntz.ranges.is_in(coefficient) {
            self.gruntz.sign(coefficient)?;
        }
        Ok(())
    }

    fn sign(&mut self, coefficient: &Expr) -> Result<Option<i8>, Stop> {
        match self.gruntz.sign(coefficient) {
            Ok(sign) => Ok(Some(sign)),
            // A parameter is taken as it is, whatever its sign.
            Err(Stop::Math(_)) => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    fn is_one_sided(&self) -> bool {
        true
    }

    fn is_rapid(&self, expr: &Expr) -> bool {
        self.scale.members.contains_key(expr)
    }

    fn exponential(&mut self, power: &Expr, constant: Expr) -> Result<(Expr, Expr), Stop> {
        match self.scale.members.get(power) {
            Some(exponent) => {
                let rest = expand(&(constant - exponent * &self.scale.logarithm));
                Ok((self.exponential_of(&rest), exponent.clone()))
            }
            None => Ok((self.exponential_of(&constant), Expr::zero())),
        }
    }

    fn essential(&self, function: &Expr) -> Stop {
        MathError::new(format!("the limit needs `{function}` where its argument is infinite"))
            .help("Simplify the formula first")
            .into()
    }
}
