//! What the scheduler is told of an event of the ledger: the one translation, for the leader and for the simulation.

use nexus_model::JobSpec;
use nexus_scheduler::{Input, JobFacts, fetched_bytes};

use crate::{Effect, Suspect};

impl Effect {
    /// The scheduler's input; `None` for what does not concern it. `facts` says what is known of an accepted job.
    pub fn scheduled(self, facts: impl FnOnce(&JobSpec) -> JobFacts) -> Option<Input> {
        Some(match self {
            Effect::JobAccepted { job, spec } => Input::JobAccepted { job, facts: facts(&spec) },
            Effect::InputsKnown { job, spec, made_on } => {
                Input::InputsKnown { job, bytes: fetched_bytes(&spec), made_on }
            }
            Effect::TasksReady { job, range, suspect } => {
                Input::TasksReady { job, range, suspect: suspect == Suspect::Yes }
            }
            Effect::TasksAssigned { node, attempt, suspect: _ } => {
                Input::TasksAssigned { node, job: attempt.job, range: attempt.range }
            }
            Effect::AssignmentRefused { job, range, node } => Input::AssignmentRefused { node, job, range },
            Effect::TasksLeft { node, attempt, busy } => {
                Input::TasksLeft { node, job: attempt.job, range: attempt.range, busy }
            }
            Effect::JobEnded { job, .. } => Input::JobEnded(job),
            Effect::NodeLabelled { node, labels } => Input::NodeLabelled { node, labels },
            Effect::NodeRemoved { node } => Input::NodeDetached(node),
            Effect::WorkStopped => Input::WorkStopped,
            Effect::WorkResumed => Input::WorkResumed,
            Effect::ClusterCreated
            | Effect::TasksEnded { .. }
            | Effect::JobForgotten { .. }
            | Effect::NodeAdded { .. }
            | Effect::NodeUpdated { .. }
            | Effect::NodeNoted { .. }
            | Effect::ProtocolRaised { .. }
            | Effect::VotersChanged { .. } => return None,
        })
    }
}
