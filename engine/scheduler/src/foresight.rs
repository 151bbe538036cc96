//! Where a job would go that is only about to be accepted: asked by who accepts it, so that the log takes both in one entry.
//!
//! What is foreseen keeps its slot until the entry is known or given up, one job at a time: whoever comes meanwhile is
//! accepted first and placed then, together with all others.

use nexus_model::{IndexRange, JobId, NodeId};

use crate::input::JobFacts;
use crate::job::{Job, Pace};
use crate::node::Load;
use crate::placement::Placement;
use crate::scheduler::Scheduler;

/// A job on its way into the log, together with its node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreseen {
    pub(crate) node: NodeId,
    load: Load,
    pub(crate) placement: Option<Placement>,
}

impl Scheduler {
    /// Whether [`Scheduler::foresee`] may have an answer: a glance.
    pub fn has_vacancy(&self) -> bool {
        !self.stopped
            && self.foreseen.is_none()
            && self.reservation.is_none()
            && self.nodes.most_idle() > 0
            && self.queue.first(|_| true).is_none()
    }

    /// Whether a job is foreseen.
    pub fn is_foreseen(&self) -> bool {
        self.foreseen.is_some()
    }

    /// The node to which the only task of such a job would go at once; nothing where it would wait behind anything, or
    /// another job is foreseen. [`Scheduler::settle`] must follow.
    pub fn foresee(&mut self, facts: &JobFacts) -> Option<NodeId> {
        if !self.has_vacancy() {
            return None;
        }
        let mut job = Job::new(0, facts);
        let seen = self.families.get(job.family);
        let told = job.expected.map_or(Pace::default(), Pace::expected);
        let pace = if seen.completed > 0 { seen } else { told };
        if pace.completed > 0 {
            job.believe(pace);
        }
        job.ready.insert(IndexRange::new(0, 1));
        let [lane, _] = job.lanes();
        let (node, _, placement) = self.choose(&job, lane?, 1)?;
        if self.nodes.get(node)?.idle() < u64::from(job.cpus) {
            return None;
        }
        let (load, _) = job.take(1);
        self.nodes.reload(node, Load::default(), load);
        self.foreseen = Some(Foreseen { node, load, placement });
        Some(node)
    }

    /// What became of a foreseen job: its id, or nothing where it was not accepted. One that was accepted and that the
    /// ledger's effects have not told of yet keeps its slot until they do.
    pub fn settle(&mut self, job: Option<JobId>) {
        if job.is_none_or(|job| Some(job) <= self.newest) {
            self.let_go();
        }
    }

    /// The slot of what was foreseen is given, or nobody's any more.
    pub(crate) fn let_go(&mut self) -> Option<Placement> {
        let Foreseen { node, load, placement } = self.foreseen.take()?;
        self.nodes.reload(node, load, Load::default());
        placement
    }
}
