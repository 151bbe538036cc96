//! Forks, reads as of a position, differences and merges.

use std::sync::Arc;

use nexus_echo::{
    Clash, Conflict, Diff, Document, EchoError, Edit, EventKind, Merge, Micros, Preference, TimeNode, Timeline,
    TimelineKind, Trigger, TriggerKind,
};
use proptest::prelude::*;

use crate::random::{edit, timeline};

/// Everything of a state that can be seen.
fn seen(state: &nexus_echo::State) -> String {
    format!(
        "{} {} {:?} {:?}",
        state.events(),
        state.triggers(),
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

fn read(text: &str) -> Timeline {
    Document::parse(text.as_bytes()).and_then(|document| document.timeline()).expect("the text is a timeline")
}

#[test]
fn whatever_is_changed_in_an_entry_breaks_the_chain() {
    let text = r#"{"events": [{"name": "a", "kind": "fact", "at": 1, "probability": 0.5, "utility": 2, "late_cost_per_day": 3, "payload": 4, "metadata": {"k": "v"}}, {"name": "b", "at": 2}], "triggers": [{"from": "a", "to": "b", "kind": "causes", "probability": 0.6, "delay": [5, 7], "spread": {"pert": {"mode": 6}}}, {"from": "b", "to": "b", "kind": "informs"}]}"#;
    let one = read(text);
    let event = [
        (r#""kind": "fact""#, r#""kind": "planned""#),
        (r#""at": 1"#, r#""at": 3"#),
        (r#""probability": 0.5, "#, ""),
        (r#""probability": 0.5"#, r#""probability": 0.51"#),
        (r#""utility": 2"#, r#""utility": 3"#),
        (r#""late_cost_per_day": 3"#, r#""late_cost_per_day": 4"#),
        (r#""payload": 4"#, r#""payload": "4""#),
        (r#""k": "v""#, r#""k": "w""#),
        (r#""k": "v""#, r#""j": "v""#),
    ];
    let trigger = [
        (r#""kind": "causes""#, r#""kind": "enables""#),
        (r#""probability": 0.6"#, r#""probability": 0.7"#),
        ("[5, 7]", "[4, 7]"),
        ("[5, 7]", "[5, 8]"),
        (r#""mode": 6"#, r#""mode": 7"#),
        ("pert", "triangular"),
    ];
    for (position, changes) in [(1, &event[..]), (3, &trigger[..])] {
        for (from, to) in changes {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            let other = read(&text.replace(from, to));
            assert_eq!(one.hash_at(position - 1), other.hash_at(position - 1), "{from} → {to}");
            assert_ne!(one.hash_at(position), other.hash_at(position), "{from} → {to}");
            assert_ne!(one.head(), other.head(), "all later hashes differ too");
        }
    }
}

#[test]
fn what_is_there_is_not_added_again() {
    let mut timeline =
        read(r#"{"events": [{"name": "a", "at": 1}, {"name": "b", "at": 2}], "triggers": [{"from": "a", "to": "b"}]}"#);
    let twice: Vec<_> = timeline.edits_since(0).map(|(edit, _)| edit).collect();
    for edit in twice {
        assert_eq!(timeline.apply(edit).unwrap_err().code(), "NX0904");
    }
    assert_eq!(timeline.len(), 3, "what is refused leaves no entry");
}

#[test]
fn a_branch_has_the_snapshots_of_before_it_only() {
    let mut timeline = read(r#"{"events": [{"name": "a", "at": 1}]}"#);
    let named = |name: &str| Edit::Snapshot { name: name.to_owned() };
    timeline.apply(named("early")).unwrap();
    timeline.apply(named("late")).unwrap();
    let branch = timeline.fork("b", TimelineKind::Alternative, Some(1)).unwrap();
    assert_eq!(branch.snapshots().collect::<Vec<_>>(), [("early", 1)]);
    assert!(matches!(branch.snapshot("late"), Err(EchoError::NoSuchSnapshot { .. })));
}

#[test]
fn going_back_counts_what_is_there_then() {
    let mut timeline =
        read(r#"{"events": [{"name": "a", "at": 1}, {"name": "b", "at": 2}], "triggers": [{"from": "a", "to": "b"}]}"#);
    timeline.apply(Edit::Remove { event: "a".to_owned() }).unwrap();
    timeline.append(TimeNode::new("c", EventKind::Planned, Micros(3))).unwrap();
    timeline.append(TimeNode::new("d", EventKind::Planned, Micros(4))).unwrap();
    // Everything was there, and only the first event was; what came later is gone each time.
    for (position, events, triggers) in [(3, 2, 1), (1, 1, 0), (6, 3, 0)] {
        timeline.apply(Edit::Rollback { to: position }).unwrap();
        let state = timeline.state();
        assert_eq!((state.events(), state.triggers()), (events, triggers), "{position}");
        assert_eq!((state.iter_nodes().count(), state.iter_triggers().count()), (events, triggers), "{position}");
        assert_eq!(seen(state), seen(&timeline.state_at(position).unwrap()), "{position}");
    }
}

/// A base of two events with a trigger, and two branches with what each did.
fn branches(ours: &[Edit], theirs: &[Edit]) -> [Timeline; 2] {
    let base = read(
        r#"{"timeline": "p", "events": [{"name": "a", "at": 1}, {"name": "b", "at": 2}], "triggers": [{"from": "a", "to": "b"}]}"#,
    );
    [ours, theirs].map(|edits| {
        let mut branch = base.fork("q", TimelineKind::Alternative, None).expect("its whole log");
        branch.apply_all(edits.iter().cloned()).expect("the edits fit the base");
        branch
    })
}

#[test]
fn what_only_one_branch_did_is_no_conflict() {
    let node = |at: i64| Arc::new(TimeNode::new("a", EventKind::Planned, Micros(at)));
    let cut = Edit::Cut { from: "a".to_owned(), kind: TriggerKind::Causes, to: "b".to_owned() };
    for edit in [Edit::Replace(node(9)), Edit::Remove { event: "a".to_owned() }, cut] {
        let [ours, theirs] = branches(std::slice::from_ref(&edit), &[]);
        let merge = Merge::plan(&ours, &theirs, Preference::Report).unwrap();
        assert_eq!((merge.edits, merge.conflicts), (vec![], vec![]), "ours stays: {edit:?}");
        let merge = Merge::plan(&theirs, &ours, Preference::Report).unwrap();
        assert_eq!((merge.edits, merge.conflicts), (vec![edit], vec![]), "theirs is taken in");
    }
}

#[test]
fn what_something_new_hangs_on_is_not_removed_unasked() {
    let grown = Edit::Link(Arc::new(Trigger::new("b", TriggerKind::Informs, "a")));
    let [ours, theirs] = branches(&[grown], &[Edit::Remove { event: "a".to_owned() }]);
    let clash = vec![Conflict { what: "a".to_owned(), clash: Clash::RemovedThere }];
    for (preference, stays) in [(Preference::Report, true), (Preference::Ours, true), (Preference::Theirs, false)] {
        let merge = Merge::plan(&ours, &theirs, preference).unwrap();
        assert_eq!(merge.conflicts, clash, "{preference:?}");
        let mut merged = ours.clone();
        merged.apply_all(merge.edits).unwrap();
        assert_eq!(merged.node("a").is_some(), stays, "{preference:?}");
    }
}
