//! What a timeline refuses, with what it says, and that it is as before then: bounds of events, names, logs and searches.

use std::sync::Arc;

use nexus_echo::forecast::Choices;
use nexus_echo::plan::{Method, PlanSettings, plan};
use nexus_echo::repair::{Weights, repairs};
use nexus_echo::{
    ChainHash, Document, EchoError, Edit, EventKind, Graph, JSON_BYTES_MAX, MICROS_MAX, Merge, Micros, NAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX, Preference, SNAPSHOTS_MAX, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind,
};

fn event(name: &str) -> TimeNode {
    TimeNode::new(name, EventKind::Planned, Micros(0))
}

fn timeline(names: &[&str]) -> Timeline {
    let mut timeline = Timeline::new("t", TimelineKind::Primary);
    names.iter().for_each(|name| _ = timeline.append(event(name)).expect("it is new"));
    timeline
}

fn graph(text: &str) -> Graph {
    let timeline = Document::parse(text.as_bytes()).and_then(|document| document.timeline());
    Graph::new(timeline.expect("the case is a timeline").state())
}

#[test]
fn events_out_of_their_bounds_are_refused() {
    let mut timeline = timeline(&["a"]);
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let with = |change: &dyn Fn(&mut TimeNode)| {
        let mut node = event("b");
        change(&mut node);
        node
    };
    let cases = [
        (event(""), "a name has 1 to 256 bytes"),
        (event(&long), "a name has 1 to 256 bytes"),
        (event("two\nlines"), "a name has 1 to 256 bytes"),
        (with(&|node| node.timestamp = Micros(MICROS_MAX + 1)), "beyond 285 years"),
        (with(&|node| node.probability = Some(1.1)), "its probability is 1.1"),
        (with(&|node| node.probability = Some(f64::NAN)), "its probability is NaN"),
        (with(&|node| node.utility = f64::INFINITY), "its utility must be a finite number"),
        (with(&|node| node.late_cost_per_day = -1.0), "its utility must be a finite number"),
        (with(&|node| node.payload = "x".repeat(PAYLOAD_BYTES_MAX).into()), "65536 bytes each"),
        (with(&|node| _ = node.metadata.insert("k".to_owned(), "x".repeat(PAYLOAD_BYTES_MAX))), "65536 bytes each"),
    ];
    for (node, why) in cases {
        let error = timeline.append(node).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(timeline.len(), 1, "what is refused leaves no entry");
    timeline.append(event(&"x".repeat(NAME_BYTES_MAX))).unwrap();
}

#[test]
fn snapshots_have_names_and_are_bounded() {
    let mut timeline = timeline(&["a"]);
    let named = |name: String| Edit::Snapshot { name };
    assert!(matches!(timeline.apply(named(String::new())), Err(EchoError::TooLarge { .. })));
    assert!(matches!(timeline.apply(named("x".repeat(NAME_BYTES_MAX + 1))), Err(EchoError::TooLarge { .. })));
    for at in 0..SNAPSHOTS_MAX {
        timeline.apply(named(at.to_string())).unwrap();
    }
    let more = timeline.apply(named("one more".to_owned())).unwrap_err();
    assert_eq!(more, EchoError::TooLarge { what: "snapshots of one timeline".to_owned(), most: SNAPSHOTS_MAX as u64 });
    timeline.apply(named("0".to_owned())).expect("one that is there may move");
}

#[test]
fn documents_of_more_bytes_than_are_read_are_refused_unread() {
    // Zeros, which the system gives when they are looked at, and nobody looks.
    let long = vec![0; JSON_BYTES_MAX + 1];
    let what = "a timeline in JSON of that many bytes".to_owned();
    assert_eq!(Document::parse(&long), Err(EchoError::TooLarge { what, most: JSON_BYTES_MAX as u64 }));
    assert!(matches!(Document::parse(&long[1..]), Err(EchoError::BadJson { line: 1, column: 1, .. })));
}

#[test]
fn hashes_are_sixty_four_digits() {
    let read = |text: &str| ChainHash::try_from(text.to_owned());
    let whole = timeline(&["a"]).head();
    assert_eq!(read(&whole.to_string()), Ok(whole));
    for wrong in ["", "ab", &whole.to_string()[1..], &format!("{whole}00"), &"g".repeat(64)] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn timelines_without_a_common_past_are_not_merged() {
    let [one, other] = [timeline(&["a"]), timeline(&["b"])];
    assert!(matches!(Merge::plan(&one, &other, Preference::Ours), Err(EchoError::NotRelated(..))));
    let empty = timeline(&[]);
    let taken = Merge::plan(&empty, &one, Preference::Report).expect("nothing is everybody's past");
    assert_eq!((taken.edits.len(), taken.conflicts.len()), (1, 0));
}

#[test]
fn a_search_for_repairs_ends() {
    // Fourteen loops, each with as many ways to mend it: the cheapest cuts one trigger of each.
    let mut timeline = Timeline::new("t", TimelineKind::Primary);
    for at in 0..14 {
        let names = [0, 1, 2].map(|part| format!("e{at}.{part}"));
        names.iter().for_each(|name| _ = timeline.append(event(name)).unwrap());
        for part in 0..3 {
            let (from, to) = (names[part].clone(), names[(part + 1) % 3].clone());
            timeline.link(Trigger::new(from, TriggerKind::Causes, to)).unwrap();
        }
    }
    let found = repairs(&timeline, Weights::default(), 1);
    assert!(matches!(found, Err(EchoError::TooLarge { .. })), "{found:?}");
}

#[test]
fn as_many_paths_as_are_asked_for_are_listed() {
    // Two ways at each of four stages: sixteen paths.
    let mut timeline = timeline(&["s0", "s1", "s2", "s3", "s4"]);
    for stage in 0..4 {
        for way in ["left", "right"] {
            let name = format!("{way} {stage}");
            timeline.append(event(&name)).unwrap();
            timeline.link(Trigger::new(format!("s{stage}"), TriggerKind::Causes, name.as_str())).unwrap();
            timeline.link(Trigger::new(name.as_str(), TriggerKind::Causes, format!("s{}", stage + 1))).unwrap();
        }
    }
    let graph = Graph::new(timeline.state());
    let [start, end] = ["s0", "s4"].map(|name| graph.place(name).unwrap());
    let (all, whole) = graph.paths(start, end, 100);
    assert_eq!((all.len(), whole), (16, true));
    let (some, whole) = graph.paths(start, end, 10);
    assert_eq!((some.len(), whole), (10, false));
    assert_eq!(some, all[..10]);
}

#[test]
fn where_delays_vary_and_lateness_costs_nothing_is_called_exact() {
    let text = |delay: &str, cost: f64| {
        format!(
            r#"{{"events": [{{"name": "start", "at": 0}}, {{"name": "how?", "at": 0, "kind": "decision"}},
                {{"name": "slow", "at": 0}}, {{"name": "fast", "at": 0, "utility": -0.4}},
                {{"name": "end", "at": 0, "late_cost_per_day": {cost}}}],
              "triggers": [{{"from": "start", "to": "how?", "kind": "enables"}},
                {{"from": "how?", "to": "slow", "kind": "option"}}, {{"from": "how?", "to": "fast", "kind": "option"}},
                {{"from": "slow", "to": "end", "delay": {delay}}}, {{"from": "fast", "to": "end"}}]}}"#
        )
    };
    let found = |delay: &str, cost: f64| {
        plan(&graph(&text(delay, cost)), &Choices::new(), PlanSettings::default()).expect("it can be planned on")
    };
    // A day late on average costs 1, being fast 0.4.
    for (delay, method) in [(r#"["1d", "1d"]"#, Method::Exact), (r#"["0d", "2d"]"#, Method::TreeSearch)] {
        let found = found(delay, 1.0);
        assert_eq!(found.method, method, "{delay}");
        assert!((found.utility + 0.4).abs() < 1e-9, "{delay}: {}", found.utility);
    }
    assert_eq!(found(r#"["0d", "2d"]"#, 0.0).method, Method::Exact, "whatever does not matter may vary");
}

#[test]
fn a_loop_of_one_bounds_no_probability_of_its_own() {
    let own = graph(
        r#"{"events": [{"name": "a", "at": 0, "probability": 0.5}], "triggers": [{"from": "a", "to": "a", "probability": 0.1}]}"#,
    );
    let kinds: Vec<&str> = nexus_echo::check::check_graph(&own).findings.iter().map(|one| one.kind.words()).collect();
    assert_eq!(kinds, ["bootstrap loop"]);
    let node = Arc::clone(&own.nodes[0]);
    assert_eq!(node.until(), node.timestamp, "what says no end is over at once");
}
