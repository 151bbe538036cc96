//! Canonical sums, products and powers.

use dashu_int::IBig;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{
    Constant, Expr, Node, Rational,
    radicals::{self, is_positive},
};

impl Expr {
    /// The sum of formulas.
    pub fn sum(terms: impl IntoIterator<Item = Expr>) -> Expr {
        let mut collected = Terms::default();
        for term in terms {
            collected.add(&term, &Rational::ONE);
        }
        collected.finish()
    }

    /// The product of formulas.
    pub fn product(factors: impl IntoIterator<Item = Expr>) -> Expr {
        let mut collected = Factors::default();
        for factor in factors {
            collected.multiply(&factor);
        }
        collected.finish()
    }

    /// The formula to a power; `0^0` is 1.
    pub fn pow(&self, exponent: &Expr) -> Expr {
        power(self, exponent)
    }

    /// The formula to a whole power.
    pub fn powi(&self, exponent: i64) -> Expr {
        power(self, &Expr::int(exponent))
    }

    /// The principal square root.
    pub fn sqrt(&self) -> Expr {
        power(self, &Expr::fraction(1, 2))
    }

    /// e to this power.
    pub fn exp(&self) -> Expr {
        power(&Expr::constant(Constant::E), self)
    }

    /// The number before a product, and the rest: 3 and `x*y` of `3*x*y`.
    pub fn coefficient(&self) -> (Rational, Expr) {
        match self.node() {
            Node::Number(number) => (number.clone(), Expr::one()),
            Node::Product(factors) => match factors[0].as_number() {
                Some(number) if factors.len() == 2 => (number.clone(), factors[1].clone()),
                Some(number) => (number.clone(), Expr::raw(Node::Product(factors[1..].to_vec()))),
                None => (Rational::ONE, self.clone()),
            },
            _ => (Rational::ONE, self.clone()),
        }
    }

    /// The base and the exponent; the exponent of what is no power is 1.
    pub fn base_and_exponent(&self) -> (Expr, Expr) {
        match self.node() {
            Node::Power(base, exponent) => (base.clone(), exponent.clone()),
            _ => (self.clone(), Expr::one()),
        }
    }

    /// The terms of a sum; of anything else, itself.
    pub fn terms(&self) -> &[Expr] {
        match self.node() {
            Node::Sum(terms) => terms,
            _ => std::slice::from_ref(self),
        }
    }

    /// The factors of a product; of anything else, itself.
    pub fn factors(&self) -> &[Expr] {
        match self.node() {
            Node::Product(factors) => factors,
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether a minus stands before it; of a formula that is not zero and its negation it does before exactly one.
    pub fn is_negated(&self) -> bool {
        match self.node() {
            Node::Number(number) => *number < Rational::ZERO,
            Node::Product(factors) => factors[0].as_number().is_some_and(|number| *number < Rational::ZERO),
            Node::Sum(terms) => terms.iter().find(|term| term.as_number().is_none()).is_some_and(Expr::is_negated),
            _ => false,
        }
    }
}

/// The terms of a sum while it is made.
#[derive(Default)]
struct Terms {
    constant: Rational,
    parts: Vec<(Expr, Rational)>,
    undefined: bool,
}

impl Terms {
    fn add(&mut self, term: &Expr, factor: &Rational) {
        match term.node() {
            Node::Number(number) => self.constant += number * factor,
            Node::Sum(terms) => terms.iter().for_each(|term| self.add(term, factor)),
            Node::Product(_) => {
                let (coefficient, rest) = term.coefficient();
                self.parts.push((rest, coefficient * factor));
            }
            Node::Constant(Constant::Undefined) => self.undefined = true,
            _ => self.parts.push((term.clone(), factor.clone())),
        }
    }

    fn finish(mut self) -> Expr {
        if self.undefined {
            return Expr::constant(Constant::Undefined);
        }
        if let Some(infinite) = self.infinite() {
            return infinite;
        }
        if self.parts.len() > 1 {
            self.parts.sort_by(|left, right| left.0.cmp(&right.0));
            self.parts.dedup_by(|next, first| {
                let same = next.0 == first.0;
                if same {
                    first.1 += &next.1;
                }
                same
            });
        }
        let mut terms = Vec::with_capacity(self.parts.len() + 1);
        if !self.constant.is_zero() {
            terms.push(Expr::number(self.constant));
        }
        for (rest, coefficient) in self.parts {
            if coefficient.is_one() {
                terms.push(rest);
            } else if !coefficient.is_zero() {
                terms.push(scaled(coefficient, rest));
            }
        }
        match terms.len() {
            0 => Expr::zero(),
            1 => terms.swap_remove(0),
            // The order is that of the terms without their numbers, so that it is the same in the negated sum.
            _ => Expr::raw(Node::Sum(terms)),
        }
    }

    /// Infinity absorbs numbers; two of unlike sign have no sum.
    fn infinite(&self) -> Option<Expr> {
        let mut signs = self
            .parts
            .iter()
            .filter(|(rest, _)| rest.is_constant(Constant::Infinity))
            .map(|(_, coefficient)| *coefficient > Rational::ZERO);
        let first = signs.next()?;
        if signs.any(|sign| sign != first) {
            return Some(Expr::constant(Constant::Undefined));
        }
        let infinite = Expr::constant(Constant::Infinity);
        let is_alone = self.parts.iter().all(|(rest, _)| rest.symbols().is_empty());
        is_alone.then(|| if first { infinite } else { scaled(Rational::NEG_ONE, infinite) })
    }
}

/// A number times a formula that is no number and has no number before it.
fn scaled(coefficient: Rational, rest: Expr) -> Expr {
    let mut factors = vec![Expr::number(coefficient)];
    match rest.node() {
        Node::Product(own) => factors.extend(own.iter().cloned()),
        // A number goes into the sum that it stands before.
        Node::Sum(terms) => {
            return Expr::sum(terms.iter().map(|term| Expr::product([factors[0].clone(), term.clone()])));
        }
        _ => factors.push(rest),
    }
    Expr::raw(Node::Product(factors))
}

/// The factors of a product while it is made.
struct Factors {
    coefficient: Rational,
    parts: Vec<(Expr, Expr)>,
    undefined: bool,
    infinite: Option<bool>,
}

impl Default for Factors {
    fn default() -> Factors {
        Factors { coefficient: Rational::ONE, parts: Vec::new(), undefined: false, infinite: None }
    }
}

impl Factors {
    fn multiply(&mut self, factor: &Expr) {
        match factor.node() {
            Node::Number(number) => self.coefficient *= number,
            Node::Product(factors) => factors.iter().for_each(|factor| self.multiply(factor)),
            Node::Power(base, exponent) => self.parts.push((base.clone(), exponent.clone())),
            Node::Constant(Constant::Undefined) => self.undefined = true,
            Node::Constant(Constant::Infinity) => self.infinite = Some(true),
            _ => self.parts.push((factor.clone(), Expr::one())),
        }
    }

    fn finish(mut self) -> Expr {
        if self.undefined {
            return Expr::constant(Constant::Undefined);
        }
        if self.infinite.is_some()
            && let Some(product) = self.infinite_product()
        {
            return product;
        }
        if self.coefficient.is_zero() {
            return Expr::zero();
        }
        if self.parts.len() > 1 {
            // Powers of numbers are added up where both exponents are numbers, or neither is.
            let key = |part: &(Expr, Expr)| part.0.as_number().is_some() && part.1.as_number().is_some();
            self.parts.sort_by(|left, right| left.0.cmp(&right.0).then_with(|| key(left).cmp(&key(right))));
            self.parts.dedup_by(|next, first| {
                let same = next.0 == first.0 && key(next) == key(first);
                if same {
                    first.1 = Expr::sum([first.1.clone(), next.1.clone()]);
                }
                same
            });
        }
        let mut factors = Vec::with_capacity(self.parts.len() + 1);
        let mut is_open = false;
        for (base, exponent) in &self.parts {
            let part = power(base, exponent);
            match part.node() {
                Node::Number(number) => self.coefficient *= number,
                Node::Product(own) => {
                    is_open = true;
                    factors.extend(own.iter().cloned());
                }
                Node::Constant(Constant::Undefined) => return part,
                _ => {
                    is_open |= part.base_and_exponent().0 != *base;
                    factors.push(part);
                }
            }
        }
        if self.infinite.is_some() {
            factors.push(Expr::constant(Constant::Infinity));
        }
        if is_open {
            // A power became several factors, which may meet others of their base.
            factors.push(Expr::number(self.coefficient));
            return Expr::product(factors);
        }
        product_of(self.coefficient, factors)
    }

    /// Infinity times numbers: only their sign counts.
    fn infinite_product(&self) -> Option<Expr> {
        if self.coefficient.is_zero() {
            return Some(Expr::constant(Constant::Undefined));
        }
        let positive = self.parts.iter().all(|(base, exponent)| is_positive(&power(base, exponent)));
        positive.then(|| {
            let infinite = Expr::constant(Constant::Infinity);
            if self.coefficient > Rational::ZERO { infinite } else { scaled(Rational::NEG_ONE, infinite) }
        })
    }
}

fn product_of(coefficient: Rational, mut factors: Vec<Expr>) -> Expr {
    if coefficient.is_zero() {
        return Expr::zero();
    }
    match factors.len() {
        0 => return Expr::number(coefficient),
        1 if coefficient.is_one() => return factors.swap_remove(0),
        1 => return scaled(coefficient, factors.swap_remove(0)),
        _ => factors.sort(),
    }
    if !coefficient.is_one() {
        factors.insert(0, Expr::number(coefficient));
    }
    Expr::raw(Node::Product(factors))
}

fn power(base: &Expr, exponent: &Expr) -> Expr {
    if base.is_undefined() || exponent.is_undefined() {
        return Expr::constant(Constant::Undefined);
    }
    if exponent.is_zero() || base.is_one() {
        // 1 to the power of infinity has no value, nor has infinity to the power of 0.
        let has_none = exponent.is_infinite() || base.is_infinite();
        return if has_none { Expr::constant(Constant::Undefined) } else { Expr::one() };
    }
    if exponent.is_one() {
        return base.clone();
    }
    if base.is_infinite() || exponent.is_infinite() {
        if let Some(value) = infinite_power(base, exponent) {
            return value;
        }
        return Expr::raw(Node::Power(base.clone(), exponent.clone()));
    }
    match (base.as_number(), exponent.as_number()) {
        (Some(base), Some(exponent)) => return radicals::number_power(base, exponent),
        (Some(number), None) => {
            if let Some(split) = split_exponent(number, base, exponent) {
                return split;
            }
        }
        (None, Some(number)) => {
            if let Some(value) = number_exponent(base, number, exponent) {
                return value;
            }
        }
        (None, None) => {}
    }
    if base.is_constant(Constant::E)
        && let Some(value) = radicals::exponential(exponent)
    {
        return value;
    }
    Expr::raw(Node::Power(base.clone(), exponent.clone()))
}

/// A number to the power of a sum with a number in it: `2^(x + 1)` is `2*2^x`.
fn split_exponent(number: &Rational, base: &Expr, exponent: &Expr) -> Option<Expr> {
    if number.is_zero() {
        return None;
    }
    let Node::Sum(terms) = exponent.node() else { return None };
    terms[0].as_number()?;
    let rest = Expr::sum(terms[1..].iter().cloned());
    Some(Expr::product([power(base, &terms[0]), power(base, &rest)]))
}

/// What is no number to the power of a number.
fn number_exponent(base: &Expr, number: &Rational, exponent: &Expr) -> Option<Expr> {
    let whole = number.is_int();
    match base.node() {
        Node::Constant(Constant::I) if whole => {
            let quarter = number.numerator() % IBig::from(4);
            let minus_i = || Expr::product([Expr::int(-1), base.clone()]);
            Some(match i64::try_from(quarter).ok()?.rem_euclid(4) {
                0 => Expr::one(),
                1 => base.clone(),
                2 => Expr::int(-1),
                _ => minus_i(),
            })
        }
        Node::Constant(Constant::I) => Some(power(&Expr::int(-1), &Expr::number(number / Rational::from(2)))),
        Node::Power(inner, own) => {
            // Right where the argument of the inner power stays within half a turn.
            let is_safe = whole
                || is_positive(inner) && own.as_number().is_some()
                || own.as_number().is_some_and(|own| *own > Rational::NEG_ONE && *own <= Rational::ONE);
            is_safe.then(|| power(inner, &Expr::product([own.clone(), exponent.clone()])))
        }
        Node::Product(factors) if whole => Some(Expr::product(factors.iter().map(|factor| power(factor, exponent)))),
        Node::Product(factors) => {
            let (outside, mut inside): (Vec<Expr>, Vec<Expr>) = factors.iter().cloned().partition(is_positive);
            let mut outside = outside;
            if let Some(first) = inside.first_mut()
                && first.as_number().is_some_and(|number| *number != Rational::NEG_ONE)
            {
                outside.push(Expr::product([Expr::int(-1), first.clone()]));
                *first = Expr::int(-1);
            }
            if outside.is_empty() {
                return None;
            }
            let rest = power(&Expr::product(inside), exponent);
            Some(Expr::product(outside.iter().map(|factor| power(factor, exponent)).chain([rest])))
        }
        _ => None,
    }
}

fn infinite_power(base: &Expr, exponent: &Expr) -> Option<Expr> {
    let infinite = || Expr::constant(Constant::Infinity);
    if let Some(sign) = exponent.infinite_sign() {
        let value = super::numeric::real_value(base)?;
        if value == 1.0 || value <= -1.0 || (base.is_infinite() && value < 0.0) {
            return Some(Expr::constant(Constant::Undefined));
        }
        let grows = (value > 1.0) == (sign > 0);
        return Some(if grows { infinite() } else { Expr::zero() });
    }
    let number = super::numeric::real_value(exponent)?;
    if number < 0.0 {
        return Some(Expr::zero());
    }
    match base.infinite_sign()? {
        1 => Some(infinite()),
        _ => {
            let whole = exponent.as_int()?;
            let is_even = (whole % IBig::from(2)).is_zero();
            Some(if is_even { infinite() } else { Expr::product([Expr::int(-1), infinite()]) })
        }
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident |$left:ident, $right:ident| $value:expr;)*) => {$(
        impl $trait<&Expr> for &Expr {
            type Output = Expr;

            fn $method(self, other: &Expr) -> Expr {
                let ($left, $right) = (self, other);
                $value
            }
        }

        impl $trait<Expr> for Expr {
            type Output = Expr;

            fn $method(self, other: Expr) -> Expr {
                $trait::$method(&self, &other)
            }
        }

        impl $trait<&Expr> for Expr {
            type Output = Expr;

            fn $method(self, other: &Expr) -> Expr {
                $trait::$method(&self, other)
            }
        }

        impl $trait<Expr> for &Expr {
            type Output = Expr;

            fn $method(self, other: Expr) -> Expr {
                $trait::$method(self, &other)
            }
        }
    )*};
}

operators! {
    Add add |left, right| Expr::sum([left.clone(), right.clone()]);
    Sub sub |left, right| Expr::sum([left.clone(), -right]);
    Mul mul |left, right| Expr::product([left.clone(), right.clone()]);
    Div div |left, right| Expr::product([left.clone(), right.powi(-1)]);
}

impl Neg for &Expr {
    type Output = Expr;

    fn neg(self) -> Expr {
        Expr::product([Expr::int(-1), self.clone()])
    }
}

impl Neg for Expr {
    type Output = Expr;

    fn neg(self) -> Expr {
        -&self
    }
}
