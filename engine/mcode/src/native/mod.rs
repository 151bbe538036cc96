//! The highest level: loops and functions over numbers as native code.
//!
//! While a program runs, the machine counts how often it comes to the head of a loop and into a function. What is hot is
//! translated for the types that the registers hold at that moment ([`translate`], [`unit`]), compiled by the jit crate,
//! and kept with the program. Native code has no errors of its own: where an operation fails, a limit is hit, or a type
//! is not the expected one, all native calls that are open are turned into calls of the machine, with every register as
//! it would be there, and the machine goes on with the instruction that could not be done. So errors, their places and
//! limits are the machine's own.

mod cache;
mod compute;
mod counts;
mod entry;
mod instructions;
mod known;
mod repayment;
mod text;
mod translate;
mod unit;

pub use cache::MAKING_CODE;
pub(crate) use cache::{Native, NativeCache, Resume, Shared};
pub use counts::NativeProfile;
pub use repayment::TierUp;
pub(crate) use repayment::{Account, Repayment};
pub use text::native_text;
