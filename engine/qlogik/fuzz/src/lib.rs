//! What the fuzz targets promise: any text is read or refused, what is read is answered within its bounds, and what is
//! written is read again as it was. `tests/corpus.rs` runs the same functions on the stable compiler.

use nexus_qlogik::answer::{self, Effort, Method};
use nexus_qlogik::ranking::{self, Rule};
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::state_vector::circuit;
use nexus_qlogik::{Evidence, Model, document, fuzzy};

/// Bytes that one answer may take.
const MEMORY_MAX: u64 = 1 << 20;
/// Rules, qubits and gates above which an answer would take long without telling anything new.
const RULES_MAX: usize = 8;
const QUBITS_MAX: usize = 8;
const GATES_MAX: usize = 64;

fn effort() -> Effort {
    Effort { memory_max: MEMORY_MAX, samples: 100, ..Effort::default() }
}

/// Bytes as a network in BIF.
pub fn bif(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((network, _)) = nexus_qlogik::bif::read("fuzz.bif", text) else { return };
    for method in [Method::Automatic, Method::Gibbs] {
        let _ = answer::evaluate(&network, &[], &Evidence::new(), Effort { method, ..effort() });
    }
    // Names that BIF has no quotes for are refused by the writer's reader; what is read again is the same network.
    if let Ok(written) = nexus_qlogik::bif::write(&network)
        && let Ok((again, _)) = nexus_qlogik::bif::read("again.bif", &written)
    {
        assert_eq!(again, network);
    }
}

/// Bytes as a model in TOML (network, diagram with rules, fuzzy system, choice) and as a circuit.
pub fn toml_models(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    network_or_diagram(text);
    if let Ok((system, _)) = fuzzy::document::read("fuzz.toml", text) {
        let middle: Vec<f64> = system.inputs().iter().map(|input| input.low / 2.0 + input.high / 2.0).collect();
        let _ = fuzzy::answer::answer(&system, &middle);
    }
    if let Ok(choice) = ranking::document::read("fuzz.toml", text) {
        let _ = ranking::answer::ranking(&choice, Rule::WeightedSum);
    }
    if let Ok(circuit) = circuit::read("fuzz.txt", text)
        && circuit.qubits < QUBITS_MAX
        && circuit.gates.len() < GATES_MAX
    {
        let _ = circuit::run(&circuit, 2, 1, MEMORY_MAX);
    }
}

fn network_or_diagram(text: &str) {
    let Ok(((model, rules), _)) = Model::read_with_rules("fuzz.toml", text) else { return };
    let _ = answer::evaluate(model.network(), &[], &Evidence::new(), effort());
    if let Some(diagram) = model.diagram() {
        let _ = answer::policy(diagram, &Evidence::new(), MEMORY_MAX);
    }
    if rules.rules().len() < RULES_MAX {
        let _ = judge(&model, &rules, &Evidence::new(), MEMORY_MAX);
    }
    let written = document::write(&model).expect("models of this size are written");
    let (again, _) = Model::read("again.toml", &written).expect("what was written is read");
    assert_eq!(document::write(&again).expect("the same size"), written);
}

/// Words that inputs are made of.
pub const WORDS: &[&str] = &[
    "network",
    "variable",
    "probability",
    "type discrete",
    "property",
    "table",
    "default",
    "{ yes, no }",
    "[ 2 ]",
    "|",
    "(",
    ")",
    "{",
    "}",
    ";",
    ",",
    "0.5, 0.5",
    "1e308",
    "-1",
    "nan",
    "[[variable]]",
    "[[decision]]",
    "[[utility]]",
    "[[rule]]",
    "[[input]]",
    "[[output]]",
    "[[criterion]]",
    "[[alternative]]",
    "name",
    "states",
    "parents",
    "noisy_or",
    "function",
    "options",
    "knows",
    "of",
    "values",
    "always",
    "advise",
    "when",
    "priority",
    "weight",
    "range",
    "terms",
    "rules",
    "if load is high then fan is fast",
    "a = x => b != y",
    "in (x, y)",
    "not",
    "memory",
    "\"limited\"",
    "risk_tolerance",
    "scores",
    "qubits 3",
    "cnot 0 1",
    "measure 2",
    "h 0",
    " = ",
    "\n",
    "\"",
    "[",
    "]",
];
