//! The lives of jobs and nodes.

use nexus_model::{AttemptToken, JobId, NodeId};
use rkyv::{Archive, Serialize};

use super::bounds::{Bounded, bytes, duration};
use super::job::{ArchivedTaskStateV1, IndexRangeV1, JobStateV1, TaskStateV1};
use super::{DurationV1, WireError, read_all};
use crate::life::{Fate, Life, LifeEntry, LifeEvent};
use crate::limits::LIFE_ENTRIES_MAX;

/// [`Life`].
#[derive(Archive, Serialize)]
pub(super) struct LifeV1 {
    entries: Vec<LifeEntryV1>,
    dropped: u64,
}

#[derive(Archive, Serialize)]
struct LifeEntryV1 {
    at_ms: u64,
    job: Option<u64>,
    what: LifeEventV1,
}

#[derive(Archive, Serialize)]
enum LifeEventV1 {
    Accepted,
    Placed { range: IndexRangeV1, node: u64, token: u64 },
    Left { range: IndexRangeV1, node: u64, token: u64, busy: Option<DurationV1>, fate: FateV1 },
    TasksEnded { range: IndexRangeV1, state: TaskStateV1 },
    Ended { state: JobStateV1 },
    Reopened,
    Joined,
    Up { slots: u32 },
    Lost,
    Stopped,
    Voter,
    NotVoter,
    Removed,
}

#[derive(Archive, Serialize)]
enum FateV1 {
    Ended(TaskStateV1),
    Requeued,
    Lost,
    Resting,
}

impl From<&Life> for LifeV1 {
    fn from(life: &Life) -> Self {
        let entry = |entry: &LifeEntry| LifeEntryV1 {
            at_ms: entry.at_ms,
            job: entry.job.map(|job| job.0),
            what: entry.what.into(),
        };
        LifeV1 { entries: life.entries.iter().map(entry).collect(), dropped: life.dropped }
    }
}

impl TryFrom<&ArchivedLifeV1> for Life {
    type Error = WireError;

    fn try_from(form: &ArchivedLifeV1) -> Result<Self, WireError> {
        Ok(Life { entries: read_all(&form.entries)?, dropped: form.dropped.to_native() })
    }
}

impl TryFrom<&ArchivedLifeEntryV1> for LifeEntry {
    type Error = WireError;

    fn try_from(form: &ArchivedLifeEntryV1) -> Result<Self, WireError> {
        let job = form.job.as_ref().map(|job| JobId(job.to_native()));
        Ok(LifeEntry { at_ms: form.at_ms.to_native(), job, what: (&form.what).try_into()? })
    }
}

impl From<LifeEvent> for LifeEventV1 {
    fn from(event: LifeEvent) -> Self {
        match event {
            LifeEvent::Accepted => LifeEventV1::Accepted,
            LifeEvent::Placed { range, node, token } => {
                LifeEventV1::Placed { range: range.into(), node: node.0, token: token.0 }
            }
            LifeEvent::Left { range, node, token, busy, fate } => LifeEventV1::Left {
                range: range.into(),
                node: node.0,
                token: token.0,
                busy: busy.map(Into::into),
                fate: fate.into(),
            },
            LifeEvent::TasksEnded { range, state } => {
                LifeEventV1::TasksEnded { range: range.into(), state: state.into() }
            }
            LifeEvent::Ended { state } => LifeEventV1::Ended { state: state.into() },
            LifeEvent::Reopened => LifeEventV1::Reopened,
            LifeEvent::Joined => LifeEventV1::Joined,
            LifeEvent::Up { slots } => LifeEventV1::Up { slots },
            LifeEvent::Lost => LifeEventV1::Lost,
            LifeEvent::Stopped => LifeEventV1::Stopped,
            LifeEvent::Voter => LifeEventV1::Voter,
            LifeEvent::NotVoter => LifeEventV1::NotVoter,
            LifeEvent::Removed => LifeEventV1::Removed,
        }
    }
}

impl TryFrom<&ArchivedLifeEventV1> for LifeEvent {
    type Error = WireError;

    fn try_from(form: &ArchivedLifeEventV1) -> Result<Self, WireError> {
        use ArchivedLifeEventV1 as Form;
        Ok(match form {
            Form::Accepted => LifeEvent::Accepted,
            Form::Placed { range, node, token } => LifeEvent::Placed {
                range: range.into(),
                node: NodeId(node.to_native()),
                token: AttemptToken(token.to_native()),
            },
            Form::Left { range, node, token, busy, fate } => LifeEvent::Left {
                range: range.into(),
                node: NodeId(node.to_native()),
                token: AttemptToken(token.to_native()),
                busy: busy.as_ref().map(TryInto::try_into).transpose()?,
                fate: fate.into(),
            },
            Form::TasksEnded { range, state } => LifeEvent::TasksEnded { range: range.into(), state: state.into() },
            Form::Ended { state } => LifeEvent::Ended { state: state.into() },
            Form::Reopened => LifeEvent::Reopened,
            Form::Joined => LifeEvent::Joined,
            Form::Up { slots } => LifeEvent::Up { slots: slots.to_native() },
            Form::Lost => LifeEvent::Lost,
            Form::Stopped => LifeEvent::Stopped,
            Form::Voter => LifeEvent::Voter,
            Form::NotVoter => LifeEvent::NotVoter,
            Form::Removed => LifeEvent::Removed,
        })
    }
}

impl From<Fate> for FateV1 {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Ended(state) => FateV1::Ended(state.into()),
            Fate::Requeued => FateV1::Requeued,
            Fate::Lost => FateV1::Lost,
            Fate::Resting => FateV1::Resting,
        }
    }
}

impl From<&ArchivedFateV1> for Fate {
    fn from(form: &ArchivedFateV1) -> Self {
        match form {
            ArchivedFateV1::Ended(state) => {
                let state: &ArchivedTaskStateV1 = state;
                Fate::Ended(state.into())
            }
            ArchivedFateV1::Requeued => Fate::Requeued,
            ArchivedFateV1::Lost => Fate::Lost,
            ArchivedFateV1::Resting => Fate::Resting,
        }
    }
}

impl Bounded for Life {
    fn check_bounds(&self) -> Result<(), WireError> {
        bytes("list of what happened", self.entries.len(), LIFE_ENTRIES_MAX)?;
        self.entries.iter().try_for_each(|entry| match entry.what {
            LifeEvent::Placed { range, .. } | LifeEvent::TasksEnded { range, .. } => range.check_bounds(),
            LifeEvent::Left { range, busy, .. } => {
                range.check_bounds()?;
                duration("tasks' run time", busy)
            }
            _ => Ok(()),
        })
    }
}
