//! Circuits as text: `qubits 3`, then one gate a line, like `h 0`, `cnot 0 1`, `measure 2`; `#` begins a comment.
//!
//! Read with places of what is wrong, run with a seed, and answered with the probabilities of basis states.

use std::collections::BTreeMap;
use std::fmt;

use nexus_model::Diagnostic;
use serde::Serialize;

use super::{Dice, Gate, QUBITS_MAX, StateVector};
use crate::answer::text::percent;
use crate::codes::BAD_CIRCUIT;
use crate::error::Error;
use crate::findings::Findings;
use crate::form::Form;

/// The most gates of a circuit.
pub const GATES_MAX: usize = 1 << 20;
/// The most runs of a circuit that measures on its way.
pub const SHOTS_MAX: usize = 1 << 20;
/// The most amplitudes that all gates of all runs touch together: some minutes.
const WORK_MAX: u64 = 1 << 36;
/// The longest text that is read: 16 MiB.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// The most basis states that an answer lists.
const LISTED_MAX: usize = 64;

/// Qubits and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    /// How many qubits.
    pub qubits: usize,
    /// The steps, in their order.
    pub gates: Vec<Gate>,
}

/// How often, or how probably, a basis state is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The qubits as digits, the highest first.
    pub state: String,
    /// Its probability at the end of the circuit; of a circuit that measures on its way, the share of shots.
    pub probability: f64,
}

/// What a circuit gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CircuitAnswer {
    /// How many qubits.
    pub qubits: usize,
    /// How many gates.
    pub gates: usize,
    /// `exact`, or `sampled` where the circuit measures on its way.
    pub method: &'static str,
    /// Runs, where sampled.
    pub shots: usize,
    /// Basis states, the most probable first.
    pub states: Vec<Found>,
    /// Basis states that are possible and not listed.
    pub more: usize,
}

/// Reads a circuit; `file` is its name in diagnostics.
///
/// Errors: everything that was found wrong.
pub fn read(file: &str, text: &str) -> Result<Circuit, Vec<Diagnostic>> {
    let mut findings = Findings::of_text(file, text, TEXT_BYTES_MAX)?;
    let mut circuit = Circuit { qubits: 0, gates: Vec::new() };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let words = line.split('#').next().unwrap_or_default();
        let at = start..start + words.trim_end().len();
        start += line.len();
        let words: Vec<&str> = words.split_whitespace().collect();
        if words.is_empty() || findings.is_full() {
            continue;
        }
        if let Err(message) = step(&mut circuit, &words) {
            findings.error(BAD_CIRCUIT, at, message);
        }
    }
    if circuit.qubits == 0 && !findings.has_errors() {
        findings.whole(BAD_CIRCUIT, "the circuit has no line `qubits N`");
    }
    if findings.has_errors() {
        findings.name_form(Form::Circuit);
    }
    findings.finish(Some(circuit)).map(|(circuit, _)| circuit)
}

fn step(circuit: &mut Circuit, words: &[&str]) -> Result<(), String> {
    let numbers = words[1..].iter().map(|word| word.parse::<usize>().map_err(|_| format!("{word} is no number")));
    let numbers = numbers.collect::<Result<Vec<usize>, String>>()?;
    let gate = words[0].to_ascii_lowercase();
    if gate == "qubits" {
        return match numbers[..] {
            _ if circuit.qubits > 0 => Err("`qubits` is given twice".to_owned()),
            [qubits] if (1..=QUBITS_MAX).contains(&qubits) => {
                circuit.qubits = qubits;
                Ok(())
            }
            _ => Err(format!("`qubits` takes one number from 1 to {QUBITS_MAX}")),
        };
    }
    if circuit.qubits == 0 {
        return Err("the first line says how many qubits there are, like `qubits 2`".to_owned());
    }
    if let Some(bad) = numbers.iter().find(|&&qubit| qubit >= circuit.qubits) {
        return Err(format!("there is no qubit {bad}: they go from 0 to {}", circuit.qubits - 1));
    }
    let found = match (gate.as_str(), &numbers[..]) {
        ("h", &[q]) => Gate::H(q),
        ("x", &[q]) => Gate::X(q),
        ("y", &[q]) => Gate::Y(q),
        ("z", &[q]) => Gate::Z(q),
        ("s", &[q]) => Gate::S(q),
        ("t", &[q]) => Gate::T(q),
        ("measure", &[q]) => Gate::Measure(q),
        ("cnot" | "swap", &[a, b]) if a == b => return Err(format!("{gate} needs two different qubits")),
        ("cnot", &[control, target]) => Gate::Cnot(control, target),
        ("swap", &[a, b]) => Gate::Swap(a, b),
        ("h" | "x" | "y" | "z" | "s" | "t" | "measure", _) => return Err(format!("{gate} takes one qubit")),
        ("cnot" | "swap", _) => return Err(format!("{gate} takes two qubits")),
        _ => return Err(format!("there is no gate {gate}: they are h x y z s t cnot swap measure")),
    };
    if circuit.gates.len() >= GATES_MAX {
        return Err(format!("a circuit has at most {GATES_MAX} gates"));
    }
    circuit.gates.push(found);
    Ok(())
}

/// Runs a circuit: once, exactly, where it does not measure on its way; else `shots` times.
///
/// Errors: more memory or work than is allowed, no shots or more than [`SHOTS_MAX`].
pub fn run(circuit: &Circuit, shots: usize, seed: u64, memory_max: u64) -> Result<CircuitAnswer, Error> {
    if !(1..=SHOTS_MAX).contains(&shots) {
        return Err(Error::BadQuestion(format!("{shots} shots were asked for; between 1 and {SHOTS_MAX} are run")));
    }
    let mut dice = Dice::new(seed);
    let measures = circuit.gates.iter().any(|gate| matches!(gate, Gate::Measure(_)));
    let runs = if measures { shots as u64 } else { 1 };
    let work =
        (runs.saturating_mul(circuit.gates.len() as u64 + 1)).saturating_mul(1 << circuit.qubits.min(QUBITS_MAX));
    if work > WORK_MAX {
        return Err(Error::BadQuestion(format!(
            "{runs} runs of {} gates on {} qubits touch {work} amplitudes; at most {WORK_MAX} are allowed",
            circuit.gates.len(),
            circuit.qubits
        )));
    }
    let mut of: BTreeMap<usize, f64> = BTreeMap::new();
    if measures {
        for _ in 0..shots {
            let state = once(circuit, &mut dice, memory_max)?;
            *of.entry(state.sample(&mut dice)).or_default() += 1.0 / shots as f64;
        }
    } else {
        let state = once(circuit, &mut dice, memory_max)?;
        let possible = state.amplitudes().iter().map(|amplitude| amplitude.square()).enumerate();
        // Of amplitudes that cancel, rounding leaves squares of about 1e-33.
        of.extend(possible.filter(|(_, probability)| *probability > 1e-24));
    }
    let mut states: Vec<(usize, f64)> = of.into_iter().collect();
    states.sort_by(|a, b| b.1.total_cmp(&a.1));
    let more = states.len().saturating_sub(LISTED_MAX);
    states.truncate(LISTED_MAX);
    let digits = circuit.qubits;
    Ok(CircuitAnswer {
        qubits: circuit.qubits,
        gates: circuit.gates.len(),
        method: if measures { "sampled" } else { "exact" },
        shots: if measures { shots } else { 1 },
        states: states
            .into_iter()
            .map(|(state, probability)| Found { state: format!("{state:0digits$b}"), probability })
            .collect(),
        more,
    })
}

fn once(circuit: &Circuit, dice: &mut Dice, memory_max: u64) -> Result<StateVector, Error> {
    let mut state = StateVector::new(circuit.qubits, memory_max)?;
    for gate in &circuit.gates {
        state.apply(*gate, dice)?;
    }
    Ok(state)
}

impl fmt::Display for CircuitAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.states {
            writeln!(f, "{}  {}", found.state, percent(found.probability))?;
        }
        if self.more > 0 {
            writeln!(f, "and {} others", self.more)?;
        }
        let shots = if self.method == "sampled" { format!(", {} shots", self.shots) } else { String::new() };
        writeln!(f, "\n{} qubits, {} gates, {}{shots}; qubit 0 is the last digit", self.qubits, self.gates, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circuits_are_read_and_run() {
        let circuit = read("c", "qubits 2 # a pair\nh 0\nCNOT 0 1\n").unwrap();
        let found = run(&circuit, 1, 0, 1 << 20).unwrap();
        let states: Vec<&str> = found.states.iter().map(|found| found.state.as_str()).collect();
        assert_eq!((states, found.method), (vec!["00", "11"], "exact"));
        let measured = read("c", "qubits 2\nh 0\nmeasure 0\ncnot 0 1\n").unwrap();
        let found = run(&measured, 1000, 7, 1 << 20).unwrap();
        assert!(found.states.iter().all(|found| (found.probability - 0.5).abs() < 0.1), "{found:?}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| -> Vec<String> {
            let found = read("c", text).unwrap_err();
            let line = |found: &Diagnostic| found.primary.as_ref().map_or(0, |label| label.span.line);
            found.iter().map(|found| format!("{} {}", line(found), found.message)).collect()
        };
        assert_eq!(
            wrong("qubits 2\nh\nfoo 1\ncnot 0 0\nx 2\ny one\n"),
            [
                "2 h takes one qubit",
                "3 there is no gate foo: they are h x y z s t cnot swap measure",
                "4 cnot needs two different qubits",
                "5 there is no qubit 2: they go from 0 to 1",
                "6 one is no number",
            ]
        );
        assert_eq!(wrong("h 0\n")[0], "1 the first line says how many qubits there are, like `qubits 2`");
        assert_eq!(wrong("qubits 25\n")[0], "1 `qubits` takes one number from 1 to 24");
        assert_eq!(wrong(""), ["0 the circuit has no line `qubits N`"]);
    }
}
