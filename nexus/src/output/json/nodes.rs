//! The documents of nodes and of the cluster: `nexus node list`, `nexus status`.

use std::collections::BTreeMap;

use nexus_model::GPU_MILLI;
use nexus_wire::{NodeView, StatusView};
use serde::Serialize;

use super::{NodeNames, ms};

/// `nexus node list --json`.
#[derive(Debug, Serialize)]
pub struct NodesDocument {
    /// In order of id.
    pub nodes: Vec<NodeDocument>,
}

/// A node.
#[derive(Debug, Serialize)]
pub struct NodeDocument {
    /// Name.
    pub node: String,
    /// Id.
    pub id: u64,
    /// Roles.
    pub role: Vec<&'static str>,
    /// `up` or `down`.
    pub state: &'static str,
    /// Where it listens.
    pub address: String,
    /// Tasks that it runs at once.
    pub slots: u32,
    /// Its graphics processor.
    pub gpu: Option<String>,
    /// Time of its graphics processors in use, by whatever, in percent; where it says so.
    pub gpu_busy: Option<f64>,
    /// How many graphics processors, or what part of one, its tasks have that asked for some and run now.
    pub gpu_given: Option<f64>,
    /// Time of all its cores in use, in percent; where it says so.
    pub cpu: Option<f64>,
    /// Memory that its tasks may use together.
    pub mem: u64,
    /// Memory in use on the machine, by whatever; where it says so.
    pub mem_used: Option<u64>,
    /// Memory of the machine; where it says so.
    pub mem_total: Option<u64>,
    /// Why it takes no new tasks by its own rules; empty where it takes some.
    pub held_by: Vec<String>,
    /// What its rules want to be known.
    pub warnings: Vec<String>,
    /// Tasks that it runs now.
    pub tasks: u32,
    /// Round-trip time from the leader.
    pub rtt_ms: Option<f64>,
    /// Since its last sign of life.
    pub seen_ms: Option<u64>,
    /// Its labels, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// `nexus node label --json`.
#[derive(Debug, Serialize)]
pub struct LabelsDocument<'a> {
    /// Name.
    pub node: &'a str,
    /// Id.
    pub id: u64,
    /// Labels by name.
    pub labels: BTreeMap<&'a str, &'a str>,
}

impl NodeDocument {
    /// The document of a node at `now_ms`.
    pub fn of(node: &NodeView, now_ms: u64) -> Self {
        let gpu = node.capacity.devices.iter().find(|device| device.kind == nexus_model::DeviceKind::Gpu);
        let vitals = node.vitals.as_ref();
        let used = vitals.and_then(|vitals| vitals.gpu);
        let memory = vitals.filter(|vitals| vitals.memory_bytes > 0);
        NodeDocument {
            node: node.name.clone(),
            id: node.node.0,
            role: node.roles.iter().map(|role| role.name()).collect(),
            state: node.state.name(),
            address: node.address.clone(),
            slots: node.capacity.slots,
            gpu: gpu.map(|device| device.name.clone()),
            gpu_busy: used.and_then(|used| used.busy_permille).map(|permille| f64::from(permille) / 10.0),
            gpu_given: used.map(|used| f64::from(used.given_milli) / f64::from(GPU_MILLI)),
            cpu: vitals.and_then(|vitals| vitals.cpu_permille).map(|permille| f64::from(permille) / 10.0),
            mem: node.capacity.memory_bytes,
            mem_used: memory.map(|vitals| vitals.memory_used_bytes),
            mem_total: memory.map(|vitals| vitals.memory_bytes),
            held_by: vitals.map(|vitals| vitals.held_by.clone()).unwrap_or_default(),
            warnings: vitals.map(|vitals| vitals.warnings.clone()).unwrap_or_default(),
            tasks: node.running,
            rtt_ms: node.rtt.map(ms),
            seen_ms: node.seen_at_ms.map(|seen| now_ms.saturating_sub(seen)),
            labels: None,
        }
    }
}

/// `nexus status --json`.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    /// The cluster's name.
    pub cluster: String,
    /// Version of the node that answers.
    pub version: String,
    /// Name of the leader.
    pub leader: Option<String>,
    /// Names of the voters.
    pub voters: Vec<String>,
    /// Raft term.
    pub term: u64,
    /// Index of the last applied entry.
    pub applied: u64,
    /// Jobs that have not ended.
    pub jobs_active: u32,
    /// Tasks that wait for a slot.
    pub tasks_queued: u64,
    /// Who stopped all work, where it is stopped.
    pub stopped: Option<StoppedDocument>,
    /// In order of id.
    pub nodes: Vec<NodeDocument>,
}

/// All work is stopped.
#[derive(Debug, Serialize)]
pub struct StoppedDocument {
    /// By whom.
    pub by: String,
    /// How long ago.
    pub age_ms: u64,
}

impl StatusDocument {
    /// The document of a cluster at `now_ms`.
    pub fn of(status: &StatusView, now_ms: u64) -> Self {
        let names = NodeNames::of(&status.nodes);
        StatusDocument {
            cluster: status.cluster.clone(),
            version: status.version.clone(),
            leader: status.leader.map(|node| names.name(node)),
            voters: status.voters.iter().map(|&node| names.name(node)).collect(),
            term: status.term,
            applied: status.applied,
            jobs_active: status.jobs_active,
            tasks_queued: status.tasks_queued,
            stopped: status.stopped.as_ref().map(|stopped| StoppedDocument {
                by: stopped.by.clone(),
                age_ms: now_ms.saturating_sub(stopped.at_ms),
            }),
            nodes: status.nodes.iter().map(|node| NodeDocument::of(node, now_ms)).collect(),
        }
    }
}
