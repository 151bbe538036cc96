//! A task once more, where the strategy that was chosen for it failed and another way of running it does not, or where
//! trying it took too long.
//!
//! A strategy may take more memory than one call at a time does, or a graphics processor that fails. What a person or a
//! program names is not run otherwise: its error is theirs to see.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nexus_mcode::{Elsewhere, MEMORY_LIMIT_CODE, OPERATION_FAILED_CODE, WALL_LIMIT_CODE};
use nexus_model::{DeviceKind, Limits};
use nexus_optimizer::{Choice, Reason, RunOutcome, Strategy};

use super::{Plan, Ran, Task};
use crate::learning::{Application, Learner};
use crate::worker::task::TaskRunner;

/// A way to run a task for whose chosen strategy something was missing.
struct WayOut<'a> {
    choice: &'a Choice,
    learner: &'a Learner,
    sparing: Application,
}

/// A trial, which ends when it has taken too long.
#[derive(Clone, Copy)]
struct Trial<'a> {
    choice: &'a Choice,
    otherwise: &'a Strategy,
    stop: Duration,
}

impl Plan {
    /// The trial that it is. A program that calls external modules may do something in the world: it is not run twice.
    fn trial(&self, task: &Task<'_>) -> Option<Trial<'_>> {
        let outline = task.prepared.compiled.outline.get()?;
        let choice = self.choice.as_ref().filter(|_| !outline.has_external_modules)?;
        let Reason::Trial { stop_s, .. } = choice.reason else { return None };
        let stop = Duration::try_from_secs_f64(stop_s).ok()?;
        Some(Trial { choice, otherwise: choice.otherwise.as_ref()?, stop })
    }
}

/// Prints but for the first `printed` times: a run before this one did that.
fn unprinted(print: &mut dyn FnMut(&str), mut printed: u64) -> impl FnMut(&str) {
    move |text: &str| match printed {
        0 => print(text),
        _ => printed -= 1,
    }
}

impl TaskRunner {
    /// Runs the task as planned, once more under the best known strategy where a trial took too long, and once more with
    /// what needs the least where the strategy may be to blame for an error.
    /// Where the second run comes to its end the optimiser learns that the first did not, and the plan is the second's.
    pub(super) fn execute_or_again(
        &self,
        task: &Task<'_>,
        plan: &mut Plan,
        elsewhere: Option<&dyn Elsewhere>,
        limits: Limits,
        print: &mut dyn FnMut(&str),
    ) -> Ran {
        let mut printed = 0_u64;
        let mut counted = |text: &str| {
            printed += 1;
            print(text);
        };
        let trial = plan.trial(task);
        let stop = trial.map(|trial| trial.stop).filter(|stop| limits.wall.is_none_or(|wall| *stop < wall));
        let first = Limits { wall: stop.or(limits.wall), ..limits.clone() };
        let ran = self.execute(task, (&plan.application, elsewhere), first, &mut counted);
        if let (Some(Trial { choice, otherwise, .. }), Some(_)) = (trial, stop)
            && ran.result.as_ref().is_err_and(|error| error.code == WALL_LIMIT_CODE)
            && let Some(learner) = self.learner.as_deref()
            && let Ok(application) = self.application(task, otherwise, plan.device)
        {
            learner.record(choice, RunOutcome::Stopped { seconds: ran.took.as_secs_f64() });
            let wall = limits.wall.map(|wall| wall.saturating_sub(ran.took));
            let mut rest = unprinted(print, printed);
            let again = self.execute(task, (&application, None), Limits { wall, ..limits }, &mut rest);
            learner.name_work(choice, task.job.id, &task.prepared.compiled.text_name);
            *plan = Plan { application, choice: None, ..*plan };
            return again;
        }
        let Some(WayOut { choice, learner, sparing }) = self.way_out(task, plan, &ran) else { return ran };
        let wall = limits.wall.map(|wall| wall.saturating_sub(ran.took));
        let mut rest = unprinted(print, printed);
        let again = self.execute(task, (&sparing, None), Limits { wall, ..limits }, &mut rest);
        match &again.result {
            Ok(_) => {
                let strategy = &choice.strategy.strategy_id;
                tracing::warn!(job = %task.job.id, strategy, "a strategy failed where one call at a time on the processor does not");
                learner.name_work(choice, task.job.id, &task.prepared.compiled.text_name);
                learner.record(choice, RunOutcome::Failed { seconds: ran.took.as_secs_f64() });
                *plan = Plan { application: sparing, choice: None, ..*plan };
                again
            }
            Err(error) if error.code == WALL_LIMIT_CODE => ran,
            Err(_) => again,
        }
    }

    /// Another way to run what failed, where there is one.
    fn way_out<'a>(&'a self, task: &Task<'_>, plan: &'a Plan, ran: &Ran) -> Option<WayOut<'a>> {
        let error = ran.result.as_ref().err()?;
        let (choice, learner) = (plan.choice.as_ref()?, self.learner.as_deref()?);
        let sparing = plan.application.sparing();
        let is_open = match error.code.as_str() {
            MEMORY_LIMIT_CODE => sparing != plan.application,
            OPERATION_FAILED_CODE => plan.application.device.kind() == DeviceKind::Gpu,
            _ => false,
        };
        // What an external module did in the world it would do twice.
        let is_once = task.called_modules.load(Ordering::Relaxed) || task.job.is_cancelled();
        (is_open && !is_once && choice.reason != Reason::Asked).then_some(WayOut { choice, learner, sparing })
    }
}

#[cfg(test)]
mod tests;
