//! The cluster as one node sees it, in the text format of Prometheus (OpenMetrics 1.0).
//!
//! Nothing is counted here: every scrape reads the state of the cluster anew, so that no task pays for being measured.

use std::sync::atomic::AtomicU64;

use nexus_model::NodeRole;
use nexus_wire::{NodeState, StatusView};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The type of the answer.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A gauge for each node, by its name and id.
type ByNode = Family<Vec<(&'static str, String)>, Gauge>;

/// The metrics of a cluster.
pub(super) fn text(status: &StatusView) -> String {
    let mut registry = Registry::with_prefix("nexus");
    let labels = vec![("version", status.version.clone()), ("cluster", status.cluster.clone())];
    registry.register("build", "The node that answers", Info::new(labels));
    one(&mut registry, "jobs_active", "Jobs that have not ended", u64::from(status.jobs_active));
    one(&mut registry, "tasks_queued", "Tasks that wait for a slot", status.tasks_queued);
    one(&mut registry, "leader_known", "1 where the cluster has a leader", u64::from(status.leader.is_some()));
    one(&mut registry, "voters", "Nodes whose disks keep what is accepted", status.voters.len() as u64);
    one(&mut registry, "raft_term", "Term of the replicated log", status.term);
    one(&mut registry, "raft_applied", "Index of the last applied log entry", status.applied);
    if let Some(bytes) = resident_bytes() {
        one(&mut registry, "process_resident_memory_bytes", "Memory of this node's process", bytes);
    }
    let [up, slots, running, memory, seconds] = [
        ("node_up", "1 where the node gives signs of life"),
        ("node_slots", "Tasks that the node runs at once"),
        ("node_tasks_running", "Tasks that the node runs now"),
        ("node_memory_bytes", "Memory that the node's tasks may use together"),
        ("node_voter", "1 where the node's disk keeps what is accepted"),
    ]
    .map(|(name, help)| {
        let family = ByNode::default();
        registry.register(name, help, family.clone());
        family
    });
    for node in &status.nodes {
        let set = |family: &ByNode, value: u64| {
            let labels = vec![("node", node.name.clone()), ("id", node.node.0.to_string())];
            family.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&up, u64::from(node.state == NodeState::Up));
        set(&slots, u64::from(node.capacity.slots));
        set(&running, u64::from(node.running));
        set(&memory, node.capacity.memory_bytes);
        set(&seconds, u64::from(node.roles.contains(&NodeRole::Voter)));
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    text
}

fn one(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<u64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake_status;

    #[test]
    fn every_node_has_its_lines_and_odd_names_are_escaped() {
        let mut status = fake_status();
        status.nodes[1].name = "a\"b\n".to_owned();
        let text = text(&status);
        for line in [
            "# TYPE nexus_tasks_queued gauge",
            "nexus_tasks_queued 99",
            "nexus_leader_known 1",
            "nexus_node_up{node=\"studio\",id=\"1\"} 1",
            "nexus_node_slots{node=\"studio\",id=\"1\"} 12",
            "nexus_node_up{node=\"a\\\"b\\n\",id=\"2\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
