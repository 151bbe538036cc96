//! Tasks that have lost a worker before, and are about to begin on another: that is written down first. What is lost with a
//! worker without having begun is not to blame, and what had begun is, also where nobody comes back to say so.

use actix::prelude::*;
use nexus_ledger::{Command, NodeNote, Reply};
use nexus_model::NodeId;
use nexus_wire::{AttemptRange, LeaderMessage, Refusal};

use super::Scheduler;
use crate::control::{ControlPlane, now_ms};

/// What may begin, and what may not.
#[derive(Debug, Default)]
struct Answered {
    begun: Vec<AttemptRange>,
    dropped: Vec<AttemptRange>,
}

async fn write_down(control: ControlPlane, node: NodeId, tasks: Vec<AttemptRange>) -> Result<Answered, Refusal> {
    let mut answered = Answered::default();
    for attempt in tasks {
        let begin = Command::BeginTasks { node, attempts: vec![attempt], at_ms: now_ms() };
        let all = Reply::Begun { tasks: attempt.range.len() };
        let side = if control.propose(begin).await? == all { &mut answered.begun } else { &mut answered.dropped };
        side.push(attempt);
    }
    Ok(answered)
}

impl Scheduler {
    /// Writes down what is about to begin, and answers.
    pub(super) fn begin_tasks(
        &self,
        (node, session): (NodeId, u64),
        tasks: Vec<AttemptRange>,
        ctx: &mut Context<Self>,
    ) {
        let written = write_down(self.control.clone(), node, tasks);
        ctx.spawn(written.into_actor(self).map(move |written, scheduler, ctx| match written {
            Ok(_) if !scheduler.workers.is_current(node, session) => {}
            Ok(Answered { begun, dropped }) => {
                let begun = (!begun.is_empty()).then_some(LeaderMessage::BeginTasks(begun));
                let dropped = (!dropped.is_empty()).then_some(LeaderMessage::DropTasks(dropped));
                scheduler.send(node, begun.into_iter().chain(dropped).collect(), ctx);
            }
            Err(refusal) => {
                // The worker asks again after its next hello.
                tracing::warn!(%node, reason = %refusal, "that a task begins was not written down");
                if scheduler.workers.is_current(node, session) {
                    scheduler.drop_worker(node, NodeNote::Lost, ctx);
                }
            }
        }));
    }
}
