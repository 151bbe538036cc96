//! What is asked and answered about timelines.

use nexus_model::{JobId, NodeId};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::WireError;
use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, name};
use super::job::JobStateV1;
use super::life::LifeV1;
use crate::limits::{LIFE_ENTRIES_MAX, PAST_RUNS_MAX, TIMELINE_BYTES_MAX};
use crate::timeline::{KeptRequest, PastRun, TimelineRequest, TimelineResponse};

#[derive(Archive, Serialize)]
enum TimelineRequestV1<'a> {
    JobLife(u64),
    NodeLife(u64),
    Kept { node: Option<u64>, ask: KeptRequestV1<'a> },
    RunsLike(u64),
}

#[derive(Archive, Serialize)]
enum KeptRequestV1<'a> {
    List,
    Read {
        #[rkyv(with = InlineAsBox)]
        name: &'a str,
        position: Option<u64>,
    },
    Change {
        #[rkyv(with = InlineAsBox)]
        name: &'a str,
        position: u64,
        #[rkyv(with = InlineAsBox)]
        edits: &'a str,
    },
    Create {
        #[rkyv(with = InlineAsBox)]
        document: &'a str,
    },
}

#[derive(Archive, Serialize)]
enum TimelineResponseV1<'a> {
    Life(LifeV1),
    Names(#[rkyv(with = Map<InlineAsBox>)] Vec<&'a str>),
    Document {
        #[rkyv(with = InlineAsBox)]
        document: &'a str,
        position: u64,
    },
    Changed {
        position: u64,
    },
    Runs(Vec<PastRunV1>),
}

/// [`PastRun`].
#[derive(Archive, Serialize)]
struct PastRunV1 {
    job: u64,
    state: JobStateV1,
    started_at_ms: u64,
    finished_at_ms: u64,
}

impl From<&PastRun> for PastRunV1 {
    fn from(run: &PastRun) -> Self {
        let PastRun { job, state, started_at_ms, finished_at_ms } = *run;
        PastRunV1 { job: job.0, state: state.into(), started_at_ms, finished_at_ms }
    }
}

impl From<&ArchivedPastRunV1> for PastRun {
    fn from(run: &ArchivedPastRunV1) -> Self {
        PastRun {
            job: JobId(run.job.to_native()),
            state: (&run.state).into(),
            started_at_ms: run.started_at_ms.to_native(),
            finished_at_ms: run.finished_at_ms.to_native(),
        }
    }
}

pub(super) fn encode_timeline_request(kind: Kind, request: &TimelineRequest) -> Result<Vec<u8>, WireError> {
    let (room, form) = match request {
        TimelineRequest::JobLife(job) => (SMALL_BYTES, TimelineRequestV1::JobLife(job.0)),
        TimelineRequest::NodeLife(node) => (SMALL_BYTES, TimelineRequestV1::NodeLife(node.0)),
        TimelineRequest::RunsLike(job) => (SMALL_BYTES, TimelineRequestV1::RunsLike(job.0)),
        TimelineRequest::Kept { node, ask } => {
            let (room, ask) = match ask {
                KeptRequest::List => (0, KeptRequestV1::List),
                KeptRequest::Read { name, position } => (0, KeptRequestV1::Read { name, position: *position }),
                KeptRequest::Change { name, position, edits } => {
                    (edits.len(), KeptRequestV1::Change { name, position: *position, edits })
                }
                KeptRequest::Create { document } => (document.len(), KeptRequestV1::Create { document }),
            };
            (SMALL_BYTES + room, TimelineRequestV1::Kept { node: node.map(|node| node.0), ask })
        }
    };
    kind.write_large(room, &form)
}

pub(super) fn timeline_request(body: Body<'_>) -> Result<TimelineRequest, WireError> {
    let form: &ArchivedTimelineRequestV1<'_> = body.form()?;
    Ok(match form {
        ArchivedTimelineRequestV1::JobLife(job) => TimelineRequest::JobLife(JobId(job.to_native())),
        ArchivedTimelineRequestV1::NodeLife(node) => TimelineRequest::NodeLife(NodeId(node.to_native())),
        ArchivedTimelineRequestV1::RunsLike(job) => TimelineRequest::RunsLike(JobId(job.to_native())),
        ArchivedTimelineRequestV1::Kept { node, ask } => {
            let ask = match ask {
                ArchivedKeptRequestV1::List => KeptRequest::List,
                ArchivedKeptRequestV1::Read { name, position } => KeptRequest::Read {
                    name: name.to_string(),
                    position: position.as_ref().map(|position| position.to_native()),
                },
                ArchivedKeptRequestV1::Change { name, position, edits } => KeptRequest::Change {
                    name: name.to_string(),
                    position: position.to_native(),
                    edits: edits.to_string(),
                },
                ArchivedKeptRequestV1::Create { document } => KeptRequest::Create { document: document.to_string() },
            };
            TimelineRequest::Kept { node: node.as_ref().map(|node| NodeId(node.to_native())), ask }
        }
    })
}

pub(super) fn encode_timeline_response(kind: Kind, response: &TimelineResponse) -> Result<Vec<u8>, WireError> {
    let (room, form) = match response {
        TimelineResponse::Life(life) => (0, TimelineResponseV1::Life((&**life).into())),
        TimelineResponse::Names(names) => (0, TimelineResponseV1::Names(names.iter().map(String::as_str).collect())),
        TimelineResponse::Document { document, position } => {
            (document.len(), TimelineResponseV1::Document { document, position: *position })
        }
        TimelineResponse::Changed { position } => (0, TimelineResponseV1::Changed { position: *position }),
        TimelineResponse::Runs(runs) => (0, TimelineResponseV1::Runs(runs.iter().map(PastRunV1::from).collect())),
    };
    kind.write_large(SMALL_BYTES + room, &form)
}

pub(super) fn timeline_response(body: Body<'_>) -> Result<TimelineResponse, WireError> {
    let form: &ArchivedTimelineResponseV1<'_> = body.form()?;
    Ok(match form {
        ArchivedTimelineResponseV1::Life(life) => TimelineResponse::Life(Box::new(life.try_into()?)),
        ArchivedTimelineResponseV1::Names(names) => {
            TimelineResponse::Names(names.iter().map(|name| name.to_string()).collect())
        }
        ArchivedTimelineResponseV1::Document { document, position } => {
            TimelineResponse::Document { document: document.to_string(), position: position.to_native() }
        }
        ArchivedTimelineResponseV1::Changed { position } => {
            TimelineResponse::Changed { position: position.to_native() }
        }
        ArchivedTimelineResponseV1::Runs(runs) => {
            bytes("list of runs", runs.len(), PAST_RUNS_MAX)?;
            TimelineResponse::Runs(runs.iter().map(PastRun::from).collect())
        }
    })
}

impl Bounded for TimelineRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        let TimelineRequest::Kept { ask, .. } = self else { return Ok(()) };
        match ask {
            KeptRequest::List => Ok(()),
            KeptRequest::Read { name: called, position: _ } => name("timeline's name", called),
            KeptRequest::Change { name: called, position: _, edits } => {
                name("timeline's name", called)?;
                bytes("list of edits", edits.len(), TIMELINE_BYTES_MAX)
            }
            KeptRequest::Create { document } => bytes("timeline", document.len(), TIMELINE_BYTES_MAX),
        }
    }
}

impl Bounded for TimelineResponse {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            TimelineResponse::Life(life) => life.check_bounds(),
            TimelineResponse::Names(names) => {
                bytes("list of timelines", names.len(), LIFE_ENTRIES_MAX)?;
                names.iter().try_for_each(|called| name("timeline's name", called))
            }
            TimelineResponse::Document { document, position: _ } => {
                bytes("timeline", document.len(), TIMELINE_BYTES_MAX)
            }
            TimelineResponse::Changed { position: _ } => Ok(()),
            TimelineResponse::Runs(runs) => bytes("list of runs", runs.len(), PAST_RUNS_MAX),
        }
    }
}
