//! Which events matter most for an outcome.

use serde::Serialize;

use crate::EchoError;
use crate::forecast::model::{Choices, Model, time_of};
use crate::forecast::random::Lanes;
use crate::graph::Graph;

/// Rollouts for the question; its answers are shares, good to about one percent.
const ROLLOUTS: u64 = 20_000;

/// How much one event matters for when the last event, or a chosen one, happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriticalEvent {
    /// Its name.
    pub event: String,
    /// In what part of the futures it is on the path that decides the outcome's time.
    pub criticality: f64,
    /// Share of the outcome's variance that its own delay after its deciding cause explains (squared correlation).
    pub variance_share: f64,
    /// By how many microseconds the outcome is later on average in the futures in which the event happens, if both
    /// sorts of futures came up often enough to say.
    pub swing: Option<f64>,
}

/// Sums over the futures for one event.
#[derive(Debug, Clone, Default)]
struct Sums {
    on_path: u64,
    happened: u64,
    outcome: f64,
    delay: f64,
    delay_squares: f64,
    products: f64,
}

/// Ranks all events by how much they matter for `target` (`None`: for the last event of each future).
///
/// # Errors
/// As [`crate::forecast::forecast`]; no such event.
pub fn critical_events(
    graph: &Graph,
    choices: &Choices,
    target: Option<&str>,
    seed: u64,
) -> Result<Vec<CriticalEvent>, EchoError> {
    let model = Model::new(graph, choices)?;
    let target = target.map(|name| graph.place(name)).transpose()?.map(|node| model.rank[node as usize] as usize);
    let mut sums = vec![Sums::default(); model.steps.len()];
    let mut random = Lanes::<1>::new(seed, 0);
    let (mut reached, mut total, mut squares) = (0_u64, 0.0, 0.0);
    let mut future = Future::new(&model);
    let zero = model.steps.iter().map(|step| step.at).fold(f64::INFINITY, f64::min);
    for _ in 0..ROLLOUTS {
        future.roll(&model, &mut random);
        let last = || {
            (0..model.steps.len())
                .filter(|&at| future.times[at].is_finite())
                .max_by(|&a, &b| future.times[a].total_cmp(&future.times[b]))
        };
        let Some(end) = target.or_else(last).filter(|&end| future.times[end].is_finite()) else { continue };
        let outcome = future.times[end] - zero;
        reached += 1;
        total += outcome;
        squares += outcome * outcome;
        for (at, sums) in sums.iter_mut().enumerate().filter(|(at, _)| future.times[*at].is_finite()) {
            let delay = future.own_delay(graph, &model, at);
            sums.happened += 1;
            sums.outcome += outcome;
            sums.delay += delay;
            sums.delay_squares += delay * delay;
            sums.products += delay * outcome;
        }
        let mut at = Some(end);
        while let Some(step) = at {
            sums[step].on_path += 1;
            at = future.decided_by[step].map(|edge| model.rank[graph.edges[edge as usize].source as usize] as usize);
        }
    }
    let n = reached.max(1) as f64;
    let variance = squares / n - (total / n).powi(2);
    let mut found: Vec<CriticalEvent> = sums
        .iter()
        .zip(&model.steps)
        .map(|(sums, step)| CriticalEvent {
            event: graph.nodes[step.node as usize].name.clone(),
            criticality: sums.on_path as f64 / n,
            variance_share: variance_share(sums, variance),
            swing: swing(sums, reached, total),
        })
        .collect();
    found.sort_by(|a, b| {
        let key = |event: &CriticalEvent| (event.variance_share, event.criticality);
        key(b).partial_cmp(&key(a)).expect("shares are numbers").then_with(|| a.event.cmp(&b.event))
    });
    Ok(found)
}

fn variance_share(sums: &Sums, variance: f64) -> f64 {
    let n = sums.happened as f64;
    if sums.happened < 2 || variance <= 0.0 {
        return 0.0;
    }
    let own = sums.delay_squares / n - (sums.delay / n).powi(2);
    let both = sums.products / n - sums.delay / n * (sums.outcome / n);
    // Rounding of large sums is no variance.
    if own <= 1e-9 * (sums.delay_squares / n) { 0.0 } else { (both * both / own / variance).clamp(0.0, 1.0) }
}

fn swing(sums: &Sums, reached: u64, total: f64) -> Option<f64> {
    const ENOUGH: u64 = 30;
    let without = reached - sums.happened;
    (sums.happened >= ENOUGH && without >= ENOUGH)
        .then(|| sums.outcome / sums.happened as f64 - (total - sums.outcome) / without as f64)
}

/// One future, with the trigger that decided each event's time.
struct Future {
    times: Vec<f64>,
    taken: Vec<Option<u32>>,
    decided_by: Vec<Option<u32>>,
}

impl Future {
    fn new(model: &Model) -> Self {
        let steps = model.steps.len();
        Future { times: vec![0.0; steps], taken: vec![None; steps], decided_by: vec![None; steps] }
    }

    fn roll(&mut self, model: &Model, random: &mut Lanes<1>) {
        for (at, step) in model.steps.iter().enumerate() {
            let happens = random.next() < step.probability;
            let (time, edge) = time_of(
                step,
                &self.times,
                |arc| (random.next() < arc.probability).then(|| arc.delay.draw(random.next())),
                |decision| self.taken[decision as usize],
                || happens,
            );
            (self.times[at], self.decided_by[at]) = (time, edge);
            if !step.options.is_empty() {
                let any = (random.next() * step.options.len() as f64) as u32;
                self.taken[at] = Some(step.chosen.unwrap_or(any));
            }
        }
    }

    fn own_delay(&self, graph: &Graph, model: &Model, at: usize) -> f64 {
        self.decided_by[at].map_or(0.0, |edge| {
            self.times[at] - self.times[model.rank[graph.edges[edge as usize].source as usize] as usize]
        })
    }
}
