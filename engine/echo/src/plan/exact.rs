//! Backward induction over every outcome of chance.
//!
//! Exact where delays are fixed or do not matter: then a future is a set of coin tosses, each with its weight.

use std::collections::BTreeMap;

use crate::forecast::model::Arc;
use crate::forecast::{Interval, Model};
use crate::graph::Graph;
use crate::plan::world::{self, Stage, name, observe, simulate};
use crate::plan::{Method, Plan, Rule, Uncertainty};
use crate::trigger::TriggerKind;

/// The most coin tosses: 2^16 futures.
const TOSSES_MAX: usize = 16;
/// The most futures simulated, over all choices.
const WORK_MAX: f64 = 4e6;

/// A coin that decides something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coin {
    /// Whether the event of this rank happens by itself.
    Root(usize),
    /// Whether the trigger of this place acts.
    Edge(u32),
}

/// The coins of a model.
pub(super) struct Chance {
    coins: BTreeMap<Coin, usize>,
    probabilities: Vec<f64>,
}

/// A future: which coins fell, and its weight.
#[derive(Debug, Clone, Copy)]
struct World {
    coins: u32,
    weight: f64,
}

impl Chance {
    /// The coins, if chance is nothing else: `None` if delays vary and matter, or there are too many coins.
    pub(super) fn of(model: &Model) -> Option<Self> {
        let timed = |arc: &Arc| arc.kind == TriggerKind::Prevents;
        let time_matters = model
            .steps
            .iter()
            .any(|step| step.late_cost > 0.0 || !step.informers.is_empty() || step.incoming.iter().any(timed));
        let varies = model.steps.iter().flat_map(|step| &step.incoming).any(|arc| !arc.delay.is_fixed());
        if time_matters && varies {
            return None;
        }
        let (mut coins, mut probabilities) = (BTreeMap::new(), Vec::new());
        let uncertain = |probability: f64| probability > 0.0 && probability < 1.0;
        for (rank, step) in model.steps.iter().enumerate() {
            let root = (!step.caused).then_some((Coin::Root(rank), step.probability));
            let edges = step.incoming.iter().map(|arc| (Coin::Edge(arc.edge), arc.probability));
            for (coin, probability) in root.into_iter().chain(edges).filter(|(_, probability)| uncertain(*probability))
            {
                coins.insert(coin, probabilities.len());
                probabilities.push(probability);
            }
        }
        (probabilities.len() <= TOSSES_MAX).then_some(Chance { coins, probabilities })
    }

    /// Whether every combination of futures and choices can be gone through.
    pub(super) fn fits(&self, model: &Model, stages: &[Stage]) -> bool {
        let choices: f64 = stages.iter().map(|stage| model.steps[stage.rank].options.len() as f64 + 1.0).product();
        (1_u64 << self.probabilities.len()) as f64 * choices <= WORK_MAX
    }

    fn worlds(&self) -> Vec<World> {
        let weight = |coins: u32| {
            let tosses = self.probabilities.iter().enumerate();
            tosses.map(|(at, p)| if coins >> at & 1 == 1 { *p } else { 1.0 - p }).product()
        };
        (0..1_u32 << self.probabilities.len()).map(|coins| World { coins, weight: weight(coins) }).collect()
    }

    fn falls(&self, coin: Coin, world: World, probability: f64) -> bool {
        self.coins.get(&coin).map_or(probability > 0.0, |at| world.coins >> at & 1 == 1)
    }
}

struct Solver<'a> {
    graph: &'a Graph,
    model: &'a Model,
    stages: &'a [Stage],
    chance: &'a Chance,
    /// A coin that every decision knows.
    shown: Option<usize>,
    times: Vec<f64>,
}

/// What the stages chose; `None` where a decision was not reached.
type History = Vec<Option<u32>>;

impl Solver<'_> {
    /// Utility of a world, weighted, when the stages choose as in `history`.
    fn utility(&mut self, world: World, history: &[Option<u32>]) -> f64 {
        world.weight * self.run(world, history)
    }

    fn run(&mut self, world: World, history: &[Option<u32>]) -> f64 {
        let chance = self.chance;
        simulate(
            self.model,
            &mut self.times,
            |rank, probability| chance.falls(Coin::Root(rank), world, probability),
            |arc| chance.falls(Coin::Edge(arc.edge), world, arc.probability).then(|| arc.delay.draw(0.5)),
            // Later stages do not change what is known earlier: any option will do for them.
            |stage, _| history.get(stage).copied().flatten().unwrap_or(0),
        )
    }

    /// Weighted utility of going on as well as possible from `history`, and the rules for it.
    fn best(&mut self, worlds: &[World], history: &mut History) -> (f64, Vec<Rule>) {
        let stages = self.stages;
        let Some(stage) = stages.get(history.len()) else {
            return (worlds.iter().map(|world| self.utility(*world, history)).sum(), Vec::new());
        };
        // Situations that can be told apart: the decision is not reached, or what is known of the events before it.
        let mut situations: BTreeMap<Option<u64>, Vec<World>> = BTreeMap::new();
        for &world in worlds {
            self.run(world, history);
            let shown = self.shown.map_or(0, |at| u64::from(world.coins >> at & 1) << 40);
            let reached = self.times[stage.rank].is_finite();
            let seen = reached.then(|| observe(stage, &self.times) | shown);
            situations.entry(seen).or_default().push(world);
        }
        let (mut total, mut rules) = (0.0, Vec::new());
        for (seen, worlds) in situations {
            let weight: f64 = worlds.iter().map(|world| world.weight).sum();
            let Some(bits) = seen else {
                history.push(None);
                let (value, below) = self.best(&worlds, history);
                history.pop();
                total += value;
                rules.extend(below);
                continue;
            };
            let options = self.model.steps[stage.rank].options.len();
            let mut branches: Vec<(f64, Vec<Rule>)> = Vec::with_capacity(options);
            for option in 0..options {
                history.push(Some(option as u32));
                branches.push(self.best(&worlds, history));
                history.pop();
            }
            let values: Vec<f64> = branches.iter().map(|(value, _)| value / weight).collect();
            let best = (0..options).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
            rules.push(self.rule(stage, bits, weight, history, best, &values));
            let (value, below) = branches.swap_remove(best);
            total += value;
            rules.extend(below);
        }
        (total, rules)
    }

    fn rule(&self, stage: &Stage, bits: u64, probability: f64, history: &History, best: usize, values: &[f64]) -> Rule {
        let option_name = |rank: usize, option: u32| {
            name(self.graph, self.model, self.model.steps[rank].options[option as usize] as usize).to_owned()
        };
        let made = self.stages.iter().zip(history).filter_map(|(stage, option)| Some((stage.rank, (*option)?)));
        Rule {
            decision: name(self.graph, self.model, stage.rank).to_owned(),
            known: world::known(self.graph, self.model, stage, bits),
            after: made
                .map(|(rank, option)| (name(self.graph, self.model, rank).to_owned(), option_name(rank, option)))
                .collect(),
            choose: option_name(stage.rank, best as u32),
            probability,
            options: world::ranked(self.graph, self.model, stage.rank, values),
        }
    }
}

/// The best policy, exactly.
pub(super) fn plan(graph: &Graph, model: &Model, stages: &[Stage], chance: &Chance) -> Plan {
    let mut worlds = chance.worlds();
    worlds.retain(|world| world.weight > 0.0);
    let mut solver = Solver { graph, model, stages, chance, shown: None, times: vec![0.0; model.steps.len()] };
    let (utility, mut rules) = solver.best(&worlds, &mut Vec::new());
    rules.sort_by(|a, b| {
        let place = |rule: &Rule| stages.iter().position(|stage| name(graph, model, stage.rank) == rule.decision);
        place(a).cmp(&place(b)).then(b.probability.total_cmp(&a.probability))
    });
    let mut uncertainties: Vec<Uncertainty> = Vec::new();
    for (coin, &at) in &chance.coins {
        solver.shown = Some(at);
        let (informed, _) = solver.best(&worlds, &mut Vec::new());
        let what = match *coin {
            Coin::Root(rank) => name(graph, model, rank).to_owned(),
            Coin::Edge(edge) => {
                let trigger = &graph.triggers[edge as usize];
                format!("{} {} {}", trigger.from, trigger.kind.word(), trigger.to)
            }
        };
        uncertainties.push(Uncertainty { what, value: (informed - utility).max(0.0) });
    }
    uncertainties.sort_by(|a, b| b.value.total_cmp(&a.value));
    let utility_95 = Interval { low: utility, high: utility };
    Plan { method: Method::Exact, utility, utility_95, rules, uncertainties }
}
