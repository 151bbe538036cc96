//! The graphics processor, through Burn's dispatch layer over wgpu: what is done there, and how failures are contained.
//!
//! f32, i32 and bool tensors live there. f64 and i64 do not: WGSL has no f64 and no portable i64, Metal has no f64 at
//! all, and f16 and bf16 are not everywhere. Tensors of those dtypes stay in host memory on a GPU's context too and give
//! exact results. What has no method here is done on the host: the tensor comes down once, the result goes up again,
//! and the meter counts both. Nothing here decides dtypes; that is `dispatch`.
//!
//! Operations queue, and neighbours fuse into one kernel; the queue runs when a result is read, so a chain of them
//! synchronises once. Products are computed in f32, never in a shorter format. Elementary functions have the accuracy of
//! the device's own: exp and log some units in the last place, tanh and erf absolute errors of 1e-6; sums add in f32
//! in the device's order. Those whose error the standard leaves too wide (sin, cos, pow, expm1 and their like) are done
//! on the host.
//!
//! Burn panics where a driver fails or a kernel does not compile. Every call goes through `nexus_gpu`, which turns a
//! panic into [`TensorError::Device`]; the tensors that it touched are values and are dropped with it. Products and
//! reductions choose among kernels by measuring them on the first call of each class of shapes. On a software device
//! that takes seconds; `CUBECL_AUTOTUNE_LEVEL=minimal` shortens it, and products stay on the host there
//! ([`Runtime::multiplies`]).

mod compare;
mod compensated;
mod elementwise;
mod layout;
mod operand;
mod reduce;
mod tensor;

use std::sync::OnceLock;

use nexus_gpu::{Adapter, Queue};
use nexus_model::DeviceKind;

pub(crate) use layout::Piece;
pub(crate) use operand::Pair;
pub(crate) use tensor::GpuTensor;

use crate::device::{Device, adapter, dtypes_on};
use crate::{DType, TensorError};

/// A started device of Burn. There is one of each kind in a process, and tensors know theirs.
#[derive(Debug)]
pub(crate) struct Runtime {
    queue: Queue,
    device: Device,
    /// `None` for Burn's own backend for the processor cores.
    adapter: Option<&'static Adapter>,
    /// Whether its sums are carried out as they are written, once that was tried.
    exact: OnceLock<bool>,
}

impl Runtime {
    /// Whether a tensor of `elements` of `dtype` can be on the device. Burn has no empty buffers, and a kernel binds one
    /// buffer whole.
    pub(crate) fn holds(&self, dtype: DType, elements: usize) -> bool {
        let kept = dtypes_on(DeviceKind::Gpu).contains(&dtype);
        let most = self.adapter.map_or(u64::MAX, |adapter| adapter.buffer_bytes_max);
        kept && elements > 0 && elements as u64 <= most / DEVICE_BYTES
    }

    /// The device that it runs.
    pub(crate) const fn device(&self) -> Device {
        self.device
    }

    /// Whether the device follows `elements` along an axis to their end: Mesa's software driver leaves every loop of a
    /// kernel after 65,535 rounds (`LP_MAX_TGSI_LOOP_ITERATIONS` of its compiler), whatever is left to do, and says nothing.
    pub(crate) fn follows(&self, elements: usize) -> bool {
        elements <= SOFTWARE_LOOP_MAX || self.adapter.is_none_or(|adapter| !adapter.software)
    }

    /// Whether matrix products are done on the device. On a software one the host is faster by far, and choosing a
    /// kernel would take seconds for each class of shapes; `NEXUS_GPU_PRODUCTS=1` asks for them all the same, so that
    /// they can be tested without hardware.
    pub(crate) fn multiplies(&self) -> bool {
        static ASKED: OnceLock<bool> = OnceLock::new();
        self.adapter.is_none_or(|adapter| !adapter.software)
            || *ASKED.get_or_init(|| std::env::var_os("NEXUS_GPU_PRODUCTS").is_some_and(|value| value == "1"))
    }
}

/// Longest axis that a software device walks along.
const SOFTWARE_LOOP_MAX: usize = 65_000;
/// Bytes of one element on the device, whatever its dtype.
const DEVICE_BYTES: u64 = 4;

/// The graphics processor, started on the first call.
pub(crate) fn runtime() -> Result<&'static Runtime, TensorError> {
    static STARTED: OnceLock<Result<Runtime, TensorError>> = OnceLock::new();
    STARTED.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Runtime, TensorError> {
    let adapter = adapter()?;
    let queue = nexus_gpu::start(adapter).map_err(|error| failed(error.reason))?;
    Ok(Runtime { queue, device: Device::unstarted_gpu(), adapter: Some(adapter), exact: OnceLock::new() })
}

/// Burn's backend for the processor cores, started on the first call.
pub(crate) fn flex() -> Result<&'static Runtime, TensorError> {
    static STARTED: OnceLock<Result<Runtime, TensorError>> = OnceLock::new();
    let start = || {
        let queue = nexus_gpu::start_flex().map_err(|error| failed(error.reason))?;
        Ok(Runtime { queue, device: Device::unstarted_flex(), adapter: None, exact: OnceLock::new() })
    };
    STARTED.get_or_init(start).as_ref().map_err(Clone::clone)
}

/// Runs a call into Burn; a panic becomes an error.
fn contain<T>(call: impl FnOnce() -> T) -> Result<T, TensorError> {
    nexus_gpu::contain(call).map_err(|error| failed(error.reason))
}

fn failed(problem: String) -> TensorError {
    let device = adapter().map_or("gpu", |adapter| adapter.name.as_str()).to_owned();
    TensorError::Device { device, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_fails_is_an_error_with_a_way_out() {
        let error = contain(|| -> () { panic!("\n  device lost\nat line 7") }).unwrap_err();
        let TensorError::Device { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(problem, "device lost");
        assert_eq!(error.help(), "run with `--device cpu`");
    }
}
