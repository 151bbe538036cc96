//! Messages about schedules: jobs that are submitted again and again. They travel as [`crate::Request::Schedule`] and
//! [`crate::Response::Schedule`]; what they do is the ledger's.

use nexus_model::{JobId, JobSpec, Recurrence, ScheduleId};

/// What is asked about schedules.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleRequest {
    /// Client → gateway: submit this at each of these times. The times of its conditions count from each beginning.
    /// Answer: [`ScheduleResponse::Created`]. Repeating it makes another schedule.
    Create {
        /// What to run.
        spec: Box<JobSpec>,
        /// When.
        recurrence: Recurrence,
    },
    /// Client → gateway: all schedules. Answer: [`ScheduleResponse::Schedules`].
    List,
    /// Client → gateway: end a schedule; its jobs stay as they are. Answer: [`crate::Response::Done`].
    Remove(ScheduleId),
}

/// What is answered about schedules.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleResponse {
    /// The schedule is committed.
    Created {
        /// Which.
        schedule: ScheduleId,
        /// Its first time, in ms since 1970.
        next_at_ms: u64,
    },
    /// In order of id.
    Schedules(Vec<ScheduleView>),
}

/// A schedule as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleView {
    /// Identity.
    pub schedule: ScheduleId,
    /// Name of its jobs.
    pub name: String,
    /// Who made it.
    pub user: String,
    /// When.
    pub recurrence: Recurrence,
    /// The next time, in ms since 1970.
    pub next_at_ms: u64,
    /// Its newest job.
    pub last_job: Option<JobId>,
    /// Jobs that it made.
    pub begun: u64,
    /// Times that were left out, because the job before had not ended or there was no room.
    pub skipped: u64,
}
