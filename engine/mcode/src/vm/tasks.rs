//! Calls that run beside each other: tasks that `spawn` made, and the items of a `map` or `parallel for`.
//!
//! A spawned call waits until its result is needed; then all that wait run at once, on as many threads as the run was
//! given. Each works in surroundings of its own: a random stream that depends on its number alone, a copy of the top
//! level's variables, a buffer for what it prints. What they print and output is passed on in their order, so that the
//! result is the same on any number of threads. Inside a task everything runs in the order of the text.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::fault::{Fault, Outcome};
use super::host::{Files, Host};
use super::value::{Callable, Closure, Task, Value};
use crate::codes::Code;
use crate::ir::{FunctionCode, Image, Register};
use crate::library::lists::items;
use crate::native::{Native, Shared};
use crate::profile::Recorder;

/// Work of one call for which threads are started, in instructions: a call by itself costs some microseconds, and what
/// has no loop, call or operation on tensors takes less.
const WORK_MIN: u64 = 1_000;
/// Items that a `map` may spread; longer ranges are gone over one by one.
const ITEMS_MAX: u64 = 1 << 24;
/// Calls whose results are gathered at once.
const BATCH: usize = 1 << 16;
/// Pieces that each thread takes on average: few enough to cost nothing, enough to even out.
const PIECES: usize = 8;
/// Bytes that tasks which run together may print before the turn of the first comes.
const PRINTED_MAX: usize = 64 << 20;

/// A spawned call that has not run.
#[derive(Debug)]
pub(crate) struct Pending {
    task: Arc<Task>,
    job: Job,
}

/// One call.
#[derive(Debug)]
struct Job {
    function: Arc<Closure>,
    arguments: Vec<Value>,
    /// The random stream that it draws from.
    stream: u64,
}

/// What a call left behind.
struct Done {
    result: Outcome<Value>,
    printed: Vec<String>,
    outputs: Vec<(String, Value)>,
    profile: Option<Box<Recorder>>,
}

/// Puts the handle of a call into `start`, to run later; false where it must run now.
pub(crate) fn defer(
    host: &mut Host,
    image: &Image,
    window: &mut [Value],
    (count, callee, start): (u8, Register, Register),
) -> Outcome<bool> {
    let Value::Function(function) = &window[usize::from(callee)] else { return Ok(false) };
    let function = Arc::clone(function);
    if host.in_task || host.derivatives > 0 || !takes(image, &function, usize::from(count)) {
        return Ok(false);
    }
    let first = usize::from(start);
    let arguments: Vec<Value> = window[first..first + usize::from(count)].iter_mut().map(std::mem::take).collect();
    let handle = Value::Function(Arc::clone(&function));
    let depends = |v: &Value| v.holds_tasks();
    if arguments.iter().chain(&host.globals).chain([&handle]).any(depends) {
        // What waits never waits for something that waits.
        settle(host, image)?;
    }
    let task = Task::waiting(arguments.iter().chain(&host.globals).chain([&handle]))?;
    let task = Arc::new(task);
    let stream = host.next_stream(1);
    host.pending.push(Pending { task: Arc::clone(&task), job: Job { function, arguments, stream } });
    window[first] = Value::Task(task);
    Ok(true)
}

/// The result of a task, for which it runs if it has not.
pub(crate) fn result(host: &mut Host, image: &Image, task: &Task) -> Outcome<Value> {
    if task.result.get().is_none() {
        settle(host, image)?;
    }
    match task.result.get() {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(fault)) => Err(fault.clone()),
        None => Err(Fault::internal("a task that nobody runs")),
    }
}

/// Runs everything that waits.
pub(crate) fn settle(host: &mut Host, image: &Image) -> Outcome<()> {
    let (tasks, jobs): (Vec<_>, Vec<_>) =
        std::mem::take(&mut host.pending).into_iter().map(|p| (p.task, p.job)).unzip();
    let mut outcome = Ok(());
    for (task, done) in tasks.iter().zip(run(host, image, jobs, false)) {
        let result = match done.result {
            Ok(value) if value.holds_tasks() => {
                Err(Fault::new(Code::NotAValue, "the handle of a task cannot be the result of a task")
                    .help("return what it computes: `await h`"))
            }
            result => result,
        };
        task.finish(result);
        if outcome.is_ok() {
            outcome = host.pass_on(&done.printed, done.outputs);
        }
    }
    outcome
}

/// Runs what was spawned and never awaited; the first that failed fails the program.
pub(crate) fn finish(host: &mut Host, image: &Image) -> Outcome<()> {
    let tasks: Vec<Arc<Task>> = host.pending.iter().map(|p| Arc::clone(&p.task)).collect();
    settle(host, image)?;
    match tasks.iter().find_map(|task| task.result.get().and_then(|r| r.as_ref().err())) {
        Some(fault) => Err(fault.clone()),
        None => Ok(()),
    }
}

/// Puts the results of a function for each item of the list into the list's register; false where it is better, or
/// needed, to go over the items one by one. With `again`, that is where a call failed: its items are in their register
/// again, and nothing that any call printed or named is kept.
pub(crate) fn fan_out(
    host: &mut Host,
    image: &Image,
    window: &mut [Value],
    (callee, list): (Register, Register),
    again: bool,
) -> Outcome<bool> {
    let Value::Function(function) = &window[usize::from(callee)] else { return Ok(false) };
    let Callable::Function { id, .. } = &function.callable else { return Ok(false) };
    let over = &window[usize::from(list)];
    let count = match over {
        Value::List(list) => list.len() as u64,
        Value::Range(range) => range.count,
        Value::Tensor(t) => t.shape().first().map_or(0, |&size| size as u64),
        _ => 0,
    };
    let weight = u64::from(image.functions[*id as usize].weight);
    let worth = (2..=ITEMS_MAX).contains(&count) && weight >= WORK_MIN;
    if host.in_task || host.derivatives > 0 || !worth || !takes(image, function, 1) {
        return Ok(false);
    }
    let function = Arc::clone(function);
    let values = match items(host, "map", over) {
        Ok(values) => values,
        Err(_) if again => return Ok(false),
        Err(fault) => return Err(fault),
    };
    if values.iter().chain([&Value::Function(Arc::clone(&function))]).chain(&host.globals).any(Value::holds_tasks) {
        settle(host, image)?;
    }
    let before = host.iterations();
    let mut stream = host.next_stream(count);
    let (mut results, mut left) = (Vec::with_capacity(values.len()), Vec::new());
    for batch in values.chunks(BATCH) {
        let jobs = batch.iter().zip(stream..).map(|(value, stream)| Job {
            function: Arc::clone(&function),
            arguments: vec![value.clone()],
            stream,
        });
        let done = run(host, image, jobs.collect(), true);
        stream += batch.len() as u64;
        for done in done {
            match done.result {
                Ok(value) => results.push(value),
                Err(_) if again => {
                    host.forget_iterations(before);
                    return Ok(false);
                }
                Err(fault) => {
                    host.pass_on(&done.printed, done.outputs)?;
                    return Err(fault);
                }
            }
            match again {
                true if done.printed.is_empty() && done.outputs.is_empty() => {}
                true => left.push((done.printed, done.outputs)),
                false => host.pass_on(&done.printed, done.outputs)?,
            }
        }
    }
    for (printed, outputs) in left {
        host.pass_on(&printed, outputs)?;
    }
    window[usize::from(list)] = host.list(results)?;
    Ok(true)
}

fn takes(image: &Image, function: &Closure, count: usize) -> bool {
    match &function.callable {
        Callable::Function { id, .. } => {
            let code: &FunctionCode = &image.functions[*id as usize];
            (usize::from(code.required)..=usize::from(code.params)).contains(&count)
        }
        Callable::Op(op) => count <= op.params.len(),
        Callable::Builtin(_) | Callable::Derived(_) => true,
    }
}

/// Runs calls on the threads of the run, and gives what they left in their order. With `together`, what follows the
/// first that fails is left out.
fn run(host: &mut Host, image: &Image, jobs: Vec<Job>, together: bool) -> Vec<Done> {
    let count = jobs.len();
    let threads = host.threads.clamp(1, count.max(1));
    if count > 0 {
        host.context.meter().count_spread(threads);
    }
    let piece = count.div_ceil(threads * PIECES).max(1);
    let jobs: Vec<Mutex<Option<Job>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
    let done: Mutex<Vec<(usize, Vec<Done>)>> = Mutex::new(Vec::new());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    host.account_for_loops();
    let ground = Ground::of(host, image);
    let work = || {
        loop {
            let from = next.fetch_add(piece, Ordering::Relaxed);
            if from >= count {
                return;
            }
            let mut results = Vec::new();
            for (index, slot) in jobs.iter().enumerate().take(from + piece).skip(from) {
                if together && index > failed.load(Ordering::Relaxed) {
                    break;
                }
                let Some(job) = locked(slot).take() else { break };
                let left = ground.run(job);
                if left.result.is_err() {
                    failed.fetch_min(index, Ordering::Relaxed);
                }
                results.push(left);
            }
            locked(&done).push((from, results));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // A machine that has no more threads does with those that there are.
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    host.account_for_loops();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(from, _)| *from);
    let mut results: Vec<Done> = done.into_iter().flat_map(|(_, results)| results).collect();
    if let Some(profile) = &mut host.profile {
        results.iter_mut().filter_map(|done| done.profile.take()).for_each(|task| profile.merge(*task));
    }
    if together && let Some(first) = results.iter().position(|d| d.result.is_err()) {
        results.truncate(first + 1);
    }
    results
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the calls of one batch share.
struct Ground<'g> {
    image: &'g Image,
    context: &'g nexus_tensor::Context,
    limits: &'g nexus_model::Limits,
    cancel: &'g std::sync::atomic::AtomicBool,
    inputs: &'g [(String, nexus_model::Value)],
    files: Option<&'g Files<'g>>,
    clock: Option<&'g super::host::Clock>,
    globals: Vec<Value>,
    loops: Arc<std::sync::atomic::AtomicU64>,
    native: Option<Shared<'g>>,
    /// Bytes that the calls printed together.
    printed: AtomicUsize,
}

impl<'g> Ground<'g> {
    fn of<'a: 'g>(host: &Host<'a>, image: &'g Image) -> Self {
        Ground {
            image,
            context: host.context,
            limits: host.limits,
            cancel: host.cancel,
            inputs: host.inputs,
            files: host.files,
            clock: host.clock,
            globals: host.globals.clone(),
            loops: Arc::clone(&host.loops),
            native: host.native.as_ref().map(|native| native.shared()),
            printed: AtomicUsize::new(0),
        }
    }

    fn run(&self, job: Job) -> Done {
        let stream = job.stream;
        let context = self.context.fork(stream);
        let mut printed: Vec<String> = Vec::new();
        let mut overflowed = false;
        let mut print = |line: &str| {
            let before = self.printed.fetch_add(line.len(), Ordering::Relaxed);
            overflowed |= before.saturating_add(line.len()) > PRINTED_MAX;
            if !overflowed {
                printed.push(line.to_owned());
            }
        };
        let mut host = Host::new(&context, self.limits, self.cancel, &mut print, self.inputs, self.files, self.image);
        host.clock = self.clock;
        host.in_task = true;
        if let Some(profile) = &mut host.profile {
            profile.set_thread(u32::try_from(stream.wrapping_add(1)).unwrap_or(u32::MAX));
        }
        host.native = self.native.map(|shared| Box::new(Native::new(shared)));
        host.globals = self.globals.clone();
        host.loops = Arc::clone(&self.loops);
        let mut result = host.call(&Value::Function(job.function), job.arguments);
        if let Err(fault) = host.settle_loops()
            && result.is_ok()
        {
            result = Err(fault);
        }
        let outputs = std::mem::take(&mut host.outputs);
        let profile = host.profile.take();
        drop(host);
        if overflowed && result.is_ok() {
            let message = format!("tasks that run together printed more than {} MiB", PRINTED_MAX >> 20);
            let fault = Fault::new(Code::LimitOutput, message);
            result = Err(fault.help("return values, or use `output(\"name\", value)` for data"));
        }
        Done { result, printed, outputs, profile }
    }
}
