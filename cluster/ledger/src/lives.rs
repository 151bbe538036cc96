//! Jobs and nodes write their lives as entries of the log are applied: what happened to them, and when.
//!
//! The lives are part of the replicated state: whoever has the ledger has them, after a crash as before, and they go when
//! their job goes. What a life costs a task is an entry for each batch in which it is placed or ends, not one for each
//! task. `life_log.rs` packs them; drawing them is `nexus-echo`'s.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{JobId, NodeId};
use nexus_wire::limits::LIFE_ENTRIES_MAX;
use nexus_wire::{AttemptRange, Fate, Life, LifeEntry, LifeEvent};

use crate::command::NodeNote;
use crate::effect::{Effect, Suspect};
use crate::ledger::Ledger;
use crate::life_log::{LifeLog, Overflow};
use crate::members::MEMBERS_MAX;

/// Jobs that are looked through for the tasks of a node, the newest first.
const JOBS_OF_NODE_MAX: usize = 1_000;
/// Entries that are looked through for the tasks of a node.
const ENTRIES_OF_NODE_MAX: usize = 200_000;

/// The lives of nodes, and what it takes to write lives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lives {
    /// Of members, and of those that were taken out, as long as there is room.
    pub(crate) nodes: BTreeMap<NodeId, LifeLog>,
    /// The newest time that an entry with effects had: the time of those that have none.
    pub(crate) seen_ms: u64,
    /// Who votes, as the lives say.
    pub(crate) voters: BTreeSet<NodeId>,
}

impl Lives {
    pub(crate) fn of_node(&mut self, at_ms: u64, node: NodeId, event: LifeEvent) {
        self.nodes.entry(node).or_default().push(at_ms, event, Overflow::DropOld);
    }
}

impl Ledger {
    /// Writes what one entry did into the lives that it touched.
    pub(crate) fn write_lives(&mut self, at_ms: u64, effects: &[Effect]) {
        if effects.is_empty() {
            return;
        }
        let at_ms = at_ms.max(self.lives.seen_ms);
        self.lives.seen_ms = at_ms;
        let mut rest = effects;
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            match first {
                Effect::TasksAssigned { node, attempt, .. } => {
                    let AttemptRange { job, range, token } = *attempt;
                    self.write_life(job, at_ms, LifeEvent::Placed { range, node: *node, token });
                }
                Effect::TasksLeft { node, attempt, busy } => {
                    let AttemptRange { job, range, token } = *attempt;
                    let (fate, unheld) = fate(attempt, busy.is_some(), rest.first());
                    self.write_life(job, at_ms, LifeEvent::Left { range, node: *node, token, busy: *busy, fate });
                    if let Some(event) = unheld {
                        self.write_life(job, at_ms, event);
                    }
                    // What became of them is said.
                    if fate != Fate::Resting {
                        rest = &rest[1..];
                    }
                }
                Effect::TasksEnded { job, range, state } => {
                    self.write_life(*job, at_ms, LifeEvent::TasksEnded { range: *range, state: *state });
                }
                Effect::JobEnded { job, state } => {
                    self.write_life(*job, at_ms, LifeEvent::Ended { state: *state });
                    if let Some(work) = self.jobs.get_mut(job).and_then(|job| job.work.as_mut()) {
                        work.life.shrink();
                    }
                }
                // A job that is accepted for the first time has done nothing yet, and takes no room for it.
                Effect::JobAccepted { job, .. } => {
                    let work = self.jobs.get(job).and_then(|job| job.work.as_ref());
                    if work.is_some_and(|work| work.life.entries > 0) {
                        self.write_life(*job, at_ms, LifeEvent::Reopened);
                    }
                }
                Effect::NodeAdded { node } => {
                    self.lives.of_node(at_ms, *node, LifeEvent::Joined);
                    self.write_voters(at_ms);
                    self.forget_old_lives();
                }
                Effect::NodeRemoved { node } => self.lives.of_node(at_ms, *node, LifeEvent::Removed),
                Effect::VotersChanged { .. } => self.write_voters(at_ms),
                Effect::NodeNoted { node, note } => {
                    let event = match *note {
                        NodeNote::Up { slots } => LifeEvent::Up { slots },
                        NodeNote::Lost => LifeEvent::Lost,
                        NodeNote::Stopped => LifeEvent::Stopped,
                    };
                    self.lives.of_node(at_ms, *node, event);
                }
                Effect::ClusterCreated
                | Effect::ProtocolRaised { .. }
                | Effect::WorkStopped
                | Effect::WorkResumed
                | Effect::TasksReady { .. }
                | Effect::AssignmentRefused { .. }
                | Effect::JobForgotten { .. }
                | Effect::NodeLabelled { .. }
                | Effect::InputsKnown { .. }
                | Effect::NodeUpdated { .. } => {}
            }
        }
    }

    fn write_life(&mut self, job: JobId, at_ms: u64, event: LifeEvent) {
        if let Some(work) = self.jobs.get_mut(&job).and_then(|job| job.work.as_mut()) {
            work.life.push(at_ms, event, Overflow::DropNew);
        }
    }

    fn write_voters(&mut self, at_ms: u64) {
        let Some(members) = &self.members else { return };
        let now = members.voters.clone();
        for node in now.difference(&self.lives.voters).copied().collect::<Vec<_>>() {
            self.lives.of_node(at_ms, node, LifeEvent::Voter);
        }
        for node in self.lives.voters.difference(&now).copied().collect::<Vec<_>>() {
            self.lives.of_node(at_ms, node, LifeEvent::NotVoter);
        }
        self.lives.voters = now;
    }

    /// Of nodes that are no members any more, the oldest lives go first.
    fn forget_old_lives(&mut self) {
        let Some(members) = &self.members else { return };
        while self.lives.nodes.len() > MEMBERS_MAX {
            let gone = self.lives.nodes.keys().find(|node| !members.nodes.contains_key(node)).copied();
            let Some(gone) = gone else { return };
            self.lives.nodes.remove(&gone);
        }
    }

    /// What happened to a job. `None` for an unknown one.
    pub fn job_life(&self, id: JobId) -> Option<Life> {
        let job = self.jobs.get(&id)?;
        let accepted = LifeEntry { at_ms: job.submitted_at_ms, job: Some(id), what: LifeEvent::Accepted };
        let log = job.work.as_ref().map(|work| &work.life);
        let entries = std::iter::once(accepted).chain(log.map(|log| log.entries(Some(id))).unwrap_or_default());
        Some(Life { entries: entries.collect(), dropped: log.map_or(0, |log| log.dropped) })
    }

    /// Nodes whose lives say that they are attached, with the time since when.
    pub fn thought_attached(&self) -> Vec<(NodeId, u64)> {
        let attached_since = |log: &LifeLog| {
            let came_or_went = log.entries(None).into_iter().rev().find_map(|entry| match entry.what {
                LifeEvent::Up { .. } => Some(Some(entry.at_ms)),
                LifeEvent::Lost | LifeEvent::Stopped | LifeEvent::Removed => Some(None),
                _ => None,
            });
            came_or_went.flatten()
        };
        self.lives.nodes.iter().filter_map(|(node, log)| Some((*node, attached_since(log)?))).collect()
    }

    /// When something happened last that lives tell of, in ms since 1970.
    pub fn last_happened_ms(&self) -> u64 {
        self.lives.seen_ms
    }

    /// What happened to a node, and to the tasks that it had of the newest jobs. `None` for a node that never was.
    pub fn node_life(&self, node: NodeId) -> Option<Life> {
        let own = self.lives.nodes.get(&node);
        let is_member = self.members.as_ref().is_some_and(|members| members.nodes.contains_key(&node));
        if own.is_none() && !is_member {
            return None;
        }
        let mut entries = own.map(|log| log.entries(None)).unwrap_or_default();
        let mut dropped = own.map_or(0, |log| log.dropped);
        let (mut looked, mut of_tasks) = (0, Vec::new());
        for (id, job) in self.jobs.iter().rev().take(JOBS_OF_NODE_MAX) {
            let Some(work) = &job.work else { continue };
            looked += work.life.entries as usize;
            if looked > ENTRIES_OF_NODE_MAX {
                break;
            }
            of_tasks.extend(work.life.entries(Some(*id)).into_iter().filter(|entry| happened_at(entry, node)));
        }
        // What happened to the node itself is short and comes first; of its tasks the newest fill the room.
        of_tasks.sort_by_key(|entry| entry.at_ms);
        let old = of_tasks.len().saturating_sub(LIFE_ENTRIES_MAX - entries.len().min(LIFE_ENTRIES_MAX));
        dropped += old as u64;
        entries.extend(of_tasks.drain(old..));
        entries.sort_by_key(|entry| entry.at_ms);
        Some(Life { entries, dropped })
    }
}

fn happened_at(entry: &LifeEntry, node: NodeId) -> bool {
    match entry.what {
        LifeEvent::Placed { node: at, .. } | LifeEvent::Left { node: at, .. } => at == node,
        _ => false,
    }
}

/// What the effect after tasks left a node says of them; and of tasks behind them that no node had, where it says more.
fn fate(attempt: &AttemptRange, ran: bool, next: Option<&Effect>) -> (Fate, Option<LifeEvent>) {
    match next {
        Some(Effect::TasksReady { job, range, suspect }) if (*job, *range) == (attempt.job, attempt.range) => {
            let lost = *suspect == Suspect::Yes && !ran;
            (if lost { Fate::Lost } else { Fate::Requeued }, None)
        }
        Some(Effect::TasksEnded { job, range, state })
            if *job == attempt.job && range.start == attempt.range.start && range.end >= attempt.range.end =>
        {
            let behind = nexus_model::IndexRange::new(attempt.range.end, range.end);
            let unheld = (!behind.is_empty()).then_some(LifeEvent::TasksEnded { range: behind, state: *state });
            (Fate::Ended(*state), unheld)
        }
        _ => (Fate::Resting, None),
    }
}
