//! What tasks are predicted to take by those who saw their program run. A burst of jobs with one program asks once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_model::{JobSpec, Program};
use nexus_scheduler::Expected;

use crate::learning::{self, Learner};

/// A prediction is used so long: what is learned meanwhile changes it little.
const USED_FOR: Duration = Duration::from_secs(1);

/// Predictions, the newest at hand.
#[derive(Default)]
pub(super) struct Predictions {
    /// Who saw programs run before, here and, told by other nodes, elsewhere.
    learner: Option<Arc<Learner>>,
    newest: Option<(Arc<str>, Instant, Expected)>,
}

impl Predictions {
    pub(super) fn of_learner(learner: Option<Arc<Learner>>) -> Self {
        Predictions { learner, newest: None }
    }

    /// What a task of this job is predicted to take.
    pub(super) fn of(&mut self, spec: &JobSpec) -> Option<Expected> {
        let (Program::MCode { source, .. }, Some(learner)) = (&spec.program, &self.learner) else { return None };
        if let Some((text, since, expected)) = &self.newest
            && since.elapsed() < USED_FOR
            && (Arc::ptr_eq(text, source) || text == source)
        {
            return Some(*expected);
        }
        let predicted = learner.predicted(&learning::text_name(source));
        let expected = predicted.map(|[median, _, high]| Expected { median, high })?;
        // Of what nobody knows yet, somebody may know in a moment: that is asked each time.
        self.newest = Some((Arc::clone(source), Instant::now(), expected));
        Some(expected)
    }
}
