//! Commands to bytes and back: the entries of the log.
//!
//! Version 1: the byte `1`, then the archived form. Entries are kept for as long as the log is, so a form is never changed; a later version is a
//! new form beside it. Decoding any bytes gives a command or an error, never a panic.

mod attempts;

use nexus_model::{BlobHash, JobId, JobSpec, NodeId, ScheduleId};
use nexus_wire::archived::{
    ArchivedAttemptRangeV1, AttemptRangeV1, FinishedTasksV1, JobSpecV1, JobSpecV2, JobSpecV3, JobSpecV4, NeedsV1,
    NodeCapacityV1, NodeRoleV1, RecurrenceV1, archive, read,
};
use nexus_wire::{AttemptRange, WireError};
use rkyv::boxed::ArchivedBox;
use rkyv::option::ArchivedOption;
use rkyv::primitive::ArchivedU64;
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};
use thiserror::Error;

use attempts::{AssignmentV1, ReleaseReasonV1, ReleasedV1};

use crate::command::{Command, Digest, NewNode, NodeNote};
use crate::snapshot_form::ProtocolV1;

const VERSION: u8 = 1;

/// Bytes that are not what the ledger wrote, or a command that cannot be written. Nothing changed; a retry gives the same
/// answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Cut off.
    #[error("the {0} is cut off")]
    Truncated(&'static str),
    /// Written by a version that this one does not know.
    #[error("{what} format version {version} is not known here (this build reads version 1); upgrade this node")]
    Version {
        /// What.
        what: &'static str,
        /// Its version.
        version: u8,
    },
    /// Damaged, or a value that its type does not allow.
    #[error(transparent)]
    Form(#[from] WireError),
    /// A snapshot whose parts contradict each other.
    #[error("the snapshot is damaged: {0}")]
    Inconsistent(&'static str),
}

/// The log entry of a command. The only error is a job's argument that is nested too deep.
pub fn encode_command(command: &Command) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&archive(&CommandV1::try_from(command)?)?);
    Ok(bytes)
}

/// Reads what [`encode_command`] made, in this version or an earlier one.
pub fn decode_command(bytes: &[u8]) -> Result<Command, CodecError> {
    let (version, body) = bytes.split_first().ok_or(CodecError::Truncated("log entry"))?;
    match *version {
        VERSION => Ok(read(body, |form: &ArchivedCommandV1<'_>| form.try_into())?),
        version => Err(CodecError::Version { what: "log entry", version }),
    }
}

#[derive(Debug, Archive, Serialize)]
struct NewNodeV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    fingerprint: Digest,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
    capacity: NodeCapacityV1<'a>,
}

impl<'a> From<&'a NewNode> for NewNodeV1<'a> {
    fn from(node: &'a NewNode) -> Self {
        NewNodeV1 {
            name: &node.name,
            fingerprint: node.fingerprint,
            address: &node.address,
            capacity: (&node.capacity).into(),
        }
    }
}

impl From<&ArchivedNewNodeV1<'_>> for NewNode {
    fn from(form: &ArchivedNewNodeV1<'_>) -> Self {
        NewNode {
            name: form.name.to_string(),
            fingerprint: form.fingerprint,
            address: form.address.to_string(),
            capacity: (&form.capacity).into(),
        }
    }
}

#[derive(Debug, Archive, Serialize)]
enum CommandV1<'a> {
    CreateCluster {
        #[rkyv(with = InlineAsBox)]
        name: &'a str,
        #[rkyv(with = InlineAsBox)]
        ca_certificate_pem: &'a str,
        founder: NewNodeV1<'a>,
        at_ms: u64,
    },
    SubmitJob {
        spec: Box<JobSpecV1<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
        at_ms: u64,
    },
    CancelJob {
        job: u64,
        at_ms: u64,
    },
    ForgetJob {
        job: u64,
    },
    AssignTasks {
        assignments: Vec<AssignmentV1>,
        at_ms: u64,
    },
    FinishTasks {
        node: u64,
        tasks: Vec<FinishedTasksV1<'a>>,
        at_ms: u64,
    },
    ReleaseTasks {
        node: u64,
        attempts: ReleasedV1,
        why: ReleaseReasonV1,
        at_ms: u64,
    },
    AddNode {
        node: NewNodeV1<'a>,
        token_hash: Digest,
        at_ms: u64,
    },
    UpdateNode {
        node: u64,
        #[rkyv(with = InlineAsBox)]
        address: &'a str,
        capacity: NodeCapacityV1<'a>,
    },
    RemoveNode {
        node: u64,
        at_ms: u64,
    },
    CreateToken {
        hash: Digest,
        role: NodeRoleV1,
        expires_at_ms: u64,
        at_ms: u64,
    },
    SetVoters {
        voters: Vec<u64>,
    },
    SubmitJob2 {
        spec: Box<JobSpecV2<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
        at_ms: u64,
    },
    RetryJob {
        job: u64,
        at_ms: u64,
    },
    Wake {
        at_ms: u64,
    },
    SubmitJob3 {
        spec: Box<JobSpecV3<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
        at_ms: u64,
    },
    NoteNode {
        node: u64,
        note: NodeNoteV1,
        at_ms: u64,
    },
    SubmitJob4 {
        spec: Box<JobSpecV4<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
        at_ms: u64,
    },
    LabelNode {
        node: u64,
        changes: Vec<LabelV1<'a>>,
    },
    CreateSchedule {
        spec: Box<JobSpecV4<'a>>,
        recurrence: RecurrenceV1<'a>,
        at_ms: u64,
    },
    RemoveSchedule {
        schedule: u64,
    },
    Record {
        #[rkyv(with = InlineAsBox)]
        by: &'a str,
        #[rkyv(with = InlineAsBox)]
        act: &'a str,
        at_ms: u64,
    },
    RaiseProtocol {
        protocol: ProtocolV1,
    },
    SubmitPlaced {
        spec: Box<JobSpecV4<'a>>,
        #[rkyv(with = Map<InlineAsBox>)]
        key: Option<&'a str>,
        node: u64,
        at_ms: u64,
    },
    MakeAgain {
        node: u64,
        attempts: Vec<AttemptRangeV1>,
        blob: [u8; 32],
        at_ms: u64,
    },
    BeginTasks {
        node: u64,
        attempts: Vec<AttemptRangeV1>,
        at_ms: u64,
    },
    RetryLost {
        job: u64,
        blobs: Vec<[u8; 32]>,
        at_ms: u64,
    },
    StopWork {
        #[rkyv(with = InlineAsBox)]
        by: &'a str,
        at_ms: u64,
    },
    ResumeWork,
}

#[derive(Debug, Archive, Serialize)]
struct LabelV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    value: Option<&'a str>,
}

impl From<&ArchivedLabelV1<'_>> for (String, Option<String>) {
    fn from(form: &ArchivedLabelV1<'_>) -> Self {
        (form.name.to_string(), form.value.as_ref().map(|value| value.to_string()))
    }
}

#[derive(Debug, Archive, Serialize)]
enum NodeNoteV1 {
    Up { slots: u32 },
    Lost,
    Stopped,
}

impl From<NodeNote> for NodeNoteV1 {
    fn from(note: NodeNote) -> Self {
        match note {
            NodeNote::Up { slots } => NodeNoteV1::Up { slots },
            NodeNote::Lost => NodeNoteV1::Lost,
            NodeNote::Stopped => NodeNoteV1::Stopped,
        }
    }
}

impl From<&ArchivedNodeNoteV1> for NodeNote {
    fn from(form: &ArchivedNodeNoteV1) -> Self {
        match form {
            ArchivedNodeNoteV1::Up { slots } => NodeNote::Up { slots: slots.to_native() },
            ArchivedNodeNoteV1::Lost => NodeNote::Lost,
            ArchivedNodeNoteV1::Stopped => NodeNote::Stopped,
        }
    }
}

impl<'a> TryFrom<&'a Command> for CommandV1<'a> {
    type Error = WireError;

    fn try_from(command: &'a Command) -> Result<Self, WireError> {
        Ok(match command {
            Command::CreateCluster { name, ca_certificate_pem, founder, at_ms } => {
                CommandV1::CreateCluster { name, ca_certificate_pem, founder: founder.into(), at_ms: *at_ms }
            }
            Command::SubmitJob { spec, key, at_ms } if NeedsV1::of(spec).is_some() => {
                CommandV1::SubmitJob4 { spec: Box::new((&**spec).try_into()?), key: key.as_deref(), at_ms: *at_ms }
            }
            Command::SubmitJob { spec, key, at_ms } if spec.execution.is_some() => {
                CommandV1::SubmitJob3 { spec: Box::new((&**spec).try_into()?), key: key.as_deref(), at_ms: *at_ms }
            }
            Command::SubmitJob { spec, key, at_ms } if !spec.conditions.is_none() => {
                CommandV1::SubmitJob2 { spec: Box::new((&**spec).try_into()?), key: key.as_deref(), at_ms: *at_ms }
            }
            Command::SubmitPlaced { spec, key, node, at_ms } => {
                let spec = Box::new((&**spec).try_into()?);
                CommandV1::SubmitPlaced { spec, key: key.as_deref(), node: node.0, at_ms: *at_ms }
            }
            Command::MakeAgain { node, attempts, blob, at_ms } => again(*node, attempts, *blob, *at_ms),
            Command::RetryLost { job, blobs, at_ms } => retrying(*job, blobs, *at_ms),
            Command::BeginTasks { node, attempts, at_ms } => beginning(*node, attempts, *at_ms),
            Command::RetryJob { job, at_ms } => CommandV1::RetryJob { job: job.0, at_ms: *at_ms },
            Command::Wake { at_ms } => CommandV1::Wake { at_ms: *at_ms },
            Command::SubmitJob { spec, key, at_ms } => {
                CommandV1::SubmitJob { spec: Box::new((&**spec).try_into()?), key: key.as_deref(), at_ms: *at_ms }
            }
            Command::CancelJob { job, at_ms } => CommandV1::CancelJob { job: job.0, at_ms: *at_ms },
            Command::ForgetJob { job } => CommandV1::ForgetJob { job: job.0 },
            Command::AssignTasks { assignments, at_ms } => {
                CommandV1::AssignTasks { assignments: assignments.iter().map(Into::into).collect(), at_ms: *at_ms }
            }
            Command::FinishTasks { node, tasks, at_ms } => {
                CommandV1::FinishTasks { node: node.0, tasks: tasks.iter().map(Into::into).collect(), at_ms: *at_ms }
            }
            Command::ReleaseTasks { node, attempts, why, at_ms } => {
                CommandV1::ReleaseTasks { node: node.0, attempts: attempts.into(), why: (*why).into(), at_ms: *at_ms }
            }
            Command::AddNode { node, token_hash, at_ms } => {
                CommandV1::AddNode { node: node.into(), token_hash: *token_hash, at_ms: *at_ms }
            }
            Command::UpdateNode { node, address, capacity } => {
                CommandV1::UpdateNode { node: node.0, address, capacity: capacity.into() }
            }
            Command::CreateSchedule { spec, recurrence, at_ms } => {
                let (spec, recurrence) = (Box::new((&**spec).try_into()?), recurrence.into());
                CommandV1::CreateSchedule { spec, recurrence, at_ms: *at_ms }
            }
            Command::RemoveSchedule { schedule } => CommandV1::RemoveSchedule { schedule: schedule.0 },
            Command::Record { by, act, at_ms } => CommandV1::Record { by, act, at_ms: *at_ms },
            Command::StopWork { by, at_ms } => CommandV1::StopWork { by, at_ms: *at_ms },
            Command::ResumeWork => CommandV1::ResumeWork,
            Command::RaiseProtocol { protocol } => CommandV1::RaiseProtocol { protocol: (*protocol).into() },
            Command::LabelNode { node, changes } => {
                let changes = changes.iter().map(|(name, value)| LabelV1 { name, value: value.as_deref() });
                CommandV1::LabelNode { node: node.0, changes: changes.collect() }
            }
            Command::RemoveNode { node, at_ms } => CommandV1::RemoveNode { node: node.0, at_ms: *at_ms },
            Command::CreateToken { hash, role, expires_at_ms, at_ms } => {
                let (hash, role, expires_at_ms) = (*hash, (*role).into(), *expires_at_ms);
                CommandV1::CreateToken { hash, role, expires_at_ms, at_ms: *at_ms }
            }
            Command::SetVoters { voters } => {
                CommandV1::SetVoters { voters: voters.iter().map(|node| node.0).collect() }
            }
            Command::NoteNode { node, note, at_ms } => {
                CommandV1::NoteNode { node: node.0, note: (*note).into(), at_ms: *at_ms }
            }
        })
    }
}

impl TryFrom<&ArchivedCommandV1<'_>> for Command {
    type Error = WireError;

    fn try_from(form: &ArchivedCommandV1<'_>) -> Result<Self, WireError> {
        use ArchivedCommandV1 as Form;
        let id = |node: &ArchivedU64| NodeId(node.to_native());
        let job_id = |job: &ArchivedU64| JobId(job.to_native());
        Ok(match form {
            Form::CreateCluster { name, ca_certificate_pem, founder, at_ms } => Command::CreateCluster {
                name: name.to_string(),
                ca_certificate_pem: ca_certificate_pem.to_string(),
                founder: founder.into(),
                at_ms: at_ms.to_native(),
            },
            Form::SubmitJob { spec, key, at_ms } => submit((&**spec).try_into(), key, at_ms)?,
            Form::SubmitJob2 { spec, key, at_ms } => submit((&**spec).try_into(), key, at_ms)?,
            Form::SubmitJob3 { spec, key, at_ms } => submit((&**spec).try_into(), key, at_ms)?,
            Form::SubmitJob4 { spec, key, at_ms } => submit((&**spec).try_into(), key, at_ms)?,
            Form::SubmitPlaced { spec, key, node, at_ms } => placed((&**spec).try_into()?, key, id(node), at_ms),
            Form::MakeAgain { node, attempts, blob, at_ms } => made_again(id(node), attempts, *blob, at_ms),
            Form::RetryLost { job, blobs, at_ms } => retried(job_id(job), blobs, at_ms),
            Form::BeginTasks { node, attempts, at_ms } => begun(id(node), attempts, at_ms),
            Form::CreateSchedule { spec, recurrence, at_ms } => Command::CreateSchedule {
                spec: Box::new((&**spec).try_into()?),
                recurrence: recurrence.into(),
                at_ms: at_ms.to_native(),
            },
            Form::RemoveSchedule { schedule } => Command::RemoveSchedule { schedule: ScheduleId(schedule.to_native()) },
            Form::Record { by, act, at_ms } => record(by, act, at_ms),
            Form::RaiseProtocol { protocol } => Command::RaiseProtocol { protocol: protocol.into() },
            Form::LabelNode { node, changes } => {
                Command::LabelNode { node: id(node), changes: changes.iter().map(Into::into).collect() }
            }
            Form::StopWork { by, at_ms } => Command::StopWork { by: by.to_string(), at_ms: at_ms.to_native() },
            Form::ResumeWork => Command::ResumeWork,
            Form::RetryJob { job, at_ms } => Command::RetryJob { job: job_id(job), at_ms: at_ms.to_native() },
            Form::Wake { at_ms } => Command::Wake { at_ms: at_ms.to_native() },
            Form::CancelJob { job, at_ms } => Command::CancelJob { job: job_id(job), at_ms: at_ms.to_native() },
            Form::ForgetJob { job } => Command::ForgetJob { job: job_id(job) },
            Form::AssignTasks { assignments, at_ms } => Command::AssignTasks {
                assignments: assignments.iter().map(Into::into).collect(),
                at_ms: at_ms.to_native(),
            },
            Form::FinishTasks { node, tasks, at_ms } => {
                let tasks = tasks.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                Command::FinishTasks { node: id(node), tasks, at_ms: at_ms.to_native() }
            }
            Form::ReleaseTasks { node, attempts, why, at_ms } => {
                let (attempts, why) = (attempts.into(), why.into());
                Command::ReleaseTasks { node: id(node), attempts, why, at_ms: at_ms.to_native() }
            }
            Form::AddNode { node, token_hash, at_ms } => {
                Command::AddNode { node: node.into(), token_hash: *token_hash, at_ms: at_ms.to_native() }
            }
            Form::UpdateNode { node, address, capacity } => Command::UpdateNode {
                node: NodeId(node.to_native()),
                address: address.to_string(),
                capacity: capacity.into(),
            },
            Form::RemoveNode { node, at_ms } => Command::RemoveNode { node: id(node), at_ms: at_ms.to_native() },
            Form::CreateToken { hash, role, expires_at_ms, at_ms } => Command::CreateToken {
                hash: *hash,
                role: role.into(),
                expires_at_ms: expires_at_ms.to_native(),
                at_ms: at_ms.to_native(),
            },
            Form::SetVoters { voters } => Command::SetVoters { voters: voters.iter().map(id).collect() },
            Form::NoteNode { node, note, at_ms } => {
                Command::NoteNode { node: id(node), note: note.into(), at_ms: at_ms.to_native() }
            }
        })
    }
}

/// What somebody did.
fn record(by: &ArchivedBox<str>, act: &ArchivedBox<str>, at_ms: &ArchivedU64) -> Command {
    Command::Record { by: by.to_string(), act: act.to_string(), at_ms: at_ms.to_native() }
}

/// What is lost and made again.
fn again<'a>(node: NodeId, attempts: &[AttemptRange], blob: BlobHash, at_ms: u64) -> CommandV1<'a> {
    let attempts = attempts.iter().copied().map(Into::into).collect();
    CommandV1::MakeAgain { node: node.0, attempts, blob: blob.0, at_ms }
}

/// What was lost and is made again.
fn made_again(node: NodeId, attempts: &[ArchivedAttemptRangeV1], blob: [u8; 32], at_ms: &ArchivedU64) -> Command {
    let attempts = attempts.iter().map(Into::into).collect();
    Command::MakeAgain { node, attempts, blob: BlobHash(blob), at_ms: at_ms.to_native() }
}

/// What somebody wants again.
fn retrying<'a>(job: JobId, blobs: &[BlobHash], at_ms: u64) -> CommandV1<'a> {
    CommandV1::RetryLost { job: job.0, blobs: blobs.iter().map(|blob| blob.0).collect(), at_ms }
}

/// What somebody wanted again.
fn retried(job: JobId, blobs: &[[u8; 32]], at_ms: &ArchivedU64) -> Command {
    Command::RetryLost { job, blobs: blobs.iter().map(|blob| BlobHash(*blob)).collect(), at_ms: at_ms.to_native() }
}

/// Suspects that begin.
fn beginning<'a>(node: NodeId, attempts: &[AttemptRange], at_ms: u64) -> CommandV1<'a> {
    let attempts = attempts.iter().copied().map(Into::into).collect();
    CommandV1::BeginTasks { node: node.0, attempts, at_ms }
}

/// Suspects that began.
fn begun(node: NodeId, attempts: &[ArchivedAttemptRangeV1], at_ms: &ArchivedU64) -> Command {
    Command::BeginTasks { node, attempts: attempts.iter().map(Into::into).collect(), at_ms: at_ms.to_native() }
}

/// A submission whose description was written in any version.
fn submit(
    spec: Result<JobSpec, WireError>,
    key: &ArchivedOption<ArchivedBox<str>>,
    at_ms: &ArchivedU64,
) -> Result<Command, WireError> {
    let key = key.as_ref().map(|key| key.to_string());
    Ok(Command::SubmitJob { spec: Box::new(spec?), key, at_ms: at_ms.to_native() })
}

/// A submission that is given to a node at once.
fn placed(spec: JobSpec, key: &ArchivedOption<ArchivedBox<str>>, node: NodeId, at_ms: &ArchivedU64) -> Command {
    let key = key.as_ref().map(|key| key.to_string());
    Command::SubmitPlaced { spec: Box::new(spec), key, node, at_ms: at_ms.to_native() }
}
