//! A cluster whose majority is lost for good: what a node that is left has, and how it goes on alone.

use std::path::Path;
use std::time::Duration;

use nexus_consensus::{OpenError, Recovery, Survey};
use nexus_ledger::Command;
use nexus_link::Authority;
use nexus_model::NodeId;
use nexus_wire::Refusal;

use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::home::Home;
use crate::leader_link::from_link;
use crate::membership::unusable;

/// Between two attempts to tell the cluster of the lost.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks at the log of the stopped node of `data`. Changes nothing. Blocks.
pub fn survey(data: &Path) -> Result<Survey, Refusal> {
    let home = Home::new(data);
    let recovery = Recovery::open(&home.consensus()).map_err(|error| not_opened(&error))?;
    Ok(recovery.survey().clone())
}

/// Makes the stopped node of `data` the only voter of its cluster. The other voters are given up: once the node runs, their
/// certificates count no more. Blocks.
pub fn recover(data: &Path) -> Result<Survey, Refusal> {
    let home = Home::new(data);
    let _held = home.lock()?;
    if Authority::load(&home.authority()).map_err(from_link)?.is_none() {
        let message = "this node has no key of the cluster's authority: it was never a voter".to_owned();
        let help = Some("recover a node that has been a voter".to_owned());
        return Err(Refusal { help, ..refusal(codes::VOTERS, message) });
    }
    let recovery = Recovery::open(&home.consensus()).map_err(|error| not_opened(&error))?;
    let survey = recovery.survey();
    let lost: Vec<NodeId> = survey.voters.iter().copied().filter(|voter| *voter != survey.node).collect();
    // Written first: a crash in between leaves a node that is not recovered and forgets nobody, because it cannot lead.
    home.remember_lost(&lost).map_err(|error| unusable(&home, &error))?;
    recovery.perform().map_err(|error| not_opened(&error))
}

/// Tells the cluster of the voters that a recovery gave up, once this node leads.
pub(crate) async fn give_up_lost(home: Home, control: ControlPlane) {
    let mut lost = match home.lost() {
        Ok(lost) if lost.is_empty() => return,
        Ok(lost) => lost,
        Err(error) => {
            tracing::error!(%error, "the list of the lost voters cannot be read; forget them with `nexus node forget`");
            return;
        }
    };
    while let Some(node) = lost.last().copied() {
        if control.leads() && control.voters().contains(&node) {
            tracing::warn!(%node, "the recovery was begun and never done; nobody is given up");
            break;
        }
        // The steward has to write down first that they do not vote any more.
        let is_done = control.leads()
            && match control.propose(Command::RemoveNode { node, at_ms: now_ms() }).await {
                Ok(_) => true,
                Err(refusal) => {
                    tracing::debug!(%node, reason = %refusal, "a lost voter is still a member");
                    control.leads() && control.read_local(|ledger| ledger.is_forgotten(node)).await
                }
            };
        if is_done {
            tracing::info!(%node, "a lost voter was taken out of the cluster");
            lost.pop();
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if let Err(error) = home.forget_lost() {
        tracing::warn!(%error, "the list of the lost voters cannot be removed; it will be looked at again");
    }
}

fn not_opened(error: &OpenError) -> Refusal {
    let help = match error {
        OpenError::InUse { .. } => Some("stop the node first: `nexus node stop`".to_owned()),
        _ => None,
    };
    Refusal { help, ..refusal(codes::DATA_DIRECTORY, error.to_string()) }
}
