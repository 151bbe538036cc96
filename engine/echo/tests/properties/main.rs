//! What holds for every timeline: copies, positions, merges, checks, repairs.

mod branches;
mod checks;
mod random;
mod repairs;
