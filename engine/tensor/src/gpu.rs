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
//! Burn panics where a driver fails or a kernel does not compile. Every call goes through [`contain`], which turns a
//! panic into [`TensorError::Device`]; the tensors that it touched are values and are dropped with it. Products and
//! reductions choose among kernels by measuring them on the first call of each class of shapes. On a software device
//! that takes seconds; `CUBECL_AUTOTUNE_LEVEL=minimal` shortens it, and products stay on the host there
//! ([`Runtime::multiplies`]).

mod compare;
mod elementwise;
mod layout;
mod operand;
mod reduce;
mod tensor;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Once, OnceLock};

use burn_backend::{BoolDType, DeviceOps};
use burn_dispatch::DispatchDevice;
use burn_dispatch::devices::CubeDevice;
use burn_dispatch::devices::wgpu::{AutoGraphicsApi, RuntimeOptions, try_init_setup};

pub(crate) use layout::Piece;
pub(crate) use operand::Pair;
pub(crate) use tensor::GpuTensor;

use crate::device::{Adapter, adapter};
use crate::{DType, TensorError};

/// The started device of this process.
#[derive(Debug)]
pub(crate) struct Runtime {
    device: DispatchDevice,
    adapter: &'static Adapter,
    /// How the device stores truth values: WGSL needs a word for each.
    bools: BoolDType,
}

impl Runtime {
    /// Whether a tensor of `elements` of `dtype` can be on the device. Burn has no empty buffers, and a kernel binds one
    /// buffer whole.
    pub(crate) fn holds(&self, dtype: DType, elements: usize) -> bool {
        let kept = matches!(dtype, DType::F32 | DType::I32 | DType::Bool);
        kept && elements > 0 && elements as u64 <= self.adapter.buffer_bytes_max / DEVICE_BYTES
    }

    /// Whether matrix products are done on the device. On a software one the host is faster by far, and choosing a
    /// kernel would take seconds for each class of shapes; `NEXUS_GPU_PRODUCTS=1` asks for them all the same, so that
    /// they can be tested without hardware.
    pub(crate) fn multiplies(&self) -> bool {
        static ASKED: OnceLock<bool> = OnceLock::new();
        !self.adapter.software
            || *ASKED.get_or_init(|| std::env::var_os("NEXUS_GPU_PRODUCTS").is_some_and(|value| value == "1"))
    }
}

/// Bytes of one element on the device, whatever its dtype.
const DEVICE_BYTES: u64 = 4;

/// The graphics processor, started on the first call.
pub(crate) fn runtime() -> Result<&'static Runtime, TensorError> {
    static STARTED: OnceLock<Result<Runtime, TensorError>> = OnceLock::new();
    STARTED.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Runtime, TensorError> {
    let adapter = adapter()?;
    contain(|| try_init_setup::<AutoGraphicsApi>(&adapter.device, RuntimeOptions::default()))?
        .map_err(|error| failed(error.to_string()))?;
    let device = DispatchDevice::Cube(CubeDevice::Wgpu(adapter.device.clone()));
    let bools = contain(|| device.defaults().bool_dtype)?;
    Ok(Runtime { device, adapter, bools })
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call into Burn; a panic becomes an error.
///
/// This is the one place where panics are caught. Burn reports a lost device, memory that ran out and kernels that do
/// not compile by panicking, and a program that could go on with the CPU must not die of them. What the call captured is
/// handed over or cloned, so nothing half-changed is seen afterwards.
fn contain<T>(call: impl FnOnce() -> T) -> Result<T, TensorError> {
    keep_quiet();
    let outer = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    CONTAINED.set(outer);
    result.map_err(|panic| failed(reason(panic.as_ref())))
}

/// Keeps contained panics of the calling thread off the standard error stream: they are reported as errors. All others
/// go to the hook that was there before.
fn keep_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                before(panic);
            }
        }));
    });
}

/// What a panic said: its first line, for people.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
    line.unwrap_or("the driver gave no reason").trim().to_owned()
}

fn failed(problem: String) -> TensorError {
    let device = adapter().map_or("gpu", |adapter| adapter.name.as_str()).to_owned();
    TensorError::Device { device, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_driver_becomes_an_error() {
        let error = contain(|| -> () { panic!("\n  device lost\nat line 7") }).unwrap_err();
        let TensorError::Device { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(problem, "device lost");
        assert_eq!(error.help(), "run with `--device cpu`");
        assert_eq!(contain(|| 3).unwrap(), 3);
    }

    #[test]
    fn a_panic_inside_a_contained_call_leaves_the_outer_one_contained() {
        let outer = contain(|| {
            let inner = contain(|| -> () { std::panic::panic_any(7u8) });
            assert!(inner.unwrap_err().to_string().ends_with("the driver gave no reason"));
            CONTAINED.get()
        });
        assert!(outer.unwrap());
        assert!(!CONTAINED.get());
    }
}
