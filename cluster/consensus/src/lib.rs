//! The replicated log of the control plane: openraft over redb, with snapshots in files.
//!
//! [`Consensus`] is the handle: an owner opens a [`DataDirectory`], gives a [`RaftTransport`], proposes commands, reads the
//! state, and reads [`Event`]s. What the log drives is a [`StateMachine`]. Nothing here knows of jobs, sockets or actors.
//!
//! What is promised: an acknowledged command is on the disks of a majority of the voters; every node applies the same
//! commands in the same order, once; an error of a disk ends the node and is told; every queue is bounded
//! ([`limits`]).

mod consensus;
mod directory;
mod error;
mod event;
mod ledger;
pub mod limits;
mod log_file;
mod log_store;
mod machine;
mod machine_store;
mod members;
mod network;
#[cfg(test)]
mod power_cut;
mod proposal;
mod raft_types;
mod receiver;
mod recovery;
mod rpc;
mod snapshot_file;
mod status;
#[cfg(test)]
mod storage_suite;
mod stored;
#[cfg(test)]
mod test_disk;
#[cfg(test)]
mod test_machine;
mod timing;
mod watcher;
mod writer;

pub use consensus::{Consensus, ConsensusConfig, Pending};
pub use directory::DataDirectory;
pub use error::{FatalError, Leader, OpenError, ProposeError, ReadError};
pub use event::{Applied, Event, Events};
pub use machine::StateMachine;
pub use machine_store::SnapshotPolicy;
pub use network::{RaftTransport, TransportError};
pub use recovery::{Recovery, Survey};
pub use status::Status;
