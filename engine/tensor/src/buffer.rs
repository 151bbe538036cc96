//! Host memory for tensors: aligned to cache lines, admitted by the meter before it exists, kept in a pool when dropped.
//!
//! The first touch of a fresh page costs twenty times what writing to a used one costs, so large buffers are kept and
//! handed out again. A buffer from the pool holds whatever was there before: [`Buffer::stale`] is for kernels that write
//! every element, everything else takes [`Buffer::zeroed`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytemuck::{Pod, Zeroable};
use nexus_gpu::memory_left;

use crate::TensorError;
use crate::meter::{Charge, Meter, Pooling};
use crate::pages::prefer_large;

/// Buffers smaller than this come from the allocator, which is fast and keeps pages itself.
const POOLED_BYTES_MIN: usize = 64 << 10;
/// Most bytes that the pool of host buffers keeps for runs that do not ask for more or less: four matrices of 4096² in f32.
pub const POOL_BYTES_MAX: usize = 256 << 20;
/// The same for runs that spend memory freely.
const GENEROUS_BYTES_MAX: usize = 1 << 30;

/// Buffers of at least so many bytes are allocated only once the system was asked what it has left: to write them for the first
/// time takes a hundred times as long as to ask.
const ASKED_BYTES_MIN: usize = 64 << 20;
/// What is left to the system and to other processes.
const LEFT_BYTES_MIN: u64 = 64 << 20;

impl Pooling {
    /// Bytes that the pool may hold when it is given a buffer of such a run.
    const fn bytes_max(self) -> usize {
        match self {
            Pooling::Nothing => 0,
            Pooling::Usual => POOL_BYTES_MAX,
            Pooling::Generous => GENEROUS_BYTES_MAX,
        }
    }
}

/// One cache line, so that every buffer starts on one.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

const LINE: usize = size_of::<Line>();

/// Bytes of one tensor, or of several that share them.
#[derive(Debug)]
pub(crate) struct Buffer {
    lines: Lines,
    bytes: usize,
    /// Given back when the buffer is dropped.
    charge: Charge,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let meter = self.charge.meter();
        let lines = std::mem::take(&mut self.lines.lines);
        let bytes = lines.capacity() * LINE;
        if meter.pooling() != Pooling::Nothing
            && bytes >= POOLED_BYTES_MIN
            && POOL.lock().unwrap_or_else(PoisonError::into_inner).give(lines, meter.pooling().bytes_max())
        {
            meter.count_kept(bytes);
        }
    }
}

impl Buffer {
    /// `bytes` zeros.
    pub(crate) fn zeroed(meter: &Arc<Meter>, bytes: usize) -> Result<Buffer, TensorError> {
        let mut buffer = Buffer::stale(meter, bytes)?;
        buffer.lines.lines.fill(Line::zeroed());
        Ok(buffer)
    }

    /// `bytes` with any content: the caller writes every element before anyone reads it.
    pub(crate) fn stale(meter: &Arc<Meter>, bytes: usize) -> Result<Buffer, TensorError> {
        let charge = meter.admit(bytes as u64)?;
        let lines = Lines::take(bytes.div_ceil(LINE), memory_left)?;
        Ok(Buffer { lines, bytes, charge })
    }

    /// A copy of `data`.
    pub(crate) fn from_slice<T: Pod>(meter: &Arc<Meter>, data: &[T]) -> Result<Buffer, TensorError> {
        let mut buffer = Buffer::stale(meter, size_of_val(data))?;
        buffer.as_mut_slice::<T>().copy_from_slice(data);
        Ok(buffer)
    }

    /// The elements.
    pub(crate) fn as_slice<T: Pod>(&self) -> &[T] {
        let all: &[u8] = bytemuck::cast_slice(&self.lines.lines);
        bytemuck::cast_slice(&all[..self.bytes])
    }

    /// The elements, to be written.
    pub(crate) fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        let all: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines.lines);
        bytemuck::cast_slice_mut(&mut all[..self.bytes])
    }
}

/// Memory of one thread's loops, a few tiles: aligned as buffers are, so that no vector lies across two lines.
#[derive(Clone, Default)]
pub(crate) struct Scratch(Vec<Line>);

impl Scratch {
    /// None yet.
    pub(crate) const fn new() -> Scratch {
        Scratch(Vec::new())
    }

    /// At least so many bytes; what is new is zero.
    pub(crate) fn grow(&mut self, bytes: usize) {
        let lines = bytes.div_ceil(LINE);
        if self.0.len() < lines {
            self.0.resize(lines, Line::zeroed());
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines", self.0.len())
    }
}

/// Lines from the pool or the allocator.
struct Lines {
    lines: Vec<Line>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines", self.lines.len())
    }
}

impl Lines {
    /// `count` lines. What the system would promise but does not have is refused: `memory_left` says what it has.
    fn take(count: usize, memory_left: impl Fn() -> Option<u64>) -> Result<Lines, TensorError> {
        let class = size_class(count);
        if class * LINE >= POOLED_BYTES_MIN
            && let Some(mut lines) = POOL.lock().unwrap_or_else(PoisonError::into_inner).take(class)
        {
            lines.truncate(count);
            lines.resize(count, Line::zeroed());
            return Ok(Lines { lines });
        }
        let bytes = count.saturating_mul(LINE);
        check_memory(bytes, memory_left)?;
        let mut lines = Vec::new();
        lines.try_reserve_exact(class).map_err(|_| TensorError::OutOfMemory { bytes, left: None })?;
        prefer_large::<Line>(lines.as_ptr(), class * LINE);
        lines.resize(count, Line::zeroed());
        Ok(Lines { lines })
    }
}

/// Room for numbers that an operation keeps beside tensors, counted until it is dropped. What the run may not have, and what
/// the machine has not, is refused.
pub(crate) fn room(meter: &Arc<Meter>, bytes: u64) -> Result<Charge, TensorError> {
    let charge = meter.admit(bytes)?;
    check_memory(usize::try_from(bytes).unwrap_or(usize::MAX), memory_left)?;
    Ok(charge)
}

/// Refuses a large buffer that would leave the system less than it needs. What the pool holds is given back before.
fn check_memory(bytes: usize, memory_left: impl Fn() -> Option<u64>) -> Result<(), TensorError> {
    if bytes < ASKED_BYTES_MIN {
        return Ok(());
    }
    let needed = (bytes as u64).saturating_add(LEFT_BYTES_MIN);
    let is_short = |left: &u64| *left < needed;
    if memory_left().as_ref().is_some_and(is_short) {
        drop(std::mem::take(&mut *POOL.lock().unwrap_or_else(PoisonError::into_inner)));
        if let Some(left) = memory_left().filter(is_short) {
            return Err(TensorError::OutOfMemory { bytes, left: Some(left) });
        }
    }
    Ok(())
}

/// Rounds up to eight sizes for each power of two, so that at most an eighth is wasted and buffers of nearly equal
/// sizes can stand in for one another.
fn size_class(count: usize) -> usize {
    let step = count.max(8).ilog2() - 3;
    count.checked_next_multiple_of(1 << step).unwrap_or(count)
}

/// Used buffers by capacity in lines.
#[derive(Default)]
struct Pool {
    free: HashMap<usize, Vec<Vec<Line>>>,
    bytes: usize,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

impl Pool {
    fn take(&mut self, class: usize) -> Option<Vec<Line>> {
        let lines = self.free.get_mut(&class)?.pop()?;
        self.bytes -= class * LINE;
        Some(lines)
    }

    /// Whether there was room for them.
    fn give(&mut self, lines: Vec<Line>, bytes_max: usize) -> bool {
        let class = lines.capacity();
        let fits = class == size_class(class) && self.bytes + class * LINE <= bytes_max;
        if fits {
            self.bytes += class * LINE;
            self.free.entry(class).or_default().push(lines);
        }
        fits
    }
}

/// Bytes that the pool of host buffers keeps for the next tensors.
pub fn pooled_bytes() -> usize {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let meter = Meter::unlimited();
        let bytes = 3 << 20;
        let first = Buffer::zeroed(&meter, bytes).unwrap();
        assert_eq!(first.as_slice::<u8>().as_ptr() as usize % 64, 0);
        assert_eq!(first.as_slice::<f32>().len(), bytes / 4);
        drop(first);
        assert_eq!(meter.in_use_bytes(), 0);
        assert!(pooled_bytes() >= bytes);
        let again = Buffer::zeroed(&meter, bytes - 100).unwrap();
        assert!(again.as_slice::<u8>().iter().all(|&b| b == 0));
    }

    #[test]
    fn what_no_machine_has_is_an_error() {
        let error = Buffer::zeroed(&Meter::unlimited(), isize::MAX as usize - 4096).unwrap_err();
        assert!(matches!(error, TensorError::OutOfMemory { .. }));
    }

    #[test]
    fn what_the_system_would_promise_and_does_not_have_is_refused_before_it_is_allocated() {
        let mib = |count: u64| count << 20;
        let take = |bytes: u64, left: Option<u64>| Lines::take(bytes as usize / LINE, || left).map(drop);
        let error = take(mib(96), Some(mib(100))).unwrap_err();
        assert_eq!(error, TensorError::OutOfMemory { bytes: 96 << 20, left: Some(mib(100)) });
        let text = "the machine has no 96 MiB of memory for a tensor: 100 MiB are left for this process";
        assert_eq!(error.to_string(), text);
        assert_eq!(take(mib(96), Some(mib(160))), Ok(()));
        assert_eq!(take(mib(96), None), Ok(()));
        let unasked = || -> Option<u64> { panic!("so little is not asked for") };
        assert!(Lines::take((32 << 20) / LINE, unasked).is_ok());
        // The meter has back what was refused.
        let meter = Meter::unlimited();
        assert!(Buffer::zeroed(&meter, 1 << 50).is_err());
        assert_eq!(meter.in_use_bytes(), 0);
    }

    #[test]
    fn what_the_pool_holds_is_given_back_before_anything_is_refused() {
        let meter = Meter::unlimited();
        drop(Buffer::zeroed(&meter, 5 << 20).unwrap());
        let pool_is_empty = || Some(if pooled_bytes() == 0 { 1 << 30 } else { 0 });
        assert!(Lines::take((128 << 20) / LINE, pool_is_empty).is_ok());
    }

    #[test]
    fn size_classes_waste_at_most_an_eighth() {
        for count in 1..5000usize {
            let class = size_class(count);
            assert!(class >= count && class <= count + count / 8 + 1, "{count} {class}");
        }
    }
}
