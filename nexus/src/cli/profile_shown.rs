//! What a profile comes to: its document, and what it tells a person to change.

use nexus_actors::RunProfile;
use nexus_mcode::{JitLevel, MAKING_CODE, ProfileKind, ProfileLine};
use serde::Serialize;

use crate::output::json::ms;
use crate::output::units;

/// The share of the time from which on a line is worth a word.
const SHARE_MIN: f64 = 0.1;
/// Calls of an operation from which on their number is what costs.
const MANY_CALLS: u64 = 1_000;
/// Mean time of an operation below which it is mostly its start.
const SHORT_NS: u64 = 5_000;

/// `nexus profile --json`.
#[derive(Debug, Serialize)]
pub(super) struct ProfileDocument<'a> {
    /// What the program calls its profile; empty where it does not.
    name: &'a str,
    time_ms: f64,
    device: &'static str,
    jit_level: u8,
    lines: Vec<LineDocument<'a>>,
    tensor_operations: u64,
    result_bytes: u64,
    passes: u64,
    threads: u64,
    flops: u64,
    peak_bytes: u64,
    uploads: u64,
    uploaded_bytes: u64,
    synchronisations: u64,
    downloaded_bytes: u64,
    fused_regions: u64,
    fused_operations: u64,
    spared_operations: u64,
    native_compiled: u64,
    native_cache_hits: u64,
    native_entered: u64,
    native_fallbacks: u64,
    not_native: &'a [String],
}

#[derive(Debug, Serialize)]
struct LineDocument<'a> {
    kind: &'static str,
    name: &'a str,
    count: u64,
    exact: bool,
    self_ns: u64,
    total_ns: u64,
    sampled_self_ns: u64,
    sampled_total_ns: u64,
    timed: u64,
    mean_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
    min_ns: u64,
    max_ns: u64,
    bytes: u64,
}

impl<'a> ProfileDocument<'a> {
    pub(super) fn of(profile: &'a RunProfile) -> Self {
        let RunProfile { work, transfers, native, fusion, .. } = profile;
        ProfileDocument {
            name: &profile.name,
            time_ms: ms(profile.wall),
            device: profile.device,
            jit_level: profile.execution.jit_level.number(),
            lines: profile.calls.lines.iter().map(line).collect(),
            tensor_operations: work.operations,
            result_bytes: work.result_bytes,
            passes: work.passes,
            threads: work.threads,
            flops: work.flops,
            peak_bytes: profile.peak_bytes,
            uploads: transfers.uploads,
            uploaded_bytes: transfers.uploaded_bytes,
            synchronisations: transfers.downloads,
            downloaded_bytes: transfers.downloaded_bytes,
            fused_regions: fusion.regions,
            fused_operations: fusion.operations,
            spared_operations: fusion.spared,
            native_compiled: native.compiled,
            native_cache_hits: native.reused,
            native_entered: native.entered,
            native_fallbacks: native.fallbacks,
            not_native: &native.reasons,
        }
    }
}

fn line(ProfileLine { kind, name, timing }: &ProfileLine) -> LineDocument<'_> {
    LineDocument {
        kind: match kind {
            ProfileKind::Function => "function",
            ProfileKind::Operation => "operation",
        },
        name,
        count: timing.count,
        exact: timing.is_exact(),
        self_ns: timing.self_ns,
        total_ns: timing.total_ns,
        sampled_self_ns: timing.sampled_self_ns,
        sampled_total_ns: timing.sampled_total_ns,
        timed: timing.timed,
        mean_ns: timing.mean_ns(),
        p50_ns: timing.quantile_ns(0.5),
        p99_ns: timing.quantile_ns(0.99),
        min_ns: timing.min_ns,
        max_ns: timing.max_ns,
        bytes: timing.bytes,
    }
}

/// `pca.mcode · cpu · level 2 · 41 ms`; behind the program what it calls its profile.
pub(super) fn heading(profile: &RunProfile, name: &str) -> String {
    let level = profile.execution.jit_level;
    let called = if profile.name.is_empty() { String::new() } else { format!(" · {}", profile.name) };
    format!("{name}{called} · {} · level {level} · {}", profile.device, units::duration(profile.wall))
}

/// The table below what the program calls it.
pub(super) fn titled(profile: &RunProfile) -> String {
    let title = if profile.name.is_empty() { String::new() } else { format!("profile {}\n", profile.name) };
    format!("{title}{}", profile.text())
}

/// What a person may change, one line each; nothing where nothing stands out.
pub(super) fn advice(profile: &RunProfile) -> Vec<String> {
    let whole: u64 = profile.calls.lines.iter().map(|line| line.timing.self_ns).sum();
    let share = |line: &ProfileLine| line.timing.self_ns as f64 / whole.max(1) as f64;
    let mut advice = Vec::new();
    if let Some(top) = profile.calls.lines.first().filter(|line| share(line) >= SHARE_MIN) {
        let percent = share(top) * 100.0;
        advice.push(match top.name.as_str() {
            MAKING_CODE => format!("{percent:.0} % of the time went to making machine code: later runs find it made"),
            name => format!("{percent:.0} % of the time is {name}'s own"),
        });
    }
    let many = |line: &&ProfileLine| {
        let is_short = line.timing.count >= MANY_CALLS && line.timing.mean_ns() < SHORT_NS;
        line.kind == ProfileKind::Operation && is_short && share(line) >= SHARE_MIN
    };
    for line in profile.calls.lines.iter().filter(many) {
        advice.push(format!(
            "{} is called {} times on little data: one call on a larger tensor costs the same as a few of these",
            line.name, line.timing.count
        ));
    }
    if profile.execution.jit_level == JitLevel::Plain {
        advice.push("nothing was compiled at level 0: leave out --jit, or take --jit 2".to_owned());
    }
    for reason in profile.native.reasons.iter().take(3) {
        advice.push(format!("{reason}: this keeps a loop or function from running as native code"));
    }
    if profile.transfers.downloads > MANY_CALLS {
        advice.push(format!(
            "the device was waited for {} times: keep values in tensors until the end of a loop",
            profile.transfers.downloads
        ));
    }
    advice
}
