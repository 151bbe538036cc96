//! Bounds of memory and work, from both sides: what just fits is answered, what is one more is refused before it is made.
//!
//! Not what is wrong in a question: that is `refusals.rs`. Each case stays small enough to be answered in a moment if its
//! bound were not there, so that it fails then, and does not take the machine with it.

mod apart;

use apart::apart;
use nexus_qlogik::influence::DiagramBuilder;
use nexus_qlogik::rules::RuleSet;
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::sampling::gibbs;
use nexus_qlogik::{
    Cost, Distribution, Error, Evidence, JunctionTree, MEMORY_MAX, Model, NUMBERS_MAX, Network, NoisyOr, VariableId,
    bif, document, query,
};

/// Variables of two states, each a copy of the one before it.
fn copies(count: usize) -> (Network, Vec<VariableId>) {
    let (mut builder, ids) = apart(&vec![2; count]);
    for pair in ids.windows(2) {
        builder.depends(pair[1], &pair[..1], Distribution::Function(vec![0, 1])).expect("a state for each");
    }
    (builder.build().expect("it is sound"), ids)
}

/// A noisy or whose table would have 2^25 numbers, and which as a chain has some hundred.
fn wide() -> (Network, VariableId) {
    let (mut builder, ids) = apart(&[2; 25]);
    let links = vec![vec![0.0, 0.5]; 24];
    let noisy = Distribution::NoisyOr(NoisyOr { effect: 1, leak: 0.0, links });
    builder.depends(ids[24], &ids[..24], noisy).expect("a link for each parent");
    (builder.build().expect("it is small"), ids[24])
}

#[test]
fn a_tree_takes_no_more_than_was_counted_before() {
    let (network, _) = copies(1000);
    let counted = Cost::exact(&network, MEMORY_MAX);
    let taken = JunctionTree::compile(&network, MEMORY_MAX).unwrap().bytes();
    assert!(taken <= counted.bytes, "{taken} bytes, and {} were counted", counted.bytes);
    assert!(taken * 2 > counted.bytes, "nor much less: {taken}, {}", counted.bytes);
}

#[test]
fn evidence_that_contradicts_itself_along_a_chain_is_impossible_and_never_not_a_number() {
    let (network, ids) = copies(6);
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    for (first, last) in [(0, 5), (1, 4), (2, 3)] {
        let mut never = Evidence::new();
        never.observe(ids[first], 0);
        never.observe(ids[last], 1);
        assert!(matches!(tree.beliefs(&never), Err(Error::ImpossibleEvidence(_))), "{first} and {last}");
        assert!(matches!(tree.most_probable(&never), Err(Error::ImpossibleEvidence(_))), "{first} and {last}");
        assert_eq!(tree.ln_evidence(&never), Ok(f64::NEG_INFINITY));
        let joint = query::joint(&network, &ids[..0], &never, MEMORY_MAX);
        assert!(matches!(joint, Err(Error::ImpossibleEvidence(_))), "{first} and {last}");
    }
    // What is impossible in a table between two others stays so: 0 / 0 is 0.
    let mut known = Evidence::new();
    known.observe(ids[2], 1);
    let beliefs = tree.beliefs(&known).unwrap();
    assert!(beliefs.all().iter().all(|states| states[..] == [0.0, 1.0]), "{beliefs:?}");
    assert!((beliefs.ln_evidence() - 0.5_f64.ln()).abs() < 1e-12);
}

#[test]
fn an_exact_answer_takes_the_memory_that_is_allowed_and_not_a_byte_more() {
    let (network, ids) = copies(12);
    let cost = Cost::exact(&network, MEMORY_MAX);
    assert!(cost.complete);
    JunctionTree::compile(&network, cost.bytes).unwrap();
    let less = JunctionTree::compile(&network, cost.bytes - 1);
    assert!(matches!(less, Err(Error::TooLarge { allowed, .. }) if allowed == cost.bytes - 1), "{less:?}");
    assert!(!Cost::exact(&network, cost.bytes - 1).complete);
    // Four variables asked for together are 16 cells, and those of the way there come on top.
    let joint = |memory_max: u64| query::joint(&network, &ids[8..], &Evidence::new(), memory_max).map(drop);
    let least = (1..10_000).find(|&bytes| joint(bytes).is_ok()).expect("some kilobytes are enough");
    assert!(least >= 16 * size_of::<f64>() as u64, "{least}");
    assert!(matches!(joint(least - 1), Err(Error::TooLarge { .. })));
}

#[test]
fn rules_are_judged_up_to_their_bounds() {
    let rule = |variables: std::ops::Range<usize>, word: &str| {
        let all: Vec<String> = variables.map(|place| format!("v{place} = 1")).collect();
        all.join(word)
    };
    // Sixteen variables have 65,536 combinations, the most that are summed.
    let (builder, _) = apart(&[2; 17]);
    let model = Model::Network(builder.build().unwrap());
    for (count, probability) in [(16, Some(0.5_f64.powi(16))), (17, None)] {
        let mut rules = RuleSet::default();
        rules.always("any", &rule(0..count, " or "), model.network()).unwrap();
        let found = judge(&model, &rules, &Evidence::new(), MEMORY_MAX).unwrap();
        let failing = found.violations[0].probability;
        assert_eq!(failing.is_some(), probability.is_some(), "{count} variables: {found}");
        assert!(failing.zip(probability).is_none_or(|(a, b)| (a - b).abs() < 1e-15), "{failing:?}");
    }
    let none = judge(&model, &RuleSet::default(), &Evidence::new(), MEMORY_MAX).unwrap_err();
    assert_eq!(none, Error::BadRule("the model has no rules".to_owned()));
    // 1024 variables are searched through, and one more is not.
    let (builder, _) = apart(&[2; 1025]);
    let model = Model::Network(builder.build().unwrap());
    let mut rules = RuleSet::default();
    for part in 0..32 {
        rules.always(&format!("part {part}"), &rule(part * 32..(part + 1) * 32, " and "), model.network()).unwrap();
    }
    judge(&model, &rules, &Evidence::new(), MEMORY_MAX).unwrap();
    rules.always("last", "v1024 = 1", model.network()).unwrap();
    let more = judge(&model, &rules, &Evidence::new(), MEMORY_MAX).unwrap_err().to_string();
    assert!(more.contains("the rules speak of 1025 variables; at most 1024 are searched"), "{more}");
}

#[test]
fn rules_about_decisions_fail_with_no_probability() {
    let mut builder = DiagramBuilder::new("d");
    let act = builder.decision("act", ["a", "b"]).unwrap();
    let rain = builder.network().variable("rain", ["yes", "no"]).unwrap();
    builder.network().depends(rain, &[], Distribution::Table(vec![0.2, 0.8])).unwrap();
    builder.utility("u", &[act], vec![1.0, 2.0]).unwrap();
    let model = Model::Diagram(builder.build().unwrap());
    let mut rules = RuleSet::default();
    rules.always("ours", "act = a or rain = no", model.network()).unwrap();
    rules.always("its own", "rain = no", model.network()).unwrap();
    let found = judge(&model, &rules, &Evidence::new(), MEMORY_MAX).unwrap();
    let failing: Vec<_> = found.violations.iter().map(|one| (one.rule.as_str(), one.probability)).collect();
    assert!(matches!(failing[..], [("its own", Some(p))] if (p - 0.2).abs() < 1e-12), "{failing:?}");
}

#[test]
fn tables_that_are_too_large_are_refused_before_they_are_made() {
    let (network, effect) = wide();
    let allowed_max = NUMBERS_MAX as u64 * 8;
    let written = bif::write(&network);
    assert!(matches!(written, Err(Error::TooLarge { allowed, .. }) if allowed == allowed_max), "{:?}", written.err());
    let walked = gibbs(&network, &Evidence::new(), 1_000, 1);
    assert!(matches!(walked, Err(Error::TooLarge { allowed, .. }) if allowed == allowed_max), "{:?}", walked.err());
    // As it stands it is written, and it is answered: 1 - (1 - 0.5 / 2)^24.
    document::write(&Model::Network(network.clone())).unwrap();
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    let believed = tree.beliefs(&Evidence::new()).unwrap().of(effect)[1];
    assert!((believed - (1.0 - 0.75_f64.powi(24))).abs() < 1e-12, "{believed}");
}

#[test]
fn utilities_that_are_too_large_are_not_written() {
    let mut builder = DiagramBuilder::new("d");
    let options: Vec<String> = (0..4097).map(|option| option.to_string()).collect();
    let act = builder.decision("act", options).unwrap();
    let states: Vec<String> = (0..4096).map(|state| state.to_string()).collect();
    let demand = builder.network().variable("demand", states).unwrap();
    builder.network().depends(demand, &[], Distribution::Table(vec![1.0 / 4096.0; 4096])).unwrap();
    builder.utility("profit", &[act, demand], vec![0.0; 4097 * 4096]).unwrap();
    let refused = document::write(&Model::Diagram(builder.build().unwrap())).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { needed, .. } if needed == 4097 * 4096 * 8), "{refused}");
}

#[test]
fn as_many_variables_as_can_be_drawn_together_are() {
    // Copies of one variable are only drawn together: twelve have 4096 states, thirteen too many.
    let (most, ids) = copies(12);
    let walked = gibbs(&most, &Evidence::new(), 1_000, 1).unwrap();
    assert_eq!(walked.blocked, 12);
    assert!((walked.beliefs[ids[11].index()][0].probability - 0.5).abs() < 1e-9);
    let refused = gibbs(&copies(13).0, &Evidence::new(), 1_000, 1).unwrap_err().to_string();
    assert!(refused.contains("tie 13 variables together") && refused.contains("8192 states"), "{refused}");
}
