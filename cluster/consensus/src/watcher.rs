//! Tells the owner when the leader changes and when consensus ends.

use std::io;

use openraft::Raft;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use tokio::sync::mpsc;

use crate::error::FatalError;
use crate::event::Event;
use crate::machine::StateMachine;
use crate::machine_store::MachineStore;
use crate::raft_types::RaftTypes;
use crate::status;

/// Starts the task; it ends with consensus, or when the owner stops reading.
pub(crate) fn watch<S: StateMachine>(
    node: u64,
    raft: &Raft<RaftTypes<S>, MachineStore<S>>,
    events: mpsc::Sender<Event<S>>,
    first_failure: impl Fn() -> Option<io::ErrorKind> + Send + 'static,
) {
    let mut metrics = raft.metrics();
    tokio::spawn(async move {
        let mut told = (0, None);
        loop {
            let (term, leader, stopped) = {
                let now = metrics.borrow_watched();
                (now.current_term, status::leader(&now), now.running_state.clone().err())
            };
            if let Some(fatal) = stopped {
                if let Some(error) = fatal_error(&fatal, &first_failure) {
                    drop(events.send(Event::Fatal(error)).await);
                }
                return;
            }
            if told != (term, leader.clone()) {
                told = (term, leader.clone());
                let is_this_node = leader.as_ref().is_some_and(|leader| leader.node.0 == node);
                if events.send(Event::LeaderChanged { term, leader, is_this_node }).await.is_err() {
                    return;
                }
            }
            if metrics.changed().await.is_err() {
                return;
            }
        }
    });
}

/// `None` for an end that was asked for.
fn fatal_error<S: StateMachine>(
    fatal: &Fatal<RaftTypes<S>>,
    first_failure: impl Fn() -> Option<io::ErrorKind>,
) -> Option<FatalError> {
    match fatal {
        Fatal::Stopped => None,
        Fatal::Panicked => Some(FatalError::Internal("it panicked".to_owned())),
        Fatal::StorageError(error) => Some(FatalError::from_storage(first_failure(), error.to_string())),
    }
}
