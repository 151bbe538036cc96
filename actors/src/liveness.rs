//! What the leader knows of nodes that is not worth a log entry: who is connected, and how they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_model::{NodeId, Vitals};

/// A connected node.
#[derive(Debug, Clone)]
pub(crate) struct Alive {
    pub(crate) running: u32,
    pub(crate) rtt: Option<Duration>,
    pub(crate) seen_at_ms: u64,
    /// How the machine is, where it has said so.
    pub(crate) vitals: Option<Arc<Vitals>>,
}

/// Connected nodes. Written by the scheduler, read by the gateway; as large as the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Liveness {
    nodes: Arc<Mutex<BTreeMap<NodeId, Alive>>>,
}

impl Liveness {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Alive>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `node` gave a sign of life.
    pub(crate) fn seen(&self, node: NodeId, alive: Alive) {
        self.lock().insert(node, alive);
    }

    /// `node` is not connected any more.
    pub(crate) fn lost(&self, node: NodeId) {
        self.lock().remove(&node);
    }

    /// The last sign of life of a connected node.
    pub(crate) fn of(&self, node: NodeId) -> Option<Alive> {
        self.lock().get(&node).cloned()
    }
}
