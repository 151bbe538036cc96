//! Forecasts against closed forms, plans against values worked out by hand and against each other.

use nexus_echo::forecast::{Choices, Settings, critical_events, forecast};
use nexus_echo::plan::{Method, PlanSettings, plan};
use nexus_echo::{Document, Graph};

fn graph(text: &str) -> Graph {
    let timeline = Document::parse(text.as_bytes()).and_then(|document| document.timeline());
    Graph::new(timeline.expect("the case is a timeline").state())
}

const SETTINGS: Settings = Settings { rollouts: 200_000, seed: 11, threads: 2 };
const HOUR: f64 = 3.6e9;

#[test]
fn a_chain_takes_the_sum_of_its_delays() {
    // A uniform, a triangular and a PERT task, one after another: means and variances add.
    let graph = graph(
        r#"{"events": [{"name": "a", "at": 0}, {"name": "b", "at": "1h"}, {"name": "c", "at": "2h"}, {"name": "d", "at": "9h"}],
            "triggers": [{"from": "a", "to": "b", "kind": "enables", "delay": ["1h", "3h"]},
                         {"from": "b", "to": "c", "kind": "enables", "delay": ["1h", "7h"], "spread": {"triangular": {"mode": "2h"}}},
                         {"from": "c", "to": "d", "kind": "enables", "delay": ["2h", "10h"], "spread": {"pert": {"mode": "4h"}}}]}"#,
    );
    let makespan = forecast(&graph, &Choices::new(), SETTINGS).unwrap().makespan.unwrap();
    let mean = 2.0 + (1.0 + 7.0 + 2.0) / 3.0 + (2.0 + 4.0 * 4.0 + 10.0) / 6.0;
    // Uniform w²/12, triangular (a²+b²+c²−ab−ac−bc)/18, beta(2, 4) scaled by 8.
    let variance = 4.0 / 12.0 + (1.0 + 49.0 + 4.0 - 7.0 - 2.0 - 14.0) / 18.0 + 64.0 * (2.0 * 4.0) / (36.0 * 7.0);
    let error = (variance / SETTINGS.rollouts as f64).sqrt();
    assert!((makespan.mean / HOUR - mean).abs() < 4.0 * error, "{} for {mean}", makespan.mean / HOUR);
    assert!((makespan.deviation / HOUR - f64::sqrt(variance)).abs() < 0.01);
    assert!((makespan.mean_95.high - makespan.mean_95.low) / HOUR / 2.0 < 2.1 * error);
}

#[test]
fn a_race_of_exponentials_is_won_by_rate() {
    let graph = graph(
        r#"{"events": [{"name": "start", "at": 0}, {"name": "end", "at": "1h"}],
            "triggers": [{"from": "start", "to": "end", "kind": "causes", "spread": {"exponential": {"mean": "2h"}}},
                         {"from": "start", "to": "end", "kind": "enables", "spread": {"exponential": {"mean": "6h"}}}]}"#,
    );
    // Both must have happened: the larger of two exponentials has mean 2 + 6 − 1/(1/2 + 1/6).
    let all = forecast(&graph, &Choices::new(), SETTINGS).unwrap().makespan.unwrap();
    assert!((all.mean / HOUR - (2.0 + 6.0 - 1.5)).abs() < 0.06, "{}", all.mean / HOUR);
}

#[test]
fn the_first_of_two_causes_counts() {
    let graph = graph(
        r#"{"events": [{"name": "a", "at": 0}, {"name": "b", "at": 0}, {"name": "end", "at": "1h"}],
            "triggers": [{"from": "a", "to": "end", "spread": {"exponential": {"mean": "2h"}}},
                         {"from": "b", "to": "end", "spread": {"exponential": {"mean": "6h"}}}]}"#,
    );
    let first = forecast(&graph, &Choices::new(), SETTINGS).unwrap().makespan.unwrap();
    assert!((first.mean / HOUR - 1.5).abs() < 4.0 * 1.5 / (SETTINGS.rollouts as f64).sqrt(), "{}", first.mean / HOUR);
    assert!((first.p50 / HOUR - 1.5 * std::f64::consts::LN_2).abs() < 0.015);
}

#[test]
fn causes_add_up_as_a_noisy_or_and_preventers_take_away() {
    let graph = graph(
        r#"{"events": [{"name": "a", "at": 0, "probability": 0.4}, {"name": "b", "at": 0, "probability": 0.7},
                       {"name": "x", "at": 2}, {"name": "guard", "at": 0, "probability": 0.25}],
            "triggers": [{"from": "a", "to": "x", "probability": 0.5, "delay": [2]}, {"from": "b", "to": "x", "probability": 0.3, "delay": [2]},
                         {"from": "guard", "to": "x", "kind": "prevents", "delay": [1]}]}"#,
    );
    let x = &forecast(&graph, &Choices::new(), SETTINGS).unwrap().events[2];
    let expected = (1.0 - (1.0 - 0.4 * 0.5) * (1.0 - 0.7 * 0.3)) * 0.75;
    assert!(x.probability_95.low < expected && expected < x.probability_95.high, "{x:?} for {expected}");
}

#[test]
fn the_answer_is_a_function_of_the_seed_alone() {
    let graph = graph(
        r#"{"events": [{"name": "a", "at": 0}, {"name": "b", "at": 1}],
            "triggers": [{"from": "a", "to": "b", "probability": 0.9, "delay": ["1s", "2s"]}]}"#,
    );
    let with = |threads, seed| {
        let settings = Settings { rollouts: 1_001, seed, threads };
        let forecast = forecast(&graph, &Choices::new(), settings).unwrap();
        (forecast.events[1].probability, forecast.events[1].time.as_ref().map(|time| time.p90))
    };
    assert_eq!(with(1, 5), with(3, 5));
    assert_ne!(with(1, 5), with(1, 6));
}

#[test]
fn the_longer_of_two_branches_is_critical() {
    let graph = graph(
        r#"{"events": [{"name": "start", "at": 0}, {"name": "long", "at": 1}, {"name": "short", "at": 1}, {"name": "end", "at": 2}],
            "triggers": [{"from": "start", "to": "long", "kind": "enables", "delay": ["5h", "9h"]},
                         {"from": "start", "to": "short", "kind": "enables", "delay": ["1h", "2h"]},
                         {"from": "long", "to": "end", "kind": "enables"}, {"from": "short", "to": "end", "kind": "enables"}]}"#,
    );
    let found = critical_events(&graph, &Choices::new(), None, 3).unwrap();
    assert_eq!(found[0].event, "long");
    assert!(found[0].criticality == 1.0 && found[0].variance_share > 0.99, "{found:?}");
    let short = found.iter().find(|event| event.event == "short").unwrap();
    assert!(short.criticality == 0.0 && short.variance_share < 0.01, "{short:?}");
}

/// The oil wildcatter of Raiffa, "Decision analysis", 1968, in short: a test costs 10, drilling 70; a well is worth 270
/// with probability 0.3; the test tells the truth with probability 0.8 (found) and lies with 0.1 (not found).
const WILDCATTER: &str = r#"{"events": [
    {"name": "oil", "at": 0, "probability": 0.3},
    {"name": "test?", "at": "1h", "kind": "decision"},
    {"name": "test", "at": "1h", "utility": -10}, {"name": "no test", "at": "1h"},
    {"name": "true signal", "at": "2h"}, {"name": "false signal", "at": "2h", "probability": 0.1}, {"name": "signal", "at": "2h"},
    {"name": "drill?", "at": "3h", "kind": "decision"},
    {"name": "drill", "at": "3h", "utility": -70}, {"name": "leave", "at": "3h"},
    {"name": "well", "at": "4h", "utility": 270}],
  "triggers": [
    {"from": "test?", "to": "test", "kind": "option"}, {"from": "test?", "to": "no test", "kind": "option"},
    {"from": "oil", "to": "true signal", "kind": "enables", "probability": 0.8}, {"from": "test", "to": "true signal", "kind": "enables"},
    {"from": "true signal", "to": "signal"}, {"from": "test", "to": "signal", "probability": 0.1},
    {"from": "signal", "to": "drill?", "kind": "informs"},
    {"from": "drill?", "to": "drill", "kind": "option"}, {"from": "drill?", "to": "leave", "kind": "option"},
    {"from": "oil", "to": "well", "kind": "enables"}, {"from": "drill", "to": "well", "kind": "enables"}]}"#;

/// Its value by hand: P(signal | oil) = 1 − 0.2·0.9, P(signal | no oil) = 0.1.
fn wildcatter() -> (f64, f64) {
    let (signal_oil, signal_dry) = (1.0_f64 - 0.2 * 0.9, 0.1_f64);
    let drill_on_signal = 0.3 * signal_oil * (270.0 - 70.0) - 0.7 * signal_dry * 70.0;
    let drill_without = 0.3 * (1.0 - signal_oil) * 200.0 - 0.7 * (1.0 - signal_dry) * 70.0;
    (-10.0 + drill_on_signal.max(0.0) + drill_without.max(0.0), (0.3_f64 * 270.0 - 70.0).max(0.0))
}

#[test]
fn backward_induction_finds_the_value_worked_out_by_hand() {
    let plan = plan(&graph(WILDCATTER), &Choices::new(), PlanSettings::default()).unwrap();
    let (test, no_test) = wildcatter();
    assert_eq!(plan.method, Method::Exact);
    assert!((plan.utility - test.max(no_test)).abs() < 1e-9, "{} for {test}", plan.utility);
    assert_eq!((plan.rules[0].choose.as_str(), plan.rules[0].options[1].option.as_str()), ("test", "no test"));
    assert!((plan.rules[0].options[1].regret - (test - no_test)).abs() < 1e-9);
    let drilling: Vec<(bool, &str)> =
        plan.rules[1..].iter().map(|rule| (rule.known[0].1, rule.choose.as_str())).collect();
    assert_eq!(drilling, [(false, "leave"), (true, "drill")]);
    // Who knows whether there is oil needs no test, and drills when there is.
    assert_eq!(plan.uncertainties[0].what, "oil");
    assert!((plan.uncertainties[0].value - (0.3 * 200.0 - plan.utility)).abs() < 1e-9);
}

#[test]
fn tree_search_agrees_with_backward_induction_in_its_interval() {
    let graph = graph(WILDCATTER);
    let exact = plan(&graph, &Choices::new(), PlanSettings::default()).unwrap().utility;
    let mut inside = 0;
    for seed in 0..20 {
        let found = plan(&graph, &Choices::new(), PlanSettings { rollouts: 20_000, seed, search: true }).unwrap();
        assert_eq!((found.method, found.rules[0].choose.as_str()), (Method::TreeSearch, "test"));
        inside += u32::from(found.utility_95.low <= exact && exact <= found.utility_95.high);
    }
    // Of 20 intervals of 95 %, 16 or fewer hold with a chance of 0.3 % if they are honest.
    assert!(inside >= 17, "{inside} of 20");
}

#[test]
fn what_cannot_be_planned_says_why() {
    let error = |text: &str| plan(&graph(text), &Choices::new(), PlanSettings::default()).unwrap_err().to_string();
    assert!(error(r#"{"events": [{"name": "a", "at": 0}]}"#).starts_with("there is nothing to decide"));
    let circle = r#"{"events": [{"name": "a", "at": 0}, {"name": "b", "at": 0}], "triggers": [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]}"#;
    assert!(error(circle).starts_with("`a` waits for itself"));
}
