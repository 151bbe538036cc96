//! Truncated expansions in powers of one small quantity, the scale, and their arithmetic.
//!
//! Exponents are real numbers, mostly rational; coefficients are formulas that count as constants beside the scale. What
//! an expansion does not know is a rest that is bounded by a power of the scale.

use std::cmp::Ordering;

use crate::symbolic::{Expr, MathError, Node, Rational, expand, numeric::real_sign};

/// Why an expansion cannot be had.
#[derive(Clone, Debug)]
pub(in crate::symbolic) enum Stop {
    /// The terms that are known cancel: more are needed.
    More,
    /// A value that does not settle decides.
    Oscillates,
    /// What grows beyond all bounds is not real.
    NotReal,
    /// A final reason.
    Math(MathError),
}

impl From<MathError> for Stop {
    fn from(error: MathError) -> Stop {
        Stop::Math(error)
    }
}

/// How much may still be done, and how far expansions go.
#[derive(Debug)]
pub(in crate::symbolic) struct Work {
    left: u64,
    depth: usize,
    /// Terms beyond which an expansion ends.
    pub(in crate::symbolic) terms: usize,
    /// The power of the scale, counted from the first term, at which an expansion ends.
    pub(in crate::symbolic) width: Option<Expr>,
}

/// Nested steps beyond which a question is refused: each takes a few kilobytes of stack.
const DEPTH_MAX: usize = 400;
/// Products of terms of coefficients beyond which a question is refused: about a second of work.
pub(in crate::symbolic) const WORK_MAX: u64 = 1_000_000;

impl Work {
    pub(in crate::symbolic) fn new(steps: u64) -> Work {
        Work { left: steps, depth: 0, terms: usize::MAX, width: None }
    }

    pub(in crate::symbolic) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(MathError::new(format!("the formula needs more than {WORK_MAX} steps of expansion"))
                .help("Ask for fewer terms, or simplify the formula first")
                .into()),
        }
    }

    pub(in crate::symbolic) fn enter(&mut self) -> Result<(), Stop> {
        self.spend(1)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(MathError::new(format!("the formula needs more than {DEPTH_MAX} nested steps of expansion"))
                .help("Name its parts and ask for them one by one")
                .into());
        }
        Ok(())
    }

    pub(in crate::symbolic) fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// Which of two exponents is larger.
pub(in crate::symbolic) fn compare(left: &Expr, right: &Expr) -> Result<Ordering, Stop> {
    if let (Some(left), Some(right)) = (left.as_number(), right.as_number()) {
        return Ok(left.cmp(right));
    }
    if left == right {
        return Ok(Ordering::Equal);
    }
    let difference = expand(&(left - right));
    match real_sign(&difference) {
        Some(sign) => Ok(sign.cmp(&0)),
        None => Err(sign_needed(&difference).into()),
    }
}

/// The error that a decision needs the sign of a formula.
pub(in crate::symbolic) fn sign_needed(of: &Expr) -> MathError {
    let names: Vec<String> = of.symbols().iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return MathError::new(format!("`{of}` is no real number, and its sign decides"));
    }
    MathError::new(format!("the sign of `{of}` decides and is not known"))
        .help(format!("Give {} a value", names.join(" and ")))
}

/// Exponents and coefficients, by rising exponent.
pub(in crate::symbolic) type Terms = Vec<(Expr, Expr)>;

/// Terms by rising exponent, and the exponent of the rest; without one there is no rest.
#[derive(Clone, Debug, Default)]
pub(in crate::symbolic) struct Expansion {
    pub(in crate::symbolic) terms: Terms,
    pub(in crate::symbolic) bound: Option<Expr>,
}

impl Expansion {
    /// A constant.
    pub(in crate::symbolic) fn constant(value: Expr) -> Expansion {
        Expansion::term(value, Expr::zero())
    }

    /// A coefficient times a power of the scale.
    pub(in crate::symbolic) fn term(coefficient: Expr, exponent: Expr) -> Expansion {
        let terms = if coefficient.is_zero() { Vec::new() } else { vec![(exponent, coefficient)] };
        Expansion { terms, bound: None }
    }

    /// Whether it is exactly zero.
    pub(super) fn is_nothing(&self) -> bool {
        self.terms.is_empty() && self.bound.is_none()
    }

    /// The exponent of the first term, else of the rest.
    pub(super) fn low(&self) -> Option<&Expr> {
        self.terms.first().map(|(exponent, _)| exponent).or(self.bound.as_ref())
    }

    pub(super) fn add(&self, other: &Expansion, work: &mut Work) -> Result<Expansion, Stop> {
        let mut sum = Collector::default();
        for (exponent, coefficient) in self.terms.iter().chain(&other.terms) {
            sum.add(exponent, &Expr::one(), coefficient, work)?;
        }
        let bound = smaller(self.bound.as_ref(), other.bound.as_ref())?;
        sum.finish(bound)
    }

    pub(super) fn mul(&self, other: &Expansion, work: &mut Work) -> Result<Expansion, Stop> {
        if self.is_nothing() || other.is_nothing() {
            return Ok(Expansion::default());
        }
        let rest = |bounded: &Expansion, by: &Expansion| Some(bounded.bound.as_ref()? + by.low()?);
        let mut bound = smaller(rest(self, other).as_ref(), rest(other, self).as_ref())?;
        if let (Some(width), Some(low), Some(lower)) = (&work.width, self.low(), other.low()) {
            let cut = low + lower + width;
            let is_cut = match (self.terms.last(), other.terms.last()) {
                (Some((left, _)), Some((right, _))) => compare(&(left + right), &cut)?.is_ge(),
                _ => false,
            };
            if is_cut {
                bound = smaller(bound.as_ref(), Some(&cut))?;
            }
        }
        let mut product = Collector::default();
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                let exponent = left + right;
                if let Some(bound) = &bound
                    && compare(&exponent, bound)?.is_ge()
                {
                    break;
                }
                product.add(&exponent, a, b, work)?;
            }
        }
        product.finish(bound)?.shortened(work)
    }

    /// Without the terms beyond the number that is asked for.
    fn shortened(mut self, work: &Work) -> Result<Expansion, Stop> {
        let most = work.terms.saturating_mul(2);
        if self.terms.len() > most {
            self.bound = Some(self.terms[most].0.clone());
            self.terms.truncate(most);
        }
        Ok(self)
    }

    /// Times a number or another constant.
    pub(super) fn scaled(&self, factor: &Expr) -> Expansion {
        if factor.is_one() {
            return self.clone();
        }
        let terms = self.terms.iter().map(|(exponent, coefficient)| (exponent.clone(), tidy(coefficient * factor)));
        Expansion {
            terms: terms.filter(|(_, coefficient)| !coefficient.is_zero()).collect(),
            bound: self.bound.clone(),
        }
    }

    /// Times a power of the scale.
    pub(super) fn shifted(&self, by: &Expr) -> Expansion {
        if by.is_zero() {
            return self.clone();
        }
        Expansion {
            terms: self.terms.iter().map(|(exponent, coefficient)| (exponent + by, coefficient.clone())).collect(),
            bound: self.bound.as_ref().map(|bound| bound + by),
        }
    }

    /// The derivative times the scale.
    pub(super) fn theta(&self) -> Expansion {
        let terms = self.terms.iter().filter(|(exponent, _)| !exponent.is_zero());
        Expansion {
            terms: terms.map(|(exponent, coefficient)| (exponent.clone(), tidy(exponent * coefficient))).collect(),
            bound: self.bound.clone(),
        }
    }

    /// What has this for its derivative times the scale, and this constant term.
    pub(super) fn integrated(&self, constant: Expr) -> Result<Expansion, Stop> {
        let mut terms = Vec::new();
        if !constant.is_zero() {
            terms.push((Expr::zero(), constant));
        }
        for (exponent, coefficient) in &self.terms {
            if !compare(exponent, &Expr::zero())?.is_gt() {
                return Err(MathError::new("a function is expanded where it is infinite").into());
            }
            terms.push((exponent.clone(), tidy(coefficient / exponent)));
        }
        Ok(Expansion { terms, bound: self.bound.clone() })
    }

    /// The terms with negative exponents, the constant term, and the rest.
    pub(super) fn parts(self) -> Result<(Terms, Expr, Expansion), Stop> {
        let (mut below, mut constant, mut above) = (Vec::new(), Expr::zero(), Vec::new());
        for (exponent, coefficient) in self.terms {
            match compare(&exponent, &Expr::zero())? {
                Ordering::Less => below.push((exponent, coefficient)),
                Ordering::Equal => constant = coefficient,
                Ordering::Greater => above.push((exponent, coefficient)),
            }
        }
        if let Some(bound) = &self.bound
            && !compare(bound, &Expr::zero())?.is_gt()
        {
            return Err(Stop::More);
        }
        Ok((below, constant, Expansion { terms: above, bound: self.bound }))
    }

    /// What stands below a power of the scale, with the rest from there on. Of the term at that power, what is not bounded
    /// stays.
    pub(in crate::symbolic) fn below(self, order: &Expr, unbounded: impl Fn(&Expr) -> Expr) -> Result<Expansion, Stop> {
        let mut terms = Vec::new();
        let mut is_cut = self.bound.is_some();
        for (exponent, coefficient) in self.terms {
            match compare(&exponent, order)? {
                Ordering::Less => terms.push((exponent, coefficient)),
                Ordering::Equal => {
                    let part = unbounded(&coefficient);
                    is_cut |= part != coefficient;
                    if !part.is_zero() {
                        terms.push((exponent, part));
                    }
                }
                Ordering::Greater => {
                    is_cut = true;
                    break;
                }
            }
        }
        Ok(Expansion { terms, bound: is_cut.then(|| order.clone()) })
    }
}

/// The smaller of two bounds, none of which is the largest.
pub(super) fn smaller(left: Option<&Expr>, right: Option<&Expr>) -> Result<Option<Expr>, Stop> {
    Ok(match (left, right) {
        (Some(left), Some(right)) => Some(if compare(left, right)?.is_le() { left.clone() } else { right.clone() }),
        (bound, None) | (None, bound) => bound.cloned(),
    })
}

/// Terms of a coefficient beyond which products are left as they are.
const TERMS_MAX: usize = 2_000;

/// A coefficient in the form in which equal ones are most often seen to be equal: multiplied out, but for the arguments of
/// its functions.
pub(super) fn tidy(coefficient: Expr) -> Expr {
    let is_closed = |factor: &Expr| match factor.node() {
        Node::Sum(_) => true,
        Node::Power(base, exponent) => {
            matches!(base.node(), Node::Sum(_)) && exponent.as_i64().is_some_and(|count| (2..=64).contains(&count))
        }
        _ => false,
    };
    let terms = coefficient.terms();
    let is_power = |term: &Expr| matches!(term.node(), Node::Power(..)) && is_closed(term);
    if !terms.iter().any(|term| is_power(term) || (term.factors().len() > 1 && term.factors().iter().any(is_closed))) {
        return coefficient;
    }
    Expr::sum(terms.iter().map(multiplied_out))
}

fn multiplied_out(term: &Expr) -> Expr {
    let mut product = vec![Expr::one()];
    for factor in term.factors() {
        let (base, count) = match factor.node() {
            Node::Power(base, exponent) if matches!(base.node(), Node::Sum(_)) => match exponent.as_i64() {
                Some(count @ 2..=64) => (base, count),
                _ => (factor, 1),
            },
            _ => (factor, 1),
        };
        for _ in 0..count {
            if product.len() * base.terms().len() > TERMS_MAX {
                return term.clone();
            }
            let next = product.iter().flat_map(|left| base.terms().iter().map(move |right| left * right));
            product = Expr::sum(next).terms().to_vec();
        }
    }
    Expr::sum(product)
}

/// Coefficients while they are added up, by rising exponent.
#[derive(Default)]
pub(super) struct Collector {
    sums: Vec<(Expr, Rational, Vec<Expr>)>,
}

impl Collector {
    /// Adds the product of two coefficients.
    pub(super) fn add(&mut self, exponent: &Expr, left: &Expr, right: &Expr, work: &mut Work) -> Result<(), Stop> {
        // The exponents mostly come in order: the search begins at the end.
        let mut at = self.sums.len();
        let mut is_new = true;
        while at > 0 {
            match compare(&self.sums[at - 1].0, exponent)? {
                Ordering::Less => break,
                Ordering::Equal => {
                    at -= 1;
                    is_new = false;
                    break;
                }
                Ordering::Greater => at -= 1,
            }
        }
        if is_new {
            self.sums.insert(at, (exponent.clone(), Rational::ZERO, Vec::new()));
        }
        let (_, number, others) = &mut self.sums[at];
        match (left.as_number(), right.as_number()) {
            (Some(left), Some(right)) => {
                work.spend(1)?;
                *number += left * right;
            }
            _ => {
                // Each term of the one is written beside each of the other.
                let sizes = left.size() * right.terms().len() + right.size() * left.terms().len();
                work.spend(sizes)?;
                others.push(left * right);
            }
        }
        Ok(())
    }

    /// Takes the first sum out.
    pub(super) fn pop(&mut self) -> Option<(Expr, Expr)> {
        if self.sums.is_empty() {
            return None;
        }
        Some(total(self.sums.remove(0)))
    }

    /// The exponent of the first sum.
    pub(super) fn first(&self) -> Option<&Expr> {
        self.sums.first().map(|(exponent, ..)| exponent)
    }

    /// All sums below a bound.
    pub(super) fn finish(self, bound: Option<Expr>) -> Result<Expansion, Stop> {
        let mut terms = Vec::with_capacity(self.sums.len());
        for sum in self.sums {
            if let Some(bound) = &bound
                && compare(&sum.0, bound)?.is_ge()
            {
                break;
            }
            let (exponent, coefficient) = total(sum);
            if !coefficient.is_zero() {
                terms.push((exponent, coefficient));
            }
        }
        Ok(Expansion { terms, bound })
    }
}

fn total((exponent, number, mut others): (Expr, Rational, Vec<Expr>)) -> (Expr, Expr) {
    if others.is_empty() {
        return (exponent, Expr::number(number));
    }
    if !number.is_zero() {
        others.push(Expr::number(number));
    }
    (exponent, tidy(Expr::sum(others)))
}
