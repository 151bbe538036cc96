//! What is known of a region's nodes once its inputs are: dtypes and shapes, and the errors of nodes that do not fit.

use nexus_model::DType;

use super::{Node, NodeId, Region, RegionError};
use crate::op::Arg;
use crate::promotion::{Operand, promote_operands};
use crate::shape::{Shape, broadcast, check_rank, normalize_axes};
use crate::{BinaryOp, Context, Tensor, TensorError, UnaryOp};

/// Sorted axes.
pub(super) type Axes = smallvec::SmallVec<[usize; 4]>;

/// What is known of a node.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// A weak number or a tensor of a dtype.
    pub(super) operand: Operand,
    /// Its dtype; of a weak number the one it has as a 0-d tensor.
    pub(super) dtype: DType,
    pub(super) shape: Shape,
    /// The dtype in which its operands meet.
    pub(super) compute: DType,
    /// The axes of a reduction.
    pub(super) axes: Axes,
}

impl Known {
    fn tensor(dtype: DType, compute: DType, shape: Shape) -> Known {
        Known { operand: Operand::Tensor(dtype), dtype, shape, compute, axes: Axes::new() }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The dtype that a weak number has where nothing tells it another.
pub(super) const fn dtype_alone(operand: Operand) -> DType {
    promote_operands(operand, Operand::Bool)
}

/// Everything that is known, node by node.
pub(super) fn infer(region: &Region, ctx: &Context, inputs: &[Option<Arg>]) -> Result<Vec<Known>, RegionError> {
    let mut all: Vec<Known> = Vec::with_capacity(region.nodes.len());
    for (i, node) in region.nodes.iter().enumerate() {
        let known = one(node, ctx, &all, inputs).and_then(|known| {
            check_numbers(region, node, known.compute, inputs)?;
            ctx.measure(known.dtype, &known.shape)?;
            Ok(known)
        });
        all.push(known.map_err(|error| RegionError { node: NodeId(i), error })?);
    }
    Ok(all)
}

fn one(node: &Node, ctx: &Context, all: &[Known], inputs: &[Option<Arg>]) -> Result<Known, TensorError> {
    let of = |id: NodeId| all.get(id.0).ok_or_else(|| TensorError::argument("node", "comes from another region"));
    Ok(match node {
        Node::Input(i) => given(inputs.get(*i).and_then(Option::as_ref))?,
        Node::Number(number) => given(Some(number))?,
        Node::Unary(op, x) => {
            let x = of(*x)?;
            let (compute, result) = op.dtypes(x.dtype);
            let result = if matches!(op, UnaryOp::Not) { DType::Bool } else { result };
            Known::tensor(result, compute, x.shape.clone())
        }
        Node::Binary(BinaryOp::MatMul, ..) => {
            return Err(TensorError::argument("op", "is a matrix product, which is not elementwise"));
        }
        Node::Binary(op, x, y) => {
            let (x, y) = (of(*x)?, of(*y)?);
            let (compute, result) = op.dtypes(x.operand, y.operand);
            Known::tensor(result, compute, broadcast(&x.shape, &y.shape)?)
        }
        Node::Compare(_, x, y) => {
            let (x, y) = (of(*x)?, of(*y)?);
            let compute = crate::dispatch::compare_dtype(x.operand, y.operand);
            Known::tensor(DType::Bool, compute, broadcast(&x.shape, &y.shape)?)
        }
        Node::Select(mask, yes, no) => {
            let (mask, yes, no) = (of(*mask)?, of(*yes)?, of(*no)?);
            let dtype = promote_operands(yes.operand, no.operand);
            Known::tensor(dtype, dtype, broadcast(&broadcast(&yes.shape, &no.shape)?, &mask.shape)?)
        }
        Node::Cast(dtype, x) => Known::tensor(*dtype, *dtype, of(*x)?.shape.clone()),
        Node::Random(_, dtype, shape) => {
            if !dtype.is_float() {
                return Err(TensorError::argument("dtype", format!("must be a float dtype, is {dtype}")));
            }
            check_rank(shape)?;
            Known::tensor(*dtype, *dtype, shape.as_slice().into())
        }
        Node::Reduce { op, of: x, axes, keep } => {
            let x = of(*x)?;
            let axes = match axes {
                None => (0..x.shape.len()).collect(),
                Some(axes) => normalize_axes(axes, x.shape.len())?,
            };
            crate::host::reduce::check_extreme(*op, &x.shape, &axes)?;
            let shape = crate::host::reduce::reduced_shape(&x.shape, &axes, *keep);
            let compute = crate::host::reduce::read_as(ctx, *op, x.dtype);
            Known { axes, ..Known::tensor(op.dtype(x.dtype), compute, shape) }
        }
    })
}

/// Whether the numbers that an operation takes fit the dtype in which it works: said of it, not of who evaluates it.
fn check_numbers(region: &Region, node: &Node, compute: DType, inputs: &[Option<Arg>]) -> Result<(), TensorError> {
    let operands = match *node {
        Node::Binary(_, x, y) | Node::Compare(_, x, y) | Node::Select(_, x, y) if compute.is_int() => [x, y],
        _ => return Ok(()),
    };
    for operand in operands {
        let number = match region.nodes.get(operand.0) {
            Some(Node::Number(number)) => Some(&**number),
            Some(Node::Input(input)) => inputs.get(*input).and_then(Option::as_ref),
            _ => None,
        };
        number.map_or(Ok(()), |number| Tensor::check_number(number, compute))?;
    }
    Ok(())
}

fn given(arg: Option<&Arg>) -> Result<Known, TensorError> {
    let operand = arg.and_then(Operand::of);
    let (Some(arg), Some(operand)) = (arg, operand) else {
        return Err(TensorError::argument("input", "must be a tensor or a number"));
    };
    let shape = if let Arg::Tensor(tensor) = arg { tensor.shape().into() } else { Shape::new() };
    let dtype = if let Operand::Tensor(dtype) = operand { dtype } else { dtype_alone(operand) };
    Ok(Known { operand, dtype, shape, compute: dtype, axes: Axes::new() })
}
