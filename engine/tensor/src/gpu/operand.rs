//! Two operands of an operation, brought together on the graphics processor: cast, uploaded where one is still in host
//! memory, and numbers kept as numbers, so that they become part of the kernel.

use nexus_gpu::{Dispatch, FloatDType, Primitive, Queue, Scalar};

use super::tensor::device_shape;
use super::{GpuTensor, Runtime};
use crate::element::Bit;
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::op::Arg;
use crate::shape::{Shape, broadcast, element_count};
use crate::{Context, DType, Tensor, TensorError};

/// An operand on the device.
#[derive(Debug, Clone)]
pub(super) enum Side {
    /// A tensor in the dtype of the pair.
    Tensor(GpuTensor),
    /// A number.
    Number(Scalar),
}

/// Two operands of one dtype, at least one of them a tensor on the device.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// The device that holds both.
    pub(super) runtime: &'static Runtime,
    pub(super) left: Side,
    pub(super) right: Side,
    /// The dtype of both.
    pub(super) dtype: DType,
    /// The shape to which they broadcast.
    pub(super) shape: Shape,
}

impl Pair {
    /// Brings operands together in `dtype`. `None` where neither is on the device, or where one cannot be.
    pub(crate) fn new(ctx: &Context, left: &Arg, right: &Arg, dtype: DType) -> Result<Option<Pair>, TensorError> {
        let Some(runtime) = place_of(left, right) else { return Ok(None) };
        if !matches!(dtype, DType::F32 | DType::I32 | DType::Bool) {
            return Ok(None);
        }
        let shape = broadcast(shape_of(left), shape_of(right))?;
        if !runtime.holds(dtype, element_count(&shape)) {
            return Ok(None);
        }
        let (Some(left), Some(right)) = (Side::new(ctx, runtime, left, dtype)?, Side::new(ctx, runtime, right, dtype)?)
        else {
            return Ok(None);
        };
        Ok(Some(Pair { runtime, left, right, dtype, shape }))
    }

    /// As [`Pair::new`] for operands of a matrix product, whose shapes need not broadcast.
    pub(crate) fn of_matrices(
        ctx: &Context,
        left: &Arg,
        right: &Arg,
        dtype: DType,
    ) -> Result<Option<(GpuTensor, GpuTensor)>, TensorError> {
        let Some(runtime) = place_of(left, right).filter(|_| dtype == DType::F32) else { return Ok(None) };
        match (Side::new(ctx, runtime, left, dtype)?, Side::new(ctx, runtime, right, dtype)?) {
            (Some(Side::Tensor(left)), Some(Side::Tensor(right))) => Ok(Some((left, right))),
            _ => Ok(None),
        }
    }
}

/// The device that holds one of two operands, the left one's before the right one's.
fn place_of(left: &Arg, right: &Arg) -> Option<&'static Runtime> {
    let there = |arg: &Arg| if let Arg::Tensor(tensor) = arg { tensor.as_gpu().map(|gpu| gpu.runtime) } else { None };
    there(left).or_else(|| there(right))
}

fn shape_of(arg: &Arg) -> &[usize] {
    if let Arg::Tensor(tensor) = arg { tensor.shape() } else { &[] }
}

impl Side {
    fn new(ctx: &Context, runtime: &'static Runtime, arg: &Arg, dtype: DType) -> Result<Option<Side>, TensorError> {
        let host = match arg {
            Arg::Tensor(tensor) => match tensor.as_gpu() {
                Some(gpu) if std::ptr::eq(gpu.runtime, runtime) => {
                    return Ok(gpu.clone().cast(ctx, dtype)?.map(Side::Tensor));
                }
                _ if tensor.is_empty() => return Ok(None),
                _ => cast(ctx, &tensor.to_host()?, dtype)?,
            },
            number => Tensor::number(ctx, number, dtype)?,
        };
        if host.rank() == 0 {
            return Ok(Some(Side::Number(number(&host))));
        }
        Ok(GpuTensor::upload(ctx, runtime, &host)?.map(Side::Tensor))
    }

    /// Burn's handle, spread to `shape`, of an f32 operand; a number is made a tensor first.
    pub(super) fn spread_float(self, shape: &[usize], queue: &Queue) -> Primitive {
        match self {
            Side::Tensor(tensor) => tensor.spread(shape),
            Side::Number(value) => Dispatch::float_full(device_shape(shape), value, queue, FloatDType::F32),
        }
    }
}

/// The element of a 0-d tensor.
fn number(host: &HostTensor) -> Scalar {
    match host.dtype {
        DType::F32 => Scalar::Float(f64::from(host.single::<f32>())),
        DType::I32 => Scalar::Int(i64::from(host.single::<i32>())),
        _ => Scalar::Bool(host.single::<Bit>().get()),
    }
}
