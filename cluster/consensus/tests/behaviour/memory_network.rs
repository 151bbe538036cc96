//! A network in memory: nodes that can be cut off from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_consensus::{
    Consensus, ConsensusConfig, DataDirectory, Event, Events, OpenError, RaftTransport, SnapshotPolicy, Status,
    TransportError,
};
use nexus_model::NodeId;

use crate::journal::Journal;

/// Longer than anything in these tests takes on a loaded machine; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The cables between the nodes.
#[derive(Default)]
pub(crate) struct Network {
    nodes: Mutex<BTreeMap<u64, Consensus<Journal>>>,
    /// Nodes that nothing reaches and that reach nothing.
    isolated: Mutex<BTreeSet<u64>>,
    /// Nodes that take messages and never answer.
    hanging: Mutex<BTreeSet<u64>>,
    /// Nodes that are heard and hear nothing (neither messages nor answers), and how often each has spoken since.
    deaf: Mutex<BTreeMap<u64, usize>>,
    /// Nodes that are cut off behind so many more large messages.
    cut_behind: Mutex<BTreeMap<u64, usize>>,
}

/// A message as large as this is a piece of a snapshot, or entries of some size.
const LARGE_BYTES: usize = 100_000;

/// One node's end of the network.
pub(crate) struct Cable {
    network: Arc<Network>,
    from: u64,
}

impl RaftTransport for Cable {
    async fn send(&self, node: NodeId, _address: &str, message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let cut = {
            let isolated = self.network.isolated.lock().unwrap();
            isolated.contains(&node.0) || isolated.contains(&self.from)
        };
        if self.network.hanging.lock().unwrap().contains(&node.0) {
            std::future::pending::<()>().await;
        }
        if let Some(spoken) = self.network.deaf.lock().unwrap().get_mut(&self.from) {
            *spoken += 1;
        }
        let target = self.network.nodes.lock().unwrap().get(&node.0).cloned();
        let lost = || Err(TransportError::Unreachable(format!("{node} is cut off")));
        match target {
            Some(target) if !cut && !self.network.is_deaf(node.0) => {
                let is_large = message.len() >= LARGE_BYTES;
                let answer = target.handle_message(&message).await;
                if self.network.is_deaf(self.from) || (is_large && self.network.count_large(node.0)) {
                    return lost();
                }
                Ok(answer)
            }
            _ => lost(),
        }
    }
}

impl Network {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Starts a node on `directory` and connects it.
    pub(crate) async fn start(
        self: &Arc<Self>,
        node: u64,
        directory: &Path,
        snapshots: SnapshotPolicy,
    ) -> Result<(Consensus<Journal>, Events<Journal>), OpenError> {
        let directory = DataDirectory::open(directory)?;
        let config = ConsensusConfig { node: NodeId(node), cluster: "test".to_owned(), snapshots };
        let cable = Arc::new(Cable { network: Arc::clone(self), from: node });
        let (consensus, events) = Consensus::open(directory, config, cable).await?;
        self.nodes.lock().unwrap().insert(node, consensus.clone());
        Ok((consensus, events))
    }

    /// Starts a node whose events are read and dropped.
    pub(crate) async fn start_quiet(
        self: &Arc<Self>,
        node: u64,
        directory: &Path,
        snapshots: SnapshotPolicy,
    ) -> Consensus<Journal> {
        let (consensus, events) = self.start(node, directory, snapshots).await.unwrap();
        tokio::spawn(drain(events));
        consensus
    }

    /// Stops a node and takes it off the network.
    pub(crate) async fn stop(&self, node: u64) {
        let consensus = self.nodes.lock().unwrap().remove(&node);
        consensus.unwrap().shutdown().await;
    }

    pub(crate) fn isolate(&self, node: u64) {
        self.isolated.lock().unwrap().insert(node);
    }

    /// From now on the node is heard and hears nothing.
    pub(crate) fn deafen(&self, node: u64) {
        self.deaf.lock().unwrap().insert(node, 0);
    }

    fn is_deaf(&self, node: u64) -> bool {
        self.deaf.lock().unwrap().contains_key(&node)
    }

    /// How often a node has spoken since it is deaf.
    pub(crate) fn spoken(&self, node: u64) -> usize {
        self.deaf.lock().unwrap().get(&node).copied().unwrap_or(0)
    }

    /// Cuts the node off when it has got so many large messages, the last of which is not answered.
    pub(crate) fn cut_behind(&self, node: u64, large_messages: usize) {
        self.cut_behind.lock().unwrap().insert(node, large_messages);
    }

    /// Counts a large message; whether it was the last.
    fn count_large(&self, node: u64) -> bool {
        let mut counts = self.cut_behind.lock().unwrap();
        let Some(left) = counts.get_mut(&node) else { return false };
        *left = left.saturating_sub(1);
        if *left == 0 {
            counts.remove(&node);
            self.isolate(node);
            return true;
        }
        false
    }

    /// Whether [`Network::cut_behind`] has happened.
    pub(crate) fn is_cut(&self, node: u64) -> bool {
        self.isolated.lock().unwrap().contains(&node)
    }

    pub(crate) fn hang(&self, node: u64) {
        self.hanging.lock().unwrap().insert(node);
    }

    pub(crate) fn heal(&self, node: u64) {
        self.isolated.lock().unwrap().remove(&node);
        self.hanging.lock().unwrap().remove(&node);
        self.deaf.lock().unwrap().remove(&node);
    }
}

async fn drain(mut events: Events<Journal>) {
    while let Some(event) = events.recv().await {
        if let Event::Fatal(error) = event {
            panic!("a node failed: {error}");
        }
    }
}

/// Waits until `is_so`.
pub(crate) async fn until(consensus: &Consensus<Journal>, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
    match consensus.wait_until(PATIENCE, is_so).await {
        Some(status) => status,
        None => panic!("waited in vain for {what}: {:?}", consensus.status()),
    }
}
