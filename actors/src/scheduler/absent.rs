//! Whoever begins to lead looks at who is there: nodes that their lives call attached, and that do not attach within a
//! lease, went while nobody led who could have said so.
//!
//! What it writes are lives, not leases: nothing waits for it, and no task is given or taken because of it.

use actix::prelude::*;
use nexus_ledger::{Command, Ledger, NodeNote};
use nexus_model::NodeId;
use nexus_wire::limits::WORKER_LEASE;

use super::Scheduler;

impl Scheduler {
    /// Looks for nodes that went unseen: this one itself, and after a lease all that have not attached.
    pub(super) fn look_for_the_absent(&mut self, ctx: &mut Context<Self>) {
        self.began += 1;
        let began = self.began;
        self.note_own_end(ctx);
        ctx.run_later(WORKER_LEASE, move |scheduler, ctx| {
            let control = scheduler.control.clone();
            let thought = async move { control.read_local(Ledger::thought_attached).await };
            ctx.spawn(thought.into_actor(scheduler).map(move |thought, scheduler, ctx| {
                if scheduler.began == began && scheduler.known.is_some() {
                    let mut absent: Vec<NodeId> = thought.into_iter().map(|(node, _)| node).collect();
                    absent.retain(|node| !scheduler.workers.has(*node));
                    absent.into_iter().for_each(|node| scheduler.note(node, NodeNote::Lost, ctx));
                }
            }));
        });
    }

    /// An earlier process of this node that was killed could not say so: it is lost since the last thing that happened.
    fn note_own_end(&self, ctx: &mut Context<Self>) {
        let (control, node, started_ms) = (self.control.clone(), self.node, self.started_ms);
        let noted = async move {
            let thought = control.read_local(Ledger::thought_attached).await;
            let at_ms = control.read_local(Ledger::last_happened_ms).await;
            if !thought.iter().any(|(attached, since_ms)| *attached == node && *since_ms < started_ms) {
                return;
            }
            if let Err(refusal) = control.propose(Command::NoteNode { node, note: NodeNote::Lost, at_ms }).await {
                tracing::debug!(reason = %refusal, "how this node ended was not written into its life");
            }
        };
        ctx.spawn(noted.into_actor(self));
    }
}
