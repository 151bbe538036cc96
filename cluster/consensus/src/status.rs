//! How things stand with consensus, as one node knows.

use nexus_model::NodeId;
use openraft::{RaftMetrics, ServerState};

use crate::error::Leader;
use crate::machine::StateMachine;
use crate::raft_types::RaftTypes;

/// How things stand. Everything is from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The node that says so.
    pub node: NodeId,
    /// Its term.
    pub term: u64,
    /// The leader, where known.
    pub leader: Option<Leader>,
    /// Whether it is this node.
    pub is_leader: bool,
    /// Index of the last entry in the log.
    pub last_log: Option<u64>,
    /// Index of the last entry in the state.
    pub applied: Option<u64>,
    /// Index of the last entry in the snapshot.
    pub snapshot: Option<u64>,
    /// Index of the last entry that is gone from the log.
    pub purged: Option<u64>,
    /// The voters.
    pub voters: Vec<NodeId>,
    /// Those that follow without a vote.
    pub learners: Vec<NodeId>,
    /// Where each of both is reached, in order of id.
    pub addresses: Vec<(NodeId, String)>,
    /// On the leader: how far the log of each other node is known to agree.
    pub replicated: Vec<(NodeId, Option<u64>)>,
    /// Whether consensus goes on.
    pub is_running: bool,
}

impl Status {
    pub(crate) fn from_metrics<S: StateMachine>(metrics: &RaftMetrics<RaftTypes<S>>) -> Self {
        let index = |id: &Option<crate::raft_types::LogId>| id.as_ref().map(|id| id.index);
        let members = &metrics.membership_config;
        let replicated = metrics.replication.iter().flatten();
        Self {
            node: NodeId(metrics.id),
            term: metrics.current_term,
            leader: leader(metrics),
            is_leader: metrics.state == ServerState::Leader,
            last_log: metrics.last_log_index,
            applied: index(&metrics.last_applied),
            snapshot: index(&metrics.snapshot),
            purged: index(&metrics.purged),
            voters: members.voter_ids().map(NodeId).collect(),
            learners: members.membership().learner_ids().map(NodeId).collect(),
            addresses: members.nodes().map(|(node, member)| (NodeId(*node), member.address.clone())).collect(),
            replicated: replicated.map(|(node, matching)| (NodeId(*node), index(matching))).collect(),
            is_running: metrics.running_state.is_ok(),
        }
    }
}

/// The leader as the membership names it.
pub(crate) fn leader<S: StateMachine>(metrics: &RaftMetrics<RaftTypes<S>>) -> Option<Leader> {
    let node = metrics.current_leader?;
    let address = metrics.membership_config.get_node(&node).map_or_else(String::new, |known| known.address.clone());
    Some(Leader { node: NodeId(node), address })
}
