//! Tasks, `map` and `parallel for` on threads: truly beside each other, and with the result of one thread.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use nexus_mcode::{Clock, RunRequest, RunResult, compile, run};
use nexus_model::{Diagnostic, Limits, Value};
use nexus_tensor::{Context, Device};

/// What a run gave, and what it printed.
type Told = (Result<RunResult, Box<Diagnostic>>, String);

fn run_on(threads: usize, source: &str, limits: Limits, clock: Option<&Clock>) -> Told {
    let compilation = compile("t.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics));
    let mut printed = String::new();
    let request = RunRequest {
        jit: nexus_mcode::JitLevel::default(),
        arguments: Vec::new(),
        inputs: &[],
        task: None,
        context: Context::new(Device::cpu()).with_limits(&limits).with_seed(7),
        limits,
        cancel: std::sync::Arc::default(),
        print: &mut |line| printed.push_str(line),
        files: None,
        clock,
        threads,
    };
    let result = run(&program, request).map_err(Box::new);
    (result, printed)
}

fn same_on_any_number_of_threads(source: &str) -> Told {
    let told = run_on(1, source, Limits::local(), None);
    for threads in [2, 3, 8] {
        assert_eq!(run_on(threads, source, Limits::local(), None), told, "{threads} threads");
    }
    told
}

/// Answers 2 to each of two threads that ask at the same time, and 1 to one that asks alone.
fn meeting() -> impl Fn() -> f64 + Sync {
    let (met, here) = (Condvar::new(), Mutex::new(0));
    move || {
        let mut count = here.lock().expect("nobody panics with it");
        *count += 1;
        met.notify_all();
        let alone = |count: &mut i32| *count < 2;
        let (count, _) = met.wait_timeout_while(count, Duration::from_secs(20), alone).expect("nobody panics with it");
        f64::from(*count)
    }
}

#[test]
fn calls_run_at_the_same_time() {
    let programs = [
        "function f(x)\n    return time.now()\nend\nfunction main()\n    a = spawn f(1)\n    b = spawn f(2)\n    return await a + await b\nend\n",
        "function main()\n    return sum(map(x => time.now() + sum(map(y => y, 0..1)), [1, 2]))\nend\n",
    ];
    for source in programs {
        let clock = meeting();
        let (result, _) = run_on(2, source, Limits::local(), Some(&clock));
        assert_eq!(result.expect("it runs").result, Value::Scalar(4.0), "{source}");
    }
}

#[test]
fn what_tasks_print_output_and_draw_depends_on_no_thread() {
    let (result, printed) = same_on_any_number_of_threads(
        "function work(i)\n    x = tensor.randn(3)\n    print(\"task\", i)\n    output(\"last\", i)\n    return x\nend\n\
         function main()\n    hs = []\n    for i in 0..10\n        hs = append(hs, spawn work(i))\n    end\n    print(\"spawned\")\n\
         \x20   xs = await hs\n    ys = map(work, 10..20)\n    return [xs, ys, tensor.randn(2)]\nend\n",
    );
    let done = result.expect("it runs");
    assert_eq!(done.outputs, [("last".to_owned(), Value::Int(19))]);
    let expected: String = (0..20).map(|i| format!("task {i}\n")).collect();
    assert_eq!(printed, format!("spawned\n{expected}"));
    let Value::List(parts) = done.result else { panic!("a list was returned") };
    let mut seen: Vec<String> = Vec::new();
    for part in &parts[..2] {
        let Value::List(draws) = part else { panic!("a list was returned") };
        seen.extend(draws.iter().map(|draw| format!("{draw:?}")));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20, "every call draws numbers of its own");
}

#[test]
fn a_fault_in_a_task_shows_its_line_and_where_it_was_awaited() {
    let (result, printed) = same_on_any_number_of_threads(
        "function f(n)\n    print(n)\n    return 1 // n\nend\nfunction main()\n    return map(f, [2, 1, 0, 3, 0])\nend\n",
    );
    let diagnostic = result.expect_err("a division by zero");
    let lines: Vec<u32> = diagnostic.primary.iter().chain(&diagnostic.secondary).map(|l| l.span.line).collect();
    assert_eq!((diagnostic.code.as_str(), lines.as_slice()), ("MC0402", [3, 6].as_slice()));
    assert_eq!(printed, "2\n1\n0\n", "what follows the fault has not been");
}

#[test]
fn a_task_that_nobody_awaits_runs_and_its_fault_counts() {
    let (result, printed) = same_on_any_number_of_threads(
        "function f(n)\n    print(n)\n    return 1 // n\nend\nfunction main()\n    spawn f(1)\n    spawn f(0)\n    print(\"end\")\nend\n",
    );
    assert_eq!(result.expect_err("a division by zero").code, "MC0402");
    assert_eq!(printed, "end\n1\n0\n");
}

#[test]
fn tasks_that_need_tasks_are_run_behind_them() {
    let (result, _) = same_on_any_number_of_threads(
        "function next(h)\n    return await h + 1\nend\nfunction one()\n    return 1\nend\nfunction main()\n    h = spawn one()\n\
         \x20   for i in 0..100\n        h = spawn next(h)\n    end\n    return await h\nend\n",
    );
    assert_eq!(result.expect("it runs").result, Value::Int(101));
}

#[test]
fn iterations_of_all_tasks_count_against_the_limit() {
    let source = "function f(n)\n    i = 0\n    while i < 1000\n        i += 1\n    end\n    return i\nend\n\
                  function main()\n    return len(map(f, 0..20))\nend\n";
    for threads in [1, 4] {
        let run_under = |limit| {
            let limits = Limits { loop_iterations: Some(limit), ..Limits::local() };
            run_on(threads, source, limits, None).0
        };
        assert_eq!(run_under(20_100).expect("within the limit").result, Value::Int(20));
        assert_eq!(run_under(19_900).expect_err("beyond the limit").code, "MC0503");
    }
}
