//! Profiles of whole programs against a clock that the test moves: counts, sums, places in the calls, and the files that
//! viewers read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_mcode::{Execution, JitLevel, Profile, ProfileKind, RunRequest, RunResult, compile, run};
use nexus_model::Limits;
use nexus_tensor::{Context, Device, ProfileClock};

/// Runs a program at level 0 with this clock.
fn run_by(source: &str, threads: usize, clock: ProfileClock) -> RunResult {
    let compilation = compile("profiled.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics));
    let request = RunRequest {
        execution: Execution::at(JitLevel::Plain),
        threads,
        ..RunRequest::new(Context::new(Device::cpu()).with_profile_clock(clock), Limits::local())
    };
    run(&program, request).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Runs a program at level 0 with a clock that goes on by a microsecond each time that it is looked at, and with a beat
/// after every so many looks.
fn profiled_with(source: &str, threads: usize, looks_a_beat: u64) -> RunResult {
    let (looks, beat) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let beats = Arc::clone(&beat);
    let now = Arc::new(move || {
        let looks = looks.fetch_add(1, Ordering::Relaxed);
        beats.store(looks / looks_a_beat, Ordering::Relaxed);
        looks * 1_000
    });
    run_by(source, threads, ProfileClock { now, beat })
}

fn profiled(source: &str, threads: usize) -> RunResult {
    profiled_with(source, threads, u64::MAX)
}

fn profile_of(source: &str) -> Profile {
    *profiled(source, 1).profile.expect("the context has a stopwatch")
}

const CALLS: &str = "function inner(x)\n    return x + 1\nend\n\
    function outer(n: int)\n    total = 0\n    for i in 0..n\n        total = inner(total)\n    end\n    return total\nend\n\
    function main()\n    a = outer(10)\n    b = outer(20)\n    t = tensor.ones(8, 8)\n    u = t @ t\n    return a + b\nend\n";

#[test]
fn every_call_is_counted_and_time_is_split_between_callers_and_called() {
    let profile = profile_of(CALLS);
    let line = |name: &str| {
        let found = profile.lines.iter().find(|line| line.name.starts_with(name));
        &found.unwrap_or_else(|| panic!("{name} is missing:\n{}", profile.table())).timing
    };
    assert_eq!((line("main").count, line("outer").count, line("inner").count), (1, 2, 30));
    assert_eq!((line("tensor.ones").count, line("tensor @").count), (1, 1));
    // Each timed call takes one tick of the clock inside and one outside; the first calls are all timed.
    assert_eq!((line("inner").total_ns, line("inner").min_ns, line("inner").max_ns), (30_000, 1_000, 1_000));
    assert_eq!(line("outer").total_ns, 2 * 1_000 + 2 * 30_000);
    assert_eq!(line("outer").self_ns, line("outer").total_ns - line("inner").total_ns);
    let own: u64 = profile.lines.iter().map(|line| line.timing.self_ns).sum();
    assert!(own >= line("main").total_ns, "{}", profile.table());
    assert_eq!(line("tensor @").bytes, 8 * 8 * 4);
}

#[test]
fn recursion_counts_its_outermost_call_in_the_total() {
    let fib = "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
               function main()\n    return fib(6)\nend\n";
    let profile = profile_of(fib);
    let line = |name: &str| profile.lines.iter().find(|line| line.name.starts_with(name)).expect("it ran");
    // fib(6) makes 25 calls.
    assert_eq!(line("fib").timing.count, 25);
    assert!(line("fib").timing.total_ns < line("main").timing.total_ns);
}

#[test]
fn stacks_and_traces_are_what_viewers_read() {
    let profile = profile_of(CALLS);
    let folded = profile.folded();
    let deep = folded.lines().find(|line| line.contains("inner")).expect("there is time in it");
    let (stack, time) = deep.rsplit_once(' ').expect("a stack and a number");
    let frames: Vec<&str> = stack.split(';').collect();
    assert_eq!(frames.len(), 3, "{stack}");
    assert!(frames[0].starts_with("main") && frames[1].starts_with("outer"), "{stack}");
    assert_eq!(time, "30");
    let trace = profile.trace();
    let trace = nexus_formats::read(nexus_formats::Format::Json, trace.as_bytes()).expect("it is JSON");
    let nexus_model::Value::Record(fields) = trace else { panic!("a trace is an object") };
    let Some((_, nexus_model::Value::List(events))) = fields.iter().find(|(name, _)| name == "traceEvents") else {
        panic!("it has its events");
    };
    assert_eq!(events.len(), profile.events.len());
    assert!(profile.events.iter().any(|event| event.kind == ProfileKind::Operation));
    let svg = profile.flame_graph("a < b & c");
    assert!(svg.starts_with("<svg") && svg.contains("a &lt; b &amp; c") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.matches("<rect").count() >= 4, "{svg}");
}

#[test]
fn tasks_on_threads_are_in_the_profile_of_their_run() {
    let spread = "function work(i: int)\n    total = 0\n    for k in 0..50\n        total = total + k * i\n    end\n    \
                  return total\nend\nfunction main()\n    return map(work, 0..200)\nend\n";
    for threads in [1, 2] {
        let profile = profiled(spread, threads).profile.expect("the context has a stopwatch");
        let work = profile.lines.iter().find(|line| line.name.starts_with("work")).expect("it ran");
        assert_eq!(work.timing.count, 200, "{threads} threads");
        // A trace has a row for each thread, not for each call.
        let rows: BTreeSet<u32> = profile.events.iter().map(|event| event.thread).collect();
        assert!(rows.contains(&0) && rows.len() <= threads + 1, "{threads} threads, {rows:?}");
        // The calls' time is below what called them, and nobody else's: the main thread waited.
        let total = |name: &str| {
            let found = profile.lines.iter().find(|line| line.name.starts_with(name));
            found.map_or(0, |line| line.timing.total_ns)
        };
        assert!(total("work") <= total("main"), "{}", profile.table());
    }
}

#[test]
fn a_fault_leaves_no_call_open() {
    let compilation =
        compile("fails.mcode", "function f(x)\n    return 1 // x\nend\nfunction main()\n    return f(0)\nend\n");
    let program = compilation.program.expect("it compiles");
    let clock = ProfileClock { now: Arc::new(|| 0), beat: Arc::default() };
    let request = RunRequest {
        execution: Execution::at(JitLevel::Plain),
        ..RunRequest::new(Context::new(Device::cpu()).with_profile_clock(clock), Limits::local())
    };
    assert!(run(&program, request).is_err());
}

#[test]
fn recursion_of_short_calls_has_its_time() {
    let fib = "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
               function main()\n    return fib(18)\nend\n";
    let profile = profiled_with(fib, 1, 1).profile.expect("the context has a clock");
    let line = |name: &str| {
        let found = profile.lines.iter().find(|line| line.name.starts_with(name));
        &found.unwrap_or_else(|| panic!("{name} is missing:\n{}", profile.table())).timing
    };
    // fib(18) makes 2 F(19) - 1 calls, of which some are timed; each look at the clock takes a microsecond.
    let (fib, main) = (line("fib"), line("main"));
    assert_eq!(fib.count, 8_361);
    let whole: u64 = profile.lines.iter().map(|line| line.timing.self_ns).sum();
    assert!(fib.self_ns as f64 > 0.99 * whole as f64, "{}", profile.table());
    assert!(fib.self_ns <= fib.total_ns && fib.total_ns <= main.total_ns, "{}", profile.table());
    assert!(main.total_ns <= whole, "{}", profile.table());
    let stacks: u64 = profile.stacks.iter().map(|stack| stack.self_ns).sum();
    assert_eq!(stacks, whole);
    assert!(profile.stacks.iter().all(|stack| stack.frames[0].starts_with("main") || stack.frames.len() == 1));
}

#[test]
fn time_of_what_is_not_timed_goes_to_what_the_beats_found_with_all_its_callers() {
    // After its first calls, `leaf` is so short that few calls of it are timed; `middle` is called as often.
    let source = "function leaf(x)\n    return x + 1\nend\nfunction middle(x)\n    return leaf(x) + leaf(x)\nend\n\
                  function main()\n    total = 0\n    for i in 0..20000\n        total = middle(total) - total\n    end\n    \
                  return total\nend\n";
    let profile = profiled_with(source, 1, 1).profile.expect("the context has a clock");
    let line = |name: &str| &profile.lines.iter().find(|line| line.name.starts_with(name)).expect("it ran").timing;
    let (leaf, middle, main) = (line("leaf"), line("middle"), line("main"));
    assert_eq!((leaf.count, middle.count), (40_000, 20_000));
    assert!(leaf.timed < 1_000 && leaf.sampled_self_ns > 0, "{}", profile.table());
    let chain = profile.stacks.iter().find(|stack| stack.frames.len() == 3).expect("leaf is called by middle by main");
    assert!(chain.frames[0].starts_with("main") && chain.frames[1].starts_with("middle"), "{:?}", chain.frames);
    assert!(leaf.self_ns + middle.self_ns <= middle.total_ns && middle.total_ns <= main.total_ns);
    // Of the six parts of each round two are a leaf's, three the middle's and one main's, and each takes one look.
    for (timing, share) in [(leaf, 2.0 / 6.0), (middle, 3.0 / 6.0), (main, 1.0 / 6.0)] {
        let found = timing.self_ns as f64 / main.total_ns as f64;
        assert!((found - share).abs() < 0.01, "{found} for {share}\n{}", profile.table());
    }
}

#[test]
fn operations_stand_below_the_function_that_called_them() {
    let source = "function work(t)\n    return t + t\nend\nfunction main()\n    t = tensor.ones(4, 4)\n    \
                  for i in 0..1000\n        u = work(t)\n    end\n    return 0\nend\n";
    let profile = profiled_with(source, 1, 1).profile.expect("the context has a clock");
    let sums = profile.stacks.iter().filter(|stack| stack.frames.last().is_some_and(|last| last == "tensor +"));
    let sums: Vec<_> = sums.collect();
    assert!(!sums.is_empty(), "{}", profile.folded());
    for stack in sums {
        assert_eq!(stack.frames.len(), 3, "{:?}", stack.frames);
        assert!(stack.frames[0].starts_with("main") && stack.frames[1].starts_with("work"), "{:?}", stack.frames);
    }
}

#[test]
fn no_more_time_is_given_than_there_was() {
    // Calls that are not timed take no time by this clock, whatever those that are tell of them.
    let source = "function main()\n    t = tensor.ones(4, 4)\n    for i in 0..1000\n        u = t + t\n    end\n    \
                  return 0\nend\n";
    let looks = Arc::new(AtomicU64::new(0));
    let looked = Arc::clone(&looks);
    let now = Arc::new(move || looked.fetch_add(1, Ordering::Relaxed) * 10_000);
    let clock = ProfileClock { now, beat: Arc::default() };
    let profile = run_by(source, 1, clock).profile.expect("it has a clock");
    let sum = profile.lines.iter().find(|line| line.name == "tensor +").expect("it ran");
    assert!(sum.timing.count == 1_000 && sum.timing.timed < 1_000, "{}", profile.table());
    let whole: u64 = profile.lines.iter().map(|line| line.timing.self_ns).sum();
    assert!(whole <= looks.load(Ordering::Relaxed) * 10_000, "{}", profile.table());
}

/// Names and counts of the operations of a profile.
fn operations(profile: &Profile) -> BTreeMap<String, u64> {
    let operations = profile.lines.iter().filter(|line| line.kind == ProfileKind::Operation);
    operations.map(|line| (line.name.clone(), line.timing.count)).collect()
}

#[test]
fn operators_below_a_gradient_are_told_as_outside_of_it() {
    let loss = "function loss(w)\n    a = tensor.ones(2, 3) @ w + 1.0\n    a[0, 0] = w[0, 0] * 0.5\n    \
                return tensor.sum(-a * tensor.astype(a > 0.0, \"f32\"))\nend\n";
    let outside = profile_of(&format!("{loss}function main()\n    return loss(tensor.ones(3, 2))\nend\n"));
    let below = profile_of(&format!("{loss}function main()\n    return grad.grad(loss)(tensor.ones(3, 2))\nend\n"));
    let (outside, mut below) = (operations(&outside), operations(&below));
    assert_eq!(below.remove("gradient"), Some(1));
    assert_eq!(outside, below);
    for name in ["tensor @", "tensor +", "tensor *", "negation", "comparison", "tensor [ ]", "tensor [ ] ="] {
        assert_eq!(outside.get(name), Some(&1), "{name}: {outside:?}");
    }
}

#[test]
fn functions_of_numbers_have_their_own_names_on_tensors() {
    let source = "function main()\n    t = tensor.ones(4)\n    \
                  return abs(t) + math.exp(t) + math.floor(t) + math.sign(t)\nend\n";
    let found = operations(&profile_of(source));
    for name in ["tensor.abs", "tensor.exp", "tensor.floor", "tensor.sign"] {
        assert_eq!(found.get(name), Some(&1), "{found:?}");
    }
}

#[test]
fn short_operations_have_their_time_without_a_beat() {
    let source = "function main()\n    t = tensor.ones(4, 4)\n    for i in 0..400\n        u = t + t\n    end\n    \
                  return 0\nend\n";
    // Each look at the clock takes 300 ns, and so does each operation that is timed; what is not timed takes as much of
    // what comes between.
    let looks = AtomicU64::new(0);
    let now = Arc::new(move || looks.fetch_add(1, Ordering::Relaxed) * 300);
    let clock = ProfileClock { now, beat: Arc::default() };
    let profile = run_by(source, 1, clock).profile.expect("it has a clock");
    let sum = profile.lines.iter().find(|line| line.name == "tensor +").expect("it ran");
    assert!(sum.timing.timed < 400 && sum.timing.sampled_self_ns > 0, "{}", profile.table());
}

#[test]
fn library_calls_on_data_are_told_as_operations() {
    let source = "function main()\n    text = json.format({a: [1, 2]})\n    again = json.parse(text)\n    \
                  return len(again.a) + len(json.format(again))\nend\n";
    let found = operations(&profile_of(source));
    assert_eq!(found, BTreeMap::from([("json.format".to_owned(), 2), ("json.parse".to_owned(), 1)]));
}

#[test]
fn time_behind_a_return_that_was_not_timed_is_not_taken_for_measured() {
    // `work` is timed seldom after its first calls, and the sum in it more seldom; the mean in `main` runs when both are,
    // and is timed. Between a sum that is timed and the mean, `work` returns: whose time it is, nobody measured.
    let source = "function work(t)\n    return t + t\nend\nfunction main()\n    t = tensor.ones(4, 4)\n    \
                  for i in 0..200\n        u = work(t)\n        if i >= 150\n            m = tensor.mean(u)\n        end\n    \
                  end\n    return 0\nend\n";
    // Each look at the clock takes a microsecond.
    let looks = AtomicU64::new(0);
    let now = Arc::new(move || looks.fetch_add(1, Ordering::Relaxed) * 1_000);
    let profile = run_by(source, 1, ProfileClock { now, beat: Arc::default() }).profile.expect("it has a clock");
    let line = |name: &str| &profile.lines.iter().find(|line| line.name.starts_with(name)).expect("it ran").timing;
    let (work, sum, main) = (line("work"), line("tensor +"), line("main"));
    assert!(work.timed < 80 && sum.timed < work.timed, "{}", profile.table());
    // Seventy times something timed begins while `main` runs, or `main` ends: once of these after such a return.
    assert_eq!((main.self_ns, main.sampled_self_ns), (69_000, 0), "{}", profile.table());
}
