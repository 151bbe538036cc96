//! Any text as a model in TOML (network, diagram with rules, fuzzy system, choice) and as a circuit: read or refused, and
//! answered within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_qlogik::answer::{self, Effort};
use nexus_qlogik::ranking::{self, Rule};
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::state_vector::circuit;
use nexus_qlogik::{Evidence, Model, document, fuzzy};

const MEMORY_MAX: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(((model, rules), _)) = Model::read_with_rules("fuzz.toml", text) {
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
    if let Ok((system, _)) = fuzzy::document::read("fuzz.toml", text) {
        let middle: Vec<f64> = system.inputs().iter().map(|input| input.low / 2.0 + input.high / 2.0).collect();
        let _ = fuzzy::answer::answer(&system, &middle);
    }
    if let Ok(choice) = ranking::document::read("fuzz.toml", text) {
        let _ = ranking::answer::ranking(&choice, Rule::WeightedSum);
    }
    if let Ok(circuit) = circuit::read("fuzz.txt", text)
        && circuit.qubits < 8
        && circuit.gates.len() < 64
    {
        let _ = circuit::run(&circuit, 2, 1, MEMORY_MAX);
    }
});
