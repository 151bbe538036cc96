//! Whether a job may be given away as it is accepted: a slot is free, nothing waits for one, and no other job is being
//! accepted. Many at once are better placed together, in one entry, than each by itself.
//!
//! What the scheduler of this process saw last is a hint; what is true is the scheduler's to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vacancy {
    is_there: Arc<AtomicBool>,
    submissions: Arc<AtomicUsize>,
}

/// A job that is being accepted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Submitting<'a>(&'a AtomicUsize);

impl Vacancy {
    /// The scheduler has a slot to give, or none.
    pub(crate) fn set(&self, is_there: bool) {
        self.is_there.store(is_there, Ordering::Relaxed);
    }

    /// A job begins to be accepted.
    pub(crate) fn enter(&self) -> Submitting<'_> {
        self.submissions.fetch_add(1, Ordering::Relaxed);
        Submitting(&self.submissions)
    }

    /// Whether the only job that is being accepted may find a slot.
    pub(crate) fn is_for_one(&self) -> bool {
        self.is_there.load(Ordering::Relaxed) && self.submissions.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Submitting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_comes_alone_finds_a_slot() {
        let vacancy = Vacancy::default();
        let first = vacancy.enter();
        assert!(!vacancy.is_for_one(), "the scheduler has not spoken");
        vacancy.set(true);
        assert!(vacancy.is_for_one());
        let second = vacancy.enter();
        assert!(!vacancy.is_for_one());
        drop(first);
        assert!(vacancy.is_for_one());
        drop(second);
        vacancy.set(false);
        assert!(!vacancy.is_for_one());
    }
}
