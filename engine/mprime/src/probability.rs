//! Probability: finite event spaces, exact, and Monte Carlo estimates with intervals where a space is not finite.
//!
//! A [`Space`] gives each combination of its variables' outcomes a rational probability; all that is asked of it but
//! entropies is exact. [`estimate_mean`] and [`estimate_probability`] ask a sampler.

mod monte_carlo;
mod random;
mod space;

use dashu_int::IBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;
use thiserror::Error;

pub use monte_carlo::{Estimate, estimate_mean, estimate_probability};
pub use random::Random;
pub use space::{Event, Space, Variable, bayes};

/// The most bits of the denominator that all probabilities of a space have in common.
pub const DENOMINATOR_BITS_MAX: usize = 1 << 12;
/// The most combinations of outcomes of a space.
pub const ATOMS_MAX: usize = 1 << 18;

/// Why there is no space or no answer. Nothing has state here: the same call fails again.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// More than is taken.
    #[error("{what} has {size} {unit}; the most is {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is, or more.
        size: usize,
        /// In what.
        unit: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// Nothing where at least one is needed.
    #[error("there are no {0}; give at least one")]
    Empty(&'static str),
    /// Lengths that belong together and differ.
    #[error("{what} has {found} entries and needs {wanted}")]
    Length {
        /// What.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// A variable without outcomes, or a name that stands twice.
    #[error("{0}")]
    BadVariable(String),
    /// A variable that the space does not have, or has not got twice.
    #[error("{0}")]
    UnknownVariable(String),
    /// A probability below 0.
    #[error("{what} {index} is {value}; probabilities and weights are 0 or more")]
    Negative {
        /// What.
        what: &'static str,
        /// Its place in the list.
        index: usize,
        /// What it is.
        value: String,
    },
    /// Probabilities that do not sum to 1, or weights that sum to 0.
    #[error("{what} sum to {sum}, and must sum to {wanted}")]
    BadSum {
        /// What.
        what: &'static str,
        /// Their sum.
        sum: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A likelihood above 1.
    #[error("likelihood {index} is {value}; a probability is at most 1")]
    AboveOne {
        /// Its place in the list.
        index: usize,
        /// What it is.
        value: String,
    },
    /// A condition of probability 0.
    #[error("the condition has probability 0, so that nothing follows from it")]
    Impossible,
    /// An event of another space.
    #[error("the event belongs to a space of {found} combinations, and this one has {wanted}")]
    OtherSpace {
        /// Combinations of the event's space.
        found: usize,
        /// Combinations of this space.
        wanted: usize,
    },
    /// A count of samples from which nothing can be said, or that is never done.
    #[error("{samples} samples were asked for; give {least} to {most}")]
    BadSamples {
        /// How many.
        samples: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A confidence that is no share.
    #[error("the confidence is {0}; give a number above 0 and below 1, such as 0.95")]
    BadConfidence(f64),
    /// A sample that is infinite or not a number.
    #[error("sample {index} is {value}; a mean is taken of finite numbers")]
    NotFinite {
        /// Which, from 0.
        index: u64,
        /// What it is.
        value: f64,
    },
}

/// Refuses denominators that are too long.
fn check_bits(what: &'static str, number: &IBig) -> Result<(), Error> {
    let size = number.bit_len();
    if size > DENOMINATOR_BITS_MAX {
        return Err(Error::TooLarge { what, size, unit: "bits", most: DENOMINATOR_BITS_MAX });
    }
    Ok(())
}

/// Refuses rationals that are too long.
fn check_ratio(what: &'static str, number: &RBig) -> Result<(), Error> {
    check_bits(what, number.numerator())?;
    check_bits(what, number.denominator().as_ibig())
}
