//! Settings: `nexus.toml` as it is written ([`RawConfig`]) and as the rest of the program sees it ([`Config`], valid by
//! construction), where a node's files are ([`Places`]), and the service files that keep a node running ([`Service`]).
//!
//! Everything has a default that suits a person at a desk, so an empty file, or none, is a complete configuration. The
//! only code here that looks at the machine is [`Machine::look`]; the rest is a function of its arguments.

mod config;
mod duration;
mod error;
mod keys;
mod machine;
mod place;
mod places;
mod raw;
mod service;
mod size;
mod suggestion;

pub use config::{Config, Http, LimitsConfig, LogConfig, LogLevel, NodeConfig, TelemetryConfig, WorkerConfig};
pub use duration::{duration, number_and_unit};
pub use error::{ConfigError, ConfigErrors};
pub use machine::Machine;
pub use places::{CONFIG_FILE, Flags, Places};
pub use raw::RawConfig;
pub use service::{Service, ServiceError};
pub use suggestion::nearest;

/// The documented default file, as it ships.
pub const DEFAULT_FILE: &str = include_str!("../nexus.toml");
