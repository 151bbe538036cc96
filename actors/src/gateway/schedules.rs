//! Requests about jobs that recur: what is due is the ledger's to say, when it is looked at the scheduler's upkeep.

use nexus_ledger::{Command, Reply};
use nexus_wire::{Refusal, Response, ScheduleRequest, ScheduleResponse};

use super::GatewayState;
use super::jobs::{check_copies, checked, own, unexpected};
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::roles::Caller;

impl GatewayState {
    /// What the leader answers.
    pub(super) async fn carry_out_schedule(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        request: ScheduleRequest,
    ) -> Result<Response, Refusal> {
        match request {
            ScheduleRequest::Create { spec, recurrence } => {
                let mut spec = checked(spec)?;
                if spec.part_of().is_some() {
                    let message = "parts of a task are handed on once, not again and again".to_owned();
                    return Err(refusal(codes::NOT_ALLOWED, message));
                }
                own(caller, &mut spec);
                check_copies(control, &spec).await?;
                let created = control.propose(Command::CreateSchedule { spec, recurrence, at_ms: now_ms() }).await?;
                let Reply::Schedule { schedule, next_ms } = created else { return Err(unexpected(&created)) };
                let created = ScheduleResponse::Created { schedule, next_at_ms: next_ms };
                Ok(Response::Schedule(Box::new(created)))
            }
            ScheduleRequest::List => {
                let schedules = control.read(|ledger| ledger.schedules()).await?;
                Ok(Response::Schedule(Box::new(ScheduleResponse::Schedules(schedules))))
            }
            ScheduleRequest::Remove(schedule) => {
                control.propose(Command::RemoveSchedule { schedule }).await?;
                Ok(Response::Done)
            }
        }
    }
}
