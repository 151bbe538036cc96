//! Learning, sensitivity, separation, information and circuits against pyAgrum, pgmpy and NumPy (see
//! `make_analysis_references.py`); walks and strengths against exact answers.

use std::collections::BTreeMap;
use std::path::Path;

use nexus_qlogik::learning::data::Data;
use nexus_qlogik::learning::{Learning, Prior, learn};
use nexus_qlogik::sampling::gibbs;
use nexus_qlogik::sensitivity::sensitivity;
use nexus_qlogik::state_vector::{Dice, StateVector, circuit};
use nexus_qlogik::strength::{information, strengths};
use nexus_qlogik::{
    Distribution, Error, Evidence, JunctionTree, MEMORY_MAX, Network, NetworkBuilder, VariableId, bif, independence,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    parents: Vec<String>,
    values: Vec<f64>,
}

type Tables = BTreeMap<String, Table>;

#[derive(Deserialize)]
struct Priors {
    prior: String,
    weight: f64,
    tables: Tables,
}

#[derive(Deserialize)]
struct Maximisation {
    csv: String,
    start: Tables,
    tables: Tables,
}

#[derive(Deserialize)]
struct Learned {
    csv: String,
    priors: Vec<Priors>,
    em: Maximisation,
}

#[derive(Deserialize)]
struct Changed {
    network: String,
    target: String,
    evidence: BTreeMap<String, String>,
    variable: String,
    given: BTreeMap<String, String>,
    state: String,
    at: Vec<(f64, Vec<f64>)>,
}

#[derive(Deserialize)]
struct Separated {
    network: String,
    a: String,
    b: String,
    given: Vec<String>,
    separated: bool,
}

#[derive(Deserialize)]
struct Informed {
    network: String,
    a: String,
    b: String,
    bits: f64,
}

#[derive(Deserialize)]
struct Circuit {
    circuit: String,
    re: Vec<f64>,
    im: Vec<f64>,
}

#[derive(Deserialize)]
struct References {
    learning: Learned,
    sensitivity: Vec<Changed>,
    separation: Vec<Separated>,
    information: Vec<Informed>,
    circuits: Vec<Circuit>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

fn references() -> References {
    let text = std::fs::read_to_string(folder().join("analysis_references.json")).expect("the file is there");
    serde_json::from_str(&text).expect("the script wrote it")
}

fn network(name: &str) -> Network {
    let text = std::fs::read_to_string(folder().join("networks").join(format!("{name}.bif")));
    bif::read(name, &text.expect("the file is there")).expect("it is sound").0
}

fn evidence(network: &Network, known: &BTreeMap<String, String>) -> Evidence {
    network
        .evidence(known.iter().map(|(name, state)| (name.as_str(), state.as_str())))
        .expect("the references are of this network")
}

/// The network with tables whose parents may stand in another order.
fn with_tables(network: &Network, tables: &Tables) -> Network {
    let mut builder = NetworkBuilder::new(network.name());
    for id in network.ids() {
        builder
            .variable(&network.variable(id).name, network.variable(id).states.iter())
            .expect("the references are of this network");
    }
    for id in network.ids() {
        let table = &tables[&network.variable(id).name];
        let parents: Vec<VariableId> =
            table.parents.iter().map(|name| network.find(name).expect("the references are of this network")).collect();
        builder
            .depends(id, &parents, Distribution::Table(table.values.clone()))
            .expect("the references are of this network");
    }
    builder.build().expect("the references are of this network")
}

/// The largest difference between tables, whatever the order of their parents.
fn largest_difference(a: &Network, b: &Network) -> f64 {
    let mut worst = 0.0_f64;
    for id in a.ids() {
        let [of_a, of_b] = [a, b].map(|network| network.table(id).expect("the references are of this network"));
        let places: Vec<usize> = of_a
            .domain()
            .variables()
            .iter()
            .map(|id| {
                of_b.domain()
                    .variables()
                    .iter()
                    .position(|known| known == id)
                    .expect("the references are of this network")
            })
            .collect();
        for cell in of_a.cells() {
            let same = of_b.cells().find(|other| places.iter().zip(&cell.states).all(|(&p, s)| other.states[p] == *s));
            worst = worst.max((cell.value - same.expect("the references are of this network").value).abs());
        }
    }
    worst
}

#[test]
fn tables_learned_from_counts_are_those_of_the_reference() {
    let asia = network("asia");
    let learned = references().learning;
    let (data, _) = Data::read(&asia, "data.csv", &learned.csv).unwrap();
    assert_eq!((data.lines(), data.is_complete()), (500, true));
    for case in learned.priors {
        let prior = if case.prior == "each" { Prior::Each(case.weight) } else { Prior::Even(case.weight) };
        let found = learn(&asia, &data, Learning { prior, ..Learning::default() }).unwrap();
        assert_eq!((found.rounds, found.converged), (1, true));
        let worst = largest_difference(&found.network, &with_tables(&asia, &case.tables));
        assert!(worst < 1e-12, "{}: {worst}", case.prior);
    }
}

#[test]
fn rows_that_no_observation_speaks_of_stay_or_follow_the_prior() {
    let asia = network("asia");
    let (data, _) =
        Data::read(&asia, "d", "asia,smoke,tub,lung,bronc,either,xray,dysp\nno,yes,no,no,yes,no,no,yes\n").unwrap();
    let found = learn(&asia, &data, Learning::default()).unwrap();
    let tub = asia.find("tub").unwrap();
    let [before, after] = [&asia, &found.network].map(|network| network.table(tub).unwrap());
    assert_eq!(after.values()[..2], before.values()[..2], "nobody had been to Asia");
    assert_eq!(after.values()[2..], [0.0, 1.0]);
    let model = Learning { prior: Prior::Model(1.0), ..Learning::default() };
    let found = learn(&asia, &data, model).unwrap();
    let after = found.network.table(tub).unwrap();
    assert!((after.values()[3] - (before.values()[3] + 1.0) / 2.0).abs() < 1e-12);
    assert!(learn(&asia, &data, Learning { prior: Prior::Each(-1.0), ..Learning::default() }).is_err());
}

#[test]
fn missing_values_are_filled_in_as_by_the_reference() {
    let asia = network("asia");
    let em = references().learning.em;
    let start = with_tables(&asia, &em.start);
    let (data, _) = Data::read(&start, "data.csv", &em.csv).unwrap();
    assert!(!data.is_complete());
    let how = Learning { tolerance: 1e-10, rounds_max: 10_000, ..Learning::default() };
    let found = learn(&start, &data, how).unwrap();
    assert!(found.converged && found.ln_likelihood > found.ln_likelihood_before);
    let reference = with_tables(&asia, &em.tables);
    // The reference stops where the likelihood rises by less than 1e-14 of itself, which the tables feel later.
    let worst = largest_difference(&found.network, &reference);
    assert!(worst < 2e-3, "{worst}");
    // Ours cannot be a worse maximum than the reference's.
    let of_reference = learn(&reference, &data, Learning { rounds_max: 1, ..how }).unwrap().ln_likelihood_before;
    assert!(found.ln_likelihood >= of_reference - 1e-9, "{} {of_reference}", found.ln_likelihood);
    // Never down, round by round.
    let likelihoods: Vec<f64> =
        (1..30).map(|rounds_max| learn(&start, &data, Learning { rounds_max, ..how }).unwrap().ln_likelihood).collect();
    assert!(likelihoods.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "{likelihoods:?}");
}

#[test]
fn beliefs_follow_the_numbers_of_tables_as_by_the_reference() {
    let cases = references().sensitivity;
    assert!(cases.len() >= 30);
    for case in cases {
        let network = network(&case.network);
        let known = evidence(&network, &case.evidence);
        let target = network.find(&case.target).unwrap();
        let variable = network.find(&case.variable).unwrap();
        let own = network.find_state(variable, &case.state).unwrap();
        let row: Vec<usize> = network
            .parents(variable)
            .iter()
            .map(|&parent| network.find_state(parent, &case.given[&network.variable(parent).name]).unwrap())
            .collect();
        for state in 0..network.states(target) {
            let found = sensitivity(&network, target, Some(state), &known, MEMORY_MAX).unwrap();
            let number = found
                .parameters
                .iter()
                .find(|number| (number.variable, number.state, &number.parents) == (variable, own, &row));
            for (x, want) in &case.at {
                // A number that is not listed moves nothing.
                let got = number.map_or(found.belief, |number| number.belief(*x));
                assert!(
                    (got - want[state]).abs() < 1e-9,
                    "{} {} at {x}: {got}, not {}",
                    case.network,
                    case.variable,
                    want[state]
                );
            }
            let best = |beliefs: &[f64]| (0..beliefs.len()).fold(0, |a, b| if beliefs[b] > beliefs[a] { b } else { a });
            let now = found.parameters.first().map_or(0, |_| best(&case.at[0].1));
            // Where the best state differs between two of the reference's numbers, a tipping point is told.
            if let Some(number) = number
                && case.at.iter().any(|(_, beliefs)| best(beliefs) != now)
            {
                assert!(number.tips.is_some(), "{} {}", case.network, case.variable);
            }
        }
    }
}

#[test]
fn a_tipping_point_is_where_two_states_are_equally_probable() {
    let network = network("child");
    let known = network.evidence([("GruntingReport", "yes"), ("XrayReport", "Oligaemic")]).unwrap();
    let target = network.find("Disease").unwrap();
    let found = sensitivity(&network, target, None, &known, MEMORY_MAX).unwrap();
    let tipping: Vec<_> = found.parameters.iter().filter_map(|number| Some((number, number.tips?))).collect();
    assert!(tipping.len() > 3);
    for (number, (at, other)) in tipping {
        let of_other = sensitivity(&network, target, Some(other), &known, MEMORY_MAX).unwrap();
        let same = of_other.parameters.iter().find(|known| {
            (known.variable, known.state, &known.parents) == (number.variable, number.state, &number.parents)
        });
        assert!((number.belief(at) - same.unwrap().belief(at)).abs() < 1e-9);
    }
}

#[test]
fn what_separates_variables_is_what_the_reference_says() {
    let networks: BTreeMap<&str, Network> = ["alarm", "insurance"].map(|name| (name, network(name))).into();
    let cases = references().separation;
    assert!(cases.iter().any(|case| case.separated) && cases.iter().any(|case| !case.separated));
    for case in cases {
        let network = &networks[case.network.as_str()];
        let given: Vec<VariableId> = case.given.iter().map(|name| network.find(name).unwrap()).collect();
        let [a, b] = [&case.a, &case.b].map(|name| network.find(name).unwrap());
        assert_eq!(independence::separated(network, &[a], &[b], &given), case.separated, "{} {}", case.a, case.b);
    }
}

#[test]
fn mutual_information_is_that_of_the_reference() {
    for case in references().information {
        let network = network(&case.network);
        let [a, b] = [&case.a, &case.b].map(|name| network.find(name).unwrap());
        let bits = information(&network, a, b, &Evidence::new(), MEMORY_MAX).unwrap();
        assert!((bits - case.bits).abs() < 1e-9, "{} {}: {bits}, not {}", case.a, case.b, case.bits);
    }
}

#[test]
fn the_strength_of_an_arrow_is_the_distance_of_its_rows() {
    let asia = network("asia");
    let found = strengths(&asia, &Evidence::new(), MEMORY_MAX).unwrap();
    let of = |cause: &str, effect: &str| {
        let [cause, effect] = [cause, effect].map(|name| asia.find(name).unwrap());
        found.iter().find(|arrow| (arrow.cause, arrow.effect) == (cause, effect)).unwrap()
    };
    // xray: 0.98, 0.02 against 0.05, 0.95.
    let by_hand =
        (((0.98_f64.sqrt() - 0.05_f64.sqrt()).powi(2) + (0.02_f64.sqrt() - 0.95_f64.sqrt()).powi(2)) / 2.0).sqrt();
    let xray = of("either", "xray");
    assert!((xray.average - by_hand).abs() < 1e-12 && (xray.largest - xray.weighted).abs() < 1e-12);
    // either is lung or tub: where there is tuberculosis, lung changes nothing.
    let lung = of("lung", "either");
    assert!((lung.average - 0.5).abs() < 1e-12 && (lung.largest - 1.0).abs() < 1e-12);
    assert!((lung.weighted - (1.0 - 0.0104)).abs() < 1e-12, "{}", lung.weighted);
    let known = asia.evidence([("tub", "yes")]).unwrap();
    let given = strengths(&asia, &known, MEMORY_MAX).unwrap();
    let lung = given.iter().find(|arrow| (arrow.cause, arrow.effect) == (lung.cause, lung.effect)).unwrap();
    assert_eq!((lung.weighted, lung.largest), (0.0, 1.0));
}

#[test]
fn intervals_of_walks_hold_in_95_percent_of_seeds() {
    for (name, known) in [
        ("cancer", vec![("Dyspnoea", "True")]),
        ("asia", vec![("xray", "yes"), ("dysp", "yes")]),
        ("survey", vec![("T", "train")]),
        ("sachs", vec![("Akt", "HIGH")]),
    ] {
        let network = network(name);
        let known = network.evidence(known).unwrap();
        let exact = JunctionTree::compile(&network, MEMORY_MAX).unwrap().beliefs(&known).unwrap();
        let (mut held, mut all) = (0, 0);
        for seed in 0..200 {
            let walked = gibbs(&network, &known, 4000, seed).unwrap();
            for id in network.ids().filter(|&id| known.state(id).is_none()) {
                for (estimate, want) in walked.beliefs[id.index()].iter().zip(exact.of(id)) {
                    all += 1;
                    held += usize::from((estimate.low - 1e-12..=estimate.high + 1e-12).contains(want));
                    assert!((estimate.probability - want).abs() < 0.2, "{name} {id}: {estimate:?} {want}");
                }
            }
        }
        let share = f64::from(held as u32) / f64::from(all);
        assert!(share >= 0.95, "{name}: {share}");
    }
}

#[test]
fn walks_that_zeros_could_lock_up_draw_variables_together() {
    // b is a copy of a: drawn one by one, neither could ever change.
    let mut builder = NetworkBuilder::new("copy");
    let [a, b] = ["a", "b"].map(|name| builder.variable(name, ["0", "1"]).unwrap());
    builder.depends(a, &[], Distribution::Table(vec![0.3, 0.7])).unwrap();
    builder.depends(b, &[a], Distribution::Function(vec![0, 1])).unwrap();
    let network = builder.build().unwrap();
    let walked = gibbs(&network, &Evidence::new(), 20_000, 1).unwrap();
    assert_eq!(walked.blocked, 2);
    assert!((walked.beliefs[1][0].probability - 0.3).abs() < 0.02, "{:?}", walked.beliefs);
    assert!(walked.disagreement < 1.1);
    assert_eq!(gibbs(&network, &Evidence::new(), 1000, 5), gibbs(&network, &Evidence::new(), 1000, 5));
    assert!(matches!(gibbs(&network, &Evidence::new(), 10, 5), Err(Error::BadQuestion(_))));
}

#[test]
fn circuits_give_the_state_vectors_of_the_reference() {
    for case in references().circuits {
        let circuit = circuit::read("c", &case.circuit).unwrap();
        let mut state = StateVector::new(circuit.qubits, MEMORY_MAX).unwrap();
        for gate in &circuit.gates {
            state.apply(*gate, &mut Dice::new(0)).unwrap();
        }
        for ((amplitude, re), im) in state.amplitudes().iter().zip(&case.re).zip(&case.im) {
            assert!((amplitude.re - re).abs() < 1e-12 && (amplitude.im - im).abs() < 1e-12, "{}", case.circuit);
        }
    }
}
