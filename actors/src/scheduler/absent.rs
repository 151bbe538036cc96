//! Whoever begins to lead looks at who is there: nodes that their lives call attached, and that do not attach within a
//! lease, went while nobody led who could have said so.
//!
//! What it writes are lives, not leases: nothing waits for it, and no task is given or taken because of it.

use actix::prelude::*;
use nexus_ledger::{Command, Ledger, NodeNote};
use nexus_model::NodeId;
use nexus_wire::limits::WORKER_LEASE;

use super::Scheduler;

/// What the beginnings of this node as the leader have in common.
#[derive(Debug, Default)]
pub(super) struct Began {
    /// How often it began to lead.
    times: u64,
    /// Whether it is said, or being said, how an earlier process of this node ended.
    told_own_end: bool,
}

impl Scheduler {
    /// Looks for nodes that went unseen: this one itself, and after a lease all that have not attached.
    pub(super) fn look_for_the_absent(&mut self, ctx: &mut Context<Self>) {
        self.began.times += 1;
        let began = self.began.times;
        self.note_own_end(ctx);
        ctx.run_later(WORKER_LEASE, move |scheduler, ctx| {
            let control = scheduler.control.clone();
            let thought = async move { control.read_local(Ledger::thought_attached).await };
            ctx.spawn(thought.into_actor(scheduler).map(move |thought, scheduler, ctx| {
                if scheduler.began.times == began && scheduler.known.is_some() {
                    let absent = absent(&thought, |node| scheduler.workers.has(node));
                    absent.into_iter().for_each(|node| scheduler.note(node, NodeNote::Lost, ctx));
                }
            }));
        });
    }

    /// An earlier process of this node that was killed could not say so: it is lost since the last thing that happened.
    /// Said once: to lead may begin again while this is being written.
    fn note_own_end(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.began.told_own_end, true) {
            return;
        }
        let (control, node, started_ms) = (self.control.clone(), self.node, self.started_ms);
        let noted = async move {
            let thought = control.read_local(Ledger::thought_attached).await;
            let at_ms = control.read_local(Ledger::last_happened_ms).await;
            if !was_killed(&thought, node, started_ms) {
                return true;
            }
            if let Err(refusal) = control.propose(Command::NoteNode { node, note: NodeNote::Lost, at_ms }).await {
                tracing::debug!(reason = %refusal, "how this node ended was not written into its life");
                return false;
            }
            true
        };
        ctx.spawn(noted.into_actor(self).map(|told, scheduler, _| scheduler.began.told_own_end = told));
    }
}

/// The nodes that their lives call attached and that are not here.
fn absent(thought: &[(NodeId, u64)], is_here: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
    thought.iter().map(|(node, _)| *node).filter(|node| !is_here(*node)).collect()
}

/// Whether a node's life calls it attached since before the process that is this node began, in ms since 1970.
fn was_killed(thought: &[(NodeId, u64)], node: NodeId, started_ms: u64) -> bool {
    thought.iter().any(|(attached, since_ms)| *attached == node && *since_ms < started_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIR: NodeId = NodeId(1);
    const STUDIO: NodeId = NodeId(2);
    const MINI: NodeId = NodeId(3);

    #[test]
    fn who_is_thought_attached_and_does_not_come_is_absent() {
        let thought = [(AIR, 5), (STUDIO, 7), (MINI, 9)];
        assert_eq!(absent(&thought, |node| node == STUDIO), [AIR, MINI]);
        assert_eq!(absent(&thought, |_| true), []);
        assert_eq!(absent(&[], |_| false), [], "of whom nobody thinks so nothing is said");
    }

    #[test]
    fn a_node_was_killed_if_it_is_attached_since_before_its_process_began() {
        let thought = [(AIR, 5), (STUDIO, 70)];
        assert!(was_killed(&thought, AIR, 60));
        assert!(!was_killed(&thought, STUDIO, 60), "attached since: this process itself");
        assert!(!was_killed(&thought, MINI, 60), "its end was said");
        assert!(!was_killed(&[(AIR, 60)], AIR, 60), "in the same millisecond it is this process");
    }
}
