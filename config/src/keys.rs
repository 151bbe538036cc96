//! The table of all settings: what exists, and what each may be. Errors and the check of unknown names come from it.

/// A setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Section and name: `node.listen`.
    pub(crate) path: &'static str,
    /// What its value may be, to stand after "it can be".
    pub(crate) allowed: &'static str,
}

pub(crate) const NODE_NAME: Key = Key {
    path: "node.name",
    allowed: "lower-case letters, digits and `-` between them, at most 63 characters, such as \"studio\"",
};
pub(crate) const NODE_DATA: Key =
    Key { path: "node.data", allowed: "the absolute path of a folder, such as \"/srv/nexus\"" };
pub(crate) const NODE_LISTEN: Key =
    Key { path: "node.listen", allowed: "an address and a port, such as \"127.0.0.1:4747\" or \"[::1]:4747\"" };
pub(crate) const NODE_DISCOVERY: Key = Key { path: "node.discovery", allowed: "true or false" };
pub(crate) const NODE_HTTP: Key =
    Key { path: "node.http", allowed: "an address and a port such as \"127.0.0.1:4748\", or \"off\"" };
pub(crate) const NODE_KEEP_UNUSED: Key =
    Key { path: "node.keep_unused", allowed: "a time from \"1s\" to \"3650d\", such as \"6h\"" };
pub(crate) const NODE_PROTOCOL: Key = Key { path: "node.protocol", allowed: "a version such as \"1.1\"" };
pub(crate) const WORKER_SLOTS: Key = Key { path: "worker.slots", allowed: "a whole number from 1 to 4096" };
pub(crate) const WORKER_MEMORY: Key = Key {
    path: "worker.memory",
    allowed: "a number of bytes or a size such as \"512 MiB\" or \"24 GiB\", at least 64 MiB",
};
pub(crate) const WORKER_SENSORS: Key =
    Key { path: "worker.sensors", allowed: "the absolute path of a folder with proc, sys and dev, such as \"/host\"" };
pub(crate) const LIMITS_REMOTE: Key = Key { path: "limits.remote", allowed: "low, medium, high or maximum" };
pub(crate) const OPTIMIZER_ENABLED: Key = Key { path: "optimizer.enabled", allowed: "true or false" };
pub(crate) const OPTIMIZER_EXPLORATION_RATE: Key =
    Key { path: "optimizer.exploration_rate", allowed: "a number from 0 (never try anything) to 1" };
pub(crate) const OPTIMIZER_LEARNING_RATE: Key =
    Key { path: "optimizer.learning_rate", allowed: "a number from 0.001 to 1, the weight of the newest run" };
pub(crate) const OPTIMIZER_MEMORY_SIZE: Key =
    Key { path: "optimizer.memory_size", allowed: "a whole number of pieces of work, from 1 to 1000000" };
pub(crate) const OPTIMIZER_BATCH_SIZE: Key =
    Key { path: "optimizer.batch_size", allowed: "a whole number of runs, from 1 to 10000" };
pub(crate) const OPTIMIZER_UPDATE_INTERVAL: Key =
    Key { path: "optimizer.update_interval", allowed: "a whole number of runs, from 1 to 10000" };
pub(crate) const OPTIMIZER_MODEL_PATH: Key =
    Key { path: "optimizer.model_path", allowed: "the absolute path of a file, such as \"/srv/nexus/learned.json\"" };
pub(crate) const OPTIMIZER_EXPLORATION_BUDGET: Key =
    Key { path: "optimizer.exploration_budget", allowed: "a share of the run time, from 0 to 1" };
pub(crate) const TELEMETRY_OTLP: Key =
    Key { path: "telemetry.otlp", allowed: "a collector such as \"http://127.0.0.1:4318\", or \"off\"" };
pub(crate) const TELEMETRY_SIGNALS: Key =
    Key { path: "telemetry.signals", allowed: "a list of \"traces\", \"metrics\" and \"logs\"" };
pub(crate) const TELEMETRY_METRICS_EVERY: Key =
    Key { path: "telemetry.metrics_every", allowed: "a time such as \"60s\", at least 1s" };
pub(crate) const LOG_LEVEL: Key = Key { path: "log.level", allowed: "error, warn, info, debug or trace" };

/// Every setting, in the order of the default file.
pub(crate) const KEYS: &[Key] = &[
    NODE_NAME,
    NODE_DATA,
    NODE_LISTEN,
    NODE_DISCOVERY,
    NODE_HTTP,
    NODE_KEEP_UNUSED,
    NODE_PROTOCOL,
    WORKER_SLOTS,
    WORKER_MEMORY,
    WORKER_SENSORS,
    LIMITS_REMOTE,
    OPTIMIZER_ENABLED,
    OPTIMIZER_EXPLORATION_RATE,
    OPTIMIZER_LEARNING_RATE,
    OPTIMIZER_MEMORY_SIZE,
    OPTIMIZER_BATCH_SIZE,
    OPTIMIZER_UPDATE_INTERVAL,
    OPTIMIZER_MODEL_PATH,
    OPTIMIZER_EXPLORATION_BUDGET,
    LOG_LEVEL,
    TELEMETRY_OTLP,
    TELEMETRY_SIGNALS,
    TELEMETRY_METRICS_EVERY,
];

/// The section of which there may be several, and its settings; what they may be is the rules' own matter.
const RULE: (&str, [&str; 2]) = ("rule", ["when", "then"]);

/// The sections, in order, each once.
pub(crate) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().filter_map(|key| Some(key.path.split_once('.')?.0)).collect();
    sections.dedup();
    sections.push(RULE.0);
    sections
}

/// The names of a section's settings.
pub(crate) fn names(section: &str) -> Vec<&'static str> {
    if section == RULE.0 {
        return RULE.1.to_vec();
    }
    KEYS.iter()
        .filter_map(|key| key.path.split_once('.'))
        .filter(|(its_section, _)| *its_section == section)
        .map(|(_, name)| name)
        .collect()
}
