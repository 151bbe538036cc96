//! The configuration that the program runs with: every value checked, every default filled in.

mod optimizer;
mod rules;
mod telemetry;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_model::{LimitLevel, Rule};
use nexus_optimizer::OptimizerConfig;
use toml::Value;

pub use self::telemetry::TelemetryConfig;
use crate::duration::duration;
use crate::error::{ConfigError, ConfigErrors};
use crate::keys::{self, Key};
use crate::machine::Machine;
use crate::places::{Flags, Places};
use crate::raw::RawConfig;
use crate::size;

/// Port of a node unless it is told another.
const PORT: u16 = 4747;
/// Port of a node's web page unless it is told another.
const HTTP_PORT: u16 = 4748;
/// How long blobs that no job needs stay unless the node is told otherwise.
const KEEP_UNUSED: Duration = Duration::from_secs(6 * 3600);
/// The shortest such time: a look goes through everything that is stored.
const KEEP_UNUSED_MIN: Duration = Duration::from_secs(1);
/// Most tasks at once: more slots than any machine has cores.
const SLOTS_MAX: u32 = 4096;
/// Least memory for tasks: below this no program starts.
const MEMORY_BYTES_MIN: u64 = 64 << 20;
/// Longest name, that of a DNS label.
const NAME_LENGTH_MAX: usize = 63;
/// A host without a usable name gets this one.
const NAME_FALLBACK: &str = "node";

/// Settings of a node, valid by construction.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    node: NodeConfig,
    worker: WorkerConfig,
    limits: LimitsConfig,
    optimizer: OptimizerConfig,
    log: LogConfig,
    telemetry: TelemetryConfig,
    rules: Vec<Rule>,
}

/// Who and where the node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    name: String,
    data: PathBuf,
    listen: SocketAddr,
    is_listen_given: bool,
    discovery: bool,
    http: Http,
    keep_unused: Duration,
    protocol: Option<(u16, u16)>,
}

/// Where a node's web page is, which also has its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// Nowhere.
    Off,
    /// There and nowhere else.
    At(SocketAddr),
    /// There, or at any free port of this machine where that one is taken: nobody chose it.
    Preferably(SocketAddr),
}

/// What the node offers to tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    slots: u32,
    memory_bytes: u64,
    sensors: PathBuf,
}

/// What programs from elsewhere may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    remote: LimitLevel,
}

/// What the node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    level: LogLevel,
}

/// How much is said on stderr; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may fail soon, or was refused.
    Warn,
    /// What an operator wants to see.
    Info,
    /// What a developer wants to see.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level.
    pub const ALL: [LogLevel; 5] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

    /// The name that users write, which is also a directive of tracing's filter.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

impl NodeConfig {
    /// What people call the machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Folder of the node's identity, log and results; an absolute path.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Address of the node's QUIC endpoint; port 0 takes any free one.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whether somebody says where it listens; else a node that was there before listens where it did.
    pub fn is_listen_given(&self) -> bool {
        self.is_listen_given
    }

    /// Whether it announces itself on the local network, where it listens on more than loopback.
    pub fn discovery(&self) -> bool {
        self.discovery
    }

    /// Where its web page is.
    pub fn http(&self) -> Http {
        self.http
    }

    /// How long blobs that no job needs stay at least.
    pub fn keep_unused(&self) -> Duration {
        self.keep_unused
    }

    /// The version of the protocol that it is to speak, as major and minor; the program's own where nothing is said.
    pub fn protocol(&self) -> Option<(u16, u16)> {
        self.protocol
    }
}

impl WorkerConfig {
    /// Tasks at once, at least 1.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Bytes that all tasks together may use, at least 64 MiB.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// The root of the system files that say how the machine is; an absolute path.
    pub fn sensors(&self) -> &Path {
        &self.sensors
    }
}

impl LimitsConfig {
    /// Level for submissions from other machines.
    pub fn remote(&self) -> LimitLevel {
        self.remote
    }
}

impl LogConfig {
    /// How much is said.
    pub fn level(&self) -> LogLevel {
        self.level
    }
}

impl Config {
    /// Finds the file that `flags` and the machine lead to, reads it if it is there, and resolves it.
    ///
    /// # Errors
    /// A named file that cannot be read, and whatever is wrong in it or with the flags.
    pub fn load(flags: &Flags, machine: &Machine) -> Result<Self, ConfigErrors> {
        let raw =
            Places::read(flags, machine)?.map_or_else(|| Ok(RawConfig::default()), |text| RawConfig::parse(&text))?;
        Self::resolve(&raw, flags, machine)
    }

    /// Checks every value and fills in the defaults. Flags come first, then the environment, then the file.
    ///
    /// # Errors
    /// Every value that cannot be, all at once.
    pub fn resolve(raw: &RawConfig, flags: &Flags, machine: &Machine) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut note = |error: ConfigError| errors.push(error);
        let name = check(keys::NODE_NAME, raw.node.name.as_ref(), node_name, &mut note);
        let data = check(keys::NODE_DATA, raw.node.data.as_ref(), absolute_path, &mut note);
        let listen = check(keys::NODE_LISTEN, raw.node.listen.as_ref(), address, &mut note);
        let discovery = check(keys::NODE_DISCOVERY, raw.node.discovery.as_ref(), Value::as_bool, &mut note);
        let http = check(keys::NODE_HTTP, raw.node.http.as_ref(), http, &mut note);
        let keep_unused = check(keys::NODE_KEEP_UNUSED, raw.node.keep_unused.as_ref(), keep_unused, &mut note);
        let protocol = check(keys::NODE_PROTOCOL, raw.node.protocol.as_ref(), protocol, &mut note);
        let slots = check(keys::WORKER_SLOTS, raw.worker.slots.as_ref(), slots, &mut note);
        let memory = check(keys::WORKER_MEMORY, raw.worker.memory.as_ref(), memory, &mut note);
        let sensors = check(keys::WORKER_SENSORS, raw.worker.sensors.as_ref(), absolute_path, &mut note);
        let remote = check(keys::LIMITS_REMOTE, raw.limits.remote.as_ref(), limit_level, &mut note);
        let optimizer = optimizer::resolve(&raw.optimizer, &mut note);
        let level = check(keys::LOG_LEVEL, raw.log.level.as_ref(), log_level, &mut note);
        let telemetry = telemetry::resolve(&raw.telemetry, machine, &mut note);
        let rules = rules::resolve(raw, &mut note);
        let data = match Places::data(flags, machine, data) {
            Ok(data) => data,
            Err(error) => {
                errors.push(error);
                PathBuf::new()
            }
        };
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        Ok(Config {
            node: NodeConfig {
                name: name.unwrap_or_else(|| name_of_host(&machine.host_name)),
                data,
                is_listen_given: flags.listen.or(listen).is_some(),
                listen: flags.listen.or(listen).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))),
                discovery: discovery.unwrap_or(true),
                http: flags
                    .http
                    .or(http)
                    .unwrap_or(Http::Preferably(SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT)))),
                keep_unused: keep_unused.unwrap_or(KEEP_UNUSED),
                protocol,
            },
            worker: WorkerConfig {
                slots: slots.unwrap_or(machine.cores.clamp(1, SLOTS_MAX)),
                memory_bytes: memory.unwrap_or((machine.memory_bytes / 4 * 3).max(MEMORY_BYTES_MIN)),
                sensors: sensors.unwrap_or_else(|| PathBuf::from("/")),
            },
            optimizer,
            limits: LimitsConfig { remote: remote.unwrap_or(LimitLevel::Medium) },
            log: LogConfig { level: level.unwrap_or(LogLevel::Info) },
            telemetry,
            rules,
        })
    }

    /// Who and where the node is.
    pub fn node(&self) -> &NodeConfig {
        &self.node
    }

    /// What the node offers to tasks.
    pub fn worker(&self) -> &WorkerConfig {
        &self.worker
    }

    /// What programs from elsewhere may use.
    pub fn limits(&self) -> &LimitsConfig {
        &self.limits
    }

    /// How it is learned how programs run fastest.
    pub fn optimizer(&self) -> &OptimizerConfig {
        &self.optimizer
    }

    /// Where the node's spans go.
    pub fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }

    /// What the node does while its machine is so or so: as written, then the default ones that stand.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the node says.
    pub fn log(&self) -> &LogConfig {
        &self.log
    }
}

/// The checked value, `None` where it is left out or wrong; what is wrong goes to `note`.
fn check<T>(
    key: Key,
    value: Option<&Value>,
    read: impl FnOnce(&Value) -> Option<T>,
    note: &mut impl FnMut(ConfigError),
) -> Option<T> {
    let value = value?;
    let checked = read(value);
    if checked.is_none() {
        note(ConfigError::Value { key: key.path, value: value.to_string(), allowed: key.allowed });
    }
    checked
}

fn node_name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fine = (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-');
    fine.then(|| name.to_owned())
}

fn absolute_path(value: &Value) -> Option<PathBuf> {
    value.as_str().map(PathBuf::from).filter(|path| path.is_absolute())
}

fn address(value: &Value) -> Option<SocketAddr> {
    value.as_str()?.parse().ok()
}

fn http(value: &Value) -> Option<Http> {
    Http::parse(value.as_str()?)
}

impl Http {
    /// An address with a port, or `off`.
    pub fn parse(text: &str) -> Option<Http> {
        match text {
            "off" => Some(Http::Off),
            address => address.parse().ok().map(Http::At),
        }
    }
}

fn keep_unused(value: &Value) -> Option<Duration> {
    duration(value.as_str()?).ok().filter(|time| *time >= KEEP_UNUSED_MIN)
}

fn protocol(value: &Value) -> Option<(u16, u16)> {
    let (major, minor) = value.as_str()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn slots(value: &Value) -> Option<u32> {
    value.as_integer().and_then(|slots| u32::try_from(slots).ok()).filter(|slots| (1..=SLOTS_MAX).contains(slots))
}

fn memory(value: &Value) -> Option<u64> {
    let bytes = match value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
        Value::String(text) => size::parse(text)?,
        _ => return None,
    };
    (bytes >= MEMORY_BYTES_MIN).then_some(bytes)
}

fn limit_level(value: &Value) -> Option<LimitLevel> {
    let name = value.as_str()?;
    LimitLevel::ALL.into_iter().find(|level| level.name() == name)
}

fn log_level(value: &Value) -> Option<LogLevel> {
    let name = value.as_str()?;
    LogLevel::ALL.into_iter().find(|level| level.name() == name)
}

/// A name for the node from the host's: its first label, in lower case, with `-` for everything else.
fn name_of_host(host: &str) -> String {
    let label = host.split('.').next().unwrap_or_default().to_lowercase();
    let spelled: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name: String = spelled.trim_matches('-').chars().take(NAME_LENGTH_MAX).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { NAME_FALLBACK.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
