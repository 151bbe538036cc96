//! Every kind of inconsistency: a case that has it, with the exact witness, and the nearest case that has not.

use nexus_echo::check::{FindingKind, Severity, check};
use nexus_echo::{Document, Edit, Merge, Preference, Timeline, TimelineKind};

fn timeline(text: &str) -> Timeline {
    Document::parse(text.as_bytes()).and_then(|document| document.timeline()).expect("the case is a timeline")
}

/// Kind, severity and witness of every finding.
fn found(timeline: &Timeline) -> Vec<(FindingKind, Severity, Vec<String>)> {
    let report = check(timeline);
    assert_eq!(report.undecided, 0);
    report.findings.into_iter().map(|finding| (finding.kind, finding.severity, finding.events)).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn an_effect_before_its_cause_is_a_causal_violation() {
    let case = |at: &str, kind: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "rain", "at": "2h", "kind": "{kind}"}}, {{"name": "flood", "at": "{at}", "kind": "{kind}"}}],
                "triggers": [{{"from": "rain", "to": "flood", "delay": ["1h"]}}]}}"#
        ))
    };
    let witness = names(&["rain", "flood"]);
    assert_eq!(
        found(&case("2h 59min", "planned")),
        [(FindingKind::CausalViolation, Severity::Warning, witness.clone())]
    );
    assert_eq!(found(&case("3h", "planned")), []);
    // Between facts it is an error, and no times of anything else could mend it.
    assert_eq!(
        found(&case("2h 59min", "fact")),
        [
            (FindingKind::CausalViolation, Severity::Error, witness.clone()),
            (FindingKind::TemporalInconsistency, Severity::Error, witness),
        ]
    );
}

#[test]
fn an_effect_may_come_with_the_first_of_several_causes() {
    let case = |at: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "early", "at": "1h"}}, {{"name": "late", "at": "9h"}}, {{"name": "effect", "at": "{at}"}}],
                "triggers": [{{"from": "early", "to": "effect", "delay": ["1h"]}}, {{"from": "late", "to": "effect"}}]}}"#
        ))
    };
    assert_eq!(found(&case("2h")), []);
    assert_eq!(found(&case("1h")), [(FindingKind::CausalViolation, Severity::Warning, names(&["early", "effect"]))]);
}

#[test]
fn bounds_that_no_times_satisfy_are_a_temporal_inconsistency() {
    // Two ways from a to c: by b at least 4 h, directly at most `most`.
    let case = |most: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "a", "at": 0}}, {{"name": "b", "at": "2h"}}, {{"name": "c", "at": "4h"}}, {{"name": "d", "at": "9h"}}],
                "triggers": [{{"from": "a", "to": "b", "kind": "enables", "delay": ["2h"]}},
                             {{"from": "b", "to": "c", "kind": "enables", "delay": ["2h"]}},
                             {{"from": "a", "to": "c", "kind": "enables", "delay": ["1h", "{most}"]}},
                             {{"from": "c", "to": "d", "kind": "enables", "delay": ["1h"]}}]}}"#
        ))
    };
    assert_eq!(found(&case("3h")), [(FindingKind::TemporalInconsistency, Severity::Error, names(&["a", "b", "c"]))]);
    assert_eq!(found(&case("4h")), []);
}

#[test]
fn facts_hold_the_network_still() {
    let case = |b: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "a", "at": 0, "kind": "fact"}}, {{"name": "b", "at": "1h"}}, {{"name": "c", "at": "{b}", "kind": "fact"}}],
                "triggers": [{{"from": "a", "to": "b", "delay": ["1h"]}}, {{"from": "b", "to": "c", "delay": ["1h"]}}]}}"#
        ))
    };
    let kinds: Vec<_> = found(&case("90min")).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [FindingKind::CausalViolation, FindingKind::TemporalInconsistency]);
    assert_eq!(found(&case("2h")), []);
}

#[test]
fn causes_in_a_circle_are_a_bootstrap_loop() {
    let case = |kind: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "a", "at": 0}}, {{"name": "b", "at": 0}}, {{"name": "c", "at": 0}}, {{"name": "d", "at": 0}}],
                "triggers": [{{"from": "d", "to": "a"}}, {{"from": "a", "to": "b"}}, {{"from": "b", "to": "c"}}, {{"from": "c", "to": "a", "kind": "{kind}"}}]}}"#
        ))
    };
    assert_eq!(found(&case("causes")), [(FindingKind::BootstrapLoop, Severity::Error, names(&["a", "b", "c"]))]);
    assert_eq!(found(&case("informs")), []);
}

#[test]
fn ruling_out_an_own_cause_is_a_grandfather() {
    let case = |prevented: &str, kind: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "grandfather", "at": 0, "kind": "decision"}}, {{"name": "father", "at": 1}}, {{"name": "traveller", "at": 2}}, {{"name": "neighbour", "at": 0}}],
                "triggers": [{{"from": "grandfather", "to": "father", "kind": "{kind}"}}, {{"from": "father", "to": "traveller"}},
                             {{"from": "traveller", "to": "{prevented}", "kind": "prevents"}}]}}"#
        ))
    };
    for kind in ["causes", "enables", "option"] {
        assert_eq!(
            found(&case("grandfather", kind)),
            [(FindingKind::Grandfather, Severity::Error, names(&["grandfather", "father", "traveller"]))]
        );
        assert_eq!(found(&case("neighbour", kind)), []);
    }
    assert_eq!(found(&case("grandfather", "informs")), [], "to know of something is not to come from it");
}

#[test]
fn exclusive_events_at_one_time_are_a_contradiction() {
    let case = |at: &str, probability: f64| {
        timeline(&format!(
            r#"{{"events": [{{"name": "sold", "at": "1d", "probability": {probability}}}, {{"name": "kept", "at": "{at}", "probability": 0.5}}],
                "triggers": [{{"from": "sold", "to": "kept", "kind": "excludes"}}]}}"#
        ))
    };
    assert_eq!(found(&case("1d", 0.6)), [(FindingKind::Contradiction, Severity::Warning, names(&["sold", "kept"]))]);
    assert_eq!(found(&case("1d", 0.5)), [], "either the one or the other");
    assert_eq!(found(&case("2d", 0.6)), [], "one after the other");
}

#[test]
fn an_effect_likelier_than_its_causes_is_an_inversion() {
    let case = |effect: f64| {
        timeline(&format!(
            r#"{{"events": [{{"name": "storm", "at": 0, "probability": 0.2}}, {{"name": "theft", "at": 0, "probability": 0.1}},
                           {{"name": "loss", "at": 1, "probability": {effect}}}],
                "triggers": [{{"from": "storm", "to": "loss", "probability": 0.5}}, {{"from": "theft", "to": "loss"}}]}}"#
        ))
    };
    let witness = names(&["storm", "theft", "loss"]);
    assert_eq!(found(&case(0.21)), [(FindingKind::ProbabilityInversion, Severity::Error, witness)]);
    assert_eq!(found(&case(0.2)), []);
}

#[test]
fn a_value_from_nowhere_is_an_information_loop() {
    let case = |extra: &str| {
        timeline(&format!(
            r#"{{"events": [{{"name": "book", "at": 0}}, {{"name": "copy", "at": 0}}, {{"name": "author", "at": 0}}],
                "triggers": [{{"from": "book", "to": "copy", "kind": "informs"}}, {{"from": "copy", "to": "book", "kind": "informs"}}{extra}]}}"#
        ))
    };
    assert_eq!(found(&case("")), [(FindingKind::InformationLoop, Severity::Error, names(&["book", "copy"]))]);
    assert_eq!(found(&case(r#", {"from": "author", "to": "book", "kind": "informs"}"#)), []);
}

#[test]
fn two_contents_on_merged_branches_are_a_collision() {
    let base = timeline(r#"{"timeline": "plan", "events": [{"name": "launch", "at": "9d"}]}"#);
    let at = |at: &str| {
        let node = Document::parse(format!(r#"{{"events": [{{"name": "launch", "at": "{at}"}}]}}"#).as_bytes());
        Edit::Replace(node.expect("a document").events[0].clone())
    };
    let [mut ours, mut theirs] =
        ["ours", "theirs"].map(|name| base.fork(name, TimelineKind::Alternative, None).unwrap());
    ours.apply(at("8d")).unwrap();
    theirs.apply(at("10d")).unwrap();
    let merge = Merge::plan(&ours, &theirs, Preference::Report).unwrap();
    assert_eq!(merge.conflicts.len(), 1);
    ours.apply_all(merge.edits).unwrap();
    assert_eq!(found(&ours), [(FindingKind::Collision, Severity::Error, names(&["launch"]))]);
    ours.apply(at("9d")).unwrap();
    assert_eq!(found(&ours), [], "choosing a content ends the dispute");
}
