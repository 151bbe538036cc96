//! The ledger of a node: consensus over a disk.

use std::sync::Arc;
use std::time::Duration;

use nexus_consensus::{
    Consensus, ConsensusConfig, DataDirectory, Event, Events, Leader, OpenError, ProposeError, RaftTransport,
    ReadError, SnapshotPolicy, TransportError,
};
use nexus_ledger::{Command, Ledger, NewNode, Rejection, Reply};
use nexus_link::{Authority, Expect, Link};
use nexus_model::NodeId;
use nexus_wire::{Refusal, Request, Response};
use tokio::sync::{mpsc, watch};

use super::{LedgerEvent, Moved, refusal};
use crate::codes;
use crate::home::Home;
use crate::leader_link::ask_peer;
use crate::node::{NodeFacts, StopReason};

/// Entries whose effects may wait for the scheduler; then consensus waits.
const EVENTS_MAX: usize = 1024;
/// How long a single voter may take to lead: it has nobody to wait for but its disk.
const FIRST_LEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Consensus with its way to this node's actors.
pub(crate) struct Replicated {
    consensus: Consensus<Ledger>,
}

impl Replicated {
    pub(super) async fn open(
        home: &Home,
        facts: &NodeFacts,
        authority: &Authority,
        link: Link,
        stop: watch::Sender<Option<StopReason>>,
    ) -> Result<(Self, mpsc::Receiver<LedgerEvent>), Refusal> {
        let directory = DataDirectory::open(&home.consensus()).map_err(|error| not_opened(&error))?;
        let config =
            ConsensusConfig { node: facts.node, cluster: facts.cluster.clone(), snapshots: SnapshotPolicy::default() };
        let (consensus, events) = Consensus::<Ledger>::open(directory, config, Arc::new(LinkTransport { link }))
            .await
            .map_err(|error| not_opened(&error))?;
        let address = facts.address.to_string();
        consensus.initialize_single(&address).await.map_err(not_proposed)?;
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        tokio::spawn(forward(events, sender, stop));
        let replicated = Replicated { consensus };
        replicated.found(facts, authority).await?;
        Ok((replicated, receiver))
    }

    /// Waits for a leader, and makes the cluster where there is none.
    async fn found(&self, facts: &NodeFacts, authority: &Authority) -> Result<(), Refusal> {
        let led = self.consensus.wait_until(FIRST_LEADER_PATIENCE, |status| status.is_leader).await;
        if led.is_none() {
            return Err(refusal(codes::NO_LEADER, "this node could not become the leader of its cluster".to_owned()));
        }
        let exists = self.read(|ledger| ledger.cluster_name().is_some()).await?;
        if exists {
            return Ok(());
        }
        let founder = NewNode {
            name: facts.name.clone(),
            fingerprint: authority.fingerprint(),
            address: facts.address.to_string(),
            capacity: facts.capacity.clone(),
        };
        let command = Command::CreateCluster {
            name: facts.cluster.clone(),
            ca_certificate_pem: authority.certificate_pem().to_owned(),
            founder,
            at_ms: super::now_ms(),
        };
        self.propose(command).await?.map(drop).map_err(|rejection| super::rejected(&rejection))
    }

    pub(super) async fn propose(&self, command: Command) -> Result<Result<Reply, Rejection>, Refusal> {
        self.consensus.propose(&command).await.map_err(not_proposed)
    }

    pub(super) async fn read<R>(&self, look: impl FnOnce(&Ledger) -> R) -> Result<R, Refusal> {
        self.consensus.read(|ledger, _| look(ledger)).await.map_err(not_read)
    }

    pub(super) async fn read_local<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        self.consensus.read_local(|ledger, _| look(ledger)).await
    }

    pub(super) fn leads(&self) -> bool {
        self.consensus.status().is_leader
    }

    pub(super) fn leader_and_term(&self) -> (Option<NodeId>, u64) {
        let status = self.consensus.status();
        (status.leader.map(|leader| leader.node), status.term)
    }

    pub(super) async fn consensus_message(&self, message: &[u8]) -> Vec<u8> {
        self.consensus.handle_message(message).await
    }

    pub(super) async fn shut_down(&self) {
        self.consensus.shutdown().await;
    }
}

/// Carries consensus's events to the actors, in order, until it ends; a failed store stops the node at once.
async fn forward(
    mut events: Events<Ledger>,
    sender: mpsc::Sender<LedgerEvent>,
    stop: watch::Sender<Option<StopReason>>,
) {
    while let Some(event) = events.recv().await {
        let told = match event {
            Event::Applied(entries) => {
                let mut told = Ok(());
                for entry in entries {
                    told = sender.send(LedgerEvent::Moved(Moved { index: entry.index, effects: entry.effects })).await;
                }
                told
            }
            Event::LeaderChanged { is_this_node: true, .. } => sender.send(LedgerEvent::Lead).await,
            Event::LeaderChanged { is_this_node: false, .. } | Event::StateReplaced { .. } => {
                sender.send(LedgerEvent::Follow).await
            }
            Event::Fatal(error) => {
                tracing::error!(%error, "the store failed; stopping the node");
                stop.send_replace(Some(StopReason::Failed(refusal(codes::STORE_FAILED, error.to_string()))));
                return;
            }
        };
        if told.is_err() {
            return;
        }
    }
}

fn not_opened(error: &OpenError) -> Refusal {
    refusal(codes::DATA_DIRECTORY, error.to_string())
}

fn not_proposed(error: ProposeError) -> Refusal {
    let message = error.to_string();
    match error {
        ProposeError::Busy { retry_after } => {
            Refusal { retry_after: Some(retry_after), ..refusal(codes::BUSY, message) }
        }
        ProposeError::NotLeader { leader } => no_leader(message, leader),
        ProposeError::Unknown { .. } => refusal(codes::TIMED_OUT, message),
        ProposeError::TooLarge { .. } | ProposeError::Encoding(_) | ProposeError::Members(_) => {
            refusal(codes::BAD_SUBMISSION, message)
        }
        ProposeError::Stopped(_) => refusal(codes::STOPPING, message),
    }
}

fn not_read(error: ReadError) -> Refusal {
    let message = error.to_string();
    match error {
        ReadError::NotLeader { leader } => no_leader(message, leader),
        ReadError::NoQuorum => refusal(codes::NO_LEADER, message),
        ReadError::Stopped(_) => refusal(codes::STOPPING, message),
    }
}

fn no_leader(message: String, leader: Option<Leader>) -> Refusal {
    Refusal { leader: leader.map(|leader| leader.address), ..refusal(codes::NO_LEADER, message) }
}

/// Carries consensus's messages between voters.
struct LinkTransport {
    link: Link,
}

impl RaftTransport for LinkTransport {
    async fn send(&self, node: NodeId, address: &str, message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let unreachable = |error: nexus_link::LinkError| TransportError::Unreachable(error.to_string());
        let peer = self.link.connect(address, Expect::Node(node)).await.map_err(unreachable)?;
        let answer = ask_peer(&peer, &Request::Raft(message)).await;
        match answer.map_err(|error| TransportError::Broken(error.to_string()))? {
            Ok(Response::Raft(answer)) => Ok(answer),
            Ok(_) => Err(TransportError::Broken("an answer that does not fit".to_owned())),
            Err(refusal) => Err(TransportError::Broken(refusal.message)),
        }
    }
}
