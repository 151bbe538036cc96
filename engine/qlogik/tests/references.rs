//! Exact answers on published networks against pyAgrum's (see `make_references.py`).

use std::collections::BTreeMap;
use std::path::Path;

use nexus_qlogik::{Evidence, JunctionTree, MEMORY_MAX, Network, bif};
use serde::Deserialize;

/// How far an exact probability may be from the reference.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    evidence: BTreeMap<String, String>,
    probability: f64,
    marginals: BTreeMap<String, Vec<f64>>,
    most_probable: Option<f64>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

fn network(name: &str) -> Network {
    let path = folder().join("networks").join(format!("{name}.bif"));
    let text = std::fs::read_to_string(path).expect("the file is there");
    bif::read(name, &text).unwrap_or_else(|found| panic!("{name}: {found:?}")).0
}

fn references() -> BTreeMap<String, Vec<Case>> {
    let text = std::fs::read_to_string(folder().join("references.json")).expect("the file is there");
    serde_json::from_str(&text).expect("the script wrote it")
}

fn evidence(network: &Network, case: &Case) -> Evidence {
    network
        .evidence(case.evidence.iter().map(|(name, state)| (name.as_str(), state.as_str())))
        .expect("names of the network")
}

/// Calls with each case of each network.
fn each_case(mut check: impl FnMut(&str, &Network, &JunctionTree, &Case)) {
    let references = references();
    assert!(references.len() >= 12);
    for (name, cases) in references {
        let network = network(&name);
        let tree = JunctionTree::compile(&network, MEMORY_MAX).expect("small enough");
        cases.iter().for_each(|case| check(&name, &network, &tree, case));
    }
}

#[test]
fn all_marginals_of_published_networks_equal_the_references() {
    each_case(|name, network, tree, case| {
        let beliefs = tree.beliefs(&evidence(network, case)).expect("the file is there");
        for (variable, want) in &case.marginals {
            let got = beliefs.of(network.find(variable).unwrap());
            for (state, (got, want)) in got.iter().zip(want).enumerate() {
                assert!((got - want).abs() < TOLERANCE, "{name}: {variable} in state {state} is {got}, not {want}");
            }
            assert_eq!(got.len(), want.len());
        }
    });
}

#[test]
fn the_probability_of_evidence_equals_the_references() {
    each_case(|name, network, tree, case| {
        let got = tree.ln_evidence(&evidence(network, case)).expect("the file is there");
        assert!((got.exp() / case.probability - 1.0).abs() < TOLERANCE, "{name}: {got} for {}", case.probability);
    });
}

#[test]
fn the_most_probable_states_are_as_probable_as_the_references() {
    let mut compared = 0;
    each_case(|name, network, tree, case| {
        let Some(want) = case.most_probable else { return };
        let best = tree.most_probable(&evidence(network, case)).expect("the file is there");
        assert!((best.ln_probability - want).abs() < TOLERANCE, "{name}: {} for {want}", best.ln_probability);
        // The states that are given really are that probable.
        let mut all = Evidence::new();
        best.variables.iter().zip(&best.states).for_each(|(&id, &state)| {
            all.observe(id, state);
        });
        let own = tree.ln_evidence(&all).expect("the file is there");
        assert!((best.ln_probability - own).abs() < TOLERANCE, "{name}: {} for {own}", best.ln_probability);
        compared += 1;
    });
    assert!(compared >= 40);
}

#[test]
fn published_networks_survive_writing_and_reading() {
    for name in references().keys() {
        let network = network(name);
        let again = bif::read(name, &bif::write(&network).unwrap()).unwrap().0;
        assert!(again == network, "{name}");
    }
}
