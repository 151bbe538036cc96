//! What the leader does without being asked, by its clock: waking what rests, ending what is overdue or of no use any
//! more, forgetting what ended long ago.
//!
//! The ledger reads no clock; these proposals bring the time to it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nexus_ledger::{Command, NodeNote};
use nexus_model::{JobId, NodeId};
use nexus_wire::Refusal;

use crate::control::{ControlPlane, now_ms};
use crate::telemetry;

/// Ended jobs that are kept with their results; the oldest beyond them are forgotten. A job with a small result takes
/// about a kilobyte, so all of them about as much as an idle node.
const ENDED_JOBS_MAX: usize = 20_000;
/// How long an ended job is kept: a month of looking back.
const ENDED_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Jobs that are forgotten at once: the rest at the next look.
const FORGET_AT_ONCE: usize = 100;

/// The time by which jobs grow old: what the wall clock says, but never further from what happened last before this
/// process looked than it has been running since, nor from what the clock said when it began. A clock that jumps ahead, or
/// is ahead when its node begins to lead, makes no job old; a cluster that was off for a month keeps its jobs for a month
/// longer. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Ages {
    began: (u64, Instant),
    /// What was known at the first look, and when that was.
    looked: Arc<OnceLock<(u64, Instant)>>,
}

impl Ages {
    /// Of a process that begins at this time.
    pub(super) fn of_process(wall_ms: u64, at: Instant) -> Self {
        Ages { began: (wall_ms, at), looked: Arc::default() }
    }

    /// Now, in ms since 1970: `happened_ms` is when something happened last, 0 where nothing has.
    fn now(&self, wall_ms: u64, happened_ms: u64, at: Instant) -> u64 {
        if happened_ms == 0 {
            return 0;
        }
        let since =
            |(ms, then): (u64, Instant)| ms.saturating_add(at.saturating_duration_since(then).as_millis() as u64);
        // What happened under another clock that was ahead is written down with its time.
        let looked = self.looked.get_or_init(|| (happened_ms.min(since(self.began)), at));
        wall_ms.min(since(*looked))
    }
}

/// One look at the clock; proposes what follows.
pub(super) async fn look(control: ControlPlane, ages: Ages) -> Result<(), Refusal> {
    let now = now_ms();
    let (wakes, old, orphans) = control
        .read_local(|ledger| {
            let aged = ages.now(now, ledger.last_happened_ms(), Instant::now());
            let before = aged.saturating_sub(ENDED_AGE_MAX.as_millis() as u64);
            (ledger.has_wakes(now), ledger.forgettable(ENDED_JOBS_MAX, before, FORGET_AT_ONCE), ledger.orphans())
        })
        .await;
    if wakes {
        control.propose(Command::Wake { at_ms: now }).await?;
    }
    for job in orphans {
        control.propose(Command::CancelJob { job, at_ms: now }).await?;
    }
    for job in old {
        control.propose(Command::ForgetJob { job }).await?;
    }
    Ok(())
}

/// Writes into a node's life that it came or went. Nobody waits for it: a life without this entry is as good as the
/// leader's own that was lost before it could say so.
pub(super) async fn note(control: ControlPlane, node: NodeId, note: NodeNote) {
    if let Err(refusal) = control.propose(Command::NoteNode { node, note, at_ms: now_ms() }).await {
        tracing::debug!(%node, reason = %refusal, "what happened to a node was not written into its life");
    }
}

/// Ends the trace of a job.
pub(super) async fn trace(control: ControlPlane, job: JobId) {
    if let Some(job) = control.read_local(|ledger| ledger.job(job)).await {
        telemetry::ended(&job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;

    #[test]
    fn a_clock_that_jumps_makes_no_job_old() {
        let began = Instant::now();
        let ages = Ages::of_process(1000 * DAY_MS, began);
        let after = |days: u32| began + Duration::from_secs(24 * 3600) * days;
        assert_eq!(ages.now(1000 * DAY_MS, 0, began), 0, "nothing has happened yet, so nothing is old");
        assert_eq!(ages.now(1000 * DAY_MS, 1000 * DAY_MS, began), 1000 * DAY_MS);
        // Ten years ahead, and what is written then says so too.
        assert_eq!(ages.now(4650 * DAY_MS, 4650 * DAY_MS, after(1)), 1001 * DAY_MS);
        assert_eq!(ages.now(999 * DAY_MS, 4650 * DAY_MS, after(1)), 999 * DAY_MS, "a day back");
        assert_eq!(ages.now(1031 * DAY_MS, 1031 * DAY_MS, after(31)), 1031 * DAY_MS, "time goes by all the same");
    }

    #[test]
    fn what_was_written_under_a_clock_that_was_ahead_makes_no_job_old() {
        let began = Instant::now();
        let ages = Ages::of_process(1000 * DAY_MS, began);
        let tomorrow = began + Duration::from_secs(24 * 3600);
        // Another leader wrote its time down; then this one's jumps too.
        assert_eq!(ages.now(4650 * DAY_MS, 4650 * DAY_MS, tomorrow), 1001 * DAY_MS);
    }

    #[test]
    fn a_clock_that_is_ahead_when_its_process_begins_makes_no_job_old() {
        let began = Instant::now();
        assert_eq!(Ages::of_process(4650 * DAY_MS, began).now(4650 * DAY_MS, 1000 * DAY_MS, began), 1000 * DAY_MS);
    }
}
