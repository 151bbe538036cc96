//! Exact inference: a network compiled once into a tree of tables, and asked many times.
//!
//! Min-fill cliques joined into a tree (Lauritzen and Spiegelhalter 1988), with messages that divide out what was sent
//! before (Jensen, Lauritzen and Olesen 1990). Every message is scaled to the sum 1 and the scales are kept as logarithms,
//! so that evidence of any improbability is no underflow. The memory of the tree is known before a table is made.

use crate::domain::{Domain, Projection, VariableId};
use crate::elimination::{Elimination, cheapest};
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::factor::{Factor, normalise};
use crate::network::Network;

/// Memory that an exact answer may take unless told otherwise: 1 GiB.
pub const MEMORY_MAX: u64 = 1 << 30;
/// Bytes for each cell of a clique: its table, and the copy that a question works on; and the same for what it shares with
/// its parent, which has half its cells at most.
const CELL_BYTES: f64 = 24.0;

/// A network compiled for exact answers.
#[derive(Debug, Clone)]
pub struct JunctionTree {
    sizes: Vec<usize>,
    /// The network's own variables; auxiliary ones come after them.
    visible: usize,
    /// Children before parents.
    cliques: Vec<Clique>,
    /// The tables of all cliques, one behind the other.
    base: Vec<f64>,
    separator_cells: usize,
    /// For each variable the smallest clique that has it, and the way to it.
    homes: Vec<(usize, Projection)>,
}

#[derive(Debug, Clone)]
struct Clique {
    domain: Domain,
    start: usize,
    /// To the clique towards the root.
    up: Option<Edge>,
}

/// What two neighbouring cliques share.
#[derive(Debug, Clone)]
struct Edge {
    parent: usize,
    start: usize,
    of_child: Projection,
    of_parent: Projection,
}

/// What is believed of every variable, given some evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Beliefs {
    probabilities: Vec<Vec<f64>>,
    ln_evidence: f64,
}

/// The most probable states, with the logarithm of their probability together with the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The variables that were asked for.
    pub variables: Vec<VariableId>,
    /// The state of each.
    pub states: Vec<usize>,
    /// Natural logarithm of P(states, evidence).
    pub ln_probability: f64,
    /// Natural logarithm of P(evidence).
    pub ln_evidence: f64,
}

impl Explanation {
    /// P(states | evidence).
    pub fn probability(&self) -> f64 {
        (self.ln_probability - self.ln_evidence).exp().min(1.0)
    }
}

/// The way from a clique to the variables of a smaller domain.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    start: usize,
    cells: usize,
    projection: Projection,
}

/// The tables of a tree in the middle of a question.
#[derive(Debug, Clone)]
struct Tables {
    cliques: Vec<f64>,
    separators: Vec<f64>,
    ln_scale: f64,
}

/// What an exact answer costs, known before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Bytes of all tables; at least this much where `complete` is not set.
    pub bytes: u64,
    /// Cells of the largest table.
    pub largest: f64,
    /// Whether counting came to its end.
    pub complete: bool,
}

impl Cost {
    fn of(elimination: &Elimination) -> Self {
        let bytes = (elimination.cells * CELL_BYTES) as u64;
        Cost { bytes, largest: elimination.largest, complete: elimination.complete }
    }

    /// What exact inference in a network costs; counting ends above `memory_max` bytes.
    pub fn exact(network: &Network, memory_max: u64) -> Self {
        match network.factors() {
            Ok((factors, sizes)) => Cost::of(&plan(&factors, &sizes, memory_max)),
            Err(_) => Cost { bytes: memory_max.saturating_add(1), largest: f64::INFINITY, complete: false },
        }
    }
}

fn plan(factors: &[Factor], sizes: &[usize], memory_max: u64) -> Elimination {
    let scope = |factor: &Factor| factor.domain().variables().iter().map(|id| id.index()).collect();
    let scopes: Vec<Vec<usize>> = factors.iter().map(scope).collect();
    cheapest(&scopes, sizes, &vec![0; sizes.len()], memory_max as f64 / CELL_BYTES)
}

impl JunctionTree {
    /// Compiles a network for exact answers that take no more than `memory_max` bytes.
    ///
    /// Errors: [`Error::TooLarge`], before the memory is allocated.
    pub fn compile(network: &Network, memory_max: u64) -> Result<Self, Error> {
        let (factors, sizes) = network.factors()?;
        let elimination = plan(&factors, &sizes, memory_max);
        let cost = Cost::of(&elimination);
        if !cost.complete || cost.bytes > memory_max {
            let what = format!("an exact answer in the network {}", network.name());
            let at_least = !cost.complete;
            return Err(Error::TooLarge { what, needed: cost.bytes, at_least, allowed: memory_max });
        }
        let mut tree = Self::shape(&elimination, sizes, network.len())?;
        for factor in &factors {
            let home = tree.home_of(factor.domain());
            let clique = &tree.cliques[home];
            let table = &mut tree.base[clique.start..][..clique.domain.cells()];
            clique.domain.onto(factor.domain()).multiply(table, factor.values());
        }
        Ok(tree)
    }

    /// The tree of an elimination order, its tables all 1.
    fn shape(elimination: &Elimination, sizes: Vec<usize>, visible: usize) -> Result<Self, Error> {
        let mut cliques: Vec<Clique> = Vec::new();
        let mut start = 0;
        let members = merged(&elimination.steps);
        for (clique, _) in &members {
            let domain = Domain::new(clique.iter().map(|&index| (VariableId::at(index), sizes[index])))?;
            let cells = domain.cells();
            cliques.push(Clique { domain, start, up: None });
            start += cells;
        }
        // What is shared with the parent varies slowest: then a message up is the sums of runs.
        for (place, (_, parent)) in members.iter().enumerate() {
            let Some(parent) = *parent else { continue };
            let is_shared = |id: VariableId| cliques[parent].domain.contains(id);
            let mut ordered: Vec<_> = cliques[place].domain.sized().collect();
            ordered.sort_by_key(|&(id, _)| !is_shared(id));
            cliques[place].domain = Domain::new(ordered)?;
        }
        let mut separator_cells = 0;
        for (place, (_, parent)) in members.iter().enumerate() {
            let Some(parent) = *parent else { continue };
            let [child, above] = [place, parent].map(|place| &cliques[place].domain);
            let separator = Domain::new(child.sized().take_while(|&(id, _)| above.contains(id)))?;
            let (of_child, of_parent) = (child.onto(&separator), above.onto(&separator));
            cliques[place].up = Some(Edge { parent, start: separator_cells, of_child, of_parent });
            separator_cells += separator.cells();
        }
        let mut tree =
            JunctionTree { base: vec![1.0; start], sizes, visible, cliques, separator_cells, homes: Vec::new() };
        for index in 0..tree.sizes.len() {
            let alone = Domain::new([(VariableId::at(index), tree.sizes[index])])?;
            let home = tree.home_of(&alone);
            tree.homes.push((home, tree.cliques[home].domain.onto(&alone)));
        }
        Ok(tree)
    }

    /// The smallest clique that has all these variables.
    fn home_of(&self, domain: &Domain) -> usize {
        let fits = |clique: &Clique| domain.variables().iter().all(|&id| clique.domain.contains(id));
        let fitting = self.cliques.iter().enumerate().filter(|(_, clique)| fits(clique));
        let smallest = fitting.min_by_key(|(_, clique)| clique.domain.cells());
        smallest.map(|(place, _)| place).expect("the graph was made of these scopes, so a clique covers each")
    }

    /// Bytes that the tree and one question take.
    pub fn bytes(&self) -> u64 {
        ((self.base.len() * 2 + self.separator_cells * 2) * size_of::<f64>()) as u64
    }

    /// What is believed of every variable, given the evidence.
    ///
    /// Errors: evidence that does not fit the network, or that cannot happen.
    pub fn beliefs(&self, evidence: &Evidence) -> Result<Beliefs, Error> {
        let tables = self.propagated(evidence)?;
        let mut probabilities = Vec::with_capacity(self.visible);
        for (home, projection) in &self.homes[..self.visible] {
            let clique = &self.cliques[*home];
            let mut sums = vec![0.0; projection.smaller_cells()];
            projection.sum(&tables.cliques[clique.start..][..clique.domain.cells()], &mut sums);
            normalise(&mut sums);
            probabilities.push(sums);
        }
        Ok(Beliefs { probabilities, ln_evidence: tables.ln_scale })
    }

    /// The way to a clique that has all of these variables, if there is one: of a table of the network there is.
    pub(crate) fn way_to(&self, domain: &Domain) -> Option<Way> {
        let fits = |clique: &&Clique| domain.variables().iter().all(|&id| clique.domain.contains(id));
        let clique = self.cliques.iter().filter(fits).min_by_key(|clique| clique.domain.cells())?;
        Some(Way { start: clique.start, cells: clique.domain.cells(), projection: clique.domain.onto(domain) })
    }

    /// P(domain | evidence) at the end of each way, and the natural logarithm of P(evidence).
    ///
    /// Errors: as of [`JunctionTree::beliefs`].
    pub(crate) fn marginals(&self, ways: &[Way], evidence: &Evidence) -> Result<(Vec<Vec<f64>>, f64), Error> {
        let tables = self.propagated(evidence)?;
        let marginal = |way: &Way| {
            let mut sums = vec![0.0; way.projection.smaller_cells()];
            way.projection.sum(&tables.cliques[way.start..][..way.cells], &mut sums);
            normalise(&mut sums);
            sums
        };
        Ok((ways.iter().map(marginal).collect(), tables.ln_scale))
    }

    /// Natural logarithm of the probability of the evidence; minus infinity if it cannot happen.
    ///
    /// Errors: evidence that does not fit the network.
    pub fn ln_evidence(&self, evidence: &Evidence) -> Result<f64, Error> {
        let mut tables = self.entered(evidence)?;
        match self.collect(&mut tables, Projection::sum) {
            Ok(()) => Ok(tables.ln_scale),
            Err(Error::ImpossibleEvidence(_)) => Ok(f64::NEG_INFINITY),
            Err(error) => Err(error),
        }
    }

    /// The most probable state of all variables together, given the evidence. Of equals one is given.
    ///
    /// Errors: as of [`JunctionTree::beliefs`].
    pub fn most_probable(&self, evidence: &Evidence) -> Result<Explanation, Error> {
        let ln_evidence = self.ln_evidence(evidence)?;
        let mut tables = self.entered(evidence)?;
        self.collect(&mut tables, Projection::maximum)?;
        let mut states: Vec<Option<usize>> = vec![None; self.sizes.len()];
        // From the roots down: each clique follows what is decided above it.
        for clique in self.cliques.iter().rev() {
            let table = &tables.cliques[clique.start..][..clique.domain.cells()];
            let best = best_cell(&clique.domain, table, &states);
            for (&id, state) in clique.domain.variables().iter().zip(clique.domain.states_of(best)) {
                states[id.index()] = Some(state);
            }
        }
        let states = states.into_iter().take(self.visible).map(|state| state.expect("every variable is in a clique"));
        Ok(Explanation {
            variables: (0..self.visible).map(VariableId::at).collect(),
            states: states.collect(),
            ln_probability: tables.ln_scale,
            ln_evidence,
        })
    }

    /// The tables with the evidence in them, messages not sent.
    fn entered(&self, evidence: &Evidence) -> Result<Tables, Error> {
        evidence.check(&self.sizes[..self.visible])?;
        let separators = vec![1.0; self.separator_cells];
        let mut tables = Tables { cliques: self.base.clone(), separators, ln_scale: 0.0 };
        for (id, finding) in evidence.iter() {
            let (home, projection) = &self.homes[id.index()];
            let clique = &self.cliques[*home];
            let mut weights = finding.weights(self.sizes[id.index()]);
            // Likelihoods may be of any size; their largest is taken out, so that none overflows.
            if let Finding::Likelihood(values) = finding {
                let largest = values.iter().copied().fold(0.0, f64::max);
                if largest == 0.0 {
                    return Err(Error::ImpossibleEvidence(format!("every likelihood of {id} is 0")));
                }
                weights.iter_mut().for_each(|weight| *weight /= largest);
                tables.ln_scale += largest.ln();
            }
            projection.multiply(&mut tables.cliques[clique.start..][..clique.domain.cells()], &weights);
        }
        Ok(tables)
    }

    /// Sends messages from the leaves to the roots. With sums, the scale becomes the logarithm of P(evidence); with maxima
    /// that of the most probable states together with the evidence.
    fn collect(&self, tables: &mut Tables, reduce: fn(&Projection, &[f64], &mut [f64])) -> Result<(), Error> {
        for clique in &self.cliques {
            let cells = clique.domain.cells();
            let Some(edge) = &clique.up else {
                let nothing = Domain::default();
                let mut total = [0.0];
                reduce(&clique.domain.onto(&nothing), &tables.cliques[clique.start..][..cells], &mut total);
                tables.ln_scale += possible(total[0])?.ln();
                continue;
            };
            let separator = &mut tables.separators[edge.start..][..edge.of_child.smaller_cells()];
            reduce(&edge.of_child, &tables.cliques[clique.start..][..cells], separator);
            tables.ln_scale += possible(normalise(separator))?.ln();
            let parent = &self.cliques[edge.parent];
            edge.of_parent.multiply(&mut tables.cliques[parent.start..][..parent.domain.cells()], separator);
        }
        Ok(())
    }

    /// The tables after messages were sent both ways: each is proportional to P(clique, evidence).
    fn propagated(&self, evidence: &Evidence) -> Result<Tables, Error> {
        let mut tables = self.entered(evidence)?;
        self.collect(&mut tables, Projection::sum)?;
        let largest =
            self.cliques.iter().filter_map(|clique| clique.up.as_ref()).map(|edge| edge.of_child.smaller_cells());
        let mut message = vec![0.0; largest.max().unwrap_or(0)];
        for clique in self.cliques.iter().rev() {
            let Some(edge) = &clique.up else { continue };
            let parent = &self.cliques[edge.parent];
            let message = &mut message[..edge.of_child.smaller_cells()];
            edge.of_parent.sum(&tables.cliques[parent.start..][..parent.domain.cells()], message);
            normalise(message);
            for (new, old) in message.iter_mut().zip(&tables.separators[edge.start..]) {
                // What was impossible stays so: 0 / 0 is 0.
                *new = if *old == 0.0 { 0.0 } else { *new / *old };
            }
            let table = &mut tables.cliques[clique.start..][..clique.domain.cells()];
            edge.of_child.multiply(table, message);
        }
        Ok(tables)
    }
}

fn possible(mass: f64) -> Result<f64, Error> {
    if mass > 0.0 { Ok(mass) } else { Err(Error::ImpossibleEvidence(String::new())) }
}

/// The cell of the largest number among those that agree with the states decided already.
fn best_cell(domain: &Domain, table: &[f64], decided: &[Option<usize>]) -> usize {
    let agrees = |cell: usize| {
        let states = domain.states_of(cell);
        domain.variables().iter().zip(states).all(|(id, state)| decided[id.index()].is_none_or(|known| known == state))
    };
    let mut best: Option<usize> = None;
    for cell in 0..table.len() {
        if best.is_none_or(|best| table[cell] > table[best]) && agrees(cell) {
            best = Some(cell);
        }
    }
    best.expect("the states decided above are cells of this table too")
}

/// The cliques of an elimination without those that lie within another, children before parents, each with its parent.
fn merged(steps: &[(usize, Vec<usize>)]) -> Vec<(Vec<usize>, Option<usize>)> {
    let mut step_of = vec![usize::MAX; steps.iter().map(|(variable, _)| variable + 1).max().unwrap_or(0)];
    steps.iter().enumerate().for_each(|(place, (variable, _))| step_of[*variable] = place);
    let mut parents: Vec<Option<usize>> =
        steps.iter().map(|(_, others)| others.iter().map(|&other| step_of[other]).min()).collect();
    let mut cliques: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
    let mut alive = vec![true; steps.len()];
    for (variable, others) in steps {
        let mut clique = others.clone();
        clique.push(*variable);
        cliques.push(clique);
    }
    // Parents come later than their children; one that has nothing new takes its child's place in the tree.
    let mut stands_for: Vec<usize> = (0..steps.len()).collect();
    for place in 0..steps.len() {
        let Some(parent) = parents[place].map(|parent| resolve(&stands_for, parent)) else { continue };
        parents[place] = Some(parent);
        if parent != place && alive[parent] && steps[place].1.len() == cliques[parent].len() {
            // The parent's clique is this one's separator: merge it into this one, at the parent's place in the order.
            cliques[parent] = std::mem::take(&mut cliques[place]);
            alive[place] = false;
            stands_for[place] = parent;
        }
    }
    let mut number = vec![usize::MAX; steps.len()];
    for (kept, place) in (0..steps.len()).filter(|&place| alive[place]).enumerate() {
        number[place] = kept;
    }
    let alive = (0..steps.len()).filter(|&place| alive[place]);
    alive
        .map(|place| {
            (std::mem::take(&mut cliques[place]), parents[place].map(|parent| number[resolve(&stands_for, parent)]))
        })
        .collect()
}

fn resolve(stands_for: &[usize], mut place: usize) -> usize {
    while stands_for[place] != place {
        place = stands_for[place];
    }
    place
}

impl Beliefs {
    /// The probability of each state of a variable. `id` is one of the network's.
    pub fn of(&self, id: VariableId) -> &[f64] {
        &self.probabilities[id.index()]
    }

    /// The probabilities of all variables, in the network's order.
    pub fn all(&self) -> &[Vec<f64>] {
        &self.probabilities
    }

    /// Natural logarithm of the probability of the evidence (with likelihoods: of their weighted sum).
    pub fn ln_evidence(&self) -> f64 {
        self.ln_evidence
    }
}
