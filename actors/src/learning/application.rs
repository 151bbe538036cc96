//! What a strategy comes to in a run: every field that acts, as the setting that makes it act.

use nexus_model::{Execution, JitLevel};
use nexus_optimizer::{DeviceTarget, MemoryOptimization, Parallelization, Strategy};
use nexus_tensor::{Device, Pooling, TensorError};

use super::sameness::Agreement;

/// How one run is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// Where tensors live.
    pub device: Device,
    /// How the program is compiled: level, fusion, unrolling.
    pub execution: Execution,
    /// Threads that `spawn`, `map` and `parallel for` may use.
    pub threads: usize,
    /// Threads that one pass over a tensor may use.
    pub tensor_threads: usize,
    /// What becomes of the memory of tensors that are gone.
    pub pooling: Pooling,
}

impl Application {
    /// A run as nobody optimised it: everything on, the engine's own pool.
    pub fn usual(device: Device, execution: Execution, threads: usize) -> Application {
        Application { device, execution, threads, tensor_threads: usize::MAX, pooling: Pooling::Usual }
    }

    /// What `strategy` comes to where a run may use so many threads for its calls and `auto` is the device that the engine
    /// chooses by itself. The error is a device's that does not start.
    pub fn of(strategy: &Strategy, auto: Device, threads: usize) -> Result<Application, TensorError> {
        let device = match strategy.device_target {
            DeviceTarget::Auto => auto,
            DeviceTarget::Cpu => Device::cpu(),
            // There are no other devices: the optimiser is told of neither CUDA nor a neural engine.
            DeviceTarget::Gpu | DeviceTarget::Cuda | DeviceTarget::Ane => Device::gpu()?,
        };
        let spreads = strategy.parallelization_level == Parallelization::Threads;
        Ok(Application {
            device,
            execution: Execution {
                jit_level: JitLevel::from_number(u8::from(strategy.jit_level)).unwrap_or_default(),
                tensor_fusion: strategy.tensor_fusion,
                operator_fusion: strategy.operator_fusion,
                loop_unrolling: strategy.loop_unrolling,
            },
            threads: if spreads && strategy.batch_processing { threads } else { 1 },
            tensor_threads: if spreads { usize::MAX } else { 1 },
            pooling: match strategy.memory_optimization {
                MemoryOptimization::Low => Pooling::Generous,
                MemoryOptimization::Balanced => Pooling::Usual,
                MemoryOptimization::High => Pooling::Nothing,
            },
        })
    }

    /// How exactly the results of two runs must agree.
    pub(crate) fn agreement(&self, other: &Application) -> Agreement {
        match self.device.kind() == other.device.kind() {
            true => Agreement::SameDevice,
            false => Agreement::OtherDevice,
        }
    }
}
