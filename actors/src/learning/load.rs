//! What other processes do on the machine: a run shares its threads with them.

use std::sync::atomic::{AtomicU32, Ordering};

/// Threads of the machine that other processes keep busy, as they were seen last.
#[derive(Debug, Default)]
pub(crate) struct Load {
    thousandths: AtomicU32,
}

impl Load {
    /// As it is now, where the system says so without being watched for a while: those that run at this moment.
    pub(crate) fn now() -> Self {
        let load = Load::default();
        let text = if cfg!(target_os = "linux") { std::fs::read_to_string("/proc/stat").ok() } else { None };
        // The one that looks is among them.
        let others = text.and_then(|text| runnable(&text)).unwrap_or(1).saturating_sub(1);
        load.note(f64::from(others));
        load
    }

    /// Notes how many threads they keep busy.
    pub(crate) fn note(&self, threads: f64) {
        self.thousandths.store((threads * 1e3) as u32, Ordering::Relaxed);
    }

    pub(crate) fn threads(&self) -> f64 {
        f64::from(self.thousandths.load(Ordering::Relaxed)) / 1e3
    }
}

/// Threads of the whole machine that run or could, as `/proc/stat` counts them.
fn runnable(text: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix("procs_running "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_counted() {
        assert_eq!(runnable("cpu  1 2 3\nprocs_running 5\nprocs_blocked 0\n"), Some(5));
        assert_eq!(runnable("cpu  1 2 3\n"), None);
        let load = Load::default();
        load.note(1.25);
        assert!((load.threads() - 1.25).abs() < 1e-3);
        load.note(f64::NAN);
        assert!(load.threads() == 0.0);
    }
}
