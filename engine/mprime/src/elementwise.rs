//! Cheaper ways to compute the same elements, to the last bit.
//!
//! A [`Graph`] says how elementwise operations depend on each other. [`cheaper`] gives another one whose outputs are the same
//! bits for all inputs (which NaN a NaN is, is left open): where floats are concerned, only rules are used that hold for
//! infinities, signed zeros, and in every rounding; where ints are, only those that hold modulo two to the power of their
//! width. So no sum is ordered anew, and nothing is factored out of floats.

mod language;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use egg::{EGraph, Extractor, Id, Language, Runner, StopReason};

use language::{Facts, Term};
use rules::RULES;

/// What the elements of a value are. Two values are of one class only where they have one element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Floats of a type that the caller numbers.
    Float(u8),
    /// Whole numbers of a type that the caller numbers, with arithmetic modulo two to the power of its width.
    Int(u8),
    /// Truth values.
    Bool,
    /// One whole number, which takes the element type of what it meets.
    WeakInt,
    /// One float, which takes the element type of the floats that it meets.
    WeakFloat,
    /// Nothing is known; no rule is used that needs to know.
    Unknown,
}

/// What a node computes from its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A value from outside, by the caller's number of it.
    Leaf(u32, Class),
    /// A whole number that is known.
    Int(i64),
    /// A float that is known, by its bits.
    Float(u64),
    /// `-a`.
    Neg,
    /// The absolute value.
    Abs,
    /// Whether a truth value is false.
    Not,
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`, of ints a float.
    Div,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
    /// Both.
    And,
    /// One or both.
    Or,
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessEqual,
    /// `a > b`.
    Greater,
    /// `a >= b`.
    GreaterEqual,
    /// `a == b`.
    Equal,
    /// `a != b`.
    NotEqual,
    /// `b` where the truth value `a` holds, `c` elsewhere.
    Select,
    /// A function of one value that gives floats of a type their own type, by the caller's number of it.
    Function(u32),
    /// Any other function that gives the same for the same operands, by the caller's number of it, and what it gives.
    Other(u32, Class),
}

/// A node: what it computes, and from which nodes before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// What it computes.
    pub operation: Operation,
    /// Positions of its operands.
    pub operands: Vec<usize>,
}

/// Operations that depend on each other, operands first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Positions of the nodes that are wanted.
    pub outputs: Vec<usize>,
}

/// A graph that costs less than another, with the same outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cheaper {
    /// What to compute instead. Its leaves are those of the first graph.
    pub graph: Graph,
    /// For each of its nodes, one of the first graph that has the same value, if there is one.
    pub was: Vec<Option<usize>>,
    /// What the outputs cost before and now, in operations on each element; a division and a function count more.
    pub cost: [u32; 2],
}

/// Bounds of one search. What counts is mostly the time: a program waits for it the first time that it comes by.
const NODES_MAX: usize = 4_000;
const ROUNDS_MAX: usize = 8;
const TIME_MAX: Duration = Duration::from_millis(4);
/// A longer graph is left as it is.
const GRAPH_MAX: usize = 200;

/// What one operation on an element costs beside the others: a division takes several times as long as a product, a
/// transcendental function again.
pub(crate) fn cost_of(operation: Operation) -> u32 {
    match operation {
        Operation::Leaf(..) | Operation::Int(_) | Operation::Float(_) => 0,
        Operation::Div => 4,
        Operation::Function(_) | Operation::Other(..) => 8,
        _ => 1,
    }
}

impl Graph {
    /// What the outputs cost: every node that they need once.
    pub fn cost(&self) -> u32 {
        let mut needed = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|output| needed[*output] = true);
        for at in (0..self.nodes.len()).rev() {
            if needed[at] {
                self.nodes[at].operands.iter().for_each(|operand| needed[*operand] = true);
            }
        }
        self.nodes.iter().zip(needed).filter(|(_, needed)| *needed).map(|(node, _)| cost_of(node.operation)).sum()
    }
}

/// A cheaper graph for the same outputs; none where none was found within the bounds.
///
/// # Panics
/// Where an operand does not stand before the node that needs it.
pub fn cheaper(graph: &Graph) -> Option<Cheaper> {
    cheaper_by(graph, &RULES)
}

fn cheaper_by(graph: &Graph, rules: &[egg::Rewrite<Term, Facts>]) -> Option<Cheaper> {
    if graph.nodes.len() > GRAPH_MAX || graph.outputs.is_empty() {
        return None;
    }
    let mut egraph = EGraph::<Term, Facts>::default();
    let mut classes: Vec<Id> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let operands = node.operands.iter().map(|operand| classes[*operand]).collect();
        classes.push(egraph.add(Term { operation: node.operation, operands }));
    }
    let mut runner = Runner::default()
        .with_egraph(egraph)
        .with_node_limit(NODES_MAX)
        .with_iter_limit(ROUNDS_MAX)
        .with_time_limit(TIME_MAX);
    runner = runner.run(rules);
    debug_assert!(!matches!(runner.stop_reason, Some(StopReason::Other(_))));
    let mut found = extracted(graph, &runner.egraph, &classes);
    found.cost = [graph.cost(), found.graph.cost()];
    (found.cost[1] < found.cost[0]).then_some(found)
}

/// The cheapest nodes of each class that the outputs need, each once.
fn extracted(graph: &Graph, egraph: &EGraph<Term, Facts>, classes: &[Id]) -> Cheaper {
    let extractor = Extractor::new(egraph, language::Cost);
    let mut originals = BTreeMap::<Id, Vec<usize>>::new();
    for (position, class) in classes.iter().enumerate() {
        originals.entry(egraph.find(*class)).or_default().push(position);
    }
    let originals = Originals { graph, by_class: originals };
    let mut made = Made { places: BTreeMap::new(), nodes: Vec::new(), was: Vec::new() };
    let outputs = graph.outputs.iter().map(|output| made.place(&extractor, egraph, &originals, classes[*output]));
    let outputs = outputs.collect();
    Cheaper { graph: Graph { nodes: made.nodes, outputs }, was: made.was, cost: [0; 2] }
}

/// Where the values of a class stand in the first graph.
struct Originals<'g> {
    graph: &'g Graph,
    by_class: BTreeMap<Id, Vec<usize>>,
}

impl Originals<'_> {
    /// One that has the value, by the same operation where there is one.
    fn of(&self, class: Id, operation: Operation) -> Option<usize> {
        let all = self.by_class.get(&class)?;
        let same = all.iter().find(|position| self.graph.nodes[**position].operation == operation);
        same.or(all.first()).copied()
    }
}

struct Made {
    places: BTreeMap<Id, usize>,
    nodes: Vec<Node>,
    was: Vec<Option<usize>>,
}

impl Made {
    /// Where the value of a class stands, after what it needs.
    fn place(
        &mut self,
        extractor: &Extractor<'_, language::Cost, Term, Facts>,
        egraph: &EGraph<Term, Facts>,
        originals: &Originals<'_>,
        class: Id,
    ) -> usize {
        let class = egraph.find(class);
        if let Some(place) = self.places.get(&class) {
            return *place;
        }
        let best = extractor.find_best_node(class);
        // A graph is short, so that it is not deep either.
        let operands = best.children().iter().map(|child| self.place(extractor, egraph, originals, *child)).collect();
        self.nodes.push(Node { operation: best.operation, operands });
        self.was.push(originals.of(class, best.operation));
        self.places.insert(class, self.nodes.len() - 1);
        self.nodes.len() - 1
    }
}

#[cfg(test)]
mod tests;
