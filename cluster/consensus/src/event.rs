//! What a node's consensus tells its owner.

use tokio::sync::mpsc;

use crate::error::FatalError;
use crate::error::Leader;
use crate::limits::EVENTS_MAX;
use crate::machine::StateMachine;

/// What happened, in order. The owner reads these without pause: applying waits when [`EVENTS_MAX`] of them are unread, so
/// an owner that waits for a proposal must go on reading while it does.
pub enum Event<S: StateMachine> {
    /// These entries were applied, in the order of the log, each told once by each process. What a node applies again while
    /// it opens is not told: those effects are in the state already. The last entries before a crash may be told by both
    /// processes, where the first did not write down any more that they were committed. Indices that are left out belong to
    /// entries without a command.
    Applied(Vec<Applied<S>>),
    /// The state was replaced by a snapshot from the leader that covers everything up to here: what the owner derived from
    /// the state is to be derived anew.
    StateReplaced {
        /// Index of the last entry in the snapshot.
        index: u64,
    },
    /// Another leader, or none that this node knows of.
    LeaderChanged {
        /// The term.
        term: u64,
        /// The leader.
        leader: Option<Leader>,
        /// Whether it is this node. Before the owner acts on it, a current read ([`crate::Consensus::read`]) tells that
        /// everything that earlier leaders committed is applied, and from which index on events are news.
        is_this_node: bool,
    },
    /// Consensus has stopped on this node, for good. This is the last event.
    Fatal(FatalError),
}

/// One applied entry.
pub struct Applied<S: StateMachine> {
    /// Its index.
    pub index: u64,
    /// What came of it.
    pub effects: S::Effects,
}

/// Where the owner reads what happened.
pub type Events<S> = mpsc::Receiver<Event<S>>;

/// The writing end, with its bound.
pub(crate) fn channel<S: StateMachine>() -> (mpsc::Sender<Event<S>>, Events<S>) {
    mpsc::channel(EVENTS_MAX)
}
