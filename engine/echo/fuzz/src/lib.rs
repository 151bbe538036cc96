//! What the fuzz targets promise. The same functions are run by `tests/fuzzing.rs` on the stable compiler.
//!
//! Whatever the bytes are: no panic, no answer that contradicts another, and an end in good time.

use nexus_echo::check::{Checker, check, check_graph};
use nexus_echo::forecast::{Choices, Settings, critical_events, forecast};
use nexus_echo::plan::{PlanSettings, plan};
use nexus_echo::repair::{Weights, repairs};
use nexus_echo::{Diff, Document, Graph, Merge, Preference, TimeRange, Timeline, TimelineKind, draw, parse_edits};

/// More events than this are not drawn or forecast: the question is what they do, not how many there can be.
const EVENTS_MAX: usize = 60;
/// Edits that are done one by one, each with a look at what was before.
const EDITS_MAX: usize = 200;

/// Bytes as a document in JSON: refused with a place, or a timeline that reads back as it was written and that every
/// question can be put to.
pub fn import(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    let Ok(timeline) = document.timeline() else { return };
    let written = Document::of(&timeline).to_text();
    let again = Document::parse(written.as_bytes()).expect("what was written is read");
    assert_eq!(again, Document::of(&timeline), "a document reads back as it was written");
    timeline.verify().expect("the hashes of a new log are right");
    let report = check(&timeline);
    let mut checker = Checker::new();
    checker.follow(&timeline);
    assert_eq!(checker.report(), report, "following and a full check agree");
    let graph = Graph::new(timeline.state());
    if graph.len() > EVENTS_MAX {
        return;
    }
    let times = |at: usize| graph.nodes.get(at).map(|node| node.timestamp);
    // Any two times, also the wrong way round.
    let part = TimeRange::of(timeline.state(), times(0), times(1)).unwrap_or(TimeRange::ALL);
    for range in [TimeRange::ALL, part] {
        let graph = Graph::within(timeline.state(), range);
        drop((draw::svg(&graph, "fuzz", range), draw::chart(&graph, range, 100, 60)));
        drop((draw::dot(&graph, "fuzz"), draw::trace(&graph)));
    }
    let settings = Settings { rollouts: 64, seed: 1, threads: 1 };
    let forecast = forecast(&graph, &Choices::new(), settings);
    for event in forecast.iter().flat_map(|forecast| &forecast.events) {
        assert!((0.0..=1.0).contains(&event.probability), "{event:?}");
        assert!(event.probability_95.low <= event.probability && event.probability <= event.probability_95.high);
    }
    drop(critical_events(&graph, &Choices::new(), None, 1));
    if graph.len() <= 12 {
        let settings = PlanSettings { rollouts: 100, seed: 1, search: false };
        if let Ok(plan) = plan(&graph, &Choices::new(), settings) {
            drop((draw::policy_svg(&plan, "fuzz"), draw::policy_dot(&plan, "fuzz")));
        }
        let weights = Weights::default();
        for repair in repairs(&timeline, weights, 1).unwrap_or_default() {
            let mut mended = timeline.clone();
            mended.apply_all(repair.edits).expect("a proposal can be done");
            assert!(check(&mended).is_consistent(), "a proposal mends");
        }
    }
}

/// Bytes as edits, one a line: each is done or refused with nothing changed, reads as of a position never change, and
/// branches merge.
pub fn edits(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(edits) = parse_edits(text) else { return };
    let mut timeline = Timeline::new("fuzz", TimelineKind::Primary);
    let mut heads = vec![timeline.head()];
    let mut counts = vec![(0, 0)];
    for edit in edits.into_iter().take(EDITS_MAX) {
        let before = (timeline.head(), timeline.state().events(), timeline.state().triggers());
        match timeline.apply(edit) {
            Ok(_) => {
                heads.push(timeline.head());
                counts.push((timeline.state().events(), timeline.state().triggers()));
            }
            Err(_) => {
                let after = (timeline.head(), timeline.state().events(), timeline.state().triggers());
                assert_eq!(before, after, "a refused edit changes nothing");
            }
        }
    }
    timeline.verify().expect("the hashes are those of the edits");
    for (position, (head, counts)) in heads.iter().zip(&counts).enumerate() {
        let state = timeline.state_at(position as u64).expect("the position is in the log");
        assert_eq!(timeline.hash_at(position as u64).as_ref(), Some(head));
        assert_eq!((state.events(), state.triggers()), *counts, "position {position}");
        let graph = Graph::new(&state);
        assert_eq!((graph.len(), graph.edges.len()), *counts, "position {position}");
    }
    let half = heads.len() as u64 / 2;
    let branch = timeline.fork("branch", TimelineKind::Alternative, Some(half)).expect("the position is in the log");
    assert_eq!(branch.common_length(&timeline), half);
    if let Ok(merge) = Merge::plan(&branch, &timeline, Preference::Report) {
        let mut merged = branch.clone();
        merged.apply_all(merge.edits).expect("a merge can be done");
        drop(check_graph(&Graph::new(merged.state())));
    }
    let similarity = Diff::new(&branch, &timeline).similarity();
    assert!((0.0..=1.0).contains(&similarity), "{similarity}");
}

/// Words that inputs are made of.
pub const WORDS: &[&str] = &[
    "\"events\"",
    "\"triggers\"",
    "\"timeline\"",
    "\"name\"",
    "\"at\"",
    "\"kind\"",
    "\"fact\"",
    "\"planned\"",
    "\"decision\"",
    "\"probability\"",
    "\"utility\"",
    "\"late_cost_per_day\"",
    "\"payload\"",
    "\"metadata\"",
    "\"from\"",
    "\"to\"",
    "\"causes\"",
    "\"enables\"",
    "\"prevents\"",
    "\"excludes\"",
    "\"informs\"",
    "\"option\"",
    "\"delay\"",
    "\"spread\"",
    "\"uniform\"",
    "{\"pert\":{\"mode\":\"1d\"}}",
    "{\"triangular\":{\"mode\":1}}",
    "{\"exponential\":{\"mean\":\"3d\"}}",
    "{\"lognormal\":{\"median\":\"1h\",\"sigma\":0.5}}",
    "\"append\"",
    "\"link\"",
    "\"replace\"",
    "\"relink\"",
    "\"remove\"",
    "\"event\"",
    "\"cut\"",
    "\"dispute\"",
    "\"snapshot\"",
    "\"rollback\"",
    "\"3d\"",
    "\"1.5h\"",
    "\"2d 4h\"",
    "\"2026-03-01T09:30:00Z\"",
    "\"-40ms\"",
    "9007199254740992",
    "-9007199254740992",
    "9223372036854775807",
    "1e308",
    "-0.0",
    "0.5",
    "null",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\"until\"",
    "\"lane\"",
    "\"how\"",
];
