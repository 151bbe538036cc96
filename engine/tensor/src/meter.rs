//! Admission of memory: every buffer asks before it is allocated, and gives back what it took when it is dropped.
//!
//! One meter belongs to one run. It does not allocate; it counts. It also counts what moved between host and device,
//! so that a profile can show it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use nexus_model::{LimitHit, LimitKind, Limits};

/// The memory account of one run.
#[derive(Debug, Default)]
pub struct Meter {
    memory_bytes_max: Option<u64>,
    tensor_elements_max: Option<u64>,
    in_use: AtomicU64,
    peak: AtomicU64,
    uploads: AtomicU64,
    uploaded_bytes: AtomicU64,
    downloads: AtomicU64,
    downloaded_bytes: AtomicU64,
    pooling: Pooling,
    operations: AtomicU64,
    result_bytes: AtomicU64,
    passes: AtomicU64,
    threads: AtomicU64,
    flops: AtomicU64,
    spread: AtomicU64,
    narrow_products: AtomicU64,
    wide_products: AtomicU64,
    walks: AtomicU64,
    kept_bytes: AtomicU64,
}

/// What becomes of the memory of tensors that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooling {
    /// It goes back to the system: the process holds no more than its tensors.
    Nothing,
    /// Large buffers are kept for the next tensors, up to a quarter of a gibibyte for the process.
    #[default]
    Usual,
    /// The same up to a gibibyte.
    Generous,
}

/// The work of a run, as far as the engine counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Operations, those inside of fused regions included.
    pub operations: u64,
    /// Bytes of their results, were each written on its own.
    pub result_bytes: u64,
    /// Passes over memory on the processor: a fused region of many operations is one.
    pub passes: u64,
    /// The most threads that one pass was spread over.
    pub threads: u64,
    /// Floating-point operations of products; others are counted by their bytes.
    pub flops: u64,
    /// The most threads that calls of the program ran on side by side; 0 where none did.
    pub spread: u64,
    /// Products of f32 tensors whose operands were rounded to a half precision.
    pub narrow_products: u64,
    /// Products of f32 tensors that were computed in f64.
    pub wide_products: u64,
    /// Walks along what was computed, for derivatives.
    pub walks: u64,
    /// Bytes of tensors that are gone that the process kept for the next ones.
    pub kept_bytes: u64,
}

/// What moved between host and device, during a run or since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transfers {
    /// Tensors copied from host to device.
    pub uploads: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Tensors copied from device to host; each is a synchronisation.
    pub downloads: u64,
    /// Their bytes.
    pub downloaded_bytes: u64,
}

/// What all runs of this process moved.
static PROCESS: LazyLock<Meter> = LazyLock::new(Meter::default);

/// What moved between host and device since the process began, in all runs together.
pub fn transfers_of_process() -> Transfers {
    PROCESS.transfers()
}

impl Meter {
    /// A meter that holds a run to `limits`.
    pub fn new(limits: &Limits) -> Arc<Self> {
        Meter::with_pooling(limits, Pooling::Usual)
    }

    /// The same, keeping the memory of tensors that are gone as `pooling` says.
    pub fn with_pooling(limits: &Limits, pooling: Pooling) -> Arc<Self> {
        Arc::new(Meter {
            memory_bytes_max: limits.memory_bytes,
            tensor_elements_max: limits.tensor_elements,
            pooling,
            ..Meter::default()
        })
    }

    /// A meter that counts and refuses nothing.
    pub fn unlimited() -> Arc<Self> {
        Arc::new(Meter::default())
    }

    /// Admits `bytes` more, or says which limit they would break. Nothing is allocated here: call this first. The
    /// charge gives the bytes back when it is dropped.
    pub fn admit(self: &Arc<Self>, bytes: u64) -> Result<Charge, LimitHit> {
        let before = self.in_use.fetch_add(bytes, Ordering::Relaxed);
        let wanted = before.saturating_add(bytes);
        if let Some(limit) = self.memory_bytes_max
            && wanted > limit
        {
            self.in_use.fetch_sub(bytes, Ordering::Relaxed);
            return Err(LimitHit { kind: LimitKind::Memory, limit, wanted: Some(wanted) });
        }
        if wanted > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(wanted, Ordering::Relaxed);
        }
        Ok(Charge { meter: Arc::clone(self), bytes })
    }

    /// Checks a tensor of `elements` against the limit of elements in one tensor.
    pub fn check_elements(&self, elements: u64) -> Result<(), LimitHit> {
        match self.tensor_elements_max {
            Some(limit) if elements > limit => {
                Err(LimitHit { kind: LimitKind::TensorElements, limit, wanted: Some(elements) })
            }
            _ => Ok(()),
        }
    }

    /// Bytes alive now.
    pub fn in_use_bytes(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }

    /// The most bytes that were alive at once.
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// What moved between host and device so far.
    pub fn transfers(&self) -> Transfers {
        Transfers {
            uploads: self.uploads.load(Ordering::Relaxed),
            uploaded_bytes: self.uploaded_bytes.load(Ordering::Relaxed),
            downloads: self.downloads.load(Ordering::Relaxed),
            downloaded_bytes: self.downloaded_bytes.load(Ordering::Relaxed),
        }
    }

    /// What becomes of the memory of tensors that are gone.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The work so far.
    pub fn work(&self) -> Work {
        Work {
            operations: self.operations.load(Ordering::Relaxed),
            result_bytes: self.result_bytes.load(Ordering::Relaxed),
            passes: self.passes.load(Ordering::Relaxed),
            threads: self.threads.load(Ordering::Relaxed),
            flops: self.flops.load(Ordering::Relaxed),
            spread: self.spread.load(Ordering::Relaxed),
            narrow_products: self.narrow_products.load(Ordering::Relaxed),
            wide_products: self.wide_products.load(Ordering::Relaxed),
            walks: self.walks.load(Ordering::Relaxed),
            kept_bytes: self.kept_bytes.load(Ordering::Relaxed),
        }
    }

    /// Counts that a language ran calls side by side on so many threads.
    pub fn count_spread(&self, threads: usize) {
        self.spread.fetch_max(threads as u64, Ordering::Relaxed);
    }

    /// Counts a walk along what was computed, for derivatives.
    pub fn count_walk(&self) {
        self.walks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_kept(&self, bytes: usize) {
        self.kept_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a product of f32 tensors in another precision: `is_wide` for f64, else a half.
    pub(crate) fn count_precision(&self, is_wide: bool) {
        let count = if is_wide { &self.wide_products } else { &self.narrow_products };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_operation(&self, bytes: usize) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.result_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a pass that was spread over so many threads.
    pub(crate) fn count_pass(&self, threads: usize) {
        self.passes.fetch_add(1, Ordering::Relaxed);
        if threads as u64 > self.threads.load(Ordering::Relaxed) {
            self.threads.fetch_max(threads as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_flops(&self, flops: usize) {
        self.flops.fetch_add(flops as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_upload(&self, bytes: usize) {
        PROCESS.uploads.fetch_add(1, Ordering::Relaxed);
        PROCESS.uploaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.uploads.fetch_add(1, Ordering::Relaxed);
        self.uploaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_download(&self, bytes: usize) {
        PROCESS.downloads.fetch_add(1, Ordering::Relaxed);
        PROCESS.downloaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.downloads.fetch_add(1, Ordering::Relaxed);
        self.downloaded_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Bytes admitted by a [`Meter`], given back on drop.
#[derive(Debug)]
pub struct Charge {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Charge {
    /// The account that was charged.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The admitted bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.in_use.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::LimitLevel;

    #[test]
    fn memory_is_admitted_before_and_returned_after() {
        let meter = Meter::new(&Limits::level(LimitLevel::High));
        let charge = meter.admit(60 << 20).unwrap();
        let hit = meter.admit(60 << 20).unwrap_err();
        assert_eq!((hit.kind, hit.limit, hit.wanted), (LimitKind::Memory, 100 << 20, Some(120 << 20)));
        drop(charge);
        assert_eq!(meter.in_use_bytes(), 0);
        assert_eq!(meter.peak_bytes(), 60 << 20);
        assert!(meter.admit(60 << 20).is_ok());
    }
}
