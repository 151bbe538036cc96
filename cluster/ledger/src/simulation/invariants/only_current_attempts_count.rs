//! Exactly those reported tasks count that their node holds under that token.

use crate::simulation::history::Step;
use crate::{Command, Reply};

pub(super) fn after(step: &Step<'_>) {
    if let (Command::FinishTasks { tasks, .. }, Ok(Reply::Finished { recorded, stale })) =
        (step.command, &step.applied.reply)
    {
        let reported: u32 = tasks.iter().map(|finished| finished.attempt.range.len()).sum();
        assert_eq!((*recorded, *stale), (step.held_before, reported - step.held_before), "{:?}", step.command);
    }
}
