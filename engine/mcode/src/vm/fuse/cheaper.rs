//! Regions that are rewritten before they are evaluated, so that they give the same bits for less (`nexus-mprime`).
//!
//! A search takes milliseconds, and a region comes by once for each iteration of a loop. So what was found is kept with
//! the segment, by the form of the region: what its nodes are, with the numbers on which rules depend. Other numbers are
//! given to what was found like inputs.

use std::sync::{Arc, PoisonError};

use nexus_model::DType;
use nexus_mprime::elementwise::{Cheaper, Class, Graph, Node, Operation, cheaper};
use nexus_tensor::{Arg, BinaryOp, CompareOp, NodeId, Region, RegionError, RegionNode, UnaryOp};

use super::{FaultAt, Plan};
use crate::vm::fault::Fault;

/// Forms of one segment's region that are kept, and how often it is searched at all: where a number changes with each
/// iteration, and is often a power of two, the region is left as it is.
const FORMS_MAX: usize = 4;
const SEARCHES_MAX: u32 = 12;
/// Whole numbers up to this may be what a rule waits for.
const NUMBER_MAX: u64 = 256;

/// What was searched for a segment.
#[derive(Debug, Default)]
pub(crate) struct Searched {
    forms: Vec<Form>,
    searches: u32,
}

/// A node in the words of the search, with its operands in front of [`NONE`].
type Term = (Operation, [u32; 3]);
const NONE: u32 = u32::MAX;

/// A region up to numbers on which no rule depends, and what to evaluate instead.
#[derive(Debug)]
struct Form {
    terms: Vec<Term>,
    /// Its reductions, whose axes are part of what is evaluated instead.
    reductions: Vec<RegionNode>,
    outputs: Vec<NodeId>,
    instead: Option<Arc<Instead>>,
}

/// A region that gives what another one does.
#[derive(Debug)]
struct Instead {
    region: Region,
    /// The nodes of the first region whose numbers are given behind its inputs.
    numbers: Vec<usize>,
    /// For each node one of the first region that has its value, where there is one.
    was: Vec<Option<usize>>,
    /// Operations that are spared.
    spared: u64,
}

impl Plan<'_, '_> {
    /// Evaluates the region, or another one that gives the same.
    pub(super) fn evaluate(&mut self, mut given: Vec<Arg>) -> Result<Vec<Arg>, FaultAt> {
        let first = self.segment.range.start;
        let fault = |places: &[usize], error: RegionError, at: Option<usize>| {
            (at.and_then(|at| places.get(at)).copied().unwrap_or(first), Fault::tensor(error.error))
        };
        let own = |error: RegionError| Some(error.node.index());
        let searched = self.segment.cheaper.lock().unwrap_or_else(PoisonError::into_inner).find(&self.region, &given);
        let Some(instead) = searched else {
            let region = &self.region;
            let evaluated = self.host.measured("fused region", |host| region.run(host.context, given));
            return evaluated.map_err(|error| fault(&self.places, error.clone(), own(error)));
        };
        // What does not fit is said of the operations that were written.
        let checked = self.region.check(self.host.context, &given);
        checked.map_err(|error| fault(&self.places, error.clone(), own(error)))?;
        for number in &instead.numbers {
            if let RegionNode::Number(number) = &self.region.nodes()[*number] {
                given.push(Arg::clone(number));
            }
        }
        self.host.fusion.spared += instead.spared;
        let evaluated = self.host.measured("fused region", |host| instead.region.run(host.context, given));
        evaluated.map_err(|error| {
            let was = instead.was.get(error.node.index()).copied().flatten();
            fault(&self.places, error, was)
        })
    }
}

impl Searched {
    /// What gives the same for less, where something is known.
    fn find(&mut self, region: &Region, given: &[Arg]) -> Option<Arc<Instead>> {
        if let Some(form) = self.forms.iter().find(|form| form.is_of(region, given)) {
            return form.instead.clone();
        }
        if self.searches >= SEARCHES_MAX {
            return None;
        }
        self.searches += 1;
        let nodes = region.nodes().iter().enumerate();
        let terms = nodes.map(|(at, node)| term(at, node, given)).collect::<Option<Vec<Term>>>()?;
        let instead = cheaper(&graph_of(&terms, region)).and_then(|found| Instead::of(region, &found)).map(Arc::new);
        if self.forms.len() >= FORMS_MAX {
            self.forms.remove(0);
        }
        let reductions = reductions(region).cloned().collect();
        self.forms.push(Form { terms, reductions, outputs: region.outputs().to_vec(), instead: instead.clone() });
        instead
    }
}

impl Form {
    /// Whether a region has this form. This is what a region costs that nothing cheaper is known for.
    fn is_of(&self, region: &Region, given: &[Arg]) -> bool {
        let nodes = region.nodes();
        let is_same = |(at, node): (usize, &RegionNode)| term(at, node, given) == Some(self.terms[at]);
        nodes.len() == self.terms.len()
            && region.outputs() == self.outputs
            && nodes.iter().enumerate().all(is_same)
            && reductions(region).zip(&self.reductions).all(|(now, then)| reduces_alike(now, then))
    }
}

fn reductions(region: &Region) -> impl Iterator<Item = &RegionNode> {
    region.nodes().iter().filter(|node| matches!(node, RegionNode::Reduce { .. }))
}

/// Whether two reductions do the same along the same axes.
fn reduces_alike(one: &RegionNode, other: &RegionNode) -> bool {
    match (one, other) {
        (RegionNode::Reduce { op: a, axes: b, keep: c, .. }, RegionNode::Reduce { op: x, axes: y, keep: z, .. }) => {
            (a, b, c) == (x, y, z)
        }
        _ => false,
    }
}

fn class_of(dtype: DType) -> Class {
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Class::Float(dtype as u8),
        DType::I32 | DType::I64 => Class::Int(dtype as u8),
        DType::Bool => Class::Bool,
        // There are no negatives.
        DType::U8 => Class::Unknown,
    }
}

/// A node in the words of the search; `None` where the order of nodes matters, or an input is no tensor.
fn term(at: usize, node: &RegionNode, given: &[Arg]) -> Option<Term> {
    let number = u32::try_from(at).ok()?;
    let place = |id: &NodeId| id.index() as u32;
    Some(match node {
        RegionNode::Input(input) => {
            let Arg::Tensor(tensor) = given.get(*input)? else { return None };
            (Operation::Leaf(number, class_of(tensor.dtype())), [NONE; 3])
        }
        RegionNode::Number(value) => (number_of(value, number), [NONE; 3]),
        RegionNode::Unary(op, x) => (unary(*op), [place(x), NONE, NONE]),
        RegionNode::Binary(op, x, y) => (binary(*op), [place(x), place(y), NONE]),
        RegionNode::Compare(op, x, y) => (compare(*op), [place(x), place(y), NONE]),
        RegionNode::Select(mask, yes, no) => (Operation::Select, [mask, yes, no].map(place)),
        RegionNode::Cast(dtype, x) => {
            (Operation::Other(CASTS + *dtype as u32, class_of(*dtype)), [place(x), NONE, NONE])
        }
        // No two are taken for one.
        RegionNode::Reduce { of, .. } => {
            (Operation::Other(REDUCTIONS + number, Class::Unknown), [place(of), NONE, NONE])
        }
        RegionNode::Random(..) => return None,
    })
}

fn graph_of(terms: &[Term], region: &Region) -> Graph {
    let node = |(operation, operands): &Term| {
        let operands = operands.iter().filter(|operand| **operand != NONE).map(|operand| *operand as usize);
        Node { operation: *operation, operands: operands.collect() }
    };
    let outputs = region.outputs().iter().map(|output| output.index()).collect();
    Graph { nodes: terms.iter().map(node).collect(), outputs }
}

/// Numbers of functions: those of binary operations, casts and reductions begin here.
const BINARIES: u32 = 1_000;
const CASTS: u32 = 2_000;
const REDUCTIONS: u32 = 10_000;

/// A number that a rule may wait for as what it is, any other as a leaf.
fn number_of(value: &Arg, leaf: u32) -> Operation {
    let is_known = |number: f64| number == 0.0 || number.abs().log2().fract() == 0.0;
    match *value {
        Arg::Int(number) if number.unsigned_abs() <= NUMBER_MAX && is_known(number as f64) => Operation::Int(number),
        Arg::Int(_) => Operation::Leaf(leaf, Class::WeakInt),
        Arg::Scalar(number) if number.abs() <= NUMBER_MAX as f64 && is_known(number) => {
            Operation::Float(number.to_bits())
        }
        Arg::Scalar(_) => Operation::Leaf(leaf, Class::WeakFloat),
        _ => Operation::Leaf(leaf, Class::Unknown),
    }
}

fn unary(op: UnaryOp) -> Operation {
    match op {
        UnaryOp::Neg => Operation::Neg,
        UnaryOp::Abs => Operation::Abs,
        UnaryOp::Not => Operation::Not,
        UnaryOp::IsNan | UnaryOp::IsFinite => Operation::Other(op as u32, Class::Bool),
        other => Operation::Function(other as u32),
    }
}

fn binary(op: BinaryOp) -> Operation {
    match op {
        BinaryOp::Add => Operation::Add,
        BinaryOp::Sub => Operation::Sub,
        BinaryOp::Mul => Operation::Mul,
        BinaryOp::Div => Operation::Div,
        BinaryOp::Minimum => Operation::Min,
        BinaryOp::Maximum => Operation::Max,
        BinaryOp::And => Operation::And,
        BinaryOp::Or => Operation::Or,
        BinaryOp::Xor => Operation::Other(BINARIES + op as u32, Class::Bool),
        BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::MatMul => {
            Operation::Other(BINARIES + op as u32, Class::Unknown)
        }
    }
}

fn compare(op: CompareOp) -> Operation {
    match op {
        CompareOp::Equal => Operation::Equal,
        CompareOp::NotEqual => Operation::NotEqual,
        CompareOp::Less => Operation::Less,
        CompareOp::LessEqual => Operation::LessEqual,
        CompareOp::Greater => Operation::Greater,
        CompareOp::GreaterEqual => Operation::GreaterEqual,
    }
}

impl Instead {
    /// What was found, as a region; `None` where a function is not one of the first region, which no rule makes.
    fn of(first: &Region, found: &Cheaper) -> Option<Instead> {
        let mut region = Region::new();
        let inputs: Vec<NodeId> = (0..first.inputs()).map(|_| region.input()).collect();
        let (mut was, mut numbers) = (vec![None; inputs.len()], Vec::new());
        let mut places: Vec<NodeId> = Vec::with_capacity(found.graph.nodes.len());
        for (node, origin) in found.graph.nodes.iter().zip(&found.was) {
            let operands: Vec<NodeId> = node.operands.iter().map(|operand| places[*operand]).collect();
            let place = match node.operation {
                Operation::Leaf(leaf, _) => match first.nodes().get(leaf as usize)? {
                    RegionNode::Input(input) => *inputs.get(*input)?,
                    _ => {
                        numbers.push(leaf as usize);
                        region.input()
                    }
                },
                Operation::Int(number) => region.int(number),
                Operation::Float(bits) => region.scalar(f64::from_bits(bits)),
                operation => {
                    let node = known(operation, &operands);
                    let node = node.or_else(|| function(first.nodes().get((*origin)?)?, &operands));
                    region.add(node?)
                }
            };
            places.push(place);
            was.resize(region.nodes().len(), None);
            was[place.index()] = *origin;
        }
        found.graph.outputs.iter().for_each(|output| region.output(places[*output]));
        let operations = |region: &Region| {
            let is_operation = |node: &&RegionNode| !matches!(node, RegionNode::Input(_) | RegionNode::Number(_));
            region.nodes().iter().filter(is_operation).count() as u64
        };
        let spared = operations(first).saturating_sub(operations(&region));
        Some(Instead { region, numbers, was, spared })
    }
}

/// An operation that the search knows, as a node of a region.
fn known(operation: Operation, operands: &[NodeId]) -> Option<RegionNode> {
    use RegionNode::{Binary, Compare, Select, Unary};
    Some(match (operation, operands) {
        (Operation::Neg, [x]) => Unary(UnaryOp::Neg, *x),
        (Operation::Abs, [x]) => Unary(UnaryOp::Abs, *x),
        (Operation::Not, [x]) => Unary(UnaryOp::Not, *x),
        (Operation::Add, [x, y]) => Binary(BinaryOp::Add, *x, *y),
        (Operation::Sub, [x, y]) => Binary(BinaryOp::Sub, *x, *y),
        (Operation::Mul, [x, y]) => Binary(BinaryOp::Mul, *x, *y),
        (Operation::Div, [x, y]) => Binary(BinaryOp::Div, *x, *y),
        (Operation::Min, [x, y]) => Binary(BinaryOp::Minimum, *x, *y),
        (Operation::Max, [x, y]) => Binary(BinaryOp::Maximum, *x, *y),
        (Operation::And, [x, y]) => Binary(BinaryOp::And, *x, *y),
        (Operation::Or, [x, y]) => Binary(BinaryOp::Or, *x, *y),
        (Operation::Less, [x, y]) => Compare(CompareOp::Less, *x, *y),
        (Operation::LessEqual, [x, y]) => Compare(CompareOp::LessEqual, *x, *y),
        (Operation::Greater, [x, y]) => Compare(CompareOp::Greater, *x, *y),
        (Operation::GreaterEqual, [x, y]) => Compare(CompareOp::GreaterEqual, *x, *y),
        (Operation::Equal, [x, y]) => Compare(CompareOp::Equal, *x, *y),
        (Operation::NotEqual, [x, y]) => Compare(CompareOp::NotEqual, *x, *y),
        (Operation::Select, [mask, yes, no]) => Select(*mask, *yes, *no),
        _ => return None,
    })
}

/// A function that stood in the first region, on other operands.
fn function(stood: &RegionNode, operands: &[NodeId]) -> Option<RegionNode> {
    Some(match (stood.clone(), operands) {
        (RegionNode::Unary(op, _), [x]) => RegionNode::Unary(op, *x),
        (RegionNode::Binary(op, ..), [x, y]) => RegionNode::Binary(op, *x, *y),
        (RegionNode::Cast(dtype, _), [x]) => RegionNode::Cast(dtype, *x),
        (RegionNode::Reduce { op, axes, keep, .. }, [x]) => RegionNode::Reduce { op, of: *x, axes, keep },
        _ => return None,
    })
}
