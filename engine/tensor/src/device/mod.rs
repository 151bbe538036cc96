//! Devices: where tensors live and operations run.
//!
//! Nothing here is started by naming it. The graphics driver is asked once, when someone lists the devices, wants the
//! GPU, or lets the machine choose; with the CPU chosen it is never touched.

mod speed;

use std::fmt;
use std::sync::OnceLock;

use nexus_gpu::{Adapter, adapters, kept_speed};
use nexus_model::{DeviceInfo, DeviceKind};

use crate::gpu;
#[cfg(target_arch = "x86_64")]
use crate::host::vectors::{Width, widest};
use crate::{DType, TensorError};

pub use speed::{measured_product_speed, measured_speed};

/// A place where tensors live and operations run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    kind: DeviceKind,
    /// Whether its tensors are Burn's: always on a GPU, on the CPU where that was asked for.
    burn: bool,
}

impl Device {
    /// The processor cores.
    pub const fn cpu() -> Device {
        Device { kind: DeviceKind::Cpu, burn: false }
    }

    /// The processor cores through Burn's own backend for them, `flex`, operation by operation: a second opinion on the
    /// engine's kernels, which are faster, and on Burn's for graphics processors, with which it shares every call.
    pub fn flex() -> Result<Device, TensorError> {
        gpu::flex().map(gpu::Runtime::device)
    }

    /// The processor cores as this process is told to use them: [`Device::cpu`], or [`Device::flex`] where the variable
    /// `NEXUS_CPU` is `flex`.
    pub fn processor() -> Result<Device, TensorError> {
        static ASKED: OnceLock<bool> = OnceLock::new();
        let flex = *ASKED.get_or_init(|| std::env::var_os("NEXUS_CPU").is_some_and(|value| value == "flex"));
        if flex { Device::flex() } else { Ok(Device::cpu()) }
    }

    /// The graphics processor, started where it was not yet. A software Vulkan device will do: it was asked for. The
    /// error says what was looked for and what to do.
    pub fn gpu() -> Result<Device, TensorError> {
        gpu::runtime().map(gpu::Runtime::device)
    }

    /// What the machine does best: a hardware GPU where there is one that starts and was not measured slower than the CPU in
    /// every way, else the CPU. A software Vulkan device is slower than the CPU that it runs on, and is never chosen; where
    /// no hardware can be, no driver is asked. It measures nothing: [`measured_speed`] does.
    pub fn best() -> Device {
        Device::choose().0
    }

    /// As [`Device::best`], with the reason where a hardware GPU is there and could not be started. The caller says so:
    /// nobody should wait for the CPU believing that it is the GPU.
    pub fn choose() -> (Device, Option<TensorError>) {
        if !graphics_may_exist() {
            return (Device::cpu(), None);
        }
        let is_worth = |gpu| speed::is_worth_choosing(kept_speed(gpu), kept_speed(&cpu_name()));
        match adapter() {
            Ok(adapter) if !adapter.software && is_worth(&adapter.name) => match Device::gpu() {
                Ok(gpu) => (gpu, None),
                Err(reason) => (Device::cpu(), Some(reason)),
            },
            _ => (Device::cpu(), None),
        }
    }

    /// The graphics processor, for the runtime that starts it.
    pub(crate) const fn unstarted_gpu() -> Device {
        Device { kind: DeviceKind::Gpu, burn: true }
    }

    /// The processor cores through Burn, for the runtime that starts it.
    pub(crate) const fn unstarted_flex() -> Device {
        Device { kind: DeviceKind::Cpu, burn: true }
    }

    /// Whether its tensors are Burn's.
    pub(crate) const fn is_burn(self) -> bool {
        self.burn
    }

    /// What runs its tensors where they are Burn's. It was started when the device was made.
    pub(crate) fn runtime(self) -> Result<Option<&'static gpu::Runtime>, TensorError> {
        match (self.burn, self.kind) {
            (false, _) => Ok(None),
            (true, DeviceKind::Cpu) => gpu::flex().map(Some),
            (true, DeviceKind::Gpu) => gpu::runtime().map(Some),
        }
    }

    /// Its kind.
    pub const fn kind(self) -> DeviceKind {
        self.kind
    }

    /// Its name, for people: `2 threads, avx512` or `NVIDIA H100 80GB HBM3 (vulkan)`.
    pub fn name(self) -> String {
        match self.kind {
            DeviceKind::Cpu if self.burn => format!("{}, through Burn flex", cpu_name()),
            DeviceKind::Cpu => cpu_name(),
            DeviceKind::Gpu => adapter().map_or_else(|_| "gpu".to_owned(), |adapter| adapter.name.clone()),
        }
    }

    /// Kind and name, for people: `2 threads, avx512`.
    pub fn info(self) -> DeviceInfo {
        DeviceInfo { kind: self.kind, name: self.name() }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.burn && self.kind == DeviceKind::Cpu { "flex" } else { self.kind.name() })
    }
}

/// The devices of this machine, the CPU first, then every graphics adapter, the best first. Asks the graphics driver
/// where one is installed, but starts nothing.
pub fn devices() -> Vec<DeviceInfo> {
    let gpus = adapters().iter().map(|adapter| DeviceInfo { kind: DeviceKind::Gpu, name: adapter.name.clone() });
    [Device::cpu().info()].into_iter().chain(gpus).collect()
}

/// The dtypes whose tensors live on devices of a kind, the widest first. On a graphics processor's context those of the others
/// stay in host memory and are computed there: WGSL has no f64 and no portable i64, and f16 and bf16 are not everywhere.
pub const fn dtypes_on(kind: DeviceKind) -> &'static [DType] {
    match kind {
        DeviceKind::Cpu => &DType::ALL,
        DeviceKind::Gpu => &[DType::F32, DType::I32, DType::Bool],
    }
}

/// The devices that [`Device::best`] chooses from: [`devices`] without those that compute on the CPU. Where the machine
/// has no graphics processor no driver is asked.
pub fn hardware_devices() -> Vec<DeviceInfo> {
    let adapters = if graphics_may_exist() { adapters() } else { &[] };
    let gpus = adapters.iter().filter(|adapter| !adapter.software);
    let gpus = gpus.map(|adapter| DeviceInfo { kind: DeviceKind::Gpu, name: adapter.name.clone() });
    [Device::cpu().info()].into_iter().chain(gpus).collect()
}

/// Whether this machine may have a graphics processor. Asks no driver, and looks once in a process: every task asks.
pub fn graphics_may_exist() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| nexus_gpu::hardware_may_exist() && nexus_gpu::may_exist())
}

/// The best graphics adapter of this machine.
pub(crate) fn adapter() -> Result<&'static Adapter, TensorError> {
    adapters().first().ok_or_else(|| TensorError::NoGpu { looked_for: nexus_gpu::MISSING.to_owned() })
}

fn cpu_name() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if threads == 1 { "" } else { "s" };
    format!("{threads} thread{plural}, {}", vector_instructions())
}

/// The widest vector instructions that loops use, by their common name.
#[cfg(target_arch = "x86_64")]
fn vector_instructions() -> &'static str {
    match widest() {
        Width::Wide => "avx512",
        Width::Usual if std::arch::is_x86_feature_detected!("avx2") => "avx2",
        Width::Usual | Width::Baseline => "sse2",
    }
}

/// The widest vector instructions, by their common name.
#[cfg(not(target_arch = "x86_64"))]
fn vector_instructions() -> &'static str {
    if cfg!(target_arch = "aarch64") { "neon" } else { "scalar" }
}
