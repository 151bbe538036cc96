//! What has ended on this worker and the leader has not recorded: reports, oldest first, and how much that is.
//!
//! While there is no leader, or its log is slow, nothing leaves here. So a worker that has more than
//! [`UNRECORDED_BYTES_MAX`] begins no further task; what it has begun ends and is kept, however large it is.

use std::collections::VecDeque;

use nexus_wire::FinishedTasks;
use nexus_wire::archived::finished_bytes;
use nexus_wire::limits::{COMMAND_MESSAGE_BYTES_MAX, FINISHED_BYTES_MAX};

/// Bytes of unrecorded reports from which on a worker begins nothing. Some sixteen full messages, which keep a leader busy
/// that is there, and half a second of a gigabit link, by which all of it is sent again to the next leader.
const UNRECORDED_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(UNRECORDED_BYTES_MAX >= 16 * COMMAND_MESSAGE_BYTES_MAX);
const _: () = assert!(UNRECORDED_BYTES_MAX > FINISHED_BYTES_MAX);

/// The reports that are not recorded.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded {
    reports: VecDeque<(u64, Vec<FinishedTasks>)>,
    bytes: usize,
    /// More than the bound waits, or has since that was so and less than half of it did.
    is_full: bool,
    /// The number of the newest report, recorded or not.
    last: u64,
}

impl Unrecorded {
    /// Adds a report; its number.
    pub(super) fn push(&mut self, tasks: Vec<FinishedTasks>) -> u64 {
        self.last += 1;
        self.bytes += size(&tasks);
        self.is_full |= self.bytes > UNRECORDED_BYTES_MAX;
        self.reports.push_back((self.last, tasks));
        self.last
    }

    /// The leader has recorded all reports up to this one; those of them that were here.
    pub(super) fn record(&mut self, sequence: u64) -> Vec<FinishedTasks> {
        let recorded = self.reports.partition_point(|(waiting, _)| *waiting <= sequence);
        let recorded: Vec<FinishedTasks> = self.reports.drain(..recorded).flat_map(|(_, tasks)| tasks).collect();
        self.bytes -= size(&recorded);
        // Not with each report: who begins again has something to do for a while.
        self.is_full &= self.bytes > UNRECORDED_BYTES_MAX / 2;
        recorded
    }

    /// The reports by their numbers, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, Vec<FinishedTasks>)> {
        self.reports.iter()
    }

    /// Why nothing is begun, where that is so: a sentence without a point, as a rule of the machine gives it.
    pub(super) fn reason(&self) -> Option<String> {
        self.is_full.then(|| format!("{:.0} MB of results wait to be recorded", self.bytes as f64 / 1e6))
    }
}

fn size(tasks: &[FinishedTasks]) -> usize {
    tasks.iter().map(finished_bytes).sum()
}

#[cfg(test)]
mod tests {
    use nexus_model::{AttemptToken, Cost, IndexRange, JobId, Outcome, Payload, TaskOutput};
    use nexus_wire::AttemptRange;

    use super::*;

    fn report(bytes: usize) -> Vec<FinishedTasks> {
        let attempt = AttemptRange { job: JobId(1), range: IndexRange::new(0, 1), token: AttemptToken(1) };
        let result = Payload::Inline(vec![0; bytes].into());
        let outcome = Outcome::Succeeded(TaskOutput { result, outputs: vec![] });
        vec![FinishedTasks { attempt, outcome, cost: Cost::default() }]
    }

    #[test]
    fn what_waits_is_counted_in_bytes_and_one_report_beyond_the_bound_is_kept() {
        let mut unrecorded = Unrecorded::default();
        assert_eq!(unrecorded.push(report(UNRECORDED_BYTES_MAX - 4096)), 1);
        assert_eq!(unrecorded.reason(), None);
        assert_eq!(unrecorded.push(report(2 * UNRECORDED_BYTES_MAX)), 2);
        assert_eq!(unrecorded.reason().as_deref(), Some("201 MB of results wait to be recorded"));
        assert_eq!(unrecorded.record(1).len(), 1);
        assert!(unrecorded.is_full, "the larger one is here");
        assert_eq!((unrecorded.record(7).len(), unrecorded.is_full, unrecorded.bytes), (1, false, 0));
        assert_eq!(unrecorded.push(report(1)), 3, "a number is never given twice");
    }

    #[test]
    fn nothing_is_begun_again_before_less_than_half_waits() {
        let mut unrecorded = Unrecorded::default();
        for _ in 0..5 {
            unrecorded.push(report(UNRECORDED_BYTES_MAX / 4));
        }
        assert!(unrecorded.is_full);
        unrecorded.record(2);
        assert!(unrecorded.is_full, "three quarters");
        unrecorded.record(4);
        assert!(!unrecorded.is_full, "a quarter");
        unrecorded.push(report(UNRECORDED_BYTES_MAX / 4));
        assert!(!unrecorded.is_full, "half, and it was not full");
    }
}
