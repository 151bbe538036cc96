//! Babylonian arithmetic: exact numbers in base 60, and Heron's square root.
//!
//! Notation, that of O. Neugebauer ("The Exact Sciences in Antiquity", 1957): digits from 0 to 59 are written in base 10 and
//! parted by commas, a semicolon stands between whole digits and fraction, and digits that repeat for ever stand in
//! parentheses at the end. So `1,1,1` is 3661, `0;30` is 1/2, `-1;20` is -4/3 and `0;(8,34,17)` is 1/7.
//!
//! Arithmetic is that of [`RBig`]: read, compute, write.

mod heron;
mod notation;

use std::fmt;

use dashu_int::ops::{BitTest, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;
use thiserror::Error;

pub use heron::{Heron, HeronStep, heron};

/// The most bits of a numerator or denominator: about 44 thousand digits of base 60.
pub const BITS_MAX: usize = 1 << 18;
/// The most digits of a text or after a semicolon.
pub const PLACES_MAX: usize = 1 << 16;
/// Digits that are made by one division of a large whole number: 60^10 fits a word.
const CHUNK: u32 = 10;

/// Why there is no number or no text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// A text that is no number of base 60.
    #[error("column {column}: {cause}; {help}")]
    Parse {
        /// The character at which it is wrong, from 1; one past the last where something is missing at the end.
        column: usize,
        /// What is wrong.
        cause: String,
        /// How to mend it.
        help: String,
    },
    /// A number or text beyond a bound.
    #[error("{what} has {size} {unit}; the most is {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// In what.
        unit: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// A fraction that repeats only after more digits than were allowed.
    #[error(
        "the fraction has more than {places_max} digits in base 60 before it repeats; \
             allow more, or cut it off at some place"
    )]
    TooManyPlaces {
        /// How many were allowed.
        places_max: usize,
    },
    /// The square root of a negative number.
    #[error("{0} is negative and has no real square root; give a number that is 0 or more")]
    NegativeRoot(String),
    /// A first guess from which Heron's rule does not go to the root.
    #[error("the first guess is {0}; give a number above 0")]
    BadGuess(String),
    /// No steps, or more than are taken.
    #[error("{steps} steps of Heron's rule were asked for; give 1 to {most}")]
    BadSteps {
        /// How many were asked for.
        steps: usize,
        /// The most.
        most: usize,
    },
}

/// An exact rational as digits of base 60. Two that are equal have equal digits: none is written with leading zeros, or
/// with digits that repeat and could be written without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sexagesimal {
    is_negative: bool,
    whole: Vec<u8>,
    fixed: Vec<u8>,
    repeating: Vec<u8>,
}

impl Sexagesimal {
    /// The digits of a rational. Errors where more than `places_max` would stand after the semicolon, or numbers are beyond
    /// [`BITS_MAX`].
    pub fn new(number: &RBig, places_max: usize) -> Result<Self, Error> {
        let (is_negative, whole, mut rest) = parts(number)?;
        let denominator = number.denominator();
        let before = places_before_period(denominator);
        let places_max = places_max.min(PLACES_MAX);
        let mut fixed = Vec::new();
        for _ in 0..before {
            if fixed.len() == places_max {
                return Err(Error::TooManyPlaces { places_max });
            }
            fixed.push(next_digit(&mut rest, denominator));
        }
        let mut repeating = Vec::new();
        let first = rest.clone();
        while !rest.is_zero() {
            if fixed.len() + repeating.len() == places_max {
                return Err(Error::TooManyPlaces { places_max });
            }
            repeating.push(next_digit(&mut rest, denominator));
            if rest == first {
                break;
            }
        }
        Ok(Sexagesimal { is_negative, whole: whole_digits(&whole), fixed, repeating })
    }

    /// The rational that the digits stand for.
    pub fn to_rational(&self) -> RBig {
        let value = |digits: &[u8]| from_digits(digits);
        let whole = value(&self.whole);
        let shift = UBig::from(60u8).pow(self.fixed.len());
        let mut size = RBig::from_parts(IBig::from(whole * &shift + value(&self.fixed)), shift.clone());
        if !self.repeating.is_empty() {
            let nines = UBig::from(60u8).pow(self.repeating.len()) - UBig::ONE;
            size += RBig::from_parts(IBig::from(value(&self.repeating)), nines * shift);
        }
        if self.is_negative { -size } else { size }
    }

    /// Whether the number is below 0.
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// The digits before the semicolon, the first not 0; one 0 for a number below 1.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// The digits after the semicolon that do not repeat.
    pub fn fixed(&self) -> &[u8] {
        &self.fixed
    }

    /// The digits that repeat after those; none where the fraction ends.
    pub fn repeating(&self) -> &[u8] {
        &self.repeating
    }
}

impl fmt::Display for Sexagesimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative {
            f.write_str("-")?;
        }
        f.write_str(&joined(&self.whole))?;
        if !self.fixed.is_empty() || !self.repeating.is_empty() {
            write!(f, ";{}", joined(&self.fixed))?;
        }
        if !self.repeating.is_empty() {
            let comma = if self.fixed.is_empty() { "" } else { "," };
            write!(f, "{comma}({})", joined(&self.repeating))?;
        }
        Ok(())
    }
}

/// A rational in base 60 cut off after some digits of the fraction, towards zero, with `…` where more follow. So 1/7 to
/// three places is `0;8,34,17…`, and 1/2 is `0;30`.
///
/// Errors: more than [`PLACES_MAX`] places, numbers beyond [`BITS_MAX`].
pub fn to_places(number: &RBig, places: usize) -> Result<String, Error> {
    if places > PLACES_MAX {
        return Err(Error::TooLarge { what: "the fraction", size: places, unit: "digits", most: PLACES_MAX });
    }
    let (is_negative, whole, mut rest) = parts(number)?;
    let mut fixed = Vec::new();
    while fixed.len() < places && !rest.is_zero() {
        fixed.push(next_digit(&mut rest, number.denominator()));
    }
    let digits = Sexagesimal { is_negative, whole: whole_digits(&whole), fixed, repeating: vec![] };
    let more = if rest.is_zero() { "" } else { "…" };
    let semicolon = if digits.fixed.is_empty() && !rest.is_zero() { ";" } else { "" };
    Ok(format!("{digits}{semicolon}{more}"))
}

/// The sign of a rational, the whole part of its size, and the numerator of the rest.
fn parts(number: &RBig) -> Result<(bool, UBig, UBig), Error> {
    let above = number.numerator().clone().unsigned_abs();
    for (what, part) in [("the numerator", &above), ("the denominator", number.denominator())] {
        let size = part.bit_len();
        if size > BITS_MAX {
            return Err(Error::TooLarge { what, size, unit: "bits", most: BITS_MAX });
        }
    }
    let whole = &above / number.denominator();
    let rest = above - &whole * number.denominator();
    Ok((number.sign() == Sign::Negative, whole, rest))
}

/// Digits before those that repeat: as many as the denominator has twos, two to a place, threes or fives.
fn places_before_period(denominator: &UBig) -> usize {
    let twos = denominator.trailing_zeros().unwrap_or(0);
    let count = |prime: u8| denominator.clone().remove(&UBig::from(prime)).unwrap_or(0);
    twos.div_ceil(2).max(count(3)).max(count(5))
}

/// Takes the next digit of a fraction from what is left above its denominator.
fn next_digit(rest: &mut UBig, denominator: &UBig) -> u8 {
    *rest *= UBig::from(60u8);
    let digit = &*rest / denominator;
    *rest -= &digit * denominator;
    u8::try_from(digit).expect("what is below the denominator makes a digit below 60")
}

/// The digits of a whole number, the first not 0; one 0 for 0.
fn whole_digits(number: &UBig) -> Vec<u8> {
    let chunk = UBig::from(60u64.pow(CHUNK));
    let (mut digits, mut rest) = (Vec::new(), number.clone());
    while !rest.is_zero() {
        let next = &rest / &chunk;
        let mut low = u64::try_from(rest - &next * &chunk).expect("ten digits fit a word");
        for _ in 0..CHUNK {
            digits.push((low % 60) as u8);
            low /= 60;
        }
        rest = next;
    }
    let length = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
    digits.truncate(length.max(1));
    if digits.is_empty() {
        digits.push(0);
    }
    digits.reverse();
    digits
}

/// The whole number that digits stand for; halves are put together, so that long texts do not take the square of time.
fn from_digits(digits: &[u8]) -> UBig {
    if digits.len() <= CHUNK as usize {
        return UBig::from(digits.iter().fold(0u64, |number, digit| number * 60 + u64::from(*digit)));
    }
    let (high, low) = digits.split_at(digits.len() / 2);
    from_digits(high) * UBig::from(60u8).pow(low.len()) + from_digits(low)
}

fn joined(digits: &[u8]) -> String {
    digits.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
}
