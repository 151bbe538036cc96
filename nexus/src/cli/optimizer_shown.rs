//! How `nexus optimizer` shows strategies and what is known of a piece of work, to people and to programs.

use std::time::Duration;

use nexus_optimizer::{Candidate, Chosen, Machine, Optimizer, Recalled, Strategy};
use serde::Serialize;

use super::optimizer::hex;
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};
use crate::output::units;

/// Digits of a hash that are shown: enough to tell programs apart, few enough to type.
const HASH_SHOWN: usize = 12;

/// What `nexus optimizer register --help` ends with.
pub(super) const REGISTER_HELP: &str = "\
A file has all fields of a strategy:
  strategy_id = \"mine\"
  name = \"Mine\"
  parallelization_level = 1        0 one thread, 1 threads, 2 processes and nodes too
  jit_level = 2                    0, 1 or 2
  device_target = \"cpu\"            auto, cpu, gpu, cuda, ane
  memory_optimization = \"balanced\" low, balanced, high
  tensor_fusion = true
  operator_fusion = true
  batch_processing = true
  loop_unrolling = false
  automatic_differentiation = false
  precision = \"balanced\"

Example:
  nexus optimizer register mine.toml";

/// Something was done.
#[derive(Debug, Serialize)]
pub(super) struct DoneDocument<'a> {
    pub(super) done: &'a str,
}

/// `nexus optimizer explain --json`.
#[derive(Debug, Serialize)]
pub(super) struct ExplainDocument {
    pub(super) works: Vec<WorkDocument>,
}

/// A piece of work.
#[derive(Debug, Serialize)]
pub(super) struct WorkDocument {
    hash: String,
    /// What it was given: names, types and sizes.
    given: Vec<String>,
    pattern: &'static str,
    best: Option<String>,
    /// What its last run was chosen to be, and why.
    chosen: Option<Chosen>,
    flops: f64,
    bytes: f64,
    peak_bytes: f64,
    tensor_operations: f64,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Serialize)]
struct StrategiesDocument<'a> {
    strategies: &'a [Strategy],
}

/// A piece of work as a document.
pub(super) fn explained(recalled: &Recalled) -> WorkDocument {
    WorkDocument {
        hash: hex(&recalled.key.code),
        given: given(recalled),
        pattern: recalled.pattern.name(),
        best: recalled.best.clone(),
        chosen: recalled.chosen.clone(),
        flops: recalled.features.flops,
        bytes: recalled.features.bytes,
        peak_bytes: recalled.features.peak_bytes,
        tensor_operations: recalled.features.tensor_operations,
        candidates: recalled.candidates.clone(),
    }
}

/// A piece of work for people.
pub(super) fn explain(recalled: &Recalled, console: &mut Console) {
    let hash: String = hex(&recalled.key.code).chars().take(HASH_SHOWN).collect();
    let features = &recalled.features;
    let peak = units::bytes(features.peak_bytes as u64);
    let with = match given(recalled).join(", ") {
        nothing if nothing.is_empty() => nothing,
        given => format!(" with {given}"),
    };
    let best = recalled.best.as_ref();
    let best = best.map_or(String::new(), |best| format!("best known: {best}{}\n", margin(recalled, best)));
    console.answer(&format!(
        "{hash}{with} · {} · {:.0} tensor operations · {peak} at once\n{}{best}",
        recalled.pattern.name(),
        features.tensor_operations,
        recalled.explain()
    ));
}

fn given(recalled: &Recalled) -> Vec<String> {
    recalled.shapes.iter().map(ToString::to_string).collect()
}

/// How much less time the best takes than the baseline is known or predicted to.
fn margin(recalled: &Recalled, best: &str) -> String {
    let predicted = |id: &str| recalled.candidates.iter().find(|c| c.strategy_id == id)?.prediction;
    match (predicted(best), predicted("default")) {
        (Some(taken), Some(base)) if best != "default" && base.median_s > taken.median_s => {
            let time = |seconds| units::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
            let takes = if base.seen_s.is_some() { "takes" } else { "is predicted to take" };
            format!(", {} where default {takes} {}", time(taken.median_s), time(base.median_s))
        }
        _ => String::new(),
    }
}

/// The strategies.
pub(super) fn strategies(known: &Optimizer, machine: &Machine, console: &mut Console) {
    let all = known.strategies().all();
    if console.is_json() {
        console.answer(&document(&StrategiesDocument { strategies: all }));
        return;
    }
    let mut table = Table::new(&[
        ("STRATEGY", Align::Left),
        ("PARALLEL", Align::Left),
        ("JIT", Align::Right),
        ("DEVICE", Align::Left),
        ("MEMORY", Align::Left),
        ("WITH", Align::Left),
        ("", Align::Left),
    ]);
    for strategy in all {
        table.row(row(strategy, machine));
    }
    console.answer(&table.render());
}

fn row(strategy: &Strategy, machine: &Machine) -> Vec<Cell> {
    let switches = [
        (strategy.tensor_fusion, "tensor fusion"),
        (strategy.operator_fusion, "operator fusion"),
        (strategy.batch_processing, "batches"),
        (strategy.loop_unrolling, "unrolling"),
        (strategy.automatic_differentiation, "gradients"),
    ];
    let with: Vec<&str> = switches.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    let parallel =
        ["one thread", "threads", "threads, nodes"][usize::from(u8::from(strategy.parallelization_level)).min(2)];
    vec![
        Cell::new(&strategy.strategy_id),
        Cell::new(parallel),
        Cell::new(u8::from(strategy.jit_level).to_string()),
        Cell::new(strategy.device_target.name()),
        Cell::new(strategy.memory_optimization.name()),
        if with.is_empty() { Cell::nothing() } else { Cell::new(with.join(", ")) },
        Cell::new(machine.refusal(strategy).map_or(String::new(), |why| why.to_string())),
    ]
}
