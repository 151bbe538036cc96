//! Brings the members of the log in line with the members of the cluster, on whichever node leads: machines that were
//! admitted follow the log, those that moved are reached at their new address, those that were removed are let go. When all
//! of them speak a newer version of the protocol, the cluster goes over to it.
//!
//! Who votes is not decided here: people do that, the log holds it, and the ledger is told what the log says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexus_ledger::Command;
use nexus_model::NodeId;
use nexus_wire::Refusal;

use super::ControlPlane;
use super::replicated::Replicated;

/// Between two looks: a machine that joins has its copy of the log about this long after.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Add { node: NodeId, address: String },
    Move { node: NodeId, address: String },
    Remove(NodeId),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Add { node, address } => write!(f, "{node} at {address} gets the log"),
            Step::Move { node, address } => write!(f, "{node} is at {address} now"),
            Step::Remove(node) => write!(f, "{node} gets the log no more"),
        }
    }
}

/// Runs for as long as the node does.
pub(crate) async fn keep_members(control: ControlPlane) {
    let ControlPlane::Replicated(replicated) = control else { return };
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if replicated.leads()
            && let Err(refusal) = look(&replicated).await
        {
            tracing::debug!(reason = %refusal, "the members of the log are not yet those of the cluster");
        }
    }
}

async fn look(replicated: &Arc<Replicated>) -> Result<(), Refusal> {
    tidy_up(replicated).await?;
    replicated.spoken().look(replicated).await
}

async fn tidy_up(replicated: &Arc<Replicated>) -> Result<(), Refusal> {
    let machines: BTreeMap<NodeId, String> = replicated
        .read_local(|ledger| {
            let machines = ledger.members().filter(|(_, member)| member.is_machine());
            machines.map(|(node, member)| (node, member.address.clone())).collect()
        })
        .await;
    let status = replicated.status();
    let members: BTreeMap<NodeId, String> = status.addresses.into_iter().collect();
    for step in steps(&machines, &members, &status.voters) {
        let done = match &step {
            Step::Add { node, address } => replicated.add_learner(*node, address).await,
            Step::Move { node, address } => replicated.change_address(*node, address).await,
            Step::Remove(node) => replicated.remove_learner(*node).await,
        };
        match done {
            Ok(()) => tracing::info!("the members of the log have changed: {step}"),
            // One that is down must not keep the others from their turn.
            Err(refusal) => tracing::debug!(?step, reason = %refusal, "not yet"),
        }
    }
    let recorded = replicated.read_local(|ledger| ledger.voters()).await;
    let voters = replicated.status().voters;
    // While a change is under way the log names the voters of before and after: nothing to write down yet.
    if recorded != voters && !voters.len().is_multiple_of(2) {
        replicated.propose(Command::SetVoters { voters }).await?.map_err(|rejection| super::rejected(&rejection))?;
    }
    Ok(())
}

fn steps(machines: &BTreeMap<NodeId, String>, members: &BTreeMap<NodeId, String>, voters: &[NodeId]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (&node, address) in machines {
        match members.get(&node) {
            None => steps.push(Step::Add { node, address: address.clone() }),
            Some(known) if known != address => steps.push(Step::Move { node, address: address.clone() }),
            Some(_) => {}
        }
    }
    let gone = members.keys().filter(|node| !machines.contains_key(node) && !voters.contains(node));
    steps.extend(gone.map(|node| Step::Remove(*node)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(pairs: &[(u64, &str)]) -> BTreeMap<NodeId, String> {
        pairs.iter().map(|(node, address)| (NodeId(*node), (*address).to_owned())).collect()
    }

    #[test]
    fn the_log_follows_the_cluster_and_nothing_else_happens() {
        let machines = nodes(&[(1, "a"), (2, "b2"), (4, "d")]);
        let members = nodes(&[(1, "a"), (2, "b"), (3, "c")]);
        let expected = vec![
            Step::Move { node: NodeId(2), address: "b2".to_owned() },
            Step::Add { node: NodeId(4), address: "d".to_owned() },
            Step::Remove(NodeId(3)),
        ];
        assert_eq!(steps(&machines, &members, &[NodeId(1)]), expected);
        assert_eq!(steps(&machines, &machines, &[NodeId(1)]), vec![]);
    }

    #[test]
    fn a_voter_is_never_let_go() {
        assert_eq!(steps(&nodes(&[]), &nodes(&[(1, "a")]), &[NodeId(1)]), vec![]);
    }
}
