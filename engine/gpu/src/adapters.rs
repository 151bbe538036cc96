//! Looking for graphics adapters, without starting any: Burn panics where there is none, so it is asked only after one
//! was seen here. It happens once in a process, and only when someone asks for a GPU or lists the devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use burn_backend::read_sync;
use burn_dispatch::devices::WgpuDeviceKind;
use burn_dispatch::devices::wgpu::{WgpuBackend, WgpuDevice, wgpu};

use crate::driver;

/// A graphics adapter that was found.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// For people: `NVIDIA H100 80GB HBM3 (vulkan)`.
    pub name: String,
    /// Whether it computes on the CPU.
    pub software: bool,
    /// How Burn is asked for it.
    pub(crate) device: WgpuDevice,
    /// Bytes of the largest buffer that a kernel can see.
    pub buffer_bytes_max: u64,
    /// Smaller is better.
    rank: u8,
}

/// The adapters of this machine, the best first; looked for once in a process.
pub fn adapters() -> &'static [Adapter] {
    static FOUND: OnceLock<Vec<Adapter>> = OnceLock::new();
    FOUND.get_or_init(find)
}

/// The graphics interface that Burn computes through on this system, with its name.
#[cfg(target_os = "macos")]
const INTERFACE: (wgpu::Backends, WgpuBackend, &str) = (wgpu::Backends::METAL, WgpuBackend::Metal, "metal");
/// The graphics interface that Burn computes through on this system, with its name.
#[cfg(windows)]
const INTERFACE: (wgpu::Backends, WgpuBackend, &str) = (wgpu::Backends::DX12, WgpuBackend::Dx12, "dx12");
/// The graphics interface that Burn computes through on this system, with its name.
#[cfg(not(any(target_os = "macos", windows)))]
const INTERFACE: (wgpu::Backends, WgpuBackend, &str) = (wgpu::Backends::VULKAN, WgpuBackend::Vulkan, "vulkan");

fn find() -> Vec<Adapter> {
    if !driver::may_exist() {
        return Vec::new();
    }
    let (backends, backend, interface) = INTERFACE;
    // A driver that panics while it is asked counts as none.
    let mut found = catch_unwind(AssertUnwindSafe(|| list(backends, backend, interface))).unwrap_or_default();
    found.sort_by_key(|adapter| adapter.rank);
    found
}

/// The adapters of an interface, in the driver's order.
fn list(backends: wgpu::Backends, backend: WgpuBackend, interface: &str) -> Vec<Adapter> {
    // Kept for the life of the process: the Vulkan loader crashes where instances come and go on several threads.
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    let instance = INSTANCE.get_or_init(|| {
        let rest = wgpu::InstanceDescriptor::new_without_display_handle();
        wgpu::Instance::new(wgpu::InstanceDescriptor { backends, ..rest })
    });
    // Burn counts the adapters of each type from 0.
    let mut seen = [0usize; 4];
    let mut next = |rank: usize| {
        seen[rank] += 1;
        seen[rank] - 1
    };
    let adapters = read_sync(instance.enumerate_adapters(backends));
    let each = adapters.iter().map(|adapter| {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let (rank, kind) = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => (0, WgpuDeviceKind::DiscreteGpu(next(0))),
            wgpu::DeviceType::IntegratedGpu => (1, WgpuDeviceKind::IntegratedGpu(next(1))),
            wgpu::DeviceType::VirtualGpu => (2, WgpuDeviceKind::VirtualGpu(next(2))),
            wgpu::DeviceType::Other => (3, WgpuDeviceKind::Other(next(3))),
            wgpu::DeviceType::Cpu => (4, WgpuDeviceKind::Cpu),
        };
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let note = if software { ", software" } else { "" };
        Adapter {
            name: format!("{} ({interface}{note})", info.name),
            software,
            device: WgpuDevice::new(kind).on(backend),
            buffer_bytes_max: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
            rank,
        }
    });
    each.collect()
}
