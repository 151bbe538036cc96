//! Tensors on the graphics processor, through Burn's dispatch layer over wgpu.
//!
//! Only f32 lives there: WGSL has no f64 and no portable i64, and halves are not everywhere. Operations queue; the queue
//! runs when a result is read, so a chain synchronises once. What has no method here is done on the host: the tensor
//! comes down once, the result goes up again, and the meter counts both.
//!
//! Burn panics where a driver fails or a kernel does not compile. Every call goes through [`contain`], which turns a
//! panic into [`TensorError::Device`]; the tensors that it touched are values and are dropped with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use burn_backend::ops::{ActivationOps, FloatTensorOps};
use burn_backend::{Shape as BurnShape, TensorData as BurnData, read_sync};
use burn_dispatch::devices::CubeDevice;
use burn_dispatch::devices::wgpu::{AutoGraphicsApi, RuntimeOptions, try_init_setup};
use burn_dispatch::{Dispatch, DispatchDevice, DispatchTensor};

use crate::buffer::Buffer;
use crate::device::adapter;
use crate::host::HostTensor;
use crate::host::reduce::ReduceOp;
use crate::meter::Charge;
use crate::shape::{Shape, broadcast, element_count};
use crate::{BinaryOp, Context, DType, TensorError, UnaryOp};

/// The started device of this process.
#[derive(Debug)]
pub(crate) struct Runtime {
    device: DispatchDevice,
}

/// The graphics processor, started on the first call.
pub(crate) fn runtime() -> Result<&'static Runtime, TensorError> {
    static STARTED: OnceLock<Result<Runtime, TensorError>> = OnceLock::new();
    STARTED.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Runtime, TensorError> {
    let adapter = adapter()?;
    contain(|| try_init_setup::<AutoGraphicsApi>(&adapter.device, RuntimeOptions::default()))?
        .map_err(|error| TensorError::Device { device: adapter.name.clone(), problem: error.to_string() })?;
    Ok(Runtime { device: DispatchDevice::Cube(CubeDevice::Wgpu(adapter.device.clone())) })
}

/// Runs a call into Burn; a panic becomes an error.
fn contain<T>(call: impl FnOnce() -> T) -> Result<T, TensorError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let device = adapter().map_or("gpu", |adapter| adapter.name.as_str()).to_owned();
        TensorError::Device { device, problem: text.unwrap_or("the driver gave no reason").to_owned() }
    })
}

/// An f32 tensor with at least one element, on the graphics processor.
#[derive(Debug, Clone)]
pub(crate) struct GpuTensor {
    /// Burn's handle. A 0-d tensor has one axis of size 1 there.
    primitive: DispatchTensor,
    pub(crate) shape: Shape,
    charge: Arc<Charge>,
}

/// The shape as Burn has it.
fn device_shape(shape: &[usize]) -> BurnShape {
    if shape.is_empty() { BurnShape::from(vec![1]) } else { BurnShape::from(shape.to_vec()) }
}

impl GpuTensor {
    /// Copies a host tensor up.
    pub(crate) fn upload(ctx: &Context, host: &HostTensor) -> Result<GpuTensor, TensorError> {
        let runtime = runtime()?;
        let data = host.to_data()?;
        let charge = ctx.meter().admit(data.bytes().len() as u64)?;
        ctx.meter().count_upload(data.bytes().len());
        let data = BurnData::from_bytes_vec(data.bytes().to_vec(), device_shape(&host.shape), burn_backend::DType::F32);
        let primitive = contain(|| Dispatch::float_from_data(data, &runtime.device))?;
        Ok(GpuTensor { primitive, shape: host.shape.clone(), charge: Arc::new(charge) })
    }

    /// Copies the elements down. Waits for everything that they depend on.
    pub(crate) fn download(&self) -> Result<HostTensor, TensorError> {
        let meter = self.charge.meter();
        let primitive = self.primitive.clone();
        let data = contain(|| read_sync(Dispatch::float_into_data(primitive)))?
            .map_err(|error| TensorError::Device { device: "gpu".to_owned(), problem: format!("{error:?}") })?;
        meter.count_download(data.as_bytes().len());
        let buffer = Buffer::from_slice(meter, data.as_bytes())?;
        Ok(HostTensor::from_buffer(DType::F32, &self.shape, buffer))
    }

    /// Whether nobody else holds the elements.
    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.charge) == 1
    }

    /// A result of `shape`, with its memory admitted before the call is queued.
    fn result(ctx: &Context, shape: Shape, call: impl FnOnce() -> DispatchTensor) -> Result<GpuTensor, TensorError> {
        ctx.poll()?;
        let elements = ctx.measure(DType::F32, &shape)?;
        let charge = ctx.meter().admit((elements * DType::F32.size()) as u64)?;
        Ok(GpuTensor { primitive: contain(call)?, shape, charge: Arc::new(charge) })
    }

    /// Burn's handle, spread to `shape`.
    fn spread(&self, shape: &[usize]) -> DispatchTensor {
        let mut aligned = vec![1; shape.len().saturating_sub(self.shape.len())];
        aligned.extend(&self.shape);
        let primitive = Dispatch::float_reshape(self.primitive.clone(), device_shape(&aligned));
        if aligned == shape { primitive } else { Dispatch::float_expand(primitive, device_shape(shape)) }
    }

    /// An elementwise operator, or the matrix product. `None` where the host must do it.
    pub(crate) fn binary(
        ctx: &Context,
        op: BinaryOp,
        left: &GpuTensor,
        right: &GpuTensor,
    ) -> Result<Option<GpuTensor>, TensorError> {
        if op == BinaryOp::MatMul {
            return GpuTensor::matmul(ctx, left, right);
        }
        let function = match op {
            BinaryOp::Add => Dispatch::float_add,
            BinaryOp::Sub => Dispatch::float_sub,
            BinaryOp::Mul => Dispatch::float_mul,
            BinaryOp::Div => Dispatch::float_div,
            _ => return Ok(None),
        };
        let shape = broadcast(&left.shape, &right.shape)?;
        if element_count(&shape) == 0 {
            return Ok(None);
        }
        let call = || function(left.spread(&shape), right.spread(&shape));
        GpuTensor::result(ctx, shape.clone(), call).map(Some)
    }

    fn matmul(ctx: &Context, left: &GpuTensor, right: &GpuTensor) -> Result<Option<GpuTensor>, TensorError> {
        let shape = crate::host::matmul::product_shape(&left.shape, &right.shape)?;
        if left.shape.len() < 2 || right.shape.len() < 2 {
            return Ok(None);
        }
        let lead = &shape[..shape.len() - 2];
        let stack = |tensor: &GpuTensor| {
            let mut target = lead.to_vec();
            target.extend(&tensor.shape[tensor.shape.len() - 2..]);
            tensor.spread(&target)
        };
        let call = || Dispatch::float_matmul(stack(left), stack(right));
        GpuTensor::result(ctx, shape.clone(), call).map(Some)
    }

    /// An elementwise function. `None` where the host must do it.
    pub(crate) fn unary(&self, ctx: &Context, op: UnaryOp) -> Result<Option<GpuTensor>, TensorError> {
        let function: fn(DispatchTensor) -> DispatchTensor = match op {
            UnaryOp::Neg => Dispatch::float_neg,
            UnaryOp::Abs => Dispatch::float_abs,
            UnaryOp::Exp => Dispatch::float_exp,
            UnaryOp::Log => Dispatch::float_log,
            UnaryOp::Log1p => Dispatch::float_log1p,
            UnaryOp::Sqrt => Dispatch::float_sqrt,
            UnaryOp::Sin => Dispatch::float_sin,
            UnaryOp::Cos => Dispatch::float_cos,
            UnaryOp::Tanh => Dispatch::float_tanh,
            UnaryOp::Floor => Dispatch::float_floor,
            UnaryOp::Ceil => Dispatch::float_ceil,
            UnaryOp::Square => |x| Dispatch::float_mul(x.clone(), x),
            UnaryOp::Relu => Dispatch::relu,
            UnaryOp::Sigmoid => Dispatch::sigmoid,
            UnaryOp::Silu => |x| Dispatch::float_mul(x.clone(), Dispatch::sigmoid(x)),
            UnaryOp::Gelu => Dispatch::gelu,
            UnaryOp::Erf => Dispatch::float_erf,
            _ => return Ok(None),
        };
        GpuTensor::result(ctx, self.shape.clone(), || function(self.primitive.clone())).map(Some)
    }

    /// A reduction over `axes` (sorted) that keeps them with size 1. `None` where the host must do it.
    pub(crate) fn reduce(&self, ctx: &Context, op: ReduceOp, axes: &[usize]) -> Result<Option<GpuTensor>, TensorError> {
        let function: fn(DispatchTensor, usize) -> DispatchTensor = match op {
            ReduceOp::Sum => Dispatch::float_sum_dim,
            ReduceOp::Mean => Dispatch::float_mean_dim,
            _ => return Ok(None),
        };
        let shape = crate::host::reduce::reduced_shape(&self.shape, axes, true);
        let call = || axes.iter().fold(self.primitive.clone(), |tensor, &axis| function(tensor, axis));
        GpuTensor::result(ctx, shape.clone(), call).map(Some)
    }

    /// The same elements under another shape with as many.
    pub(crate) fn reshaped(&self, ctx: &Context, shape: &[usize]) -> Result<GpuTensor, TensorError> {
        debug_assert_eq!(element_count(shape), element_count(&self.shape));
        let call = || Dispatch::float_reshape(self.primitive.clone(), device_shape(shape));
        GpuTensor::result(ctx, shape.into(), call)
    }

    /// The axes in another order.
    pub(crate) fn permuted(&self, ctx: &Context, axes: &[usize]) -> Result<GpuTensor, TensorError> {
        let shape: Shape = axes.iter().map(|&axis| self.shape[axis]).collect();
        if axes.is_empty() {
            return Ok(self.clone());
        }
        GpuTensor::result(ctx, shape, || Dispatch::float_permute(self.primitive.clone(), axes))
    }
}
