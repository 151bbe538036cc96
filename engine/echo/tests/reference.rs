//! Plans against value iteration written here from scratch, forecasts against closed forms of order statistics, and shapes
//! of timelines that once took for ever.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nexus_echo::check::{FindingKind, check};
use nexus_echo::forecast::{Choices, Settings, forecast};
use nexus_echo::plan::{Method, PlanSettings, plan};
use nexus_echo::{Document, Edit, EventKind, Graph, Micros, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind};
use proptest::prelude::*;

/// Two stages: at each a chance is seen, then one of two options is taken; each option pays by whether the chance of its
/// stage, and in the second stage whether the first option of the first, came true.
#[derive(Debug, Clone)]
struct Problem {
    /// Probability of the chance of each stage.
    chances: [f64; 2],
    /// Whether the decision of each stage knows its chance.
    seen: [bool; 2],
    /// Pay by stage, option and whether the chance came true.
    pay: [[[f64; 2]; 2]; 2],
    /// Pay of option 0 in the second stage if option 0 was taken in the first.
    together: f64,
}

fn problem() -> impl Strategy<Value = Problem> {
    let pay = || proptest::array::uniform2(proptest::array::uniform2(-50_i32..50));
    let as_float = |pay: [[i32; 2]; 2]| pay.map(|option| option.map(f64::from));
    (proptest::array::uniform2(0.05_f64..0.95), any::<[bool; 2]>(), proptest::array::uniform2(pay()), -40_i32..40)
        .prop_map(move |(chances, seen, pay, together)| Problem {
            chances,
            seen,
            pay: pay.map(as_float),
            together: together.into(),
        })
}

/// The value by value iteration: from the last stage back, the best option for what is known, averaged over what is not.
fn value(problem: &Problem) -> f64 {
    let best = |stage: usize, extra: &dyn Fn(usize) -> f64| {
        let p = problem.chances[stage];
        let pay = |option: usize, came: usize| problem.pay[stage][option][came] + extra(option);
        if problem.seen[stage] {
            (1.0 - p) * pay(0, 0).max(pay(1, 0)) + p * pay(0, 1).max(pay(1, 1))
        } else {
            let mean = |option| (1.0 - p) * pay(option, 0) + p * pay(option, 1);
            mean(0).max(mean(1))
        }
    };
    let second = |first: usize| best(1, &|option| if first == 0 && option == 0 { problem.together } else { 0.0 });
    best(0, &second)
}

fn timeline(problem: &Problem) -> Timeline {
    let mut timeline = Timeline::new("problem", TimelineKind::Primary);
    let mut event = |name: String, kind, at: i64, probability, utility| {
        let node = TimeNode { probability, utility, ..TimeNode::new(name, kind, Micros(at)) };
        timeline.append(node).unwrap();
    };
    for stage in 0..2 {
        let at = 100 * stage as i64;
        event(format!("chance {stage}"), EventKind::Planned, at, Some(problem.chances[stage]), 0.0);
        event(format!("decide {stage}"), EventKind::Decision, at + 10, None, 0.0);
        for option in 0..2 {
            let [missed, came] = problem.pay[stage][option];
            // Taking it pays what it pays if the chance fails; the rest comes with the chance.
            event(format!("take {stage}{option}"), EventKind::Planned, at + 20, None, missed);
            event(format!("won {stage}{option}"), EventKind::Planned, at + 30, None, came - missed);
        }
    }
    event("both".to_owned(), EventKind::Planned, 200, None, problem.together);
    let mut link = |from: String, kind, to: String| _ = timeline.link(Trigger::new(from, kind, to)).unwrap();
    for stage in 0..2 {
        for option in 0..2 {
            let (take, won) = (format!("take {stage}{option}"), format!("won {stage}{option}"));
            link(format!("decide {stage}"), TriggerKind::Option, take.clone());
            link(take, TriggerKind::Enables, won.clone());
            link(format!("chance {stage}"), TriggerKind::Enables, won);
        }
        if problem.seen[stage] {
            link(format!("chance {stage}"), TriggerKind::Informs, format!("decide {stage}"));
        }
    }
    link("take 00".to_owned(), TriggerKind::Enables, "both".to_owned());
    link("take 10".to_owned(), TriggerKind::Enables, "both".to_owned());
    timeline
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn backward_induction_is_value_iteration(problem in problem()) {
        let graph = Graph::new(timeline(&problem).state());
        let found = plan(&graph, &Choices::new(), PlanSettings::default()).unwrap();
        prop_assert_eq!(found.method, Method::Exact);
        let wanted = value(&problem);
        prop_assert!((found.utility - wanted).abs() < 1e-9, "{} for {wanted}", found.utility);
    }
}

#[test]
fn tree_search_is_within_its_interval_of_value_iteration() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut inside, mut all) = (0, 0);
    for _ in 0..40 {
        let problem = proptest::strategy::ValueTree::current(&problem().new_tree(&mut runner).unwrap());
        let graph = Graph::new(timeline(&problem).state());
        let settings = PlanSettings { rollouts: 20_000, seed: all, search: true };
        let found = plan(&graph, &Choices::new(), settings).unwrap();
        let (low, high) = (found.utility_95.low, found.utility_95.high);
        // Where two options are as good as the same, either may be taken: the loss is below a hundredth of the pay.
        inside += u64::from(low - 0.5 <= value(&problem) && value(&problem) <= high + 0.5);
        all += 1;
    }
    assert!(inside >= 36, "{inside} of {all}");
}

/// `n` exponential races: the last of n has the mean of the harmonic numbers, the first the mean over n.
#[test]
fn the_first_and_the_last_of_many_exponentials_are_those_of_order_statistics() {
    const N: usize = 6;
    let settings = Settings { rollouts: 200_000, seed: 4, threads: 2 };
    let race = |kind: &str| {
        let events: Vec<String> = (0..N).map(|at| format!(r#"{{"name": "s{at}", "at": 0}}"#)).collect();
        let triggers: Vec<String> = (0..N)
            .map(|at| {
                format!(r#"{{"from": "s{at}", "to": "end", "kind": "{kind}", "spread": {{"exponential": {{"mean": "1h"}}}}}}"#)
            })
            .collect();
        let text = format!(
            r#"{{"events": [{}, {{"name": "end", "at": "1h"}}], "triggers": [{}]}}"#,
            events.join(","),
            triggers.join(",")
        );
        let timeline = Document::parse(text.as_bytes()).unwrap().timeline().unwrap();
        let found = forecast(&Graph::new(timeline.state()), &Choices::new(), settings).unwrap();
        found.events.last().unwrap().time.clone().unwrap()
    };
    let hours = 3.6e9;
    let (first, last) = (race("causes"), race("enables"));
    let n = settings.rollouts as f64;
    let harmonic: f64 = (1..=N).map(|k| 1.0 / k as f64).sum();
    let variance: f64 = (1..=N).map(|k| 1.0 / (k * k) as f64).sum();
    assert!((first.mean / hours - 1.0 / N as f64).abs() < 4.0 / N as f64 / n.sqrt(), "{}", first.mean / hours);
    assert!((last.mean / hours - harmonic).abs() < 4.0 * (variance / n).sqrt(), "{}", last.mean / hours);
    assert!((last.deviation / hours - variance.sqrt()).abs() < 0.01, "{}", last.deviation / hours);
    // The distribution function of the last is that of one to the power of n.
    let median = -(1.0 - 0.5_f64.powf(1.0 / N as f64)).ln();
    assert!((last.p50 / hours - median).abs() < 0.02, "{} for {median}", last.p50 / hours);
}

#[test]
fn the_sums_do_not_depend_on_the_number_of_threads() {
    let text = r#"{"events": [{"name": "a", "at": 0, "utility": 3, "probability": 0.5}, {"name": "b", "at": 1, "utility": -1}],
        "triggers": [{"from": "a", "to": "b", "probability": 0.9, "delay": ["1s", "2s"]}]}"#;
    let timeline = Document::parse(text.as_bytes()).unwrap().timeline().unwrap();
    let graph = Graph::new(timeline.state());
    let with = |threads| forecast(&graph, &Choices::new(), Settings { rollouts: 100_003, seed: 9, threads }).unwrap();
    assert_eq!(with(1), with(2));
    assert_eq!(with(1), with(7));
}

fn planned(name: String) -> TimeNode {
    TimeNode::new(name, EventKind::Planned, Micros(0))
}

#[test]
fn rollbacks_upon_rollbacks_are_read_at_once() {
    let mut timeline = Timeline::new("t", TimelineKind::Primary);
    timeline.append(planned("a".to_owned())).unwrap();
    for at in 1..200 {
        // Each goes back to the one before it: a replay that followed them would double with each.
        timeline.apply(Edit::Rollback { to: at }).unwrap();
    }
    for at in 0..=timeline.len() {
        assert_eq!(timeline.state_at(at).unwrap().events(), usize::from(at > 0));
    }
}

#[test]
fn an_event_with_very_many_causes_is_checked() {
    const CAUSES: usize = 200_000;
    let mut timeline = Timeline::new("star", TimelineKind::Primary);
    timeline.append(planned("end".to_owned())).unwrap();
    for at in 0..CAUSES {
        timeline.append(planned(format!("c{at}"))).unwrap();
        timeline.link(Trigger::new(format!("c{at}"), TriggerKind::Causes, "end")).unwrap();
    }
    // Each cause against each other would be forty billion looks.
    assert!(check(&timeline).is_consistent());
}

#[test]
fn a_circle_of_a_million_events_is_found() {
    const EVENTS: usize = 1_000_000;
    let mut timeline = Timeline::new("circle", TimelineKind::Primary);
    for at in 0..EVENTS {
        timeline.append(planned(format!("e{at}"))).unwrap();
    }
    for at in 0..EVENTS {
        let next = (at + 1) % EVENTS;
        timeline.link(Trigger::new(format!("e{at}"), TriggerKind::Causes, format!("e{next}"))).unwrap();
    }
    let report = check(&timeline);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].kind, FindingKind::BootstrapLoop);
}
