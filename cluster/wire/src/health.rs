//! How the machines of a cluster are, and whether its work was stopped: what a status says beside who is there.
//!
//! It travels apart from [`crate::StatusView`], whose bytes are those of the first version: a node that does not know
//! [`crate::ClusterRequest::ReadHealth`] refuses it, and its status goes without.

use nexus_model::{NodeId, Vitals};

use crate::message::{NodeView, StatusView};

/// What the leader was told by the machines that are up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Who stopped all work, and when, where that was done and not taken back.
    pub stopped: Option<Stopped>,
    /// The machines that have reported, in order of id.
    pub nodes: Vec<(NodeId, Vitals)>,
}

/// All work is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Who did it.
    pub by: String,
    /// When, in ms since 1970 on the clock of the leader of then.
    pub at_ms: u64,
}

impl Health {
    /// Fills in what is known of these nodes.
    pub fn fill_in(&self, nodes: &mut [NodeView]) {
        for view in nodes {
            let known = self.nodes.iter().find(|(node, _)| *node == view.node);
            view.vitals = known.map(|(_, vitals)| vitals.clone());
        }
    }

    /// Fills in what is known of the cluster and its nodes.
    pub fn fill_in_status(self, status: &mut StatusView) {
        self.fill_in(&mut status.nodes);
        status.stopped = self.stopped;
    }
}
