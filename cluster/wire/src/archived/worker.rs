//! What a worker says to the leader.

use nexus_model::NodeId;
use rkyv::vec::ArchivedVec;
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::attempt::{ArchivedAttemptRangeV1, AttemptRangeV1, FinishedTasksV1, attempts};
use super::body::{Body, Kind, TASK_BYTES};
use super::bounds::{Bounded, name};
use super::health::{encode_heartbeat, heartbeat, heartbeat_of_gpu};
use super::node::NodeCapacityV1;
use super::{WireError, read_all};
use crate::message::WorkerMessage;

const WHAT: &str = "worker message";

/// The numbers of the kinds: never reused.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const TASKS_FINISHED: u8 = 2;
    pub(super) const HEARTBEAT: u8 = 3;
    pub(super) const GOODBYE: u8 = 4;
    pub(super) const HEARTBEAT_2: u8 = 5;
    pub(super) const BEGINNING_TASKS: u8 = 6;
    pub(super) const HEARTBEAT_3: u8 = 7;
}

#[derive(Archive, Serialize)]
struct HelloV1<'a> {
    node: u64,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
    capacity: NodeCapacityV1<'a>,
    holding: Vec<AttemptRangeV1>,
}

#[derive(Archive, Serialize)]
struct TasksFinishedV1<'a> {
    sequence: u64,
    tasks: Vec<FinishedTasksV1<'a>>,
}

/// The body of a worker message's frame. Fails where it is beyond its bounds or would not fit a frame.
pub fn encode_worker_message(message: &WorkerMessage) -> Result<Vec<u8>, WireError> {
    message.check_bounds()?;
    let kind = |number| Kind { what: WHAT, number };
    match message {
        WorkerMessage::Hello { node, address, capacity, holding } => kind(kind::HELLO).write(&HelloV1 {
            node: node.0,
            address,
            capacity: capacity.into(),
            holding: attempts(holding),
        }),
        WorkerMessage::TasksFinished { sequence, tasks } => kind(kind::TASKS_FINISHED).write_command(
            tasks.len() * TASK_BYTES,
            &TasksFinishedV1 { sequence: *sequence, tasks: tasks.iter().map(Into::into).collect() },
        ),
        WorkerMessage::Heartbeat { running, vitals: Some(vitals) } => {
            encode_heartbeat((kind(kind::HEARTBEAT_2), kind(kind::HEARTBEAT_3)), running, vitals)
        }
        WorkerMessage::Heartbeat { running, vitals: None } => kind(kind::HEARTBEAT).write(&attempts(running)),
        WorkerMessage::BeginningTasks(tasks) => kind(kind::BEGINNING_TASKS).write(&attempts(tasks)),
        WorkerMessage::Goodbye => kind(kind::GOODBYE).write_bytes(&[]),
    }
}

/// Reads what [`encode_worker_message`] made.
pub fn decode_worker_message(bytes: &[u8]) -> Result<WorkerMessage, WireError> {
    let body = Body::open(WHAT, bytes)?;
    let message = match body.kind {
        kind::HELLO => {
            let form: &ArchivedHelloV1<'_> = body.form()?;
            WorkerMessage::Hello {
                node: NodeId(form.node.to_native()),
                address: form.address.to_string(),
                capacity: (&form.capacity).into(),
                holding: form.holding.iter().map(Into::into).collect(),
            }
        }
        kind::TASKS_FINISHED => {
            let form: &ArchivedTasksFinishedV1<'_> = body.command()?;
            WorkerMessage::TasksFinished { sequence: form.sequence.to_native(), tasks: read_all(&form.tasks)? }
        }
        kind::HEARTBEAT => {
            let form: &ArchivedVec<ArchivedAttemptRangeV1> = body.form()?;
            WorkerMessage::Heartbeat { running: form.iter().map(Into::into).collect(), vitals: None }
        }
        kind::HEARTBEAT_2 => heartbeat(body)?,
        kind::HEARTBEAT_3 => heartbeat_of_gpu(body)?,
        kind::BEGINNING_TASKS => {
            let form: &ArchivedVec<ArchivedAttemptRangeV1> = body.form()?;
            WorkerMessage::BeginningTasks(form.iter().map(Into::into).collect())
        }
        kind::GOODBYE => body.nothing(WorkerMessage::Goodbye)?,
        _ => return Err(body.unknown()),
    };
    message.check_bounds()?;
    Ok(message)
}

impl Bounded for WorkerMessage {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            WorkerMessage::Hello { node: _, address, capacity, holding } => {
                name("node's address", address)?;
                capacity.check_bounds()?;
                holding.check_bounds()
            }
            WorkerMessage::TasksFinished { sequence: _, tasks } => tasks.check_bounds(),
            WorkerMessage::Heartbeat { running, vitals } => {
                running.check_bounds()?;
                vitals.as_deref().map_or(Ok(()), Bounded::check_bounds)
            }
            WorkerMessage::BeginningTasks(tasks) => tasks.check_bounds(),
            WorkerMessage::Goodbye => Ok(()),
        }
    }
}
