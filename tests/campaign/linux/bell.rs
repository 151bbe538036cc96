//! The end of the campaign as something that can be waited for: pauses that end when it does.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Rings once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Rings it.
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for it at most this long; whether it has rung.
    pub(crate) fn wait(&self, pause: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, pause, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks until the answer is there, at most this long, also after the bell.
    pub(crate) fn until<T>(patience: Duration, pause: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        let never = Bell::default();
        let end = Instant::now() + patience;
        loop {
            if let Some(answer) = ask() {
                return Some(answer);
            }
            if Instant::now() >= end {
                return None;
            }
            never.wait(pause);
        }
    }
}
