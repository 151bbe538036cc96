//! `nexus voters`: whose disks keep what the cluster has accepted.

use clap::{Args, Subcommand};
use nexus_model::NodeId;
use nexus_wire::{ClusterRequest, NodeState, NodeView, Request, Response, StatusView};
use serde::Serialize;

use super::cluster::{Cluster, find_node, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use crate::output::json::document;
use crate::output::paint::{NAME, paint};
use crate::output::{Console, units};

/// Show or choose the nodes whose disks keep what is accepted.
#[derive(Debug, Clone, Args)]
pub(crate) struct VotersArgs {
    #[command(subcommand)]
    verb: Option<VotersVerb>,
}

#[derive(Debug, Clone, Subcommand)]
enum VotersVerb {
    /// Make these nodes the voters: one, or an odd number that stays on
    #[command(after_help = "Examples:\n  nexus voters set studio box mini\n  nexus voters set studio")]
    Set {
        /// Names or ids of all that shall vote
        #[arg(value_name = "NODE", required = true)]
        nodes: Vec<String>,
    },
}

/// `nexus voters --json`.
#[derive(Debug, Serialize)]
struct VotersDocument {
    voters: Vec<String>,
    /// Those that are not there now.
    down: usize,
    /// Voters that may still be lost at once without a loss.
    losses_survived: usize,
}

/// Runs the verb.
pub(crate) async fn voters(args: &VotersArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let before = status(cluster).await?;
    let shown = match &args.verb {
        None => before,
        Some(VotersVerb::Set { nodes }) => {
            let mut voters = Vec::new();
            for text in nodes {
                let node = find_node(&before.nodes, text)?;
                if voters.contains(&node) {
                    return Err(named_twice(&name(&before.nodes, node), node));
                }
                voters.push(node);
            }
            let request = Request::Cluster(Box::new(ClusterRequest::SetVoters(voters.clone())));
            match cluster.request(request).await? {
                Response::Done => StatusView { voters, ..before },
                _ => return Err(unexpected()),
            }
        }
    };
    let names = shown.voters.iter().map(|node| name(&shown.nodes, *node)).collect();
    let is_up = |voter: &&NodeId| shown.nodes.iter().all(|view| view.node != **voter || view.state == NodeState::Up);
    let (all, up) = (shown.voters.len(), shown.voters.iter().filter(is_up).count());
    let needed = all / 2 + 1;
    let voters = VotersDocument { voters: names, down: all - up, losses_survived: up.saturating_sub(needed) };
    if console.is_json() {
        console.answer(&document(&voters));
    } else {
        console.answer(&sentence(&voters));
    }
    Ok(())
}

/// Passed over, it would leave fewer disks than were counted.
fn named_twice(name: &str, node: NodeId) -> CliError {
    CliError::new(Exit::Usage, codes::USAGE, format!("{name} ({node}) is named twice, and a node votes once"))
        .with_help("name each node once: one, three, five or seven; `nexus node list` shows them")
}

async fn status(cluster: &impl Cluster) -> Result<StatusView, CliError> {
    match cluster.request(Request::GetStatus).await? {
        Response::Status(status) => Ok(*status),
        _ => Err(unexpected()),
    }
}

fn name(nodes: &[NodeView], node: NodeId) -> String {
    nodes.iter().find(|view| view.node == node).map_or_else(|| node.to_string(), |view| view.name.clone())
}

fn sentence(voters: &VotersDocument) -> String {
    let names: Vec<String> = voters.voters.iter().map(|name| paint(NAME, name)).collect();
    let disks = units::count(voters.voters.len() as u64, "disk");
    let losses = match voters.losses_survived {
        0 => "none may be lost".to_owned(),
        1 => "any one may be lost".to_owned(),
        several => format!("any {several} may be lost"),
    };
    let down = match voters.down {
        0 => String::new(),
        count => format!("{count} of them down; "),
    };
    format!("voters {} ({disks}; {down}{losses})\n", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::FakeCluster;

    #[tokio::test]
    async fn the_voters_and_what_they_are_good_for_are_one_line() {
        let (mut console, out, _) = pages(false);
        voters(&VotersArgs { verb: None }, &FakeCluster::default(), &mut console).await.unwrap();
        assert_eq!(anstream::adapter::strip_str(&out.text()).to_string(), "voters studio (1 disk; none may be lost)\n");
    }

    #[tokio::test]
    async fn who_is_named_twice_is_refused_and_nothing_is_asked() {
        let cluster = FakeCluster::default();
        for twice in ["node-1", "stu"] {
            let nodes = ["studio", "air", twice].map(str::to_owned).to_vec();
            let args = VotersArgs { verb: Some(VotersVerb::Set { nodes }) };
            let (mut console, ..) = pages(false);
            let error = voters(&args, &cluster, &mut console).await.unwrap_err();
            assert_eq!(error.exit, Exit::Usage);
            assert!(error.message.contains("studio (node-1) is named twice"), "{}", error.message);
        }
        assert!(cluster.asked().iter().all(|request| *request == Request::GetStatus));
    }

    #[test]
    fn three_survive_the_loss_of_one() {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let text = sentence(&VotersDocument { voters: names, down: 0, losses_survived: 1 });
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "voters a, b, c (3 disks; any one may be lost)\n");
    }
}
