//! `decide.*` beside networks: questions to fuzzy systems, symbolic rules, rankings and small quantum circuits, each a text
//! in the program.
//!
//! The answers are `nexus_qlogik`'s, as records with the same fields as the JSON of `nexus decide`.

use nexus_qlogik::Model;
use nexus_qlogik::fuzzy;
use nexus_qlogik::ranking::{self, Rule};
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::state_vector::circuit;

use super::decide::{MEMORY_MAX, evidence, number, record, refused, unreadable};
use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Amplitudes of a circuit that one tick of a program's limits stands for.
const AMPLITUDES_PER_TICK: u64 = 64;
/// Runs of a circuit that measures, unless a program says otherwise.
const SHOTS: f64 = 1000.0;

/// Questions to other models.
pub(super) const TABLE: &[Builtin] = &[
    Builtin {
        name: "decide.fuzzy",
        arity: (2, 2),
        result: Kind::Any,
        example: "decide.fuzzy(system, {load: 80, battery: 25})",
        run: fuzzy_system,
    },
    Builtin {
        name: "decide.rules",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.rules(model, {weather: \"storm\"})",
        run: rules,
    },
    Builtin {
        name: "decide.rank",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.rank(choice, \"sum\")",
        run: rank,
    },
    Builtin {
        name: "decide.circuit",
        arity: (1, 3),
        result: Kind::Any,
        example: "decide.circuit(\"qubits 1\\nh 0\\n\")",
        run: quantum_circuit,
    },
];

fn fuzzy_system(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let source = text("decide.fuzzy", &arguments[0])?;
    host.tick(source.len() / 16)?;
    let read = fuzzy::document::read("system", source);
    let (system, _) = read.map_err(|found| unreadable("is no fuzzy system", &found))?;
    let Value::Record(given) = &arguments[1] else {
        return Err(Fault::kind("the inputs of `decide.fuzzy`", "record", &arguments[1]));
    };
    let mut inputs = Vec::new();
    for (name, value) in given.fields() {
        let value = number(Some(value), "an input of `decide.fuzzy`")?;
        let missing = || Fault::new(Code::BadData, format!("the input {name} of `decide.fuzzy` is none"));
        inputs.push((&**name, value.ok_or_else(missing)?));
    }
    // Every rule that fires is left out once, and every output joined over its grid each time.
    let rules = system.rules().len();
    host.tick(rules.saturating_mul(rules.min(64) + 1).saturating_mul(system.settings().steps) / 16)?;
    let inputs = system.inputs_from(inputs).map_err(refused)?;
    let found = fuzzy::answer::answer(&system, &inputs).map_err(refused)?;
    record(host, &found)
}

fn rules(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let source = text("decide.rules", &arguments[0])?;
    host.tick(source.len() / 16)?;
    let read = Model::read_with_rules("model", source);
    let ((model, rules), _) = read.map_err(|found| unreadable("is no decision model", &found))?;
    let evidence = evidence(&model, "decide.rules", arguments.get(1))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = judge(&model, &rules, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn rank(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let source = text("decide.rank", &arguments[0])?;
    host.tick(source.len() / 16)?;
    let choice = ranking::document::read("choice", source).map_err(|found| unreadable("is no choice", &found))?;
    let rule = match arguments.get(1) {
        None | Some(Value::None | Value::Absent) => Rule::Topsis,
        Some(value) => match text("decide.rank", value)? {
            "topsis" => Rule::Topsis,
            "sum" => Rule::WeightedSum,
            other => {
                let message = format!("there is no rule {other}: it is one of topsis, sum");
                return Err(Fault::new(Code::BadData, message));
            }
        },
    };
    let scores = choice.scores.len().saturating_mul(choice.criteria.len());
    host.tick(scores.saturating_mul(choice.criteria.len()).saturating_mul(ranking::SHARE_STEPS) / 16)?;
    let found = ranking::answer::ranking(&choice, rule).map_err(refused)?;
    record(host, &found)
}

fn quantum_circuit(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let source = text("decide.circuit", &arguments[0])?;
    host.tick(source.len() / 16)?;
    let circuit = circuit::read("circuit", source).map_err(|found| unreadable("is no circuit", &found))?;
    let whole = |place: usize, default: f64, what: &str| {
        let value = number(arguments.get(place), what)?.unwrap_or(default);
        if value >= 0.0 && value.fract() == 0.0 && value <= 9e15 {
            return Ok(value as u64);
        }
        Err(Fault::new(Code::BadData, format!("{what} is {value}; it is a whole number from 0")))
    };
    let shots = whole(1, SHOTS, "the shots of `decide.circuit`")?;
    let seed = whole(2, 0.0, "the seed of `decide.circuit`")?;
    let work = shots.saturating_mul(circuit.gates.len() as u64 + 1).saturating_mul(1 << circuit.qubits);
    host.tick((work / AMPLITUDES_PER_TICK).min(1 << 40) as usize)?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let shots = usize::try_from(shots).unwrap_or(usize::MAX);
    let found = circuit::run(&circuit, shots, seed, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}
