//! Devices: where tensors live and operations run.
//!
//! Nothing here is started by naming it. The graphics driver is asked once, when someone lists the devices, wants the
//! GPU, or lets the machine choose; with the CPU chosen it is never touched.

mod probe;

use std::fmt;

use nexus_model::{DeviceInfo, DeviceKind};

use crate::TensorError;
use crate::gpu;

/// A place where tensors live and operations run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    kind: DeviceKind,
}

impl Device {
    /// The processor cores.
    pub const fn cpu() -> Device {
        Device { kind: DeviceKind::Cpu }
    }

    /// The graphics processor, started where it was not yet. A software Vulkan device will do: it was asked for. The
    /// error says what was looked for and what to do.
    pub fn gpu() -> Result<Device, TensorError> {
        gpu::runtime()?;
        Ok(Device { kind: DeviceKind::Gpu })
    }

    /// What the machine does best: a hardware GPU where there is one that starts, else the CPU. A software Vulkan device
    /// is slower than the CPU that it runs on, and is never chosen.
    pub fn best() -> Device {
        match adapter() {
            Ok(adapter) if !adapter.software => Device::gpu().unwrap_or(Device::cpu()),
            _ => Device::cpu(),
        }
    }

    /// The graphics processor, for tensors that are on it.
    pub(crate) const fn started_gpu() -> Device {
        Device { kind: DeviceKind::Gpu }
    }

    /// Its kind.
    pub const fn kind(self) -> DeviceKind {
        self.kind
    }

    /// Kind and name, for people: `2 threads, avx512`.
    pub fn info(self) -> DeviceInfo {
        match self.kind {
            DeviceKind::Cpu => DeviceInfo { kind: DeviceKind::Cpu, name: cpu_name() },
            DeviceKind::Gpu => {
                let name = adapter().map_or_else(|_| "gpu".to_owned(), |adapter| adapter.name.clone());
                DeviceInfo { kind: DeviceKind::Gpu, name }
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())
    }
}

/// The devices of this machine, the CPU first. Asks the graphics driver, but starts nothing.
pub fn devices() -> Vec<DeviceInfo> {
    let gpu = adapter().ok().map(|adapter| DeviceInfo { kind: DeviceKind::Gpu, name: adapter.name.clone() });
    [Device::cpu().info()].into_iter().chain(gpu).collect()
}

pub(crate) use probe::adapter;

fn cpu_name() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = if threads == 1 { "" } else { "s" };
    format!("{threads} thread{plural}, {}", vector_instructions())
}

/// The widest vector instructions, by their common name.
#[cfg(target_arch = "x86_64")]
fn vector_instructions() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse2"
    }
}

/// The widest vector instructions, by their common name.
#[cfg(not(target_arch = "x86_64"))]
fn vector_instructions() -> &'static str {
    if cfg!(target_arch = "aarch64") { "neon" } else { "scalar" }
}
