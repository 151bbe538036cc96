//! The ledger of a process that needs no other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_ledger::{Command, Ledger, Rejection, Reply};
use nexus_wire::{ProtocolVersion, Refusal};
use tokio::sync::mpsc;

use super::{LedgerEvent, Moved, stopping};

/// Entries whose effects may wait for the scheduler; then proposing waits.
const EVENTS_MAX: usize = 1024;

/// A ledger in memory.
pub(crate) struct Embedded {
    ledger: Mutex<Ledger>,
    events: mpsc::Sender<LedgerEvent>,
}

impl Embedded {
    pub(super) fn new() -> (Self, mpsc::Receiver<LedgerEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let mut ledger = Ledger::new();
        // Its only member is this process.
        ledger.apply(1, Command::RaiseProtocol { protocol: ProtocolVersion::CURRENT });
        (Embedded { ledger: Mutex::new(ledger), events }, receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn propose(&self, command: Command) -> Result<Result<Reply, Rejection>, Refusal> {
        // Room first: under the lock the effects go out in the order of their entries.
        let room = self.events.reserve().await.map_err(|_| stopping())?;
        let mut ledger = self.lock();
        let index = ledger.applied() + 1;
        let applied = ledger.apply(index, command);
        room.send(LedgerEvent::Moved(Moved { index, effects: applied.effects }));
        Ok(applied.reply)
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        look(&self.lock())
    }
}
