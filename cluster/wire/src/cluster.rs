//! Messages about the cluster itself: who leads, who votes, certificates, and requests that one node passes on to another.
//!
//! They travel as [`crate::Request::Cluster`] and [`crate::Response::Cluster`]; what they do is the gateway's. Kinds of
//! messages about jobs and blobs are in `message.rs`.

use nexus_model::{BlobHash, Labels, NodeId, NodeRole};

use crate::audit::{AuditPage, AuditRequest};
use crate::health::Health;
use crate::log::LogQuery;
use crate::message::Request;

/// What is asked about the cluster, or by one of its nodes of another.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterRequest {
    /// Node or client → node: who leads, as you know? Answer: [`ClusterResponse::Leader`], at once. Safe to repeat.
    FindLeader,
    /// Node → leader: carry this out for somebody who asked me. Answer: that of the request; a node that does not lead
    /// refuses, it never passes it on. As safe to repeat as the request.
    Relay {
        /// Who asked, as the sender's connection with them proved.
        caller: RelayedCaller,
        /// What was asked; never a relay.
        request: Box<Request>,
    },
    /// Client → leader: these vote from now on. Answer: [`crate::Response::Done`] when the change is committed. Safe to
    /// repeat.
    SetVoters(Vec<NodeId>),
    /// Leader → node: you will vote; fetch the certificate for it (with [`ClusterRequest::Renew`]) and use it. Answer:
    /// [`crate::Response::Done`] when it is stored. Safe to repeat.
    BecomeVoter,
    /// Node → leader: new certificates for the same keys. Answer: [`ClusterResponse::Renewed`]. Safe to repeat.
    Renew {
        /// Signing request of the node's key, PEM.
        csr_pem: String,
        /// Signing request of the key of the machine's own client, PEM.
        client_csr_pem: String,
    },
    /// Client → leader: take a member out of the cluster for ever; its certificates count no more. Answer:
    /// [`crate::Response::Done`] when it is committed. A voter is refused.
    ForgetNode(NodeId),
    /// Client → node, passed on by the leader: take no new tasks from now on, or take them again. Answer:
    /// [`crate::Response::Done`] when the node has written it down. Safe to repeat.
    DrainNode {
        /// Which; the node that is asked where absent.
        node: Option<NodeId>,
        /// Whether it takes no new tasks.
        draining: bool,
    },
    /// Node → leader: this is what I learned of the programs that ran here; what did others learn? Answer:
    /// [`ClusterResponse::Experience`]. Safe to repeat: what a node tells again replaces what it told before. A node
    /// that does not know this request refuses it, and nothing is shared with it.
    ShareExperience(Vec<u8>),
    /// Client → leader: give a node labels, or take them away. Answer: [`crate::Response::Done`] when it is committed. Safe
    /// to repeat.
    LabelNode {
        /// Which.
        node: NodeId,
        /// Labels by name; without a value the label is taken away.
        changes: Vec<(String, Option<String>)>,
    },
    /// Client → leader: the labels of the nodes. Answer: [`ClusterResponse::Labels`].
    ListLabels,
    /// The acts of people.
    Audit(AuditRequest),
    /// Leader → node: what has a task printed that you hold? Answer: [`crate::Response::Log`]. Safe to repeat.
    ReadHeldLog(LogQuery),
    /// Node → node: what does each piece of this blob hash to? Answer: [`ClusterResponse::BlobOutline`]. Safe to repeat. A
    /// node that does not know this request refuses it, and its blobs are checked once they are here as a whole.
    ReadBlobOutline(BlobHash),
    /// Client → node: what does your tensor engine hold, and what has it copied? Answer: [`ClusterResponse::Engine`], at
    /// once. Safe to repeat. A node that does not know this request refuses it.
    ReadEngine,
    /// Client → leader: how are the machines? Answer: [`ClusterResponse::Health`]. Safe to repeat. A leader that does not
    /// know this request refuses it.
    ReadHealth,
    /// Client → leader: give out no tasks and take back those that are out, or give them out again. Answer:
    /// [`crate::Response::Done`] when it is committed. Safe to repeat.
    StopWork {
        /// Whether all work is stopped.
        stopped: bool,
    },
    /// Node → node: which of these blobs are on your disk? Answer: [`ClusterResponse::FoundBlobs`]. Safe to repeat. A node
    /// that does not know this request refuses it, and is asked for each of them.
    FindBlobs(Vec<BlobHash>),
}

/// Who asked a node that passes the request on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedCaller {
    /// What their certificate allows.
    pub role: NodeRole,
    /// The node that they belong to.
    pub node: Option<NodeId>,
    /// The name on their certificate; empty for a node.
    pub name: String,
}

/// The answer to a [`ClusterRequest`].
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterResponse {
    /// Who leads, as the node that answers knows.
    Leader {
        /// The node that answers.
        node: NodeId,
        /// Its term.
        term: u64,
        /// The leader and its address, where one is known.
        leader: Option<(NodeId, String)>,
    },
    /// New certificates.
    Renewed(Box<RenewedCertificates>),
    /// What other nodes learned, in the form of [`ClusterRequest::ShareExperience`], by node.
    Experience(Vec<(NodeId, Vec<u8>)>),
    /// The labels of the nodes that have any, in order of id.
    Labels(Vec<(NodeId, Labels)>),
    /// Acts of people.
    Audit(AuditPage),
    /// The hashes of a blob's pieces, one after the other, each a node of its BLAKE3 tree.
    BlobOutline(Vec<u8>),
    /// What the tensor engine of the node's process holds and has done since the process began.
    Engine(EngineUse),
    /// How the machines are.
    Health(Health),
    /// Whether each of the blobs is there, in the order of the question.
    FoundBlobs(Vec<bool>),
}

/// What the tensor engine of a process holds, and what it has copied since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineUse {
    /// Bytes of tensors that are gone, kept for the next ones.
    pub pool_bytes: u64,
    /// Tensors copied from host to device.
    pub uploads: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Tensors copied from device to host; each is a synchronisation.
    pub downloads: u64,
    /// Their bytes.
    pub downloaded_bytes: u64,
}

/// What a node gets that asks for new certificates.
#[derive(Clone, PartialEq)]
pub struct RenewedCertificates {
    /// Its role from now on.
    pub role: NodeRole,
    /// Its certificate, PEM.
    pub certificate_pem: String,
    /// The certificate of the machine's own client, PEM.
    pub client_certificate_pem: String,
    /// For a voter: the key with which the authority signs, PEM, so that any voter can admit machines.
    pub authority_key_pem: Option<String>,
}

impl std::fmt::Debug for RenewedCertificates {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = self.authority_key_pem.as_ref().map(|_| "hidden");
        f.debug_struct("RenewedCertificates").field("role", &self.role).field("authority_key_pem", &key).finish()
    }
}
