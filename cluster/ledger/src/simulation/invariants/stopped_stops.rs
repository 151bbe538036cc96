//! While all work is stopped nobody is given a task.

use crate::Effect;
use crate::simulation::history::History;

pub(super) fn before(effect: &Effect, history: &History) {
    let is_given = matches!(effect, Effect::TasksAssigned { .. });
    assert!(!(is_given && history.is_stopped), "{effect:?} while all work is stopped");
}
