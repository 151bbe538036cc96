//! `nexus cluster stop-all` and `resume`: the emergency stop.

use std::time::Duration;

use nexus_wire::{ClusterRequest, NodeState, Request, Response, StatusView};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::cluster::{self, Cluster, unexpected};
use super::error::CliError;
use crate::output::json::document;
use crate::output::{Console, units};

/// How long is looked whether what ran has stopped; then what still runs is said.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks: machines say what they run twice a second.
const PAUSE: Duration = Duration::from_millis(250);

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct StopDocument {
    /// Whether all work is stopped.
    stopped: bool,
    /// Tasks that machines still have in hand, as they said last.
    tasks: u32,
    /// Names of the machines that have some.
    running_on: Vec<String>,
    /// Names of the machines that cannot be reached: they stop what they have when they come back.
    unreachable: Vec<String>,
}

/// Runs the verb.
pub(crate) async fn stop(stopped: bool, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let request = Request::Cluster(Box::new(ClusterRequest::StopWork { stopped }));
    let Response::Done = cluster.request(request).await? else { return Err(unexpected()) };
    let begun = Instant::now();
    let mut left = facts(stopped, &cluster::status(cluster).await?);
    while stopped && left.tasks > 0 && begun.elapsed() < PATIENCE {
        sleep(PAUSE).await;
        left = facts(stopped, &cluster::status(cluster).await?);
    }
    if console.is_json() {
        console.answer(&document(&left));
    } else {
        console.answer(&shown(&left));
    }
    Ok(())
}

fn facts(stopped: bool, status: &StatusView) -> StopDocument {
    let up = status.nodes.iter().filter(|node| node.state == NodeState::Up);
    let busy = up.filter(|node| node.running > 0);
    let down = status.nodes.iter().filter(|node| node.state == NodeState::Down);
    StopDocument {
        stopped,
        tasks: busy.clone().map(|node| node.running).sum(),
        running_on: busy.map(|node| node.name.clone()).collect(),
        unreachable: down.map(|node| node.name.clone()).collect(),
    }
}

fn shown(left: &StopDocument) -> String {
    if !left.stopped {
        return "work is given out again\n".to_owned();
    }
    let mut text = match left.tasks {
        0 => "all work is stopped: nothing runs, and what ran is back in the queue\n".to_owned(),
        tasks => {
            let still = units::count(u64::from(tasks), "task");
            format!("all work is stopped; {still} still to end on {}\n", left.running_on.join(", "))
        }
    };
    if !left.unreachable.is_empty() {
        let away = left.unreachable.join(", ");
        text += &format!(
            "not reachable: {away}; what runs there is stopped when it comes back, and no result of it counts\n"
        );
    }
    text + "`nexus cluster resume` gives work out again\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake::status;

    #[test]
    fn what_still_runs_and_who_cannot_be_told_is_said() {
        let mut status = status();
        assert_eq!(
            shown(&facts(true, &status)),
            "all work is stopped; 3 tasks still to end on studio\n\
             not reachable: air; what runs there is stopped when it comes back, and no result of it counts\n\
             `nexus cluster resume` gives work out again\n"
        );
        status.nodes.iter_mut().for_each(|node| (node.running, node.state) = (0, NodeState::Up));
        let text = shown(&facts(true, &status));
        assert!(text.starts_with("all work is stopped: nothing runs"), "{text}");
        assert_eq!(shown(&facts(false, &status)), "work is given out again\n");
    }
}
