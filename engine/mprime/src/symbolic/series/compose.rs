//! Powers, exponentials, logarithms and trigonometric functions of expansions.
//!
//! Each is the solution of a linear differential equation, whose coefficients follow from those before them: a term that
//! is known is carried into the later ones (D. E. Knuth, The Art of Computer Programming, volume 2, 4.7), so that any
//! real exponents do. The arguments here have no constant term and no negative exponents.

use crate::symbolic::Expr;

use super::expansion::{Collector, Expansion, Stop, Work, compare, smaller};

/// Where a solution ends.
struct End {
    bound: Option<Expr>,
    terms: usize,
}

impl End {
    fn of(argument: &Expansion, work: &Work) -> Result<End, Stop> {
        Ok(End { bound: smaller(argument.bound.as_ref(), work.width.as_ref())?, terms: work.terms })
    }

    /// Whether the next term is not to be computed.
    fn is_at(&self, exponent: &Expr, known: usize) -> Result<bool, Stop> {
        if known >= self.terms {
            return Ok(true);
        }
        match &self.bound {
            Some(bound) => Ok(compare(exponent, bound)?.is_ge()),
            None => Ok(false),
        }
    }

    /// The bound of a solution that stopped before this exponent, or that has no further terms.
    fn stopped(&self, next: Option<&Expr>, argument: &Expansion) -> Result<Option<Expr>, Stop> {
        match next {
            None => Ok(argument.bound.clone()),
            Some(next) => smaller(Some(next), self.bound.as_ref()),
        }
    }
}

/// What solves `n*y[n] = sum of weight(k, j)*s[k]*y[j]` over k + j = n, with this y[0].
fn solve(
    argument: &Expansion,
    start: Expr,
    work: &mut Work,
    weight: impl Fn(&Expr, &Expr) -> Expr,
) -> Result<Expansion, Stop> {
    let end = End::of(argument, work)?;
    let mut pending = Collector::default();
    let mut terms = Vec::new();
    let mut current = Some((Expr::zero(), start));
    while let Some((exponent, value)) = current {
        if !value.is_zero() {
            for (step, coefficient) in &argument.terms {
                let next = &exponent + step;
                if end.is_at(&next, 0)? {
                    // One more is kept: where it stands is the bound.
                    pending.add(&next, &Expr::one(), &Expr::one(), work)?;
                    break;
                }
                let factor = weight(step, &exponent);
                if !factor.is_zero() {
                    pending.add(&next, &(factor * coefficient), &value, work)?;
                }
            }
            terms.push((exponent, value));
        }
        current = match pending.first() {
            Some(next) if end.is_at(next, terms.len())? => {
                let bound = end.stopped(Some(next), argument)?;
                return Ok(Expansion { terms, bound });
            }
            _ => pending.pop().map(|(exponent, sum)| {
                let value = sum / &exponent;
                (exponent, value)
            }),
        };
    }
    let bound = end.stopped(None, argument)?;
    Ok(Expansion { terms, bound })
}

/// One more than the argument, to a power.
pub(super) fn power(argument: &Expansion, exponent: &Expr, work: &mut Work) -> Result<Expansion, Stop> {
    solve(argument, Expr::one(), work, |step, at| exponent * step - at)
}

/// e to the argument.
pub(super) fn exponential(argument: &Expansion, work: &mut Work) -> Result<Expansion, Stop> {
    solve(argument, Expr::one(), work, |step, _| step.clone())
}

/// The logarithm of one more than the argument.
pub(super) fn logarithm(argument: &Expansion, work: &mut Work) -> Result<Expansion, Stop> {
    let inverse = power(argument, &Expr::int(-1), work)?;
    argument.theta().mul(&inverse, work)?.integrated(Expr::zero())
}

/// Sine and cosine, or the hyperbolic ones, of the argument.
pub(super) fn sine_and_cosine(
    argument: &Expansion,
    is_hyperbolic: bool,
    work: &mut Work,
) -> Result<(Expansion, Expansion), Stop> {
    let end = End::of(argument, work)?;
    let mut pending = [Collector::default(), Collector::default()];
    let mut known = [Vec::new(), vec![(Expr::zero(), Expr::one())]];
    let sign = Expr::int(if is_hyperbolic { 1 } else { -1 });
    let mut current = Some((Expr::zero(), [Expr::zero(), Expr::one()]));
    let mut stopped = None;
    while let Some((exponent, values)) = current.take() {
        for (step, coefficient) in &argument.terms {
            let next = &exponent + step;
            if end.is_at(&next, 0)? {
                pending[0].add(&next, &Expr::one(), &Expr::one(), work)?;
                break;
            }
            let rate = step * coefficient;
            // The sine grows with the cosine, the cosine with the sine.
            for (at, factor) in [(0, &rate), (1, &(&rate * &sign))] {
                if !values[1 - at].is_zero() {
                    pending[at].add(&next, factor, &values[1 - at], work)?;
                }
            }
        }
        let Some(next) = smaller(pending[0].first(), pending[1].first())? else { break };
        if end.is_at(&next, known[0].len().max(known[1].len()))? {
            stopped = Some(next);
            break;
        }
        let mut values = [Expr::zero(), Expr::zero()];
        for at in 0..2 {
            if pending[at].first().is_some_and(|first| *first == next)
                && let Some((_, sum)) = pending[at].pop()
            {
                values[at] = sum / &next;
                if !values[at].is_zero() {
                    known[at].push((next.clone(), values[at].clone()));
                }
            }
        }
        current = Some((next, values));
    }
    let bound = end.stopped(stopped.as_ref(), argument)?;
    let [sine, cosine] = known.map(|terms| Expansion { terms, bound: bound.clone() });
    Ok((sine, cosine))
}
