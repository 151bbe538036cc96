//! Who takes part: learners, voters, addresses. All of it goes through the log, at the leader.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::NodeId;
use openraft::ChangeMembers;

use crate::consensus::{Consensus, write_error};
use crate::error::{ProposeError, ReadError};
use crate::limits::BUSY_RETRY;
use crate::machine::StateMachine;
use crate::raft_types::Member;

impl<S: StateMachine> Consensus<S> {
    /// Lets a node follow the log without a vote. The node runs already: it is asked which log it has, and from then on only
    /// that log counts as its. Returns when the change is committed; the node catches up after that. Of a
    /// node that is a member already, with that log, only the address is changed.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn add_learner(&self, node: NodeId, address: &str) -> Result<(), ProposeError> {
        self.confirm_leadership().await?;
        let asked = (self.inner.introduce)(node.0, address.to_owned()).await;
        let incarnation = asked.map_err(ProposeError::Members)?;
        match self.metrics().membership_config.get_node(&node.0) {
            None => {}
            Some(known) if known.incarnation != incarnation => {
                let reason = format!("{node} has another log than the one it is a member with; remove it first");
                return Err(ProposeError::Members(reason));
            }
            Some(known) if known.address == address => return Ok(()),
            Some(_) => return self.change_address(node, address).await,
        }
        let member = Member { address: address.to_owned(), incarnation };
        let added = self.inner.raft.add_learner(node.0, member, false).await;
        added.map(drop).map_err(write_error)
    }

    /// Makes `voters` the voters; those that were and are not any more become learners. All of them are learners or voters
    /// now. Returns when the change is complete.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), ProposeError> {
        let voters: BTreeSet<u64> = voters.into_iter().map(|node| node.0).collect();
        self.change_members(ChangeMembers::ReplaceAllVoters(voters)).await
    }

    /// Takes note that a member is reached at another address.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn change_address(&self, node: NodeId, address: &str) -> Result<(), ProposeError> {
        let known = self.metrics().membership_config.get_node(&node.0).cloned();
        let known = known.ok_or_else(|| ProposeError::Members(format!("{node} is no member")))?;
        let member = Member { address: address.to_owned(), ..known };
        self.change_members(ChangeMembers::SetNodes(BTreeMap::from([(node.0, member)]))).await
    }

    /// Lets a learner go.
    ///
    /// # Errors
    /// See [`ProposeError`]; a voter is refused.
    pub async fn remove_learner(&self, node: NodeId) -> Result<(), ProposeError> {
        self.change_members(ChangeMembers::RemoveNodes(BTreeSet::from([node.0]))).await
    }

    async fn change_members(&self, change: ChangeMembers<u64, Member>) -> Result<(), ProposeError> {
        self.confirm_leadership().await?;
        self.inner.raft.change_membership(change, true).await.map(drop).map_err(write_error)
    }

    /// Waits until what earlier leaders left is committed: before that no change of the members is possible.
    async fn confirm_leadership(&self) -> Result<(), ProposeError> {
        self.read(|_, _| ()).await.map_err(|error| match error {
            ReadError::NotLeader { leader } => ProposeError::NotLeader { leader },
            ReadError::NoQuorum => ProposeError::Busy { retry_after: BUSY_RETRY },
            ReadError::DiskFull => ProposeError::DiskFull,
            ReadError::Stopped(reason) => ProposeError::Stopped(reason),
        })
    }
}
