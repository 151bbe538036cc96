//! Calls that run beside each other: tasks that `spawn` made, and the items of a `map` or `parallel for`.
//!
//! A spawned call waits until its result is needed; then all that wait run at once, on as many threads as the run was
//! given. Each works in surroundings of its own: a random stream that depends on its number alone, a copy of the top
//! level's variables, a buffer for what it prints. What they print and output is passed on in their order, so that the
//! result is the same on any number of threads. Inside a task everything runs in the order of the text. The threads are
//! in [`super::batch`].

use std::sync::Arc;

use super::batch::{self, Job};
use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::{Callable, Closure, Task, Value};
use crate::codes::Code;
use crate::ir::{FunctionCode, Image, Register};
use crate::library::lists::items;

/// Work of one call for which threads are started, in instructions: a call by itself costs some microseconds, and what
/// has no loop, call or operation on tensors takes less.
const WORK_MIN: u64 = 1_000;
/// Items that a `map` may spread; longer ranges are gone over one by one.
const ITEMS_MAX: u64 = 1 << 24;
/// Calls whose results are gathered at once.
const BATCH: usize = 1 << 16;

/// A spawned call that has not run.
#[derive(Debug)]
pub(crate) struct Pending {
    task: Arc<Task>,
    job: Job,
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
        settle(host)?;
    }
    let task = Task::waiting(arguments.iter().chain(&host.globals).chain([&handle]))?;
    let task = Arc::new(task);
    let stream = host.next_stream(1);
    host.pending.push(Pending { task: Arc::clone(&task), job: Job { function, arguments, stream } });
    window[first] = Value::Task(task);
    Ok(true)
}

/// The result of a task, for which it runs if it has not.
pub(crate) fn result(host: &mut Host, task: &Task) -> Outcome<Value> {
    if task.result.get().is_none() {
        settle(host)?;
    }
    match task.result.get() {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(fault)) => Err(fault.clone()),
        None => Err(Fault::internal("a task that nobody runs")),
    }
}

/// Runs everything that waits.
pub(crate) fn settle(host: &mut Host) -> Outcome<()> {
    let (tasks, jobs): (Vec<_>, Vec<_>) =
        std::mem::take(&mut host.pending).into_iter().map(|p| (p.task, p.job)).unzip();
    let mut outcome = Ok(());
    for (task, done) in tasks.iter().zip(batch::run(host, jobs, false)) {
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
pub(crate) fn finish(host: &mut Host) -> Outcome<()> {
    let tasks: Vec<Arc<Task>> = host.pending.iter().map(|p| Arc::clone(&p.task)).collect();
    settle(host)?;
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
        settle(host)?;
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
        let done = batch::run(host, jobs.collect(), true);
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

pub(super) fn takes(image: &Image, function: &Closure, count: usize) -> bool {
    match &function.callable {
        Callable::Function { id, .. } => {
            let code: &FunctionCode = &image.functions[*id as usize];
            (usize::from(code.required)..=usize::from(code.params)).contains(&count)
        }
        Callable::Op(op) => count <= op.params.len(),
        Callable::Builtin(_) | Callable::Derived(_) => true,
    }
}
