//! Results that no machine has any more and that nobody but a person asks for: made again where a job is run again that has
//! succeeded, once every machine was asked.

use std::collections::BTreeSet;

use nexus_ledger::{Command, Ledger};
use nexus_model::{BlobHash, JobId, JobState, NodeId};
use nexus_wire::{Refusal, Response};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::copies::dialled;
use crate::payloads::holds;

/// Results of a job that are looked for at once.
const RESULTS_MAX: usize = 10_000;

/// What no machine that answers has, and who did not answer.
#[derive(Debug, Default)]
struct Missing {
    blobs: Vec<BlobHash>,
    silent: BTreeSet<NodeId>,
}

impl GatewayState {
    /// Runs again what did not succeed of a job; where all of it did, what made results that are lost.
    pub(super) async fn retry_job(&self, control: &ControlPlane, job: JobId) -> Result<Response, Refusal> {
        let at_ms = now_ms();
        let state = control.read(|ledger| ledger.job(job).map(|view| view.state)).await?;
        let lost = match state {
            Some(JobState::Succeeded) => self.lost(control, job).await?,
            _ => Vec::new(),
        };
        let retry = if lost.is_empty() {
            Command::RetryJob { job, at_ms }
        } else {
            tracing::warn!(%job, results = lost.len(), "no machine has these results any more; they are made again");
            Command::RetryLost { job, blobs: lost, at_ms }
        };
        control.propose(retry).await?;
        self.show_job(control, job).await
    }

    /// The results of a job that are on no machine; refused where one that is away may have them.
    async fn lost(&self, control: &ControlPlane, job: JobId) -> Result<Vec<BlobHash>, Refusal> {
        let Missing { blobs, silent } = self.missing(control, job).await?;
        if blobs.is_empty() || silent.is_empty() {
            return Ok(blobs);
        }
        let name = |ledger: &Ledger, node: &NodeId| {
            ledger.member(*node).map_or_else(|| node.to_string(), |member| member.name.clone())
        };
        let names: Vec<String> = control.read(|ledger| silent.iter().map(|node| name(ledger, node)).collect()).await?;
        let (results, names) = (blobs.len(), names.join(", "));
        let message = format!("{results} results of {job} are on no machine that is here, and may be on {names}");
        let help = "start it again, or take it out with `nexus node forget`; then ask once more";
        Err(Refusal { help: Some(help.to_owned()), ..refusal(codes::NO_SUCH_BLOB, message) })
    }

    /// Asks every machine for every result.
    async fn missing(&self, control: &ControlPlane, job: JobId) -> Result<Missing, Refusal> {
        let machines = |ledger: &Ledger| {
            let machines = ledger.members().filter(|(_, member)| member.is_machine());
            machines.map(|(node, _)| node).collect::<BTreeSet<_>>()
        };
        let (results, machines) = control.read(|ledger| (ledger.results(job, RESULTS_MAX), machines(ledger))).await?;
        let mut left: Vec<(BlobHash, u64)> = results.unwrap_or_default();
        left.retain(|(blob, _)| !self.has_blob(blob));
        if left.is_empty() {
            return Ok(Missing::default());
        }
        let peers = dialled(self.leader()?).await;
        let mut silent: BTreeSet<NodeId> = machines;
        silent.retain(|node| *node != self.node && !peers.contains_key(node));
        for (node, peer) in &peers {
            let mut still = Vec::new();
            for (blob, bytes) in left {
                let held = holds(peer, blob, bytes).await;
                if held.is_none() {
                    silent.insert(*node);
                }
                if held != Some(true) {
                    still.push((blob, bytes));
                }
            }
            left = still;
        }
        Ok(Missing { blobs: left.into_iter().map(|(blob, _)| blob).collect(), silent })
    }
}
