//! Machines of the world: workers that come, go and come back, and those who try to join with what is not theirs.

use std::collections::{BTreeSet, VecDeque};

use nexus_model::{NodeCapacity, NodeId, NodeRole};
use nexus_scheduler::Input;
use nexus_wire::AttemptRange;

use super::world::World;
use crate::{Command, NewNode, ReleaseReason, Released, Reply};

/// Memory of each worker.
pub(super) const NODE_MEMORY: u64 = 10;
/// Machines that ever join: tokens are numbered by one byte.
const JOINS_MAX: u8 = 20;

/// What a worker believes to hold; the leader may believe otherwise.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) is_attached: bool,
    pub(super) slots: u32,
    pub(super) holds: VecDeque<AttemptRange>,
    /// What of it has lost a worker before, and must be said to begin before it does.
    pub(super) unbegun: BTreeSet<AttemptRange>,
}

/// A machine with this key.
pub(super) fn machine(key: u8) -> NewNode {
    let capacity = NodeCapacity { slots: 2, memory_bytes: 1 << 30, devices: vec![] };
    NewNode { name: "m".into(), fingerprint: [key; 32], address: "a".into(), capacity }
}

impl World {
    /// A worker is lost; what it ran first counts, the rest was not started. It may live on as a zombie.
    pub(super) fn lose_worker(&mut self) {
        let nodes: Vec<NodeId> = self.workers.iter().filter(|(_, w)| w.is_attached).map(|(id, _)| *id).collect();
        let Some(node) = self.chance.pick(&nodes) else { return };
        let worker = self.workers.entry(node).or_default();
        worker.is_attached = false;
        let running: Vec<AttemptRange> = worker.holds.iter().take(worker.slots as usize).copied().collect();
        if self.chance.below(2) == 0 {
            self.workers.entry(node).or_default().holds.clear();
        }
        self.tell(Input::NodeDetached(node));
        let at_ms = self.now();
        if self.chance.below(4) > 0 {
            let release = |attempts, why| Command::ReleaseTasks { node, attempts, why, at_ms };
            self.commit(release(Released::Attempts(running), ReleaseReason::WorkerLost));
            self.commit(release(Released::All, ReleaseReason::NotStarted));
        }
    }

    /// What a worker is about to begin; whether it may, and goes on with it at once.
    pub(super) fn begins(&mut self, node: NodeId, attempt: AttemptRange) -> bool {
        if self.history.protocol < Command::BEGUN || !self.workers.entry(node).or_default().unbegun.remove(&attempt) {
            return true;
        }
        let at_ms = self.now();
        let begun = self.commit(Command::BeginTasks { node, attempts: vec![attempt], at_ms }).reply;
        let may_begin = begun == Ok(Reply::Begun { tasks: attempt.range.len() });
        let goes_on = may_begin && self.chance.below(2) == 0;
        if may_begin && !goes_on {
            self.workers.entry(node).or_default().holds.push_front(attempt);
        }
        goes_on
    }

    /// One that was lost is back.
    pub(super) fn return_worker(&mut self) {
        let nodes: Vec<NodeId> = self.workers.iter().filter(|(_, w)| !w.is_attached).map(|(id, _)| *id).collect();
        if let Some(node) = self.chance.pick(&nodes) {
            self.attach(node);
        }
    }

    /// A worker says hello with what it holds; the ledger takes the rest back.
    pub(super) fn attach(&mut self, node: NodeId) {
        let holding = self.workers.entry(node).or_default().holds.iter().copied().collect();
        let why = if self.chance.below(2) == 0 { ReleaseReason::WorkerLost } else { ReleaseReason::WorkerStopped };
        let attempts = Released::AllBut(holding);
        let at_ms = self.now();
        self.commit(Command::ReleaseTasks { node, attempts, why, at_ms });
        let slots = 2 + self.chance.below(3) as u32;
        let worker = self.workers.entry(node).or_default();
        (worker.is_attached, worker.slots) = (true, slots);
        self.tell(Input::NodeAttached { node, slots, memory_bytes: NODE_MEMORY });
    }

    /// A machine joins with a token of its own.
    pub(super) fn join(&mut self) {
        if self.last_token >= JOINS_MAX {
            return;
        }
        self.last_token += 1;
        let token_hash = [self.last_token; 32];
        let at_ms = self.now();
        let expires_at_ms = at_ms + 100;
        self.commit(Command::CreateToken { hash: token_hash, role: NodeRole::Worker, expires_at_ms, at_ms });
        let applied = self.commit(Command::AddNode { node: machine(self.last_token + 1), token_hash, at_ms });
        match applied.reply {
            Ok(Reply::Node { node, .. }) => self.attach(node),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody tries a token that was used, or a machine that was removed a token that was not.
    pub(super) fn reuse_token(&mut self) {
        let at_ms = self.now();
        if self.chance.below(2) == 0 {
            let token_hash = [1 + self.chance.below(u64::from(self.last_token)) as u8; 32];
            let key = 200 + self.chance.below(20) as u8;
            self.commit(Command::AddNode { node: machine(key), token_hash, at_ms });
            return;
        }
        let removed: Vec<[u8; 32]> = self.history.removed.iter().copied().collect();
        if let Some(key) = self.chance.pick(&removed) {
            let token_hash = [100 + self.chance.below(100) as u8; 32];
            let expires_at_ms = at_ms + 100;
            self.commit(Command::CreateToken { hash: token_hash, role: NodeRole::Worker, expires_at_ms, at_ms });
            self.commit(Command::AddNode { node: machine(key[0]), token_hash, at_ms });
        }
    }

    /// A machine is removed, whatever it holds.
    pub(super) fn remove_node(&mut self) {
        let nodes: Vec<NodeId> = self.workers.keys().copied().filter(|node| node.0 > 1).collect();
        if nodes.len() < 2 {
            return;
        }
        if let Some(node) = self.chance.pick(&nodes) {
            let at_ms = self.now();
            self.commit(Command::RemoveNode { node, at_ms });
            self.workers.remove(&node);
        }
    }
}
