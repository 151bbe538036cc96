//! Runs a program at one level several times and says how long each took: `level LEVEL FILE [RUNS] [NAME=VALUE…] [profiled]
//! [listed]`.
//! What `benches/compare/language.py` measures; not a command for users, who have `nexus run`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nexus_mcode::{JitLevel, NativeProfile, RunRequest, compile, native_text, parse_argument, run};
use nexus_model::Limits;
use nexus_tensor::{Context, Device, ProfileClock};

/// Seconds that the processor worked for this thread, where the system counts them: other programs do not count. The
/// system brings its count up to date when the thread stops for a moment, else only every few milliseconds.
fn processor_seconds() -> f64 {
    std::thread::park_timeout(Duration::from_micros(1));
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or(0.0, |n| n * 1e-9)
}

#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let level = words.next().and_then(|w| w.parse().ok()).and_then(JitLevel::from_number).ok_or("which level?")?;
    let file = words.next().ok_or("which file?")?;
    let words: Vec<String> = words.collect();
    let runs = words.iter().find_map(|word| word.parse().ok()).unwrap_or(3);
    let is_profiled = words.iter().any(|word| word == "profiled");
    let begun = Instant::now();
    let beat = Arc::new(AtomicU64::new(0));
    let clock = ProfileClock {
        now: Arc::new(move || u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)),
        beat: Arc::clone(&beat),
    };
    if is_profiled {
        // It ends with the program.
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(1));
                beat.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let arguments: Vec<_> = words
        .iter()
        .filter_map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), parse_argument(value))))
        .collect();
    let source = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let start = Instant::now();
    let compilation = compile(&file, &source);
    let program = compilation.program.ok_or_else(|| format!("{:?}", compilation.diagnostics))?;
    println!("compiled {:.6}", start.elapsed().as_secs_f64());
    for _ in 0..runs {
        let limits = Limits::local();
        let context = Context::new(Device::cpu());
        let context = if is_profiled { context.with_profile_clock(clock.clone()) } else { context };
        let request = RunRequest {
            arguments: arguments.clone(),
            execution: level.into(),
            print: &mut |line| print!("{line}"),
            ..RunRequest::new(context, limits)
        };
        let start = processor_seconds();
        let result = run(&program, request).map_err(|diagnostic| format!("{diagnostic:?}"))?;
        println!("{:.6} {:?}", processor_seconds() - start, result.result);
        println!("{:?}", result.native);
        if let Some(profile) = result.profile {
            print!("{}", profile.table());
        }
    }
    if words.iter().any(|word| word == "listed") {
        println!("{}", native_text(&program, level.into(), &NativeProfile::default()));
    }
    Ok(())
}
