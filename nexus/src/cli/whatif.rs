//! `nexus whatif JOB`: how long a job would take otherwise.
//!
//! What the cluster knows of the job is `history.rs`, what the optimiser knows of its program `strategy.rs`; what it means
//! is `nexus_echo::jobs`.

mod history;
mod strategy;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use nexus_echo::Micros;
use nexus_echo::jobs::{Change, Factor, Prediction, SeenTimes, predict};
use nexus_wire::{NodeState, NodeView};
use serde_json::json;

use self::history::{History, history};
use super::argument::JobRef;
use super::cluster::{self, Cluster};
use super::error::{CliError, Exit};
use super::world::World;
use crate::output::Console;
use crate::output::json::document;
use crate::output::units::{self, count};

/// Seed of a prediction: the same question has the same answer.
const SEED: u64 = 1;

/// Predict how long a job would take otherwise, or once more on the nodes that are there now
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus whatif 17\n  nexus whatif 17 --without box\n  nexus whatif 17 --workers 8\n  \
                        nexus whatif 17 --on studio\n  nexus whatif 17 --strategy parallel_cpu"
)]
pub(crate) struct WhatifArgs {
    /// The job
    pub(crate) job: JobRef,
    /// With this node alone; with the slots that it offered last, if it is not there now
    #[arg(long, value_name = "NODE", conflicts_with = "without")]
    on: Option<String>,
    /// Without this node
    #[arg(long, value_name = "NODE")]
    without: Option<String>,
    /// With so many slots in all, shared out as they are now
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: Option<u32>,
    /// With every task run under this strategy (`nexus optimizer strategies`)
    #[arg(long, value_name = "STRATEGY")]
    strategy: Option<String>,
}

/// What a prediction is about.
struct Asked {
    change: Change,
    /// What should be known beside the answer.
    notes: Vec<String>,
}

/// Runs `nexus whatif`.
pub(crate) async fn whatif(
    args: &WhatifArgs,
    data: &Path,
    cluster: &impl Cluster,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let nodes = cluster::nodes(cluster).await?;
    let known = history(cluster, args.job.job, &nodes).await?;
    let work = match &args.strategy {
        Some(strategy) => strategy::against_what_ran(strategy, args.job.job, data, world)?,
        None => Factor::ONE,
    };
    let Asked { change, notes } = asked(args, &known, &nodes, work)?;
    let times = SeenTimes::new(&known.ran);
    let again = predict(&known.ran, &Change::slots(known.ran.slots.clone()), &times, SEED)?;
    let then = predict(&known.ran, &change, &times, SEED)?;
    if console.is_json() {
        let ms = |p: &Prediction| json!({"median_ms": p.median / 1e3, "low_80_ms": p.low_80 / 1e3, "high_80_ms": p.high_80 / 1e3});
        console.answer(&document(&json!({
            "job": args.job.job.0, "took_ms": known.ran.took.0 as f64 / 1e3, "slots": known.ran.slots,
            "slots_then": change.slots, "again": ms(&again), "then": ms(&then),
            "tasks_seen": known.ran.tasks.len(), "runs_seen": known.ran.other_runs.len() + 1, "notes": notes,
        })));
    } else {
        told(&known, &change, &then, console);
        notes.iter().for_each(|note| console.say(note));
    }
    Ok(())
}

/// The slots and the work that are asked about: what is there now, changed as the words say.
fn asked(args: &WhatifArgs, known: &History, nodes: &[NodeView], work: Factor) -> Result<Asked, CliError> {
    let is_there = |node: &&NodeView| node.state == NodeState::Up && node.capacity.slots > 0;
    let now = nodes.iter().filter(is_there).map(|node| (node.name.clone(), node.capacity.slots));
    let mut slots: BTreeMap<String, u32> = now.collect();
    let mut notes = Vec::new();
    let name = |text: &str| {
        let node = cluster::find_node(nodes, text)?;
        Ok::<String, CliError>(super::life::name_of(node, nodes))
    };
    if let Some(on) = &args.on {
        let on = name(on)?;
        slots.retain(|node, _| *node == on);
        if slots.is_empty() {
            let last = known.last_offered.get(&on).ok_or_else(|| {
                let message = format!("{on} never offered a slot, so nothing can run on it");
                CliError::new(Exit::Usage, nexus_echo::codes::UNANSWERABLE, message)
                    .with_help("`nexus node list` shows the slots of each node")
            })?;
            notes.push(format!(
                "{on} takes no tasks now; this is with the {} that it offered last",
                count((*last).into(), "slot")
            ));
            slots.insert(on, *last);
        }
    }
    if let Some(without) = &args.without {
        let without = name(without)?;
        if slots.remove(&without).is_none() {
            notes.push(format!("{without} takes no tasks now"));
        }
    }
    if let Some(workers) = args.workers {
        slots = shared_out(&slots, workers);
    }
    let tasks = known.ran.tasks.len();
    if tasks < known.tasks as usize && tasks > 0 {
        notes.push(format!(
            "{tasks} of {} ran to an end, and only they are predicted",
            count(known.tasks.into(), "task")
        ));
    }
    Ok(Asked { change: Change { slots, work }, notes })
}

/// The answer for people.
fn told(known: &History, change: &Change, then: &Prediction, console: &mut Console) {
    let span = |micros: f64| units::duration(Duration::from_micros(micros.max(0.0).round() as u64));
    let took = known.ran.took.0 as f64;
    let difference = then.median - took;
    let sign = if difference < 0.0 { "−" } else { "+" };
    console.answer(&format!(
        "predicted {} [{}, {}] on {}\n",
        span(then.median),
        span(then.low_80),
        span(then.high_80),
        slots_text(&change.slots),
    ));
    let ran_on = slots_text(&known.ran.slots);
    console.answer(&format!("it took   {} on {ran_on}: {sign}{}\n", span(took), span(difference.abs())));
    let steady = known.ran.offers.iter().all(|offer| offer.from == Micros::ZERO && offer.until.is_none());
    if !steady {
        console.say("nodes came or went while it ran; what that cost is left out of the prediction");
    }
    console.say(&format!(
        "8 of 10 runs should be in the brackets; from {} and {} of the same work",
        count(known.ran.tasks.len() as u64, "task"),
        count(known.ran.other_runs.len() as u64 + 1, "run")
    ));
}

/// `4 slots (box 2, studio 2)`.
fn slots_text(slots: &BTreeMap<String, u32>) -> String {
    let all: u64 = slots.values().map(|slots| u64::from(*slots)).sum();
    let each: Vec<String> = slots.iter().map(|(node, slots)| format!("{node} {slots}")).collect();
    match each.len() {
        0 => "no slots".to_owned(),
        1 => format!("{} of {}", count(all, "slot"), slots.keys().next().map_or("", String::as_str)),
        _ => format!("{} ({})", count(all, "slot"), each.join(", ")),
    }
}

/// As many slots in all as wanted, in the proportions that there are, the largest remainders first.
fn shared_out(slots: &BTreeMap<String, u32>, wanted: u32) -> BTreeMap<String, u32> {
    let all: u64 = slots.values().map(|slots| u64::from(*slots)).sum();
    let exact = |slots: u32| u64::from(slots) * u64::from(wanted);
    let mut shared: BTreeMap<String, u32> =
        slots.iter().map(|(node, slots)| (node.clone(), (exact(*slots) / all.max(1)) as u32)).collect();
    let mut rest: Vec<(u64, &String)> = slots.iter().map(|(node, slots)| (exact(*slots) % all.max(1), node)).collect();
    rest.sort_by(|a, b| b.cmp(a));
    let given: u32 = shared.values().sum();
    for (_, node) in rest.into_iter().cycle().take(wanted.saturating_sub(given) as usize) {
        *shared.entry(node.clone()).or_default() += 1;
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_out_in_proportion() {
        let slots = |a, b| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(shared_out(&slots(2, 6), 4), slots(1, 3));
        assert_eq!(shared_out(&slots(2, 6), 5).values().sum::<u32>(), 5);
        assert_eq!(shared_out(&BTreeMap::new(), 5), BTreeMap::new());
    }

    #[test]
    fn slots_are_told_by_node() {
        let slots = |all: &[(&str, u32)]| all.iter().map(|(node, slots)| ((*node).to_owned(), *slots)).collect();
        assert_eq!(slots_text(&slots(&[])), "no slots");
        assert_eq!(slots_text(&slots(&[("box", 1)])), "1 slot of box");
        assert_eq!(slots_text(&slots(&[("box", 2), ("air", 4)])), "6 slots (air 4, box 2)");
    }
}
