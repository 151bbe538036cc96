//! A tensor on the graphics processor: Burn's handle, our shape, and the memory it was admitted with.

use std::sync::Arc;

use nexus_gpu::{BoolStore, BurnType, Dispatch, Primitive, Shape as BurnShape, TensorData as BurnData};

use super::{DEVICE_BYTES, Runtime, contain, failed};
use crate::buffer::Buffer;
use crate::host::HostTensor;
use crate::host::copy::gathered_bytes;
use crate::meter::Charge;
use crate::shape::{Shape, element_count};
use crate::{Context, DType, TensorError};

/// A tensor of f32, i32 or bool with at least one element, on a device of Burn.
#[derive(Debug, Clone)]
pub(crate) struct GpuTensor {
    handle: Primitive,
    /// The device that holds it.
    pub(crate) runtime: &'static Runtime,
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    charge: Arc<Charge>,
}

/// The shape as Burn has it: a 0-d tensor has one axis of size 1 there.
pub(super) fn device_shape(shape: &[usize]) -> BurnShape {
    if shape.is_empty() { BurnShape::from([1usize]) } else { BurnShape::from(shape.iter().copied()) }
}

impl GpuTensor {
    /// Copies a host tensor up. `None` where the device cannot hold it.
    pub(crate) fn upload(
        ctx: &Context,
        runtime: &'static Runtime,
        host: &HostTensor,
    ) -> Result<Option<GpuTensor>, TensorError> {
        if !runtime.holds(host.dtype, host.len()) {
            return Ok(None);
        }
        let bytes = packed_bytes(host);
        let charge = ctx.meter().admit(host.len() as u64 * DEVICE_BYTES)?;
        ctx.meter().count_upload(bytes.len());
        let shape = device_shape(&host.shape);
        let call = || match host.dtype {
            DType::F32 => {
                Dispatch::float_from_data(BurnData::from_bytes_vec(bytes, shape, BurnType::F32), &runtime.queue)
            }
            DType::I32 => {
                Dispatch::int_from_data(BurnData::from_bytes_vec(bytes, shape, BurnType::I32), &runtime.queue)
            }
            _ => {
                let stored = BurnType::from(runtime.queue.bools);
                let bytes = if stored.size() == 1 { bytes } else { widened(&bytes) };
                Dispatch::bool_from_data(BurnData::from_bytes_vec(bytes, shape, stored), &runtime.queue)
            }
        };
        let handle = contain(call)?;
        Ok(Some(GpuTensor { handle, runtime, dtype: host.dtype, shape: host.shape.clone(), charge: Arc::new(charge) }))
    }

    /// Copies the elements down. Waits for everything that they depend on.
    pub(crate) fn download(self) -> Result<HostTensor, TensorError> {
        let (meter, dtype, shape) = (Arc::clone(self.charge.meter()), self.dtype, self.shape.clone());
        let primitive = self.take();
        let read = contain(|| match dtype {
            DType::F32 => Dispatch::float_into_data(primitive),
            DType::I32 => Dispatch::int_into_data(primitive),
            _ => Dispatch::bool_into_data(primitive),
        })?;
        let data = read.map_err(failed)?;
        meter.count_download(data.bytes().len());
        let buffer = match data.dtype() {
            BurnType::Bool(BoolStore::U32) => Buffer::from_slice(&meter, &narrowed(data.bytes()))?,
            _ => Buffer::from_slice::<u8>(&meter, data.bytes())?,
        };
        if buffer.as_slice::<u8>().len() != element_count(&shape) * dtype.size() {
            return Err(failed(format!("it gave {} bytes for a {dtype} tensor {shape:?}", data.bytes().len())));
        }
        Ok(HostTensor::from_buffer(dtype, &shape, buffer))
    }

    /// Whether nobody else holds the elements.
    pub(crate) fn is_unique(&self) -> bool {
        Arc::strong_count(&self.charge) == 1
    }

    /// Number of axes.
    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        element_count(&self.shape)
    }

    /// Burn's handle for a call that uses it up; the memory is used again where nobody else holds it.
    pub(super) fn take(self) -> Primitive {
        self.handle
    }

    /// A result of `dtype` and `shape`, with its memory admitted before the call is queued. `None` where the device could
    /// not hold it.
    pub(super) fn result(
        ctx: &Context,
        runtime: &'static Runtime,
        dtype: DType,
        shape: Shape,
        call: impl FnOnce() -> Primitive,
    ) -> Result<Option<GpuTensor>, TensorError> {
        ctx.poll()?;
        let elements = ctx.measure(dtype, &shape)?;
        if !runtime.holds(dtype, elements) {
            return Ok(None);
        }
        let charge = ctx.meter().admit(elements as u64 * DEVICE_BYTES)?;
        let handle = contain(call)?;
        Ok(Some(GpuTensor { handle, runtime, dtype, shape, charge: Arc::new(charge) }))
    }
}

/// The elements as bytes, row-major.
fn packed_bytes(host: &HostTensor) -> Vec<u8> {
    if !host.is_packed() {
        return gathered_bytes(host);
    }
    let size = host.dtype.size();
    host.buffer.as_slice::<u8>()[host.offset * size..(host.offset + host.len()) * size].to_vec()
}

/// Truth values as words.
fn widened(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| u32::from(byte != 0).to_ne_bytes()).collect()
}

/// Words as truth values.
fn narrowed(words: &[u8]) -> Vec<u8> {
    words.as_chunks::<4>().0.iter().map(|word| u8::from(u32::from_ne_bytes(*word) != 0)).collect()
}
