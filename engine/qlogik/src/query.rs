//! One exact question about some variables: their joint distribution, or their most probable states.
//!
//! Variable elimination over only that part of the network that the question touches (barren variables are left out), so
//! that a question may be answered where the whole network is too large. Driven by callers that hold a network.

use crate::contraction::Contraction;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::factor::Factor;
use crate::junction_tree::Explanation;
use crate::network::Network;

/// P(variables | evidence) as one table in the order of `variables`, with the natural logarithm of P(evidence).
///
/// Errors: a variable twice or one with a known state, evidence that cannot happen, or a need for more than `memory_max`
/// bytes.
pub fn joint(
    network: &Network,
    variables: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<(Factor, f64), Error> {
    let (mut factor, ln_scale) = tables(network, variables, evidence)?.sum_onto(variables, memory_max)?;
    let mass = factor.normalise();
    if mass <= 0.0 {
        return Err(Error::ImpossibleEvidence(String::new()));
    }
    Ok((factor, ln_scale + mass.ln()))
}

/// The most probable states of some variables together, whatever all others are (maximum a posteriori). Of equals one is
/// given. With all variables this is the most probable explanation, for which `JunctionTree::most_probable` is faster.
///
/// Errors: as of [`joint`].
pub fn most_probable(
    network: &Network,
    variables: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Explanation, Error> {
    let (_, ln_evidence) = joint(network, &[], evidence, memory_max)?;
    maximise(tables(network, variables, evidence)?, variables, ln_evidence, memory_max)
}

/// The tables that a question needs: evidence entered, what does not matter left out.
pub(crate) fn tables(network: &Network, variables: &[VariableId], evidence: &Evidence) -> Result<Contraction, Error> {
    check(network, variables, evidence)?;
    let relevant = relevant(network, variables, evidence);
    let sizes: Vec<usize> = network.ids().map(|id| network.states(id)).collect();
    let mut tables = Contraction { sizes, factors: Vec::new(), ln_scale: 0.0 };
    for id in network.ids().filter(|id| relevant[id.index()]) {
        let (of_node, auxiliaries) = network.distribution(id).factors(&network.family(id), tables.sizes.len())?;
        tables.sizes.extend(auxiliaries);
        tables.factors.extend(of_node.into_iter().map(|factor| factor.slice(|id| evidence.state(id))));
        if let Some(Finding::Likelihood(values)) = evidence.get(id) {
            if values.iter().all(|&value| value == 0.0) {
                let name = &network.variable(id).name;
                return Err(Error::ImpossibleEvidence(format!("every likelihood of {name} is 0")));
            }
            // Scaled, so that likelihoods of any size overflow nowhere.
            tables.keep(Factor::new(Domain::new([(id, values.len())])?, values.clone())?);
        }
    }
    Ok(tables)
}

fn check(network: &Network, variables: &[VariableId], evidence: &Evidence) -> Result<(), Error> {
    for (place, &id) in variables.iter().enumerate() {
        if id.index() >= network.len() {
            return Err(Error::BadQuestion(format!("the network has no {id}")));
        }
        let name = &network.variable(id).name;
        if variables[..place].contains(&id) {
            return Err(Error::BadQuestion(format!("{name} is asked for twice")));
        }
        if evidence.state(id).is_some() {
            return Err(Error::BadQuestion(format!("{name} is asked for, and its state is given")));
        }
    }
    evidence.check(&network.ids().map(|id| network.states(id)).collect::<Vec<usize>>())
}

fn maximise(
    mut tables: Contraction,
    variables: &[VariableId],
    ln_evidence: f64,
    memory_max: u64,
) -> Result<Explanation, Error> {
    let elimination = tables.plan(&[], variables, memory_max)?;
    let mut choices: Vec<(VariableId, Factor)> = Vec::new();
    for (variable, _) in elimination.steps {
        let id = VariableId::at(variable);
        let product = tables.take_product(id)?;
        let kept = product.domain_without(id);
        if variables.contains(&id) {
            tables.keep(product.maximum_onto(kept));
            choices.push((id, product));
        } else {
            tables.keep(product.sum_onto(kept));
        }
    }
    let mut states: Vec<Option<usize>> = vec![None; tables.sizes.len()];
    // The last one chosen depends on no other; each one before on those after it.
    for (id, table) in choices.iter().rev() {
        let known = table.slice(|other| if other == *id { None } else { states[other.index()] });
        states[id.index()] = Some(known.largest());
    }
    let rest: f64 = tables.factors.iter().map(|factor| factor.values()[0].ln()).sum();
    let states = variables.iter().map(|id| states[id.index()].expect("each variable asked for was chosen")).collect();
    Ok(Explanation { variables: variables.to_vec(), states, ln_probability: rest + tables.ln_scale, ln_evidence })
}

/// Which variables matter for a question: those asked for, those known, and the causes of both.
fn relevant(network: &Network, variables: &[VariableId], evidence: &Evidence) -> Vec<bool> {
    let mut relevant = vec![false; network.len()];
    let mut stack: Vec<VariableId> = variables.iter().copied().chain(evidence.iter().map(|(id, _)| id)).collect();
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut relevant[id.index()], true) {
            stack.extend(network.parents(id));
        }
    }
    relevant
}
