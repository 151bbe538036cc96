//! Volume and surface of balls of up to ten dimensions, exact: a rational times a power of π.

use std::fmt;

use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

use super::{Error, check_dimension};

/// The most bits of the numerator or denominator of a radius.
const RADIUS_BITS_MAX: usize = 1 << 14;
/// π cut off after 60 digits, far beyond what an `f64` holds.
const PI: &str = "3141592653589793238462643383279502884197169399375105820974944";
/// Digits of [`PI`] after the point.
const PI_PLACES: usize = 60;

/// A rational times a power of π.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PiMultiple {
    /// The rational.
    pub factor: RBig,
    /// The power of π, from 0 to 5.
    pub pi_power: usize,
}

impl PiMultiple {
    /// The nearest `f64`; infinite or 0 where it is beyond their range.
    pub fn to_f64(&self) -> f64 {
        let digits: IBig = PI.parse().expect("it is a number");
        let pi = RBig::from_parts(digits, UBig::from(10u8).pow(PI_PLACES));
        (&self.factor * pi.pow(self.pi_power as isize)).to_f64().value()
    }
}

impl fmt::Display for PiMultiple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pi_power, self.factor.is_zero()) {
            (0, _) | (_, true) => write!(f, "{}", self.factor),
            (1, _) => write!(f, "{}·π", self.factor),
            (power, _) => write!(f, "{}·π^{power}", self.factor),
        }
    }
}

/// The volume of a ball of a radius: π^(n/2) · rⁿ / Γ(n/2 + 1) in n dimensions, in the radius's unit to the n. In one
/// dimension it is the length of the interval, 2·r.
///
/// Errors: no dimensions, more than ten, a radius below 0 or of more than 2^14 bits.
pub fn ball_volume(dimension: usize, radius: &RBig) -> Result<PiMultiple, Error> {
    check_radius(dimension, radius)?;
    // V(n) = V(n - 2) · 2π·r²/n, from V(0) = 1 and V(1) = 2r.
    let square = radius.sqr();
    let (mut factor, mut of) =
        if dimension.is_multiple_of(2) { (RBig::ONE, 0usize) } else { (radius * RBig::from(2u8), 1) };
    while of < dimension {
        of += 2;
        factor = factor * &square * RBig::from_parts(IBig::from(2), UBig::from(of));
    }
    Ok(PiMultiple { factor, pi_power: dimension / 2 })
}

/// The surface of a ball of a radius: the sphere of one dimension less, in the radius's unit to the n - 1. In one dimension
/// it is the count of the interval's ends, 2.
///
/// Errors: those of [`ball_volume`].
pub fn sphere_surface(dimension: usize, radius: &RBig) -> Result<PiMultiple, Error> {
    check_radius(dimension, radius)?;
    // The derivative of the volume by the radius.
    let unit = ball_volume(dimension, &RBig::ONE)?;
    let factor = unit.factor * RBig::from(dimension) * radius.pow(dimension as isize - 1);
    Ok(PiMultiple { factor, pi_power: unit.pi_power })
}

fn check_radius(dimension: usize, radius: &RBig) -> Result<(), Error> {
    check_dimension(dimension)?;
    let size = radius.numerator().bit_len().max(radius.denominator().bit_len());
    if size > RADIUS_BITS_MAX {
        return Err(Error::TooLarge { what: "the radius", size, unit: "bits", most: RADIUS_BITS_MAX });
    }
    if radius.sign() == Sign::Negative {
        return Err(Error::NegativeRadius(radius.to_string()));
    }
    Ok(())
}
