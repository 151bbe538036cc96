//! Results that no machine has any more and that nobody but a person asks for: made again where a job is run again that has
//! succeeded, once every machine was asked.

use std::collections::{BTreeMap, BTreeSet};

use nexus_ledger::{Command, Ledger};
use nexus_model::{BlobHash, JobId, JobState, NodeId};
use nexus_wire::limits::COMMAND_MESSAGE_BYTES_MAX;
use nexus_wire::{Refusal, Response};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::holders::{Holders, PAGE, are_here, dialled, machines};

/// Results that are made again at once: more would not fit an entry of the log.
const LOST_MAX: usize = 100_000;
const _: () = assert!(LOST_MAX * size_of::<BlobHash>() < COMMAND_MESSAGE_BYTES_MAX);

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
        let (mut missing, mut peers) = (Missing::default(), None);
        // A runtime in one process keeps what it has.
        let Some(blobs) = self.blobs.clone() else { return Ok(missing) };
        let machines = machines(control).await;
        let mut behind = 0;
        while missing.blobs.len() < LOST_MAX {
            let results = control.read(|ledger| ledger.results(job, behind, PAGE)).await?.unwrap_or_default();
            if results.is_empty() {
                break;
            }
            behind += results.len();
            let here = are_here(blobs.clone(), results.iter().map(|(blob, _)| *blob).collect()).await;
            let elsewhere = results.into_iter().zip(here).filter(|(_, is_here)| !is_here);
            let left: Vec<(BlobHash, u64)> = elsewhere.map(|(result, _)| result).collect();
            if left.is_empty() {
                continue;
            }
            if peers.is_none() {
                peers = Some(dialled(self.leader()?).await);
            }
            let holders = Holders::ask((self.node, &blobs), peers.as_ref().unwrap_or(&BTreeMap::new()), &left).await;
            for (at, (blob, _)) in left.into_iter().enumerate() {
                let answers: BTreeMap<NodeId, bool> = holders.of(at).collect();
                if !answers.values().any(|has| *has) {
                    missing.silent.extend(machines.iter().filter(|node| !answers.contains_key(node)));
                    missing.blobs.push(blob);
                }
            }
        }
        missing.blobs.truncate(LOST_MAX);
        Ok(missing)
    }
}
