//! Looking for graphics adapters, without starting any: Burn panics where there is none, so it is asked only after one
//! was seen here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use burn_backend::read_sync;
use burn_dispatch::devices::WgpuDeviceKind;
use burn_dispatch::devices::wgpu::{WgpuBackend, WgpuDevice, wgpu};

use crate::TensorError;

/// A graphics adapter that was found.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    /// For people: `NVIDIA H100 80GB HBM3 (vulkan)`.
    pub(crate) name: String,
    /// Whether it computes on the CPU.
    pub(crate) software: bool,
    /// How Burn is asked for it.
    pub(crate) device: WgpuDevice,
}

/// The best adapter of this machine; looked for once in a process.
pub(crate) fn adapter() -> Result<&'static Adapter, TensorError> {
    static FOUND: OnceLock<Result<Adapter, TensorError>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}

/// The graphics interfaces that Burn computes through, with their names.
const INTERFACES: [(wgpu::Backends, WgpuBackend, &str); 3] = [
    (wgpu::Backends::METAL, WgpuBackend::Metal, "metal"),
    (wgpu::Backends::VULKAN, WgpuBackend::Vulkan, "vulkan"),
    (wgpu::Backends::DX12, WgpuBackend::Dx12, "dx12"),
];

fn find() -> Result<Adapter, TensorError> {
    let mut best: Option<(u8, Adapter)> = None;
    for (backends, backend, interface) in INTERFACES {
        for (rank, kind, name) in list(backends) {
            let adapter = Adapter {
                name: format!("{name} ({interface})"),
                software: rank == SOFTWARE,
                device: WgpuDevice { kind, backend },
            };
            if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                best = Some((rank, adapter));
            }
        }
    }
    best.map(|(_, adapter)| adapter).ok_or_else(|| TensorError::NoGpu {
        looked_for: "neither Vulkan nor Metal nor DirectX 12 has an adapter on this machine".to_owned(),
    })
}

/// The rank of adapters that compute on the CPU: the last.
const SOFTWARE: u8 = 4;

/// The adapters of an interface: rank (smaller is better), how Burn names it, and its name. A driver that panics while
/// it is asked counts as none.
fn list(backends: wgpu::Backends) -> Vec<(u8, WgpuDeviceKind, String)> {
    let ask = || {
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        let instance = wgpu::Instance::new(descriptor);
        let adapters = read_sync(instance.enumerate_adapters(backends));
        adapters.iter().map(wgpu::Adapter::get_info).collect::<Vec<_>>()
    };
    let adapters = catch_unwind(AssertUnwindSafe(ask)).unwrap_or_default();
    // Burn counts adapters of each type from 0.
    let mut seen = [0usize; 4];
    let mut next = |i: usize| {
        seen[i] += 1;
        seen[i] - 1
    };
    let each = adapters.into_iter().map(|info| {
        let (rank, kind) = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => (0, WgpuDeviceKind::DiscreteGpu(next(0))),
            wgpu::DeviceType::IntegratedGpu => (1, WgpuDeviceKind::IntegratedGpu(next(1))),
            wgpu::DeviceType::VirtualGpu => (2, WgpuDeviceKind::VirtualGpu(next(2))),
            wgpu::DeviceType::Other => (3, WgpuDeviceKind::Other(next(3))),
            wgpu::DeviceType::Cpu => (SOFTWARE, WgpuDeviceKind::Cpu),
        };
        (rank, kind, info.name)
    });
    each.collect()
}
