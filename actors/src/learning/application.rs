//! What a strategy comes to in a run: every field that acts, as the setting that makes it act.

use nexus_mcode::{CompiledProgram, TierUp};
use nexus_model::{DType, Execution, JitLevel};
use nexus_optimizer::{DeviceTarget, MemoryOptimization, Parallelization, Precision, Strategy};
use nexus_tensor::{Context, Device, Differentiation, Pooling, Stopwatch, TensorError};

use super::sameness::Agreement;

/// How one run is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// Where tensors live.
    pub device: Device,
    /// How the program is compiled: level, fusion, unrolling.
    pub execution: Execution,
    /// Whether what is hot becomes machine code only when that is expected to be repaid: where nobody asked for it.
    pub repays: bool,
    /// Threads that `spawn`, `map` and `parallel for` may use.
    pub threads: usize,
    /// Whether those may go to other nodes as well.
    pub goes_elsewhere: bool,
    /// Threads that one pass over a tensor may use.
    pub tensor_threads: usize,
    /// What becomes of the memory of tensors that are gone.
    pub pooling: Pooling,
    /// What products of f32 tensors take their operands in: never less exact than the program asks for.
    pub products_in: DType,
    /// How derivatives are taken.
    pub differentiation: Differentiation,
}

impl Application {
    /// A run of `program` as nobody optimised it: everything on, the engine's own pool, the precision that it asks for.
    pub fn usual(program: &CompiledProgram, device: Device, execution: Execution, threads: usize) -> Application {
        Application {
            device,
            execution,
            repays: false,
            threads,
            goes_elsewhere: true,
            tensor_threads: usize::MAX,
            pooling: Pooling::Usual,
            products_in: program.products_in(),
            differentiation: Differentiation::Planned,
        }
    }

    /// What `strategy` comes to for `program` as one of so many tasks, where it may use so many threads for its calls and
    /// `auto` is the device that the engine chooses by itself. The error is a device's that does not start.
    pub fn of(
        strategy: &Strategy,
        program: &CompiledProgram,
        auto: Device,
        (threads, tasks): (usize, u32),
    ) -> Result<Application, TensorError> {
        let device = match strategy.device_target {
            DeviceTarget::Auto => auto,
            DeviceTarget::Cpu => Device::cpu(),
            // There are no other devices: the optimiser is told of neither CUDA nor a neural engine.
            DeviceTarget::Gpu | DeviceTarget::Cuda | DeviceTarget::Ane => Device::gpu()?,
        };
        let lies_beside = strategy.parallelization_level == Parallelization::Processes && tasks > 1;
        let (threads, tensor_threads) = match strategy.parallelization_level {
            Parallelization::None => (1, 1),
            Parallelization::Processes if lies_beside => (1, share_of_threads(tasks)),
            Parallelization::Threads | Parallelization::Processes => (threads, usize::MAX),
        };
        Ok(Application {
            device,
            execution: Execution {
                jit_level: JitLevel::from_number(u8::from(strategy.jit_level)).unwrap_or_default(),
                tensor_fusion: strategy.tensor_fusion,
                operator_fusion: strategy.operator_fusion,
                loop_unrolling: strategy.loop_unrolling,
            },
            repays: true,
            threads: if strategy.batch_processing { threads } else { 1 },
            goes_elsewhere: strategy.parallelization_level == Parallelization::Processes && !lies_beside,
            tensor_threads,
            pooling: match strategy.memory_optimization {
                MemoryOptimization::Low => Pooling::Generous,
                MemoryOptimization::Balanced => Pooling::Usual,
                MemoryOptimization::High => Pooling::Nothing,
            },
            products_in: more_exact(products_in(strategy.precision), program.products_in()),
            differentiation: match strategy.automatic_differentiation {
                true => Differentiation::Planned,
                false => Differentiation::Reverse,
            },
        })
    }

    /// The same with what needs the least and cannot be missing: on the processor, one call at a time, keeping nothing
    /// of tensors that are gone.
    pub(crate) fn sparing(self) -> Application {
        Application { device: Device::cpu(), threads: 1, goes_elsewhere: false, pooling: Pooling::Nothing, ..self }
    }

    /// When what is hot becomes machine code.
    pub(crate) fn tier_up<'a>(&self, clock: &'a Stopwatch) -> TierUp<'a> {
        if self.repays { TierUp::Repaid(clock) } else { TierUp::Hot }
    }

    /// What a run is carried out in, before it is given an account, a seed and ways to be stopped.
    pub(crate) fn context(&self) -> Context {
        Context::new(self.device)
            .with_threads(self.tensor_threads)
            .with_products_in(self.products_in)
            .with_differentiation(self.differentiation)
    }

    /// The same with products as exact as those of `other`: what is more exact than the baseline is not wrong for it.
    pub(crate) fn at_least_as_exact_as(self, other: &Application) -> Application {
        Application { products_in: more_exact(self.products_in, other.products_in), ..self }
    }

    /// How exactly the results of two runs of `program` must agree.
    pub(crate) fn agreement(&self, other: &Application, program: &CompiledProgram) -> Agreement {
        let least = if digits(self.products_in) < digits(other.products_in) { self } else { other }.products_in;
        match self.device.kind() == other.device.kind() {
            _ if digits(least) < digits(DType::F32) => Agreement::Halves(least),
            true if self.differentiation != other.differentiation && program.differentiates() => Agreement::Singles,
            true => Agreement::SameDevice,
            false => Agreement::OtherDevice,
        }
    }

    /// Whether another machine would compute `program`'s calls to the last bit as they are computed here, being told
    /// nothing but the device and the execution.
    pub(crate) fn is_plain_for(&self, program: &CompiledProgram) -> bool {
        let usual = Application::usual(program, self.device, self.execution, self.threads);
        let derives_alike = self.differentiation == usual.differentiation || !program.differentiates();
        self.products_in == usual.products_in && derives_alike
    }
}

/// Threads of this machine for each of so many tasks side by side.
fn share_of_threads(tasks: u32) -> usize {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (all / usize::try_from(tasks).unwrap_or(usize::MAX).max(1)).max(1)
}

/// What a profile takes operands in.
fn products_in(precision: Precision) -> DType {
    match precision {
        Precision::Fast => DType::BF16,
        Precision::Balanced => DType::F32,
        Precision::Precise => DType::F64,
    }
}

/// Bits of a float's significand.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::BF16 => 8,
        DType::F16 => 11,
        DType::F64 => 53,
        _ => 24,
    }
}

fn more_exact(a: DType, b: DType) -> DType {
    if digits(a) > digits(b) { a } else { b }
}
