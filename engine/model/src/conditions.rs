//! When a job may run: what it waits for, what it takes from others, how long it is worth running, and when a failed task
//! is tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::job::SpecError;

/// Most jobs that one job waits for.
pub const AFTER_MAX: usize = 4096;
/// The longest pause between two attempts, however often they fail.
pub const BACKOFF_MAX: Duration = Duration::from_secs(3600);

/// The conditions of a job; the default is none: it may run at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Jobs that must have succeeded. If one of them ends otherwise, this job fails without having run.
    pub after: Vec<JobId>,
    /// Inputs that are results of other jobs, which it waits for as well.
    pub takes: Vec<Taken>,
    /// Not before this time, in ms since 1970 on the leader's clock.
    pub not_before_ms: Option<u64>,
    /// What has not ended by this time, in ms since 1970 on the leader's clock, ends as timed out.
    pub deadline_ms: Option<u64>,
    /// Pause before the second attempt of a task; doubled for each further one, up to [`BACKOFF_MAX`].
    pub backoff: Duration,
    /// Whether a task that fails by itself (a command's exit status, an error of the program) is tried again, and not
    /// only what may end differently by its nature.
    pub retry_failures: bool,
}

/// The result of another job as an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taken {
    /// Name of the input.
    pub name: String,
    /// The job; of an array the input is the list of its results.
    pub job: JobId,
    /// The named output; the result where absent.
    pub output: Option<String>,
}

impl Conditions {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Conditions::default()
    }

    /// Every job that it waits for, in order.
    pub fn jobs(&self) -> BTreeSet<JobId> {
        self.after.iter().copied().chain(self.takes.iter().map(|taken| taken.job)).collect()
    }

    /// The pause after so many attempts (at least one).
    pub fn pause_after(&self, attempts: u32) -> Duration {
        let doubled = 2u32.checked_pow(attempts.saturating_sub(1));
        doubled.and_then(|times| self.backoff.checked_mul(times)).unwrap_or(BACKOFF_MAX).min(BACKOFF_MAX)
    }

    /// Whether they can be accepted.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        let found = self.after.len() + self.takes.len();
        if found > AFTER_MAX {
            return Err(SpecError::TooLarge { what: "number of jobs to wait for", found, most: AFTER_MAX });
        }
        match (self.not_before_ms, self.deadline_ms) {
            (Some(start), Some(end)) if end <= start => Err(SpecError::Deadline),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let conditions = Conditions { backoff: Duration::from_secs(2), ..Conditions::default() };
        let pauses: Vec<u64> = [1, 2, 3, 12, 100].map(|n| conditions.pause_after(n).as_secs()).into();
        assert_eq!(pauses, vec![2, 4, 8, 3600, 3600]);
        assert_eq!(Conditions::default().pause_after(9), Duration::ZERO);
    }

    #[test]
    fn a_deadline_before_the_beginning_is_refused() {
        let times = |not_before_ms, deadline_ms| Conditions { not_before_ms, deadline_ms, ..Conditions::default() };
        assert!(times(Some(5), Some(5)).check().is_err());
        assert!(times(Some(5), Some(6)).check().is_ok());
        assert!(times(None, Some(0)).check().is_ok());
    }
}
