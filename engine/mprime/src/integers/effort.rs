//! A bound on work, which the caller gives and everything that can take long spends.

use std::fmt;

/// Work between two questions whether to stop: a few milliseconds.
const WORK_BETWEEN_QUESTIONS: u64 = 4_000_000;

/// How much a call may do. A unit of work is about one product of two words of 64 bits, so that 10^9 units take one to
/// three seconds. Work is counted by size, not by the clock, so that a call that ends for lack of it ends the same everywhere.
///
/// One value may be lent to several calls, which then share it.
pub struct Effort<'a> {
    left: u64,
    unasked: u64,
    stop: Option<&'a mut dyn FnMut() -> bool>,
}

impl<'a> Effort<'a> {
    /// So many units of work.
    pub fn new(work: u64) -> Self {
        Effort { left: work, unasked: 0, stop: None }
    }

    /// So many units of work, or until `stop` says that it is enough, such as when a deadline has passed. It is asked every
    /// few milliseconds.
    pub fn until(work: u64, stop: &'a mut dyn FnMut() -> bool) -> Self {
        Effort { left: work, unasked: 0, stop: Some(stop) }
    }

    /// Units that are left; 0 once the caller's `stop` said that it is enough.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes work that is about to be done. `false` where there is not enough: then it must not be done, and all that was
    /// left is gone.
    pub(super) fn spend(&mut self, work: u64) -> bool {
        if work > self.left {
            self.left = 0;
            return false;
        }
        self.left -= work;
        self.unasked = self.unasked.saturating_add(work);
        if self.unasked >= WORK_BETWEEN_QUESTIONS {
            self.unasked = 0;
            if self.stop.as_mut().is_some_and(|stop| stop()) {
                self.left = 0;
                return false;
            }
        }
        true
    }
}

impl fmt::Debug for Effort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effort").field("left", &self.left).field("can_stop", &self.stop.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_not_there_is_not_taken() {
        let mut effort = Effort::new(10);
        assert!(effort.spend(4) && effort.spend(6));
        assert!(!effort.spend(1));
        let mut effort = Effort::new(10);
        assert!(!effort.spend(11) && effort.left() == 0);
    }

    #[test]
    fn a_caller_who_has_enough_ends_it() {
        let mut questions = 0;
        let mut stop = || {
            questions += 1;
            questions == 3
        };
        let mut effort = Effort::until(u64::MAX, &mut stop);
        let mut spent = 0;
        while effort.spend(1_000_000) {
            spent += 1;
        }
        assert_eq!((spent, effort.left()), (11, 0));
        assert!(!effort.spend(1));
    }
}
