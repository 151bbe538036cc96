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
}

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
        let target = self.network.nodes.lock().unwrap().get(&node.0).cloned();
        match target {
            Some(target) if !cut => Ok(target.handle_message(&message).await),
            _ => Err(TransportError::Unreachable(format!("{node} is cut off"))),
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

    pub(crate) fn hang(&self, node: u64) {
        self.hanging.lock().unwrap().insert(node);
    }

    pub(crate) fn heal(&self, node: u64) {
        self.isolated.lock().unwrap().remove(&node);
        self.hanging.lock().unwrap().remove(&node);
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
