//! What a machine can do, and what its roofline says about a piece of work before anything was measured.

use serde::{Deserialize, Serialize};

use crate::candidate::Exclusion;
use crate::strategy::{DeviceTarget, MemoryOptimization, Parallelization, Strategy};
use crate::work::Features;

/// Speeds of a device, measured or assumed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Floating-point operations a second in f32, all units together.
    pub flops: f64,
    /// Bytes a second between its memory and its units.
    pub bandwidth: f64,
    /// Seconds that starting one operation costs.
    pub launch_s: f64,
    /// Bytes of memory for tensors.
    pub memory_bytes: f64,
    /// Bytes a second between the host's memory and its own; infinite where they are one (in JSON, that is `null`).
    #[serde(deserialize_with = "or_infinite")]
    pub transfer: f64,
}

/// JSON has no infinity: serde writes it as nothing.
fn or_infinite<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

/// The machine that work runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// What machines that learn from each other have in common: model of processor and graphics processor.
    pub hardware: String,
    /// Threads that the work may use.
    pub threads: u32,
    /// Threads of the machine that other work keeps busy.
    #[serde(default)]
    pub busy_threads: f64,
    /// The processor.
    pub cpu: Device,
    /// The graphics processor, where there is one.
    pub gpu: Option<Device>,
    /// Whether the graphics processor is an NVIDIA card that CUDA serves here.
    pub has_cuda: bool,
    /// Whether the Apple Neural Engine can be used here.
    pub has_ane: bool,
}

/// What the roofline says: seconds and bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Roofline {
    pub(crate) seconds: f64,
    pub(crate) bytes: f64,
}

/// Seconds of one step of scalar code at levels 0, 1 and 2.
const SCALAR_STEP_S: [f64; 3] = [5e-9, 3e-9, 6e-10];
/// Seconds that a run costs before its first operation.
const START_S: f64 = 2e-6;
/// How the bandwidth of all threads grows with their number.
const BANDWIDTH_GROWTH: f64 = 0.6;
/// How many times as long work is taken to be at most because others keep the machine busy.
const SLOWED_MOST: f64 = 4.0;
/// What fusing a chain leaves of its memory traffic, at the least.
const FUSED_TRAFFIC: f64 = 0.35;

impl Machine {
    /// The prior of a strategy for work with these features, or why the strategy cannot run it here.
    pub(crate) fn roofline(&self, features: &Features, strategy: &Strategy) -> Result<Roofline, Exclusion> {
        let (device, on_gpu) = self.device(strategy)?;
        let share = if on_gpu { 1.0 } else { self.threads_of(features, strategy) / self.threads_all() };
        let traffic = if strategy.tensor_fusion { FUSED_TRAFFIC } else { 1.0 };
        let compute = features.flops / (device.flops * share);
        // One thread alone draws more than its share of the memory's bandwidth.
        let memory = features.bytes * traffic / (device.bandwidth * share.sqrt());
        let launches = features.tensor_operations * device.launch_s;
        let level = usize::from(u8::from(strategy.jit_level));
        let scalar = features.scalar_operations * SCALAR_STEP_S[level];
        let moved = if on_gpu { features.io_bytes / device.transfer } else { 0.0 };
        let bytes = features.peak_bytes
            * match strategy.memory_optimization {
                MemoryOptimization::Low => 1.2,
                MemoryOptimization::Balanced => 1.0,
                MemoryOptimization::High => 0.7,
            };
        if bytes > device.memory_bytes {
            return Err(Exclusion::Memory { needed_bytes: bytes, free_bytes: device.memory_bytes });
        }
        let seconds = START_S + compute.max(memory) + launches + scalar + moved;
        Ok(Roofline { seconds, bytes })
    }

    fn threads_all(&self) -> f64 {
        f64::from(self.threads.max(1))
    }

    /// Threads that tensor operations of one task are spread on.
    fn threads_of(&self, features: &Features, strategy: &Strategy) -> f64 {
        match strategy.parallelization_level {
            Parallelization::None => 1.0,
            Parallelization::Threads => self.threads_all(),
            // The tasks of an array share them.
            Parallelization::Processes => (self.threads_all() / features.batch.max(1.0)).floor().max(1.0),
        }
    }

    /// How many times as long work takes because others keep threads busy: those that run share what the machine has.
    pub(crate) fn slowed(&self, features: &Features, strategy: &Strategy) -> f64 {
        let on_gpu = self.device(strategy).is_ok_and(|(_, on_gpu)| on_gpu);
        let busy = if self.busy_threads.is_finite() && !on_gpu { self.busy_threads.max(0.0) } else { 0.0 };
        ((self.threads_of(features, strategy) + busy) / self.threads_all()).clamp(1.0, SLOWED_MOST)
    }

    /// Why a strategy can run nothing on this machine, whatever the work; `None` where it can.
    pub fn refusal(&self, strategy: &Strategy) -> Option<Exclusion> {
        self.roofline(&Features::default(), strategy).err()
    }

    fn device(&self, strategy: &Strategy) -> Result<(&Device, bool), Exclusion> {
        let missing = Err(Exclusion::NoDevice(strategy.device_target));
        match (strategy.device_target, &self.gpu) {
            (DeviceTarget::Cpu, _) | (DeviceTarget::Auto, None) => Ok((&self.cpu, false)),
            // The engine by itself takes the graphics processor where there is one.
            (DeviceTarget::Auto | DeviceTarget::Gpu, Some(gpu)) => Ok((gpu, true)),
            (DeviceTarget::Cuda, Some(gpu)) if self.has_cuda => Ok((gpu, true)),
            (DeviceTarget::Ane, _) if self.has_ane => Ok((&self.cpu, true)),
            (DeviceTarget::Gpu, None) | (DeviceTarget::Cuda | DeviceTarget::Ane, _) => missing,
        }
    }

    /// The same machine whose threads each do so many floating-point operations a second and draw so many bytes from the
    /// memory, where that has no more to give.
    pub fn with_threads_of(mut self, flops: f64, bandwidth: f64) -> Machine {
        let threads = f64::from(self.threads.max(1));
        self.cpu.flops = flops * threads;
        self.cpu.bandwidth = bandwidth * threads.powf(BANDWIDTH_GROWTH);
        self
    }

    /// A machine of ordinary speeds with this many threads and bytes of memory and no graphics processor.
    pub fn ordinary(hardware: &str, threads: u32, memory_bytes: f64) -> Machine {
        let cpu = Device {
            flops: 3e10 * f64::from(threads.max(1)),
            bandwidth: 1.5e10,
            launch_s: 5e-7,
            memory_bytes,
            transfer: f64::INFINITY,
        };
        let hardware = hardware.to_owned();
        Machine { hardware, threads, busy_threads: 0.0, cpu, gpu: None, has_cuda: false, has_ane: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_said() {
        let machine = Machine::ordinary("box", 4, 1e9);
        for strategy in Strategy::built_in() {
            let said = machine.roofline(&Features::default(), &strategy);
            let expected = matches!(strategy.device_target, DeviceTarget::Gpu | DeviceTarget::Ane);
            assert_eq!(said == Err(Exclusion::NoDevice(strategy.device_target)), expected, "{strategy:?}");
        }
    }

    #[test]
    fn a_machine_is_the_same_after_json() {
        let machine = Machine::ordinary("box", 4, 1e9);
        let text = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
    }

    #[test]
    fn more_than_the_memory_is_refused_before_it_is_tried() {
        let machine = Machine::ordinary("box", 4, 1e9);
        let large = Features { peak_bytes: 1.3e9, ..Features::default() };
        assert!(matches!(machine.roofline(&large, &Strategy::baseline()), Err(Exclusion::Memory { .. })));
    }
}
