//! Functions of each element and of pairs of elements, on the graphics processor.

use nexus_gpu::{BoolDType, Dispatch, Primitive, Scalar};

use super::GpuTensor;
use super::operand::{Pair, Side};
use crate::{BinaryOp, Context, DType, TensorError, UnaryOp};

impl GpuTensor {
    /// An elementwise function. `None` where the host must do it.
    pub(crate) fn unary(&self, ctx: &Context, op: UnaryOp) -> Result<Option<GpuTensor>, TensorError> {
        let (compute, result) = op.dtypes(self.dtype);
        let bools = self.runtime.queue.bools;
        let truth: Option<fn(Primitive, BoolDType) -> Primitive> = match (op, compute) {
            (UnaryOp::Not, DType::F32) => Some(|x, b| Dispatch::float_equal_elem(x, Scalar::Float(0.0), b)),
            (UnaryOp::Not, DType::I32) => Some(|x, b| Dispatch::int_equal_elem(x, Scalar::Int(0), b)),
            (UnaryOp::Not, DType::Bool) => Some(|x, _| Dispatch::bool_not(x)),
            (UnaryOp::IsNan, DType::F32) => Some(Dispatch::float_is_nan),
            (UnaryOp::IsFinite, DType::F32) => Some(|x, b| {
                let nan = Dispatch::float_is_nan(x.clone(), b);
                Dispatch::bool_not(Dispatch::bool_or(nan, Dispatch::float_is_inf(x, b)))
            }),
            _ => None,
        };
        if let Some(test) = truth {
            let x = self.clone();
            return GpuTensor::result(ctx, self.runtime, DType::Bool, self.shape.clone(), || test(x.take(), bools));
        }
        let function = match compute {
            DType::F32 => float_function(op),
            DType::I32 => int_function(op),
            _ => None,
        };
        let Some(function) = function else { return Ok(None) };
        let Some(x) = self.clone().cast(ctx, compute)? else { return Ok(None) };
        GpuTensor::result(ctx, self.runtime, result, self.shape.clone(), || function(x.take(), bools))
    }

    /// An elementwise operator. `None` where the host must do it.
    pub(crate) fn binary(ctx: &Context, op: BinaryOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
        match op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => logic(ctx, op, pair),
            BinaryOp::Maximum | BinaryOp::Minimum => extreme(ctx, op, pair),
            _ if pair.dtype == DType::F32 => float_operator(ctx, op, pair),
            _ if pair.dtype == DType::I32 => int_operator(ctx, op, pair),
            _ => Ok(None),
        }
    }
}

/// A function of each element; it is told how the device stores truth values.
type Function = fn(Primitive, BoolDType) -> Primitive;

/// The f32 functions that a device computes as the host does, to the accuracy stated at the head of `gpu`.
fn float_function(op: UnaryOp) -> Option<Function> {
    Some(match op {
        UnaryOp::Neg => |x, _| Dispatch::float_neg(x),
        UnaryOp::Abs => |x, _| Dispatch::float_abs(x),
        UnaryOp::Sign => float_sign,
        UnaryOp::Floor => |x, _| Dispatch::float_floor(x),
        UnaryOp::Ceil => |x, _| Dispatch::float_ceil(x),
        UnaryOp::Round => |x, _| Dispatch::float_round(x),
        UnaryOp::Exp => |x, _| Dispatch::float_exp(x),
        UnaryOp::Log => |x, _| Dispatch::float_log(x),
        UnaryOp::Log2 => |x, _| Dispatch::float_mul_scalar(Dispatch::float_log(x), std::f64::consts::LOG2_E.into()),
        UnaryOp::Log10 => |x, _| Dispatch::float_mul_scalar(Dispatch::float_log(x), std::f64::consts::LOG10_E.into()),
        UnaryOp::Sqrt => |x, _| Dispatch::float_sqrt(x),
        UnaryOp::Rsqrt => |x, _| Dispatch::float_recip(Dispatch::float_sqrt(x)),
        UnaryOp::Square => |x, _| Dispatch::float_mul(x.clone(), x),
        UnaryOp::Tanh => |x, _| Dispatch::float_tanh(x),
        UnaryOp::Erf => |x, _| Dispatch::float_erf(x),
        UnaryOp::Relu => |x, bools| {
            let below = Dispatch::float_lower_elem(x.clone(), Scalar::Float(0.0), bools);
            Dispatch::float_mask_fill(x, below, Scalar::Float(0.0))
        },
        UnaryOp::Gelu => |x, _| {
            let scaled = Dispatch::float_mul_scalar(x.clone(), std::f64::consts::FRAC_1_SQRT_2.into());
            let cumulative = Dispatch::float_add_scalar(Dispatch::float_erf(scaled), Scalar::Float(1.0));
            Dispatch::float_mul(Dispatch::float_mul_scalar(x, Scalar::Float(0.5)), cumulative)
        },
        UnaryOp::Sigmoid => |x, _| Dispatch::float_recip(one_plus_exp_of_negative(x)),
        UnaryOp::Silu => |x, _| Dispatch::float_div(x.clone(), one_plus_exp_of_negative(x)),
        UnaryOp::Softplus => softplus,
        _ => return None,
    })
}

fn one_plus_exp_of_negative(x: Primitive) -> Primitive {
    Dispatch::float_add_scalar(Dispatch::float_exp(Dispatch::float_neg(x)), Scalar::Float(1.0))
}

/// NaN and zero stay, because neither is above nor below zero.
fn float_sign(x: Primitive, bools: BoolDType) -> Primitive {
    let above = Dispatch::float_greater_elem(x.clone(), Scalar::Float(0.0), bools);
    let below = Dispatch::float_lower_elem(x.clone(), Scalar::Float(0.0), bools);
    let one = Dispatch::float_mask_fill(x, above, Scalar::Float(1.0));
    Dispatch::float_mask_fill(one, below, Scalar::Float(-1.0))
}

/// max(x, 0) + log(1 + exp(-|x|)): the exponential never overflows.
fn softplus(x: Primitive, bools: BoolDType) -> Primitive {
    let tail = Dispatch::float_exp(Dispatch::float_neg(Dispatch::float_abs(x.clone())));
    let log = Dispatch::float_log(Dispatch::float_add_scalar(tail, Scalar::Float(1.0)));
    let below = Dispatch::float_lower_elem(x.clone(), Scalar::Float(0.0), bools);
    Dispatch::float_add(Dispatch::float_mask_fill(x, below, Scalar::Float(0.0)), log)
}

fn int_function(op: UnaryOp) -> Option<Function> {
    Some(match op {
        UnaryOp::Neg => |x, _| Dispatch::int_mul_scalar(x, Scalar::Int(-1)),
        UnaryOp::Abs => |x, _| Dispatch::int_abs(x),
        UnaryOp::Square => |x, _| Dispatch::int_mul(x.clone(), x),
        UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round => |x, _| x,
        UnaryOp::Relu => |x, bools| {
            let below = Dispatch::int_lower_elem(x.clone(), Scalar::Int(0), bools);
            Dispatch::int_mask_fill(x, below, Scalar::Int(0))
        },
        _ => return None,
    })
}

fn float_operator(ctx: &Context, op: BinaryOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
    let Pair { runtime, left, right, dtype, shape } = pair;
    let of_two: fn(Primitive, Primitive) -> Primitive = match op {
        BinaryOp::Add => Dispatch::float_add,
        BinaryOp::Sub => Dispatch::float_sub,
        BinaryOp::Mul => Dispatch::float_mul,
        BinaryOp::Div => Dispatch::float_div,
        BinaryOp::Pow if is_two(&right) => |x, _| Dispatch::float_mul(x.clone(), x),
        _ => return Ok(None),
    };
    let queue = &runtime.queue;
    let target = shape.clone();
    GpuTensor::result(ctx, runtime, dtype, shape, || match (op, left, right) {
        (BinaryOp::Add, Side::Tensor(x), Side::Number(n)) | (BinaryOp::Add, Side::Number(n), Side::Tensor(x)) => {
            Dispatch::float_add_scalar(x.take(), n)
        }
        (BinaryOp::Sub, Side::Tensor(x), Side::Number(n)) => Dispatch::float_sub_scalar(x.take(), n),
        (BinaryOp::Mul, Side::Tensor(x), Side::Number(n)) | (BinaryOp::Mul, Side::Number(n), Side::Tensor(x)) => {
            Dispatch::float_mul_scalar(x.take(), n)
        }
        (BinaryOp::Div, Side::Tensor(x), Side::Number(n)) => Dispatch::float_div_scalar(x.take(), n),
        (BinaryOp::Pow, Side::Tensor(x), _) => {
            let x = x.take();
            Dispatch::float_mul(x.clone(), x)
        }
        (_, left, right) => of_two(left.spread_float(&target, queue), right.spread_float(&target, queue)),
    })
}

fn is_two(side: &Side) -> bool {
    matches!(side, Side::Number(Scalar::Float(n)) if *n == 2.0)
}

/// Whole numbers wrap, as on the host. Those operators that can fail (division, powers) are the host's.
fn int_operator(ctx: &Context, op: BinaryOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
    let Pair { runtime, left, right, dtype, shape } = pair;
    type Two = fn(Primitive, Primitive) -> Primitive;
    type One = fn(Primitive, Scalar) -> Primitive;
    let (of_two, of_one): (Two, One) = match op {
        BinaryOp::Add => (Dispatch::int_add, Dispatch::int_add_scalar),
        BinaryOp::Sub => (Dispatch::int_sub, Dispatch::int_sub_scalar),
        BinaryOp::Mul => (Dispatch::int_mul, Dispatch::int_mul_scalar),
        _ => return Ok(None),
    };
    let target = shape.clone();
    match (left, right) {
        (Side::Tensor(x), Side::Number(n)) => GpuTensor::result(ctx, runtime, dtype, shape, || of_one(x.take(), n)),
        (Side::Number(n), Side::Tensor(x)) if op != BinaryOp::Sub => {
            GpuTensor::result(ctx, runtime, dtype, shape, || of_one(x.take(), n))
        }
        (Side::Number(n), Side::Tensor(x)) => GpuTensor::result(ctx, runtime, dtype, shape, || {
            Dispatch::int_add_scalar(Dispatch::int_mul_scalar(x.take(), Scalar::Int(-1)), n)
        }),
        (Side::Tensor(a), Side::Tensor(b)) => {
            GpuTensor::result(ctx, runtime, dtype, shape, || of_two(a.spread(&target), b.spread(&target)))
        }
        (Side::Number(_), Side::Number(_)) => Ok(None),
    }
}

/// `and`, `or`, `xor` of what is not zero.
fn logic(ctx: &Context, op: BinaryOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
    let Pair { runtime, left, right, shape, .. } = pair;
    let (Side::Tensor(left), Side::Tensor(right)) = (left, right) else { return Ok(None) };
    let (Some(left), Some(right)) = (left.cast(ctx, DType::Bool)?, right.cast(ctx, DType::Bool)?) else {
        return Ok(None);
    };
    let target = shape.clone();
    GpuTensor::result(ctx, runtime, DType::Bool, shape, || {
        let (left, right) = (left.spread(&target), right.spread(&target));
        match op {
            BinaryOp::And => Dispatch::bool_and(left, right),
            BinaryOp::Or => Dispatch::bool_or(left, right),
            _ => Dispatch::bool_xor(left, right),
        }
    })
}

/// The larger or smaller; NaN if either is. Chosen by comparisons, because a shader's own `max` may drop NaN.
fn extreme(ctx: &Context, op: BinaryOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
    let Pair { runtime, left, right, dtype, shape } = pair;
    let bools = runtime.queue.bools;
    let larger = op == BinaryOp::Maximum;
    let target = shape.clone();
    match (left, right, dtype) {
        (Side::Tensor(x), Side::Number(Scalar::Float(n)), DType::F32)
        | (Side::Number(Scalar::Float(n)), Side::Tensor(x), DType::F32)
            if !n.is_nan() =>
        {
            GpuTensor::result(ctx, runtime, dtype, shape, || {
                let (x, n) = (x.take(), Scalar::Float(n));
                let compare = if larger { Dispatch::float_lower_elem } else { Dispatch::float_greater_elem };
                Dispatch::float_mask_fill(x.clone(), compare(x, n, bools), n)
            })
        }
        (Side::Tensor(x), Side::Number(n), DType::I32) | (Side::Number(n), Side::Tensor(x), DType::I32) => {
            GpuTensor::result(ctx, runtime, dtype, shape, || {
                let x = x.take();
                let compare = if larger { Dispatch::int_lower_elem } else { Dispatch::int_greater_elem };
                Dispatch::int_mask_fill(x.clone(), compare(x, n, bools), n)
            })
        }
        (Side::Tensor(a), Side::Tensor(b), DType::F32) => GpuTensor::result(ctx, runtime, dtype, shape, || {
            let (a, b) = (a.spread(&target), b.spread(&target));
            let compare = if larger { Dispatch::float_lower } else { Dispatch::float_greater };
            let better = compare(a.clone(), b.clone(), bools);
            let nan = Dispatch::float_is_nan(b.clone(), bools);
            // A NaN on the left compares false and stays; one on the right is taken.
            let keep_left = Dispatch::float_is_nan(a.clone(), bools);
            let take = Dispatch::bool_and(Dispatch::bool_or(better, nan), Dispatch::bool_not(keep_left));
            Dispatch::float_mask_where(a, take, b)
        }),
        (Side::Tensor(a), Side::Tensor(b), DType::I32) => GpuTensor::result(ctx, runtime, dtype, shape, || {
            let (a, b) = (a.spread(&target), b.spread(&target));
            let compare = if larger { Dispatch::int_lower } else { Dispatch::int_greater };
            let better = compare(a.clone(), b.clone(), bools);
            Dispatch::int_mask_where(a, better, b)
        }),
        _ => Ok(None),
    }
}
