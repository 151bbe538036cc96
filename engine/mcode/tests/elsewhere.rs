//! Long calls shared with other machines: the result is that of one machine, whoever ran what, and however others fail.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nexus_mcode::{Elsewhere, JitLevel, Offer, RunRequest, compile, run, run_calls};
use nexus_model::{Diagnostic, Limits, Value, decode_value, encode_value};
use nexus_tensor::{Context, Device};

/// Pieces that wait to be taken.
const RETURNED_MAX: usize = 8;
/// What a call of `busy` takes at least: with this, those of each program here take half a second and more.
const CALL_MIN: Duration = Duration::from_millis(25);

/// How the other machine behaves.
#[derive(Clone, Copy, PartialEq)]
enum Other {
    /// It runs what it is offered.
    Helps,
    /// It never answers.
    Hangs,
    /// It takes the offer and is gone.
    Vanishes,
    /// What it sends is not what was asked for.
    Lies,
    /// It has another program.
    Differs,
}

/// Another machine: it compiles the program itself, and sees nothing but bytes.
struct Machine<'s> {
    source: &'s str,
    other: Other,
    pieces: Arc<AtomicU32>,
    refused: Arc<AtomicU32>,
}

struct Working(Receiver<(u32, Vec<u8>)>);

impl Elsewhere for Machine<'_> {
    fn offer(&self, calls: Value, pieces: u32) -> Option<Box<dyn Offer>> {
        let bytes = encode_value(&calls).expect("calls can be encoded");
        let source = match self.other {
            Other::Differs => format!("{} ", self.source),
            _ => self.source.to_owned(),
        };
        let (other, taken, refused) = (self.other, Arc::clone(&self.pieces), Arc::clone(&self.refused));
        let (sender, receiver) = sync_channel(RETURNED_MAX);
        std::thread::spawn(move || {
            let program = compile("shared.mcode", &source).program.expect("it compiles");
            let calls = decode_value(&bytes).expect("what was encoded");
            for piece in 0..pieces {
                let returned = match other {
                    Other::Vanishes => return,
                    Other::Hangs => Value::None,
                    Other::Lies => lie(piece),
                    Other::Helps | Other::Differs => {
                        let request = RunRequest::new(context(), Limits::local());
                        match run_calls(&program, request, &calls, piece) {
                            Ok(returned) => returned,
                            Err(_) => {
                                refused.fetch_add(1, Ordering::Relaxed);
                                continue;
                            }
                        }
                    }
                };
                if other == Other::Hangs {
                    while sender.send((u32::MAX, Vec::new())).is_ok() {
                        std::thread::park_timeout(Duration::from_millis(5));
                    }
                    return;
                }
                taken.fetch_add(1, Ordering::Relaxed);
                let bytes = encode_value(&returned).expect("results can be encoded");
                if sender.send((piece, bytes)).is_err() {
                    return;
                }
            }
        });
        Some(Box::new(Working(receiver)))
    }
}

/// All sorts of things that are no results of the calls.
fn lie(piece: u32) -> Value {
    let record = |calls, functions| Value::Record(vec![("calls".into(), calls), ("functions".into(), functions)]);
    let list = |values| Value::List(values);
    let function = Value::Record(vec![("\u{1}function".into(), Value::Int(99))]);
    match piece % 7 {
        0 => Value::None,
        1 => record(Value::Int(1), list(vec![])),
        2 => record(list(vec![list(vec![])]), list(vec![Value::String("tensor.nothing".into())])),
        3 => record(list(vec![list(vec![function, list(vec![]), list(vec![]), Value::Int(-1)])]), list(vec![])),
        4 => record(list(vec![]), list(vec![list(vec![Value::Int(1 << 40), list(vec![])])])),
        5 => {
            let warning = |name: &str| list(vec![Value::String(name.into()), Value::Int(1)]);
            let warnings =
                list(vec![Value::Int(1), warning("linalg.solve"), warning("no such operation"), list(vec![])]);
            Value::Record(vec![
                ("calls".into(), list(vec![])),
                ("functions".into(), list(vec![])),
                ("warnings".into(), warnings),
            ])
        }
        _ => record(list(vec![Value::None, Value::None]), list(vec![])),
    }
}

impl Offer for Working {
    fn returned(&mut self, patience: Duration) -> Option<Vec<(u32, Value)>> {
        match self.0.recv_timeout(patience) {
            Ok((u32::MAX, _)) | Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Some(Vec::new()),
            Ok((piece, bytes)) => Some(vec![(piece, decode_value(&bytes).expect("what was encoded"))]),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }
}

fn context() -> Context {
    Context::new(Device::cpu()).with_seed(11).with_stream(3)
}

type Told = (Result<(Value, Vec<(String, Value)>), Box<Diagnostic>>, String);

fn told(source: &str, elsewhere: Option<&dyn Elsewhere>) -> Told {
    let compilation = compile("shared.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics));
    let mut printed = String::new();
    let execution = JitLevel::Optimised.into();
    let request = RunRequest {
        execution,
        elsewhere,
        print: &mut |line| printed.push_str(line),
        ..RunRequest::new(context(), Limits::local())
    };
    let result = run(&program, request).map(|done| (done.result, done.outputs)).map_err(Box::new);
    (result, printed)
}

/// Runs it alone and with the other machine; gives what is the same, the pieces that came back and those refused.
fn alone_and_shared(source: &str, other: Other) -> (Told, u32, u32) {
    let (pieces, refused) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let machine = Machine { source, other, pieces: Arc::clone(&pieces), refused: Arc::clone(&refused) };
    let alone = told(source, None);
    assert_eq!(told(source, Some(&machine)), alone, "{source}");
    (alone, pieces.load(Ordering::Relaxed), refused.load(Ordering::Relaxed))
}

fn busy(iterations: u64) -> String {
    format!(
        "function busy(n)\n    s = 0\n    for i in 0..{iterations}\n        s = (s + i * n) % 1000003\n    end\n    return s\nend\n"
    )
}

/// Iterations of `busy` for some hundredths of a second at level 1, on this machine as it is now: calls are shared once
/// they have taken a while, whatever a call takes.
fn iterations() -> u64 {
    static MEASURED: OnceLock<u64> = OnceLock::new();
    *MEASURED.get_or_init(|| {
        let mut iterations = 100_000;
        loop {
            let source = format!("{}function main()\n    return busy(3)\nend\n", busy(iterations));
            // The least of several: what a machine takes that does something else besides says nothing of later.
            let took = (0..3).map(|_| {
                let began = Instant::now();
                told(&source, None).0.expect("it runs");
                began.elapsed()
            });
            if took.min().is_some_and(|took| took >= CALL_MIN) {
                return iterations;
            }
            iterations *= 2;
        }
    })
}

/// A program whose function `busy` takes a while.
fn program(rest: &str) -> String {
    format!("{}{rest}", busy(iterations()))
}

#[test]
fn items_of_a_map_come_back_as_they_would_be_here() {
    let source = program(
        "base = {scale: 2, \"\\u{1}range\": [1]}\nfunction work(n)\n    x = tensor.randn(3)\n    print(n, busy(n))\n    output(string(n), n)\n    \
         return [busy(n), x * base.scale, 0..n by 2, y => y + n, sqrt_of, base, none, -0.0, \"\\u{1}\"]\nend\n\
         sqrt_of = math.sqrt\nfunction main()\n    done = map(work, 0..40)\n    \
         return map(r => [r[0], r[1], list(r[2]), r[3](1), r[4](4.0), r[5], r[6], r[7], r[8]], done)\nend\n",
    );
    let (_, pieces, refused) = alone_and_shared(&source, Other::Helps);
    assert!(pieces > 0 && refused == 0, "{pieces} pieces, {refused} refused");
}

#[test]
fn spawned_calls_and_parallel_loops_are_shared_too() {
    let spawned = program(
        "function main()\n    hs = []\n    for i in 0..30\n        hs = append(hs, spawn busy(i))\n    end\n    \
         return sum(await hs)\nend\n",
    );
    let looped = program(
        "function main()\n    total = 0\n    best = []\n    parallel for i in 0..30\n        b = busy(i)\n        total += b\n        \
         if b % 3 == 0\n            best = append(best, [i, tensor.rand(2)])\n        end\n    end\n    return [total, best]\nend\n",
    );
    for source in [spawned, looped] {
        let (_, pieces, _) = alone_and_shared(&source, Other::Helps);
        assert!(pieces > 0);
    }
}

#[test]
fn what_calls_elsewhere_warn_of_is_told_here_once() {
    // The last calls are offered first, so that they are nobody's here.
    let source = program(
        "function work(n)\n    b = busy(n)\n    if n >= 38\n        a = tensor.from_list([[1.0, 1.0], [1.0, 1.000000000000001]], \"f64\")\n        \
         b = b + scalar(tensor.sum(linalg.solve(a, tensor.cast(tensor.ones(2), \"f64\")) * 0.0))\n    end\n    \
         return b\nend\nfunction main()\n    return map(work, 0..40)\nend\n",
    );
    let program = compile("shared.mcode", &source).program.expect("it compiles");
    let warned = |elsewhere: Option<&dyn Elsewhere>| {
        let context = context();
        let warnings = context.warnings();
        let execution = JitLevel::Optimised.into();
        let request = RunRequest { execution, elsewhere, ..RunRequest::new(context, Limits::local()) };
        run(&program, request).expect("it runs");
        warnings.take()
    };
    let (pieces, refused) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let machine = Machine { source: &source, other: Other::Helps, pieces: Arc::clone(&pieces), refused };
    let alone = warned(None);
    assert_eq!(alone.iter().map(|warning| warning.operation).collect::<Vec<_>>(), ["linalg.solve"]);
    assert_eq!(warned(Some(&machine)), alone);
    assert!(pieces.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_call_that_fails_elsewhere_fails_here_with_its_place() {
    let source = program(
        "function work(n)\n    print(n)\n    return busy(n) // (n - 25)\nend\nfunction main()\n    return map(work, 0..40)\nend\n",
    );
    let ((result, printed), ..) = alone_and_shared(&source, Other::Helps);
    let error = result.expect_err("25 - 25 is zero");
    assert_eq!((error.code.as_str(), printed.lines().count()), ("MC0402", 26));
    assert_eq!(error.primary.expect("it has a place").span.line, 10);
}

#[test]
fn machines_that_do_not_help_do_not_harm() {
    let source = program("function main()\n    return map(busy, 0..24)\nend\n");
    for other in [Other::Hangs, Other::Vanishes, Other::Lies] {
        let _same = alone_and_shared(&source, other);
    }
    let (_, pieces, refused) = alone_and_shared(&source, Other::Differs);
    assert!(pieces == 0 && refused > 0, "calls of another program are refused");
}

#[test]
fn limits_hold_over_all_machines() {
    let source = program("function main()\n    return map(busy, 0..24)\nend\n");
    let program = compile("shared.mcode", &source).program.expect("it compiles");
    let (pieces, refused) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let machine = Machine { source: &source, other: Other::Helps, pieces, refused };
    let all = 24 * iterations();
    for (allowed, fits) in [(all, true), (all - 1, false), (all / 24 * 20, false)] {
        let limits = Limits { loop_iterations: Some(allowed), ..Limits::local() };
        let request = RunRequest {
            execution: JitLevel::Optimised.into(),
            elsewhere: Some(&machine),
            ..RunRequest::new(context().with_limits(&limits), limits)
        };
        let outcome = run(&program, request).map(drop).map_err(|error| error.code);
        assert_eq!(outcome, if fits { Ok(()) } else { Err("MC0503".to_owned()) }, "{allowed} iterations");
    }
}

#[test]
fn a_run_that_shares_its_calls_can_be_cancelled() {
    let source = program("function main()\n    return map(n => busy(n) + busy(n + 1) + busy(n + 2), 0..4000)\nend\n");
    let program = compile("shared.mcode", &source).program.expect("it compiles");
    let (pieces, refused) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
    let machine = Machine { source: &source, other: Other::Helps, pieces: Arc::clone(&pieces), refused };
    let cancel: Arc<std::sync::atomic::AtomicBool> = Arc::default();
    let (flag, seen) = (Arc::clone(&cancel), Arc::clone(&pieces));
    let watcher = std::thread::spawn(move || {
        while seen.load(Ordering::Relaxed) == 0 {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        flag.store(true, Ordering::Relaxed);
    });
    let request = RunRequest {
        execution: JitLevel::Optimised.into(),
        elsewhere: Some(&machine),
        cancel,
        ..RunRequest::new(context(), Limits::local())
    };
    let error = run(&program, request).expect_err("it was cancelled");
    assert_eq!(error.code, nexus_mcode::CANCELLED_CODE);
    watcher.join().expect("the watcher ends");
}
