//! Collects the effects of one command, joining neighbours that say the same.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId, TaskState};
use nexus_wire::AttemptRange;

use crate::effect::{Effect, Suspect};

/// Which grants of which jobs each node holds.
pub(crate) type Held = BTreeSet<(NodeId, JobId, u32)>;

/// What becomes of tasks that leave a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They wait for another attempt.
    Ready(Suspect),
    /// They rest until the time of another attempt.
    Resting,
    /// They ended.
    Ended(TaskState),
}

#[derive(Debug)]
struct Departure {
    node: NodeId,
    attempt: AttemptRange,
    busy: Option<Duration>,
    fate: Fate,
}

/// Where the handlers of one command put what happened.
#[derive(Debug)]
pub(crate) struct Outbox<'a> {
    /// The grants by node, kept beside the jobs.
    pub(crate) held: &'a mut Held,
    effects: Vec<Effect>,
    /// Tasks that left a node, not yet written: the next ones may join them.
    departure: Option<Departure>,
}

impl<'a> Outbox<'a> {
    /// An empty one.
    pub(crate) fn new(held: &'a mut Held) -> Self {
        Outbox { held, effects: Vec::new(), departure: None }
    }

    /// Tasks left a node; two effects.
    pub(crate) fn departed(&mut self, node: NodeId, attempt: AttemptRange, busy: Option<Duration>, fate: Fate) {
        if let Some(last) = &mut self.departure
            && last.node == node
            && last.attempt.job == attempt.job
            && last.attempt.token == attempt.token
            && last.attempt.range.end == attempt.range.start
            && last.fate == fate
            && last.busy.is_some() == busy.is_some()
        {
            last.attempt.range.end = attempt.range.end;
            last.busy = last.busy.zip(busy).map(|(a, b)| a.saturating_add(b));
            return;
        }
        self.flush();
        self.departure = Some(Departure { node, attempt, busy, fate });
    }

    /// Anything else happened.
    pub(crate) fn push(&mut self, effect: Effect) {
        self.flush();
        if let Some(last) = self.effects.last_mut()
            && join(last, &effect)
        {
            return;
        }
        self.effects.push(effect);
    }

    /// Everything, in order.
    pub(crate) fn finish(mut self) -> Vec<Effect> {
        self.flush();
        self.effects
    }

    fn flush(&mut self) {
        let Some(Departure { node, attempt, busy, fate }) = self.departure.take() else { return };
        self.effects.push(Effect::TasksLeft { node, attempt, busy });
        let AttemptRange { job, range, .. } = attempt;
        match fate {
            Fate::Ready(suspect) => self.effects.push(Effect::TasksReady { job, range, suspect }),
            Fate::Ended(state) => self.effects.push(Effect::TasksEnded { job, range, state }),
            Fate::Resting => {}
        }
    }
}

/// Whether `next` continues `last`, which then holds both.
fn join(last: &mut Effect, next: &Effect) -> bool {
    let continues = |last: &mut IndexRange, next: &IndexRange| {
        let adjacent = last.end == next.start;
        if adjacent {
            last.end = next.end;
        }
        adjacent
    };
    match (last, next) {
        (
            Effect::TasksEnded { job, range, state },
            Effect::TasksEnded { job: next_job, range: next_range, state: next_state },
        ) => job == next_job && state == next_state && continues(range, next_range),
        (
            Effect::TasksAssigned { node, attempt, suspect },
            Effect::TasksAssigned { node: next_node, attempt: next, suspect: next_suspect },
        ) => {
            *node == *next_node
                && *suspect == *next_suspect
                && attempt.job == next.job
                && attempt.token == next.token
                && continues(&mut attempt.range, &next.range)
        }
        (
            Effect::AssignmentRefused { job, range, node },
            Effect::AssignmentRefused { job: next_job, range: next_range, node: next_node },
        ) => job == next_job && node == next_node && continues(range, next_range),
        _ => false,
    }
}
