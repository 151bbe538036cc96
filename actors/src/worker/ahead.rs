//! Inputs are fetched while other tasks run: those of every job that this worker is told of, one blob after the other.
//!
//! A job is often told of before its tasks come. A task that begins meanwhile waits for what is on its way to it, and fetches
//! the rest itself; what cannot be fetched is left to it, which can say what is wrong. A thread is there while there is
//! something to fetch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nexus_model::{JobId, JobSpec, Payload};

use super::task::PayloadStore;

/// What is larger is fetched by the task that needs it: it is in memory on its way to the disk.
const BYTES_MAX: u64 = 512 << 20;

#[derive(Default)]
struct State {
    /// Blobs to fetch, by job: the oldest job first.
    waiting: BTreeMap<JobId, Vec<Payload>>,
    /// The job whose blob is on its way.
    current: Option<JobId>,
    thread: Option<JoinHandle<()>>,
    is_running: bool,
    stopped: bool,
}

/// The blobs that are to be fetched ahead, and the thread that does.
pub(super) struct FetchAhead {
    payloads: Arc<dyn PayloadStore>,
    state: Arc<Mutex<State>>,
    /// Set when nobody wants any more what is on its way.
    given_up: Arc<AtomicBool>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FetchAhead {
    pub(super) fn new(payloads: Arc<dyn PayloadStore>) -> Self {
        FetchAhead { payloads, state: Arc::default(), given_up: Arc::default() }
    }

    /// Fetches the inputs of a job that are blobs.
    pub(super) fn add(&self, job: JobId, spec: &JobSpec) {
        let payloads = spec.inputs.iter().map(|input| &input.payload);
        let blobs = payloads.filter(|payload| matches!(payload, Payload::Blob { bytes, .. } if *bytes <= BYTES_MAX));
        let blobs: Vec<Payload> = blobs.cloned().collect();
        let mut state = lock(&self.state);
        if blobs.is_empty() || state.stopped {
            return;
        }
        state.waiting.insert(job, blobs);
        if std::mem::replace(&mut state.is_running, true) {
            return;
        }
        let (payloads, shared) = (Arc::clone(&self.payloads), Arc::clone(&self.state));
        let given_up = Arc::clone(&self.given_up);
        let run = move || run(&*payloads, &shared, &given_up);
        match std::thread::Builder::new().name("fetch-ahead".to_owned()).spawn(run) {
            Ok(thread) => state.thread = Some(thread),
            Err(error) => {
                tracing::warn!(%error, "inputs are not fetched ahead: no thread can be started");
                state.is_running = false;
                state.waiting.clear();
            }
        }
    }

    /// Nobody wants the inputs of this job any more.
    pub(super) fn forget(&self, job: JobId) {
        let mut state = lock(&self.state);
        state.waiting.remove(&job);
        if state.current == Some(job) {
            self.given_up.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for FetchAhead {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        state.waiting.clear();
        self.given_up.store(true, Ordering::Relaxed);
        let thread = state.thread.take();
        drop(state);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that fetches inputs ahead had panicked");
        }
    }
}

fn run(payloads: &dyn PayloadStore, state: &Mutex<State>, given_up: &AtomicBool) {
    loop {
        let next = {
            let mut state = lock(state);
            state.current = None;
            if !state.stopped {
                given_up.store(false, Ordering::Relaxed);
            }
            let next = state.waiting.first_entry().and_then(|mut job| Some((*job.key(), job.get_mut().pop()?)));
            let Some((job, payload)) = next else {
                let Some((empty, _)) = state.waiting.pop_first() else {
                    state.is_running = false;
                    return;
                };
                tracing::trace!(job = %empty, "nothing is left to fetch ahead for it");
                continue;
            };
            state.current = Some(job);
            payload
        };
        payloads.fetch_ahead(&next, given_up);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use nexus_model::{BlobHash, Input, Program};

    use super::*;
    use crate::worker::LoadError;

    /// Says what it is asked for, and is done when it is told, or given up.
    struct Slow {
        asked: mpsc::SyncSender<(BlobHash, bool)>,
        go_on: Mutex<mpsc::Receiver<()>>,
    }

    impl PayloadStore for Slow {
        fn load(&self, _: &Payload) -> Result<Vec<u8>, LoadError> {
            Ok(Vec::new())
        }

        fn store(&self, bytes: Vec<u8>, _: &AtomicBool) -> Result<Payload, String> {
            Ok(Payload::Inline(bytes.into()))
        }

        fn fetch_ahead(&self, payload: &Payload, given_up: &AtomicBool) {
            let Payload::Blob { hash, .. } = payload else { return };
            self.asked.send((*hash, false)).unwrap();
            while !given_up.load(Ordering::Relaxed) && self.go_on.lock().unwrap().try_recv().is_err() {
                std::thread::yield_now();
            }
            self.asked.send((*hash, given_up.load(Ordering::Relaxed))).unwrap();
        }
    }

    fn job(inputs: &[(u8, u64)]) -> JobSpec {
        let program = Program::Command { argv: vec!["true".to_owned()], env: Vec::new(), cwd: None };
        let mut spec = JobSpec::single("job", program);
        let input = |(blob, bytes): &(u8, u64)| {
            let payload = Payload::Blob { hash: BlobHash([*blob; 32]), bytes: *bytes };
            Input { name: format!("x{blob}"), payload }
        };
        spec.inputs = inputs.iter().map(input).collect();
        spec
    }

    #[test]
    fn blobs_come_one_after_the_other_until_their_job_is_forgotten() {
        let ((asked, said), (go_on, goes_on)) = (mpsc::sync_channel(9), mpsc::sync_channel(9));
        let ahead = FetchAhead::new(Arc::new(Slow { asked, go_on: Mutex::new(goes_on) }));
        ahead.add(JobId(3), &job(&[]));
        ahead.add(JobId(7), &job(&[(1, 9), (2, BYTES_MAX + 1)]));
        assert_eq!(said.recv().unwrap(), (BlobHash([1; 32]), false));
        ahead.add(JobId(8), &job(&[(3, 9)]));
        ahead.add(JobId(9), &job(&[(4, 9)]));
        ahead.forget(JobId(8));
        go_on.send(()).unwrap();
        assert_eq!(said.recv().unwrap(), (BlobHash([1; 32]), false), "it came");
        assert_eq!(said.recv().unwrap(), (BlobHash([4; 32]), false), "what is too large or forgotten is left out");
        ahead.forget(JobId(9));
        assert_eq!(said.recv().unwrap(), (BlobHash([4; 32]), true), "it was given up on its way");
        ahead.add(JobId(10), &job(&[(5, 9)]));
        assert_eq!(said.recv().unwrap(), (BlobHash([5; 32]), false), "who comes later is not given up with it");
        drop(ahead);
        assert_eq!(said.recv().unwrap(), (BlobHash([5; 32]), true), "whoever stops waits for nothing");
    }
}
