//! Continued fractions: of rationals, of square roots, and back.

use dashu_int::ops::SquareRoot;
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::{Error, brief, check_size, magnitude};

/// The most terms that are put together by [`convergents`].
const TERMS_MAX: usize = 1 << 13;
/// The most terms of a period, whatever the caller allows.
const PERIOD_MAX: usize = 1 << 17;

/// The continued fraction of a rational: a₀ + 1/(a₁ + 1/(a₂ + …)), as the terms a₀, a₁, …. All but the first are at least 1,
/// and the last is at least 2 where it is not the first, so that there is one answer (G. Hardy and E. Wright, "An
/// Introduction to the Theory of Numbers", §10).
///
/// Errors: a numerator or denominator beyond [`BITS_MAX`](super::BITS_MAX).
pub fn continued_fraction(number: &RBig) -> Result<Vec<IBig>, Error> {
    magnitude("the numerator", number.numerator())?;
    check_size("the denominator", number.denominator())?;
    let whole = number.floor();
    let (mut above, mut below) = (number.numerator() - &whole * number.denominator(), number.denominator().clone());
    let mut terms = vec![whole];
    while !above.is_zero() {
        let rest = UBig::try_from(above).expect("what is left of a floor is not negative");
        let term = &below / &rest;
        above = IBig::from(below - &term * &rest);
        below = rest;
        terms.push(term.into());
    }
    Ok(terms)
}

/// The rationals that a continued fraction begins with, one for each term; the last is the whole of it. Each is in lowest
/// terms and nearer to the last than any with a smaller denominator.
///
/// Errors: no terms, a term after the first below 1, more than 8192 terms, numbers beyond [`BITS_MAX`](super::BITS_MAX).
pub fn convergents(terms: &[IBig]) -> Result<Vec<RBig>, Error> {
    let first = terms.first().ok_or(Error::Empty("terms"))?;
    if terms.len() > TERMS_MAX {
        return Err(Error::TooLarge { what: "the list", size: terms.len(), unit: "terms", most: TERMS_MAX });
    }
    magnitude("a term", first)?;
    let (mut above_before, mut below_before) = (IBig::ONE, UBig::ZERO);
    let (mut above, mut below) = (first.clone(), UBig::ONE);
    let mut found = vec![RBig::from(first.clone())];
    for (index, term) in terms.iter().enumerate().skip(1) {
        let Some(size) = term.as_ubig().filter(|size| !size.is_zero()) else {
            return Err(Error::BadTerm { index, term: brief(term) });
        };
        (above, above_before) = (term * &above + above_before, above);
        (below, below_before) = (size * &below + below_before, below);
        check_size("a denominator", &below)?;
        magnitude("a numerator", &above)?;
        found.push(RBig::from_parts(above.clone(), below.clone()));
    }
    Ok(found)
}

/// The continued fraction of a square root: the whole part, and the terms that repeat for ever after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquareRootFraction {
    /// The term before the period.
    pub whole: UBig,
    /// The period; nothing where the root is whole. Its last term is twice the whole part.
    pub period: Vec<UBig>,
}

/// The continued fraction of the square root of a number (Hardy and Wright, §10.12). Periods grow about as the root itself,
/// so a bound is given.
///
/// Errors: a period of more than `terms_max` or 2^17 terms, a number beyond [`BITS_MAX`](super::BITS_MAX).
pub fn square_root_fraction(number: &UBig, terms_max: usize) -> Result<SquareRootFraction, Error> {
    check_size("the number", number)?;
    let terms_max = terms_max.min(PERIOD_MAX);
    let whole = number.sqrt();
    let mut period = Vec::new();
    if whole.sqr() == *number {
        return Ok(SquareRootFraction { whole, period });
    }
    // What is left after each term is (√number + add) / divide.
    let last = &whole << 1;
    let (mut add, mut divide, mut term) = (UBig::ZERO, UBig::ONE, whole.clone());
    while term != last {
        if period.len() == terms_max {
            return Err(Error::TooLarge {
                what: "the period of the square root",
                size: terms_max + 1,
                unit: "terms or more",
                most: terms_max,
            });
        }
        add = &divide * &term - add;
        divide = (number - add.sqr()) / divide;
        term = (&whole + &add) / &divide;
        period.push(term.clone());
    }
    Ok(SquareRootFraction { whole, period })
}
