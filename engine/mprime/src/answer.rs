//! Questions as people write them, and answers that people read as lines and programs as documents.
//!
//! Nothing is computed here: words and formulas are read, handed to the exact parts of this crate, and what these answer
//! is put into words. The command line and M-CODE ask the same questions; files are theirs.

mod fractions;
mod graphs;
mod numbers;

use serde::Serialize;

pub use fractions::{FractionAnswer, TERMS_MAX, continued_fraction, convergents};
pub use graphs::{
    BallAnswer, DistancesAnswer, GraphAnswer, GraphFormat, HomologyAnswer, NamedGraph, PathAnswer, ball, describe,
    distances, path,
};
pub use numbers::{
    COUNT_MAX, DiophantineAnswer, FactorAnswer, PrimalityAnswer, PrimesAnswer, ResidueAnswer, Towards, diophantine,
    factors, inverse, power, primality, primes, remainders, square_root, whole,
};

/// An answer: lines for people, and by [`Serialize`] a document for programs.
pub trait Answer: Serialize {
    /// The answer, a line each.
    fn lines(&self) -> Vec<String>;

    /// What is said beside it.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
