//! The machine that a process runs on, as the optimiser sees it.
//!
//! Speeds are those that were measured here ([`measure`]), and assumed where nothing was yet; what the optimiser learns
//! corrects them, for all machines of one class of hardware together.

use nexus_model::{DeviceInfo, DeviceKind};
use nexus_optimizer::{Device, Machine};
use nexus_tensor::{Speed, kept_speed, processor};

use crate::worker::stopwatch;

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

/// Measures how fast a device is, where that was not done on this machine; it is kept from then on. Takes some milliseconds on the
/// processor; a graphics processor is started. `None` where it cannot be measured: the work itself will say why.
pub fn measure(device: nexus_tensor::Device) -> Option<Speed> {
    let measured = nexus_tensor::measured_speed(device, &*stopwatch());
    measured.inspect_err(|error| tracing::debug!(%device, %error, "its speed was not measured")).ok()
}

/// The same with the speed of products, which takes seconds the first time on a graphics processor.
pub fn measure_products(device: nexus_tensor::Device) -> Option<Speed> {
    let measured = nexus_tensor::measured_product_speed(device, &*stopwatch());
    measured.inspect_err(|error| tracing::debug!(%device, %error, "its products were not measured")).ok()
}

/// This machine, with these devices and so much memory for tasks; 0 where that is not known. Asks no graphics driver, and
/// measures nothing.
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
    if let Some(speed) = kept_speed(vectors) {
        machine.cpu = of_processor(machine.cpu, speed);
    }
    machine.gpu = graphics.map(|gpu| of_graphics(kept_speed(&gpu.name), memory));
    machine
}

/// The processor with what was measured of it.
fn of_processor(assumed: Device, speed: Speed) -> Device {
    let Speed { flops, bandwidth, launch_s, transfer: _ } = speed;
    Device { flops: flops.unwrap_or(assumed.flops), bandwidth, launch_s, ..assumed }
}

/// A graphics processor with what was measured of it.
fn of_graphics(speed: Option<Speed>, memory_bytes: f64) -> Device {
    Device {
        flops: speed.and_then(|speed| speed.flops).unwrap_or(GPU_FLOPS),
        bandwidth: speed.map_or(GPU_BANDWIDTH, |speed| speed.bandwidth),
        launch_s: speed.map_or(GPU_LAUNCH_S, |speed| speed.launch_s),
        memory_bytes,
        transfer: speed.and_then(|speed| speed.transfer).unwrap_or(GPU_TRANSFER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_takes_the_place_of_what_was_assumed() {
        let info = |kind, name: &str| DeviceInfo { kind, name: name.to_owned() };
        let devices = [info(DeviceKind::Cpu, "2 threads, avx512"), info(DeviceKind::Gpu, "a card (vulkan)")];
        let assumed = machine(&devices, 1 << 30);
        let gpu = assumed.gpu.unwrap();
        assert_eq!((gpu.flops, gpu.bandwidth, gpu.launch_s, gpu.transfer), (4e12, 2e11, 3e-5, 6e9));

        let speed = Speed { flops: Some(3e11), bandwidth: 4e10, launch_s: 2e-7, transfer: None };
        let cpu = of_processor(assumed.cpu, speed);
        assert_eq!((cpu.flops, cpu.bandwidth, cpu.launch_s), (3e11, 4e10, 2e-7));
        assert_eq!((cpu.memory_bytes, cpu.transfer), (assumed.cpu.memory_bytes, f64::INFINITY));
        let unknown = of_processor(assumed.cpu, Speed { flops: None, ..speed });
        assert_eq!((unknown.flops, unknown.bandwidth), (assumed.cpu.flops, 4e10));

        let speed = Speed { flops: None, bandwidth: 2e12, launch_s: 8e-6, transfer: Some(1e10) };
        let gpu = of_graphics(Some(speed), 1e9);
        assert_eq!((gpu.flops, gpu.bandwidth, gpu.launch_s, gpu.transfer), (4e12, 2e12, 8e-6, 1e10));
        assert_eq!(of_graphics(Some(Speed { flops: Some(1e13), ..speed }), 1e9).flops, 1e13);
    }

    #[test]
    fn a_machine_has_the_speeds_that_are_kept_under_the_names_of_its_devices() {
        let cpu = nexus_tensor::Device::cpu().info();
        let speed = measure(nexus_tensor::Device::cpu()).unwrap();
        let seen = machine(std::slice::from_ref(&cpu), 0).cpu;
        assert_eq!((Some(seen.flops), seen.bandwidth, seen.launch_s), (speed.flops, speed.bandwidth, speed.launch_s));
    }
}
