//! What the task of one slot has printed so far: written by the task, read at the end and, meanwhile, by who follows it.
//!
//! Each slot has one for its life. What exceeds [`LOG_BYTES_MAX`] is dropped and counted, so that a task can neither fill
//! memory nor be stalled by a slow reader.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_model::JobId;

/// Kept bytes of each of stdout and stderr.
pub(crate) const LOG_BYTES_MAX: usize = 16 << 20;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The log of a slot's task.
#[derive(Debug, Default)]
pub(crate) struct SlotLog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    task: Option<(JobId, u32)>,
    stdout: Kept,
    stderr: Kept,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: u64,
}

impl Kept {
    fn append(&mut self, bytes: &[u8]) {
        let room = LOG_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.dropped += bytes.len().saturating_sub(room) as u64;
    }

    fn take(&mut self) -> Vec<u8> {
        let Kept { mut bytes, dropped } = std::mem::take(self);
        if dropped > 0 {
            bytes.extend_from_slice(format!("\n[{dropped} more bytes were printed and not kept]\n").as_bytes());
        }
        bytes
    }
}

impl SlotLog {
    /// A task begins; what the one before it printed was taken.
    pub(crate) fn begin(&self, job: JobId, index: u32) {
        *self.state() = State { task: Some((job, index)), ..State::default() };
    }

    /// The task prints.
    pub(crate) fn append(&self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state();
        match stream {
            Stream::Stdout => state.stdout.append(bytes),
            Stream::Stderr => state.stderr.append(bytes),
        }
    }

    /// The task has ended: all of its stdout and stderr.
    pub(crate) fn end(&self) -> (Vec<u8>, Vec<u8>) {
        let mut state = self.state();
        let printed = (state.stdout.take(), state.stderr.take());
        state.task = None;
        printed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_dropped_and_said() {
        let log = SlotLog::default();
        log.begin(JobId(1), 0);
        for _ in 0..3 {
            log.append(Stream::Stdout, &vec![b'x'; LOG_BYTES_MAX / 2]);
        }
        let (stdout, _) = log.end();
        let note = format!("\n[{} more bytes were printed and not kept]\n", LOG_BYTES_MAX / 2);
        assert!(stdout.ends_with(note.as_bytes()) && stdout.len() == LOG_BYTES_MAX + note.len());
    }
}
