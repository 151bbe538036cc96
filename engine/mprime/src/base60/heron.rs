//! Heron's square root: the mean of a guess and the number over the guess is a better guess.

use dashu_int::ops::{BitTest, SquareRoot};
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

use super::{BITS_MAX, Error, PLACES_MAX, to_places};

/// The most steps: each doubles the digits that are right, and those of the fraction.
const STEPS_MAX: usize = 16;

/// A guess and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeronStep {
    /// The guess, exact.
    pub guess: RBig,
    /// The number over the guess: the root lies between both.
    pub quotient: RBig,
    /// The guess in base 60, cut off.
    pub guess_text: String,
    /// The quotient in base 60, cut off.
    pub quotient_text: String,
    /// The guess's square less the number: 0 where the guess is the root.
    pub error: RBig,
}

/// A square root step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heron {
    /// The first guess, then one for each step; none after one that is the root.
    pub steps: Vec<HeronStep>,
    /// Whether the last guess is the root.
    pub is_exact: bool,
}

/// The square root of a rational by the rule of Heron of Alexandria ("Metrica" I.8), which the Babylonians had: from a first
/// guess, by default the whole part of the root or 1, `steps` times the mean of the guess and the number over it. Each step
/// is exact, and also written in base 60 to `places` digits of the fraction.
///
/// Errors: a negative number, a guess that is not positive, 0 or more than 16 steps, numbers or places beyond the bounds of
/// the module.
pub fn heron(number: &RBig, guess: Option<&RBig>, steps: usize, places: usize) -> Result<Heron, Error> {
    check_size("the number", number)?;
    if number.sign() == Sign::Negative {
        return Err(Error::NegativeRoot(number.to_string()));
    }
    if steps == 0 || steps > STEPS_MAX {
        return Err(Error::BadSteps { steps, most: STEPS_MAX });
    }
    if places > PLACES_MAX {
        return Err(Error::TooLarge { what: "the fraction", size: places, unit: "digits", most: PLACES_MAX });
    }
    if number.is_zero() {
        let text = to_places(number, places)?;
        let zero = || RBig::ZERO;
        let only =
            HeronStep { guess: zero(), quotient: zero(), guess_text: text.clone(), quotient_text: text, error: zero() };
        return Ok(Heron { steps: vec![only], is_exact: true });
    }
    let mut guess = match guess {
        Some(guess) if guess.sign() == Sign::Negative || guess.is_zero() => {
            return Err(Error::BadGuess(guess.to_string()));
        }
        Some(guess) => guess.clone(),
        None => RBig::from(IBig::from(number.floor().sqrt().max(UBig::ONE))),
    };
    let two = RBig::from(2u8);
    let mut found: Vec<HeronStep> = Vec::with_capacity(steps + 1);
    loop {
        check_size("a guess", &guess)?;
        let quotient = number / &guess;
        let error = guess.sqr() - number;
        let next = (&guess + &quotient) / &two;
        let is_exact = error.is_zero();
        let (guess_text, quotient_text) = (to_places(&guess, places)?, to_places(&quotient, places)?);
        found.push(HeronStep { guess, quotient, guess_text, quotient_text, error });
        if is_exact || found.len() > steps {
            return Ok(Heron { steps: found, is_exact });
        }
        guess = next;
    }
}

/// Refuses numbers whose quotients would be beyond the bound of the module.
fn check_size(what: &'static str, number: &RBig) -> Result<(), Error> {
    let size = number.numerator().bit_len().max(number.denominator().bit_len());
    if size > BITS_MAX / 2 {
        return Err(Error::TooLarge { what, size, unit: "bits", most: BITS_MAX / 2 });
    }
    Ok(())
}
