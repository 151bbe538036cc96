//! How strongly each arrow of a network acts: how far the distribution of the effect moves when the cause changes its
//! state and the other causes stay (Koiter 2006), and how much one end tells about the other.
//!
//! Distances are Hellinger's, from 0 (no influence) to 1. Driven by callers that hold a network, and drawn as the
//! thickness of arrows.

use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::Factor;
use crate::network::Network;
use crate::query;

/// The most comparisons of two numbers that all arrows may take: some seconds.
const WORK_MAX: u64 = 1 << 31;

/// How strongly an arrow acts.
#[derive(Debug, Clone, PartialEq)]
pub struct Strength {
    /// Where it begins.
    pub cause: VariableId,
    /// Where it ends.
    pub effect: VariableId,
    /// The mean distance between rows of the effect's table that differ in the cause's state only.
    pub average: f64,
    /// The same, each combination of the other causes counting as it is probable given the evidence.
    pub weighted: f64,
    /// The largest such distance.
    pub largest: f64,
    /// Mutual information of both ends given the evidence, in bits; 0 where one of them is known.
    pub information: f64,
}

/// How strongly each arrow acts, the strongest (weighted) first. In decisions every option counts alike.
///
/// Errors: tables too large to compare, evidence that does not fit or cannot happen, more memory than is allowed.
pub fn strengths(network: &Network, evidence: &Evidence, memory_max: u64) -> Result<Vec<Strength>, Error> {
    let mut work = 0_u64;
    for (cause, effect) in network.arrows() {
        let cells = crate::distribution::cells(&network.family(effect)) as u64;
        work = work.saturating_add(cells.saturating_mul(network.states(cause) as u64));
        if work > WORK_MAX {
            let what = "the strength of all arrows".to_owned();
            let (needed, allowed) = (work.saturating_mul(8), WORK_MAX * 8);
            return Err(Error::TooLarge { what, needed, at_least: true, allowed });
        }
    }
    let mut found = Vec::new();
    for (cause, effect) in network.arrows() {
        found.push(strength(network, cause, effect, evidence, memory_max)?);
    }
    found.sort_by(|a, b| b.weighted.total_cmp(&a.weighted));
    Ok(found)
}

fn strength(
    network: &Network,
    cause: VariableId,
    effect: VariableId,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Strength, Error> {
    let table = network.table(effect)?;
    let others: Vec<VariableId> = network.parents(effect).iter().copied().filter(|&id| id != cause).collect();
    // The cause's state slowest, then the other causes, then the effect: contexts lie one behind the other.
    let order: Vec<(VariableId, usize)> =
        [cause].iter().chain(&others).chain([&effect]).map(|&id| (id, network.states(id))).collect();
    let table = table.sum_onto(Domain::new(order)?);
    let contexts = contexts(network, &others, evidence, memory_max)?;
    let (causes, effects) = (network.states(cause), network.states(effect));
    let row = |state: usize, context: usize| &table.values()[(state * contexts.len() + context) * effects..][..effects];
    let (mut sum, mut weighted, mut largest, mut pairs) = (0.0, 0.0, 0.0_f64, 0.0);
    for a in 0..causes {
        for b in a + 1..causes {
            pairs += 1.0;
            for (context, weight) in contexts.iter().enumerate() {
                let distance = hellinger(row(a, context), row(b, context));
                sum += distance;
                weighted += distance * weight;
                largest = largest.max(distance);
            }
        }
    }
    let scale = if pairs > 0.0 { 1.0 / pairs } else { 0.0 };
    Ok(Strength {
        cause,
        effect,
        average: sum * scale / contexts.len() as f64,
        weighted: weighted * scale,
        largest,
        information: information(network, cause, effect, evidence, memory_max)?,
    })
}

/// How probable each combination of the other causes is.
fn contexts(network: &Network, others: &[VariableId], evidence: &Evidence, memory_max: u64) -> Result<Vec<f64>, Error> {
    let open: Vec<VariableId> = others.iter().copied().filter(|&id| evidence.state(id).is_none()).collect();
    let (joint, _) = query::joint(network, &open, evidence, memory_max)?;
    let domain = Domain::new(others.iter().map(|&id| (id, network.states(id))))?;
    let mut all = Factor::constant(domain.clone(), 0.0);
    for (cell, value) in all.values_mut().iter_mut().enumerate() {
        let states = domain.states_of(cell);
        let of = |id: VariableId| {
            states[domain.variables().iter().position(|&known| known == id).expect("an open cause is a cause")]
        };
        let agrees = domain.variables().iter().all(|&id| evidence.state(id).is_none_or(|state| state == of(id)));
        *value = if agrees { joint.value_at(of) } else { 0.0 };
    }
    Ok(all.values().to_vec())
}

/// The distance of two distributions (Hellinger 1909), from 0 to 1.
fn hellinger(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a.sqrt() - b.sqrt()).powi(2)).sum();
    (squares / 2.0).sqrt().min(1.0)
}

/// The mutual information of two variables given the evidence, in bits.
///
/// Errors: evidence that does not fit or cannot happen, more memory than is allowed.
pub fn information(
    network: &Network,
    a: VariableId,
    b: VariableId,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<f64, Error> {
    if a == b || evidence.state(a).is_some() || evidence.state(b).is_some() {
        return Ok(0.0);
    }
    let (joint, _) = query::joint(network, &[a, b], evidence, memory_max)?;
    let alone = |id: VariableId| Ok::<Factor, Error>(joint.sum_onto(Domain::new([(id, network.states(id))])?));
    let (of_a, of_b) = (alone(a)?, alone(b)?);
    let mut bits = 0.0;
    for cell in joint.cells().filter(|cell| cell.value > 0.0) {
        bits += cell.value * (cell.value / (of_a.values()[cell.states[0]] * of_b.values()[cell.states[1]])).log2();
    }
    Ok(bits.max(0.0))
}
