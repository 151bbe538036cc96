//! What every operation is given beside its arguments: the device, the memory account, the random stream and the way
//! to be stopped.
//!
//! Making one costs two small allocations and touches no device.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_model::{LimitHit, Limits};

use crate::buffer::room;
use crate::device::Device;
use crate::meter::{Charge, Meter};
use crate::random::Philox;
use crate::{DType, TensorError};

/// Asked between pieces of long work whether the run must stop. The engine has no clock of its own: whoever has one
/// implements this for the wall-time limit.
pub trait Watch: Send + Sync {
    /// `Err` stops the operation with that limit.
    fn check(&self) -> Result<(), LimitHit>;
}

/// Tells the time in nanoseconds from any beginning, for profiles: the engine has no clock of its own.
pub type Stopwatch = dyn Fn() -> u64 + Send + Sync;

/// How a profile tells the time. Looking at a clock takes longer than a short call; whether a number has changed does not.
#[derive(Clone)]
pub struct ProfileClock {
    /// The time, exactly.
    pub now: Arc<Stopwatch>,
    /// Somebody else's counter, that goes on every so often: what runs then is what takes the time.
    pub beat: Arc<AtomicU64>,
}

impl fmt::Debug for ProfileClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileClock").field("beat", &self.beat).finish_non_exhaustive()
    }
}

/// Something that a person should know of a result that was computed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The operation that says it: `linalg.solve`.
    pub operation: &'static str,
    /// What is the matter, with its numbers.
    pub message: String,
}

/// The warnings of a run, for whoever reports it after its context is gone.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Arc<Mutex<Vec<Warning>>>);

impl Warnings {
    /// The warnings so far, first ones first; they are told once.
    pub fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Warnings that one run keeps; a loop that warns at every step says nothing new after the first of them.
const WARNINGS_MAX: usize = 32;

/// How derivatives are taken. Results are the same up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Differentiation {
    /// In reverse, one walk back for each element of a result; everything that was computed is kept until the end.
    Reverse,
    /// In the direction that takes fewer walks; what was walked past for the last time is let go.
    #[default]
    Planned,
}

/// The surroundings of one run of a program.
pub struct Context {
    device: Device,
    meter: Arc<Meter>,
    cancel: Option<Arc<AtomicBool>>,
    watch: Option<Arc<dyn Watch>>,
    seed: u64,
    stream: u64,
    calls: AtomicU64,
    warnings: Warnings,
    threads: usize,
    profile_clock: Option<ProfileClock>,
    products_in: Option<DType>,
    differentiation: Differentiation,
    checks_finite: bool,
}

impl Context {
    /// A context on `device` that meters nothing, cannot be cancelled, and has seed 0.
    pub fn new(device: Device) -> Self {
        Context {
            device,
            meter: Meter::unlimited(),
            cancel: None,
            watch: None,
            seed: 0,
            stream: 0,
            calls: AtomicU64::new(0),
            warnings: Warnings::default(),
            threads: usize::MAX,
            profile_clock: None,
            products_in: None,
            differentiation: Differentiation::default(),
            checks_finite: false,
        }
    }

    /// Holds the run to the memory and element limits of `limits`.
    #[must_use]
    pub fn with_limits(mut self, limits: &Limits) -> Self {
        self.meter = Meter::new(limits);
        self
    }

    /// Shares a memory account with other contexts of the same run.
    #[must_use]
    pub fn with_meter(mut self, meter: Arc<Meter>) -> Self {
        self.meter = meter;
        self
    }

    /// Lets elementwise passes, reductions and products on the processor use at most so many threads at once, which changes
    /// no bit of their results; decompositions too, but for eigenvalues of matrices that are not symmetric, which use all.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Lets whoever runs programs in this context time what they do.
    #[must_use]
    pub fn with_profile_clock(mut self, clock: ProfileClock) -> Self {
        self.profile_clock = Some(clock);
        self
    }

    /// Lets products of f32 tensors round their operands to `dtype` first (f16, bf16), or be computed in it and rounded
    /// once (f64); sums are f32 or wider. With f64, so are reductions that round and normalisations of f32 and halves. The result stays f32, and products of other dtypes stay as they are, as do all
    /// where `dtype` is no float. The mixed precision of Micikevicius and others (2018).
    #[must_use]
    pub fn with_products_in(mut self, dtype: DType) -> Self {
        self.products_in = Some(if dtype.is_float() { dtype } else { DType::F32 });
        self
    }

    /// The same where nothing was said of it.
    #[must_use]
    pub fn or_products_in(self, dtype: DType) -> Self {
        if self.products_in.is_none() { self.with_products_in(dtype) } else { self }
    }

    /// Sets how derivatives are taken.
    #[must_use]
    pub fn with_differentiation(mut self, differentiation: Differentiation) -> Self {
        self.differentiation = differentiation;
        self
    }

    /// How derivatives are taken.
    pub fn differentiation(&self) -> Differentiation {
        self.differentiation
    }

    /// Lets whoever runs operations stop at the first that makes NaN or infinity of finite numbers
    /// ([`crate::made_finite`]). Kernels do not look at it.
    #[must_use]
    pub fn with_finite_checks(mut self) -> Self {
        self.checks_finite = true;
        self
    }

    /// Whether the run stops at the first operation that makes NaN or infinity of finite numbers.
    pub fn checks_finite(&self) -> bool {
        self.checks_finite
    }

    /// What products of f32 tensors take their operands in.
    pub(crate) fn products_in(&self) -> DType {
        self.products_in.unwrap_or(DType::F32)
    }

    /// Whether the run asks for f64 inside of what rounds: `precise`.
    pub(crate) fn is_precise(&self) -> bool {
        self.products_in == Some(DType::F64)
    }

    /// The dtype in which an operation that rounds many times over computes with floats of `dtype`: no less than f32, and f64
    /// where the run asks for it.
    pub(crate) fn working(&self, dtype: DType) -> DType {
        match dtype {
            dtype if !dtype.is_float() || dtype == DType::F64 => dtype,
            _ if self.is_precise() => DType::F64,
            _ => DType::F32,
        }
    }

    /// The clock of a profile, where the run is profiled.
    pub fn profile_clock(&self) -> Option<&ProfileClock> {
        self.profile_clock.as_ref()
    }

    /// Stops operations with [`TensorError::Cancelled`] once `cancel` is true.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Arc<AtomicBool>) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Stops operations when `watch` says so.
    #[must_use]
    pub fn with_watch(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Sets the seed. Equal seeds, streams and calls give equal numbers on every device.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the stream, so that tasks with one seed draw different numbers.
    #[must_use]
    pub fn with_stream(mut self, stream: u64) -> Self {
        self.stream = stream;
        self
    }

    /// A context for a piece of the same run that draws from another random stream: the iterations of a parallel loop.
    /// Device, account and ways to stop are shared. The numbers depend on `stream` alone, not on who runs it or when.
    pub fn fork(&self, stream: u64) -> Context {
        Context {
            device: self.device,
            meter: Arc::clone(&self.meter),
            cancel: self.cancel.clone(),
            watch: self.watch.clone(),
            seed: Philox::new(self.seed, self.stream).draw_u64(u64::MAX, stream),
            stream: stream.wrapping_add(1),
            calls: AtomicU64::new(0),
            warnings: self.warnings.clone(),
            threads: self.threads,
            profile_clock: self.profile_clock.clone(),
            products_in: self.products_in,
            differentiation: self.differentiation,
            checks_finite: self.checks_finite,
        }
    }

    /// Keeps a warning for whoever reports the run. One operation warns once; of many warnings the first are kept.
    pub fn warn(&self, operation: &'static str, message: String) {
        let mut kept = self.warnings.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < WARNINGS_MAX && kept.iter().all(|known| known.operation != operation) {
            kept.push(Warning { operation, message });
        }
    }

    /// The warnings so far, first ones first; they are told once.
    pub fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// The way to the warnings of this run, also when the context is gone.
    pub fn warnings(&self) -> Warnings {
        self.warnings.clone()
    }

    /// 64 random bits that no other random operation of this run has drawn: the key of an algorithm that draws its own
    /// numbers.
    pub fn draw_seed(&self) -> u64 {
        let (generator, call) = self.next_random();
        generator.draw_u64(call, 0)
    }

    /// Where new tensors are made.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Threads that one pass over memory may use: those that there are, or fewer.
    pub(crate) fn threads(&self) -> usize {
        self.threads.min(rayon::current_num_threads())
    }

    /// The memory account.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Starts the random numbers again from `seed`.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.calls = AtomicU64::new(0);
    }

    /// The generator of one random operation, and the number of that operation in this stream.
    pub(crate) fn next_random(&self) -> (Philox, u64) {
        (Philox::new(self.seed, self.stream), self.calls.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether anything could stop this run, so that long kernels work in pieces.
    pub(crate) fn can_stop(&self) -> bool {
        self.cancel.is_some() || self.watch.is_some()
    }

    /// `Err` when the run must stop. Long operations call this between pieces of at most some milliseconds.
    pub fn poll(&self) -> Result<(), TensorError> {
        if let Some(cancel) = &self.cancel
            && cancel.load(Ordering::Relaxed)
        {
            return Err(TensorError::Cancelled);
        }
        if let Some(watch) = &self.watch {
            watch.check()?;
        }
        Ok(())
    }

    /// Room for `count` elements of `size` bytes that an operation keeps beside tensors: hold it as long as they are there.
    ///
    /// # Errors
    /// The run's limit of memory, or what the machine has left.
    pub fn room(&self, count: usize, size: usize) -> Result<Charge, TensorError> {
        room(&self.meter, (count as u64).saturating_mul(size as u64))
    }

    /// Elements and bytes of a tensor of `shape`, admitted against the limit of elements in one tensor. Memory is
    /// admitted where the buffer is made.
    pub(crate) fn measure(&self, dtype: DType, shape: &[usize]) -> Result<usize, TensorError> {
        // Beside an axis of size 0 another may be of any size that has a sign.
        if shape.iter().any(|size| isize::try_from(*size).is_err()) {
            return Err(TensorError::shape(shape, "has an axis of more entries than there can be".to_owned()));
        }
        let bytes = nexus_model::TensorData::byte_count(dtype, shape)?;
        let elements = bytes / dtype.size();
        self.meter.check_elements(elements as u64)?;
        self.meter.count_operation(bytes);
        Ok(elements)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("device", &self.device)
            .field("seed", &self.seed)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
