//! When loops and functions become native code in runs that nobody asked to compile: only where it is expected to be
//! repaid. The clock of these tests is a counter, so that no machine is too slow for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_mcode::{CompiledProgram, NativeProfile, RunRequest, TierUp, compile, run};
use nexus_model::{Limits, Value};
use nexus_tensor::{Context, Device};

const FIB: &str = "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
                   function main(n: int)\n    return fib(n)\nend\n";
const LOOP: &str =
    "function main(n: int)\n    s = 0\n    for i in 0..n\n        s = s + i % 7\n    end\n    return s\nend\n";
const WORDS: &str = "function main(n: int)\n    text = \"\"\n    for i in 0..n\n        text = text + str(i % 10)\n    end\n    \
                     return len(text)\nend\n";

fn program(source: &str) -> Arc<CompiledProgram> {
    compile("test.mcode", source).program.expect("it compiles")
}

/// A run whose clock goes on by `step_ns` whenever it is looked at, from what `clock` shows.
fn run_once(program: &CompiledProgram, n: i64, clock: &Arc<AtomicU64>, step_ns: u64) -> (Value, NativeProfile) {
    let clock = Arc::clone(clock);
    let look = move || clock.fetch_add(step_ns, Ordering::Relaxed);
    let request = RunRequest {
        arguments: vec![("n".to_owned(), Value::Int(n))],
        tier_up: TierUp::Repaid(&look),
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    let done = run(program, request).expect("it runs");
    (done.result, done.native)
}

#[test]
fn a_hundred_runs_of_microseconds_compile_nothing() {
    let (program, clock) = (program(FIB), Arc::new(AtomicU64::new(0)));
    for _ in 0..100 {
        let (result, native) = run_once(&program, 10, &clock, 3_500);
        assert_eq!(result, Value::Int(55));
        assert_eq!((native.compiled, native.entered), (0, 0), "{native:?}");
        assert!(native.declined > 0, "{native:?}");
    }
}

#[test]
fn the_same_program_is_compiled_as_soon_as_a_person_asks_for_it() {
    let program = program(FIB);
    let request = RunRequest {
        arguments: vec![("n".to_owned(), Value::Int(10))],
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    let native = run(&program, request).expect("it runs").native;
    assert!(native.compiled > 0 && native.entered > 0, "{native:?}");
}

#[test]
fn what_later_runs_repay_is_compiled_after_a_few_and_once() {
    let (program, clock) = (program(FIB), Arc::new(AtomicU64::new(0)));
    let runs: Vec<NativeProfile> = (0..30).map(|_| run_once(&program, 16, &clock, 100_000).1).collect();
    let compiled: Vec<u64> = runs.iter().map(|native| native.compiled).collect();
    assert_eq!((compiled[0], compiled.iter().sum::<u64>()), (0, 1), "{compiled:?}");
    assert!(runs[0].awaited > 0, "the first run waits for it: {:?}", runs[0]);
    assert!(runs[29].entered > 0);
}

#[test]
fn a_first_run_that_goes_on_is_compiled_while_it_runs() {
    let (program, clock) = (program(LOOP), Arc::new(AtomicU64::new(0)));
    let (result, native) = run_once(&program, 100_000, &clock, 200_000);
    assert_eq!(result, Value::Int((0..100_000).map(|i| i % 7).sum()));
    assert!(native.compiled == 1 && native.entered > 0, "{native:?}");
}

#[test]
fn what_cannot_be_native_is_translated_in_a_few_runs_only() {
    let (program, clock) = (program(WORDS), Arc::new(AtomicU64::new(0)));
    let reasons: Vec<usize> = (0..10).map(|_| run_once(&program, 1_000, &clock, 1_000_000).1.reasons.len()).collect();
    assert!(reasons.iter().all(|&count| count > 0), "later runs say why, too: {reasons:?}");
}
