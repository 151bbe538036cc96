//! One future under given choices, shared by both methods.

use crate::EchoError;
use crate::forecast::Model;
use crate::forecast::model::{Arc, time_of};
use crate::graph::Graph;
use crate::plan::OptionValue;

/// A decision that is open: not fixed by the user.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// Rank in the model.
    pub(super) rank: usize,
    /// Ranks of what is known.
    pub(super) informers: Vec<usize>,
}

/// The open decisions in order.
pub(super) fn stages(graph: &Graph, model: &Model) -> Result<Vec<Stage>, EchoError> {
    let open = model.decisions().into_iter().filter(|&rank| model.steps[rank].chosen.is_none());
    let stages: Vec<Stage> = open
        .map(|rank| Stage { rank, informers: model.steps[rank].informers.iter().map(|&at| at as usize).collect() })
        .collect();
    if stages.is_empty() {
        let what = "there is nothing to decide: give an event the kind `decision` and link it to its options with \
                    triggers of kind `option`";
        return Err(EchoError::Unanswerable(what.to_owned()));
    }
    // More than this many known events would make more situations than can be told apart.
    if let Some(stage) = stages.iter().find(|stage| stage.informers.len() > 32) {
        let name = &graph.nodes[model.steps[stage.rank].node as usize].name;
        return Err(EchoError::Unanswerable(format!("`{name}` is informed by more than 32 events")));
    }
    Ok(stages)
}

/// Name of a step.
pub(super) fn name<'a>(graph: &'a Graph, model: &Model, rank: usize) -> &'a str {
    &graph.nodes[model.steps[rank].node as usize].name
}

/// Simulates one future. `root` and `fires` are chance; `decide` is asked at each open decision that is reached, with the
/// number of the stage and the times so far.
pub(super) fn simulate(
    model: &Model,
    times: &mut [f64],
    mut root: impl FnMut(usize, f64) -> bool,
    mut fires: impl FnMut(&Arc) -> Option<f64>,
    mut decide: impl FnMut(usize, &[f64]) -> u32,
) -> f64 {
    let mut taken: Vec<(u32, u32)> = Vec::new();
    let mut stage = 0;
    for (rank, step) in model.steps.iter().enumerate() {
        let (time, _) = time_of(
            step,
            times,
            &mut fires,
            |decision| taken.iter().find(|(at, _)| *at == decision).map(|(_, option)| *option),
            || root(rank, step.probability),
        );
        times[rank] = time;
        if !step.options.is_empty() {
            let option = match step.chosen {
                Some(option) => Some(option),
                None => {
                    stage += 1;
                    time.is_finite().then(|| decide(stage - 1, times))
                }
            };
            taken.extend(option.map(|option| (rank as u32, option)));
        }
    }
    model.utility(times)
}

/// What is known at a stage, as bits.
pub(super) fn observe(stage: &Stage, times: &[f64]) -> u64 {
    let now = times[stage.rank];
    stage.informers.iter().enumerate().fold(0, |bits, (at, &rank)| bits | u64::from(times[rank] <= now) << at)
}

/// What is known, in words.
pub(super) fn known(graph: &Graph, model: &Model, stage: &Stage, bits: u64) -> Vec<(String, bool)> {
    let of = |(at, &rank): (usize, &usize)| (name(graph, model, rank).to_owned(), bits >> at & 1 == 1);
    stage.informers.iter().enumerate().map(of).collect()
}

/// Options with their values, best first; of equals the one named first.
pub(super) fn ranked(graph: &Graph, model: &Model, rank: usize, values: &[f64]) -> Vec<OptionValue> {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let options = model.steps[rank].options.iter().zip(values);
    let mut options: Vec<OptionValue> = options
        .map(|(&option, &utility)| OptionValue {
            option: name(graph, model, option as usize).to_owned(),
            utility,
            regret: best - utility,
        })
        .collect();
    options.sort_by(|a, b| b.utility.total_cmp(&a.utility));
    options
}
