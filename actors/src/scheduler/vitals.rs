//! What the leader makes of how machines are: one whose rules say so gets nothing new, nor one that is not heard of.

use actix::prelude::*;
use nexus_model::{NodeId, Vitals};
use nexus_scheduler::Input;

use super::Scheduler;

impl Scheduler {
    /// Gives a node nothing new while its rules say so. One that says nothing of itself takes tasks.
    pub(super) fn hold(&mut self, node: NodeId, vitals: Option<&Vitals>, ctx: &mut Context<Self>) {
        let held_by = vitals.map(|vitals| vitals.held_by.as_slice()).unwrap_or_default();
        let held = !held_by.is_empty();
        let has_changed = if held { self.held.insert(node) } else { self.held.remove(&node) };
        if has_changed {
            tracing::info!(%node, held, rules = held_by.join(", "), "a node takes no new tasks, or takes them again");
            self.step(Input::NodeHeld { node, held }, ctx);
        }
    }

    /// Gives a node nothing new until it gives a sign of life again.
    pub(super) fn hold_quiet(&mut self, node: NodeId, ctx: &mut Context<Self>) {
        if self.held.insert(node) {
            tracing::info!(%node, "a node is not heard of; it gets no new tasks until it is");
            self.step(Input::NodeHeld { node, held: true }, ctx);
        }
    }
}
