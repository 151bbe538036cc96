//! The numbers that a node tells of its cluster and of itself: to Prometheus, which asks for them (`web/metrics.rs`), and to
//! an OpenTelemetry collector, to which they are sent.
//!
//! Nothing is counted here: every reading looks at the state of the cluster anew, so that no task pays for being measured.

use std::time::Duration;

use nexus_actors::onlooker::Onlooker;
use nexus_actors::telemetry::{Point, Reading, ReadingSender};
use nexus_model::{NodeRole, Vitals};
use nexus_wire::{NodeState, NodeView, Request, Response, StatusView};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::health;

/// How long the cluster may take to say how it is; then this reading is left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends readings for as long as the tokio runtime that this is called in.
pub(crate) fn send(every: Duration, onlooker: Onlooker, sender: ReadingSender) {
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(PATIENCE, onlooker.request(Request::GetStatus)).await {
                Ok(Ok(Response::Status(mut status))) => {
                    health::read(onlooker.request(health::request())).await.fill_in_status(&mut status);
                    sender.send(&readings(&status)).await;
                }
                Ok(Ok(_)) => tracing::warn!("the node's answer does not fit the question how it is"),
                Ok(Err(refusal)) => tracing::debug!(reason = %refusal, "there are no metrics to send"),
                Err(_) => tracing::debug!("the cluster does not say how it is; there are no metrics to send"),
            }
        }
    });
}

/// What is to be known of a cluster, and of the process that tells it.
pub(crate) fn readings(status: &StatusView) -> Vec<Reading> {
    let single =
        |name, help, unit, value| Reading { name, help, unit, points: vec![Point { labels: Vec::new(), value }] };
    let mut all = vec![
        single("jobs_active", "Jobs that have not ended", "", u64::from(status.jobs_active)),
        single("tasks_queued", "Tasks that wait for a slot", "", status.tasks_queued),
        single("leader_known", "1 where the cluster has a leader", "", u64::from(status.leader.is_some())),
        single("work_stopped", "1 while all work is stopped", "", u64::from(status.stopped.is_some())),
        single("voters", "Nodes whose disks keep what is accepted", "", status.voters.len() as u64),
        single("raft_term", "Term of the replicated log", "", status.term),
        single("raft_applied", "Index of the last applied log entry", "", status.applied),
    ];
    let memory = resident_bytes();
    all.extend(
        memory.map(|bytes| single("process_resident_memory_bytes", "Memory of this node's process", "By", bytes)),
    );
    let by_node = |name, help, unit, value: &dyn Fn(&NodeView) -> u64| {
        let point = |node: &NodeView| {
            let labels = vec![("node", node.name.clone()), ("id", node.node.0.to_string())];
            Point { labels, value: value(node) }
        };
        Reading { name, help, unit, points: status.nodes.iter().map(point).collect() }
    };
    let is_voter = |node: &NodeView| u64::from(node.roles.contains(&NodeRole::Voter));
    all.extend([
        by_node("node_up", "1 where the node gives signs of life", "", &|node| u64::from(node.state == NodeState::Up)),
        by_node("node_slots", "Tasks that the node runs at once", "", &|node| u64::from(node.capacity.slots)),
        by_node("node_tasks_running", "Tasks that the node runs now", "", &|node| u64::from(node.running)),
        by_node("node_memory_bytes", "Memory that the node's tasks may use together", "By", &|node| {
            node.capacity.memory_bytes
        }),
        by_node("node_held", "1 where the node takes no new tasks by its own rules", "", &|node| {
            u64::from(node.vitals.as_ref().is_some_and(|vitals| !vitals.held_by.is_empty()))
        }),
        by_node("node_voter", "1 where the node's disk keeps what is accepted", "", &is_voter),
    ]);
    all.extend(of_machines(status));
    all
}

/// What the machines that say so have in use.
fn of_machines(status: &StatusView) -> Vec<Reading> {
    let by_machine = |name, help, unit, value: &dyn Fn(&Vitals) -> Option<u64>| {
        let point = |node: &NodeView| {
            let labels = vec![("node", node.name.clone()), ("id", node.node.0.to_string())];
            Some(Point { labels, value: value(node.vitals.as_ref()?)? })
        };
        Reading { name, help, unit, points: status.nodes.iter().filter_map(point).collect() }
    };
    let known = |vitals: &Vitals, bytes| (vitals.memory_bytes > 0).then_some(bytes);
    let all = vec![
        by_machine("node_cpu_permille", "Time of the machine's cores in use, in thousandths", "", &|vitals| {
            vitals.cpu_permille.map(u64::from)
        }),
        by_machine("node_machine_memory_used_bytes", "Memory of the machine in use, by whatever", "By", &|vitals| {
            known(vitals, vitals.memory_used_bytes)
        }),
        by_machine("node_machine_memory_bytes", "Memory of the machine", "By", &|vitals| {
            known(vitals, vitals.memory_bytes)
        }),
        by_machine(
            "node_gpu_permille",
            "Time of the machine's graphics processors in use, in thousandths",
            "",
            &|vitals| vitals.gpu?.busy_permille.map(u64::from),
        ),
        by_machine(
            "node_gpu_given_milli",
            "Graphics processors that tasks have, in thousandths of one",
            "",
            &|vitals| Some(vitals.gpu?.given_milli.into()),
        ),
    ];
    all.into_iter().filter(|reading| !reading.points.is_empty()).collect()
}

/// Memory of this process that is not swapped out, where the system tells.
#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Memory of this process that is not swapped out, where the system tells.
#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> Option<u64> {
    None
}
