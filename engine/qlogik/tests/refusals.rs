//! What is refused, with what is said: every bound of the readers and of the questions that no reference touches.
//!
//! Each case is the nearest one that must not be answered; without its guard it would be, or would take memory or time
//! without bound.

mod apart;

use apart::apart;
use nexus_qlogik::influence::information::{Report, value};
use nexus_qlogik::influence::{DiagramBuilder, Risk};
use nexus_qlogik::learning::data::Data;
use nexus_qlogik::learning::{Learning, Prior, learn};
use nexus_qlogik::rules::RuleSet;
use nexus_qlogik::sampling::{gibbs, likelihood_weighting};
use nexus_qlogik::{
    Distribution, Domain, Error, Evidence, Factor, JunctionTree, MEMORY_MAX, Model, Network, NoisyOr, VARIABLES_MAX,
    VariableId, answer, bif, fuzzy, query, ranking, sensitivity, state_vector, strength,
};

/// Storms and wet roads: `wet` follows from `storm`, and never comes without it.
const ROAD: &str = "network road { }\nvariable storm { type discrete [ 2 ] { yes, no }; }\n\
    variable wet { type discrete [ 2 ] { yes, no }; }\nprobability ( storm ) { table 0.1, 0.9; }\n\
    probability ( wet | storm ) { (yes) 0.8, 0.2; (no) 0.0, 1.0; }\n";

fn road() -> (Network, [VariableId; 2]) {
    let (network, _) = bif::read("road.bif", ROAD).expect("it is sound");
    let ids = ["storm", "wet"].map(|name| network.find(name).expect("it is declared"));
    (network, ids)
}

/// The messages of diagnostics, or of an error.
fn told<T>(result: Result<T, Vec<nexus_model::Diagnostic>>) -> String {
    let found = result.err().expect("this is refused");
    found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn refused<T>(result: Result<T, Error>) -> String {
    result.err().expect("this is refused").to_string()
}

#[test]
fn distributions_that_do_not_fit_their_variables_are_refused() {
    let depends = |states: usize, distribution: Distribution, parents: usize| {
        let (mut builder, ids) = apart(&[2, 2, states]);
        refused(builder.depends(ids[2], &ids[..parents], distribution))
    };
    let noisy = |links: Vec<Vec<f64>>| Distribution::NoisyOr(NoisyOr { effect: 1, leak: 0.0, links });
    assert!(depends(2, Distribution::Function(vec![0, 1, 0]), 1).contains("has 3 values; it needs one for each"));
    assert!(depends(3, noisy(vec![vec![0.0, 0.5]]), 1).contains("needs a variable of two states, not 3"));
    assert!(depends(2, noisy(vec![]), 0).contains("has no parents: give its probability as a table"));
    assert!(depends(2, noisy(vec![vec![0.0, 0.5]]), 2).contains("a probability for each state of each parent"));
    assert!(depends(2, noisy(vec![vec![0.5]]), 1).contains("a probability for each state of each parent"));
    assert!(depends(2, noisy(vec![vec![0.0, 1.5]]), 1).contains("says 1.5, which is no probability"));
    let two = Domain::new([(road().1[0], 2)]).unwrap();
    assert!(Factor::new(two, vec![1.0]).is_err());
    let (mut full, _) = apart(&vec![1; VARIABLES_MAX]);
    assert!(refused(full.variable("one more", ["a"])).contains(&VARIABLES_MAX.to_string()));
}

#[test]
fn questions_that_do_not_fit_a_network_are_refused() {
    let (network, [storm, wet]) = road();
    let nothing = Evidence::new();
    let joint = |ids: &[VariableId], evidence: &Evidence| refused(query::joint(&network, ids, evidence, MEMORY_MAX));
    assert_eq!(joint(&[storm, storm], &nothing), "storm is asked for twice");
    let foreign = apart(&[2, 2, 2]).1[2];
    assert_eq!(joint(&[foreign], &nothing), format!("the network has no {foreign}"));
    let known = network.evidence([("storm", "no")]).unwrap();
    assert_eq!(joint(&[storm], &known), "storm is asked for, and its state is given");
    let never = network.evidence([("storm", "no"), ("wet", "yes")]).unwrap();
    assert!(matches!(query::joint(&network, &[], &never, MEMORY_MAX), Err(Error::ImpossibleEvidence(_))));
    assert!(matches!(query::joint(&network, &[storm, wet], &nothing, 40), Err(Error::TooLarge { .. })));
    assert_eq!(refused(network.evidence([("wet", "no"), ("wet", "no")])), "there are two observations of wet");

    let mut zero = Evidence::new();
    zero.likelihood(wet, vec![0.0, 0.0]);
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    assert!(matches!(tree.beliefs(&zero), Err(Error::ImpossibleEvidence(why)) if why.starts_with("every likelihood")));
    assert!(joint(&[storm], &zero).contains("every likelihood of wet is 0"));

    let sensitive =
        |target, state, evidence| refused(sensitivity::sensitivity(&network, target, state, evidence, MEMORY_MAX));
    assert_eq!(sensitive(storm, None, &known), "the state of storm is given, so it hangs on nothing");
    assert_eq!(sensitive(wet, Some(2), &nothing), "wet has no state 2; it has 2");
    let separated = |a, b, evidence| refused(answer::separation(&network, [a, b], &[], evidence, MEMORY_MAX));
    assert_eq!(separated(wet, wet, &nothing), "wet tells everything about itself");
    assert_eq!(separated(wet, storm, &known), "storm is asked for, and it is given");
}

#[test]
fn likelihoods_of_any_size_count_by_their_proportion_only() {
    let (network, [storm, wet]) = road();
    let tree = JunctionTree::compile(&network, MEMORY_MAX).unwrap();
    // By hand: 0.1 (0.8 · 3 + 0.2 · 1) against 0.9 · 1.
    let (with, all) = (0.1 * (0.8 * 3.0 + 0.2), 0.1 * (0.8 * 3.0 + 0.2) + 0.9);
    for scale in [1.0, 1e-300, 1e300] {
        let mut likely = Evidence::new();
        likely.likelihood(wet, vec![3.0 * scale, scale]);
        let beliefs = tree.beliefs(&likely).unwrap();
        assert!((beliefs.of(storm)[0] - with / all).abs() < 1e-12, "{scale}");
        assert!((beliefs.ln_evidence() - (all.ln() + scale.ln())).abs() < 1e-9, "{scale}");
        let (joint, ln_evidence) = query::joint(&network, &[storm], &likely, MEMORY_MAX).unwrap();
        assert!((joint.values()[0] - with / all).abs() < 1e-12 && (ln_evidence - beliefs.ln_evidence()).abs() < 1e-9);
    }
    for wrong in [vec![1.0], vec![1.0, -1.0], vec![1.0, f64::NAN]] {
        let mut evidence = Evidence::new();
        evidence.likelihood(wet, wrong.clone());
        assert!(tree.beliefs(&evidence).is_err(), "{wrong:?}");
    }
    let mut beyond = Evidence::new();
    beyond.observe(wet, 2);
    assert!(tree.beliefs(&beyond).is_err());
}

#[test]
fn samples_walks_and_distances_without_bound_are_refused() {
    let (network, _) = road();
    for samples in [0, nexus_qlogik::sampling::SAMPLES_MAX + 1] {
        assert!(matches!(gibbs(&network, &Evidence::new(), samples, 1), Err(Error::BadQuestion(_))), "{samples}");
        let weighed = likelihood_weighting(&network, &Evidence::new(), samples, 1);
        assert!(matches!(weighed, Err(Error::BadQuestion(_))), "{samples}");
    }
    // 4000 states that follow from 4000: each pair of causes would be compared over each effect.
    let (mut builder, ids) = apart(&[4000, 4000]);
    builder.depends(ids[1], &ids[..1], Distribution::Function(vec![0; 4000])).unwrap();
    let wide = builder.build().unwrap();
    let found = strength::strengths(&wide, &Evidence::new(), MEMORY_MAX);
    assert!(matches!(found, Err(Error::TooLarge { at_least: true, .. })));
}

#[test]
fn diagrams_that_decide_nothing_are_refused() {
    let with = |change: &dyn Fn(&mut DiagramBuilder, VariableId)| {
        let mut builder = DiagramBuilder::new("d");
        let act = builder.decision("act", ["a", "b"]).expect("new");
        change(&mut builder, act);
        refused(builder.build())
    };
    assert!(with(&|_, _| {}).contains("has no utility"));
    assert!(refused(DiagramBuilder::new("d").build()).contains("has no decision"));
    for tolerance in [0.0, f64::INFINITY, f64::NAN] {
        let risky = with(&|builder, act| {
            builder.utility("u", &[act], vec![0.0, 1.0]).expect("it fits");
            builder.risk(Risk::Tolerance(tolerance));
        });
        assert!(risky.contains("risk tolerance"), "{risky}");
    }
    let mut builder = DiagramBuilder::new("d");
    let act = builder.decision("act", ["a", "b"]).unwrap();
    assert!(refused(builder.utility("u", &[act], vec![1.0])).contains("has 1 numbers and needs 2"));
    assert!(refused(builder.utility("act", &[act], vec![1.0, 2.0])).contains("the name act is taken"));
    builder.utility("u", &[act], vec![1.0, 2.0]).unwrap();
    assert!(refused(builder.utility("u", &[act], vec![1.0, 2.0])).contains("the name u is taken"));
    assert!(refused(builder.informs(act, &[act])).contains("informs a decision twice, or informs itself"));
    let rain = builder.network().variable("rain", ["yes", "no"]).unwrap();
    builder.network().depends(rain, &[], Distribution::Table(vec![0.5; 2])).unwrap();
    assert!(refused(builder.informs(act, &[rain, rain])).contains("informs a decision twice"));
    let diagram = builder.build().unwrap();
    let worth = |of, decision| refused(value(&diagram, of, decision, None, &Evidence::new(), MEMORY_MAX));
    assert_eq!(worth(rain, rain), "rain is no decision");
    assert_eq!(worth(act, act), "act is a decision; its value as information is not defined");
    for accuracy in [-0.1, 1.1, f64::NAN] {
        assert!(refused(Report::accurate(&diagram, rain, accuracy)).contains("is no probability"), "{accuracy}");
    }
}

#[test]
fn learning_without_data_or_end_is_refused() {
    let (network, _) = road();
    let (data, _) = Data::read(&network, "d.csv", "storm,wet\nyes,yes\n").unwrap();
    let (none, _) = Data::read(&network, "d.csv", "storm,wet\n").unwrap_or_default();
    assert_eq!(refused(learn(&network, &none, Learning::default())), "there are no observations");
    for rounds_max in [0, nexus_qlogik::learning::ROUNDS_MAX + 1] {
        let how = Learning { rounds_max, ..Learning::default() };
        assert!(refused(learn(&network, &data, how)).contains("rounds were asked for"));
    }
    for tolerance in [-1.0, f64::NAN] {
        let how = Learning { tolerance, ..Learning::default() };
        assert!(refused(learn(&network, &data, how)).contains("is no number of at least 0"));
    }
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let how = Learning { prior: Prior::Each(weight), ..Learning::default() };
        assert!(refused(learn(&network, &data, how)).contains("it must be a number of at least 0"));
    }
}

#[test]
fn rules_that_say_nothing_are_refused() {
    let (network, _) = road();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(refused(RuleSet::new(vec![])).contains("there is no priority"));
    assert!(refused(RuleSet::new(names(&["a", "a"]))).contains("given twice"));
    let own = RuleSet::new(names(&["a", "b"])).unwrap();
    assert!(refused(own.clone().ordered(&names(&["a"]))).contains("leaves out b"));
    assert!(refused(own.clone().ordered(&names(&["a", "b", "c"]))).contains("has c"));
    assert!(refused(own.ordered(&names(&["a", "b", "b"]))).contains("has one twice"));
    let mut rules = RuleSet::default();
    rules.always("r", "storm = yes => wet = yes", &network).unwrap();
    let mut again = |name: &str| rules.always(name, "storm = yes", &network);
    assert!(again("r").unwrap_err().error.to_string().contains("there are two rules r"));
    for place in 1..nexus_qlogik::rules::RULES_MAX {
        again(&place.to_string()).unwrap();
    }
    assert!(again("one more").unwrap_err().error.to_string().contains("more than 4096 rules"));
    let text = |rule: &str| format!("[[variable]]\nname = \"a\"\nstates = [\"x\", \"y\"]\ntable = [0.5, 0.5]\n{rule}");
    let read = |rule: &str| told(nexus_qlogik::document::read_with_rules("m.toml", &text(rule)));
    let weighed = read("[[rule]]\nname = \"r\"\nadvise = \"a = x\"\npriority = \"time\"\nweight = 0.0\n");
    assert!(weighed.contains("the weight 0 of r is not a number above 0"), "{weighed}");
    let long = read(&format!("[[rule]]\nname = \"r\"\nalways = \"a = x{}\"\n", " and a = x".repeat(2_000)));
    assert!(long.contains("bytes"), "{long}");
}

#[test]
fn fuzzy_systems_that_cannot_answer_are_refused() {
    let input =
        |name: &str| format!("[[input]]\nname = \"{name}\"\nrange = [0, 10]\nterms.low = {{ falling = [1, 9] }}\n");
    let fan = "[[output]]\nname = \"fan\"\nrange = [0, 10]\nterms.slow = { falling = [1, 9] }\n";
    let rule = "rules = [\"if load is low then fan is slow\"]\n";
    let read = |text: String| told(fuzzy::document::read("f.toml", &text));
    assert!(read(format!("{rule}{}", input("load"))).contains("needs an input and an output"));
    let twice = read(format!("{rule}{}{}{fan}", input("load"), input("load")));
    assert!(twice.contains("the variable load is declared twice"), "{twice}");
    let steps = |steps: usize| read(format!("{rule}steps = {steps}\n{}{fan}", input("load")));
    assert!(steps(0).contains("a grid of 0 steps"));
    assert!(steps(fuzzy::STEPS_MAX + 1).contains("a grid of 65537 steps"));
    assert!(read(format!("rules = []\n{}{fan}", input("load"))).contains("rule"));
    assert!(read(format!("{rule}{}{fan}", input(""))).contains("name"));
    let endless = "rules = [\"if load is low then heat is 1e999 * load\"]\n";
    let heat = "[[output]]\nname = \"heat\"\nrange = [0, 10]\n";
    assert!(read(format!("{endless}{}{heat}", input("load"))).contains("1e999"));
    for sum in ["1e308 + 1e308", "1e308 * load + 1e308 * load", "load * 1e308 + load * 1e308"] {
        let beyond = format!("rules = [\"if load is low then heat is {sum}\"]\n{}{heat}", input("load"));
        assert!(read(beyond).contains("these numbers add up to more than a number holds"), "{sum}");
    }
    let sound = format!("{rule}{}{fan}", input("load"));
    let (system, _) = fuzzy::document::read("f.toml", &sound).unwrap();
    for wrong in [&[][..], &[1.0, 2.0], &[f64::NAN]] {
        assert!(refused(system.infer(wrong)).contains("for 1 inputs, or one that is not finite"), "{wrong:?}");
    }
    let many: String = (0..fuzzy::PARTS_MAX).map(|place| input(&format!("i{place}"))).collect();
    assert!(read(format!("{rule}{many}{fan}")).contains("more than 4096 variables"));
    let terms: String =
        (0..=fuzzy::PARTS_MAX).map(|place| format!("terms.t{place} = {{ falling = [1, 9] }}\n")).collect();
    let crowded = format!("{rule}{}[[output]]\nname = \"fan\"\nrange = [0, 10]\n{terms}", input("load"));
    assert!(read(crowded).contains("4096 terms"));
    let spoken = "\"if load is low then fan is slow\", ".repeat(fuzzy::PARTS_MAX + 1);
    assert!(read(format!("rules = [{spoken}]\n{}{fan}", input("load"))).contains("more than 4096 rules"));
}

#[test]
fn circuits_and_rankings_without_bound_are_refused() {
    use state_vector::circuit::{GATES_MAX, SHOTS_MAX, read, run};
    let coin = read("c.txt", "qubits 1\nh 0\nmeasure 0\n").unwrap();
    for shots in [0, SHOTS_MAX + 1] {
        assert!(refused(run(&coin, shots, 1, MEMORY_MAX)).contains("shots were asked for"));
    }
    let wide = read("c.txt", "qubits 24\nmeasure 0\nmeasure 1\n").unwrap();
    assert!(refused(run(&wide, SHOTS_MAX, 1, MEMORY_MAX)).contains("amplitudes; at most"));
    let long = format!("qubits 1\n{}", "x 0\n".repeat(GATES_MAX + 1));
    assert!(told(read("c.txt", &long)).contains("a circuit has at most 1048576 gates"));
    assert!(told(read("c.txt", &" ".repeat((16 << 20) + 1))).contains("at most 16777216 are read"));
    let weigh = "[[criterion]]\nname = \"c\"\nweight = 1\n";
    let many: String =
        (0..10_000).map(|place| format!("[[alternative]]\nname = \"a{place}\"\nscores = {{ c = 1 }}\n")).collect();
    assert!(told(ranking::document::read("r.toml", &format!("{weigh}{many}"))).contains("10000"));
}

#[test]
fn words_of_networks_may_stand_in_quotes_and_rows_name_all_parents() {
    let quoted = ROAD.replace("wet", "\"wet road\"");
    let (network, _) = bif::read("road.bif", &quoted).unwrap();
    assert!(network.find("wet road").is_ok());
    let row = ROAD.replace("(yes) 0.8", "(yes, no) 0.8");
    assert!(told(bif::read("road.bif", &row)).contains("a row for 2 states, where there are 1 parents"));
    assert!(matches!(Model::read("road.bif", &ROAD.replace("0.8", "0.9")), Err(found) if found.len() == 1));
}
