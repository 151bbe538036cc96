//! The emergency stop, as the leader carries it out: every worker is told to stop what it has, and what it had goes back to
//! the queue. A worker that cannot be reached now is told when it comes back.
//!
//! That nothing new is given out is the ledger's promise; this is about what was given before.

use std::collections::BTreeSet;

use actix::prelude::*;
use nexus_ledger::Ledger;
use nexus_model::{JobId, NodeId};
use nexus_wire::{AttemptRange, LeaderMessage};

use super::release::TakeBack;
use super::{Scheduler, TICK};

impl Scheduler {
    /// Tells every worker to stop, and takes back what any node holds. Begun by the entry that stops all work, and again by
    /// whoever leads next.
    pub(super) fn stop_work(&mut self, ctx: &mut Context<Self>) {
        tracing::warn!("all work is stopped; tasks go back to the queue");
        for node in self.workers.attached() {
            let jobs = self.workers.told_to(node);
            self.stop_there(node, jobs, ctx);
        }
        let control = self.control.clone();
        let holding = async move { control.read_local(Ledger::nodes).await };
        ctx.spawn(holding.into_actor(self).map(|machines, scheduler, ctx| {
            machines.into_iter().for_each(|machine| scheduler.take_back(machine.node, ctx));
        }));
    }

    /// What a worker brings that comes while all work is stopped is nobody's any more.
    pub(super) fn stop_returned(&mut self, node: NodeId, holding: &[AttemptRange], ctx: &mut Context<Self>) {
        if self.stopped {
            self.stop_there(node, holding.iter().map(|attempt| attempt.job).collect(), ctx);
            self.take_back(node, ctx);
        }
    }

    /// Has a worker stop these jobs and forget them: what it is given of them later is described to it again.
    fn stop_there(&mut self, node: NodeId, jobs: BTreeSet<JobId>, ctx: &mut Context<Self>) {
        let stop = |job| [LeaderMessage::CancelJob(job), LeaderMessage::ForgetJob(job)];
        let messages: Vec<LeaderMessage> = jobs.into_iter().flat_map(stop).collect();
        if !messages.is_empty() {
            self.send(node, messages, ctx);
        }
    }

    /// Gives back to the queue what a node holds now. What is given to it later has other tokens, and stays.
    fn take_back(&mut self, node: NodeId, ctx: &mut Context<Self>) {
        let (control, reign, told) = (self.control.clone(), self.begin_release(node), self.workers.told(node));
        let look = async move { control.read_local(|ledger| TakeBack::from_told(ledger, node, told)).await };
        ctx.spawn(look.into_actor(self).map(move |back, scheduler, ctx| scheduler.give_back((node, reign), back, ctx)));
    }

    /// From now until [`Scheduler::end_release`] the node is not heard. The reign in which that is so.
    pub(super) fn begin_release(&mut self, node: NodeId) -> u64 {
        *self.releasing.entry(node).or_default() += 1;
        self.reign
    }

    fn end_release(&mut self, node: NodeId) {
        if let Some(under_way) = self.releasing.get_mut(&node) {
            *under_way -= 1;
            if *under_way == 0 {
                self.releasing.remove(&node);
            }
        }
    }

    /// Tried until it is done, for as long as this node leads: whoever held it was told to drop it, so that nobody runs it,
    /// whether work is given out again meanwhile or not.
    pub(super) fn give_back(&mut self, (node, reign): (NodeId, u64), mut back: TakeBack, ctx: &mut Context<Self>) {
        if self.known.is_none() || self.reign != reign {
            return;
        }
        let control = self.control.clone();
        let given = async move {
            let given = back.propose(&control).await;
            (given, back)
        };
        ctx.spawn(given.into_actor(self).map(move |(given, back), scheduler, ctx| match given {
            Ok(()) if scheduler.reign == reign => scheduler.end_release(node),
            Ok(()) => {}
            Err(refusal) => {
                tracing::warn!(%node, reason = %refusal, "the tasks of a node could not be taken back yet");
                ctx.run_later(TICK, move |scheduler, ctx| scheduler.give_back((node, reign), back, ctx));
            }
        }));
    }
}
