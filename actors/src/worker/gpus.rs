//! Who has which graphics processor of this machine, and how much of it.
//!
//! A pure value, which the worker's queue drives under its lock. Processors are counted from 0 in the order in which the
//! machine lists them; that a task keeps to its part is up to the task.

use nexus_model::GPU_MILLI;

/// Processors that are told apart: those of one machine.
const GPUS_MAX: usize = 64;

/// The processors of this machine, and what of each is free, in thousandths.
#[derive(Debug, Clone)]
pub(super) struct Gpus {
    free: Vec<u32>,
}

/// A task's part: of one processor a part, or several whole ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GpuShare {
    /// A bit for each processor.
    which: u64,
    /// What it has of each of them, in thousandths.
    milli: u32,
}

impl Gpus {
    /// So many processors, all free.
    pub(super) fn new(count: usize) -> Self {
        Gpus { free: vec![GPU_MILLI; count.min(GPUS_MAX)] }
    }

    /// All of them together, in thousandths.
    pub(super) fn all(&self) -> u32 {
        u32::try_from(self.free.len()).unwrap_or(u32::MAX).saturating_mul(GPU_MILLI)
    }

    /// What tasks have of them, in thousandths.
    pub(super) fn given(&self) -> u32 {
        self.free.iter().map(|free| GPU_MILLI - free).sum()
    }

    /// A part of the processor with the least room that has enough, or whole ones; `None` while there is no room.
    pub(super) fn take(&mut self, milli: u32) -> Option<GpuShare> {
        if milli == 0 {
            return Some(GpuShare::default());
        }
        let each = milli.min(GPU_MILLI);
        let wanted = milli.div_ceil(GPU_MILLI) as usize;
        let mut fitting: Vec<usize> = (0..self.free.len()).filter(|at| self.free[*at] >= each).collect();
        fitting.sort_by_key(|at| (self.free[*at], *at));
        let chosen = fitting.get(..wanted)?;
        let mut share = GpuShare { which: 0, milli: each };
        for at in chosen {
            self.free[*at] -= each;
            share.which |= 1 << at;
        }
        Some(share)
    }

    /// A task has ended.
    pub(super) fn give_back(&mut self, share: GpuShare) {
        for (at, free) in self.free.iter_mut().enumerate().filter(|(at, _)| share.which & (1 << at) != 0) {
            *free += share.milli;
            assert!(*free <= GPU_MILLI, "more of gpu {at} was given back than taken");
        }
    }
}

impl GpuShare {
    /// Whether it is any.
    pub(super) fn is_some(self) -> bool {
        self.which != 0
    }

    /// `0,2`: what programs that look for their processors in the environment read.
    pub(super) fn devices(self) -> String {
        let devices = (0..GPUS_MAX).filter(|at| self.which & (1 << at) != 0);
        devices.map(|at| at.to_string()).collect::<Vec<_>>().join(",")
    }
}
