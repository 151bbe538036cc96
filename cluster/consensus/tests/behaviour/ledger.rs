//! The ledger behind the log: what it answers, and that it is the same after a restart from a snapshot.

use std::path::Path;
use std::sync::Arc;

use nexus_consensus::{
    Consensus, ConsensusConfig, DataDirectory, Event, Events, RaftTransport, SnapshotPolicy, TransportError,
};
use nexus_ledger::{Command, Effect, Ledger, NewNode, Rejection, Reply};
use nexus_model::{NodeCapacity, NodeId, NodeRole};

use crate::memory_network::PATIENCE;

struct Nobody;

impl RaftTransport for Nobody {
    async fn send(&self, node: NodeId, _address: &str, _message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        Err(TransportError::Unreachable(format!("there is no {node}")))
    }
}

async fn start(path: &Path) -> (Consensus<Ledger>, Events<Ledger>) {
    let config = ConsensusConfig { node: NodeId(1), cluster: "test".to_owned(), snapshots: SnapshotPolicy::default() };
    let directory = DataDirectory::open(path).unwrap();
    Consensus::open(directory, config, Arc::new(Nobody)).await.unwrap()
}

fn found() -> Command {
    let capacity = NodeCapacity { slots: 4, memory_bytes: 1 << 30, devices: Vec::new() };
    let founder =
        NewNode { name: "first".to_owned(), fingerprint: [7; 32], address: "127.0.0.1:1".to_owned(), capacity };
    Command::CreateCluster { name: "test".to_owned(), ca_certificate_pem: "PEM".to_owned(), founder, at_ms: 1 }
}

#[tokio::test]
async fn the_ledger_answers_through_the_log_and_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (node, mut events) = start(folder.path()).await;
    node.initialize_single("127.0.0.1:1").await.unwrap();
    let reply = node.propose(&found()).await.unwrap();
    assert!(matches!(reply, Ok(Reply::Node { node: NodeId(1), role: NodeRole::Voter, .. })), "{reply:?}");
    assert!(matches!(node.propose(&found()).await.unwrap(), Err(Rejection::ClusterExists(_))));
    let told = loop {
        if let Event::Applied(applied) = events.recv().await.unwrap() {
            break applied;
        }
    };
    assert!(told[0].effects.contains(&Effect::ClusterCreated), "{:?}", told[0].effects);
    let before = node.read(|ledger, _| format!("{ledger:?}")).await.unwrap();
    node.request_snapshot().await.unwrap();
    node.wait_until(PATIENCE, |status| status.snapshot.is_some()).await.unwrap();
    node.shutdown().await;

    let (node, _events) = start(folder.path()).await;
    assert_eq!(node.read_local(|ledger, _| format!("{ledger:?}")).await, before);
    node.shutdown().await;
}
