//! One key of one user is one job, for ever.

use crate::simulation::history::{History, Step};
use crate::{Command, Reply};

pub(super) fn after(step: &Step<'_>, history: &History) {
    let (
        Command::SubmitJob { key: Some(key), spec, .. } | Command::SubmitPlaced { key: Some(key), spec, .. },
        Ok(Reply::Job(job)),
    ) = (step.command, &step.applied.reply)
    else {
        return;
    };
    if let Some(earlier) = history.keys.get(&(spec.user.clone(), key.clone())) {
        assert_eq!(earlier, job, "{key} of {} gave another job before", spec.user);
        assert_eq!(step.applied.effects, vec![], "a repeated submission does nothing");
    }
}
