//! Approximate inference by likelihood weighting (Fung and Chang 1989; Shachter and Peot 1989), with error estimates;
//! Gibbs sampling is in `sampling::gibbs`.
//!
//! For networks that are too large for exact answers. Samples follow the arrows; evidence is not drawn but weighs. The
//! interval of each probability is Wilson's for the number of unweighted samples of the same variance (Geweke 1989). A function of the seed.

mod gibbs;
mod interval;

pub use self::gibbs::{Walked, gibbs};
pub use self::interval::Estimate;

use crate::distribution::Distribution;
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::network::Network;
use crate::random::Random;

/// The most samples of one question.
pub const SAMPLES_MAX: usize = 100_000_000;
/// Fewer effective samples than this give no usable answer.
const EFFECTIVE_MIN: f64 = 10.0;
/// Estimates of the beliefs of all variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// For each variable the estimate of each of its states.
    pub beliefs: Vec<Vec<Estimate>>,
    /// Natural logarithm of the estimate of P(evidence).
    pub ln_evidence: f64,
    /// Samples drawn.
    pub samples: usize,
    /// How many unweighted samples they are worth.
    pub effective: f64,
}

/// Estimates what is believed of every variable, from `samples` samples.
///
/// Errors: evidence that does not fit, no samples or more than [`SAMPLES_MAX`], samples that hardly ever agree with the
/// evidence.
pub fn likelihood_weighting(
    network: &Network,
    evidence: &Evidence,
    samples: usize,
    seed: u64,
) -> Result<Sampled, Error> {
    if samples == 0 || samples > SAMPLES_MAX {
        return Err(Error::BadQuestion(format!(
            "{samples} samples were asked for; between 1 and {SAMPLES_MAX} can be drawn"
        )));
    }
    let sizes: Vec<usize> = network.ids().map(|id| network.states(id)).collect();
    evidence.check(&sizes)?;
    let mut walk = Walk::new(network, evidence, &sizes);
    let mut random = Random::new(seed);
    let mut sums: Vec<Vec<f64>> = sizes.iter().map(|&size| vec![0.0; size]).collect();
    let mut state_squares = sums.clone();
    let (mut total, mut squares) = (0.0, 0.0);
    for _ in 0..samples {
        let weight = walk.draw(&mut random);
        if weight > 0.0 {
            total += weight;
            squares += weight * weight;
            for (variable, &state) in walk.states.iter().enumerate() {
                sums[variable][state] += weight;
                state_squares[variable][state] += weight * weight;
            }
        }
    }
    let effective = if squares > 0.0 { total * total / squares } else { 0.0 };
    if effective < EFFECTIVE_MIN {
        let message = format!("{samples} samples are worth {effective:.1} under this evidence: it is too improbable");
        return Err(Error::NoSamples(message));
    }
    let estimates = |(id, sums): (VariableId, &Vec<f64>)| -> Vec<Estimate> {
        if let Some(known) = evidence.state(id) {
            return (0..sums.len()).map(|state| Estimate::certain(f64::from(u8::from(state == known)))).collect();
        }
        let own = &state_squares[id.index()];
        sums.iter().zip(own).map(|(sum, own)| weighted(sum / total, *own, squares, total, effective)).collect()
    };
    let beliefs = network.ids().zip(&sums).map(estimates).collect();
    Ok(Sampled { beliefs, ln_evidence: (total / samples as f64).ln(), samples, effective })
}

/// The estimate of a state: its interval is that of as many unweighted samples as give the variance of the weighted mean
/// (Geweke 1989). A state whose samples are heavy has fewer than the average.
fn weighted(probability: f64, own: f64, squares: f64, total: f64, effective: f64) -> Estimate {
    let spread = probability * (1.0 - probability);
    let rest = 1.0 - probability;
    let variance = (own * rest * rest + (squares - own).max(0.0) * probability * probability) / (total * total);
    let samples = if spread > 0.0 && variance > 0.0 { spread / variance } else { effective };
    Estimate::of(probability, samples)
}

/// One sample after another.
struct Walk<'a> {
    steps: Vec<Step<'a>>,
    states: Vec<usize>,
    row: Vec<f64>,
    parent_states: Vec<usize>,
}

struct Step<'a> {
    variable: usize,
    size: usize,
    parents: Vec<(usize, usize)>,
    distribution: &'a Distribution,
    finding: Option<&'a Finding>,
}

impl<'a> Walk<'a> {
    fn new(network: &'a Network, evidence: &'a Evidence, sizes: &[usize]) -> Self {
        let step = |&id: &VariableId| Step {
            variable: id.index(),
            size: sizes[id.index()],
            parents: network.parents(id).iter().map(|parent| (parent.index(), sizes[parent.index()])).collect(),
            distribution: network.distribution(id),
            finding: evidence.get(id),
        };
        let largest = sizes.iter().copied().max().unwrap_or(0);
        Walk {
            steps: network.order().iter().map(step).collect(),
            states: vec![0; sizes.len()],
            row: vec![0.0; largest],
            parent_states: Vec::new(),
        }
    }

    /// Draws all variables; gives the weight of the sample.
    fn draw(&mut self, random: &mut Random) -> f64 {
        let mut weight = 1.0;
        for step in &self.steps {
            self.parent_states.clear();
            let mut row_index = 0_usize;
            for &(parent, size) in &step.parents {
                let state = self.states[parent];
                // Of a noisy or with very many parents the number of the row overflows; it is not asked for there.
                row_index = row_index.wrapping_mul(size).wrapping_add(state);
                self.parent_states.push(state);
            }
            let row = &mut self.row[..step.size];
            step.distribution.row(row_index, &self.parent_states, row);
            let state = match step.finding {
                Some(Finding::State(state)) => {
                    weight *= row[*state];
                    *state
                }
                Some(Finding::Likelihood(values)) => {
                    let state = random.choose(row, 1.0);
                    weight *= values[state];
                    state
                }
                None => random.choose(row, 1.0),
            };
            if weight == 0.0 {
                return 0.0;
            }
            self.states[step.variable] = state;
        }
        weight
    }
}
