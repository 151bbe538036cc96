//! Policies and values of information against pyAgrum's (see `make_influence_references.py`), and against all policies
//! tried one by one.

use std::collections::BTreeMap;
use std::path::Path;

use nexus_qlogik::influence::information::value;
use nexus_qlogik::influence::policy::solve;
use nexus_qlogik::influence::{Diagram, DiagramBuilder, Memory, Risk};
use nexus_qlogik::{Distribution, Error, Evidence, MEMORY_MAX, VariableId};
use serde::Deserialize;

/// Kind, name, size, parents, table.
type Node = (String, String, usize, Vec<String>, Vec<f64>);

#[derive(Deserialize)]
struct Case {
    name: String,
    nodes: Vec<Node>,
    full_memory: bool,
    expected: f64,
    informed: Vec<(String, String, f64)>,
}

fn cases() -> Vec<Case> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/influence_references.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file is there")).expect("the script wrote it")
}

fn diagram(case: &Case) -> Diagram {
    build(&case.nodes, case.full_memory).expect("the script made sound diagrams")
}

fn build(nodes: &[Node], full_memory: bool) -> Result<Diagram, Error> {
    let mut builder = DiagramBuilder::new("case");
    let mut ids: BTreeMap<&str, VariableId> = BTreeMap::new();
    for (kind, name, size, parents, table) in nodes {
        let parents: Vec<VariableId> = parents.iter().map(|parent| ids[parent.as_str()]).collect();
        let states = (0..*size).map(|state| format!("s{state}"));
        match kind.as_str() {
            "chance" => {
                let id = builder.network().variable(name, states)?;
                builder.network().depends(id, &parents, Distribution::Table(table.clone()))?;
                ids.insert(name, id);
            }
            "decision" => {
                let id = builder.decision(name, states)?;
                builder.informs(id, &parents)?;
                ids.insert(name, id);
            }
            _ => builder.utility(name, &parents, table.clone())?,
        }
    }
    builder.memory(if full_memory { Memory::Full } else { Memory::Limited });
    builder.build()
}

fn close(got: f64, want: f64) -> bool {
    (got - want).abs() < 1e-9 * want.abs().max(1.0)
}

#[test]
fn the_largest_expected_utility_equals_the_references() {
    let cases = cases();
    assert!(cases.len() >= 50);
    for case in &cases {
        let solution = solve(&diagram(case), &Evidence::new(), MEMORY_MAX).unwrap();
        assert!(
            close(solution.expected_utility, case.expected),
            "{}: {} {}",
            case.name,
            solution.expected_utility,
            case.expected
        );
        assert!(solution.is_global || !case.full_memory, "{}", case.name);
    }
}

#[test]
fn the_value_of_knowing_a_variable_equals_the_references() {
    let mut compared = 0;
    for case in cases() {
        let diagram = diagram(&case);
        for (of, decision, expected) in &case.informed {
            let [of, decision] = [of, decision].map(|name| diagram.network().find(name).unwrap());
            let value = value(&diagram, of, decision, None, &Evidence::new(), MEMORY_MAX).unwrap();
            assert!(close(value.with, *expected) && close(value.without, case.expected), "{}", case.name);
            compared += 1;
        }
    }
    assert!(compared >= 80, "{compared}");
}

/// The expected utility of the best of all policies, by trying each: everything is summed out state by state.
fn by_trying_all(diagram: &Diagram) -> f64 {
    let network = diagram.network();
    let sizes: Vec<usize> = network.ids().map(|id| network.states(id)).collect();
    let rows: Vec<usize> = diagram
        .decisions()
        .iter()
        .map(|decision| decision.information.iter().map(|id| sizes[id.index()]).product())
        .collect();
    // One digit for each situation of each decision.
    let digits: Vec<usize> = diagram
        .decisions()
        .iter()
        .zip(&rows)
        .flat_map(|(decision, &rows)| vec![sizes[decision.id.index()]; rows])
        .collect();
    let policies: usize = digits.iter().product();
    assert!(policies <= 300, "{policies}");
    (0..policies)
        .map(|policy| expected(diagram, &sizes, &rows, &spread(policy, &digits)))
        .fold(f64::NEG_INFINITY, f64::max)
}

fn spread(mut number: usize, digits: &[usize]) -> Vec<usize> {
    digits
        .iter()
        .map(|size| {
            let digit = number % size;
            number /= size;
            digit
        })
        .collect()
}

fn expected(diagram: &Diagram, sizes: &[usize], rows: &[usize], choices: &[usize]) -> f64 {
    let network = diagram.network();
    let cell = |ids: &[VariableId], states: &[usize]| {
        ids.iter().fold(0, |cell, id| cell * sizes[id.index()] + states[id.index()])
    };
    let mut total = 0.0;
    'world: for world in 0..sizes.iter().product() {
        let states = spread(world, sizes);
        let mut first = 0;
        for (decision, rows) in diagram.decisions().iter().zip(rows) {
            if choices[first + cell(&decision.information, &states)] != states[decision.id.index()] {
                continue 'world;
            }
            first += rows;
        }
        let mut probability = 1.0;
        for id in network.ids().filter(|&id| diagram.decision(id).is_none()) {
            let table = network.table(id).expect("small");
            let family: Vec<VariableId> = network.parents(id).iter().copied().chain([id]).collect();
            probability *= table.values()[cell(&family, &states)];
        }
        let gains = diagram.utilities().iter().map(|u| u.values.values()[cell(u.values.domain().variables(), &states)]);
        let gain: f64 = gains.sum();
        total += probability
            * match diagram.risk() {
                Risk::Neutral => gain,
                Risk::Tolerance(tolerance) => tolerance.signum() * (1.0 - (-gain / tolerance).exp()),
            };
    }
    total
}

#[test]
fn no_policy_is_better_with_limited_memory_and_any_attitude_to_risk() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| !case.full_memory && case.nodes.len() < 10) {
        let diagram = diagram(case);
        let policies: f64 = diagram
            .decisions()
            .iter()
            .map(|d| {
                let rows: usize = d.information.iter().map(|&id| diagram.network().states(id)).product();
                (diagram.network().states(d.id) as f64).powi(rows as i32)
            })
            .product();
        if policies > 300.0 {
            continue;
        }
        for risk in [Risk::Neutral, Risk::Tolerance(40.0), Risk::Tolerance(-60.0)] {
            let diagram = diagram.clone().with_risk(risk).unwrap();
            let best = by_trying_all(&diagram);
            let solution = solve(&diagram, &Evidence::new(), MEMORY_MAX).unwrap();
            let got = solution.expected_utility;
            if solution.is_global {
                assert!(close(got, best), "{} {risk:?}: {got} and not {best}", case.name);
                compared += 1;
            } else {
                assert!(got <= best + 1e-9 * best.abs(), "{} {risk:?}", case.name);
            }
        }
    }
    assert!(compared >= 12, "{compared}");
}

#[test]
fn impossible_wishes_are_refused() {
    let case = cases().into_iter().find(|case| case.name == "umbrella").unwrap();
    let diagram = diagram(&case);
    let mut evidence = Evidence::new();
    evidence.observe(diagram.decisions()[0].id, 0);
    let refused = solve(&diagram, &evidence, MEMORY_MAX).unwrap_err();
    assert_eq!(refused.to_string(), "umbrella is or follows from the decision umbrella, so it cannot be known before");
    assert!(diagram.with_risk(Risk::Tolerance(0.0)).is_err());

    // A decision that knows its own consequence is a circle.
    let mut builder = DiagramBuilder::new("circle");
    let act = builder.decision("act", ["a", "b"]).unwrap();
    let effect = builder.network().variable("effect", ["x", "y"]).unwrap();
    builder.network().depends(effect, &[act], Distribution::Table(vec![0.5; 4])).unwrap();
    builder.informs(act, &[effect]).unwrap();
    builder.utility("gain", &[effect], vec![0.0, 1.0]).unwrap();
    assert!(matches!(builder.build(), Err(Error::Cycle(_))));
}
