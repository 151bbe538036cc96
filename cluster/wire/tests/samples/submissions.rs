//! Jobs that ask for more than the first version knew.

use nexus_model::JobSpec;
use nexus_wire::Request;

use super::{conditioned, executed, selective};

pub(super) fn copied() -> Box<JobSpec> {
    let mut spec = selective();
    spec.selection.copies = 16;
    spec
}

/// Jobs that ask for more than the first version knew.
pub(super) fn later() -> Vec<(&'static str, Request)> {
    vec![
        ("submit-with-conditions", Request::SubmitJob { spec: conditioned(), key: Some("k".into()) }),
        ("submit-with-execution", Request::SubmitJob { spec: executed(), key: Some("k".into()) }),
        ("submit-with-needs", Request::SubmitJob { spec: selective(), key: Some("k".into()) }),
        ("submit-with-copies", Request::SubmitJob { spec: copied(), key: None }),
    ]
}
