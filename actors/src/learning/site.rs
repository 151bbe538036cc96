//! The machine that a process runs on, as the optimiser sees it.
//!
//! Speeds are assumed; what the optimiser learns corrects them, for all machines of one class of hardware together.

use nexus_model::{DeviceInfo, DeviceKind};
use nexus_optimizer::{Device, Machine};

/// Memory of a machine that does not say how much it has: nothing is left out for it.
const MEMORY_UNKNOWN: f64 = 1e15;
/// Floating-point operations in f32 that a thread does in a second, by the vectors of its processor: products reach them.
const THREAD_FLOPS: [(&str, f64); 3] = [("avx512", 9e10), ("avx2", 5e10), ("neon", 5e10)];
/// The same of others.
const PLAIN_FLOPS: f64 = 1e10;
/// Bytes that a thread draws from memory in a second.
const THREAD_BANDWIDTH: f64 = 1.5e10;
/// An ordinary discrete or integrated graphics processor, before anything was measured.
const GPU_FLOPS: f64 = 4e12;
const GPU_BANDWIDTH: f64 = 2e11;
const GPU_LAUNCH_S: f64 = 3e-5;
const GPU_TRANSFER: f64 = 6e9;

/// This machine, with these devices and so much memory for tasks; 0 where that is not known. Asks no graphics driver.
pub fn machine(devices: &[DeviceInfo], memory_bytes: u64) -> Machine {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = u32::try_from(threads).unwrap_or(u32::MAX);
    let memory = if memory_bytes == 0 { MEMORY_UNKNOWN } else { memory_bytes as f64 };
    let graphics = devices.iter().find(|device| device.kind == DeviceKind::Gpu);
    let vectors = devices.iter().find(|device| device.kind == DeviceKind::Cpu).map_or("", |cpu| cpu.name.as_str());
    let mut hardware = format!("{} · {vectors}", processor());
    if let Some(gpu) = graphics {
        hardware = format!("{hardware} · {}", gpu.name);
    }
    let flops = THREAD_FLOPS.iter().find(|(name, _)| vectors.contains(name)).map_or(PLAIN_FLOPS, |(_, flops)| *flops);
    let mut machine = Machine::ordinary(&hardware, threads, memory).with_threads_of(flops, THREAD_BANDWIDTH);
    machine.gpu = graphics.map(|_| Device {
        flops: GPU_FLOPS,
        bandwidth: GPU_BANDWIDTH,
        launch_s: GPU_LAUNCH_S,
        memory_bytes: memory,
        transfer: GPU_TRANSFER,
    });
    machine
}

/// The processor's model, as the system calls it.
fn processor() -> String {
    model().unwrap_or_else(|| format!("{} {}", std::env::consts::OS, std::env::consts::ARCH))
}

#[cfg(target_os = "macos")]
fn model() -> Option<String> {
    let output =
        std::process::Command::new("/usr/sbin/sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

#[cfg(not(target_os = "macos"))]
fn model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?;
    Some(name.trim().to_owned())
}
