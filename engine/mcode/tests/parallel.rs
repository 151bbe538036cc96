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
        clock,
        threads,
        print: &mut |line| printed.push_str(line),
        ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits).with_seed(7), limits.clone())
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

/// A loop whose iterations are long enough to be spread.
fn spread(before: &str, body: &str, result: &str) -> String {
    format!(
        "function slow(i)\n    t = 0\n    for k in 0..50\n        t += k * i\n    end\n    return t\nend\nfunction main()\n    {before}\n    \
         parallel for i in 0..40\n        {body}\n    end\n    return {result}\nend\n"
    )
}

#[test]
fn iterations_of_a_parallel_for_run_at_the_same_time() {
    let source = "function main()\n    met = []\n    parallel for i in 0..2\n        for k in 0..1\n            met = append(met, time.now())\n        end\n    end\n    return met\nend\n";
    let clock = meeting();
    let (result, _) = run_on(2, source, Limits::local(), Some(&clock));
    assert_eq!(result.expect("it runs").result, Value::List(vec![Value::Scalar(2.0), Value::Scalar(2.0)]));
}

/// Runs a program on several numbers of threads and as a plain `for`, which must all tell the same.
fn as_a_plain_loop(source: &str) -> Told {
    let (result, printed) = same_on_any_number_of_threads(source);
    // As long as before, so that places stay what they are.
    let plain = run_on(1, &source.replace("parallel for", "for         "), Limits::local(), None);
    let shown = |told: &Result<RunResult, Box<Diagnostic>>| match told {
        Ok(done) => format!("{:?} {:?}", done.result, done.outputs),
        Err(found) => format!("{} {} {:?}", found.code, found.message, found.primary),
    };
    assert_eq!((shown(&result), &printed), (shown(&plain.0), &plain.1), "{source}");
    (result, printed)
}

fn warnings(source: &str) -> Vec<String> {
    compile("t.mcode", source).diagnostics.into_iter().map(|d| d.code).collect()
}

#[test]
fn a_parallel_for_gives_what_a_plain_one_gives() {
    let cases = [
        ("s = 0.1", "s += slow(i) / 7", "s"),
        ("s = 1.0", "s *= 1 + 1 / (slow(i) + 1)\n        s -= 0.25", "s"),
        ("xs = []", "if slow(i) % 2 == 0 continue end\n        xs = append(xs, i)", "xs"),
        ("a = tensor.zeros(40, 2, dtype = \"f64\")", "a[i, 1] = slow(i) / 3\n        a[i, :] += 0.5", "a"),
        ("a = list(0..40)", "a[i] = a[i] * slow(i)\n        a[i] += 1", "a"),
        ("h = {even: 0, odd: []}", "h.even += slow(i)\n        if i % 3 == 1 h.odd = [i] end", "h"),
        ("t = -1", "t = slow(i)\n        u = t + 1\n        if u > 5 t = u end", "[t, i]"),
        ("best = 0", "x = slow(i) % 101\n        best = max(best, x)", "best"),
        ("s = \"\"", "print(i)\n        s = s + string(slow(i))", "s"),
        ("n = 0\n    f = (a, b) => a % 1000 + 2 * b", "n = f(n, slow(i))", "n"),
        ("a = [0] * 3", "a[i % 3] += slow(i)", "a"),
        (
            "c = 0",
            "for j in 0..3\n            if j == 1 continue end\n            if j == 2 break end\n            c += slow(j)\n        end",
            "c",
        ),
        ("x = 1", "if i > 3 y = slow(i) else y = 2 end\n        print(y)\n        output(\"last\", i)", "x"),
    ];
    for (before, body, result) in cases {
        let source = spread(before, body, result);
        as_a_plain_loop(&source).0.expect("it runs");
        assert_eq!(warnings(&source), [""; 0], "{source}");
    }
}

#[test]
fn iterations_that_need_each_other_run_in_order_and_it_is_said() {
    let carried = [
        ("x = 1", "x = slow(x) % 10", "x"),
        ("x = 1", "x = x + x * slow(i)", "x"),
        ("a = [1] * 41", "a[i + 1] = a[i] + slow(i)", "a"),
        ("x = 1", "if i > 3 x = slow(i) end\n        print(x)", "x"),
        ("a = [1] * 40", "a[i] = slow(i)\n        print(a[0])", "a"),
        ("a = [1] * 40", "a[i] = slow(i)\n        a[i] += a[i] % 7", "a"),
        ("xs = []", "xs = append(xs, len(xs) + slow(i))", "xs"),
        ("x = 1", "f = y => y + x\n        x = slow(i) + f(1)", "x"),
    ];
    for (before, body, result) in carried {
        let source = spread(before, body, result);
        drop(as_a_plain_loop(&source));
        assert_eq!(warnings(&source), ["MC0218"], "{source}");
    }
}

#[test]
fn the_first_fault_in_the_order_of_iterations_counts() {
    let cases = [
        ("xs = []", "print(i)\n        xs = append(xs, slow(i) // (i - 3))\n        print(slow(i) // (i - 2))"),
        ("a = [0] * 5", "a[i] = slow(i) // (i - 7)"),
        ("a = [0] * 50", "a[i] = slow(i)\n        a[i + 20] = 1 // (i - 33)"),
    ];
    for (before, body) in cases {
        as_a_plain_loop(&spread(before, body, "0")).0.expect_err("it fails");
    }
}

#[test]
fn variables_that_functions_read_are_changed_in_order() {
    let source = "function seen(i)\n    t = 0\n    for k in 0..50 t += k end\n    return total + t * i\nend\ntotal = 0\n\
                  parallel for i in 0..10\n    total += seen(i) % 7\nend\ntotal\n";
    as_a_plain_loop(source).0.expect("it runs");
}
