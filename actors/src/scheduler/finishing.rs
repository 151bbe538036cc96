//! Reports of ended tasks on their way into the ledger, gathered so that one entry carries many.
//!
//! Nothing waits for company: a report goes out as soon as a place is free, and what comes meanwhile shares the next. Where
//! the log is slower than the workers, no more is read of what they send until less waits.

use std::collections::VecDeque;

use nexus_model::NodeId;
use nexus_wire::FinishedTasks;
use nexus_wire::archived::finished_bytes;
use nexus_wire::limits::COMMAND_MESSAGE_BYTES_MAX;
use tokio::sync::oneshot;

/// Entries with reports under way at once: while one is flushed the next is filled.
const IN_FLIGHT_MAX: usize = 2;
/// About how many bytes of reports one entry carries; a single report may be larger.
const ENTRY_BYTES: usize = 1 << 20;
/// Bytes of reports that may wait, and one message more of each worker: some eight full messages, which keep the log busy
/// for as long as a worker needs to hear that it may go on.
const WAITING_BYTES_MAX: usize = 32 << 20;

const _: () = assert!(WAITING_BYTES_MAX >= 8 * COMMAND_MESSAGE_BYTES_MAX && ENTRY_BYTES < WAITING_BYTES_MAX);

/// A worker's report.
#[derive(Debug, PartialEq)]
pub(super) struct Report {
    pub(super) node: NodeId,
    pub(super) session: u64,
    pub(super) sequence: u64,
    pub(super) tasks: Vec<FinishedTasks>,
}

/// Reports that wait and entries that are under way.
#[derive(Debug, Default)]
pub(super) struct Finishing {
    waiting: VecDeque<Report>,
    /// Bytes of what waits.
    bytes: usize,
    /// Workers, by node and session, of which nothing is read until there is room.
    held_back: Vec<(NodeId, u64, oneshot::Sender<()>)>,
    /// The nodes whose entries are under way.
    in_flight: Vec<NodeId>,
}

/// One entry's worth of reports of one node, and the last sequence in it.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) node: NodeId,
    pub(super) session: u64,
    pub(super) sequence: u64,
    pub(super) tasks: Vec<FinishedTasks>,
}

impl Finishing {
    /// A report came in.
    pub(super) fn push(&mut self, report: Report) {
        self.bytes += size(&report.tasks);
        self.waiting.push_back(report);
    }

    /// Where too much waits: the way to hear, for whoever brings the reports of this session, that there is room again.
    pub(super) fn hold_back(&mut self, node: NodeId, session: u64) -> Option<oneshot::Receiver<()>> {
        if self.bytes <= WAITING_BYTES_MAX {
            return None;
        }
        let (let_in, is_let_in) = oneshot::channel();
        self.held_back.push((node, session, let_in));
        Some(is_let_in)
    }

    /// Lets everybody in, where there is room again; whose reports are read on.
    pub(super) fn let_in(&mut self) -> Vec<(NodeId, u64)> {
        if self.bytes > WAITING_BYTES_MAX {
            return Vec::new();
        }
        // Who has gone meanwhile hears nothing.
        let let_in =
            |(node, session, held): (NodeId, u64, oneshot::Sender<()>)| held.send(()).ok().map(|()| (node, session));
        self.held_back.drain(..).filter_map(let_in).collect()
    }

    /// The next entry to propose, when there is a place for it.
    pub(super) fn next(&mut self) -> Option<Batch> {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let Report { node, session, mut sequence, mut tasks } = self.waiting.pop_front()?;
        let mut bytes = size(&tasks);
        while let Some(more) = self.waiting.front()
            && (more.node, more.session) == (node, session)
        {
            let both = bytes + size(&more.tasks);
            if both > ENTRY_BYTES {
                break;
            }
            bytes = both;
            let more = self.waiting.pop_front().expect("the front was just seen");
            sequence = more.sequence;
            tasks.extend(more.tasks);
        }
        self.bytes -= bytes;
        self.in_flight.push(node);
        Some(Batch { node, session, sequence, tasks })
    }

    /// An entry of a node is recorded, or given up.
    pub(super) fn done(&mut self, node: NodeId) {
        let ended = self.in_flight.iter().position(|other| *other == node);
        self.in_flight.swap_remove(ended.expect("an entry ended that was under way"));
    }

    /// Whether a report of a node is not recorded yet.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.in_flight.contains(&node) || self.waiting.iter().any(|report| report.node == node)
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

    fn report(node: u64, sequence: u64, payload: usize) -> Report {
        let attempt = AttemptRange { job: JobId(1), range: IndexRange::new(0, 1), token: AttemptToken(sequence) };
        let result = Payload::Inline(vec![0; payload].into());
        let outcome = Outcome::Succeeded(TaskOutput { result, outputs: vec![] });
        let tasks = vec![FinishedTasks { attempt, outcome, cost: Cost::default() }];
        Report { node: NodeId(node), session: 1, sequence, tasks }
    }

    #[test]
    fn the_first_report_does_not_wait_and_the_rest_share_the_next_entries() {
        let mut finishing = Finishing::default();
        finishing.push(report(1, 1, 10));
        assert_eq!(finishing.next().map(|batch| batch.tasks.len()), Some(1));
        for sequence in 2..6 {
            finishing.push(report(1, sequence, 10));
        }
        let second = finishing.next().expect("a second place");
        assert_eq!((second.tasks.len(), second.sequence), (4, 5));
        finishing.push(report(1, 6, 10));
        assert_eq!(finishing.next(), None, "both places are taken");
        assert!(finishing.has(NodeId(1)));
        finishing.done(NodeId(1));
        assert_eq!(finishing.next().map(|batch| batch.sequence), Some(6));
        assert_eq!(finishing.next(), None);
        finishing.done(NodeId(1));
        assert!(finishing.has(NodeId(1)), "one is under way");
        finishing.done(NodeId(1));
        assert!(!finishing.has(NodeId(1)));
    }

    #[test]
    fn an_entry_carries_one_node_and_a_bounded_size() {
        let mut finishing = Finishing::default();
        finishing.push(report(1, 1, 10));
        finishing.push(report(2, 1, 10));
        assert_eq!(finishing.next().map(|batch| (batch.node, batch.tasks.len())), Some((NodeId(1), 1)));
        let mut finishing = Finishing::default();
        for sequence in 1..40 {
            finishing.push(report(1, sequence, 60_000));
        }
        let batch = finishing.next().expect("a place");
        assert!((10..20).contains(&batch.tasks.len()), "{}", batch.tasks.len());
    }

    #[test]
    fn who_brings_more_than_is_recorded_is_held_back_until_there_is_room() {
        let mut finishing = Finishing::default();
        finishing.push(report(1, 1, 2 * WAITING_BYTES_MAX));
        let mut first = finishing.hold_back(NodeId(1), 1).expect("too much waits");
        let gone = finishing.hold_back(NodeId(2), 4);
        drop(gone);
        finishing.push(report(1, 2, 10));
        assert_eq!((finishing.let_in(), first.try_recv().is_ok()), (vec![], false));
        assert!(finishing.next().is_some(), "one report beyond the bound is recorded as any other");
        assert_eq!(finishing.let_in(), [(NodeId(1), 1)]);
        assert!(first.try_recv().is_ok());
        assert!(finishing.hold_back(NodeId(1), 1).is_none(), "the small one is no reason");
        assert_eq!(finishing.next().map(|batch| batch.sequence), Some(2));
        assert_eq!((finishing.bytes, finishing.let_in()), (0, vec![]));
    }
}
