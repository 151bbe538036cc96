//! Monte Carlo tree search over what can be known: UCT (Kocsis and Szepesvári, "Bandit based Monte-Carlo planning",
//! 2006) on information sets (Cowling, Powley, Whitehouse, 2012), one sampled future an iteration.
//!
//! The search's own averages are too good, because it chose by them. So the policy it ends with is valued on futures that
//! the search has not seen; that estimate has an honest interval.

use std::collections::BTreeMap;

use crate::forecast::{Interval, Lanes, Model};
use crate::graph::Graph;
use crate::plan::world::{self, Stage, name, observe, simulate};
use crate::plan::{Method, Plan, PlanSettings, Rule};

/// Situations that are remembered; rarer ones beyond are decided at random while searching.
const SITUATIONS_MAX: usize = 200_000;
/// Situations listed in the answer.
const RULES_MAX: usize = 200;
/// Exploration, in units of the range of utilities seen: √2, as in UCB1.
const EXPLORE: f64 = std::f64::consts::SQRT_2;
/// z of a two-sided confidence of 95 %.
const Z95: f64 = 1.959_963_984_540_054;

/// What a player knows: for each stage reached what was seen and chosen, then what is seen now.
type Situation = Vec<(u32, u64, u32)>;

#[derive(Debug, Clone)]
struct Arm {
    visits: u64,
    sum: f64,
}

#[derive(Debug, Clone)]
struct Record {
    stage: usize,
    seen: u64,
    arms: Vec<Arm>,
}

impl Record {
    fn best(&self) -> u32 {
        let mean = |arm: &Arm| if arm.visits == 0 { f64::NEG_INFINITY } else { arm.sum / arm.visits as f64 };
        (0..self.arms.len()).rev().max_by(|&a, &b| mean(&self.arms[a]).total_cmp(&mean(&self.arms[b]))).unwrap_or(0)
            as u32
    }

    /// UCB1: the arm that may be best.
    fn explore(&self, range: f64) -> u32 {
        let total: u64 = self.arms.iter().map(|arm| arm.visits).sum();
        let bound = |arm: &Arm| match arm.visits {
            0 => f64::INFINITY,
            n => arm.sum / n as f64 + EXPLORE * range * ((total as f64).ln() / n as f64).sqrt(),
        };
        (0..self.arms.len()).rev().max_by(|&a, &b| bound(&self.arms[a]).total_cmp(&bound(&self.arms[b]))).unwrap_or(0)
            as u32
    }
}

struct Search<'a> {
    model: &'a Model,
    stages: &'a [Stage],
    records: BTreeMap<Situation, Record>,
    random: Lanes<1>,
    times: Vec<f64>,
    range: (f64, f64),
}

impl Search<'_> {
    /// One future. Answers its utility and the situations met with the options taken.
    fn roll(&mut self, learning: bool) -> (f64, Vec<(Situation, u32)>) {
        let Search { model, stages, records, random, times, range } = self;
        let chance = std::cell::RefCell::new(random);
        let (mut path, mut history): (Vec<(Situation, u32)>, Situation) = (Vec::new(), Vec::new());
        let spread = if range.1 > range.0 { range.1 - range.0 } else { 1.0 };
        let utility = simulate(
            model,
            times,
            |_, probability| chance.borrow_mut().next() < probability,
            |arc| {
                let mut random = chance.borrow_mut();
                (random.next() < arc.probability).then(|| arc.delay.draw(random.next()))
            },
            |stage, times| {
                let seen = observe(&stages[stage], times);
                let options = model.steps[stages[stage].rank].options.len();
                let mut situation = history.clone();
                situation.push((stage as u32, seen, u32::MAX));
                if learning && records.len() < SITUATIONS_MAX {
                    let arms = vec![Arm { visits: 0, sum: 0.0 }; options];
                    records.entry(situation.clone()).or_insert(Record { stage, seen, arms });
                }
                let any = || (chance.borrow_mut().next() * options as f64) as u32;
                let option = match records.get(&situation) {
                    Some(record) if learning => record.explore(spread),
                    Some(record) => record.best(),
                    None => any(),
                };
                history.push((stage as u32, seen, option));
                path.push((situation, option));
                option
            },
        );
        (utility, path)
    }
}

/// A good policy with an honest value.
pub(super) fn plan(graph: &Graph, model: &Model, stages: &[Stage], settings: PlanSettings) -> Plan {
    let rollouts = settings.rollouts.clamp(100, 10_000_000);
    let mut search = Search {
        model,
        stages,
        records: BTreeMap::new(),
        random: Lanes::new(settings.seed, 0),
        times: vec![0.0; model.steps.len()],
        range: (f64::INFINITY, f64::NEG_INFINITY),
    };
    for _ in 0..rollouts {
        let (utility, path) = search.roll(true);
        search.range = (search.range.0.min(utility), search.range.1.max(utility));
        for (situation, option) in path {
            if let Some(record) = search.records.get_mut(&situation) {
                let arm = &mut record.arms[option as usize];
                arm.visits += 1;
                arm.sum += utility;
            }
        }
    }
    search.random = Lanes::new(settings.seed, 1);
    let (mut sum, mut squares, mut met) = (0.0, 0.0, BTreeMap::<Situation, u64>::new());
    for _ in 0..rollouts {
        let (utility, path) = search.roll(false);
        sum += utility;
        squares += utility * utility;
        path.into_iter().for_each(|(situation, _)| *met.entry(situation).or_default() += 1);
    }
    let n = rollouts as f64;
    let utility = sum / n;
    let error = Z95 * ((squares / n - utility * utility).max(0.0) / n).sqrt();
    let mut rules: Vec<(u32, Rule)> = met
        .into_iter()
        .filter_map(|(situation, count)| {
            let record = search.records.get(&situation)?;
            Some((record.stage as u32, rule(graph, model, stages, &situation, record, count as f64 / n)))
        })
        .collect();
    rules.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.probability.total_cmp(&a.1.probability)));
    rules.truncate(RULES_MAX);
    Plan {
        method: Method::TreeSearch,
        utility,
        utility_95: Interval { low: utility - error, high: utility + error },
        rules: rules.into_iter().map(|(_, rule)| rule).collect(),
        uncertainties: Vec::new(),
    }
}

fn rule(
    graph: &Graph,
    model: &Model,
    stages: &[Stage],
    situation: &Situation,
    record: &Record,
    probability: f64,
) -> Rule {
    let stage = &stages[record.stage];
    let option_name = |stage: &Stage, option: u32| {
        name(graph, model, model.steps[stage.rank].options[option as usize] as usize).to_owned()
    };
    let before = situation[..situation.len() - 1].iter().map(|(at, _, option)| {
        let stage = &stages[*at as usize];
        (name(graph, model, stage.rank).to_owned(), option_name(stage, *option))
    });
    let values: Vec<f64> = record.arms.iter().map(|arm| arm.sum / arm.visits.max(1) as f64).collect();
    Rule {
        decision: name(graph, model, stage.rank).to_owned(),
        known: world::known(graph, model, stage, record.seen),
        after: before.collect(),
        choose: option_name(stage, record.best()),
        probability,
        options: world::ranked(graph, model, stage.rank, &values),
    }
}
