//! Jobs that ask for more than the first version knew.

use nexus_model::{JobId, JobSpec, Reuse, Reused};
use nexus_wire::{Request, Response, TaskView};

use super::{conditioned, executed, selective};

pub(super) fn copied() -> Box<JobSpec> {
    let mut spec = selective();
    spec.selection.copies = 16;
    spec
}

fn reusing() -> Box<JobSpec> {
    let mut spec = selective();
    spec.reuse = Reuse::Allowed;
    spec
}

/// A task that took its result from an earlier job, beside one that ran.
pub(super) fn reused_tasks(ran: TaskView) -> Response {
    let reused = Some(Reused { job: JobId(3), committed_at_ms: 1_795_294_175_820 });
    let taken = TaskView { index: ran.index + 1, node: None, attempts: 0, reused, ..ran.clone() };
    Response::Tasks(vec![ran, taken])
}

/// Jobs that ask for more than the first version knew.
pub(super) fn later() -> Vec<(&'static str, Request)> {
    vec![
        ("submit-with-conditions", Request::SubmitJob { spec: conditioned(), key: Some("k".into()) }),
        ("submit-with-execution", Request::SubmitJob { spec: executed(), key: Some("k".into()) }),
        ("submit-with-needs", Request::SubmitJob { spec: selective(), key: Some("k".into()) }),
        ("submit-with-copies", Request::SubmitJob { spec: copied(), key: None }),
        ("submit-with-reuse", Request::SubmitJob { spec: reusing(), key: None }),
    ]
}
