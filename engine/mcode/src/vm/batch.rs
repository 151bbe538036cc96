//! Calls on threads: whoever is free takes the next ones, and what they leave is gathered in their order.
//!
//! A batch may be shared with other machines ([`super::sharing`]): its calls are then kept until their results are there,
//! from whichever side they come first, and a thread that is at a call whose result has come is stopped.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fault::{Fault, Outcome};
use super::host::{Clock, Files, Host};
use super::value::{Closure, Value};
use crate::codes::Code;
use crate::external::ExternalModules;
use crate::ir::Image;
use crate::native::{Native, NativeProfile, Shared};
use crate::profile::Recorder;

/// Pieces that each thread takes on average: few enough to cost nothing, enough to even out.
const PIECES: usize = 8;
/// Bytes that calls which run together may print before the turn of the first comes.
const PRINTED_MAX: usize = 64 << 20;
/// The desk of a thread that is at no call.
const NOWHERE: usize = usize::MAX;

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) function: Arc<Closure>,
    pub(super) arguments: Vec<Value>,
    /// The random stream that it draws from.
    pub(super) stream: u64,
}

/// What a call left behind.
pub(super) struct Done {
    pub(super) result: Outcome<Value>,
    pub(super) printed: Vec<String>,
    pub(super) outputs: Vec<(String, Value)>,
    /// What native code did in it.
    pub(super) native: Option<Box<NativeProfile>>,
    /// Iterations of loops that are not accounted for yet.
    pub(super) loops: u64,
}

/// A call on its way.
enum Slot {
    Waiting(Job),
    /// A thread has taken it.
    Taken,
    Done(Box<Done>),
}

/// Where a thread of a shared batch says what it is at, and looks whether to stop.
#[derive(Default)]
struct Desk {
    call: AtomicUsize,
    stop: Arc<AtomicBool>,
}

/// Calls that run beside each other.
pub(super) struct Batch<'g> {
    pub(super) ground: Ground<'g>,
    slots: Vec<Mutex<Slot>>,
    /// What follows the first call that fails is left out.
    together: bool,
    /// Calls that a thread takes at a time.
    piece: usize,
    next: AtomicUsize,
    failed: AtomicUsize,
    ended: AtomicUsize,
    /// One for each thread, where the batch is shared.
    desks: Vec<Desk>,
    working: Mutex<usize>,
    through: Condvar,
}

/// Runs calls on the threads of the run, and on other machines where that is worth it; gives what they left in their
/// order. With `together`, what follows the first that fails is left out.
pub(super) fn run(host: &mut Host<'_>, jobs: Vec<Job>, together: bool) -> Vec<Done> {
    let count = jobs.len();
    let threads = host.threads.clamp(1, count.max(1));
    if count > 0 {
        host.context.meter().count_spread(threads);
    }
    host.account_for_loops();
    let sharing = host.sharing.as_ref().filter(|_| count > 1 && host.profile.is_none());
    let batch = Arc::new(Batch::new(Ground::of(host), jobs, together, threads));
    let is_shared = sharing.is_some_and(|sharing| sharing.show(&batch));
    host.pause_profile();
    let threads_of = &batch;
    std::thread::scope(|scope| {
        for thread in 1..threads {
            let work = move || threads_of.work(is_shared.then_some(thread));
            // A machine that has no more threads does with those that there are.
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                batch.leave();
            }
        }
        batch.work(is_shared.then_some(0));
    });
    host.account_for_loops();
    let mut results = batch.take_results();
    host.resume_profile(std::mem::take(&mut *locked(&batch.ground.recorders)));
    if let Some(native) = &mut host.native {
        results.iter_mut().filter_map(|done| done.native.take()).for_each(|task| native.profile.merge(*task));
    }
    if let Err(fault) = host.add_iterations(results.iter().map(|done| done.loops).sum())
        && let Some(last) = results.last_mut()
        && last.result.is_ok()
    {
        last.result = Err(fault);
    }
    results
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'g> Batch<'g> {
    fn new(ground: Ground<'g>, jobs: Vec<Job>, together: bool, threads: usize) -> Self {
        let desk = |_| Desk { call: AtomicUsize::new(NOWHERE), stop: Arc::default() };
        Batch {
            ground,
            together,
            piece: jobs.len().div_ceil(threads * PIECES).max(1),
            slots: jobs.into_iter().map(|job| Mutex::new(Slot::Waiting(job))).collect(),
            next: AtomicUsize::new(0),
            failed: AtomicUsize::new(usize::MAX),
            ended: AtomicUsize::new(0),
            desks: (0..threads).map(desk).collect(),
            working: Mutex::new(threads),
            through: Condvar::new(),
        }
    }

    /// What one thread does.
    fn work(&self, desk: Option<usize>) {
        let _leaving = Leaving(self);
        let desk = desk.map(|number| &self.desks[number]);
        loop {
            let from = self.next.fetch_add(self.piece, Ordering::Relaxed);
            if from >= self.slots.len() {
                return;
            }
            for call in from..self.slots.len().min(from + self.piece) {
                if self.together && call > self.failed.load(Ordering::Relaxed) {
                    break;
                }
                match desk {
                    None => self.run_taken(call),
                    Some(desk) => self.run_shared(call, desk),
                }
            }
        }
    }

    fn leave(&self) {
        *locked(&self.working) -= 1;
        self.through.notify_all();
    }

    fn run_taken(&self, call: usize) {
        let slot = std::mem::replace(&mut *locked(&self.slots[call]), Slot::Taken);
        let Slot::Waiting(job) = slot else { return };
        let done = self.ground.run(job, None);
        self.put(call, done);
    }

    fn run_shared(&self, call: usize, desk: &Desk) {
        loop {
            desk.stop.store(false, Ordering::SeqCst);
            // Whoever brings the result from now on sees that this thread is at it.
            desk.call.store(call, Ordering::SeqCst);
            let job = match &*locked(&self.slots[call]) {
                Slot::Waiting(job) => Some(job.clone()),
                Slot::Taken | Slot::Done(_) => None,
            };
            let done = job.map(|job| self.ground.run(job, Some(&desk.stop)));
            desk.call.store(NOWHERE, Ordering::SeqCst);
            let Some(done) = done else { return };
            let stopped = matches!(&done.result, Err(fault) if fault.code == Code::Cancelled);
            if stopped && !self.ground.is_cancelled() {
                // Either its result has come, or the sign was meant for the call before.
                continue;
            }
            self.put(call, done);
            return;
        }
    }

    /// Keeps what a call left, unless that is known already.
    pub(super) fn put(&self, call: usize, done: Done) {
        if done.result.is_err() {
            self.failed.fetch_min(call, Ordering::Relaxed);
        }
        let mut slot = locked(&self.slots[call]);
        if matches!(*slot, Slot::Done(_)) {
            return;
        }
        *slot = Slot::Done(Box::new(done));
        drop(slot);
        self.ended.fetch_add(1, Ordering::Relaxed);
        let at_it = |desk: &&Desk| desk.call.load(Ordering::SeqCst) == call;
        self.desks.iter().filter(at_it).for_each(|desk| desk.stop.store(true, Ordering::SeqCst));
    }

    /// Stops the threads if the run is to stop.
    pub(super) fn pass_on_cancel(&self) {
        if self.ground.is_cancelled() {
            self.desks.iter().for_each(|desk| desk.stop.store(true, Ordering::SeqCst));
        }
    }

    /// Waits for the threads to be through, for a while at most; whether they are.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let working = locked(&self.working);
        let waited = self.through.wait_timeout_while(working, patience, |working| *working > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }

    /// Calls, those that ended, the first that no thread has taken, and the threads.
    pub(super) fn progress(&self) -> (usize, usize, usize, usize) {
        let next = self.next.load(Ordering::Relaxed).min(self.slots.len());
        (self.slots.len(), self.ended.load(Ordering::Relaxed), next, self.desks.len())
    }

    /// A call that has not ended.
    pub(super) fn waiting(&self, call: usize) -> Option<Job> {
        match &*locked(&self.slots[call]) {
            Slot::Waiting(job) => Some(job.clone()),
            Slot::Taken | Slot::Done(_) => None,
        }
    }

    fn take_results(&self) -> Vec<Done> {
        let mut results = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let Slot::Done(done) = std::mem::replace(&mut *locked(slot), Slot::Taken) else { break };
            let failed = done.result.is_err();
            results.push(*done);
            if self.together && failed {
                break;
            }
        }
        results
    }
}

/// A thread at work; it leaves however it ends.
struct Leaving<'b, 'g>(&'b Batch<'g>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What the calls of one batch share.
pub(super) struct Ground<'g> {
    pub(super) image: &'g Image,
    context: &'g nexus_tensor::Context,
    limits: &'g nexus_model::Limits,
    cancel: &'g AtomicBool,
    inputs: &'g [(String, nexus_model::Value)],
    files: Option<&'g Files<'g>>,
    clock: Option<&'g Clock>,
    external: Option<&'g dyn ExternalModules>,
    pub(super) globals: Vec<Value>,
    loops: Arc<AtomicU64>,
    native: Option<Shared<'g>>,
    /// Bytes that the calls printed together.
    printed: AtomicUsize,
    /// Profiles that no call is writing: as many as there were calls at once.
    #[expect(clippy::vec_box, reason = "each call takes one over: its box moves, not all that is in it")]
    recorders: Mutex<Vec<Box<Recorder>>>,
    /// Profiles that were begun.
    recording: AtomicU32,
}

impl<'g> Ground<'g> {
    pub(super) fn of(host: &Host<'g>) -> Self {
        Ground {
            image: host.image,
            context: host.context,
            limits: host.limits,
            cancel: host.cancel,
            inputs: host.inputs,
            files: host.files,
            clock: host.clock,
            external: host.external,
            globals: host.globals.clone(),
            loops: Arc::clone(&host.loops),
            native: host.native.as_ref().map(|native| native.shared()),
            printed: AtomicUsize::new(0),
            recorders: Mutex::default(),
            recording: AtomicU32::new(0),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The surroundings of something that this run does on the side: reading what comes from elsewhere.
    pub(super) fn aside<T>(&self, work: impl FnOnce(&mut Host<'_>) -> T) -> T {
        let mut print = |_: &str| {};
        let mut host = Host::new(self.context, self.limits, self.cancel, &mut print, &[], None, self.image);
        work(&mut host)
    }

    /// Runs a call. Where it can be stopped alone, what it counts is its own until its result is taken.
    pub(super) fn run(&self, job: Job, stop: Option<&Arc<AtomicBool>>) -> Done {
        let stream = job.stream;
        let mut context = self.context.fork(stream);
        if let Some(stop) = stop {
            context = context.with_cancel(Arc::clone(stop));
        }
        let mut printed: Vec<String> = Vec::new();
        let mut overflowed = false;
        let mut print = |line: &str| {
            let before = self.printed.fetch_add(line.len(), Ordering::Relaxed);
            overflowed |= before.saturating_add(line.len()) > PRINTED_MAX;
            if !overflowed {
                printed.push(line.to_owned());
            }
        };
        let cancel = stop.map_or(self.cancel, |stop| stop);
        let mut host = Host::new(&context, self.limits, cancel, &mut print, self.inputs, self.files, self.image);
        host.clock = self.clock;
        host.external = self.external;
        host.in_task = true;
        let kept = locked(&self.recorders).pop();
        host.take_up_profile(kept, || self.recording.fetch_add(1, Ordering::Relaxed) + 1);
        host.native = self.native.map(|shared| Box::new(Native::new(shared)));
        host.globals = self.globals.clone();
        let before = self.loops.load(Ordering::Relaxed);
        host.loops = if stop.is_some() { Arc::new(AtomicU64::new(before)) } else { Arc::clone(&self.loops) };
        let mut result = host.call(&Value::Function(job.function), job.arguments);
        if let Err(fault) = host.settle_loops()
            && result.is_ok()
        {
            result = Err(fault);
        }
        let loops = if stop.is_some() { host.loops.load(Ordering::Relaxed) - before } else { 0 };
        let outputs = std::mem::take(&mut host.outputs);
        if let Some(profile) = host.take_profile() {
            locked(&self.recorders).push(profile);
        }
        let native = host.native.take().map(|native| Box::new(native.profile));
        drop(host);
        if overflowed && result.is_ok() {
            let message = format!("calls that run together printed more than {} MiB", PRINTED_MAX >> 20);
            let fault = Fault::new(Code::LimitOutput, message);
            result = Err(fault.help("return values, or use `output(\"name\", value)` for data"));
        }
        Done { result, printed, outputs, native, loops }
    }
}
