//! How degrees of truth are joined: t-norms for `and`, their dual t-conorms for `or` (Klement, Mesiar and Pap 2000).
//!
//! Plain functions of two numbers from 0 to 1.

use crate::error::Error;

/// A t-norm, and with it the dual t-conorm `1 - T(1 - a, 1 - b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Norm {
    /// The smaller; dual the larger (Zadeh).
    #[default]
    Minimum,
    /// The product; dual the probabilistic sum `a + b - a b`.
    Product,
    /// `max(0, a + b - 1)`; dual the bounded sum (Łukasiewicz).
    Lukasiewicz,
    /// `a b / (a + b - a b)` (Hamacher).
    Hamacher,
    /// `a b / (1 + (1 - a) (1 - b))` (Einstein).
    Einstein,
    /// 0 unless one of them is 1.
    Drastic,
}

/// Names of the norms.
const NORMS: [(&str, Norm); 6] = [
    ("minimum", Norm::Minimum),
    ("product", Norm::Product),
    ("lukasiewicz", Norm::Lukasiewicz),
    ("hamacher", Norm::Hamacher),
    ("einstein", Norm::Einstein),
    ("drastic", Norm::Drastic),
];

impl Norm {
    /// The norm of a name.
    ///
    /// Errors: no such norm; the message lists those that there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        let found = NORMS.iter().find(|(known, _)| *known == name).map(|(_, norm)| *norm);
        found.ok_or_else(|| {
            let names: Vec<&str> = NORMS.iter().map(|(name, _)| *name).collect();
            Error::BadFuzzy(format!("there is no norm {name}: it is one of {}", names.join(", ")))
        })
    }

    /// How true both are together.
    pub fn and(self, a: f64, b: f64) -> f64 {
        match self {
            Norm::Minimum => a.min(b),
            Norm::Product => a * b,
            Norm::Lukasiewicz => (a + b - 1.0).max(0.0),
            Norm::Hamacher if a == 0.0 && b == 0.0 => 0.0,
            Norm::Hamacher => a * b / (a + b - a * b),
            Norm::Einstein => a * b / (1.0 + (1.0 - a) * (1.0 - b)),
            Norm::Drastic if a >= 1.0 => b,
            Norm::Drastic if b >= 1.0 => a,
            Norm::Drastic => 0.0,
        }
    }

    /// How true at least one of them is: the dual t-conorm.
    pub fn or(self, a: f64, b: f64) -> f64 {
        match self {
            // The dual by its own formula loses no digit where the general one would.
            Norm::Minimum => a.max(b),
            Norm::Product => a + b - a * b,
            Norm::Lukasiewicz => (a + b).min(1.0),
            Norm::Hamacher | Norm::Einstein | Norm::Drastic => 1.0 - self.and(1.0 - a, 1.0 - b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_norm_has_the_axioms_of_one() {
        let grid: Vec<f64> = (0..=8).map(|i| f64::from(i) / 8.0).collect();
        for (name, norm) in NORMS {
            for &a in &grid {
                assert!((norm.and(a, 1.0) - a).abs() < 1e-15 && (norm.or(a, 0.0) - a).abs() < 1e-15, "{name} {a}");
                for &b in &grid {
                    assert!((norm.and(a, b) - norm.and(b, a)).abs() < 1e-15, "{name} commutes");
                    let dual = 1.0 - norm.and(1.0 - a, 1.0 - b);
                    assert!((norm.or(a, b) - dual).abs() < 1e-15, "{name} {a} {b}");
                    for &c in &grid {
                        let (left, right) = (norm.and(a, norm.and(b, c)), norm.and(norm.and(a, b), c));
                        assert!((left - right).abs() < 1e-12, "{name} associates: {a} {b} {c}");
                        assert!(b > c || norm.and(a, b) <= norm.and(a, c) + 1e-15, "{name} is monotone");
                    }
                }
            }
        }
        assert!(Norm::named("sum").is_err());
    }
}
