//! What is refused has no effect, and the log never gives an entry twice.

use crate::Rejection;
use crate::simulation::history::Step;

pub(super) fn after(step: &Step<'_>) {
    if let Err(rejection) = &step.applied.reply {
        assert!(!matches!(rejection, Rejection::AlreadyApplied { .. }), "{rejection}");
        assert_eq!(step.applied.effects, vec![], "{rejection}");
    }
}
