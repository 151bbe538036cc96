//! What the task of one slot has printed so far: written by the task, read at the end and, meanwhile, by who follows it.
//!
//! Each slot has one for its life. What exceeds [`LOG_BYTES_MAX`] is dropped and counted, so that a task can neither fill
//! memory nor be stalled by a slow reader.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_model::{JobId, TaskId};
use nexus_wire::LogPosition;
use nexus_wire::limits::LOG_PIECE_BYTES;
use tokio::sync::Notify;

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
    /// Wakes those who follow any slot's task.
    printed: Arc<Notify>,
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

    /// A piece of what is kept.
    fn piece(&self, from: u64) -> Vec<u8> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.bytes.len());
        let end = (from + LOG_PIECE_BYTES).min(self.bytes.len());
        self.bytes[from..end].to_vec()
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
    /// A log that says when there is something new in it.
    pub(crate) fn announced(printed: &Arc<Notify>) -> Self {
        SlotLog { state: Mutex::default(), printed: Arc::clone(printed) }
    }

    /// What `task` has printed from a position on, at most [`LOG_PIECE_BYTES`] of each stream; `None` where the slot has
    /// another task in hand.
    pub(crate) fn read(&self, task: TaskId, from: LogPosition) -> Option<(Vec<u8>, Vec<u8>)> {
        let state = self.state();
        (state.task == Some((task.job, task.index)))
            .then(|| (state.stdout.piece(from.stdout), state.stderr.piece(from.stderr)))
    }

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
        drop(state);
        self.printed.notify_waiters();
    }

    /// The task has ended: all of its stdout and stderr.
    pub(crate) fn end(&self) -> (Vec<u8>, Vec<u8>) {
        let mut state = self.state();
        let printed = (state.stdout.take(), state.stderr.take());
        state.task = None;
        drop(state);
        self.printed.notify_waiters();
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

    #[test]
    fn a_follower_reads_on_from_where_it_is_and_only_its_task() {
        let log = SlotLog::default();
        let task = TaskId { job: JobId(1), index: 4 };
        log.begin(task.job, task.index);
        log.append(Stream::Stdout, b"one\ntwo\n");
        log.append(Stream::Stderr, b"!");
        let at = |stdout, stderr| LogPosition { stdout, stderr };
        assert_eq!(log.read(task, at(4, 0)), Some((b"two\n".to_vec(), b"!".to_vec())));
        assert_eq!(log.read(task, at(u64::MAX, 1)), Some((Vec::new(), Vec::new())));
        assert_eq!(log.read(TaskId { index: 5, ..task }, at(0, 0)), None);
        log.append(Stream::Stdout, &vec![b'x'; 2 * LOG_PIECE_BYTES]);
        assert_eq!(log.read(task, at(0, 0)).unwrap().0.len(), LOG_PIECE_BYTES, "a piece at a time");
        log.end();
        assert_eq!(log.read(task, at(0, 0)), None);
    }
}
