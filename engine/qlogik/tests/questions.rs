//! Questions beside the references: samples against exact answers, arrows against numbers, sizes that are refused.

use std::path::Path;

use nexus_qlogik::answer::{self, Effort, Method};
use nexus_qlogik::sampling::likelihood_weighting;
use nexus_qlogik::{
    Distribution, Error, Evidence, JunctionTree, MEMORY_MAX, Network, NetworkBuilder, VariableId, bif, independence,
    query,
};
use proptest::prelude::*;

fn published(name: &str) -> Network {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/networks")).join(format!("{name}.bif"));
    bif::read(name, &std::fs::read_to_string(path).expect("the file is there")).expect("it is sound").0
}

/// A network of binary variables from numbers: which earlier variables are parents, and the probabilities.
fn drawn(parents: &[Vec<usize>], numbers: &[f64]) -> Network {
    let mut builder = NetworkBuilder::new("drawn");
    let mut numbers = numbers.iter().cycle();
    for (place, parents) in parents.iter().enumerate() {
        let id = builder.variable(format!("v{place}"), ["a", "b"]).expect("new");
        let ids: Vec<VariableId> = parents.iter().map(|p| builder.find(&format!("v{p}")).expect("earlier")).collect();
        let rows = (0..1 << ids.len()).flat_map(|_| {
            let p = numbers.next().expect("a cycle");
            [*p, 1.0 - p]
        });
        let table = rows.collect();
        builder.depends(id, &ids, Distribution::Table(table)).expect("sound");
    }
    builder.build().expect("earlier variables only")
}

#[test]
fn intervals_of_sampled_answers_hold_in_95_percent_of_seeds() {
    for (name, evidence) in [("asia", vec![("xray", "yes"), ("smoke", "no")]), ("cancer", vec![("Dyspnoea", "True")])] {
        let network = published(name);
        let evidence = network.evidence(evidence).unwrap();
        let exact = JunctionTree::compile(&network, MEMORY_MAX).unwrap().beliefs(&evidence).unwrap();
        let (mut held, mut all) = (0, 0);
        for seed in 0..400 {
            let sampled = likelihood_weighting(&network, &evidence, 4000, seed).unwrap();
            for id in network.ids().filter(|&id| evidence.state(id).is_none()) {
                let estimate = sampled.beliefs[id.index()][0];
                all += 1;
                held += usize::from((estimate.low..=estimate.high).contains(&exact.of(id)[0]));
            }
        }
        let share = held as f64 / all as f64;
        assert!((0.95..1.0).contains(&share), "{name}: {share}");
    }
}

#[test]
fn the_same_seed_gives_the_same_samples() {
    let network = published("asia");
    let drawn = |seed| likelihood_weighting(&network, &Evidence::new(), 100, seed).unwrap();
    assert_eq!(drawn(3), drawn(3));
    assert_ne!(drawn(3), drawn(4));
    assert!(matches!(likelihood_weighting(&network, &Evidence::new(), 0, 1), Err(Error::BadQuestion(_))));
}

#[test]
fn a_joint_question_agrees_with_the_tree_and_decides_the_most_probable_states() {
    let network = published("child");
    let evidence = network.evidence([("GruntingReport", "yes"), ("LVHreport", "no")]).unwrap();
    let asked: Vec<VariableId> =
        ["Disease", "Age", "CO2Report"].iter().map(|name| network.find(name).unwrap()).collect();
    let (joint, ln_evidence) = query::joint(&network, &asked, &evidence, MEMORY_MAX).unwrap();
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    assert!((ln_evidence - tree.ln_evidence(&evidence).unwrap()).abs() < 1e-12);
    for cell in joint.cells() {
        let mut more = evidence.clone();
        asked.iter().zip(&cell.states).for_each(|(&id, &state)| {
            more.observe(id, state);
        });
        let want = (tree.ln_evidence(&more).unwrap() - ln_evidence).exp();
        assert!((cell.value - want).abs() < 1e-12, "{} {want}", cell.value);
    }
    let best = query::most_probable(&network, &asked, &evidence, MEMORY_MAX).unwrap();
    let largest = joint.cells().max_by(|a, b| a.value.total_cmp(&b.value)).unwrap();
    assert_eq!(best.states, largest.states);
    assert!((best.probability() - largest.value).abs() < 1e-12);
}

#[test]
fn a_network_too_wide_is_refused_or_sampled_before_memory_is_taken() {
    // Three parents from anywhere before: the treewidth of such a network of 400 is far above 60.
    let count = 400;
    let parents: Vec<Vec<usize>> = (0..count)
        .map(|place: usize| {
            let mut chosen: Vec<usize> = (1..4_usize)
                .filter(|_| place > 0)
                .map(|k| (place * 7919 + k * 104_729 + k * place * place) % place.max(1))
                .collect();
            chosen.sort_unstable();
            chosen.dedup();
            chosen
        })
        .collect();
    let network = drawn(&parents, &[0.3, 0.6, 0.45, 0.7, 0.2]);
    assert!(matches!(JunctionTree::compile(&network, MEMORY_MAX), Err(Error::TooLarge { at_least: true, .. })));
    let effort = Effort { samples: 200, ..Effort::default() };
    let found = answer::evaluate(&network, &[], &Evidence::new(), effort).unwrap();
    assert_eq!((found.method, found.beliefs.len()), ("sampled", count));
    let exact = Effort { method: Method::Exact, ..effort };
    assert!(matches!(answer::evaluate(&network, &[], &Evidence::new(), exact), Err(Error::TooLarge { .. })));
}

#[test]
fn evidence_that_cannot_happen_is_told() {
    let network = published("asia");
    let evidence = network.evidence([("either", "no"), ("lung", "yes")]).unwrap();
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    assert!(matches!(tree.beliefs(&evidence), Err(Error::ImpossibleEvidence(_))));
    assert_eq!(tree.ln_evidence(&evidence).unwrap(), f64::NEG_INFINITY);
    assert!(likelihood_weighting(&network, &evidence, 1000, 1).is_err());
}

#[test]
fn an_explanation_ranks_the_evidence_by_what_it_moved() {
    let network = published("asia");
    let evidence = network.evidence([("xray", "yes"), ("smoke", "yes"), ("asia", "no")]).unwrap();
    let target = network.find("lung").unwrap();
    let found = answer::explain(&network, target, &evidence, MEMORY_MAX).unwrap();
    let order: Vec<&str> = found.impacts.iter().map(|impact| impact.evidence.as_str()).collect();
    assert_eq!(order, ["xray = yes", "smoke = yes", "asia = no"]);
    assert_eq!((found.belief.best.as_str(), found.belief.runner_up.as_deref()), ("yes", Some("no")));
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    let [with, without] = [evidence.clone(), evidence.without(network.find("xray").unwrap())]
        .map(|evidence| tree.beliefs(&evidence).unwrap().of(target)[0]);
    assert!((found.impacts[0].shift - (with - without)).abs() < 1e-15);
    assert!(found.to_string().contains("xray = yes"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// With tables drawn at random, what the arrows separate is independent, and (but for chance of measure zero) nothing
    /// else is.
    #[test]
    fn what_the_arrows_separate_is_independent(
        masks in prop::collection::vec(0_usize..64, 6),
        numbers in prop::collection::vec(0.15_f64..0.85, 40),
        given in 0_usize..64,
    ) {
        let parents: Vec<Vec<usize>> =
            masks.iter().enumerate().map(|(place, mask)| (0..place).filter(|p| (mask >> p) & 1 == 1).collect()).collect();
        let network = drawn(&parents, &numbers);
        let ids: Vec<VariableId> = network.ids().collect();
        let known: Vec<VariableId> = ids.iter().copied().filter(|id| (given >> id.index()) & 1 == 1).collect();
        for &a in ids.iter().filter(|id| !known.contains(id)) {
            for &b in ids.iter().filter(|id| !known.contains(id) && **id != a) {
                let separated = independence::separated(&network, &[a], &[b], &known);
                let mut worst = 0.0_f64;
                for states in 0..1_usize << known.len() {
                    let mut evidence = Evidence::new();
                    known.iter().enumerate().for_each(|(place, &id)| {
                        evidence.observe(id, (states >> place) & 1);
                    });
                    let (joint, _) = query::joint(&network, &[a, b], &evidence, MEMORY_MAX).unwrap();
                    let p = joint.values();
                    worst = worst.max((p[0] * p[3] - p[1] * p[2]).abs());
                }
                if separated {
                    prop_assert!(worst < 1e-12, "{a} {b} given {known:?}: {worst}");
                } else {
                    prop_assert!(worst > 0.0, "{a} {b} given {known:?}");
                }
            }
        }
    }

    /// Any text is read or refused; nothing panics.
    #[test]
    fn any_text_is_read_or_refused(text in "[ a-z{}()|;,0-9.\\n\\[\\]\"=]{0,200}", head in 0_usize..3) {
        let heads = ["", "network n { } variable a { type discrete [ 2 ] { x, y }; } probability ( a ", "[[variable]]\nname = "];
        let text = format!("{}{text}", heads[head]);
        let _ = bif::read("t", &text);
        let _ = nexus_qlogik::document::read("t", &text);
    }
}

/// The answer by trying everything: states of the asked variables with their probability together, the best first.
fn by_trying(network: &Network, asked: &[VariableId], evidence: &Evidence) -> Vec<(Vec<usize>, f64)> {
    let tree = JunctionTree::compile(network, MEMORY_MAX).expect("it is small");
    let all = tree.ln_evidence(evidence).expect("it fits");
    let combinations: usize = asked.iter().map(|&id| network.states(id)).product();
    let mut found: Vec<(Vec<usize>, f64)> = (0..combinations)
        .map(|mut code| {
            let mut more = evidence.clone();
            let states: Vec<usize> = asked
                .iter()
                .map(|&id| {
                    let state = code % network.states(id);
                    code /= network.states(id);
                    more.observe(id, state);
                    state
                })
                .collect();
            (states, (tree.ln_evidence(&more).expect("it fits") - all).exp())
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

#[test]
fn the_likeliest_states_and_their_runner_up_are_those_of_trying_everything() {
    for (name, known) in [
        ("asia", vec![("xray", "yes")]),
        ("asia", vec![("dysp", "yes"), ("asia", "yes")]),
        ("cancer", vec![]),
        ("earthquake", vec![("JohnCalls", "True")]),
        ("survey", vec![("T", "car")]),
    ] {
        let network = published(name);
        let evidence = network.evidence(known).unwrap();
        let open: Vec<VariableId> = network.ids().filter(|&id| evidence.state(id).is_none()).collect();
        // All variables, and the last two whatever the others are.
        for asked in [&[][..], &open[open.len() - 2..]] {
            let found = answer::likeliest(&network, asked, &evidence, MEMORY_MAX).unwrap();
            let of = if asked.is_empty() { &open[..] } else { asked };
            let tried = by_trying(&network, of, &evidence);
            assert!((found.probability - tried[0].1).abs() < 1e-12, "{name}: {found:?}");
            let runner_up = found.runner_up.unwrap();
            assert!((runner_up.probability - tried[1].1).abs() < 1e-12, "{name}: {runner_up:?} {:?}", tried[1]);
            assert!(!runner_up.instead.is_empty());
            let joint = answer::joint(&network, &of[of.len() - 2..], &evidence, MEMORY_MAX).unwrap();
            let tried = by_trying(&network, &of[of.len() - 2..], &evidence);
            assert_eq!((joint.combinations.len(), joint.more), (tried.len(), 0));
            for (combination, (_, probability)) in joint.combinations.iter().zip(&tried) {
                assert!((combination.probability - probability).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn where_nothing_else_is_possible_there_is_no_runner_up() {
    let network = published("asia");
    let known = network.evidence([("tub", "no"), ("lung", "yes")]).unwrap();
    let found = answer::likeliest(&network, &[network.find("either").unwrap()], &known, MEMORY_MAX).unwrap();
    assert_eq!((found.probability, found.runner_up.is_none()), (1.0, true));
    assert_eq!(found.to_string(), "either  yes\n\ntogether 100.00 %\nnothing else is possible\n");
    let never = network.evidence([("either", "no"), ("lung", "yes")]).unwrap();
    assert!(matches!(answer::likeliest(&network, &[], &never, MEMORY_MAX), Err(Error::ImpossibleEvidence(_))));
}
