//! What is asked of a gateway.

use nexus_model::{BlobHash, JobId, NodeId};
use rkyv::option::ArchivedOption;
use rkyv::primitive::ArchivedU64;
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, duration, name, text};
use super::cluster::{self, cluster_request, encode_cluster_request};
use super::conditions::JobSpecV2;
use super::decision::{decision_request, encode_decision_request};
use super::execution::JobSpecV3;
use super::job::{IndexRangeV1, JobSpecV1};
use super::log::{encode_log_query, log_query};
use super::node::{NodeCapacityV1, NodeRoleV1};
use super::placement::{JobSpecV4, NeedsV1};
use super::schedule::{encode_schedule_request, schedule_request};
use super::timeline::{encode_timeline_request, timeline_request};
use super::{DurationV1, WireError, plain_enum};
use crate::limits::BLOB_CHUNK_BYTES;
use crate::message::{JoinRequest, Request, TaskDetail};

const WHAT: &str = "request";

/// The numbers of the kinds: never reused.
mod kind {
    pub(super) const SUBMIT_JOB: u8 = 1;
    pub(super) const LIST_JOBS: u8 = 2;
    pub(super) const SHOW_JOB: u8 = 3;
    pub(super) const LIST_TASKS: u8 = 4;
    pub(super) const WAIT_JOB: u8 = 5;
    pub(super) const CANCEL_JOB: u8 = 6;
    pub(super) const LIST_NODES: u8 = 7;
    pub(super) const GET_STATUS: u8 = 8;
    pub(super) const CREATE_TOKEN: u8 = 9;
    pub(super) const STOP_NODE: u8 = 10;
    pub(super) const JOIN: u8 = 11;
    pub(super) const READ_BLOB: u8 = 12;
    pub(super) const WRITE_BLOB: u8 = 13;
    pub(super) const RAFT: u8 = 14;
    pub(super) const SUBMIT_JOB_2: u8 = 15;
    pub(super) const RETRY_JOB: u8 = 16;
    pub(super) const EXPLAIN_JOB: u8 = 17;
    pub(super) const SUBMIT_JOB_3: u8 = 18;
    pub(super) const TIMELINE: u8 = 19;
    pub(super) const READ_LOG: u8 = 20;
    pub(super) const SUBMIT_JOB_4: u8 = 21;
    pub(super) const UNMET_NEEDS: u8 = 22;
    pub(super) const SCHEDULE: u8 = 23;
    pub(super) const DECIDE: u8 = 24;
}

plain_enum!(
    /// [`TaskDetail`].
    pub(crate) TaskDetailV1, ArchivedTaskDetailV1, TaskDetail { State = 0, Full = 1 }
);

#[derive(Archive, Serialize)]
struct SubmitJobV1<'a> {
    spec: JobSpecV1<'a>,
    #[rkyv(with = Map<InlineAsBox>)]
    key: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct SubmitJobV2<'a> {
    spec: JobSpecV2<'a>,
    #[rkyv(with = Map<InlineAsBox>)]
    key: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct SubmitJobV3<'a> {
    spec: JobSpecV3<'a>,
    #[rkyv(with = Map<InlineAsBox>)]
    key: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct SubmitJobV4<'a> {
    spec: JobSpecV4<'a>,
    #[rkyv(with = Map<InlineAsBox>)]
    key: Option<&'a str>,
}

#[derive(Archive, Serialize)]
struct ExplainJobV1 {
    job: u64,
    task: Option<u32>,
}

#[derive(Archive, Serialize)]
struct ListJobsV1 {
    limit: u32,
    before: Option<u64>,
}

#[derive(Archive, Serialize)]
struct ListTasksV1 {
    job: u64,
    range: IndexRangeV1,
    detail: TaskDetailV1,
}

#[derive(Archive, Serialize)]
struct WaitJobV1 {
    job: u64,
    seen: u32,
    patience: DurationV1,
}

#[derive(Archive, Serialize)]
struct CreateTokenV1 {
    role: NodeRoleV1,
    ttl: DurationV1,
}

#[derive(Archive, Serialize)]
struct JoinV1<'a> {
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

#[derive(Archive, Serialize)]
struct ReadBlobV1 {
    hash: [u8; 32],
    offset: u64,
}

#[derive(Archive, Serialize)]
struct WriteBlobV1<'a> {
    hash: [u8; 32],
    total: u64,
    offset: u64,
    #[rkyv(with = InlineAsBox)]
    bytes: &'a [u8],
}

/// The body of a request's frame. Fails where it is beyond its bounds or would not fit a frame, or a job's argument is
/// nested too deep.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, WireError> {
    request.check_bounds()?;
    let kind = |number| Kind { what: WHAT, number };
    match request {
        Request::SubmitJob { spec, key } if NeedsV1::of(spec).is_some() => kind(kind::SUBMIT_JOB_4)
            .write_command(SMALL_BYTES, &SubmitJobV4 { spec: (&**spec).try_into()?, key: key.as_deref() }),
        Request::SubmitJob { spec, key } if spec.execution.is_some() => kind(kind::SUBMIT_JOB_3)
            .write_command(SMALL_BYTES, &SubmitJobV3 { spec: (&**spec).try_into()?, key: key.as_deref() }),
        Request::SubmitJob { spec, key } if !spec.conditions.is_none() => kind(kind::SUBMIT_JOB_2)
            .write_command(SMALL_BYTES, &SubmitJobV2 { spec: (&**spec).try_into()?, key: key.as_deref() }),
        Request::SubmitJob { spec, key } => kind(kind::SUBMIT_JOB)
            .write_command(SMALL_BYTES, &SubmitJobV1 { spec: (&**spec).try_into()?, key: key.as_deref() }),
        Request::ListJobs { limit, before } => {
            kind(kind::LIST_JOBS).write(&ListJobsV1 { limit: *limit, before: before.map(|job| job.0) })
        }
        Request::ShowJob(job) => kind(kind::SHOW_JOB).write(&job.0),
        Request::ListTasks { job, range, detail } => {
            kind(kind::LIST_TASKS).write(&ListTasksV1 { job: job.0, range: (*range).into(), detail: (*detail).into() })
        }
        Request::WaitJob { job, seen, patience } => {
            kind(kind::WAIT_JOB).write(&WaitJobV1 { job: job.0, seen: *seen, patience: (*patience).into() })
        }
        Request::CancelJob(job) => kind(kind::CANCEL_JOB).write(&job.0),
        Request::RetryJob(job) => kind(kind::RETRY_JOB).write(&job.0),
        Request::ExplainJob { job, task } => kind(kind::EXPLAIN_JOB).write(&ExplainJobV1 { job: job.0, task: *task }),
        Request::ListNodes => kind(kind::LIST_NODES).write_bytes(&[]),
        Request::GetStatus => kind(kind::GET_STATUS).write_bytes(&[]),
        Request::CreateToken { role, ttl } => {
            kind(kind::CREATE_TOKEN).write(&CreateTokenV1 { role: (*role).into(), ttl: (*ttl).into() })
        }
        Request::StopNode(node) => kind(kind::STOP_NODE).write(&node.map(|node| node.0)),
        Request::Join(join) => kind(kind::JOIN).write(&JoinV1 {
            token: &join.token,
            csr_pem: &join.csr_pem,
            client_csr_pem: &join.client_csr_pem,
            name: &join.name,
            address: &join.address,
            capacity: (&join.capacity).into(),
        }),
        Request::ReadBlob { hash, offset } => {
            kind(kind::READ_BLOB).write(&ReadBlobV1 { hash: hash.0, offset: *offset })
        }
        Request::WriteBlob { hash, total, offset, bytes } => {
            let form = WriteBlobV1 { hash: hash.0, total: *total, offset: *offset, bytes };
            kind(kind::WRITE_BLOB).write_large(bytes.len() + SMALL_BYTES, &form)
        }
        Request::Raft(bytes) => kind(kind::RAFT).write_bytes(bytes),
        Request::Cluster(request) => encode_cluster_request(WHAT, request),
        Request::Timeline(request) => encode_timeline_request(kind(kind::TIMELINE), request),
        Request::Schedule(request) => encode_schedule_request(kind(kind::SCHEDULE), request),
        Request::Decide(request) => encode_decision_request(kind(kind::DECIDE), request),
        Request::UnmetNeeds(job) => kind(kind::UNMET_NEEDS).write(&job.0),
        Request::ReadLog(query) => encode_log_query(kind(kind::READ_LOG), query),
    }
}

/// Reads what [`encode_request`] made.
pub fn decode_request(bytes: &[u8]) -> Result<Request, WireError> {
    let body = Body::open(WHAT, bytes)?;
    let request = request(body)?;
    request.check_bounds()?;
    Ok(request)
}

/// Reads a request to join, and no other: what may be looked at of a machine that has no certificate yet.
pub fn decode_join(bytes: &[u8]) -> Result<JoinRequest, WireError> {
    let body = Body::open("join request", bytes)?;
    if body.kind != kind::JOIN {
        return Err(body.unknown());
    }
    let join = join(body)?;
    join.check_bounds()?;
    Ok(join)
}

fn request(body: Body<'_>) -> Result<Request, WireError> {
    let job = || body.form::<ArchivedU64>().map(|job| JobId(job.to_native()));
    Ok(match body.kind {
        kind::SUBMIT_JOB => {
            let form: &ArchivedSubmitJobV1<'_> = body.command()?;
            Request::SubmitJob {
                spec: Box::new((&form.spec).try_into()?),
                key: form.key.as_ref().map(|key| key.to_string()),
            }
        }
        kind::SUBMIT_JOB_2 => submit_2(body)?,
        kind::SUBMIT_JOB_3 => submit_3(body)?,
        kind::SUBMIT_JOB_4 => submit_4(body)?,
        kind::UNMET_NEEDS => Request::UnmetNeeds(job()?),
        kind::RETRY_JOB => Request::RetryJob(job()?),
        kind::EXPLAIN_JOB => explain(body)?,
        kind::LIST_JOBS => {
            let form: &ArchivedListJobsV1 = body.form()?;
            let before = form.before.as_ref().map(|job| JobId(job.to_native()));
            Request::ListJobs { limit: form.limit.to_native(), before }
        }
        kind::SHOW_JOB => Request::ShowJob(job()?),
        kind::LIST_TASKS => list_tasks(body)?,
        kind::WAIT_JOB => {
            let form: &ArchivedWaitJobV1 = body.form()?;
            Request::WaitJob {
                job: JobId(form.job.to_native()),
                seen: form.seen.to_native(),
                patience: (&form.patience).try_into()?,
            }
        }
        kind::CANCEL_JOB => Request::CancelJob(job()?),
        kind::LIST_NODES => body.nothing(Request::ListNodes)?,
        kind::GET_STATUS => body.nothing(Request::GetStatus)?,
        kind::CREATE_TOKEN => {
            let form: &ArchivedCreateTokenV1 = body.form()?;
            Request::CreateToken { role: (&form.role).into(), ttl: (&form.ttl).try_into()? }
        }
        kind::STOP_NODE => {
            let form: &ArchivedOption<ArchivedU64> = body.form()?;
            Request::StopNode(form.as_ref().map(|node| NodeId(node.to_native())))
        }
        kind::JOIN => Request::Join(Box::new(join(body)?)),
        kind::READ_BLOB => {
            let form: &ArchivedReadBlobV1 = body.form()?;
            Request::ReadBlob { hash: BlobHash(form.hash), offset: form.offset.to_native() }
        }
        kind::WRITE_BLOB => write_blob(body)?,
        kind::RAFT => Request::Raft(body.bytes().to_vec()),
        kind::READ_LOG => Request::ReadLog(log_query(body)?),
        kind::SCHEDULE => Request::Schedule(Box::new(schedule_request(body)?)),
        kind::TIMELINE => Request::Timeline(Box::new(timeline_request(body)?)),
        kind::DECIDE => Request::Decide(Box::new(decision_request(body)?)),
        cluster::FIRST_KIND.. => Request::Cluster(Box::new(cluster_request(body)?)),
        _ => return Err(body.unknown()),
    })
}

fn list_tasks(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedListTasksV1 = body.form()?;
    let (job, range, detail) = (JobId(form.job.to_native()), (&form.range).into(), (&form.detail).into());
    Ok(Request::ListTasks { job, range, detail })
}

fn submit_2(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedSubmitJobV2<'_> = body.command()?;
    let key = form.key.as_ref().map(|key| key.to_string());
    Ok(Request::SubmitJob { spec: Box::new((&form.spec).try_into()?), key })
}

fn submit_3(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedSubmitJobV3<'_> = body.command()?;
    let key = form.key.as_ref().map(|key| key.to_string());
    Ok(Request::SubmitJob { spec: Box::new((&form.spec).try_into()?), key })
}

fn submit_4(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedSubmitJobV4<'_> = body.command()?;
    let key = form.key.as_ref().map(|key| key.to_string());
    Ok(Request::SubmitJob { spec: Box::new((&form.spec).try_into()?), key })
}

fn write_blob(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedWriteBlobV1<'_> = body.form()?;
    Ok(Request::WriteBlob {
        hash: BlobHash(form.hash),
        total: form.total.to_native(),
        offset: form.offset.to_native(),
        bytes: form.bytes.to_vec(),
    })
}

fn explain(body: Body<'_>) -> Result<Request, WireError> {
    let form: &ArchivedExplainJobV1 = body.form()?;
    let task = form.task.as_ref().map(|task| task.to_native());
    Ok(Request::ExplainJob { job: JobId(form.job.to_native()), task })
}

fn join(body: Body<'_>) -> Result<JoinRequest, WireError> {
    let form: &ArchivedJoinV1<'_> = body.form()?;
    Ok(JoinRequest {
        token: form.token.to_string(),
        csr_pem: form.csr_pem.to_string(),
        client_csr_pem: form.client_csr_pem.to_string(),
        name: form.name.to_string(),
        address: form.address.to_string(),
        capacity: (&form.capacity).into(),
    })
}

impl Bounded for Request {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            Request::SubmitJob { spec, key } => {
                spec.check_bounds()?;
                name("idempotency key", key.as_deref().unwrap_or_default())
            }
            Request::ListTasks { job: _, range, detail: _ } => range.check_bounds(),
            Request::WaitJob { job: _, seen: _, patience } => duration("patience", Some(*patience)),
            Request::CreateToken { role: _, ttl } => duration("token's life", Some(*ttl)),
            Request::Join(join) => join.check_bounds(),
            Request::Cluster(request) => request.check_bounds(),
            Request::Timeline(request) => request.check_bounds(),
            Request::Decide(request) => request.check_bounds(),
            Request::ReadLog(query) => query.check_bounds(),
            Request::Schedule(request) => request.check_bounds(),
            Request::WriteBlob { hash: _, total, offset, bytes: piece } => {
                bytes("piece of a blob", piece.len(), BLOB_CHUNK_BYTES)?;
                match offset.checked_add(piece.len() as u64) {
                    Some(end) if end <= *total => Ok(()),
                    _ => Err(WireError::Piece { offset: *offset, found: piece.len(), total: *total }),
                }
            }
            Request::ListJobs { .. }
            | Request::ShowJob(_)
            | Request::CancelJob(_)
            | Request::RetryJob(_)
            | Request::ExplainJob { .. }
            | Request::UnmetNeeds(_)
            | Request::ListNodes
            | Request::GetStatus
            | Request::StopNode(_)
            | Request::ReadBlob { .. }
            | Request::Raft(_) => Ok(()),
        }
    }
}

impl Bounded for JoinRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("join token", &self.token)?;
        text("certificate request", &self.csr_pem)?;
        text("client's certificate request", &self.client_csr_pem)?;
        name("node's name", &self.name)?;
        name("node's address", &self.address)?;
        self.capacity.check_bounds()
    }
}
