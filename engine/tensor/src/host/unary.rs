//! Elementwise functions of one tensor.
//!
//! The result reuses the operand's buffer where nobody else sees it.

use super::HostTensor;
use super::copy::{cast, full};
use super::math::{Function, Real};
use super::parallel::{Cost, Kernel, fill, vectorized};
use crate::element::{Bit, Element};
use crate::operator::UnaryOp;
use crate::{Context, DType, TensorError};

struct Map<'a, T, R, F> {
    source: &'a [T],
    out: &'a mut [R],
    function: F,
}

impl<T: Copy, R, F: Fn(T) -> R> Kernel for Map<'_, T, R, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (r, &x) in self.out.iter_mut().zip(self.source) {
            *r = (self.function)(x);
        }
    }
}

struct MapInPlace<'a, T, F> {
    values: &'a mut [T],
    function: F,
}

impl<T: Copy, F: Fn(T) -> T> Kernel for MapInPlace<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for x in self.values {
            *x = (self.function)(*x);
        }
    }
}

/// Applies `function` to every element.
pub(crate) fn map<T: Element, R: Element>(
    ctx: &Context,
    tensor: &HostTensor,
    cost: Cost,
    function: impl Fn(T) -> R + Sync + Copy,
) -> Result<HostTensor, TensorError> {
    let packed = tensor.packed(ctx)?;
    let source = packed.slice::<T>();
    HostTensor::build(ctx, &tensor.shape, |out: &mut [R]| {
        fill(ctx, out, cost, |first, part| {
            vectorized(Map { source: &source[first..first + part.len()], out: part, function });
        })
    })
}

/// Applies `function` to every element, in place where the buffer is this tensor's alone.
pub(crate) fn map_same<T: Element>(
    ctx: &Context,
    mut tensor: HostTensor,
    cost: Cost,
    function: impl Fn(T) -> T + Sync + Copy,
) -> Result<HostTensor, TensorError> {
    match tensor.as_mut_slice::<T>() {
        Some(values) => {
            fill(ctx, values, cost, |_, part| vectorized(MapInPlace { values: part, function }))?;
            Ok(tensor)
        }
        None => map(ctx, &tensor, cost, function),
    }
}

/// Applies `op`. The tensor is consumed so that its buffer can be reused.
pub(crate) fn unary(ctx: &Context, op: UnaryOp, tensor: HostTensor) -> Result<HostTensor, TensorError> {
    let (compute, _) = op.dtypes(tensor.dtype);
    match (op, compute) {
        (UnaryOp::Not, _) => map(ctx, &cast(ctx, &tensor, DType::Bool)?, Cost::Cheap, |x: Bit| Bit(x.0 ^ 1)),
        (UnaryOp::IsNan, DType::F64) => map(ctx, &tensor, Cost::Cheap, |x: f64| Bit::new(x.is_nan())),
        (UnaryOp::IsFinite, DType::F64) => map(ctx, &tensor, Cost::Cheap, |x: f64| Bit::new(x.is_finite())),
        (UnaryOp::IsNan | UnaryOp::IsFinite, dtype) if !dtype.is_float() => {
            full(ctx, &tensor.shape, Bit::new(op == UnaryOp::IsFinite))
        }
        (UnaryOp::IsNan, _) => map(ctx, &cast(ctx, &tensor, DType::F32)?, Cost::Cheap, |x: f32| Bit::new(x.is_nan())),
        (UnaryOp::IsFinite, _) => {
            map(ctx, &cast(ctx, &tensor, DType::F32)?, Cost::Cheap, |x: f32| Bit::new(x.is_finite()))
        }
        (_, DType::F64) => real::<f64>(ctx, op, own(ctx, tensor, compute)?),
        (_, DType::F32) => real::<f32>(ctx, op, own(ctx, tensor, compute)?),
        // Halves compute in f32 and round once.
        (_, DType::F16 | DType::BF16) => cast(ctx, &real::<f32>(ctx, op, cast(ctx, &tensor, DType::F32)?)?, compute),
        (_, DType::I64) => whole(ctx, op, own(ctx, tensor, compute)?, i64::wrapping_neg, i64::wrapping_mul),
        (_, DType::I32) => whole(ctx, op, tensor, i32::wrapping_neg, i32::wrapping_mul),
        (_, DType::U8 | DType::Bool) => whole(ctx, op, tensor, u8::wrapping_neg, u8::wrapping_mul),
    }
}

/// In `dtype`, without losing the claim to the buffer where it is already.
fn own(ctx: &Context, tensor: HostTensor, dtype: DType) -> Result<HostTensor, TensorError> {
    if tensor.dtype == dtype { Ok(tensor) } else { cast(ctx, &tensor, dtype) }
}

/// The functions of whole numbers; those of real numbers never come here, because they compute in a float dtype.
fn whole<T: Element>(
    ctx: &Context,
    op: UnaryOp,
    tensor: HostTensor,
    neg: fn(T) -> T,
    mul: fn(T, T) -> T,
) -> Result<HostTensor, TensorError> {
    let zero = T::default();
    match op {
        UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round => Ok(tensor),
        _ => map_same(ctx, tensor, Cost::Cheap, move |x: T| match op {
            UnaryOp::Neg => neg(x),
            UnaryOp::Abs if x < zero => neg(x),
            UnaryOp::Sign => T::from_i64(i64::from(x > zero) - i64::from(x < zero)),
            UnaryOp::Relu if x < zero => zero,
            UnaryOp::Square => mul(x, x),
            _ => x,
        }),
    }
}

fn real<W: Real>(ctx: &Context, op: UnaryOp, tensor: HostTensor) -> Result<HostTensor, TensorError> {
    macro_rules! apply {
        ($cost:ident, $function:expr) => {
            map_same(ctx, tensor, Cost::$cost, $function)
        };
    }
    match op {
        UnaryOp::Neg => apply!(Cheap, |x: W| -x),
        UnaryOp::Abs => apply!(Cheap, |x: W| x.abs()),
        UnaryOp::Sign => apply!(Cheap, sign::<W>),
        UnaryOp::Floor => apply!(Cheap, |x: W| x.floor()),
        UnaryOp::Ceil => apply!(Cheap, |x: W| x.ceil()),
        UnaryOp::Round => apply!(Cheap, |x: W| x.round()),
        UnaryOp::Sqrt => apply!(Cheap, |x: W| x.sqrt()),
        UnaryOp::Rsqrt => apply!(Cheap, |x: W| W::ONE / x.sqrt()),
        UnaryOp::Square => apply!(Cheap, |x: W| x * x),
        UnaryOp::Relu => apply!(Cheap, |x: W| if x < W::ZERO { W::ZERO } else { x }),
        _ => match W::function(op) {
            // A library function is called through a pointer: beside its own cost that is nothing.
            Function::Library(function) => apply!(Dear, function),
            Function::Vectorized => vector_function::<W>(ctx, op, tensor),
        },
    }
}

/// The functions that are written here as straight arithmetic, each compiled into its own loop.
fn vector_function<W: Real>(ctx: &Context, op: UnaryOp, tensor: HostTensor) -> Result<HostTensor, TensorError> {
    macro_rules! apply {
        ($function:expr) => {
            map_same(ctx, tensor, Cost::Dear, $function)
        };
    }
    match op {
        UnaryOp::Exp => apply!(|x: W| x.exp()),
        UnaryOp::Expm1 => apply!(|x: W| x.expm1()),
        UnaryOp::Log => apply!(|x: W| x.ln()),
        UnaryOp::Log1p => apply!(|x: W| x.log1p()),
        UnaryOp::Log2 => apply!(|x: W| x.ln() * W::from_f64(std::f64::consts::LOG2_E)),
        UnaryOp::Log10 => apply!(|x: W| x.ln() * W::from_f64(std::f64::consts::LOG10_E)),
        UnaryOp::Sin => apply!(|x: W| x.sin()),
        UnaryOp::Cos => apply!(|x: W| x.cos()),
        UnaryOp::Tanh => apply!(|x: W| x.tanh()),
        UnaryOp::Erf => apply!(|x: W| x.erf()),
        UnaryOp::Gelu => apply!(|x: W| x.gelu()),
        UnaryOp::Silu => apply!(|x: W| x.silu()),
        UnaryOp::Sigmoid => apply!(|x: W| x.sigmoid()),
        UnaryOp::Softplus => apply!(|x: W| x.softplus()),
        _ => Ok(tensor),
    }
}

/// -1, 0 or 1; NaN stays.
#[inline(always)]
fn sign<W: Real>(x: W) -> W {
    if x > W::ZERO {
        W::ONE
    } else if x < W::ZERO {
        -W::ONE
    } else {
        x
    }
}
