//! A join token admits one key, which gets the same answer again; a key that was removed is never admitted.

use crate::simulation::history::{History, Step};
use crate::{Command, Reply};

pub(super) fn after(step: &Step<'_>, history: &History) {
    let (Command::AddNode { node, token_hash, .. }, Ok(Reply::Node { node: id, .. })) =
        (step.command, &step.applied.reply)
    else {
        return;
    };
    if let Some(admitted) = history.admitted.get(token_hash) {
        assert_eq!(*admitted, (*id, node.fingerprint), "a token admits one member");
    }
    assert!(!history.removed.contains(&node.fingerprint), "{id} was removed");
}
