//! MPRIME: exact mathematics, and rewriting by equality saturation.
//!
//! [`primes`] decides primality and finds the factors of numbers of 64 bits. It needs nothing of what follows.
//! [`integers`] is number theory for numbers of any size, under a bound of work that the caller gives.
//! [`base60`] writes and reads exact numbers as the Babylonians did.
//! [`symbolic`] reads, simplifies, differentiates and solves formulas.
//! [`topology`] is about graphs, grids, simplicial complexes and the geometry of up to ten dimensions.
//! [`probability`] is about finite event spaces, exact, and estimates from samples.
//! [`answer`] takes questions to these as people write them, and gives answers for people and for programs.
//! [`phrases`] turns questions in plain words, English and German, into commands.
//!
//! Rewriting: all that an expression equals by a set of rules is kept at once in an e-graph ([`egg`]), and the cheapest of
//! it is taken at the end, so that a step that gains nothing by itself may prepare one that does. Time and size are
//! bounded: what was found until then counts.
//!
//! [`elementwise`] does that for the chains of tensor operations of a program, by rules that change no bit of any result.

pub mod answer;
pub mod base60;
pub mod elementwise;
pub mod integers;
pub mod phrases;
pub mod primes;
pub mod probability;
pub mod symbolic;
pub mod topology;
