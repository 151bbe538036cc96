//! What is asked and answered about schedules.

use nexus_model::{JobId, JobSpec, Recurrence, ScheduleId};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::WireError;
use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, name};
use super::placement::JobSpecV4;
use crate::schedule::{ScheduleRequest, ScheduleResponse, ScheduleView};

/// [`Recurrence`].
#[derive(Debug, Archive, Serialize)]
pub struct RecurrenceV1<'a> {
    #[rkyv(with = InlineAsBox)]
    cron: &'a str,
    utc_offset_minutes: i16,
}

impl<'a> From<&'a Recurrence> for RecurrenceV1<'a> {
    fn from(recurrence: &'a Recurrence) -> Self {
        RecurrenceV1 { cron: &recurrence.cron, utc_offset_minutes: recurrence.utc_offset_minutes }
    }
}

impl From<&ArchivedRecurrenceV1<'_>> for Recurrence {
    fn from(form: &ArchivedRecurrenceV1<'_>) -> Self {
        Recurrence { cron: form.cron.to_string(), utc_offset_minutes: form.utc_offset_minutes.to_native() }
    }
}

#[derive(Archive, Serialize)]
enum ScheduleRequestV1<'a> {
    Create { spec: Box<JobSpecV4<'a>>, recurrence: RecurrenceV1<'a> },
    List,
    Remove(u64),
}

#[derive(Archive, Serialize)]
struct ScheduleViewV1<'a> {
    schedule: u64,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    user: &'a str,
    recurrence: RecurrenceV1<'a>,
    next_at_ms: u64,
    last_job: Option<u64>,
    begun: u64,
    skipped: u64,
}

#[derive(Archive, Serialize)]
enum ScheduleResponseV1<'a> {
    Created { schedule: u64, next_at_ms: u64 },
    Schedules(Vec<ScheduleViewV1<'a>>),
}

pub(super) fn encode_schedule_request(kind: Kind, request: &ScheduleRequest) -> Result<Vec<u8>, WireError> {
    let form = match request {
        ScheduleRequest::Create { spec, recurrence } => {
            ScheduleRequestV1::Create { spec: Box::new((&**spec).try_into()?), recurrence: recurrence.into() }
        }
        ScheduleRequest::List => ScheduleRequestV1::List,
        ScheduleRequest::Remove(schedule) => ScheduleRequestV1::Remove(schedule.0),
    };
    kind.write_command(SMALL_BYTES, &form)
}

pub(super) fn schedule_request(body: Body<'_>) -> Result<ScheduleRequest, WireError> {
    let form: &ArchivedScheduleRequestV1<'_> = body.command()?;
    Ok(match form {
        ArchivedScheduleRequestV1::Create { spec, recurrence } => {
            let spec: JobSpec = (&**spec).try_into()?;
            ScheduleRequest::Create { spec: Box::new(spec), recurrence: recurrence.into() }
        }
        ArchivedScheduleRequestV1::List => ScheduleRequest::List,
        ArchivedScheduleRequestV1::Remove(schedule) => ScheduleRequest::Remove(ScheduleId(schedule.to_native())),
    })
}

pub(super) fn encode_schedule_response(kind: Kind, response: &ScheduleResponse) -> Result<Vec<u8>, WireError> {
    let form = match response {
        ScheduleResponse::Created { schedule, next_at_ms } => {
            ScheduleResponseV1::Created { schedule: schedule.0, next_at_ms: *next_at_ms }
        }
        ScheduleResponse::Schedules(views) => ScheduleResponseV1::Schedules(views.iter().map(view_form).collect()),
    };
    kind.write(&form)
}

pub(super) fn schedule_response(body: Body<'_>) -> Result<ScheduleResponse, WireError> {
    let form: &ArchivedScheduleResponseV1<'_> = body.form()?;
    Ok(match form {
        ArchivedScheduleResponseV1::Created { schedule, next_at_ms } => {
            ScheduleResponse::Created { schedule: ScheduleId(schedule.to_native()), next_at_ms: next_at_ms.to_native() }
        }
        ArchivedScheduleResponseV1::Schedules(forms) => ScheduleResponse::Schedules(forms.iter().map(view).collect()),
    })
}

fn view_form(view: &ScheduleView) -> ScheduleViewV1<'_> {
    ScheduleViewV1 {
        schedule: view.schedule.0,
        name: &view.name,
        user: &view.user,
        recurrence: (&view.recurrence).into(),
        next_at_ms: view.next_at_ms,
        last_job: view.last_job.map(|job| job.0),
        begun: view.begun,
        skipped: view.skipped,
    }
}

fn view(form: &ArchivedScheduleViewV1<'_>) -> ScheduleView {
    ScheduleView {
        schedule: ScheduleId(form.schedule.to_native()),
        name: form.name.to_string(),
        user: form.user.to_string(),
        recurrence: (&form.recurrence).into(),
        next_at_ms: form.next_at_ms.to_native(),
        last_job: form.last_job.as_ref().map(|job| JobId(job.to_native())),
        begun: form.begun.to_native(),
        skipped: form.skipped.to_native(),
    }
}

impl Bounded for ScheduleRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            ScheduleRequest::Create { spec, recurrence } => {
                spec.check_bounds()?;
                name("times of a schedule", &recurrence.cron)
            }
            ScheduleRequest::List | ScheduleRequest::Remove(_) => Ok(()),
        }
    }
}

impl Bounded for ScheduleResponse {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            ScheduleResponse::Created { .. } => Ok(()),
            ScheduleResponse::Schedules(views) => views.iter().try_for_each(|view| {
                name("schedule's name", &view.name)?;
                name("schedule's user", &view.user)?;
                name("times of a schedule", &view.recurrence.cron)
            }),
        }
    }
}
