//! First numbers of the runtime and the engine, one JSON line each on stdout: `cargo run --release -p nexus-benches`.
//!
//! It measures the built `nexus` binary from outside, as a client does. `benches/compare/first.py` runs it beside the
//! peers and writes the table; no test asserts a time.

mod engine;
mod optimizer;
mod runtime;

use std::process::ExitCode;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let mut results = Vec::new();
    if is_wanted("engine") {
        results.push(engine::measure());
    }
    if is_wanted("runtime") {
        results.push(runtime::measure());
    }
    // What a profile of separate submissions is taken of; the runtime's numbers have them among the others.
    if wanted.iter().any(|name| name == "submissions") {
        results.push(runtime::submissions());
    }
    // Minutes of work, so only by name; what stands behind it says where plots and times go.
    if let Some(at) = wanted.iter().position(|name| name == "optimizer") {
        results.push(optimizer::Request::of(&wanted[at + 1..]).and_then(|request| optimizer::measure(&request)));
    }
    for result in results {
        if let Err(why) = result {
            report_failure(&why);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One result: a name, its unit, and all runs, so that the spread can be seen.
#[expect(clippy::print_stdout, reason = "the results are this program's output")]
fn report(name: &str, unit: &str, runs: &[f64]) {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    println!("{}", serde_json::json!({ "name": name, "unit": unit, "median": median, "runs": runs }));
}

#[expect(clippy::print_stderr, reason = "the reason why there are no results")]
fn report_failure(why: &str) {
    eprintln!("error: {why}");
}
