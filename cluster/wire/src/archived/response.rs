//! What a gateway answers.

use nexus_model::{JobId, NodeId};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::node::NodeRoleV1;
use super::view::{JobViewV1, NodeViewV1, StatusViewV1, TaskViewV1};
use super::{DurationV1, WireError};
use crate::message::{JoinedNode, Refusal, Response};

/// [`JoinedNode`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JoinedNodeV1<'a> {
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

impl<'a> From<&'a JoinedNode> for JoinedNodeV1<'a> {
    fn from(joined: &'a JoinedNode) -> Self {
        JoinedNodeV1 {
            node: joined.node.0,
            role: joined.role.into(),
            certificate_pem: &joined.certificate_pem,
            client_certificate_pem: &joined.client_certificate_pem,
            ca_pem: &joined.ca_pem,
            cluster: &joined.cluster,
            peers: joined.peers.iter().map(String::as_str).collect(),
        }
    }
}

impl From<&ArchivedJoinedNodeV1<'_>> for JoinedNode {
    fn from(form: &ArchivedJoinedNodeV1<'_>) -> Self {
        JoinedNode {
            node: NodeId(form.node.to_native()),
            role: (&form.role).into(),
            certificate_pem: form.certificate_pem.to_string(),
            client_certificate_pem: form.client_certificate_pem.to_string(),
            ca_pem: form.ca_pem.to_string(),
            cluster: form.cluster.to_string(),
            peers: form.peers.iter().map(|peer| peer.to_string()).collect(),
        }
    }
}

/// [`Refusal`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct RefusalV1<'a> {
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

impl<'a> From<&'a Refusal> for RefusalV1<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        RefusalV1 {
            code: &refusal.code,
            message: &refusal.message,
            help: refusal.help.as_deref(),
            retry_after: refusal.retry_after.map(Into::into),
            leader: refusal.leader.as_deref(),
        }
    }
}

impl TryFrom<&ArchivedRefusalV1<'_>> for Refusal {
    type Error = WireError;

    fn try_from(form: &ArchivedRefusalV1<'_>) -> Result<Self, WireError> {
        Ok(Refusal {
            code: form.code.to_string(),
            message: form.message.to_string(),
            help: form.help.as_ref().map(|help| help.to_string()),
            retry_after: form.retry_after.as_ref().map(TryInto::try_into).transpose()?,
            leader: form.leader.as_ref().map(|leader| leader.to_string()),
        })
    }
}

/// [`Response`].
#[derive(Debug, Archive, Serialize)]
pub(crate) enum ResponseV1<'a> {
    Submitted(u64),
    Jobs(Vec<JobViewV1<'a>>),
    Job(Box<JobViewV1<'a>>),
    Tasks(Vec<TaskViewV1<'a>>),
    Nodes(Vec<NodeViewV1<'a>>),
    Status(Box<StatusViewV1<'a>>),
    Token {
        #[rkyv(with = InlineAsBox)]
        token: &'a str,
        role: NodeRoleV1,
        expires_at_ms: u64,
    },
    Joined(Box<JoinedNodeV1<'a>>),
    BlobChunk {
        total: u64,
        #[rkyv(with = InlineAsBox)]
        bytes: &'a [u8],
    },
    Raft(#[rkyv(with = InlineAsBox)] &'a [u8]),
    Done,
    Refused(Box<RefusalV1<'a>>),
}

impl<'a> From<&'a Response> for ResponseV1<'a> {
    fn from(response: &'a Response) -> Self {
        match response {
            Response::Submitted(job) => ResponseV1::Submitted(job.0),
            Response::Jobs(jobs) => ResponseV1::Jobs(jobs.iter().map(Into::into).collect()),
            Response::Job(job) => ResponseV1::Job(Box::new((&**job).into())),
            Response::Tasks(tasks) => ResponseV1::Tasks(tasks.iter().map(Into::into).collect()),
            Response::Nodes(nodes) => ResponseV1::Nodes(nodes.iter().map(Into::into).collect()),
            Response::Status(status) => ResponseV1::Status(Box::new((&**status).into())),
            Response::Token { token, role, expires_at_ms } => {
                ResponseV1::Token { token, role: (*role).into(), expires_at_ms: *expires_at_ms }
            }
            Response::Joined(joined) => ResponseV1::Joined(Box::new((&**joined).into())),
            Response::BlobChunk { total, bytes } => ResponseV1::BlobChunk { total: *total, bytes },
            Response::Raft(bytes) => ResponseV1::Raft(bytes),
            Response::Done => ResponseV1::Done,
            Response::Refused(refusal) => ResponseV1::Refused(Box::new(refusal.into())),
        }
    }
}

impl TryFrom<&ArchivedResponseV1<'_>> for Response {
    type Error = WireError;

    fn try_from(form: &ArchivedResponseV1<'_>) -> Result<Self, WireError> {
        use ArchivedResponseV1 as Form;
        Ok(match form {
            Form::Submitted(job) => Response::Submitted(JobId(job.to_native())),
            Form::Jobs(jobs) => Response::Jobs(jobs.iter().map(Into::into).collect()),
            Form::Job(job) => Response::Job(Box::new((&**job).into())),
            Form::Tasks(tasks) => Response::Tasks(tasks.iter().map(TryInto::try_into).collect::<Result<_, _>>()?),
            Form::Nodes(nodes) => Response::Nodes(nodes.iter().map(TryInto::try_into).collect::<Result<_, _>>()?),
            Form::Status(status) => Response::Status(Box::new((&**status).try_into()?)),
            Form::Token { token, role, expires_at_ms } => Response::Token {
                token: token.to_string(),
                role: role.into(),
                expires_at_ms: expires_at_ms.to_native(),
            },
            Form::Joined(joined) => Response::Joined(Box::new((&**joined).into())),
            Form::BlobChunk { total, bytes } => Response::BlobChunk { total: total.to_native(), bytes: bytes.to_vec() },
            Form::Raft(bytes) => Response::Raft(bytes.to_vec()),
            Form::Done => Response::Done,
            Form::Refused(refusal) => Response::Refused((&**refusal).try_into()?),
        })
    }
}
