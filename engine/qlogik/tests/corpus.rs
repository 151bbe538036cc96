//! What fuzzing found worth keeping, once more on the stable compiler: read or refused, never a panic.

use std::path::Path;

use nexus_qlogik::answer::{self, Effort, Method};
use nexus_qlogik::ranking::{self, Rule};
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::state_vector::circuit;
use nexus_qlogik::{Evidence, Model, bif, document, fuzzy};

/// Calls with every text of a corpus.
fn each(corpus: &str, mut call: impl FnMut(&str)) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus")).join(corpus);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let bytes = std::fs::read(entry.expect("the folder can be read").path()).expect("the file can be read");
        if let Ok(text) = std::str::from_utf8(&bytes) {
            call(text);
            count += 1;
        }
    }
    assert!(count >= 4, "{corpus} has {count} texts");
}

#[test]
fn networks_of_the_corpus_are_read_or_refused_and_answered_within_bounds() {
    each("bif", |text| {
        let Ok((network, _)) = bif::read("corpus.bif", text) else { return };
        let effort = Effort { memory_max: 1 << 20, samples: 100, ..Effort::default() };
        for method in [Method::Automatic, Method::Gibbs] {
            let _ = answer::evaluate(&network, &[], &Evidence::new(), Effort { method, ..effort });
        }
        if let Ok(written) = bif::write(&network)
            && let Ok((again, _)) = bif::read("again.bif", &written)
        {
            assert_eq!(again, network);
        }
    });
}

#[test]
fn models_of_the_corpus_are_read_or_refused_and_answered_within_bounds() {
    const MEMORY_MAX: u64 = 1 << 20;
    each("toml_models", |text| {
        if let Ok(((model, rules), _)) = Model::read_with_rules("corpus.toml", text) {
            let effort = Effort { memory_max: MEMORY_MAX, samples: 100, ..Effort::default() };
            let _ = answer::evaluate(model.network(), &[], &Evidence::new(), effort);
            if let Some(diagram) = model.diagram() {
                let _ = answer::policy(diagram, &Evidence::new(), MEMORY_MAX);
            }
            if rules.rules().len() < 8 {
                let _ = judge(&model, &rules, &Evidence::new(), MEMORY_MAX);
            }
            let written = document::write(&model).expect("models of this size are written");
            let (again, _) = Model::read("again.toml", &written).expect("what was written is read");
            assert_eq!(document::write(&again).expect("the same size"), written);
        }
        if let Ok((system, _)) = fuzzy::document::read("corpus.toml", text) {
            let middle: Vec<f64> = system.inputs().iter().map(|input| input.low / 2.0 + input.high / 2.0).collect();
            let _ = fuzzy::answer::answer(&system, &middle);
        }
        if let Ok(choice) = ranking::document::read("corpus.toml", text) {
            let _ = ranking::answer::ranking(&choice, Rule::WeightedSum);
        }
        if let Ok(circuit) = circuit::read("corpus.txt", text)
            && circuit.qubits < 8
            && circuit.gates.len() < 64
        {
            let _ = circuit::run(&circuit, 2, 1, MEMORY_MAX);
        }
    });
}
