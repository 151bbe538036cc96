//! The tensor: a value with a dtype, a shape and a place.
//!
//! Cloning shares the elements; writing copies them first where they are shared, so that no name ever sees another
//! name's change.

use std::fmt;
use std::sync::Arc;

use nexus_model::{DType, TensorData};

use crate::device::Device;
use crate::element::{Bit, Element, with_element};
use crate::gpu::GpuTensor;
use crate::host::HostTensor;
use crate::op::Arg;
use crate::promotion::FLOAT_DEFAULT;
use crate::{Context, TensorError};

/// An array of numbers of one dtype with any number of axes.
#[derive(Clone)]
pub struct Tensor {
    place: Place,
}

/// Elements that lie row by row in host memory.
#[derive(Debug, Clone, Copy)]
pub enum Elements<'t> {
    /// Doubles.
    F64(&'t [f64]),
    /// Single-precision floats.
    F32(&'t [f32]),
    /// Whole numbers.
    I64(&'t [i64]),
}

/// The same for writing.
#[derive(Debug)]
pub enum ElementsMut<'t> {
    /// Doubles.
    F64(&'t mut [f64]),
    /// Single-precision floats.
    F32(&'t mut [f32]),
    /// Whole numbers.
    I64(&'t mut [i64]),
}

/// Where the elements are.
#[derive(Clone)]
enum Place {
    Host(HostTensor),
    Gpu(GpuTensor),
}

impl Tensor {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match &self.place {
            Place::Host(host) => host.dtype,
            Place::Gpu(gpu) => gpu.dtype,
        }
    }

    /// Sizes of the axes; empty for a 0-d tensor.
    pub fn shape(&self) -> &[usize] {
        match &self.place {
            Place::Host(host) => &host.shape,
            Place::Gpu(gpu) => &gpu.shape,
        }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the elements are. On a GPU's context f64, i64 and other dtypes that the GPU
    /// does not have stay with the CPU, and so do tensors without elements.
    pub fn device(&self) -> Device {
        match &self.place {
            Place::Host(_) => Device::cpu(),
            Place::Gpu(gpu) => gpu.runtime.device(),
        }
    }

    /// A tensor on the context's device with the elements of `data`. The memory is admitted first.
    pub fn from_data(ctx: &Context, data: &TensorData) -> Result<Tensor, TensorError> {
        crate::shape::check_rank(data.shape())?;
        Tensor::place(ctx, HostTensor::from_data(ctx, data)?)
    }

    /// The elements as data. Waits for the device.
    pub fn to_data(&self) -> Result<TensorData, TensorError> {
        self.to_host()?.to_data()
    }

    /// A tensor of `shape` with these elements, each rounded to `dtype`, row by row. `values` has as many as the shape.
    pub fn from_f64s(ctx: &Context, dtype: DType, shape: &[usize], values: &[f64]) -> Result<Tensor, TensorError> {
        crate::shape::check_rank(shape)?;
        if crate::shape::element_count(shape) != values.len() {
            return Err(TensorError::shape(shape, format!("does not hold {} elements", values.len())));
        }
        let host = with_element!(dtype, T => HostTensor::build(ctx, shape, |out: &mut [T]| {
            for (slot, &value) in out.iter_mut().zip(values) {
                *slot = T::from_f64(value);
            }
            Ok(())
        }))?;
        Tensor::place(ctx, host)
    }

    /// The elements widened to f64, row by row. Whole numbers above 2^53 round. Waits for the device.
    pub fn to_f64s(&self, ctx: &Context) -> Result<Vec<f64>, TensorError> {
        let host = self.to_host()?.packed(ctx)?;
        Ok(with_element!(host.dtype, T => host.slice::<T>().iter().map(|v| v.to_f64()).collect()))
    }

    /// A 0-d f32 tensor (f64 keeps its value to 24 bits).
    pub fn from_scalar(ctx: &Context, value: f64) -> Result<Tensor, TensorError> {
        Tensor::operand(ctx, "value", &Arg::Scalar(value))
    }

    /// A 0-d i64 tensor.
    pub fn from_int(ctx: &Context, value: i64) -> Result<Tensor, TensorError> {
        Tensor::operand(ctx, "value", &Arg::Int(value))
    }

    /// A 0-d bool tensor.
    pub fn from_bool(ctx: &Context, value: bool) -> Result<Tensor, TensorError> {
        Tensor::operand(ctx, "value", &Arg::Bool(value))
    }

    /// The element of a tensor with exactly one, as a number of the language. Waits for the device.
    pub fn item(&self) -> Result<Arg, TensorError> {
        if self.len() != 1 {
            return Err(TensorError::shape(self.shape(), "has no single element"));
        }
        let host = self.to_host()?;
        Ok(match self.dtype() {
            DType::Bool => Arg::Bool(host.single::<Bit>().get()),
            dtype if dtype.is_int() => Arg::Int(with_element!(dtype, T => host.single::<T>().to_i64())),
            dtype => Arg::Scalar(with_element!(dtype, T => host.single::<T>().to_f64())),
        })
    }

    /// Whether this is the only name of the elements, so that an operation may work in place.
    pub fn is_unique(&self) -> bool {
        match &self.place {
            Place::Host(host) => Arc::strong_count(&host.buffer) == 1,
            Place::Gpu(gpu) => gpu.is_unique(),
        }
    }

    /// The elements of a tensor in host memory, row by row; `None` where they lie otherwise or are of another dtype.
    pub fn elements(&self) -> Option<Elements<'_>> {
        let Place::Host(host) = &self.place else { return None };
        match host.dtype {
            DType::F64 => host.as_slice().map(Elements::F64),
            DType::F32 => host.as_slice().map(Elements::F32),
            DType::I64 => host.as_slice().map(Elements::I64),
            _ => None,
        }
    }

    /// The same for writing; `None` as well where the elements have another name. See [`Tensor::owned`].
    pub fn elements_mut(&mut self) -> Option<ElementsMut<'_>> {
        let Place::Host(host) = &mut self.place else { return None };
        match host.dtype {
            DType::F64 => host.as_mut_slice().map(ElementsMut::F64),
            DType::F32 => host.as_mut_slice().map(ElementsMut::F32),
            DType::I64 => host.as_mut_slice().map(ElementsMut::I64),
            _ => None,
        }
    }

    /// This tensor in host memory, row by row, under no other name: itself where it is so already, else a copy.
    pub fn owned(self, ctx: &Context) -> Result<Tensor, TensorError> {
        let packed = matches!(&self.place, Place::Host(host) if host.is_packed());
        if packed && self.is_unique() {
            return Ok(self);
        }
        let host = self.into_host()?.packed(ctx)?;
        let copy = with_element!(host.dtype, T => HostTensor::from_slice::<T>(ctx, &host.shape, host.slice()))?;
        Ok(Tensor::on_host(copy))
    }

    /// An argument as a tensor; numbers become 0-d tensors: ints i64, scalars f32, bools bool.
    pub(crate) fn operand(ctx: &Context, name: &'static str, arg: &Arg) -> Result<Tensor, TensorError> {
        let dtype = match arg {
            Arg::Tensor(tensor) => return Ok(tensor.clone()),
            Arg::Scalar(_) => FLOAT_DEFAULT,
            Arg::Int(_) => DType::I64,
            Arg::Bool(_) => DType::Bool,
            _ => return Err(TensorError::argument(name, "must be a tensor or a number")),
        };
        Ok(Tensor::on_host(Tensor::number(ctx, arg, dtype)?))
    }

    /// Whether a number can be an element of `dtype`: a whole number that does not fit another one is refused.
    pub(crate) fn check_number(arg: &Arg, dtype: DType) -> Result<(), TensorError> {
        match arg {
            Arg::Int(i) if dtype.is_int() && with_element!(dtype, T => T::from_i64(*i).to_i64() != *i) => {
                Err(TensorError::argument("value", format!("{i} does not fit {dtype}")))
            }
            _ => Ok(()),
        }
    }

    /// A number of the language as a 0-d host tensor of `dtype`.
    pub(crate) fn number(ctx: &Context, arg: &Arg, dtype: DType) -> Result<HostTensor, TensorError> {
        Tensor::check_number(arg, dtype)?;
        with_element!(dtype, T => {
            let value = match arg {
                Arg::Bool(b) => T::from_i64(i64::from(*b)),
                Arg::Int(i) => T::from_i64(*i),
                Arg::Scalar(s) => T::from_f64(*s),
                _ => return Err(TensorError::argument("value", "must be a number")),
            };
            HostTensor::from_slice(ctx, &[], &[value])
        })
    }

    /// A tensor that stays in host memory.
    pub(crate) fn on_host(host: HostTensor) -> Tensor {
        Tensor { place: Place::Host(host) }
    }

    /// A tensor that is on the graphics processor.
    pub(crate) fn on_gpu(gpu: GpuTensor) -> Tensor {
        Tensor { place: Place::Gpu(gpu) }
    }

    /// Puts a result that was made in host memory where the context wants it: what a GPU can hold goes up to it.
    pub(crate) fn place(ctx: &Context, host: HostTensor) -> Result<Tensor, TensorError> {
        if let Some(runtime) = ctx.device().runtime()?
            && let Some(gpu) = GpuTensor::upload(ctx, runtime, &host)?
        {
            return Ok(Tensor::on_gpu(gpu));
        }
        Ok(Tensor::on_host(host))
    }

    /// This tensor where the context wants it, if it is still in host memory.
    pub(crate) fn settled(self, ctx: &Context) -> Result<Tensor, TensorError> {
        match self.place {
            Place::Host(host) => Tensor::place(ctx, host),
            Place::Gpu(_) => Ok(self),
        }
    }

    /// The elements on the graphics processor, where they are there already.
    pub(crate) fn as_gpu(&self) -> Option<&GpuTensor> {
        match &self.place {
            Place::Gpu(gpu) => Some(gpu),
            Place::Host(_) => None,
        }
    }

    /// The elements in host memory. Waits for the device.
    pub(crate) fn to_host(&self) -> Result<HostTensor, TensorError> {
        match &self.place {
            Place::Host(host) => Ok(host.clone()),
            Place::Gpu(gpu) => gpu.clone().download(),
        }
    }

    /// As [`Tensor::to_host`], giving up this name's claim to the elements.
    pub(crate) fn into_host(self) -> Result<HostTensor, TensorError> {
        match self.place {
            Place::Host(host) => Ok(host),
            Place::Gpu(gpu) => gpu.download(),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {}{:?} on {}", self.dtype(), self.shape(), self.device())
    }
}
