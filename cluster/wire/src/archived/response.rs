//! What a gateway answers.

use nexus_model::{JobId, NodeId};
use rkyv::primitive::ArchivedU64;
use rkyv::vec::ArchivedVec;
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::body::{Body, Kind, SMALL_BYTES, TASK_BYTES};
use super::bounds::{Bounded, bytes, duration, name, text};
use super::cluster::{self, cluster_response, encode_cluster_response};
use super::decision::{decision_response, encode_decision_response};
use super::log::{encode_log_piece, log_piece};
use super::node::NodeRoleV1;
use super::schedule::{encode_schedule_response, schedule_response};
use super::timeline::{encode_timeline_response, timeline_response};
use super::view::{
    ArchivedJobViewV1, ArchivedNodeViewV1, ArchivedStatusViewV1, ArchivedTaskViewV1, ArchivedTaskViewV2, JobViewV1,
    NodeViewV1, StatusViewV1, TaskViewV1, TaskViewV2,
};
use super::{DurationV1, WireError, read_all};
use crate::limits::BLOB_CHUNK_BYTES;
use crate::message::{JoinedNode, Refusal, Response};

const WHAT: &str = "response";

/// The numbers of the kinds: never reused.
mod kind {
    pub(super) const SUBMITTED: u8 = 1;
    pub(super) const JOBS: u8 = 2;
    pub(super) const JOB: u8 = 3;
    pub(super) const TASKS: u8 = 4;
    pub(super) const NODES: u8 = 5;
    pub(super) const STATUS: u8 = 6;
    pub(super) const TOKEN: u8 = 7;
    pub(super) const JOINED: u8 = 8;
    pub(super) const BLOB_CHUNK: u8 = 9;
    pub(super) const RAFT: u8 = 10;
    pub(super) const DONE: u8 = 11;
    pub(super) const REFUSED: u8 = 12;
    pub(super) const EXPLANATION: u8 = 13;
    pub(super) const TIMELINE: u8 = 14;
    pub(super) const LOG: u8 = 15;
    pub(super) const SCHEDULE: u8 = 16;
    pub(super) const DECIDED: u8 = 17;
    /// Tasks, of which some took their results from earlier jobs.
    pub(super) const TASKS_2: u8 = 18;
}

#[derive(Archive, Serialize)]
struct ExplanationV1<'a> {
    #[rkyv(with = Map<InlineAsBox>)]
    sentences: Vec<&'a str>,
}

#[derive(Archive, Serialize)]
struct TokenV1<'a> {
    #[rkyv(with = InlineAsBox)]
    token: &'a str,
    role: NodeRoleV1,
    expires_at_ms: u64,
}

#[derive(Archive, Serialize)]
struct JoinedV1<'a> {
    node: u64,
    role: NodeRoleV1,
    #[rkyv(with = InlineAsBox)]
    certificate_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    client_certificate_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    ca_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    cluster: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    peers: Vec<&'a str>,
}

#[derive(Archive, Serialize)]
struct BlobChunkV1<'a> {
    total: u64,
    #[rkyv(with = InlineAsBox)]
    bytes: &'a [u8],
}

#[derive(Archive, Serialize)]
struct RefusedV1<'a> {
    #[rkyv(with = InlineAsBox)]
    code: &'a str,
    #[rkyv(with = InlineAsBox)]
    message: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    help: Option<&'a str>,
    retry_after: Option<DurationV1>,
    #[rkyv(with = Map<InlineAsBox>)]
    leader: Option<&'a str>,
}

/// The body of a response's frame. Fails where it is beyond its bounds or would not fit a frame.
pub fn encode_response(response: &Response) -> Result<Vec<u8>, WireError> {
    response.check_bounds()?;
    let kind = |number| Kind { what: WHAT, number };
    match response {
        Response::Submitted(job) => kind(kind::SUBMITTED).write(&job.0),
        Response::Jobs(jobs) => kind(kind::JOBS).write(&jobs.iter().map(Into::into).collect::<Vec<JobViewV1<'_>>>()),
        Response::Job(job) => kind(kind::JOB).write(&JobViewV1::from(&**job)),
        Response::Tasks(tasks) if tasks.iter().any(|task| task.reused.is_some()) => {
            let forms: Vec<TaskViewV2<'_>> = tasks.iter().map(Into::into).collect();
            kind(kind::TASKS_2).write_large(forms.len() * TASK_BYTES, &forms)
        }
        Response::Tasks(tasks) => {
            let forms: Vec<TaskViewV1<'_>> = tasks.iter().map(Into::into).collect();
            kind(kind::TASKS).write_large(forms.len() * TASK_BYTES, &forms)
        }
        Response::Nodes(nodes) => {
            kind(kind::NODES).write(&nodes.iter().map(Into::into).collect::<Vec<NodeViewV1<'_>>>())
        }
        Response::Explanation(sentences) => {
            kind(kind::EXPLANATION).write(&ExplanationV1 { sentences: sentences.iter().map(String::as_str).collect() })
        }
        Response::Status(status) => kind(kind::STATUS).write(&StatusViewV1::from(&**status)),
        Response::Token { token, role, expires_at_ms } => {
            kind(kind::TOKEN).write(&TokenV1 { token, role: (*role).into(), expires_at_ms: *expires_at_ms })
        }
        Response::Joined(joined) => kind(kind::JOINED).write(&JoinedV1 {
            node: joined.node.0,
            role: joined.role.into(),
            certificate_pem: &joined.certificate_pem,
            client_certificate_pem: &joined.client_certificate_pem,
            ca_pem: &joined.ca_pem,
            cluster: &joined.cluster,
            peers: joined.peers.iter().map(String::as_str).collect(),
        }),
        Response::BlobChunk { total, bytes } => {
            kind(kind::BLOB_CHUNK).write_large(bytes.len() + SMALL_BYTES, &BlobChunkV1 { total: *total, bytes })
        }
        Response::Raft(bytes) => kind(kind::RAFT).write_bytes(bytes),
        Response::Cluster(response) => encode_cluster_response(WHAT, response),
        Response::Timeline(response) => encode_timeline_response(kind(kind::TIMELINE), response),
        Response::Schedule(response) => encode_schedule_response(kind(kind::SCHEDULE), response),
        Response::Decided(response) => encode_decision_response(kind(kind::DECIDED), response),
        Response::Log(piece) => encode_log_piece(kind(kind::LOG), piece),
        Response::Done => kind(kind::DONE).write_bytes(&[]),
        Response::Refused(refusal) => kind(kind::REFUSED).write(&RefusedV1 {
            code: &refusal.code,
            message: &refusal.message,
            help: refusal.help.as_deref(),
            retry_after: refusal.retry_after.map(Into::into),
            leader: refusal.leader.as_deref(),
        }),
    }
}

/// Reads what [`encode_response`] made.
pub fn decode_response(bytes: &[u8]) -> Result<Response, WireError> {
    let response = response(Body::open(WHAT, bytes)?)?;
    response.check_bounds()?;
    Ok(response)
}

fn response(body: Body<'_>) -> Result<Response, WireError> {
    Ok(match body.kind {
        kind::SUBMITTED => {
            let form: &ArchivedU64 = body.form()?;
            Response::Submitted(JobId(form.to_native()))
        }
        kind::JOBS => {
            let form: &ArchivedVec<ArchivedJobViewV1<'_>> = body.form()?;
            Response::Jobs(form.iter().map(Into::into).collect())
        }
        kind::JOB => {
            let form: &ArchivedJobViewV1<'_> = body.form()?;
            Response::Job(Box::new(form.into()))
        }
        kind::TASKS => {
            let form: &ArchivedVec<ArchivedTaskViewV1<'_>> = body.form()?;
            Response::Tasks(read_all(form)?)
        }
        kind::TASKS_2 => {
            let form: &ArchivedVec<ArchivedTaskViewV2<'_>> = body.form()?;
            Response::Tasks(read_all(form)?)
        }
        kind::NODES => {
            let form: &ArchivedVec<ArchivedNodeViewV1<'_>> = body.form()?;
            Response::Nodes(read_all(form)?)
        }
        kind::EXPLANATION => {
            let form: &ArchivedExplanationV1<'_> = body.form()?;
            Response::Explanation(form.sentences.iter().map(|sentence| sentence.to_string()).collect())
        }
        kind::STATUS => {
            let form: &ArchivedStatusViewV1<'_> = body.form()?;
            Response::Status(Box::new(form.try_into()?))
        }
        kind::TOKEN => {
            let form: &ArchivedTokenV1<'_> = body.form()?;
            Response::Token {
                token: form.token.to_string(),
                role: (&form.role).into(),
                expires_at_ms: form.expires_at_ms.to_native(),
            }
        }
        kind::JOINED => {
            let form: &ArchivedJoinedV1<'_> = body.form()?;
            Response::Joined(Box::new(JoinedNode {
                node: NodeId(form.node.to_native()),
                role: (&form.role).into(),
                certificate_pem: form.certificate_pem.to_string(),
                client_certificate_pem: form.client_certificate_pem.to_string(),
                ca_pem: form.ca_pem.to_string(),
                cluster: form.cluster.to_string(),
                peers: form.peers.iter().map(|peer| peer.to_string()).collect(),
            }))
        }
        kind::BLOB_CHUNK => {
            let form: &ArchivedBlobChunkV1<'_> = body.form()?;
            Response::BlobChunk { total: form.total.to_native(), bytes: form.bytes.to_vec() }
        }
        kind::RAFT => Response::Raft(body.bytes().to_vec()),
        kind::SCHEDULE => Response::Schedule(Box::new(schedule_response(body)?)),
        kind::LOG => Response::Log(log_piece(body)?),
        kind::DECIDED => Response::Decided(Box::new(decision_response(body)?)),
        kind::TIMELINE => Response::Timeline(Box::new(timeline_response(body)?)),
        cluster::FIRST_KIND.. => Response::Cluster(Box::new(cluster_response(body)?)),
        kind::DONE => body.nothing(Response::Done)?,
        kind::REFUSED => refused(body)?,
        _ => return Err(body.unknown()),
    })
}

fn refused(body: Body<'_>) -> Result<Response, WireError> {
    let form: &ArchivedRefusedV1<'_> = body.form()?;
    Ok(Response::Refused(Refusal {
        code: form.code.to_string(),
        message: form.message.to_string(),
        help: form.help.as_ref().map(|help| help.to_string()),
        retry_after: form.retry_after.as_ref().map(TryInto::try_into).transpose()?,
        leader: form.leader.as_ref().map(|leader| leader.to_string()),
    }))
}

impl Bounded for Response {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            Response::Jobs(jobs) => jobs.check_bounds(),
            Response::Job(job) => job.check_bounds(),
            Response::Tasks(tasks) => tasks.check_bounds(),
            Response::Nodes(nodes) => nodes.check_bounds(),
            Response::Explanation(sentences) => sentences.iter().try_for_each(|one| text("explanation", one)),
            Response::Status(status) => status.check_bounds(),
            Response::Token { token, role: _, expires_at_ms: _ } => name("join token", token),
            Response::Joined(joined) => joined.check_bounds(),
            Response::Cluster(response) => response.check_bounds(),
            Response::Timeline(response) => response.check_bounds(),
            Response::Decided(response) => response.check_bounds(),
            Response::Log(piece) => piece.check_bounds(),
            Response::Schedule(response) => response.check_bounds(),
            Response::BlobChunk { total, bytes: piece } => {
                bytes("piece of a blob", piece.len(), BLOB_CHUNK_BYTES)?;
                match piece.len() as u64 <= *total {
                    true => Ok(()),
                    false => Err(WireError::Piece { offset: 0, found: piece.len(), total: *total }),
                }
            }
            Response::Refused(refusal) => refusal.check_bounds(),
            Response::Submitted(_) | Response::Raft(_) | Response::Done => Ok(()),
        }
    }
}

impl Bounded for JoinedNode {
    fn check_bounds(&self) -> Result<(), WireError> {
        text("node's certificate", &self.certificate_pem)?;
        text("client's certificate", &self.client_certificate_pem)?;
        text("authority's certificate", &self.ca_pem)?;
        name("cluster's name", &self.cluster)?;
        self.peers.iter().try_for_each(|peer| name("peer's address", peer))
    }
}

impl Bounded for Refusal {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("refusal's code", &self.code)?;
        text("refusal's message", &self.message)?;
        text("refusal's help", self.help.as_deref().unwrap_or_default())?;
        duration("time to wait", self.retry_after)?;
        name("leader's address", self.leader.as_deref().unwrap_or_default())
    }
}
