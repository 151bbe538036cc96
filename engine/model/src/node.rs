//! What a node is and has.

use serde::{Deserialize, Serialize};

/// Which device a program should run on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The best one there is.
    #[default]
    Auto,
    /// Processor cores.
    Cpu,
    /// A graphics processor; an error where there is none.
    Gpu,
}

/// What a certificate allows its holder to do. The table of permissions is the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// Runs tasks.
    Worker,
    /// Votes on the log, and runs tasks.
    Voter,
    /// A person or program: may do everything.
    Admin,
    /// A person or program: may submit, and see and cancel.
    Submitter,
    /// A person or program: may look.
    Viewer,
    /// A person or program: may submit, cancel anything, and drain and stop nodes.
    Operator,
}

impl NodeRole {
    /// Every role.
    pub const ALL: [NodeRole; 6] =
        [NodeRole::Worker, NodeRole::Voter, NodeRole::Admin, NodeRole::Submitter, NodeRole::Viewer, NodeRole::Operator];

    /// The name that users write and certificates carry.
    pub const fn name(self) -> &'static str {
        match self {
            NodeRole::Worker => "worker",
            NodeRole::Voter => "voter",
            NodeRole::Admin => "admin",
            NodeRole::Submitter => "submitter",
            NodeRole::Viewer => "viewer",
            NodeRole::Operator => "operator",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        NodeRole::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The kinds of device that compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Processor cores.
    Cpu,
    /// A graphics processor through wgpu.
    Gpu,
}

impl DeviceKind {
    /// `cpu` or `gpu`.
    pub const fn name(self) -> &'static str {
        match self {
            DeviceKind::Cpu => "cpu",
            DeviceKind::Gpu => "gpu",
        }
    }
}

/// A device that a node found at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Kind.
    pub kind: DeviceKind,
    /// For people: `2 threads, avx512` or `NVIDIA H100 80GB HBM3 (vulkan)`.
    pub name: String,
}

/// What a node offers to tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCapacity {
    /// Task slots: how many tasks run at once.
    pub slots: u32,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
    /// Devices, the CPU first.
    pub devices: Vec<DeviceInfo>,
}
