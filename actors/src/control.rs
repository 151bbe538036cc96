//! The control plane as the other actors see it: propose a command, look at the ledger, hear of its effects.
//!
//! Two kinds with the same behaviour: replicated (a node: consensus over a disk), and embedded (`nexus run`: the same
//! ledger in this process's memory, for as long as the process lives).

mod embedded;
mod replicated;
mod steward;
mod transport;
mod upgrade;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nexus_ledger::{Command, Effect, Ledger, Rejection, Reply, StatusFacts};
use nexus_model::NodeId;
use nexus_wire::{ProtocolVersion, Refusal, StatusView};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::codes;
use crate::telemetry;

use embedded::Embedded;
pub(crate) use replicated::Opening;
use replicated::Replicated;
pub(crate) use steward::keep_members;
pub(crate) use upgrade::{Spoken, too_old};

/// What happened in the ledger, for the scheduler and those who wait.
#[derive(Debug)]
pub(crate) enum LedgerEvent {
    /// Entries were applied.
    Moved(Moved),
    /// This node leads from now on: look at the whole ledger.
    Lead,
    /// Another node leads, or none.
    Follow,
}

/// The effects of entries that were applied together, in order, up to and including the entry at `index`. Whoever looks at
/// the ledger sees all of them or none.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) index: u64,
    pub(crate) effects: Vec<Effect>,
}

/// The whole ledger as effects, up to and including the entry at `index`.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) index: u64,
    pub(crate) effects: Vec<Effect>,
}

/// Where the ledger lives. Clones are the same ledger.
#[derive(Clone)]
pub(crate) enum ControlPlane {
    /// In this process only.
    Embedded(Arc<Embedded>),
    /// On the disks of the voters.
    Replicated(Arc<Replicated>),
}

impl ControlPlane {
    /// An embedded plane and its events.
    pub(crate) fn embedded() -> (Self, mpsc::Receiver<LedgerEvent>) {
        let (embedded, events) = Embedded::new();
        (ControlPlane::Embedded(Arc::new(embedded)), events)
    }

    /// The plane of a node: its copy of the ledger, and its part in keeping it.
    pub(crate) async fn replicated(opening: Opening<'_>) -> Result<(Self, mpsc::Receiver<LedgerEvent>), Refusal> {
        let (replicated, events) = Replicated::open(opening).await?;
        Ok((ControlPlane::Replicated(Arc::new(replicated)), events))
    }

    /// Carries out `command`: the answer comes once it is as durable as this plane is.
    pub(crate) async fn propose(&self, command: Command) -> Result<Reply, Refusal> {
        let reply = match self {
            ControlPlane::Embedded(embedded) => embedded.propose(command).await?,
            ControlPlane::Replicated(replicated) => replicated.propose(command).instrument(telemetry::commit()).await?,
        };
        reply.map_err(|rejection| rejected(&rejection))
    }

    /// Whether every member reads that a job is accepted and given away in one entry.
    pub(crate) async fn places_at_once(&self) -> bool {
        self.read_local(Ledger::protocol).await >= Command::PLACED
    }

    /// Whether a machine that speaks `version` can be in this cluster.
    pub(crate) async fn admits(&self, version: ProtocolVersion) -> Result<(), Refusal> {
        let agreed = self.read_local(Ledger::protocol).await;
        if version >= agreed {
            return Ok(());
        }
        let message = format!("the cluster speaks protocol {agreed}, and that machine {version}");
        Err(Refusal { help: Some(too_old()), ..refusal(codes::PROTOCOL_LEFT_BEHIND, message) })
    }

    /// Looks at the ledger as it is now, wherever it was changed last.
    pub(crate) async fn read<R>(&self, look: impl FnOnce(&Ledger) -> R) -> Result<R, Refusal> {
        match self {
            ControlPlane::Embedded(embedded) => Ok(embedded.read(look)),
            ControlPlane::Replicated(replicated) => replicated.read(look).await,
        }
    }

    /// Looks at the ledger as this node knows it.
    pub(crate) async fn read_local<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        match self {
            ControlPlane::Embedded(embedded) => embedded.read(look),
            ControlPlane::Replicated(replicated) => replicated.read_local(look).await,
        }
    }

    /// What a scheduler that begins here and now has to know.
    pub(crate) async fn standing(&self) -> Standing {
        self.read_local(|ledger| Standing { index: ledger.applied(), effects: ledger.standing() }).await
    }

    /// Whether this node decides what runs: it leads, and knows everything that earlier leaders committed.
    pub(crate) fn leads(&self) -> bool {
        match self {
            ControlPlane::Embedded(_) => true,
            ControlPlane::Replicated(replicated) => replicated.leads(),
        }
    }

    /// Whether this node was elected and has heard of no other leader.
    pub(crate) fn is_leader(&self) -> bool {
        match self {
            ControlPlane::Embedded(_) => true,
            ControlPlane::Replicated(replicated) => replicated.leads() || replicated.status().is_leader,
        }
    }

    /// The leader and its address, where known.
    pub(crate) fn leader(&self) -> Option<(NodeId, String)> {
        match self {
            ControlPlane::Embedded(_) => None,
            ControlPlane::Replicated(replicated) => {
                replicated.status().leader.map(|leader| (leader.node, leader.address))
            }
        }
    }

    /// The term of the log.
    pub(crate) fn term(&self) -> u64 {
        match self {
            ControlPlane::Embedded(_) => 0,
            ControlPlane::Replicated(replicated) => replicated.status().term,
        }
    }

    /// The voters that the log names.
    pub(crate) fn voters(&self) -> Vec<NodeId> {
        match self {
            ControlPlane::Embedded(_) => Vec::new(),
            ControlPlane::Replicated(replicated) => replicated.status().voters,
        }
    }

    /// Where the nodes that have the log are reached.
    pub(crate) fn addresses(&self) -> Vec<(NodeId, String)> {
        match self {
            ControlPlane::Embedded(_) => Vec::new(),
            ControlPlane::Replicated(replicated) => replicated.status().addresses,
        }
    }

    /// Resolves when another node than `node` is known to lead.
    pub(crate) async fn until_other_leader(&self, node: NodeId) {
        match self {
            ControlPlane::Embedded(_) => std::future::pending().await,
            ControlPlane::Replicated(replicated) => replicated.until_other_leader(node).await,
        }
    }

    /// Lets a node that runs already follow the log. Done where it does.
    pub(crate) async fn add_learner(&self, node: NodeId, address: &str) -> Result<(), Refusal> {
        match self {
            ControlPlane::Embedded(_) => Err(nothing_to_vote_on()),
            ControlPlane::Replicated(replicated) => replicated.add_learner(node, address).await,
        }
    }

    /// Waits until `node` has nearly all of the log.
    pub(crate) async fn until_caught_up(&self, node: NodeId) -> Result<(), Refusal> {
        match self {
            ControlPlane::Embedded(_) => Err(nothing_to_vote_on()),
            ControlPlane::Replicated(replicated) => replicated.until_caught_up(node).await,
        }
    }

    /// Makes `voters` the voters of the log.
    pub(crate) async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), Refusal> {
        match self {
            ControlPlane::Embedded(_) => Err(nothing_to_vote_on()),
            ControlPlane::Replicated(replicated) => replicated.change_voters(voters).await,
        }
    }

    /// How the cluster is, as `node` sees it.
    pub(crate) async fn status(&self, node: NodeId) -> Result<StatusView, Refusal> {
        self.read(|ledger| ledger.status(self.facts(node))).await
    }

    /// How the cluster was when this node last heard from a leader.
    pub(crate) async fn status_local(&self, node: NodeId) -> StatusView {
        self.read_local(|ledger| ledger.status(self.facts(node))).await
    }

    fn facts(&self, node: NodeId) -> StatusFacts {
        let leader = match self {
            ControlPlane::Embedded(_) => Some(node),
            ControlPlane::Replicated(_) => self.leader().map(|(leader, _)| leader),
        };
        StatusFacts { node, leader, term: self.term(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Answers a message of another voter's consensus.
    pub(crate) async fn consensus_message(&self, message: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        match self {
            ControlPlane::Embedded(_) => Err(nothing_to_vote_on()),
            ControlPlane::Replicated(replicated) => Ok(replicated.consensus_message(&message).await),
        }
    }

    /// Closes the store in order.
    pub(crate) async fn shut_down(&self) {
        match self {
            ControlPlane::Embedded(_) => {}
            ControlPlane::Replicated(replicated) => replicated.shut_down().await,
        }
    }
}

fn nothing_to_vote_on() -> Refusal {
    refusal(codes::NOT_ALLOWED, "a runtime inside one process has nothing to vote on".to_owned())
}

fn rejected(rejection: &Rejection) -> Refusal {
    refusal(rejection.code(), rejection.to_string())
}

/// A refusal with nothing more to say than its message.
pub(crate) fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.to_owned(), message, help: None, retry_after: None, leader: None }
}

/// The node takes no more work.
pub(crate) fn stopping() -> Refusal {
    refusal(codes::STOPPING, "this node is stopping".to_owned())
}

/// The wall clock in ms since 1970, for people to read; nothing is decided by it.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
