//! Fuzzy inference against scikit-fuzzy (see `make_fuzzy_references.py`).

use std::collections::BTreeMap;

use nexus_qlogik::fuzzy::System;
use nexus_qlogik::fuzzy::answer::answer;
use nexus_qlogik::fuzzy::document::read;
use nexus_qlogik::fuzzy::membership::Membership;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Shape {
    shape: String,
    numbers: Vec<f64>,
    places: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    inputs: BTreeMap<String, f64>,
    defuzzifier: String,
    strengths: Vec<f64>,
    value: f64,
}

#[derive(Deserialize)]
struct ControlCase {
    inputs: BTreeMap<String, f64>,
    value: f64,
}

#[derive(Deserialize)]
struct Control {
    model: String,
    cases: Vec<ControlCase>,
}

#[derive(Deserialize)]
struct References {
    memberships: Vec<Shape>,
    systems: Vec<Case>,
    control: Control,
}

fn references() -> References {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzzy_references.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file is there")).expect("the script wrote it")
}

fn inputs(system: &System, given: &BTreeMap<String, f64>) -> Vec<f64> {
    system.inputs_from(given.iter().map(|(name, &value)| (name.as_str(), value))).expect("the references fit")
}

#[test]
fn membership_functions_are_those_of_the_reference() {
    for case in references().memberships {
        let shape = Membership::new(&case.shape, &case.numbers).unwrap();
        for (&x, &want) in case.places.iter().zip(&case.values) {
            let got = shape.of(x);
            assert!((got - want).abs() < 1e-12, "{} {:?} at {x}: {got}, not {want}", case.shape, case.numbers);
        }
    }
}

#[test]
fn joined_sets_become_the_numbers_of_the_reference() {
    let cases = references().systems;
    assert!(cases.len() >= 50);
    for case in cases {
        let (system, _) = read("system", &case.model).unwrap_or_else(|found| panic!("{found:?}"));
        let found = system.infer(&inputs(&system, &case.inputs)).unwrap();
        for (got, want) in found.strengths.iter().zip(&case.strengths) {
            assert!((got - want).abs() < 1e-12, "{got} {want}\n{}", case.model);
        }
        let got = found.conclusions[0].value.unwrap();
        let surface = found.conclusions[0].surface.as_ref().unwrap();
        let wrong = || format!("{got}, not {}\n{}", case.value, case.model);
        match case.defuzzifier.as_str() {
            // Exact of what is straight between the points of the grid.
            "centroid" => assert!((got - case.value).abs() < 1e-9, "{}", wrong()),
            // Of places whose heights differ by rounding only, the reference takes any.
            "smallest_of_maximum" | "largest_of_maximum" => {
                let highest = surface.heights.iter().copied().fold(0.0, f64::max);
                let place = surface.places.iter().position(|&x| (x - case.value).abs() < 1e-9).unwrap();
                assert!(surface.heights[place] > highest - 1e-9, "{}", wrong());
                let is_first = case.defuzzifier.starts_with("smallest");
                assert!(if is_first { got <= case.value + 1e-9 } else { got >= case.value - 1e-9 }, "{}", wrong());
            }
            // The reference takes points of the grid, we what lies between them: they may be apart by a step at each end.
            _ => assert!((got - case.value).abs() < 20.0 / 400.0, "{}", wrong()),
        }
    }
}

#[test]
fn a_whole_control_system_gives_the_numbers_of_the_reference() {
    let control = references().control;
    let (system, _) = read("control", &control.model).unwrap();
    for case in control.cases {
        let got = system.infer(&inputs(&system, &case.inputs)).unwrap().conclusions[0].value.unwrap();
        // Grids of steps of 0.01 and 0.025 on a scale of 25.
        assert!((got - case.value).abs() < 2e-3, "{:?}: {got}, not {}", case.inputs, case.value);
    }
}

#[test]
fn an_answer_names_the_rules_that_moved_it_and_the_runner_up() {
    let (system, _) = read("control", &references().control.model).unwrap();
    let found = answer(&system, &[3.0, 9.5]).unwrap();
    let tip = &found.outputs[0];
    assert_eq!((tip.best.as_deref(), tip.runner_up.as_deref()), (Some("medium"), Some("high")));
    assert_eq!(found.rules.len() + found.silent, 3);
    let high = found.rules.iter().find(|rule| rule.rule.ends_with("tip is high")).unwrap();
    let shift = high.shifts[0].shift.unwrap();
    assert!(shift > 1.0 && (shift - (tip.value.unwrap() - high.shifts[0].without.unwrap())).abs() < 1e-12);
    assert!(found.to_string().contains("moved tip by +"), "{found}");
}

proptest! {
    /// Any text is read or refused; nothing panics, and what is read can be asked.
    #[test]
    fn any_rule_is_read_or_refused(rule in "(if |then |and |or |not |very |a |b |is |lo |hi |\\(|\\)|with |0\\.5 |\\* |[a-z'=]){0,24}") {
        let text = format!(
            "rules = [\"{rule}\"]\n[[input]]\nname = \"a\"\nrange = [0, 1]\nterms = {{ lo = {{ falling = [0, 1] }} }}\n\
             [[output]]\nname = \"b\"\nrange = [0, 1]\nterms = {{ hi = {{ rising = [0, 1] }} }}\n"
        );
        if let Ok((system, _)) = read("t", &text) {
            let value = system.infer(&[0.5]).unwrap().conclusions[0].value;
            prop_assert!(value.is_none_or(|value| (0.0..=1.0).contains(&value)));
        }
    }
}
