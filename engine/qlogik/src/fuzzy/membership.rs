//! Membership functions: how far a number belongs to a fuzzy set, from 0 to 1.
//!
//! The shapes and their parameters are those of the field's textbooks (Jang, Sun and Mizutani 1997, chapter 2). Plain
//! functions of a number; names and rules are elsewhere.

use crate::error::Error;

/// The shape of a fuzzy set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Membership {
    /// From 0 at `a` up to 1 at `b` and down to 0 at `c`. With `a = b` or `b = c` that side is a step.
    Triangular {
        /// Where it begins.
        a: f64,
        /// Where it is 1.
        b: f64,
        /// Where it ends.
        c: f64,
    },
    /// From 0 at `a` up to 1 from `b` to `c` and down to 0 at `d`.
    Trapezoid {
        /// Where it begins.
        a: f64,
        /// Where it becomes 1.
        b: f64,
        /// Where it stops to be 1.
        c: f64,
        /// Where it ends.
        d: f64,
    },
    /// `exp(-(x - mean)² / (2 deviation²))`.
    Gaussian {
        /// Where it is 1.
        mean: f64,
        /// How wide it is; above 0.
        deviation: f64,
    },
    /// `1 / (1 + exp(-slope (x - middle)))`: rises where the slope is positive, falls where it is negative.
    Sigmoid {
        /// Where it is one half.
        middle: f64,
        /// How steep it is there, four times the derivative.
        slope: f64,
    },
    /// The generalised bell `1 / (1 + |(x - middle) / width|^(2 steepness))`.
    Bell {
        /// Half of the width at height one half; above 0.
        width: f64,
        /// How steep the sides are; above 0.
        steepness: f64,
        /// Where it is 1.
        middle: f64,
    },
    /// Two parabolas from 0 at `a` up to 1 at `b`.
    Rising {
        /// Where it begins.
        a: f64,
        /// Where it becomes 1.
        b: f64,
    },
    /// Two parabolas from 1 at `a` down to 0 at `b`.
    Falling {
        /// Where it stops to be 1.
        a: f64,
        /// Where it ends.
        b: f64,
    },
}

/// Names of the shapes, with how many numbers each takes and what they are.
const SHAPES: [(&str, usize, &str); 7] = [
    ("triangular", 3, "[begin, top, end]"),
    ("trapezoid", 4, "[begin, top begins, top ends, end]"),
    ("gaussian", 2, "[mean, deviation]"),
    ("sigmoid", 2, "[middle, slope]"),
    ("bell", 3, "[width, steepness, middle]"),
    ("rising", 2, "[begin, top]"),
    ("falling", 2, "[top ends, end]"),
];

impl Membership {
    /// The shape of a name with its parameters in the order of the fields above.
    ///
    /// Errors: no such shape, too few or too many numbers, or numbers out of order.
    pub fn new(shape: &str, numbers: &[f64]) -> Result<Self, Error> {
        let Some(&(_, count, what)) = SHAPES.iter().find(|(name, ..)| *name == shape) else {
            let names: Vec<&str> = SHAPES.iter().map(|(name, ..)| *name).collect();
            return Err(Error::BadFuzzy(format!("there is no shape {shape}: it is one of {}", names.join(", "))));
        };
        if numbers.len() != count {
            return Err(Error::BadFuzzy(format!("{shape} takes {count} numbers, {what}; here are {}", numbers.len())));
        }
        if let Some(bad) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(Error::BadFuzzy(format!("{bad} is no place on a scale")));
        }
        let ascending = numbers.windows(2).all(|pair| pair[0] <= pair[1]);
        let refuse = |why: &str| Err(Error::BadFuzzy(format!("{shape} {numbers:?}: {why}; it takes {what}")));
        match (shape, numbers) {
            ("triangular" | "trapezoid" | "rising" | "falling", _) if !ascending => refuse("the places must ascend"),
            ("rising" | "falling", [a, b]) if a == b => refuse("the two places must differ"),
            ("gaussian", &[_, deviation]) if deviation <= 0.0 => refuse("the deviation must be above 0"),
            ("sigmoid", &[_, 0.0]) => refuse("the slope must not be 0"),
            ("bell", &[width, steepness, _]) if width <= 0.0 || steepness <= 0.0 => {
                refuse("width and steepness must be above 0")
            }
            ("triangular", &[a, b, c]) => Ok(Membership::Triangular { a, b, c }),
            ("trapezoid", &[a, b, c, d]) => Ok(Membership::Trapezoid { a, b, c, d }),
            ("gaussian", &[mean, deviation]) => Ok(Membership::Gaussian { mean, deviation }),
            ("sigmoid", &[middle, slope]) => Ok(Membership::Sigmoid { middle, slope }),
            ("bell", &[width, steepness, middle]) => Ok(Membership::Bell { width, steepness, middle }),
            ("rising", &[a, b]) => Ok(Membership::Rising { a, b }),
            ("falling", &[a, b]) => Ok(Membership::Falling { a, b }),
            _ => refuse("the numbers do not fit"),
        }
    }

    /// How far `x` belongs to the set, from 0 to 1.
    pub fn of(&self, x: f64) -> f64 {
        match *self {
            Membership::Triangular { a, b, c } => ramp(x, a, b).min(1.0 - ramp_after(x, b, c)),
            Membership::Trapezoid { a, b, c, d } => ramp(x, a, b).min(1.0 - ramp_after(x, c, d)),
            Membership::Gaussian { mean, deviation } => {
                let away = (x - mean) / deviation;
                (-0.5 * away * away).exp()
            }
            Membership::Sigmoid { middle, slope } => 1.0 / (1.0 + (-slope * (x - middle)).exp()),
            Membership::Bell { width, steepness, middle } => {
                1.0 / (1.0 + ((x - middle) / width).abs().powf(2.0 * steepness))
            }
            Membership::Rising { a, b } => smooth((x - a) / (b - a)),
            Membership::Falling { a, b } => 1.0 - smooth((x - a) / (b - a)),
        }
    }

    /// Places where the shape bends: a grid that has them draws and sums a shape of straight sides exactly.
    pub(crate) fn bends(&self) -> Vec<f64> {
        match *self {
            Membership::Triangular { a, b, c } => vec![a, b, c],
            Membership::Trapezoid { a, b, c, d } => vec![a, b, c, d],
            Membership::Rising { a, b } | Membership::Falling { a, b } => vec![a, (a + b) / 2.0, b],
            Membership::Gaussian { mean, .. } => vec![mean],
            Membership::Sigmoid { middle, .. } | Membership::Bell { middle, .. } => vec![middle],
        }
    }
}

/// 0 before `from`, 1 from `to` on, straight between. Where both are one place, that place belongs to the top.
fn ramp(x: f64, from: f64, to: f64) -> f64 {
    if x >= to {
        1.0
    } else if x <= from {
        0.0
    } else {
        (x - from) / (to - from)
    }
}

/// 0 up to `from`, 1 from `to` on. Where both are one place, that place belongs to the top before it.
fn ramp_after(x: f64, from: f64, to: f64) -> f64 {
    if x <= from {
        0.0
    } else if x >= to {
        1.0
    } else {
        (x - from) / (to - from)
    }
}

fn smooth(share: f64) -> f64 {
    if share <= 0.0 {
        0.0
    } else if share <= 0.5 {
        2.0 * share * share
    } else if share < 1.0 {
        1.0 - 2.0 * (1.0 - share) * (1.0 - share)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_belongs_to_the_top() {
        let step = Membership::new("trapezoid", &[0.0, 0.0, 2.0, 2.0]).unwrap();
        assert_eq!([-0.1, 0.0, 1.0, 2.0, 2.1].map(|x| step.of(x)), [0.0, 1.0, 1.0, 1.0, 0.0]);
        let spike = Membership::new("triangular", &[1.0, 1.0, 1.0]).unwrap();
        assert_eq!([0.9, 1.0, 1.1].map(|x| spike.of(x)), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        let wrong = |shape: &str, numbers: &[f64]| Membership::new(shape, numbers).unwrap_err().to_string();
        assert!(wrong("square", &[1.0]).starts_with("there is no shape square: it is one of triangular"));
        assert_eq!(wrong("gaussian", &[1.0]), "gaussian takes 2 numbers, [mean, deviation]; here are 1");
        assert!(wrong("gaussian", &[1.0, 0.0]).contains("the deviation must be above 0"));
        assert!(wrong("triangular", &[2.0, 1.0, 3.0]).contains("must ascend"));
        assert!(wrong("bell", &[f64::NAN, 1.0, 1.0]).contains("NaN is no place"));
        assert!(wrong("rising", &[1.0, 1.0]).contains("must differ"));
    }
}
