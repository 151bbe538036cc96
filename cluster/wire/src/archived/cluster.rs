//! What is asked and answered about the cluster itself.

use nexus_model::{BlobHash, LABELS_MAX, Labels, NodeId};
use rkyv::primitive::ArchivedU64;
use rkyv::vec::ArchivedVec;
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::audit::{audit_page, audit_request, encode_audit_page, encode_audit_request};
use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, name, text};
use super::health::{encode_health, health, health_with_gpus};
use super::log::{encode_log_query, log_query};
use super::node::NodeRoleV1;
use super::{WireError, decode_request, encode_request};
use crate::cluster::{ClusterRequest, ClusterResponse, EngineUse, RelayedCaller, RenewedCertificates};
use crate::limits::{BLOB_OUTLINE_BYTES_MAX, BLOBS_FOUND_MAX, EXPERIENCE_BYTES_MAX, EXPERIENCE_NODES_MAX, VOTERS_MAX};
use crate::message::Request;

/// The numbers of the kinds, of requests and of responses: never reused, and none of the other requests' or responses'.
mod kind {
    pub(super) const FIND_LEADER: u8 = 64;
    pub(super) const RELAY: u8 = 65;
    pub(super) const SET_VOTERS: u8 = 66;
    pub(super) const BECOME_VOTER: u8 = 67;
    pub(super) const RENEW: u8 = 68;
    pub(super) const FORGET_NODE: u8 = 69;
    pub(super) const DRAIN_NODE: u8 = 70;
    pub(super) const SHARE_EXPERIENCE: u8 = 71;
    pub(super) const READ_HELD_LOG: u8 = 72;
    pub(super) const LABEL_NODE: u8 = 73;
    pub(super) const LIST_LABELS: u8 = 74;
    pub(super) const AUDIT: u8 = 75;
    pub(super) const READ_BLOB_OUTLINE: u8 = 76;
    pub(super) const READ_ENGINE: u8 = 77;
    pub(super) const READ_HEALTH: u8 = 78;
    pub(super) const STOP_WORK: u8 = 79;
    pub(super) const RESUME_WORK: u8 = 80;
    pub(super) const FIND_BLOBS: u8 = 81;

    pub(super) const LEADER: u8 = 64;
    pub(super) const RENEWED: u8 = 65;
    pub(super) const EXPERIENCE: u8 = 66;
    pub(super) const LABELS: u8 = 67;
    pub(super) const ACTS: u8 = 68;
    pub(super) const BLOB_OUTLINE: u8 = 69;
    pub(super) const ENGINE: u8 = 70;
    pub(super) const HEALTH: u8 = 71;
    pub(super) const FOUND_BLOBS: u8 = 72;
    pub(super) const HEALTH_2: u8 = 73;
}

/// The first kind that belongs to this file.
pub(super) const FIRST_KIND: u8 = kind::FIND_LEADER;

#[derive(Archive, Serialize)]
struct RelayV1<'a> {
    role: NodeRoleV1,
    node: Option<u64>,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    request: &'a [u8],
}

#[derive(Archive, Serialize)]
struct EngineUseV1 {
    pool_bytes: u64,
    uploads: u64,
    uploaded_bytes: u64,
    downloads: u64,
    downloaded_bytes: u64,
}

#[derive(Archive, Serialize)]
struct SetVotersV1 {
    voters: Vec<u64>,
}

#[derive(Archive, Serialize)]
struct RenewV1<'a> {
    #[rkyv(with = InlineAsBox)]
    csr_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    client_csr_pem: &'a str,
}

#[derive(Archive, Serialize)]
struct DrainNodeV1 {
    node: Option<u64>,
    draining: bool,
}

#[derive(Archive, Serialize)]
struct LabelChangeV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    value: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct LabelNodeV1<'a> {
    node: u64,
    changes: Vec<LabelChangeV1<'a>>,
}

#[derive(Archive, Serialize)]
struct LeaderNodeV1<'a> {
    node: u64,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
}

#[derive(Archive, Serialize)]
struct LeaderV1<'a> {
    node: u64,
    term: u64,
    leader: Option<LeaderNodeV1<'a>>,
}

#[derive(Archive, Serialize)]
struct RenewedV1<'a> {
    role: NodeRoleV1,
    #[rkyv(with = InlineAsBox)]
    certificate_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    client_certificate_pem: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    authority_key_pem: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct NodeExperienceV1 {
    node: u64,
    experience: Vec<u8>,
}

#[derive(Archive, Serialize)]
struct ExperienceV1 {
    nodes: Vec<NodeExperienceV1>,
}

pub(super) fn encode_cluster_request(what: &'static str, request: &ClusterRequest) -> Result<Vec<u8>, WireError> {
    let kind = |number| Kind { what, number };
    match request {
        ClusterRequest::FindLeader => kind(kind::FIND_LEADER).write_bytes(&[]),
        ClusterRequest::Relay { caller, request } => {
            let inner = encode_request(request)?;
            let form = RelayV1 {
                role: caller.role.into(),
                node: caller.node.map(|node| node.0),
                name: &caller.name,
                request: &inner,
            };
            kind(kind::RELAY).write_large(inner.len() + SMALL_BYTES, &form)
        }
        ClusterRequest::SetVoters(voters) => {
            kind(kind::SET_VOTERS).write(&SetVotersV1 { voters: voters.iter().map(|node| node.0).collect() })
        }
        ClusterRequest::BecomeVoter => kind(kind::BECOME_VOTER).write_bytes(&[]),
        ClusterRequest::ForgetNode(node) => kind(kind::FORGET_NODE).write(&node.0),
        ClusterRequest::ShareExperience(experience) => kind(kind::SHARE_EXPERIENCE).write_bytes(experience),
        ClusterRequest::LabelNode { node, changes } => {
            let changes = changes.iter().map(|(name, value)| LabelChangeV1 { name, value: value.as_deref() });
            kind(kind::LABEL_NODE).write(&LabelNodeV1 { node: node.0, changes: changes.collect() })
        }
        ClusterRequest::ListLabels => kind(kind::LIST_LABELS).write_bytes(&[]),
        ClusterRequest::Audit(request) => encode_audit_request(kind(kind::AUDIT), request),
        ClusterRequest::ReadHeldLog(query) => encode_log_query(kind(kind::READ_HELD_LOG), query),
        ClusterRequest::ReadBlobOutline(hash) => kind(kind::READ_BLOB_OUTLINE).write(&hash.0),
        ClusterRequest::ReadEngine => kind(kind::READ_ENGINE).write_bytes(&[]),
        ClusterRequest::ReadHealth => kind(kind::READ_HEALTH).write_bytes(&[]),
        ClusterRequest::StopWork { stopped: true } => kind(kind::STOP_WORK).write_bytes(&[]),
        ClusterRequest::StopWork { stopped: false } => kind(kind::RESUME_WORK).write_bytes(&[]),
        ClusterRequest::FindBlobs(hashes) => {
            let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            kind(kind::FIND_BLOBS).write_bytes(&hashes)
        }
        ClusterRequest::DrainNode { node, draining } => {
            kind(kind::DRAIN_NODE).write(&DrainNodeV1 { node: node.map(|node| node.0), draining: *draining })
        }
        ClusterRequest::Renew { csr_pem, client_csr_pem } => {
            kind(kind::RENEW).write(&RenewV1 { csr_pem, client_csr_pem })
        }
    }
}

pub(super) fn cluster_request(body: Body<'_>) -> Result<ClusterRequest, WireError> {
    Ok(match body.kind {
        kind::FIND_LEADER => body.nothing(ClusterRequest::FindLeader)?,
        kind::RELAY => relay(body)?,
        kind::SET_VOTERS => {
            let form: &ArchivedSetVotersV1 = body.form()?;
            ClusterRequest::SetVoters(form.voters.iter().map(|node| NodeId(node.to_native())).collect())
        }
        kind::BECOME_VOTER => body.nothing(ClusterRequest::BecomeVoter)?,
        kind::FORGET_NODE => {
            let form: &ArchivedU64 = body.form()?;
            ClusterRequest::ForgetNode(NodeId(form.to_native()))
        }
        kind::DRAIN_NODE => {
            let form: &ArchivedDrainNodeV1 = body.form()?;
            let node = form.node.as_ref().map(|node| NodeId(node.to_native()));
            ClusterRequest::DrainNode { node, draining: form.draining }
        }
        kind::LABEL_NODE => {
            let form: &ArchivedLabelNodeV1<'_> = body.form()?;
            let changes = form.changes.iter();
            let changes = changes.map(|change| (change.name.to_string(), change.value.as_ref().map(|v| v.to_string())));
            ClusterRequest::LabelNode { node: NodeId(form.node.to_native()), changes: changes.collect() }
        }
        kind::LIST_LABELS => body.nothing(ClusterRequest::ListLabels)?,
        kind::AUDIT => ClusterRequest::Audit(audit_request(body)?),
        kind::READ_HELD_LOG => ClusterRequest::ReadHeldLog(log_query(body)?),
        kind::READ_BLOB_OUTLINE => ClusterRequest::ReadBlobOutline(BlobHash(*body.form::<[u8; 32]>()?)),
        kind::READ_ENGINE => body.nothing(ClusterRequest::ReadEngine)?,
        kind::READ_HEALTH => body.nothing(ClusterRequest::ReadHealth)?,
        kind::STOP_WORK => body.nothing(ClusterRequest::StopWork { stopped: true })?,
        kind::RESUME_WORK => body.nothing(ClusterRequest::StopWork { stopped: false })?,
        kind::FIND_BLOBS => ClusterRequest::FindBlobs(hashes(body)?),
        kind::SHARE_EXPERIENCE => ClusterRequest::ShareExperience(body.bytes().to_vec()),
        kind::RENEW => {
            let form: &ArchivedRenewV1<'_> = body.form()?;
            ClusterRequest::Renew { csr_pem: form.csr_pem.to_string(), client_csr_pem: form.client_csr_pem.to_string() }
        }
        _ => return Err(body.unknown()),
    })
}

fn hashes(body: Body<'_>) -> Result<Vec<BlobHash>, WireError> {
    let (hashes, rest) = body.bytes().as_chunks();
    if !rest.is_empty() {
        return Err(WireError::Value("a hash that is cut off"));
    }
    Ok(hashes.iter().map(|hash| BlobHash(*hash)).collect())
}

fn relay(body: Body<'_>) -> Result<ClusterRequest, WireError> {
    let form: &ArchivedRelayV1<'_> = body.form()?;
    // Looked at before it is decoded: relays in relays would be recursion at the sender's wish.
    if let [_, kind::RELAY, ..] = form.request[..] {
        return Err(body.unknown());
    }
    let caller = RelayedCaller {
        role: (&form.role).into(),
        node: form.node.as_ref().map(|node| NodeId(node.to_native())),
        name: form.name.to_string(),
    };
    Ok(ClusterRequest::Relay { caller, request: Box::new(decode_request(&form.request)?) })
}

pub(super) fn encode_cluster_response(what: &'static str, response: &ClusterResponse) -> Result<Vec<u8>, WireError> {
    let kind = |number| Kind { what, number };
    match response {
        ClusterResponse::Leader { node, term, leader } => {
            let leader = leader.as_ref().map(|(node, address)| LeaderNodeV1 { node: node.0, address });
            kind(kind::LEADER).write(&LeaderV1 { node: node.0, term: *term, leader })
        }
        ClusterResponse::Experience(nodes) => {
            let bytes: usize = nodes.iter().map(|(_, experience)| experience.len() + SMALL_BYTES).sum();
            let nodes = nodes
                .iter()
                .map(|(node, experience)| NodeExperienceV1 { node: node.0, experience: experience.clone() });
            kind(kind::EXPERIENCE).write_large(bytes + SMALL_BYTES, &ExperienceV1 { nodes: nodes.collect() })
        }
        ClusterResponse::Audit(page) => encode_audit_page(kind(kind::ACTS), page),
        ClusterResponse::BlobOutline(hashes) => kind(kind::BLOB_OUTLINE).write_bytes(hashes),
        ClusterResponse::FoundBlobs(found) => {
            let found: Vec<u8> = found.iter().map(|is_there| u8::from(*is_there)).collect();
            kind(kind::FOUND_BLOBS).write_bytes(&found)
        }
        ClusterResponse::Health(told) => encode_health((kind(kind::HEALTH), kind(kind::HEALTH_2)), told),
        ClusterResponse::Engine(used) => kind(kind::ENGINE).write(&EngineUseV1 {
            pool_bytes: used.pool_bytes,
            uploads: used.uploads,
            uploaded_bytes: used.uploaded_bytes,
            downloads: used.downloads,
            downloaded_bytes: used.downloaded_bytes,
        }),
        ClusterResponse::Labels(nodes) => {
            let labels = nodes.iter().map(|(node, labels)| {
                let labels = labels.iter().map(|(name, value)| LabelChangeV1 { name, value: Some(value) });
                LabelNodeV1 { node: node.0, changes: labels.collect() }
            });
            kind(kind::LABELS).write(&labels.collect::<Vec<_>>())
        }
        ClusterResponse::Renewed(renewed) => kind(kind::RENEWED).write(&RenewedV1 {
            role: renewed.role.into(),
            certificate_pem: &renewed.certificate_pem,
            client_certificate_pem: &renewed.client_certificate_pem,
            authority_key_pem: renewed.authority_key_pem.as_deref(),
        }),
    }
}

pub(super) fn cluster_response(body: Body<'_>) -> Result<ClusterResponse, WireError> {
    Ok(match body.kind {
        kind::LEADER => {
            let form: &ArchivedLeaderV1<'_> = body.form()?;
            let leader = form.leader.as_ref();
            ClusterResponse::Leader {
                node: NodeId(form.node.to_native()),
                term: form.term.to_native(),
                leader: leader.map(|leader| (NodeId(leader.node.to_native()), leader.address.to_string())),
            }
        }
        kind::EXPERIENCE => {
            let form: &ArchivedExperienceV1 = body.form()?;
            let nodes = form.nodes.iter();
            let nodes = nodes.map(|told| (NodeId(told.node.to_native()), told.experience.to_vec()));
            ClusterResponse::Experience(nodes.collect())
        }
        kind::LABELS => {
            let form: &ArchivedVec<ArchivedLabelNodeV1<'_>> = body.form()?;
            ClusterResponse::Labels(form.iter().map(labels_of).collect::<Result<_, _>>()?)
        }
        kind::ACTS => ClusterResponse::Audit(audit_page(body)?),
        kind::HEALTH => ClusterResponse::Health(health(body)?),
        kind::HEALTH_2 => ClusterResponse::Health(health_with_gpus(body)?),
        kind::BLOB_OUTLINE => ClusterResponse::BlobOutline(body.bytes().to_vec()),
        kind::FOUND_BLOBS => {
            let found = body.bytes().iter().map(|byte| match byte {
                0 | 1 => Ok(*byte == 1),
                _ => Err(WireError::Value("neither yes nor no")),
            });
            ClusterResponse::FoundBlobs(found.collect::<Result<_, _>>()?)
        }
        kind::ENGINE => {
            let form: &ArchivedEngineUseV1 = body.form()?;
            ClusterResponse::Engine(EngineUse {
                pool_bytes: form.pool_bytes.to_native(),
                uploads: form.uploads.to_native(),
                uploaded_bytes: form.uploaded_bytes.to_native(),
                downloads: form.downloads.to_native(),
                downloaded_bytes: form.downloaded_bytes.to_native(),
            })
        }
        kind::RENEWED => {
            let form: &ArchivedRenewedV1<'_> = body.form()?;
            ClusterResponse::Renewed(Box::new(RenewedCertificates {
                role: (&form.role).into(),
                certificate_pem: form.certificate_pem.to_string(),
                client_certificate_pem: form.client_certificate_pem.to_string(),
                authority_key_pem: form.authority_key_pem.as_ref().map(|key| key.to_string()),
            }))
        }
        _ => return Err(body.unknown()),
    })
}

fn labels_of(form: &ArchivedLabelNodeV1<'_>) -> Result<(NodeId, Labels), WireError> {
    let mut labels = Labels::default();
    for change in form.changes.iter() {
        let value = change.value.as_ref().map(|value| value.to_string());
        labels.set(&change.name, value.as_deref()).map_err(|_| WireError::Value("a label that is none"))?;
    }
    Ok((NodeId(form.node.to_native()), labels))
}

impl Bounded for ClusterRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            ClusterRequest::FindLeader
            | ClusterRequest::BecomeVoter
            | ClusterRequest::ListLabels
            | ClusterRequest::ReadBlobOutline(_)
            | ClusterRequest::ReadEngine
            | ClusterRequest::ReadHealth
            | ClusterRequest::StopWork { .. }
            | ClusterRequest::ForgetNode(_)
            | ClusterRequest::DrainNode { .. } => Ok(()),
            ClusterRequest::Relay { caller, request } => {
                name("caller's name", &caller.name)?;
                match &**request {
                    Request::Cluster(inner) if matches!(**inner, ClusterRequest::Relay { .. }) => {
                        Err(WireError::Kind { what: "relayed request", kind: kind::RELAY })
                    }
                    request => request.check_bounds(),
                }
            }
            ClusterRequest::ShareExperience(experience) => bytes("experience", experience.len(), EXPERIENCE_BYTES_MAX),
            ClusterRequest::ReadHeldLog(query) => query.check_bounds(),
            ClusterRequest::Audit(request) => request.check_bounds(),
            ClusterRequest::LabelNode { node: _, changes } => {
                bytes("list of labels", changes.len(), 2 * LABELS_MAX)?;
                changes.iter().try_for_each(|(label, value)| {
                    name("label's name", label)?;
                    name("label's value", value.as_deref().unwrap_or_default())
                })
            }
            ClusterRequest::FindBlobs(hashes) => bytes("list of blobs", hashes.len(), BLOBS_FOUND_MAX),
            ClusterRequest::SetVoters(voters) => bytes("list of voters", voters.len(), VOTERS_MAX),
            ClusterRequest::Renew { csr_pem, client_csr_pem } => {
                text("certificate request", csr_pem)?;
                text("client's certificate request", client_csr_pem)
            }
        }
    }
}

impl Bounded for ClusterResponse {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            ClusterResponse::Leader { leader, .. } => {
                name("leader's address", leader.as_ref().map_or("", |(_, address)| address))
            }
            ClusterResponse::Experience(nodes) => {
                bytes("list of nodes with experience", nodes.len(), EXPERIENCE_NODES_MAX)?;
                nodes.iter().try_for_each(|(_, told)| bytes("experience", told.len(), EXPERIENCE_BYTES_MAX))
            }
            // Every label was checked as it was read or set.
            ClusterResponse::Labels(_) | ClusterResponse::Engine(_) => Ok(()),
            ClusterResponse::Audit(page) => page.check_bounds(),
            ClusterResponse::Health(told) => told.check_bounds(),
            ClusterResponse::FoundBlobs(found) => bytes("list of found blobs", found.len(), BLOBS_FOUND_MAX),
            ClusterResponse::BlobOutline(hashes) => bytes("outline of a blob", hashes.len(), BLOB_OUTLINE_BYTES_MAX),
            ClusterResponse::Renewed(renewed) => {
                text("node's certificate", &renewed.certificate_pem)?;
                text("client's certificate", &renewed.client_certificate_pem)?;
                text("authority's key", renewed.authority_key_pem.as_deref().unwrap_or_default())
            }
        }
    }
}
