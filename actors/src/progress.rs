//! Wakes those who wait for a job to move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_ledger::Effect;
use nexus_model::JobId;
use tokio::sync::watch;

/// Jobs that somebody waits for. Grows with the number of waiting clients, whose connections are bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    waited: Arc<Mutex<BTreeMap<JobId, watch::Sender<()>>>>,
}

impl Progress {
    /// A receiver that changes when `job` does. Ask for it before looking at the job, so that no change is missed.
    pub(crate) fn watch(&self, job: JobId) -> watch::Receiver<()> {
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.entry(job).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// Whatever these effects move.
    pub(crate) fn moved_by(&self, effects: &[Effect]) {
        let mut last = None;
        for effect in effects {
            let job = match effect {
                Effect::TasksEnded { job, .. } | Effect::JobEnded { job, .. } | Effect::JobForgotten { job } => *job,
                Effect::ClusterCreated
                | Effect::JobAccepted { .. }
                | Effect::InputsKnown { .. }
                | Effect::TasksReady { .. }
                | Effect::TasksAssigned { .. }
                | Effect::AssignmentRefused { .. }
                | Effect::TasksLeft { .. }
                | Effect::NodeAdded { .. }
                | Effect::NodeUpdated { .. }
                | Effect::NodeLabelled { .. }
                | Effect::NodeNoted { .. }
                | Effect::NodeRemoved { .. }
                | Effect::ProtocolRaised { .. }
                | Effect::WorkStopped
                | Effect::WorkResumed
                | Effect::VotersChanged { .. } => continue,
            };
            // A batch of completions is mostly of one job: wake its waiters once.
            if last != Some(job) {
                self.moved(job);
                last = Some(job);
            }
        }
    }

    /// `job` has moved.
    fn moved(&self, job: JobId) {
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waited.get(&job)
            && sender.send(()).is_err()
        {
            // Nobody waits any more.
            waited.remove(&job);
        }
    }
}
