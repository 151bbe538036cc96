//! Continued fractions of quadratic irrationals: they repeat, and only they do (J. Lagrange, 1770).

use std::collections::BTreeMap;

use dashu_int::ops::{Abs, DivEuclid, SquareRoot};
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

use super::{Error, check_size, continued_fraction, is_square, magnitude};

/// The most terms, whatever the caller allows.
const TERMS_MAX: usize = 1 << 16;

/// A continued fraction that repeats: the terms before the period, and the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuadraticFraction {
    /// The terms before the period.
    pub terms: Vec<IBig>,
    /// The period; nothing where the number is rational.
    pub period: Vec<IBig>,
}

/// The continued fraction of (`add` + √`root`) / `divide` (Hardy and Wright, "An Introduction to the Theory of Numbers",
/// §10.12).
///
/// Errors: division by 0; more than `terms_max` or 2^16 terms and period together; numbers beyond
/// [`BITS_MAX`](super::BITS_MAX).
pub fn quadratic_fraction(
    add: &IBig,
    root: &UBig,
    divide: &IBig,
    terms_max: usize,
) -> Result<QuadraticFraction, Error> {
    check_size("the number under the root", root)?;
    magnitude("the number beside the root", add)?;
    magnitude("the divisor", divide)?;
    if divide.is_zero() {
        return Err(Error::Zero("continued fraction below it"));
    }
    if is_square(root) {
        let above = IBig::from(root.sqrt()) + add;
        let above = if divide.sign() == Sign::Negative { -above } else { above };
        let number = RBig::from_parts(above, divide.clone().into_parts().1);
        return Ok(QuadraticFraction { terms: continued_fraction(&number)?, period: Vec::new() });
    }
    // The divisor must divide root - add², so that it does for ever after.
    let scale = divide.abs();
    let (mut add, mut divide) = (add * &scale, divide * &scale);
    let root = IBig::from(root.clone()) * scale.sqr();
    let whole = IBig::from(root.as_ubig().expect("a square times what is not negative").sqrt());
    let terms_max = terms_max.min(TERMS_MAX);
    let mut terms: Vec<IBig> = Vec::new();
    let mut seen = BTreeMap::new();
    loop {
        if let Some(begin) = seen.insert((add.clone(), divide.clone()), terms.len()) {
            let period = terms.split_off(begin);
            return Ok(QuadraticFraction { terms, period });
        }
        if terms.len() == terms_max {
            return Err(Error::TooLarge {
                what: "the period",
                size: terms_max + 1,
                unit: "terms or more",
                most: terms_max,
            });
        }
        // The root lies between `whole` and one more, and so does its multiple by a negative number the other way round.
        let near = &add + &whole;
        let term = match divide.sign() {
            Sign::Positive => near.div_euclid(divide.clone()),
            Sign::Negative => -(near.div_euclid(-divide.clone()) + IBig::ONE),
        };
        add = &term * &divide - add;
        divide = (&root - add.sqr()) / divide;
        terms.push(term);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(add: i64, root: u64, divide: i64) -> (Vec<i64>, Vec<i64>) {
        let found = quadratic_fraction(&add.into(), &root.into(), &divide.into(), 100).expect("it is short");
        let plain = |terms: Vec<IBig>| terms.iter().map(|term| i64::try_from(term).expect("small")).collect();
        (plain(found.terms), plain(found.period))
    }

    #[test]
    fn known_fractions() {
        assert_eq!(fraction(1, 5, 2), (vec![], vec![1]));
        assert_eq!(fraction(0, 7, 1), (vec![2], vec![1, 1, 1, 4]));
        // (1 - √5)/2 and 3 + √2/5, as SymPy has them.
        assert_eq!(fraction(-1, 5, -2), (vec![-1, 2], vec![1]));
        assert_eq!(fraction(15, 2, 5), (vec![3, 3], vec![1, 1, 6]));
        assert_eq!(fraction(1, 9, 3), (vec![1, 3], vec![]));
        let long = quadratic_fraction(&0.into(), &1_000_003u32.into(), &1.into(), 100);
        assert!(matches!(long, Err(Error::TooLarge { most: 100, .. })), "{long:?}");
        assert!(quadratic_fraction(&0.into(), &2u8.into(), &0.into(), 100).is_err());
    }
}
