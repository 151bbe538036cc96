//! What the tests of the whole project share: the house rules as code ([`tidy`]).
//!
//! No product code depends on this crate. The tests themselves are in `tests/tests/`, one file a concern.

pub mod tidy;
