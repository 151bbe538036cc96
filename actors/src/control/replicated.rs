//! The ledger of a node: consensus over a disk. Every node has one: voters keep the log, the others follow it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::Fuse;
use nexus_consensus::{
    Consensus, ConsensusConfig, DataDirectory, Event, Events, FatalError, Leader, OpenError, ProposeError, ReadError,
    SnapshotPolicy, Status,
};
use nexus_ledger::{Command, Effect, Ledger, NewNode, Rejection, Reply};
use nexus_link::{Authority, Link};
use nexus_model::NodeId;
use nexus_wire::{ProtocolVersion, Refusal};
use tokio::sync::{mpsc, watch};

use super::transport::LinkTransport;
use super::upgrade::{self, Machines, Spoken};
use super::{LedgerEvent, Moved, refusal};
use crate::address_book::AddressBook;
use crate::codes;
use crate::home::Home;
use crate::node::{NodeFacts, StopReason};

/// Batches of entries whose effects may wait for the scheduler; then consensus waits.
const EVENTS_MAX: usize = 64;
/// How long a single voter may take to lead: it has nobody to wait for but its disk.
const FIRST_LEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a new voter may take to get the log.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(25);
/// A node that lacks no more than this many entries has the log: they are on their way in one message.
const CAUGHT_UP_ENTRIES: u64 = 1000;
/// How long a change of the members waits for the one before it.
const CHANGE_PATIENCE: Duration = Duration::from_secs(10);
/// Pause before a new leader asks its voters again whether it leads.
const CONFIRM_PAUSE: Duration = Duration::from_millis(20);

/// What it takes to open a node's ledger.
pub(crate) struct Opening<'a> {
    pub(crate) home: &'a Home,
    pub(crate) facts: &'a NodeFacts,
    /// Present on the node that founds the cluster or has founded it.
    pub(crate) founder: Option<&'a Authority>,
    pub(crate) link: Link,
    pub(crate) book: AddressBook,
    pub(crate) spoken: Spoken,
    pub(crate) stop: watch::Sender<Option<StopReason>>,
}

/// Consensus with its way to this node's actors.
pub(crate) struct Replicated {
    consensus: Consensus<Ledger>,
    /// Whether the actors were told to lead, and not yet to stop it.
    leads: Arc<AtomicBool>,
    spoken: Spoken,
}

impl Replicated {
    pub(super) async fn open(opening: Opening<'_>) -> Result<(Self, mpsc::Receiver<LedgerEvent>), Refusal> {
        let Opening { home, facts, founder, link, book, spoken, stop } = opening;
        let directory = DataDirectory::open(&home.consensus()).map_err(|error| not_opened(&error))?;
        let config =
            ConsensusConfig { node: facts.node, cluster: facts.cluster.clone(), snapshots: SnapshotPolicy::default() };
        let (consensus, events) = Consensus::<Ledger>::open(directory, config, Arc::new(LinkTransport { link, book }))
            .await
            .map_err(|error| not_opened(&error))?;
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        let leads = Arc::new(AtomicBool::new(false));
        let forwarding = Forwarding {
            consensus: consensus.clone(),
            leads: Arc::clone(&leads),
            sender,
            spoken: spoken.clone(),
            stop,
        };
        tokio::spawn(forwarding.run(events));
        let replicated = Replicated { consensus, leads, spoken };
        replicated.spoken.check_own(replicated.read_local(Ledger::protocol).await)?;
        if let Some(authority) = founder {
            replicated.found(home, facts, authority).await?;
        }
        Ok((replicated, receiver))
    }

    /// Makes the cluster where there is none. Of a cluster with several voters this node waits for nobody.
    async fn found(&self, home: &Home, facts: &NodeFacts, authority: &Authority) -> Result<(), Refusal> {
        let voters = self.consensus.voters_now().await.map_err(not_proposed)?;
        if voters.is_empty() {
            if home.membership().is_ok_and(|membership| membership.is_some()) {
                let message = format!("{} has lost the log of its cluster", home.root().display());
                let help = "bring its folder `consensus` back from a copy; `nexus explain NX0412` says more".to_owned();
                return Err(Refusal { help: Some(help), ..refusal(codes::LOG_LOST, message) });
            }
            self.consensus.initialize_single(&facts.address.to_string()).await.map_err(not_proposed)?;
        } else if voters != [facts.node] {
            return Ok(());
        }
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
        self.propose(command).await?.map_err(|rejection| super::rejected(&rejection))?;
        // Its only machine is this one.
        if self.spoken.own() > ProtocolVersion::FIRST { upgrade::raise(self, self.spoken.own()).await } else { Ok(()) }
    }

    pub(super) fn spoken(&self) -> &Spoken {
        &self.spoken
    }

    pub(super) async fn propose(&self, command: Command) -> Result<Result<Reply, Rejection>, Refusal> {
        // Who raises the protocol has seen that all speak it.
        if command.since() > ProtocolVersion::FIRST && !matches!(command, Command::RaiseProtocol { .. }) {
            let machines = self.read_local(Machines::of).await;
            self.spoken.hold_back(&command, self.status().node, &machines)?;
        }
        self.consensus.propose(&command).await.map_err(not_proposed)
    }

    pub(super) async fn read<R>(&self, look: impl FnOnce(&Ledger) -> R) -> Result<R, Refusal> {
        self.consensus.read(|ledger, _| look(ledger)).await.map_err(not_read)
    }

    pub(super) async fn read_local<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        self.consensus.read_local(|ledger, _| look(ledger)).await
    }

    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    pub(super) fn status(&self) -> Status {
        self.consensus.status()
    }

    pub(super) async fn until_other_leader(&self, node: NodeId) {
        let other = |status: &Status| status.leader.as_ref().is_some_and(|leader| leader.node != node);
        if self.consensus.wait_until(Duration::MAX, other).await.is_none() {
            // Consensus has ended: nobody will be told of a leader any more.
            std::future::pending::<()>().await;
        }
    }

    pub(super) async fn add_learner(&self, node: NodeId, address: &str) -> Result<(), Refusal> {
        let begun = Instant::now();
        loop {
            match self.consensus.add_learner(node, address).await {
                Err(ProposeError::Busy { retry_after }) if begun.elapsed() < CHANGE_PATIENCE => {
                    tokio::time::sleep(retry_after).await;
                }
                done => return done.map_err(not_proposed),
            }
        }
    }

    pub(super) async fn change_address(&self, node: NodeId, address: &str) -> Result<(), Refusal> {
        self.consensus.change_address(node, address).await.map_err(not_proposed)
    }

    pub(super) async fn remove_learner(&self, node: NodeId) -> Result<(), Refusal> {
        self.consensus.remove_learner(node).await.map_err(not_proposed)
    }

    pub(super) async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), Refusal> {
        let begun = Instant::now();
        loop {
            match self.consensus.change_voters(voters.clone()).await {
                // A person's change and the steward's may meet: one waits for the other.
                Err(ProposeError::Busy { retry_after }) if begun.elapsed() < CHANGE_PATIENCE => {
                    tokio::time::sleep(retry_after).await;
                }
                done => return done.map_err(not_proposed),
            }
        }
    }

    pub(super) async fn until_caught_up(&self, node: NodeId) -> Result<(), Refusal> {
        let has_the_log = |status: &Status| {
            let matching = status.replicated.iter().find(|(other, _)| *other == node).and_then(|(_, index)| *index);
            node == status.node || matching.unwrap_or(0) + CAUGHT_UP_ENTRIES >= status.last_log.unwrap_or(0)
        };
        let caught_up = self.consensus.wait_until(CATCH_UP_PATIENCE, |status| has_the_log(status)).await;
        caught_up.map(drop).ok_or_else(|| {
            refusal(codes::VOTERS, format!("{node} did not get the whole log in {} s", CATCH_UP_PATIENCE.as_secs()))
        })
    }

    pub(super) async fn consensus_message(&self, message: &[u8]) -> Vec<u8> {
        self.consensus.handle_message(message).await
    }

    pub(super) async fn shut_down(&self) {
        self.consensus.shutdown().await;
    }
}

/// Carries consensus's events to the actors, in order, until it ends; a failed store stops the node at once.
struct Forwarding {
    consensus: Consensus<Ledger>,
    leads: Arc<AtomicBool>,
    sender: mpsc::Sender<LedgerEvent>,
    spoken: Spoken,
    stop: watch::Sender<Option<StopReason>>,
}

impl Forwarding {
    async fn run(self, mut events: Events<Ledger>) {
        // One look for each election, whatever happens meanwhile: under load there is always another event.
        let mut confirmed = std::pin::pin!(Fuse::terminated());
        loop {
            // Events are read on while a new leader makes sure: what it waits for is applied only then.
            let event = tokio::select! {
                event = events.recv() => event,
                is_leader = &mut confirmed => {
                    if is_leader {
                        self.leads.store(true, Ordering::Release);
                        if self.sender.send(LedgerEvent::Lead).await.is_err() {
                            return;
                        }
                    }
                    continue;
                }
            };
            let told = match event {
                None => return,
                Some(Event::Applied(entries)) => {
                    let raised = entries.iter().flat_map(|entry| &entry.effects).find_map(|effect| match effect {
                        Effect::ProtocolRaised { protocol } => Some(*protocol),
                        _ => None,
                    });
                    if raised.is_some_and(|protocol| self.is_left_behind(protocol)) {
                        return;
                    }
                    self.moved(entries).await
                }
                Some(Event::LeaderChanged { is_this_node, .. }) => {
                    confirmed.set(if is_this_node { self.confirmed().fuse() } else { Fuse::terminated() });
                    self.follow().await
                }
                Some(Event::StateReplaced { .. }) => {
                    let agreed = self.consensus.read_local(|ledger, _| ledger.protocol()).await;
                    if self.is_left_behind(agreed) {
                        return;
                    }
                    // What this node was before it has the new state, it has to be again.
                    let leads = self.consensus.status().is_leader;
                    confirmed.set(if leads { self.confirmed().fuse() } else { Fuse::terminated() });
                    self.follow().await
                }
                Some(Event::Fatal(error)) => {
                    tracing::error!(%error, "the store failed; stopping the node");
                    let code = if error == FatalError::DiskFull { codes::STORE_FULL } else { codes::STORE_FAILED };
                    let reason = refusal(code, error.to_string());
                    self.stop.send_replace(Some(StopReason::Failed(reason)));
                    return;
                }
            };
            if told.is_err() {
                return;
            }
        }
    }

    /// Whether the cluster speaks what this node does not; then the node stops.
    fn is_left_behind(&self, agreed: ProtocolVersion) -> bool {
        match self.spoken.check_own(agreed) {
            Ok(()) => false,
            Err(refusal) => {
                self.stop.send_replace(Some(StopReason::Failed(refusal)));
                true
            }
        }
    }

    async fn moved(
        &self,
        entries: Vec<nexus_consensus::Applied<Ledger>>,
    ) -> Result<(), mpsc::error::SendError<LedgerEvent>> {
        let Some(last) = entries.last() else { return Ok(()) };
        let index = last.index;
        let effects = entries.into_iter().flat_map(|entry| entry.effects).collect();
        self.sender.send(LedgerEvent::Moved(Moved { index, effects })).await
    }

    async fn follow(&self) -> Result<(), mpsc::error::SendError<LedgerEvent>> {
        self.leads.store(false, Ordering::Release);
        self.sender.send(LedgerEvent::Follow).await
    }

    /// Whether this node leads and has everything that was committed before: a majority says so.
    async fn confirmed(&self) -> bool {
        loop {
            match self.consensus.read(|_, _| ()).await {
                Ok(()) => return true,
                Err(ReadError::Stopped(_) | ReadError::DiskFull) => return false,
                Err(ReadError::NotLeader { .. }) if !self.consensus.status().is_leader => return false,
                Err(ReadError::NotLeader { .. } | ReadError::NoQuorum) => tokio::time::sleep(CONFIRM_PAUSE).await,
            }
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
        ProposeError::Members(_) => refusal(codes::VOTERS, message),
        ProposeError::TooLarge { .. } | ProposeError::Encoding(_) => refusal(codes::BAD_SUBMISSION, message),
        ProposeError::DiskFull => disk_full(message),
        ProposeError::Stopped(_) => refusal(codes::STOPPING, message),
    }
}

fn not_read(error: ReadError) -> Refusal {
    let message = error.to_string();
    match error {
        ReadError::NotLeader { leader } => no_leader(message, leader),
        ReadError::NoQuorum => refusal(codes::NO_LEADER, message),
        ReadError::DiskFull => disk_full(message),
        ReadError::Stopped(_) => refusal(codes::STOPPING, message),
    }
}

fn disk_full(message: String) -> Refusal {
    let help = "make room on that disk: the node waits for it and begins again by itself; what was accepted before is kept, \
                and what got no answer may be";
    Refusal { help: Some(help.to_owned()), ..refusal(codes::STORE_FULL, message) }
}

fn no_leader(message: String, leader: Option<Leader>) -> Refusal {
    Refusal { leader: leader.map(|leader| leader.address), ..refusal(codes::NO_LEADER, message) }
}
