//! Any log of a running task, and any job that asks something of its nodes.

use nexus_model::{JobSpec, Relation, Selection, Selector, TaskId};
use nexus_wire::{LogPiece, LogPosition, LogQuery, LogState};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{duration, job_id, spec, text};

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
