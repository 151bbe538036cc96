//! Regions: elementwise operations, random numbers and reductions that are evaluated together.
//!
//! A [`Region`] is written once, by the language's planner or by hand, and run on many inputs. What it computes is, to
//! the bit, what the same operations compute one at a time ([`crate::unary`], [`crate::binary`], [`crate::compare`] and
//! the operations of [`crate::OPS`]); but a chain of them reads its inputs and writes its output once, in tiles that stay
//! in the first-level cache. Shapes and dtypes are those of the inputs of each run. It is not a compiler: it rearranges
//! nothing, and common subexpressions are the caller's to share (a node may be used many times).
//!
//! On a graphics processor operations are handed on one by one: Burn fuses them there.

mod evaluate;
mod infer;

use std::fmt;

use nexus_model::DType;

use crate::op::Arg;
use crate::{BinaryOp, CompareOp, Context, TensorError, UnaryOp};

pub use crate::host::reduce::ReduceOp;

/// A value of a region, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

impl NodeId {
    /// The number of nodes that were added before this one.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A distribution of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform in [0, 1), as `tensor.rand` draws.
    Uniform,
    /// Normal with mean 0 and variance 1, as `tensor.randn` draws.
    Normal,
}

/// What a node computes. Operands are nodes that were added before.
#[derive(Debug, Clone)]
pub enum Node {
    /// An input, by its position.
    Input(usize),
    /// A weak number.
    Number(Box<Arg>),
    /// See [`Region::unary`].
    Unary(UnaryOp, NodeId),
    /// See [`Region::binary`].
    Binary(BinaryOp, NodeId, NodeId),
    /// See [`Region::compare`].
    Compare(CompareOp, NodeId, NodeId),
    /// See [`Region::select`].
    Select(NodeId, NodeId, NodeId),
    /// See [`Region::cast`].
    Cast(DType, NodeId),
    /// See [`Region::random`].
    Random(Distribution, DType, Vec<usize>),
    /// See [`Region::reduce`].
    Reduce {
        /// What is done to the elements along the axes.
        op: ReduceOp,
        /// What is reduced.
        of: NodeId,
        /// The axes; all where there are none.
        axes: Option<Vec<i64>>,
        /// Whether they stay with size 1.
        keep: bool,
    },
}

/// Elementwise operations, random numbers and reductions, to be evaluated together.
#[derive(Debug, Clone, Default)]
pub struct Region {
    nodes: Vec<Node>,
    inputs: usize,
    outputs: Vec<NodeId>,
}

/// Why a region gave nothing, and which of its nodes was to blame.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionError {
    /// The node that failed.
    pub node: NodeId,
    /// What is wrong.
    pub error: TensorError,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for RegionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<RegionError> for TensorError {
    fn from(error: RegionError) -> Self {
        error.error
    }
}

impl Region {
    /// A region without nodes.
    pub fn new() -> Region {
        Region::default()
    }

    /// Adds a node, whose operands were added before.
    pub fn add(&mut self, node: Node) -> NodeId {
        self.inputs += usize::from(matches!(node, Node::Input(_)));
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// The next input: a tensor, or a number, which is weak as in [`crate::binary`].
    pub fn input(&mut self) -> NodeId {
        self.add(Node::Input(self.inputs))
    }

    /// A scalar that is the same in every run.
    pub fn scalar(&mut self, value: f64) -> NodeId {
        self.add(Node::Number(Box::new(Arg::Scalar(value))))
    }

    /// An int that is the same in every run.
    pub fn int(&mut self, value: i64) -> NodeId {
        self.add(Node::Number(Box::new(Arg::Int(value))))
    }

    /// A bool that is the same in every run.
    pub fn bool(&mut self, value: bool) -> NodeId {
        self.add(Node::Number(Box::new(Arg::Bool(value))))
    }

    /// A unary operation, as [`crate::unary`] applies it.
    pub fn unary(&mut self, op: UnaryOp, x: NodeId) -> NodeId {
        self.add(Node::Unary(op, x))
    }

    /// A binary operation with broadcasting, as [`crate::binary`] applies it. A matrix product is not elementwise and
    /// makes the run fail.
    pub fn binary(&mut self, op: BinaryOp, x: NodeId, y: NodeId) -> NodeId {
        self.add(Node::Binary(op, x, y))
    }

    /// A comparison with broadcasting, as [`crate::compare`] makes it.
    pub fn compare(&mut self, op: CompareOp, x: NodeId, y: NodeId) -> NodeId {
        self.add(Node::Compare(op, x, y))
    }

    /// Elements of `yes` where `mask` is not zero, of `no` elsewhere, as `tensor.where` chooses.
    pub fn select(&mut self, mask: NodeId, yes: NodeId, no: NodeId) -> NodeId {
        self.add(Node::Select(mask, yes, no))
    }

    /// The elements in another dtype, as `tensor.cast` converts.
    pub fn cast(&mut self, dtype: DType, x: NodeId) -> NodeId {
        self.add(Node::Cast(dtype, x))
    }

    /// Random numbers of a float dtype. The nodes of a region draw in the order in which they were added.
    pub fn random(&mut self, distribution: Distribution, dtype: DType, shape: &[usize]) -> NodeId {
        self.add(Node::Random(distribution, dtype, shape.to_vec()))
    }

    /// A reduction over axes (`None` for all), which stay with size 1 where `keep` says so.
    pub fn reduce(&mut self, op: ReduceOp, x: NodeId, axes: Option<&[i64]>, keep: bool) -> NodeId {
        self.add(Node::Reduce { op, of: x, axes: axes.map(<[i64]>::to_vec), keep })
    }

    /// Gives a node's value as the next output.
    pub fn output(&mut self, node: NodeId) {
        self.outputs.push(node);
    }

    /// The nodes, in the order in which they were added.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes whose values are given.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// Whether these inputs fit; the error is the one that [`Region::run`] would give.
    ///
    /// # Errors
    /// Shapes that do not broadcast, dtypes without an operation, tensors beyond the limits.
    pub fn check(&self, ctx: &Context, inputs: &[Arg]) -> Result<(), RegionError> {
        let inputs: Vec<Option<Arg>> = inputs.iter().cloned().map(Some).collect();
        infer::infer(self, ctx, &inputs).map(drop)
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Evaluates the outputs, in the order in which they were named, as tensors on the context's device. An input whose
    /// memory nobody else holds may be overwritten by an output.
    ///
    /// # Errors
    /// What the operations would give one at a time: shapes that do not broadcast, dtypes without the operation, division
    /// of whole numbers by zero, memory or time beyond the limits; and another number of inputs than the region has.
    pub fn run(&self, ctx: &Context, inputs: Vec<Arg>) -> Result<Vec<Arg>, RegionError> {
        evaluate::evaluate(self, ctx, inputs)
    }
}
