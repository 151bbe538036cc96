//! Any log of a running task, any job that asks something of its nodes, and anything that machines say of themselves.

use nexus_model::{GpuUse, JobSpec, Relation, Selection, Selector, TaskId, Vitals};
use nexus_wire::{
    ClusterRequest, ClusterResponse, EngineUse, Health, LogPiece, LogPosition, LogQuery, LogState, Stopped,
    WorkerMessage,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::workers::attempt;
use super::{duration, job_id, node_id, spec, text};

pub(super) fn log_query() -> impl Strategy<Value = LogQuery> {
    (job_id(), any::<(u32, u32, u64, u64)>(), duration()).prop_map(
        |(job, (index, attempt, stdout, stderr), patience)| LogQuery {
            task: TaskId { job, index },
            attempt,
            from: LogPosition { stdout, stderr },
            patience,
        },
    )
}

pub(super) fn log_piece() -> impl Strategy<Value = LogPiece> {
    let state = proptest::sample::select(vec![LogState::Waiting, LogState::Running, LogState::Ended]);
    let bytes = || vec(any::<u8>(), 0..300);
    (state, any::<(u32, u64, u64)>(), bytes(), bytes()).prop_map(|(state, (attempt, stdout, stderr), out, err)| {
        LogPiece { state, attempt, from: LogPosition { stdout, stderr }, stdout: out, stderr: err }
    })
}

/// A job that asks something of its nodes.
pub(super) fn selective() -> impl Strategy<Value = Box<JobSpec>> {
    let selectors = || {
        let relation = proptest::sample::select(vec![Relation::Is, Relation::IsNot]);
        let one = (text(), relation, text());
        vec(one.prop_map(|(label, relation, value)| Selector { label, relation, value }), 1..3)
    };
    (spec(), selectors(), selectors(), any::<u32>()).prop_map(|(mut spec, require, prefer, gpu_milli)| {
        spec.selection = Selection { require, prefer, copies: 0 };
        spec.resources.gpu_milli = gpu_milli;
        spec
    })
}

fn vitals() -> impl Strategy<Value = Vitals> {
    let reasons = || vec("[a-z >0-9%]{0,40}", 0..4);
    let gpu = (option::of(any::<u32>()), any::<u32>())
        .prop_map(|(busy_permille, given_milli)| GpuUse { busy_permille, given_milli });
    (option::of(any::<u32>()), any::<(u64, u64)>(), option::of(gpu), reasons(), reasons()).prop_map(
        |(cpu_permille, (memory_used_bytes, memory_bytes), gpu, held_by, warnings)| Vitals {
            cpu_permille,
            memory_used_bytes,
            memory_bytes,
            gpu,
            held_by,
            warnings,
        },
    )
}

pub(super) fn heartbeat() -> impl Strategy<Value = WorkerMessage> {
    (vec(attempt(), 0..4), option::of(vitals()))
        .prop_map(|(running, vitals)| WorkerMessage::Heartbeat { running, vitals: vitals.map(Box::new) })
}

pub(super) fn looking() -> impl Strategy<Value = ClusterRequest> {
    prop_oneof![
        Just(ClusterRequest::ReadHealth),
        Just(ClusterRequest::ListLabels),
        any::<bool>().prop_map(|stopped| ClusterRequest::StopWork { stopped }),
    ]
}

pub(super) fn health() -> impl Strategy<Value = ClusterResponse> {
    let stopped = (text(), any::<u64>()).prop_map(|(by, at_ms)| Stopped { by, at_ms });
    (option::of(stopped), vec((node_id(), vitals()), 0..3))
        .prop_map(|(stopped, nodes)| ClusterResponse::Health(Health { stopped, nodes }))
}

pub(super) fn engine() -> impl Strategy<Value = ClusterResponse> {
    any::<[u64; 5]>().prop_map(|[pool_bytes, uploads, uploaded_bytes, downloads, downloaded_bytes]| {
        ClusterResponse::Engine(EngineUse { pool_bytes, uploads, uploaded_bytes, downloads, downloaded_bytes })
    })
}
