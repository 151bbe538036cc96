//! What a proposer holds while its command is on the way, and how the answer gets back to it.

use openraft::OptionalSend;
use openraft::raft::responder::Responder;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::raft_types::RaftTypes;

/// The way back to a proposer, held by the log until the command is applied or given up. It keeps the proposal's share of
/// the bounds: a proposer that loses interest does not make room for another.
pub(crate) struct Answer<T> {
    send: oneshot::Sender<T>,
    _share: Share,
}

/// A proposal's share of what may be in flight: one of the number, and its bytes.
pub(crate) struct Share {
    pub(crate) _count: OwnedSemaphorePermit,
    pub(crate) _bytes: OwnedSemaphorePermit,
}

impl<T> Answer<T> {
    /// Both ends.
    pub(crate) fn new(share: Share) -> (Self, oneshot::Receiver<T>) {
        let (send, receive) = oneshot::channel();
        (Self { send, _share: share }, receive)
    }
}

impl<S, T> Responder<RaftTypes<S>, T> for Answer<T>
where
    S: crate::machine::StateMachine,
    T: OptionalSend + 'static,
{
    fn on_complete(self, result: T) {
        // A proposer that is gone needs no answer.
        drop(self.send.send(result));
    }
}
