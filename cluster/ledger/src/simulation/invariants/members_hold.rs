//! Only members are given tasks, and who is removed holds none.

use crate::simulation::history::History;
use crate::{Effect, Ledger};

pub(super) fn before(effect: &Effect, history: &History) {
    match effect {
        Effect::TasksAssigned { node, .. } => assert!(history.members.contains_key(node), "{node} is no member"),
        Effect::NodeRemoved { node } => {
            let holds =
                |job: &super::super::history::Job| job.tasks.values().any(|t| t.holder.is_some_and(|h| h.0 == *node));
            assert!(!history.jobs.values().any(holds), "{node} was removed with tasks");
        }
        _ => {}
    }
}

pub(super) fn check(history: &History, ledger: &Ledger) {
    let members: Vec<_> = ledger.members().map(|(node, member)| (node, member.fingerprint)).collect();
    let known: Vec<_> = history.members.iter().map(|(node, key)| (*node, *key)).collect();
    assert_eq!(members, known, "the members are those who were admitted");
}
