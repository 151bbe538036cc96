//! Any message between a worker and its leader.

use nexus_model::AttemptToken;
use nexus_wire::{AttemptRange, FinishedTasks, LeaderMessage, WorkerMessage};
use proptest::collection::vec;
use proptest::prelude::*;

use super::live::heartbeat;
use super::{capacity, cost, job_id, node_id, outcome, range, spec, text};

pub(super) fn attempt() -> impl Strategy<Value = AttemptRange> {
    (job_id(), range(), any::<u64>()).prop_map(|(job, range, token)| AttemptRange {
        job,
        range,
        token: AttemptToken(token),
    })
}

fn finished() -> impl Strategy<Value = FinishedTasks> {
    (attempt(), outcome(), cost()).prop_map(|(attempt, outcome, cost)| FinishedTasks { attempt, outcome, cost })
}

/// Any message of a worker.
pub(crate) fn worker_message() -> impl Strategy<Value = WorkerMessage> {
    prop_oneof![
        (node_id(), text(), capacity(), vec(attempt(), 0..4)).prop_map(|(node, address, capacity, holding)| {
            WorkerMessage::Hello { node, address, capacity, holding }
        }),
        (any::<u64>(), vec(finished(), 0..4))
            .prop_map(|(sequence, tasks)| WorkerMessage::TasksFinished { sequence, tasks }),
        heartbeat(),
        vec(attempt(), 0..4).prop_map(WorkerMessage::BeginningTasks),
        Just(WorkerMessage::Goodbye),
    ]
}

/// Any message of the leader.
pub(crate) fn leader_message() -> impl Strategy<Value = LeaderMessage> {
    prop_oneof![
        vec(attempt(), 0..4).prop_map(LeaderMessage::AssignTasks),
        vec(attempt(), 0..4).prop_map(LeaderMessage::AssignSuspects),
        vec(attempt(), 0..4).prop_map(LeaderMessage::BeginTasks),
        vec(attempt(), 0..4).prop_map(LeaderMessage::DropTasks),
        (job_id(), spec()).prop_map(|(job, spec)| LeaderMessage::DescribeJob { job, spec }),
        job_id().prop_map(LeaderMessage::CancelJob),
        job_id().prop_map(LeaderMessage::ForgetJob),
        any::<u64>().prop_map(|sequence| LeaderMessage::FinishedRecorded { sequence }),
    ]
}
