//! What the leader does without being asked, by its clock: waking what rests, ending what is overdue or of no use any
//! more, forgetting what ended long ago.
//!
//! The ledger reads no clock; these proposals bring the time to it.

use std::time::Duration;

use nexus_ledger::{Command, NodeNote};
use nexus_model::{JobId, NodeId};
use nexus_wire::Refusal;

use crate::control::{ControlPlane, now_ms};
use crate::telemetry;

/// Ended jobs that are kept with their results; the oldest beyond them are forgotten. A job with a small result takes
/// about a kilobyte, so all of them about as much as an idle node.
const ENDED_JOBS_MAX: usize = 20_000;
/// How long an ended job is kept: a month of looking back.
const ENDED_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Jobs that are forgotten at once: the rest at the next look.
const FORGET_AT_ONCE: usize = 100;

/// One look at the clock; proposes what follows.
pub(super) async fn look(control: ControlPlane) -> Result<(), Refusal> {
    let now = now_ms();
    let before = now.saturating_sub(ENDED_AGE_MAX.as_millis() as u64);
    let (wakes, old, orphans) = control
        .read_local(|ledger| {
            (ledger.has_wakes(now), ledger.forgettable(ENDED_JOBS_MAX, before, FORGET_AT_ONCE), ledger.orphans())
        })
        .await;
    if wakes {
        control.propose(Command::Wake { at_ms: now }).await?;
    }
    for job in orphans {
        control.propose(Command::CancelJob { job, at_ms: now }).await?;
    }
    for job in old {
        control.propose(Command::ForgetJob { job }).await?;
    }
    Ok(())
}

/// Writes into a node's life that it came or went. Nobody waits for it: a life without this entry is as good as the
/// leader's own that was lost before it could say so.
pub(super) async fn note(control: ControlPlane, node: NodeId, note: NodeNote) {
    if let Err(refusal) = control.propose(Command::NoteNode { node, note, at_ms: now_ms() }).await {
        tracing::debug!(%node, reason = %refusal, "what happened to a node was not written into its life");
    }
}

/// Ends the trace of a job.
pub(super) async fn trace(control: ControlPlane, job: JobId) {
    if let Some(job) = control.read_local(|ledger| ledger.job(job)).await {
        telemetry::ended(&job);
    }
}
