//! The models over time say what the simulation of the timeline says, as far as slices are fine; exact and sampled answers
//! agree; evidence counts; the policy is that of the plan.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use nexus_bridge::{Effort, Method, Seen, Slices, timed_beliefs, timed_policy};
use nexus_echo::forecast::{Choices, Settings, forecast};
use nexus_echo::plan::{PlanSettings, plan};
use nexus_echo::{Document, Graph, Micros};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn graph(text: &str) -> Graph {
    let timeline = Document::parse(text.as_bytes()).and_then(|document| document.timeline());
    Graph::new(timeline.expect("the case is a timeline").state())
}

/// Two machines build parts with delays of their own, one may be hit by a storm; the assembly needs both, a strike may
/// prevent it, and it may also come from outside.
const PROJECT: &str = r#"{"events": [
    {"name": "start", "at": 0}, {"name": "storm", "at": "4d", "probability": 0.4},
    {"name": "left", "at": "6d"}, {"name": "right", "at": "6d"}, {"name": "assembly", "at": "10d"},
    {"name": "bought", "at": "12d"}, {"name": "done", "at": "14d"}, {"name": "strike", "at": "9d", "probability": 0.3}],
  "triggers": [
    {"from": "start", "to": "left", "kind": "enables", "delay": ["4d", "10d"], "spread": {"pert": {"mode": "6d"}}},
    {"from": "start", "to": "right", "kind": "enables", "delay": ["3d", "8d"]},
    {"from": "storm", "to": "right", "kind": "prevents", "delay": ["1d", "1d"], "probability": 0.5},
    {"from": "left", "to": "assembly", "kind": "enables", "delay": ["2d", "4d"]},
    {"from": "right", "to": "assembly", "kind": "enables"},
    {"from": "start", "to": "bought", "probability": 0.3, "spread": {"exponential": {"mean": "9d"}}},
    {"from": "assembly", "to": "done", "delay": ["1d", "2d"]}, {"from": "bought", "to": "done", "delay": ["2d", "3d"]},
    {"from": "strike", "to": "done", "kind": "prevents", "probability": 0.4, "delay": ["0h", "3d"]}]}"#;

/// The part of simulated futures in which an event has happened by a time: the distribution function of the forecast.
fn simulated(graph: &Graph, event: usize, times: &[i64]) -> Vec<f64> {
    // A watcher for each time: an event that the timeline's own simulation shows.
    times
        .iter()
        .map(|time| {
            let name = &graph.nodes[event].name;
            let text = format!(
                r#"{{"events": [{{"name": "watch", "at": {time}}}, {{"name": "late", "at": {time}}}],
                    "triggers": [{{"from": "{name}", "to": "late"}}, {{"from": "watch", "to": "late", "kind": "prevents"}}]}}"#
            );
            let more = Document::parse(text.as_bytes()).unwrap();
            let mut timeline = nexus_echo::Timeline::new("watched", nexus_echo::TimelineKind::Simulation);
            let nodes = graph.nodes.iter().chain(&more.events).cloned().map(nexus_echo::Edit::Append);
            let links = graph.triggers.iter().chain(&more.triggers).cloned().map(nexus_echo::Edit::Link);
            timeline.apply_all(nodes.chain(links)).unwrap();
            let watched = Graph::new(timeline.state());
            let settings = Settings { rollouts: 200_000, seed: 5, threads: 2 };
            let found = forecast(&watched, &Choices::new(), settings).unwrap();
            found.events.last().unwrap().probability
        })
        .collect()
}

#[test]
fn beliefs_over_time_are_those_of_the_simulation() {
    let graph = graph(PROJECT);
    let slices = Slices::new(Micros(0), Micros(12 * HOUR), 48).unwrap();
    let found = timed_beliefs(&graph, slices, &BTreeMap::new(), Effort::default()).unwrap();
    assert_eq!(found.method, Method::Exact);
    for (event, name) in [(2, "left"), (3, "right"), (4, "assembly"), (6, "done")] {
        let places = [11_usize, 15, 19, 23, 31, 43];
        let times: Vec<i64> = places.iter().map(|at| slices.end(*at).0).collect();
        for (place, wanted) in places.into_iter().zip(simulated(&graph, event, &times)) {
            let believed = found.events[event].by[place].probability;
            // Half a slice of twelve hours in a process of days: what cutting time costs, and ties within a slice.
            assert!((believed - wanted).abs() < 0.035, "{name} by slice {place}: {believed}, simulated {wanted}");
        }
    }
}

#[test]
fn sampled_and_exact_beliefs_agree_within_the_error_bars() {
    let graph = graph(PROJECT);
    let slices = Slices::new(Micros(0), Micros(2 * DAY), 12).unwrap();
    let seen = BTreeMap::from([("left".to_owned(), Seen::NotBy(Micros(7 * DAY)))]);
    let exact = timed_beliefs(&graph, slices, &seen, Effort::default()).unwrap();
    let (mut inside, mut all) = (0, 0);
    for seed in 0..10 {
        let effort = Effort { memory_max: 0, samples: 20_000, seed };
        let sampled = timed_beliefs(&graph, slices, &seen, effort).unwrap();
        assert!(matches!(sampled.method, Method::Sampled { .. }));
        for (one, other) in exact.events.iter().zip(&sampled.events) {
            for (point, bound) in one.by.iter().zip(&other.by) {
                let is_chance = point.probability > 0.01 && point.probability < 0.99;
                all += usize::from(is_chance);
                inside += usize::from(is_chance && bound.low <= point.probability && point.probability <= bound.high);
            }
        }
    }
    // 95 % intervals; the slices of one event are not independent, so that whole runs of them miss together.
    assert!(inside as f64 > 0.9 * all as f64, "{inside} of {all}");
}

#[test]
fn what_was_seen_counts() {
    let graph = graph(PROJECT);
    let slices = Slices::new(Micros(0), Micros(DAY), 24).unwrap();
    let done_by = |seen: &[(&str, Seen)], day: usize| {
        let seen = seen.iter().map(|(name, seen)| ((*name).to_owned(), *seen)).collect();
        timed_beliefs(&graph, slices, &seen, Effort::default()).unwrap().events[6].by[day - 1].probability
    };
    let prior = done_by(&[], 14);
    assert!(done_by(&[("left", Seen::At(Micros(4 * DAY + HOUR)))], 14) > prior + 0.02);
    assert!(done_by(&[("assembly", Seen::NotBy(Micros(13 * DAY)))], 14) < prior - 0.1);
    let nothing =
        timed_beliefs(&graph, slices, &BTreeMap::from([("nobody".to_owned(), Seen::At(Micros(0)))]), Effort::default());
    assert!(nothing.is_err());
    let impossible = BTreeMap::from([("left".to_owned(), Seen::At(Micros(20 * DAY)))]);
    assert!(timed_beliefs(&graph, slices, &impossible, Effort::default()).is_err());
}

/// A launch with a deadline: 100 for being there, 8 less for each day late. A second shift (30) saves days; whether the
/// supplier is late is known when it is decided on.
const LAUNCH: &str = r#"{"events": [
    {"name": "start", "at": 0}, {"name": "late supplier", "at": 0, "probability": 0.4},
    {"name": "slow parts", "at": "2d"}, {"name": "parts", "at": "3d"},
    {"name": "shift?", "at": "3d", "kind": "decision"}, {"name": "second shift", "at": "3d", "utility": -30}, {"name": "one shift", "at": "3d"},
    {"name": "launch", "at": "12d", "utility": 100, "late_cost_per_day": 8}],
  "triggers": [
    {"from": "start", "to": "parts", "kind": "enables", "delay": ["2d", "4d"]},
    {"from": "late supplier", "to": "slow parts", "delay": ["1d"]},
    {"from": "start", "to": "shift?", "kind": "enables", "delay": ["3d", "3d"]},
    {"from": "late supplier", "to": "shift?", "kind": "informs"},
    {"from": "shift?", "to": "second shift", "kind": "option"}, {"from": "shift?", "to": "one shift", "kind": "option"},
    {"from": "second shift", "to": "launch", "delay": ["5d", "9d"]},
    {"from": "one shift", "to": "launch", "delay": ["11d", "15d"]},
    {"from": "parts", "to": "launch", "kind": "enables", "delay": ["1d", "2d"]}]}"#;

#[test]
fn the_policy_over_time_is_that_of_the_plan() {
    let graph = graph(LAUNCH);
    let slices = Slices::new(Micros(0), Micros(12 * HOUR), 48).unwrap();
    let exact = timed_policy(&graph, slices, &BTreeMap::new(), Effort::default()).unwrap();
    assert_eq!(exact.method, Method::Exact);
    let settings = PlanSettings { rollouts: 40_000, seed: 3, search: true };
    let searched = plan(&graph, &Choices::new(), settings).unwrap();
    let (low, high) = (searched.utility_95.low, searched.utility_95.high);
    // Half a slice of lateness on average costs 8 a day: 2; slices are not finer.
    assert!(
        low - 2.0 < exact.policy.utility && exact.policy.utility < high + 2.0,
        "{} [{low}, {high}]",
        exact.policy.utility
    );
    assert!(exact.policy.advice.iter().all(|advice| advice.choose == searched.rules[0].choose), "{exact:?}");
    let known = exact.policy.advice.iter().flat_map(|advice| &advice.known);
    known.for_each(|(event, _)| assert!(graph.place(event).is_ok(), "{event} is no event of the timeline"));
    let sampled =
        timed_policy(&graph, slices, &BTreeMap::new(), Effort { memory_max: 0, ..Effort::default() }).unwrap();
    assert!(matches!(sampled.method, Method::Sampled { .. }));
    assert_eq!(sampled.policy.advice[0].choose, exact.policy.advice[0].choose);
}

#[test]
fn what_its_own_cause_prevents_does_not_happen() {
    // Within one slice it is a coin which of the two is first.
    let graph = graph(
        r#"{"events": [{"name": "a", "at": "1d", "probability": 0.6}, {"name": "b", "at": "1d"}],
            "triggers": [{"from": "a", "to": "b"}, {"from": "a", "to": "b", "kind": "prevents"}]}"#,
    );
    let slices = Slices::new(Micros(0), Micros(DAY), 4).unwrap();
    let found = timed_beliefs(&graph, slices, &BTreeMap::new(), Effort::default()).unwrap();
    let b = found.events.iter().find(|event| event.event == "b").unwrap();
    let last = b.by.last().unwrap().probability;
    assert!((last - 0.3).abs() < 1e-9, "{last}");
}
