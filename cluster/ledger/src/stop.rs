//! The emergency stop: from an entry of the log on no task is given out, until another entry allows it again.
//!
//! What is out at that time the leader takes back; a report that comes first counts, one that comes later is stale.

use nexus_wire::Stopped;
use nexus_wire::limits::AUDIT_TEXT_BYTES_MAX;

use crate::effect::{Effect, Rejection, Reply};
use crate::ledger::Ledger;
use crate::members::check_len;
use crate::outbox::Outbox;

impl Ledger {
    /// Who stopped all work, and when, where that was done and not taken back.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    pub(crate) fn stop_work(&mut self, by: String, at_ms: u64, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        self.cluster()?;
        check_len("name of who stops all work", &by, AUDIT_TEXT_BYTES_MAX)?;
        if self.stopped.is_none() {
            self.stopped = Some(Stopped { by, at_ms });
            out.push(Effect::WorkStopped);
        }
        Ok(Reply::Done)
    }

    pub(crate) fn resume_work(&mut self, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        self.cluster()?;
        if self.stopped.take().is_some() {
            out.push(Effect::WorkResumed);
        }
        Ok(Reply::Done)
    }
}
