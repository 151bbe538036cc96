//! A task once more, where the strategy that was chosen for it failed and another way of running it does not.
//!
//! A strategy may take more memory than one call at a time does, or a graphics processor that fails. What a person or a
//! program names is not run otherwise: its error is theirs to see.

use std::sync::atomic::Ordering;

use nexus_mcode::{Elsewhere, MEMORY_LIMIT_CODE, OPERATION_FAILED_CODE, WALL_LIMIT_CODE};
use nexus_model::{DeviceKind, Limits};
use nexus_optimizer::{Choice, Reason, RunOutcome};

use super::{Plan, Ran, Task};
use crate::learning::{Application, Learner};
use crate::worker::task::TaskRunner;

/// A way to run a task for whose chosen strategy something was missing.
struct WayOut<'a> {
    choice: &'a Choice,
    learner: &'a Learner,
    sparing: Application,
}

impl TaskRunner {
    /// Runs the task as planned, and once more with what needs the least where the strategy may be to blame for an error.
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
        let ran = self.execute(task, (&plan.application, elsewhere), limits.clone(), &mut counted);
        let Some(WayOut { choice, learner, sparing }) = self.way_out(task, plan, &ran) else { return ran };
        let wall = limits.wall.map(|wall| wall.saturating_sub(ran.took));
        // What was printed before the error is printed already.
        let mut rest = |text: &str| match printed {
            0 => print(text),
            _ => printed -= 1,
        };
        let again = self.execute(task, (&sparing, None), Limits { wall, ..limits }, &mut rest);
        match &again.result {
            Ok(_) => {
                let (job, strategy) = (format!("job-{}", task.job.id.0), &choice.strategy.strategy_id);
                tracing::warn!(job, strategy, "a strategy failed where one call at a time on the processor does not");
                learner.name(&job, choice.key);
                learner.name(&task.prepared.compiled.text_name, choice.key);
                learner.record(choice, RunOutcome::Failed { seconds: ran.took.as_secs_f64() });
                *plan = Plan { application: sparing, choice: None };
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
