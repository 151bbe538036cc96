//! What the arrows alone say: which variables cannot tell anything about which others (d-separation).
//!
//! By reachability along active trails (Shachter 1998, "Bayes ball"), in time linear in the arrows. Driven by questions
//! about networks, and by the solver of influence diagrams.

use crate::domain::VariableId;
use crate::network::Network;

/// Whether no variable of `a` tells anything about any of `b` once all of `given` are known, whatever the tables are.
/// A variable that is in both, and not given, tells about itself.
pub fn separated(network: &Network, a: &[VariableId], b: &[VariableId], given: &[VariableId]) -> bool {
    let parents: Vec<&[VariableId]> = network.ids().map(|id| network.parents(id)).collect();
    let reached = reachable(&parents, a, given);
    !b.iter().any(|id| reached[id.index()] && !given.contains(id))
}

/// The variables that those of `from` tell something about, once `given` are known. `parents` is the graph.
pub(crate) fn reachable(parents: &[&[VariableId]], from: &[VariableId], given: &[VariableId]) -> Vec<bool> {
    let children = children(parents);
    let mut known = vec![false; parents.len()];
    given.iter().for_each(|id| known[id.index()] = true);
    // A common effect opens the way between its causes if it or any of its effects is known.
    let mut above_known = vec![false; parents.len()];
    let mut stack: Vec<usize> = given.iter().map(|id| id.index()).collect();
    while let Some(index) = stack.pop() {
        if !std::mem::replace(&mut above_known[index], true) {
            stack.extend(parents[index].iter().map(|id| id.index()));
        }
    }
    let mut reached = vec![false; parents.len()];
    // Each variable can be entered from a child (upwards) and from a parent (downwards).
    let mut seen = vec![[false; 2]; parents.len()];
    let mut stack: Vec<(usize, bool)> = from.iter().map(|id| (id.index(), true)).collect();
    while let Some((index, upwards)) = stack.pop() {
        if std::mem::replace(&mut seen[index][usize::from(upwards)], true) {
            continue;
        }
        reached[index] |= !known[index];
        if upwards && !known[index] {
            stack.extend(parents[index].iter().map(|id| (id.index(), true)));
            stack.extend(children[index].iter().map(|&child| (child, false)));
        } else if !upwards {
            if !known[index] {
                stack.extend(children[index].iter().map(|&child| (child, false)));
            }
            if above_known[index] {
                stack.extend(parents[index].iter().map(|id| (id.index(), true)));
            }
        }
    }
    reached
}

fn children(parents: &[&[VariableId]]) -> Vec<Vec<usize>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (child, parents) in parents.iter().enumerate() {
        parents.iter().for_each(|parent| children[parent.index()].push(child));
    }
    children
}

/// The variables below one, itself included. `parents` is the graph.
pub(crate) fn descendants(parents: &[&[VariableId]], of: VariableId) -> Vec<bool> {
    let children = children(parents);
    let mut below = vec![false; parents.len()];
    let mut stack = vec![of.index()];
    while let Some(index) = stack.pop() {
        if !std::mem::replace(&mut below[index], true) {
            stack.extend(&children[index]);
        }
    }
    below
}
