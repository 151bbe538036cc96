//! Approximate inference by Gibbs sampling (Geman and Geman 1984; Pearl 1987), with error estimates.
//!
//! Walks through the states that agree with the evidence, so that improbable evidence costs nothing, which is where
//! likelihood weighting fails. Variables that tables tie together with zeros are drawn as one block (Jensen, Kong and
//! Kjærulff 1995): then every state can be reached from every other. Estimates are means of the full conditionals (Gelfand
//! and Smith 1990), their variance comes from means of batches over several walks. A function of the seed.

use super::interval::Estimate;
use super::{SAMPLES_MAX, Walk};
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::factor::Factor;
use crate::network::{NUMBERS_MAX, Network};
use crate::random::Random;

/// Independent walks.
const WALKS: usize = 4;
/// Means that the variance is estimated from, in each walk.
const BATCHES: usize = 25;
/// The share of a walk that is left out at its beginning: one in so many.
const BURN_IN: usize = 5;
/// The most states of variables that are drawn together.
const BLOCK_CELLS_MAX: usize = 1 << 12;
/// Samples that are drawn to find a first state that agrees with the evidence.
const STARTS_MAX: usize = 100_000;

/// Estimates of the beliefs of all variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Walked {
    /// For each variable the estimate of each of its states.
    pub beliefs: Vec<Vec<Estimate>>,
    /// Rounds drawn in all walks together, those left out at the beginning not counted.
    pub samples: usize,
    /// How far the walks disagree: the largest ratio of the deviations of estimates between walks and within them
    /// (Gelman and Rubin 1992). Near 1 where they went everywhere; above 1.1 more samples are needed.
    pub disagreement: f64,
    /// How many variables are drawn together with others.
    pub blocked: usize,
}

/// Estimates what is believed of every variable, from about `samples` rounds.
///
/// Errors: evidence that does not fit, too few or too many samples, variables that are tied together too tightly to be
/// drawn, no first state that agrees with the evidence.
pub fn gibbs(network: &Network, evidence: &Evidence, samples: usize, seed: u64) -> Result<Walked, Error> {
    let least = WALKS * BATCHES;
    if !(least..=SAMPLES_MAX).contains(&samples) {
        let message = format!("{samples} rounds were asked for; between {least} and {SAMPLES_MAX} can be drawn");
        return Err(Error::BadQuestion(message));
    }
    let sizes: Vec<usize> = network.ids().map(|id| network.states(id)).collect();
    evidence.check(&sizes)?;
    let blocks = Blocks::new(network, evidence)?;
    let batch = samples.div_ceil(least);
    let mut means: Vec<Vec<Vec<f64>>> = Vec::new();
    for walk in 0..WALKS {
        let mut random = Random::new(seed.wrapping_mul(WALKS as u64).wrapping_add(walk as u64));
        let mut states = first(network, evidence, &mut random)?;
        let mut sums: Vec<Vec<f64>> = sizes.iter().map(|&size| vec![0.0; size]).collect();
        for _ in 0..(batch * BATCHES).div_ceil(BURN_IN) {
            blocks.round(&mut states, &mut sums, &mut random);
        }
        for _ in 0..BATCHES {
            sums.iter_mut().for_each(|sums| sums.fill(0.0));
            for _ in 0..batch {
                blocks.round(&mut states, &mut sums, &mut random);
            }
            let mean = sums.iter().map(|sums| sums.iter().map(|sum| sum / batch as f64).collect()).collect();
            means.push(mean);
        }
    }
    let rounds = batch * least;
    let mut disagreement = 1.0_f64;
    let mut beliefs = Vec::new();
    for id in network.ids() {
        let estimate = |state: usize| match evidence.state(id) {
            Some(known) => (Estimate::certain(f64::from(u8::from(state == known))), 1.0),
            None => estimated(&means, id.index(), state, rounds),
        };
        let own: Vec<(Estimate, f64)> = (0..sizes[id.index()]).map(estimate).collect();
        disagreement = own.iter().fold(disagreement, |worst, (_, ratio)| worst.max(*ratio));
        beliefs.push(own.into_iter().map(|(estimate, _)| estimate).collect());
    }
    Ok(Walked { beliefs, samples: rounds, disagreement, blocked: blocks.tied })
}

/// The estimate of one state from the means of all batches, and how far the walks disagree about it.
fn estimated(means: &[Vec<Vec<f64>>], variable: usize, state: usize, rounds: usize) -> (Estimate, f64) {
    let values: Vec<f64> = means.iter().map(|mean| mean[variable][state]).collect();
    let probability = (values.iter().sum::<f64>() / values.len() as f64).clamp(0.0, 1.0);
    let within = variance(&values) / values.len() as f64;
    let walks: Vec<f64> = values.chunks_exact(BATCHES).map(|walk| walk.iter().sum::<f64>() / BATCHES as f64).collect();
    let between = variance(&walks) / WALKS as f64;
    // Walks that disagree by more than their batches explain have not been everywhere.
    let own: f64 = values.chunks_exact(BATCHES).map(variance).sum::<f64>() / (WALKS * WALKS * BATCHES) as f64;
    let variance = within.max(between);
    let ratio =
        if own > 0.0 { ((BATCHES as f64 - 1.0) / BATCHES as f64 + between / own / BATCHES as f64).sqrt() } else { 1.0 };
    let spread = probability * (1.0 - probability);
    let worth = if variance > 0.0 { spread / variance } else { rounds as f64 };
    // A mean of conditionals may vary less than counts would; that it is worth more than counts is not claimed.
    (Estimate::of(probability, worth.clamp(1.0, rounds as f64)), ratio)
}

/// The unbiased variance of numbers.
fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// A state that agrees with the evidence, drawn along the arrows.
fn first(network: &Network, evidence: &Evidence, random: &mut Random) -> Result<Vec<usize>, Error> {
    let sizes: Vec<usize> = network.ids().map(|id| network.states(id)).collect();
    let mut walk = Walk::new(network, evidence, &sizes);
    for _ in 0..STARTS_MAX {
        if walk.draw(random) > 0.0 {
            return Ok(walk.states);
        }
    }
    let message = format!("none of {STARTS_MAX} samples agrees with the evidence, so there is nowhere to begin");
    Err(Error::NoSamples(message))
}

/// Variables that are drawn together, with the tables that their draw depends on.
struct Block {
    members: Vec<(usize, usize)>,
    cells: usize,
    terms: Vec<Term>,
}

/// A table as a block sees it.
struct Term {
    table: usize,
    /// What each cell of the block adds to the place in the table.
    inside: Vec<u32>,
    /// Variables outside of the block, with their strides.
    outside: Vec<(usize, usize)>,
}

struct Blocks {
    blocks: Vec<Block>,
    tables: Vec<Vec<f64>>,
    /// Variables that share a block with others.
    tied: usize,
    largest: usize,
}

impl Blocks {
    fn new(network: &Network, evidence: &Evidence) -> Result<Self, Error> {
        let mut factors: Vec<Factor> = Vec::new();
        let mut numbers = 0_usize;
        for id in network.ids() {
            let cells = crate::distribution::cells(&network.family(id));
            numbers = numbers.saturating_add(cells);
            if numbers > NUMBERS_MAX {
                let what = format!("the tables up to that of {}", network.variable(id).name);
                let (needed, allowed) = (numbers as u64 * 8, NUMBERS_MAX as u64 * 8);
                return Err(Error::TooLarge { what, needed, at_least: true, allowed });
            }
            factors.push(network.table(id)?);
            if let Some(Finding::Likelihood(values)) = evidence.get(id) {
                factors.push(Factor::new(Domain::new([(id, values.len())])?, values.clone())?);
            }
        }
        let groups = tied(network, evidence, &factors);
        let mut blocks = Vec::new();
        for group in &groups {
            blocks.push(block(network, evidence, group, &factors)?);
        }
        let tied = groups.iter().filter(|group| group.len() > 1).map(Vec::len).sum();
        let largest = blocks.iter().map(|block| block.cells).max().unwrap_or(0);
        let tables = factors.into_iter().map(|factor| factor.values().to_vec()).collect();
        Ok(Blocks { blocks, tables, tied, largest })
    }

    /// Draws every block once, and adds the conditional of each variable to its sums.
    fn round(&self, states: &mut [usize], sums: &mut [Vec<f64>], random: &mut Random) {
        let mut weights = vec![0.0; self.largest];
        for block in &self.blocks {
            let weights = &mut weights[..block.cells];
            weights.fill(1.0);
            for term in &block.terms {
                let base: usize = term.outside.iter().map(|&(variable, stride)| states[variable] * stride).sum();
                let table = &self.tables[term.table];
                weights.iter_mut().zip(&term.inside).for_each(|(weight, &at)| *weight *= table[base + at as usize]);
            }
            let total: f64 = weights.iter().sum();
            let mut cell = random.choose(weights, total);
            // The last member varies fastest.
            let mut stride = 1;
            for &(variable, size) in block.members.iter().rev() {
                for (at, weight) in weights.iter().enumerate() {
                    sums[variable][at / stride % size] += weight / total;
                }
                states[variable] = cell % size;
                cell /= size;
                stride *= size;
            }
        }
    }
}

/// Open variables in groups: those that one table with a zero speaks of are in one.
fn tied(network: &Network, evidence: &Evidence, factors: &[Factor]) -> Vec<Vec<VariableId>> {
    let mut leader: Vec<usize> = (0..network.len()).collect();
    fn find(leader: &mut [usize], mut of: usize) -> usize {
        while leader[of] != of {
            leader[of] = leader[leader[of]];
            of = leader[of];
        }
        of
    }
    for factor in factors {
        let open: Vec<VariableId> =
            factor.domain().variables().iter().copied().filter(|&id| evidence.state(id).is_none()).collect();
        let slice = factor.slice(|id| evidence.state(id));
        if slice.values().contains(&0.0) {
            for pair in open.windows(2) {
                let [a, b] = [pair[0], pair[1]].map(|id| find(&mut leader, id.index()));
                leader[a] = b;
            }
        }
    }
    let mut groups: std::collections::BTreeMap<usize, Vec<VariableId>> = std::collections::BTreeMap::new();
    for id in network.ids().filter(|&id| evidence.state(id).is_none()) {
        groups.entry(find(&mut leader, id.index())).or_default().push(id);
    }
    groups.into_values().collect()
}

fn block(network: &Network, evidence: &Evidence, group: &[VariableId], factors: &[Factor]) -> Result<Block, Error> {
    let members: Vec<(usize, usize)> = group.iter().map(|&id| (id.index(), network.states(id))).collect();
    let cells = members.iter().fold(1_usize, |cells, &(_, size)| cells.saturating_mul(size));
    if cells > BLOCK_CELLS_MAX {
        let names: Vec<&str> = group.iter().take(4).map(|&id| network.variable(id).name.as_str()).collect();
        let message = format!(
            "tables with zeros tie {} variables together ({}, ...), whose {cells} states are too many to draw at once",
            group.len(),
            names.join(", ")
        );
        return Err(Error::NoSamples(message));
    }
    let mut terms = Vec::new();
    for (table, factor) in factors.iter().enumerate() {
        if !group.iter().any(|&id| factor.domain().contains(id)) {
            continue;
        }
        let mut stride = 1;
        let mut outside = Vec::new();
        let mut inside = vec![0_u32; cells];
        for (id, size) in factor.domain().sized().rev() {
            match group.iter().position(|&own| own == id) {
                Some(place) => {
                    let below: usize = members[place + 1..].iter().map(|&(_, size)| size).product();
                    for (cell, at) in inside.iter_mut().enumerate() {
                        // Tables have at most `NUMBERS_MAX` numbers, which u32 counts.
                        *at += (cell / below % size * stride) as u32;
                    }
                }
                None => outside.push((id.index(), stride)),
            }
            stride *= size;
        }
        terms.push(Term { table, inside, outside });
    }
    debug_assert!(group.iter().all(|&id| evidence.state(id).is_none()), "what is known is not drawn");
    Ok(Block { members, cells, terms })
}
