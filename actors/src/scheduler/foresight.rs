//! Jobs that are given away as they are accepted: which node it would be, and what became of it.

use actix::prelude::*;
use nexus_model::{JobId, JobSpec, NodeId};
use nexus_scheduler::JobFacts;

use super::Scheduler;

/// Gateway → scheduler: where would the only task of this job run, if it were accepted now? Answer: a node with a free slot
/// for it, which is kept; nothing where the job had to wait, or this node does not lead. [`Settle`] follows. If lost, the job
/// is accepted first and placed then.
#[derive(Message)]
#[rtype(result = "Option<NodeId>")]
pub(crate) struct Foresee(pub(crate) JobSpec);

/// Gateway → scheduler: the job was accepted as this one, or it was not. Answer: nothing. If lost with the gateway, the slot
/// is free again a tick or two later.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle(pub(crate) Option<JobId>);

impl Scheduler {
    /// A slot that was kept for a job since the tick before is kept no longer: its entry takes long, or who asked is gone. It
    /// is taken all the same when the entry says so.
    pub(super) fn let_go_of_foreseen(&mut self) {
        let is_foreseen = self.core.is_foreseen();
        if self.was_foreseen && is_foreseen {
            self.core.settle(None);
        }
        self.was_foreseen = is_foreseen;
    }
}

impl Handler<Foresee> for Scheduler {
    type Result = Option<NodeId>;

    fn handle(&mut self, Foresee(spec): Foresee, _: &mut Self::Context) -> Self::Result {
        self.known?;
        let facts = JobFacts { expected: self.predictions.of(&spec), ..JobFacts::of(&spec) };
        let node = self.core.foresee(&facts);
        self.vacancy.set(self.core.has_vacancy());
        node
    }
}

impl Handler<Settle> for Scheduler {
    type Result = ();

    fn handle(&mut self, Settle(job): Settle, ctx: &mut Self::Context) {
        if self.known.is_some() {
            self.core.settle(job);
            let mut proposals = Vec::new();
            self.core.plan(&mut proposals);
            self.propose_assignments(proposals, ctx);
        }
    }
}
