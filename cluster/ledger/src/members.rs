//! The members of the cluster: nodes and clients, the tokens that admit them, and who votes.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{DeviceKind, GPU_MILLI, Labels, NodeCapacity, NodeId, NodeRole};

use crate::command::{Digest, NewNode};
use crate::effect::Rejection;
use crate::guard::{Guard, off};

/// Most members, above any cluster that one person owns.
pub(crate) const MEMBERS_MAX: usize = 10_000;
/// Most join tokens that have not ended: they live for minutes.
pub(crate) const TOKENS_MAX: usize = 1_000;
/// Most bytes of a name.
pub(crate) const NAME_BYTES_MAX: usize = 256;
/// Most bytes of an address: the longest host name, a port and brackets.
pub(crate) const ADDRESS_BYTES_MAX: usize = 512;
/// Most bytes of the authority's certificate.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
/// Most devices of a node.
pub(crate) const DEVICES_MAX: usize = 64;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name for people, unique in the cluster.
    pub name: String,
    /// What its certificate allows.
    pub role: NodeRole,
    /// Digest of its public key.
    pub fingerprint: Digest,
    /// Where it listens.
    pub address: String,
    /// What it offers.
    pub capacity: NodeCapacity,
    /// What people say of it.
    pub labels: Labels,
    /// Admitted at, ms since 1970.
    pub joined_at_ms: u64,
}

impl Member {
    /// Whether it runs tasks.
    pub fn is_machine(&self) -> bool {
        matches!(self.role, NodeRole::Worker | NodeRole::Voter)
    }

    /// What a job can ask of it: its labels, and its name as one.
    pub fn all_labels(&self) -> Labels {
        self.labels.of_node(&self.name)
    }

    /// The graphics processors that it offers, in thousandths.
    pub fn gpu_milli(&self) -> u32 {
        let gpus = self.capacity.devices.iter().filter(|device| device.kind == DeviceKind::Gpu).count();
        u32::try_from(gpus).unwrap_or(u32::MAX).saturating_mul(GPU_MILLI)
    }
}

/// A join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) role: NodeRole,
    pub(crate) expires_at_ms: u64,
    /// Who has used it.
    pub(crate) used_by: Option<NodeId>,
}

/// The cluster's members and what makes more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) cluster: String,
    pub(crate) ca_certificate_pem: String,
    pub(crate) nodes: BTreeMap<NodeId, Member>,
    pub(crate) tokens: BTreeMap<Digest, Token>,
    pub(crate) voters: BTreeSet<NodeId>,
    /// Keys of members that were removed.
    pub(crate) removed: BTreeSet<Digest>,
    /// Never goes back, so that no id is used twice.
    pub(crate) last_node: u64,
}

impl Members {
    /// A cluster of its founder, who is the voter.
    pub(crate) fn found(
        cluster: String,
        ca_certificate_pem: String,
        founder: NewNode,
        at_ms: u64,
    ) -> Result<(Self, NodeId), Rejection> {
        check_len("cluster's name", &cluster, NAME_BYTES_MAX)?;
        check_len("authority's certificate", &ca_certificate_pem, CERTIFICATE_BYTES_MAX)?;
        check_new(&founder)?;
        let mut members = Members {
            cluster,
            ca_certificate_pem,
            nodes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            voters: BTreeSet::new(),
            removed: BTreeSet::new(),
            last_node: 0,
        };
        let node = members.insert(founder, NodeRole::Voter, at_ms);
        members.voters.insert(node);
        Ok((members, node))
    }

    /// Makes a token.
    pub(crate) fn create_token(
        &mut self,
        hash: Digest,
        role: NodeRole,
        expires_at_ms: u64,
        at_ms: u64,
    ) -> Result<(), Rejection> {
        if self.tokens.contains_key(&hash) {
            return Err(Rejection::TokenExists);
        }
        let live = self.tokens.values().filter(|token| token.expires_at_ms > at_ms).count();
        if live >= TOKENS_MAX {
            return Err(Rejection::Full { what: "join tokens", most: TOKENS_MAX as u64 });
        }
        self.tokens.retain(|_, token| token.expires_at_ms > at_ms);
        self.tokens.insert(hash, Token { role, expires_at_ms, used_by: None });
        Ok(())
    }

    /// Admits a member and uses its token up. Answers the member, and whether it is new.
    pub(crate) fn admit(
        &mut self,
        node: NewNode,
        token_hash: Digest,
        at_ms: u64,
    ) -> Result<(NodeId, Admission), Rejection> {
        check_new(&node)?;
        let token = *self.tokens.get(&token_hash).ok_or(Rejection::UnknownToken)?;
        if let Some(user) = token.used_by.filter(|_| !off(Guard::TokenOnce)) {
            let same_key = self.nodes.get(&user).is_some_and(|member| member.fingerprint == node.fingerprint);
            return if same_key { Ok((user, Admission::Repeated)) } else { Err(Rejection::TokenUsed) };
        }
        if at_ms >= token.expires_at_ms {
            return Err(Rejection::TokenExpired);
        }
        if self.removed.contains(&node.fingerprint) && !off(Guard::RemovedStaysOut) {
            return Err(Rejection::IdentityRemoved);
        }
        if let Some((id, _)) = self.nodes.iter().find(|(_, member)| member.fingerprint == node.fingerprint) {
            return Err(Rejection::IdentityInUse(*id));
        }
        if self.nodes.len() >= MEMBERS_MAX {
            return Err(Rejection::Full { what: "members", most: MEMBERS_MAX as u64 });
        }
        let id = self.insert(node, token.role, at_ms);
        self.tokens.insert(token_hash, Token { used_by: Some(id), ..token });
        Ok((id, Admission::New))
    }

    /// Records a new address and capacity. Answers whether anything changed.
    pub(crate) fn update(&mut self, node: NodeId, address: String, capacity: NodeCapacity) -> Result<bool, Rejection> {
        check_len("node's address", &address, ADDRESS_BYTES_MAX)?;
        check_capacity(&capacity)?;
        let member = self.nodes.get_mut(&node).ok_or(Rejection::UnknownNode(node))?;
        let changed = member.address != address || member.capacity != capacity;
        member.address = address;
        member.capacity = capacity;
        Ok(changed)
    }

    /// Changes the labels of a machine: all of `changes`, or none. Answers whether anything changed.
    pub(crate) fn label(&mut self, node: NodeId, changes: &[(String, Option<String>)]) -> Result<bool, Rejection> {
        let mut labels = self.machine(node)?.labels.clone();
        for (name, value) in changes {
            labels.set(name, value.as_deref()).map_err(Rejection::Label)?;
        }
        let member = self.nodes.get_mut(&node).ok_or(Rejection::UnknownNode(node))?;
        let changed = member.labels != labels;
        member.labels = labels;
        Ok(changed)
    }

    /// Whether `node` can be removed.
    pub(crate) fn check_removal(&self, node: NodeId) -> Result<(), Rejection> {
        if !self.nodes.contains_key(&node) {
            return Err(Rejection::UnknownNode(node));
        }
        if self.voters.contains(&node) { Err(Rejection::NodeIsVoter(node)) } else { Ok(()) }
    }

    /// Removes a member that [`Members::check_removal`] let go.
    pub(crate) fn remove(&mut self, node: NodeId) {
        if let Some(member) = self.nodes.remove(&node) {
            self.removed.insert(member.fingerprint);
        }
    }

    /// Records the voters.
    pub(crate) fn set_voters(&mut self, voters: &[NodeId]) -> Result<(), Rejection> {
        let set: BTreeSet<NodeId> = voters.iter().copied().collect();
        for &node in &set {
            self.machine(node)?;
        }
        if set.len().is_multiple_of(2) {
            return Err(Rejection::VoterCount(set.len()));
        }
        self.voters = set;
        Ok(())
    }

    /// The member, where it runs tasks.
    pub(crate) fn machine(&self, node: NodeId) -> Result<&Member, Rejection> {
        let member = self.nodes.get(&node).ok_or(Rejection::UnknownNode(node))?;
        if member.is_machine() { Ok(member) } else { Err(Rejection::NotAMachine(node)) }
    }

    fn insert(&mut self, node: NewNode, role: NodeRole, at_ms: u64) -> NodeId {
        self.last_node += 1;
        let id = NodeId(self.last_node);
        let NewNode { name, fingerprint, address, capacity } = node;
        let name = self.free_name(name);
        let labels = Labels::default();
        let member = Member { name, role, fingerprint, address, capacity, labels, joined_at_ms: at_ms };
        self.nodes.insert(id, member);
        id
    }

    /// `air`, or `air-2` where there is an `air`.
    fn free_name(&self, name: String) -> String {
        let taken: BTreeSet<&str> = self.nodes.values().map(|member| member.name.as_str()).collect();
        if !taken.contains(name.as_str()) {
            return name;
        }
        (2u64..).map(|n| format!("{name}-{n}")).find(|name| !taken.contains(name.as_str())).unwrap_or(name)
    }
}

/// Whether an admission made a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It did.
    New,
    /// The same member asked again.
    Repeated,
}

/// Refuses a text that is longer than `most` bytes.
pub(crate) fn check_len(what: &'static str, text: &str, most: usize) -> Result<(), Rejection> {
    let found = text.len();
    if found > most { Err(Rejection::TooLong { what, found, most }) } else { Ok(()) }
}

fn check_new(node: &NewNode) -> Result<(), Rejection> {
    check_len("node's name", &node.name, NAME_BYTES_MAX)?;
    check_len("node's address", &node.address, ADDRESS_BYTES_MAX)?;
    check_capacity(&node.capacity)
}

fn check_capacity(capacity: &NodeCapacity) -> Result<(), Rejection> {
    if capacity.devices.len() > DEVICES_MAX {
        return Err(Rejection::Full { what: "devices in a node", most: DEVICES_MAX as u64 });
    }
    capacity.devices.iter().try_for_each(|device| check_len("device's name", &device.name, NAME_BYTES_MAX))
}
