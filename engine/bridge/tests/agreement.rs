//! The models say what the timeline's own methods say: exact beliefs lie in the intervals of sampled ones, and the
//! influence diagram has the policy of backward induction.

use std::collections::BTreeMap;

use nexus_bridge::{beliefs, policy};
use nexus_echo::forecast::{Choices, Settings, forecast};
use nexus_echo::plan::{PlanSettings, plan};
use nexus_echo::{Document, Graph};

fn graph(text: &str) -> Graph {
    let timeline = Document::parse(text.as_bytes()).and_then(|document| document.timeline());
    Graph::new(timeline.expect("the case is a timeline").state())
}

/// Storms and thefts, what they do, and `both`: the conjunction by which a forecast shows conditional probabilities.
const RISKS: &str = r#"{"events": [
    {"name": "storm", "at": 0, "probability": 0.3}, {"name": "theft", "at": 0, "probability": 0.15},
    {"name": "crew", "at": 0, "probability": 0.8},
    {"name": "damage", "at": 1}, {"name": "delay", "at": 2}, {"name": "repair", "at": 3}, {"name": "both", "at": 3}],
  "triggers": [
    {"from": "storm", "to": "damage", "probability": 0.7}, {"from": "theft", "to": "damage", "probability": 0.4},
    {"from": "damage", "to": "delay", "probability": 0.9}, {"from": "theft", "to": "delay", "probability": 0.2},
    {"from": "damage", "to": "repair", "kind": "enables"}, {"from": "crew", "to": "repair", "kind": "enables", "probability": 0.95},
    {"from": "delay", "to": "both", "kind": "enables"}, {"from": "theft", "to": "both", "kind": "enables"}]}"#;

#[test]
fn exact_beliefs_lie_in_the_intervals_of_sampled_ones() {
    let graph = graph(RISKS);
    let exact = beliefs(&graph, &BTreeMap::new()).unwrap();
    let sampled = forecast(&graph, &Choices::new(), Settings { rollouts: 400_000, seed: 5, threads: 2 }).unwrap();
    for event in &sampled.events {
        // Four standard errors: seven intervals of 95 % would miss together too often.
        let error = 4.0 * (event.probability * (1.0 - event.probability) / 400_000.0).sqrt();
        assert!((event.probability - exact[&event.event]).abs() <= error, "{}: {}", event.event, exact[&event.event]);
    }
}

#[test]
fn evidence_changes_beliefs_as_bayes_says() {
    let graph = graph(RISKS);
    let prior = beliefs(&graph, &BTreeMap::new()).unwrap();
    let posterior = beliefs(&graph, &BTreeMap::from([("delay".to_owned(), true)])).unwrap();
    assert!((posterior["theft"] - prior["both"] / prior["delay"]).abs() < 1e-12);
    assert!(posterior["storm"] > prior["storm"]);
    // By hand: P(damage) = 1 − (1 − 0.3·0.7)(1 − 0.15·0.4).
    assert!((prior["damage"] - (1.0 - (1.0 - 0.21) * (1.0 - 0.06))).abs() < 1e-12);
}

#[test]
fn a_fact_speaks_of_its_causes() {
    let graph = graph(&RISKS.replace(r#"{"name": "delay", "at": 2}"#, r#"{"name": "delay", "at": 2, "kind": "fact"}"#));
    let observed = beliefs(&self::graph(RISKS), &BTreeMap::from([("delay".to_owned(), true)])).unwrap();
    let found = beliefs(&graph, &BTreeMap::new()).unwrap();
    for (event, probability) in observed {
        assert!((found[&event] - probability).abs() < 1e-12, "{event}");
    }
}

#[test]
fn the_influence_diagram_has_the_policy_of_backward_induction() {
    let graph = graph(
        r#"{"events": [
        {"name": "oil", "at": 0, "probability": 0.3}, {"name": "test?", "at": 1, "kind": "decision"},
        {"name": "test", "at": 1, "utility": -10}, {"name": "no test", "at": 1},
        {"name": "true signal", "at": 2}, {"name": "signal", "at": 2},
        {"name": "drill?", "at": 3, "kind": "decision"}, {"name": "drill", "at": 3, "utility": -70}, {"name": "leave", "at": 3},
        {"name": "well", "at": 4, "utility": 270}],
      "triggers": [
        {"from": "test?", "to": "test", "kind": "option"}, {"from": "test?", "to": "no test", "kind": "option"},
        {"from": "oil", "to": "true signal", "kind": "enables", "probability": 0.8}, {"from": "test", "to": "true signal", "kind": "enables"},
        {"from": "true signal", "to": "signal"}, {"from": "test", "to": "signal", "probability": 0.1},
        {"from": "signal", "to": "drill?", "kind": "informs"},
        {"from": "drill?", "to": "drill", "kind": "option"}, {"from": "drill?", "to": "leave", "kind": "option"},
        {"from": "oil", "to": "well", "kind": "enables"}, {"from": "drill", "to": "well", "kind": "enables"}]}"#,
    );
    let induction = plan(&graph, &Choices::new(), PlanSettings::default()).unwrap();
    let diagram = policy(&graph, &BTreeMap::new()).unwrap();
    assert!((induction.utility - diagram.utility).abs() < 1e-9, "{} and {}", induction.utility, diagram.utility);
    let first = diagram.advice.iter().find(|advice| advice.decision == "test?").unwrap();
    assert_eq!(first.choose, induction.rules[0].choose);
    // In the words of the timeline: events that are known, and options that were taken.
    for advice in diagram.advice.iter().filter(|advice| advice.decision == "drill?") {
        assert!(advice.known.iter().all(|(event, _)| graph.place(event).is_ok()), "{advice:?}");
        let taken = |(decision, option): &(String, String)| decision == "test?" && option.ends_with("test");
        assert!(advice.after.len() == 1 && advice.after.iter().all(taken), "{advice:?}");
    }
    for rule in &induction.rules[1..] {
        let same = diagram.advice.iter().filter(|advice| {
            advice.decision == rule.decision
                && advice
                    .known
                    .iter()
                    .all(|(event, happened)| event != "signal" || rule.known.contains(&(event.clone(), *happened)))
        });
        assert!(same.clone().count() > 0 && same.into_iter().all(|advice| advice.choose == rule.choose), "{rule:?}");
    }
}

#[test]
fn what_depends_on_times_is_refused_by_name() {
    let late = r#"{"events": [{"name": "go?", "at": 0, "kind": "decision"}, {"name": "go", "at": 1, "utility": 5, "late_cost_per_day": 1}],
                   "triggers": [{"from": "go?", "to": "go", "kind": "option"}]}"#;
    assert!(policy(&graph(late), &BTreeMap::new()).unwrap_err().to_string().starts_with("`go` costs more the later"));
    let prevented = r#"{"events": [{"name": "a", "at": 0}, {"name": "b", "at": 1}], "triggers": [{"from": "a", "to": "b", "kind": "prevents"}]}"#;
    assert!(beliefs(&graph(prevented), &BTreeMap::new()).unwrap_err().to_string().contains("comes first"));
}

#[test]
fn any_number_of_causes_is_a_noisy_or_and_needs_beside_them_are_bounded() {
    let case = |causes: usize, kind: &str| {
        let names: Vec<String> =
            (0..causes).map(|at| format!(r#"{{"name": "c{at}", "at": 0, "probability": 0.5}}"#)).collect();
        let link = |at: usize| {
            let kind = if at == 0 { kind } else { "causes" };
            format!(r#"{{"from": "c{at}", "to": "e", "kind": "{kind}", "probability": 0.1}}"#)
        };
        let links: Vec<String> = (0..causes).map(link).collect();
        let text = format!(
            r#"{{"events": [{}, {{"name": "e", "at": 1}}], "triggers": [{}]}}"#,
            names.join(", "),
            links.join(", ")
        );
        beliefs(&graph(&text), &BTreeMap::new())
    };
    // By hand: each of them fails to bring it about with 1 − 0.5 · 0.1.
    let found = case(40, "causes").unwrap();
    assert!((found["e"] - (1.0 - 0.95_f64.powi(40))).abs() < 1e-9, "{}", found["e"]);
    let found = case(12, "enables").unwrap();
    assert!((found["e"] - 0.05 * (1.0 - 0.95_f64.powi(11))).abs() < 1e-9, "{}", found["e"]);
    let refused = case(13, "enables").unwrap_err().to_string();
    assert!(refused.contains("`e`") && refused.contains("13") && refused.contains("12"), "{refused}");
}
