//! Forks, reads as of a position, differences and merges.

use nexus_echo::{Diff, Document, Merge, Preference, Timeline, TimelineKind};
use proptest::prelude::*;

use crate::random::{edit, timeline};

/// Everything of a state that can be seen.
fn seen(state: &nexus_echo::State) -> String {
    format!(
        "{:?} {:?}",
        state.iter_nodes().map(|(_, node)| node).collect::<Vec<_>>(),
        state.iter_triggers().map(|(_, trigger)| trigger).collect::<Vec<_>>()
    )
}

fn sorted(document: &Document) -> (Vec<String>, Vec<String>) {
    let mut events: Vec<String> = document.events.iter().map(|event| format!("{event:?}")).collect();
    let mut triggers: Vec<String> = document.triggers.iter().map(|trigger| format!("{trigger:?}")).collect();
    events.sort();
    triggers.sort();
    (events, triggers)
}

proptest! {
    #[test]
    fn reads_as_of_a_position_never_change(
        edits in proptest::collection::vec(edit(), 0..120), later in proptest::collection::vec(edit(), 0..60),
    ) {
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        let mut states = vec![seen(timeline.state())];
        for edit in edits {
            if timeline.apply(edit).is_ok() {
                states.push(seen(timeline.state()));
            }
        }
        let branch = timeline.fork("b", TimelineKind::Alternative, None).unwrap();
        let mut branches: Vec<Timeline> = (0..states.len() as u64)
            .map(|at| timeline.fork("b", TimelineKind::Alternative, Some(at)).unwrap())
            .collect();
        for edit in later {
            drop(timeline.apply(edit.clone()));
            branches.iter_mut().for_each(|branch| drop(branch.apply(edit.clone())));
        }
        for (position, state) in states.iter().enumerate() {
            prop_assert_eq!(&seen(&timeline.state_at(position as u64).unwrap()), state);
            prop_assert_eq!(&seen(&branches[position].state_at(position as u64).unwrap()), state);
        }
        prop_assert_eq!(&seen(branch.state()), states.last().unwrap());
        timeline.verify().unwrap();
        branches.iter().try_for_each(Timeline::verify).unwrap();
    }

    #[test]
    fn fork_and_merge_without_edits_is_the_identity(edits in proptest::collection::vec(edit(), 0..80)) {
        let ours = timeline(edits);
        let theirs = ours.fork("b", TimelineKind::Alternative, None).unwrap();
        let merge = Merge::plan(&ours, &theirs, Preference::Report).unwrap();
        prop_assert_eq!((merge.edits, merge.conflicts), (vec![], vec![]));
        let diff = Diff::new(&ours, &theirs);
        prop_assert_eq!((diff.similarity(), diff.diverged_at), (1.0, ours.len()));
    }

    #[test]
    fn merging_a_branch_into_an_unchanged_parent_gives_the_branch(
        edits in proptest::collection::vec(edit(), 0..60), there in proptest::collection::vec(edit(), 0..60),
    ) {
        let mut ours = timeline(edits);
        let mut theirs = ours.fork("b", TimelineKind::Alternative, None).unwrap();
        there.into_iter().for_each(|edit| drop(theirs.apply(edit)));
        let merge = Merge::plan(&ours, &theirs, Preference::Report).unwrap();
        prop_assert_eq!(&merge.conflicts, &vec![]);
        ours.apply_all(merge.edits).unwrap();
        prop_assert_eq!(sorted(&Document::of(&ours)), sorted(&Document::of(&theirs)));
    }

    #[test]
    fn a_merge_can_always_be_applied_and_theirs_wins_if_preferred(
        edits in proptest::collection::vec(edit(), 0..50),
        here in proptest::collection::vec(edit(), 0..50),
        there in proptest::collection::vec(edit(), 0..50),
    ) {
        let mut ours = timeline(edits);
        let mut theirs = ours.fork("b", TimelineKind::Alternative, None).unwrap();
        here.into_iter().for_each(|edit| drop(ours.apply(edit)));
        there.into_iter().for_each(|edit| drop(theirs.apply(edit)));
        for preference in [Preference::Report, Preference::Ours, Preference::Theirs] {
            // Logs that differ from the first entry on have nothing in common to merge on.
            let Ok(merge) = Merge::plan(&ours, &theirs, preference) else { return Ok(()) };
            let mut merged = ours.clone();
            merged.apply_all(merge.edits.clone()).unwrap();
            let base = ours.state_at(merge.base).unwrap();
            let unchanged = |id, node| base.iter_nodes().any(|(known, same)| known == id && same == node);
            let changed = theirs.state().iter_nodes().filter(|&(id, node)| !unchanged(id, node));
            for (id, node) in changed.filter(|_| preference == Preference::Theirs) {
                prop_assert!(merged.state().iter_nodes().any(|(known, same)| known == id && same == node));
            }
        }
    }

    #[test]
    fn a_document_reads_back_as_it_was_written(edits in proptest::collection::vec(edit(), 0..80)) {
        let document = Document::of(&timeline(edits));
        let again = Document::parse(document.to_text().as_bytes()).unwrap();
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(Document::of(&again.timeline().unwrap()), document);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Document::parse(&bytes));
    }
}

#[test]
fn a_changed_entry_breaks_the_chain() {
    let text = r#"{"events": [{"name": "a", "at": 1}, {"name": "b", "at": 2}]}"#;
    let one = Document::parse(text.as_bytes()).unwrap().timeline().unwrap();
    let other = Document::parse(text.replace("\"at\": 1", "\"at\": 3").as_bytes()).unwrap().timeline().unwrap();
    assert_ne!(one.hash_at(1), other.hash_at(1));
    assert_ne!(one.head(), other.head(), "all later hashes differ too");
}
