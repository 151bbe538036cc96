//! `[telemetry]`: what a node sends to an OpenTelemetry collector, and where that is.

use std::time::Duration;

use toml::Value;

use super::check;
use crate::duration::duration;
use crate::error::ConfigError;
use crate::keys;
use crate::machine::Machine;
use crate::raw::RawTelemetry;

/// Between two readings of the metrics unless the node is told otherwise, as the OpenTelemetry specification has it.
const METRICS_EVERY: Duration = Duration::from_secs(60);
/// The shortest such time: each reading asks the cluster how it is.
const METRICS_EVERY_MIN: Duration = Duration::from_secs(1);

/// Where the node's telemetry goes, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    otlp: Option<String>,
    signals: Signals,
    metrics_every: Duration,
}

/// The kinds of telemetry, by the names that OpenTelemetry has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Signals {
    traces: bool,
    metrics: bool,
    logs: bool,
}

const ALL: Signals = Signals { traces: true, metrics: true, logs: true };

impl TelemetryConfig {
    /// The collector, if there is one, as it was written.
    pub fn otlp(&self) -> Option<&str> {
        self.otlp.as_deref()
    }

    /// Whether the spans of requests, jobs and tasks are sent.
    pub fn traces(&self) -> bool {
        self.signals.traces
    }

    /// Whether the node's log is sent.
    pub fn logs(&self) -> bool {
        self.signals.logs
    }

    /// How often the metrics are sent, where they are.
    pub fn metrics_every(&self) -> Option<Duration> {
        self.signals.metrics.then_some(self.metrics_every)
    }
}

/// The settings, with the defaults where nothing is said or what is said is wrong; what is wrong goes to `note`.
pub(super) fn resolve(raw: &RawTelemetry, machine: &Machine, note: &mut impl FnMut(ConfigError)) -> TelemetryConfig {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let otlp = check(keys::TELEMETRY_OTLP, raw.otlp.as_ref(), text, note);
    let signals = check(keys::TELEMETRY_SIGNALS, raw.signals.as_ref(), signals, note);
    let every = |value: &Value| duration(value.as_str()?).ok().filter(|time| *time >= METRICS_EVERY_MIN);
    let metrics_every = check(keys::TELEMETRY_METRICS_EVERY, raw.metrics_every.as_ref(), every, note);
    TelemetryConfig {
        otlp: otlp.or_else(|| machine.otlp_endpoint.clone()).filter(|otlp| otlp != "off"),
        signals: signals.unwrap_or(ALL),
        metrics_every: metrics_every.unwrap_or(METRICS_EVERY),
    }
}

fn signals(value: &Value) -> Option<Signals> {
    value.as_array()?.iter().try_fold(Signals::default(), |signals, name| match name.as_str()? {
        "traces" => Some(Signals { traces: true, ..signals }),
        "metrics" => Some(Signals { metrics: true, ..signals }),
        "logs" => Some(Signals { logs: true, ..signals }),
        _ => None,
    })
}
