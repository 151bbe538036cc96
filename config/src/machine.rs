//! What the configuration wants to know of the machine and the user's environment.
//!
//! [`Machine::look`] is the only code of this crate that looks; tests imagine machines instead.

#[cfg_attr(target_os = "macos", path = "machine/macos.rs")]
#[cfg_attr(not(target_os = "macos"), path = "machine/linux.rs")]
mod system;

use std::num::NonZero;
use std::path::PathBuf;

use directories::ProjectDirs;

/// A machine, as far as defaults depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The host's name; empty where unknown.
    pub host_name: String,
    /// Cores that this process may use, at least 1.
    pub cores: u32,
    /// Physical memory in bytes; 0 where unknown.
    pub memory_bytes: u64,
    /// The environment variable `NEXUS_HOME`, if it is set and not empty.
    pub nexus_home: Option<PathBuf>,
    /// The environment variable `OTEL_EXPORTER_OTLP_ENDPOINT`, if it is set and not empty.
    pub otlp_endpoint: Option<String>,
    /// Where programs of this user keep data; `None` for a user without a home.
    pub data_folder: Option<PathBuf>,
    /// Where programs of this user keep what can be made again; `None` for a user without a home.
    pub cache_folder: Option<PathBuf>,
    /// Where programs of this user keep settings; `None` for a user without a home.
    pub config_folder: Option<PathBuf>,
}

impl Machine {
    /// Looks at this machine. What cannot be found out is left empty; nothing fails.
    pub fn look() -> Self {
        let folders = ProjectDirs::from("", "", "nexus");
        Machine {
            host_name: system::host_name().unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, NonZero::get).try_into().unwrap_or(u32::MAX),
            memory_bytes: system::memory_bytes().unwrap_or_default(),
            nexus_home: std::env::var_os("NEXUS_HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            otlp_endpoint: std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|at| !at.is_empty()),
            data_folder: folders.as_ref().map(|folders| folders.data_dir().to_owned()),
            cache_folder: folders.as_ref().map(|folders| folders.cache_dir().to_owned()),
            config_folder: folders.as_ref().map(|folders| folders.config_dir().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::look();
        assert!(machine.cores >= 1);
        assert!(machine.memory_bytes > 64 << 20, "{}", machine.memory_bytes);
        assert!(!machine.host_name.is_empty());
        assert!(!machine.host_name.contains(char::is_whitespace));
    }
}
