//! Evaluates a region: cuts it into programs, runs them, and keeps what several of them need.
//!
//! A node is computed inside the program of whoever needs it, unless it has another shape than that program's output, is
//! a reduction, is an output itself, or must be seen before (the divisors of whole numbers, the exponents of powers).
//! Expensive nodes that a reduction reads are kept when others need them too; cheap ones are computed again, which costs
//! less than a pass over memory.

use super::infer::{Known, infer};
use super::{Distribution, Node, NodeId, Region, RegionError};
use crate::dispatch;
use crate::host::builder::{Builder, Value};
use crate::host::elementwise::{check_right, short_power};
use crate::host::kernels::{binary_cost, unary_cost};
use crate::host::parallel::Cost;
use crate::host::reduce::{self, ReduceOp};
use crate::host::{HostTensor, random};
use crate::op::Arg;
use crate::{BinaryOp, Context, DType, Tensor, TensorError};

/// Rows shorter than this are kept before they are reduced: a loop over a row must pay for its start.
const FUSED_ROW_MIN: usize = 64;

/// The state of one run.
struct Run<'a> {
    region: &'a Region,
    ctx: &'a Context,
    known: Vec<Known>,
    /// Inputs and what was computed already.
    ready: Vec<Option<HostTensor>>,
    /// Weak numbers, which take the dtype that their operation computes in.
    numbers: Vec<Option<Arg>>,
    /// Nodes whose programs can be written: what they read is there.
    prepared: Vec<bool>,
    /// Nodes that are computed once and kept.
    kept: Vec<bool>,
    /// Nodes whose memory no program may overwrite: outputs, and what is looked at while a program is written.
    pinned: Vec<bool>,
    /// Whether the program that is being written is the last, and may overwrite inputs.
    last: bool,
    /// The generator of each random node.
    draws: Vec<Option<random::Draws>>,
}

/// Evaluates the outputs.
pub(super) fn evaluate(region: &Region, ctx: &Context, inputs: Vec<Arg>) -> Result<Vec<Arg>, RegionError> {
    let blame = |error| RegionError { node: NodeId(0), error };
    if inputs.len() != region.inputs {
        let problem = format!("are {}, and the region has {}", inputs.len(), region.inputs);
        return Err(blame(TensorError::argument("inputs", problem)));
    }
    let on_gpu = |arg: &Arg| matches!(arg, Arg::Tensor(tensor) if tensor.as_gpu().is_some());
    if ctx.device().is_burn() || inputs.iter().any(on_gpu) {
        return one_by_one(region, ctx, inputs);
    }
    let mut inputs: Vec<Option<Arg>> = inputs.into_iter().map(Some).collect();
    let known = infer(region, ctx, &inputs)?;
    let count = region.nodes.len();
    let mut run = Run {
        region,
        ctx,
        known,
        ready: vec![None; count],
        numbers: vec![None; count],
        prepared: vec![false; count],
        kept: vec![false; count],
        pinned: vec![false; count],
        last: false,
        draws: vec![None; count],
    };
    run.take_inputs(&mut inputs).map_err(blame)?;
    run.choose_kept();
    if let Some((&last, rest)) = region.outputs.split_last() {
        for &output in rest {
            run.compute(output)?;
        }
        run.prepare(last)?;
        run.last = true;
        run.compute(last)?;
    }
    region.outputs.iter().map(|&id| run.result(id)).collect()
}

impl Run<'_> {
    fn take_inputs(&mut self, inputs: &mut [Option<Arg>]) -> Result<(), TensorError> {
        for (i, node) in self.region.nodes.iter().enumerate() {
            let arg = match node {
                Node::Input(position) => inputs[*position].take(),
                Node::Number(number) => Some(Arg::clone(number)),
                Node::Random(distribution, dtype, _) => {
                    self.draws[i] = Some(random::Draws::new(self.ctx, *distribution == Distribution::Normal, *dtype));
                    None
                }
                _ => None,
            };
            match arg {
                Some(Arg::Tensor(tensor)) => self.ready[i] = Some(tensor.into_host()?),
                number => self.numbers[i] = number,
            }
        }
        Ok(())
    }

    /// Outputs are kept, and what a reduction and another node need if it is expensive.
    fn choose_kept(&mut self) {
        let count = self.region.nodes.len();
        let (mut uses, mut reduced, mut dear) = (vec![0u32; count], vec![false; count], vec![false; count]);
        for (i, node) in self.region.nodes.iter().enumerate() {
            for id in operands(node) {
                uses[id.0] += 1;
                dear[i] |= dear[id.0] && !matches!(node, Node::Reduce { .. });
            }
            dear[i] |= match node {
                Node::Unary(op, _) => unary_cost(*op) == Cost::Dear,
                Node::Binary(op, ..) => binary_cost(*op) == Cost::Dear,
                Node::Random(..) => true,
                _ => false,
            };
            match node {
                Node::Reduce { of, .. } => {
                    reduced[of.0] = true;
                    self.kept[i] = true;
                }
                Node::Binary(BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Pow, _, right) => {
                    self.pinned[right.0] = true;
                }
                _ => {}
            }
        }
        for i in 0..count {
            self.kept[i] |= reduced[i] && uses[i] > 1 && dear[i];
        }
        for output in &self.region.outputs {
            self.kept[output.0] = true;
            self.pinned[output.0] = true;
        }
    }

    fn is_ready(&self, id: NodeId) -> bool {
        self.ready[id.0].is_some() || self.numbers[id.0].is_some()
    }

    /// Computes everything that the program of `id` reads, each in a program of its own.
    fn prepare(&mut self, id: NodeId) -> Result<(), RegionError> {
        // Nodes may be shared many times over: once is enough, as nothing is taken before the last program.
        if self.is_ready(id) || self.prepared[id.0] {
            return Ok(());
        }
        let node = &self.region.nodes[id.0];
        for operand in operands(node) {
            let apart = match node {
                Node::Reduce { .. } => self.kept[operand.0] || !self.folds(id),
                Node::Binary(op, _, right) => {
                    let seen = *right == operand && self.must_see(*op, id, operand);
                    seen || self.kept[operand.0] || self.known[operand.0].shape != self.known[id.0].shape
                }
                _ => self.kept[operand.0] || self.known[operand.0].shape != self.known[id.0].shape,
            };
            if apart { self.compute(operand)? } else { self.prepare(operand)? }
        }
        self.prepared[id.0] = true;
        Ok(())
    }

    /// Computes `id` and keeps it.
    fn compute(&mut self, id: NodeId) -> Result<(), RegionError> {
        if self.is_ready(id) {
            return Ok(());
        }
        self.prepare(id)?;
        let tensor = match &self.region.nodes[id.0] {
            Node::Reduce { op, of, .. } if !self.is_ready(*of) => self.fold(id, *op, *of),
            Node::Reduce { op, of, keep, .. } => self.reduce(id, *op, *of, *keep),
            _ => self.elementwise(id),
        };
        self.ready[id.0] = Some(tensor.map_err(|error| RegionError { node: id, error })?);
        Ok(())
    }

    /// Whether the right operand of `id` must be known before the program that uses it.
    fn must_see(&self, op: BinaryOp, id: NodeId, right: NodeId) -> bool {
        let whole = self.known[id.0].compute.is_int();
        match op {
            BinaryOp::FloorDiv | BinaryOp::Rem => whole,
            BinaryOp::Pow => whole || self.known[right.0].len() == 1,
            _ => false,
        }
    }

    /// Whether a reduction runs over the tiles of its operand without keeping it.
    fn folds(&self, id: NodeId) -> bool {
        let Node::Reduce { of, .. } = &self.region.nodes[id.0] else { return false };
        let shape = &self.known[of.0].shape;
        let axes = &self.known[id.0].axes;
        let trailing = axes.iter().rev().zip((0..shape.len()).rev()).all(|(&a, b)| a == b) && !axes.is_empty();
        let row: usize = shape[shape.len() - axes.len()..].iter().product();
        let blocks =
            self.draws.iter().all(|draw| draw.as_ref().is_none_or(|draw| row.is_multiple_of(draw.per_block())));
        let all = axes.len() == shape.len();
        trailing && row > 0 && (all || (row >= FUSED_ROW_MIN && blocks))
    }

    fn elementwise(&mut self, id: NodeId) -> Result<HostTensor, TensorError> {
        let known = &self.known[id.0];
        let mut builder = Builder::new(known.shape.clone(), known.dtype);
        let mut memo = vec![None; id.0 + 1];
        let value = self.emit(&mut builder, &mut memo, id)?;
        builder.run(self.ctx, value)
    }

    fn reduce(&self, id: NodeId, op: ReduceOp, of: NodeId, keep: bool) -> Result<HostTensor, TensorError> {
        let tensor = self.operand(of, self.known[of.0].dtype)?;
        let reduced = reduce::reduce(self.ctx, op, &tensor, &self.known[id.0].axes)?;
        if keep { reduced.reshaped(self.ctx, &self.known[id.0].shape) } else { Ok(reduced) }
    }

    /// A reduction whose operand exists one tile at a time.
    fn fold(&mut self, id: NodeId, op: ReduceOp, of: NodeId) -> Result<HostTensor, TensorError> {
        let shape = self.known[of.0].shape.clone();
        let read = self.known[id.0].compute;
        let mut builder = Builder::for_tiles(shape.clone(), read);
        let mut memo = vec![None; of.0 + 1];
        let value = self.emit(&mut builder, &mut memo, of)?;
        let value = builder.cast(value, read);
        let program = builder.into_program(value);
        let known = &self.known[id.0];
        let row: usize = shape[shape.len() - known.axes.len()..].iter().product();
        let rows = reduce::Rows { count: self.known[of.0].len() / row.max(1), size: row };
        reduce::fold_program(self.ctx, op, &program, read, rows, (known.dtype, &known.shape))
    }

    /// A node that is ready, as a tensor; numbers in `dtype`.
    fn operand(&self, id: NodeId, dtype: DType) -> Result<HostTensor, TensorError> {
        match (&self.ready[id.0], &self.numbers[id.0]) {
            (Some(tensor), _) => Ok(tensor.clone()),
            (None, Some(number)) => Tensor::number(self.ctx, number, dtype),
            (None, None) => Err(TensorError::argument("node", "was not prepared")),
        }
    }

    /// Writes the steps of `id` into a program whose output has its shape or a larger one.
    fn emit(&mut self, builder: &mut Builder, memo: &mut [Option<Value>], id: NodeId) -> Result<Value, TensorError> {
        self.emit_in(builder, memo, id, self.known[id.0].dtype)
    }

    /// As [`Run::emit`]; weak numbers take `dtype`, and are not kept under one dtype for another.
    fn emit_in(
        &mut self,
        builder: &mut Builder,
        memo: &mut [Option<Value>],
        id: NodeId,
        dtype: DType,
    ) -> Result<Value, TensorError> {
        if self.numbers[id.0].is_some() {
            return builder.operand(self.ctx, self.operand(id, dtype)?);
        }
        if let Some(value) = memo[id.0] {
            return Ok(value);
        }
        let (dtype, compute) = (self.known[id.0].dtype, self.known[id.0].compute);
        let region = self.region;
        let value = if let Some(tensor) = self.claim(id) {
            builder.operand(self.ctx, tensor)?
        } else {
            match &region.nodes[id.0] {
                Node::Unary(op, x) => {
                    let x = self.emit(builder, memo, *x)?;
                    builder.unary(*op, x)
                }
                Node::Binary(op, x, y) => self.emit_binary(builder, memo, (*op, *x, *y), id)?,
                Node::Compare(op, x, y) => {
                    let x = self.emit_in(builder, memo, *x, compute)?;
                    let y = self.emit_in(builder, memo, *y, compute)?;
                    builder.compare(*op, x, y, compute)
                }
                Node::Select(mask, yes, no) => {
                    let mask = self.emit(builder, memo, *mask)?;
                    let yes = self.emit_in(builder, memo, *yes, compute)?;
                    let no = self.emit_in(builder, memo, *no, compute)?;
                    let (yes, no) = (builder.cast(yes, compute), builder.cast(no, compute));
                    builder.select(mask, yes, no)
                }
                Node::Cast(dtype, x) => {
                    let x = self.emit(builder, memo, *x)?;
                    builder.cast(x, *dtype)
                }
                Node::Random(..) => match &self.draws[id.0] {
                    Some(draws) => {
                        let drawn = builder.source(draws.source(), draws.dtype());
                        builder.cast(drawn, dtype)
                    }
                    None => return Err(TensorError::argument("node", "was not prepared")),
                },
                Node::Reduce { .. } | Node::Input(_) | Node::Number(_) => {
                    return Err(TensorError::argument("node", "was not prepared"));
                }
            }
        };
        memo[id.0] = Some(value);
        Ok(value)
    }

    fn emit_binary(
        &mut self,
        builder: &mut Builder,
        memo: &mut [Option<Value>],
        (op, x, y): (BinaryOp, NodeId, NodeId),
        id: NodeId,
    ) -> Result<Value, TensorError> {
        let compute = self.known[id.0].compute;
        let left = self.emit_in(builder, memo, x, compute)?;
        if self.must_see(op, id, y) {
            let right = self.operand(y, compute)?;
            if compute.is_int() {
                check_right(self.ctx, op, &right)?;
            } else if self.known[id.0].shape == self.known[x.0].shape
                && let Some(power) = short_power(&right)
            {
                return Ok(builder.short_power(power, left, compute));
            }
        }
        let right = self.emit_in(builder, memo, y, compute)?;
        Ok(builder.binary(op, left, right, compute))
    }

    /// A node that is ready. The last program takes it, so that it may overwrite it.
    fn claim(&mut self, id: NodeId) -> Option<HostTensor> {
        let slot = &mut self.ready[id.0];
        if self.last && !self.pinned[id.0] { slot.take() } else { slot.clone() }
    }

    fn result(&self, id: NodeId) -> Result<Arg, RegionError> {
        if let Some(number) = &self.numbers[id.0] {
            return Ok(number.clone());
        }
        let tensor = self.operand(id, self.known[id.0].dtype).and_then(|host| Tensor::place(self.ctx, host));
        tensor.map(Arg::Tensor).map_err(|error| RegionError { node: id, error })
    }
}

/// The operands of a node.
fn operands(node: &Node) -> impl Iterator<Item = NodeId> {
    let of = match *node {
        Node::Input(_) | Node::Number(_) | Node::Random(..) => [None; 3],
        Node::Unary(_, x) | Node::Cast(_, x) | Node::Reduce { of: x, .. } => [Some(x), None, None],
        Node::Binary(_, x, y) | Node::Compare(_, x, y) => [Some(x), Some(y), None],
        Node::Select(m, x, y) => [Some(m), Some(x), Some(y)],
    };
    of.into_iter().flatten()
}

/// Hands the operations on one after the other, to a device that fuses them itself.
fn one_by_one(region: &Region, ctx: &Context, inputs: Vec<Arg>) -> Result<Vec<Arg>, RegionError> {
    let mut values: Vec<Arg> = Vec::with_capacity(region.nodes.len());
    for (i, node) in region.nodes.iter().enumerate() {
        let value = apply(ctx, node, &values, &inputs);
        values.push(value.map_err(|error| RegionError { node: NodeId(i), error })?);
    }
    Ok(region.outputs.iter().map(|id| values[id.0].clone()).collect())
}

fn apply(ctx: &Context, node: &Node, values: &[Arg], inputs: &[Arg]) -> Result<Arg, TensorError> {
    let of = |id: NodeId| values.get(id.0).ok_or_else(|| TensorError::argument("node", "comes from another region"));
    let named = |name: &'static str, args: &[Arg]| match crate::find(name) {
        Some(op) => (op.run)(ctx, args),
        None => Err(TensorError::argument("op", format!("{name} does not exist"))),
    };
    let ints = |values: &mut dyn Iterator<Item = i64>| Arg::List(values.map(Arg::Int).collect());
    match node {
        Node::Input(i) => Ok(inputs[*i].clone()),
        Node::Number(number) => Ok(Arg::clone(number)),
        Node::Unary(op, x) => dispatch::unary(ctx, *op, of(*x)?),
        Node::Binary(op, x, y) => dispatch::binary(ctx, *op, of(*x)?, of(*y)?),
        Node::Compare(op, x, y) => dispatch::compare(ctx, *op, of(*x)?, of(*y)?),
        Node::Select(m, x, y) => named("tensor.where", &[of(*m)?.clone(), of(*x)?.clone(), of(*y)?.clone()]),
        Node::Cast(dtype, x) => named("tensor.cast", &[of(*x)?.clone(), Arg::Str(dtype.to_string().into())]),
        Node::Random(distribution, dtype, shape) => {
            let name = if *distribution == Distribution::Normal { "tensor.randn" } else { "tensor.rand" };
            let shape = ints(&mut shape.iter().map(|&n| n as i64));
            named(name, &[shape, Arg::Str(dtype.to_string().into())])
        }
        Node::Reduce { op, of: x, axes, keep } => {
            let axes = axes.as_ref().map_or(Arg::None, |axes| ints(&mut axes.iter().copied()));
            crate::ops::run_reduction(ctx, &[of(*x)?.clone(), axes, Arg::Bool(*keep)], *op)
        }
    }
}
