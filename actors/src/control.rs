//! The control plane as the other actors see it: propose a command, look at the ledger, hear of its effects.
//!
//! Two kinds with the same behaviour: replicated (a node: consensus over a disk), and embedded (`nexus run`: the same
//! ledger in this process's memory, for as long as the process lives).

mod embedded;
mod replicated;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nexus_ledger::{Command, Effect, Ledger, Rejection, Reply, StatusFacts};
use nexus_link::{Authority, Link};
use nexus_model::NodeId;
use nexus_wire::{Refusal, StatusView};
use tokio::sync::{mpsc, watch};

use crate::codes;
use crate::home::Home;
use crate::node::{NodeFacts, StopReason};

use embedded::Embedded;
use replicated::Replicated;

/// What happened in the ledger, for the scheduler and those who wait.
#[derive(Debug)]
pub(crate) enum LedgerEvent {
    /// An entry was applied.
    Moved(Moved),
    /// This node leads from now on: look at the whole ledger.
    Lead,
    /// Another node leads, or none.
    Follow,
}

/// The effects of the entry at `index`, in order.
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

    /// The plane of a node that holds the ledger, founded on first use.
    pub(crate) async fn replicated(
        home: &Home,
        facts: &NodeFacts,
        authority: &Authority,
        link: Link,
        stop: watch::Sender<Option<StopReason>>,
    ) -> Result<(Self, mpsc::Receiver<LedgerEvent>), Refusal> {
        let (replicated, events) = Replicated::open(home, facts, authority, link, stop).await?;
        Ok((ControlPlane::Replicated(Arc::new(replicated)), events))
    }

    /// Carries out `command`: the answer comes once it is as durable as this plane is.
    pub(crate) async fn propose(&self, command: Command) -> Result<Reply, Refusal> {
        let reply = match self {
            ControlPlane::Embedded(embedded) => embedded.propose(command).await?,
            ControlPlane::Replicated(replicated) => replicated.propose(command).await?,
        };
        reply.map_err(|rejection| rejected(&rejection))
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

    /// Whether this node decides what runs.
    pub(crate) fn leads(&self) -> bool {
        match self {
            ControlPlane::Embedded(_) => true,
            ControlPlane::Replicated(replicated) => replicated.leads(),
        }
    }

    /// How the cluster is, as `node` sees it.
    pub(crate) async fn status(&self, node: NodeId) -> Result<StatusView, Refusal> {
        let (leader, term) = match self {
            ControlPlane::Embedded(_) => (Some(node), 0),
            ControlPlane::Replicated(replicated) => replicated.leader_and_term(),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.read(|ledger| ledger.status(StatusFacts { node, leader, term, version })).await
    }

    /// Answers a message of another voter's consensus.
    pub(crate) async fn consensus_message(&self, message: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        match self {
            ControlPlane::Embedded(_) => Err(refusal(codes::NOT_ALLOWED, "there is nothing to vote on".to_owned())),
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
