//! What is asked of a gateway.

use nexus_model::{BlobHash, JobId, NodeId};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::job::{IndexRangeV1, JobSpecV1};
use super::node::{NodeCapacityV1, NodeRoleV1};
use super::{DurationV1, WireError, plain_enum};
use crate::limits::BLOB_CHUNK_BYTES;
use crate::message::{JoinRequest, Request, TaskDetail};

plain_enum!(
    /// [`TaskDetail`].
    pub(crate) TaskDetailV1, ArchivedTaskDetailV1, TaskDetail { State, Full }
);

/// [`JoinRequest`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JoinRequestV1<'a> {
    #[rkyv(with = InlineAsBox)]
    token: &'a str,
    #[rkyv(with = InlineAsBox)]
    csr_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    client_csr_pem: &'a str,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
    capacity: NodeCapacityV1<'a>,
}

impl<'a> From<&'a JoinRequest> for JoinRequestV1<'a> {
    fn from(join: &'a JoinRequest) -> Self {
        JoinRequestV1 {
            token: &join.token,
            csr_pem: &join.csr_pem,
            client_csr_pem: &join.client_csr_pem,
            name: &join.name,
            address: &join.address,
            capacity: (&join.capacity).into(),
        }
    }
}

impl From<&ArchivedJoinRequestV1<'_>> for JoinRequest {
    fn from(form: &ArchivedJoinRequestV1<'_>) -> Self {
        JoinRequest {
            token: form.token.to_string(),
            csr_pem: form.csr_pem.to_string(),
            client_csr_pem: form.client_csr_pem.to_string(),
            name: form.name.to_string(),
            address: form.address.to_string(),
            capacity: (&form.capacity).into(),
        }
    }
}

/// [`Request`].
#[derive(Debug, Archive, Serialize)]
pub(crate) enum RequestV1<'a> {
    SubmitJob {
        spec: Box<JobSpecV1<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
    },
    ListJobs {
        limit: u32,
        before: Option<u64>,
    },
    ShowJob(u64),
    ListTasks {
        job: u64,
        range: IndexRangeV1,
        detail: TaskDetailV1,
    },
    WaitJob {
        job: u64,
        seen: u32,
        patience: DurationV1,
    },
    CancelJob(u64),
    ListNodes,
    GetStatus,
    CreateToken {
        role: NodeRoleV1,
        ttl: DurationV1,
    },
    StopNode(Option<u64>),
    Join(Box<JoinRequestV1<'a>>),
    ReadBlob {
        hash: [u8; 32],
        offset: u64,
    },
    WriteBlob {
        hash: [u8; 32],
        total: u64,
        offset: u64,
        #[rkyv(with = InlineAsBox)]
        bytes: &'a [u8],
    },
    Raft(#[rkyv(with = InlineAsBox)] &'a [u8]),
}

impl<'a> TryFrom<&'a Request> for RequestV1<'a> {
    type Error = WireError;

    fn try_from(request: &'a Request) -> Result<Self, WireError> {
        Ok(match request {
            Request::SubmitJob { spec, key } => {
                RequestV1::SubmitJob { spec: Box::new((&**spec).try_into()?), key: key.as_deref() }
            }
            Request::ListJobs { limit, before } => {
                RequestV1::ListJobs { limit: *limit, before: before.map(|job| job.0) }
            }
            Request::ShowJob(job) => RequestV1::ShowJob(job.0),
            Request::ListTasks { job, range, detail } => {
                RequestV1::ListTasks { job: job.0, range: (*range).into(), detail: (*detail).into() }
            }
            Request::WaitJob { job, seen, patience } => {
                RequestV1::WaitJob { job: job.0, seen: *seen, patience: (*patience).into() }
            }
            Request::CancelJob(job) => RequestV1::CancelJob(job.0),
            Request::ListNodes => RequestV1::ListNodes,
            Request::GetStatus => RequestV1::GetStatus,
            Request::CreateToken { role, ttl } => RequestV1::CreateToken { role: (*role).into(), ttl: (*ttl).into() },
            Request::StopNode(node) => RequestV1::StopNode(node.map(|node| node.0)),
            Request::Join(join) => RequestV1::Join(Box::new((&**join).into())),
            Request::ReadBlob { hash, offset } => RequestV1::ReadBlob { hash: hash.0, offset: *offset },
            Request::WriteBlob { hash, total, offset, bytes } => {
                RequestV1::WriteBlob { hash: hash.0, total: *total, offset: *offset, bytes }
            }
            Request::Raft(bytes) => RequestV1::Raft(bytes),
        })
    }
}

impl TryFrom<&ArchivedRequestV1<'_>> for Request {
    type Error = WireError;

    fn try_from(form: &ArchivedRequestV1<'_>) -> Result<Self, WireError> {
        use ArchivedRequestV1 as Form;
        Ok(match form {
            Form::SubmitJob { spec, key } => Request::SubmitJob {
                spec: Box::new((&**spec).try_into()?),
                key: key.as_ref().map(|key| key.to_string()),
            },
            Form::ListJobs { limit, before } => Request::ListJobs {
                limit: limit.to_native(),
                before: before.as_ref().map(|job| JobId(job.to_native())),
            },
            Form::ShowJob(job) => Request::ShowJob(JobId(job.to_native())),
            Form::ListTasks { job, range, detail } => {
                Request::ListTasks { job: JobId(job.to_native()), range: range.into(), detail: detail.into() }
            }
            Form::WaitJob { job, seen, patience } => {
                Request::WaitJob { job: JobId(job.to_native()), seen: seen.to_native(), patience: patience.try_into()? }
            }
            Form::CancelJob(job) => Request::CancelJob(JobId(job.to_native())),
            Form::ListNodes => Request::ListNodes,
            Form::GetStatus => Request::GetStatus,
            Form::CreateToken { role, ttl } => Request::CreateToken { role: role.into(), ttl: ttl.try_into()? },
            Form::StopNode(node) => Request::StopNode(node.as_ref().map(|node| NodeId(node.to_native()))),
            Form::Join(join) => Request::Join(Box::new((&**join).into())),
            Form::ReadBlob { hash, offset } => Request::ReadBlob { hash: BlobHash(*hash), offset: offset.to_native() },
            Form::WriteBlob { bytes, .. } if bytes.len() > BLOB_CHUNK_BYTES => {
                return Err(WireError::Value("a piece of a blob above its bound"));
            }
            Form::WriteBlob { hash, total, offset, bytes } => Request::WriteBlob {
                hash: BlobHash(*hash),
                total: total.to_native(),
                offset: offset.to_native(),
                bytes: bytes.to_vec(),
            },
            Form::Raft(bytes) => Request::Raft(bytes.to_vec()),
        })
    }
}
