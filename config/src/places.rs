//! Where a node's settings and data are.
//!
//! A folder named by `--data` or `NEXUS_HOME` is self-contained: its `nexus.toml` is the one that counts. So several nodes
//! can live on one machine, each in its folder.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::Http;
use crate::error::ConfigError;
use crate::machine::Machine;

/// Name of the file of settings.
pub const CONFIG_FILE: &str = "nexus.toml";

/// What the command line says of the configuration; it comes before everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config FILE`: read this file and no other.
    pub config: Option<PathBuf>,
    /// `--data FOLDER`.
    pub data: Option<PathBuf>,
    /// `--listen ADDRESS`.
    pub listen: Option<SocketAddr>,
    /// `--http ADDRESS|off`.
    pub http: Option<Http>,
}

/// Where settings and data are. A namespace; there is nothing to hold.
#[derive(Debug)]
pub enum Places {}

impl Places {
    /// The file of settings, whether or not it exists; `None` for a user without a home.
    pub fn config_file(flags: &Flags, machine: &Machine) -> Option<PathBuf> {
        let in_folder = |folder: &PathBuf| folder.join(CONFIG_FILE);
        flags.config.clone().or_else(|| {
            let folder = flags.data.as_ref().or(machine.nexus_home.as_ref()).or(machine.config_folder.as_ref());
            folder.map(in_folder)
        })
    }

    /// The text of the file of settings; `None` where there is none, which is fine unless a flag named it.
    ///
    /// # Errors
    /// A file that is there and cannot be read, or was named and is not there.
    pub fn read(flags: &Flags, machine: &Machine) -> Result<Option<String>, ConfigError> {
        let Some(path) = Self::config_file(flags, machine) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound && flags.config.is_none() => Ok(None),
            Err(error) => Err(ConfigError::Unreadable { path, reason: error.to_string() }),
        }
    }

    /// The folder of machine code that runs without a node keep: below `NEXUS_HOME`, else in the platform's place for what
    /// can be made again; `None` for a user without a home.
    pub fn code_cache(machine: &Machine) -> Option<PathBuf> {
        let in_home = machine.nexus_home.as_ref().map(|home| home.join("cache"));
        in_home.or_else(|| machine.cache_folder.clone()).map(|folder| folder.join("code"))
    }

    /// The folder of what graphics processors were found to be fast at: beside that of machine code.
    pub fn tuning_cache(machine: &Machine) -> Option<PathBuf> {
        Some(Self::code_cache(machine)?.with_file_name("tuning"))
    }

    /// The folder of data, as an absolute path: `--data`, else `NEXUS_HOME`, else what the file says, else the platform's
    /// place. This is also how a client finds the node of its machine.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`] where nothing names one; [`ConfigError::Value`] for a path that cannot be made absolute.
    pub fn data(flags: &Flags, machine: &Machine, in_file: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        let named = flags.data.as_ref().map(|path| ("--data", path));
        let named = named.or_else(|| machine.nexus_home.as_ref().map(|path| ("NEXUS_HOME", path)));
        match named {
            Some((key, path)) => absolute(key, path),
            None => in_file.or_else(|| machine.data_folder.clone()).ok_or(ConfigError::NoHome),
        }
    }
}

fn absolute(key: &'static str, path: &Path) -> Result<PathBuf, ConfigError> {
    let allowed = "the path of a folder";
    std::path::absolute(path).map_err(|_| ConfigError::Value { key, value: format!("{:?}", path.display()), allowed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn machine_code_is_kept_where_things_can_be_lost() {
        let machine = Machine { cache_folder: Some("/cache".into()), ..Machine::default() };
        assert_eq!(Places::code_cache(&machine), Some("/cache/code".into()));
        assert_eq!(Places::tuning_cache(&machine), Some("/cache/tuning".into()));
        let machine = Machine { nexus_home: Some("/nexus".into()), ..machine };
        assert_eq!(Places::code_cache(&machine), Some("/nexus/cache/code".into()));
        assert_eq!(Places::code_cache(&Machine::default()), None);
    }

    #[test]
    fn a_named_folder_is_self_contained() {
        let machine = Machine { config_folder: Some("/config".into()), ..Machine::default() };
        let mut flags = Flags::default();
        assert_eq!(Places::config_file(&flags, &machine), Some("/config/nexus.toml".into()));
        flags.data = Some("/a".into());
        assert_eq!(Places::config_file(&flags, &machine), Some("/a/nexus.toml".into()));
        flags.config = Some("/b/mine.toml".into());
        assert_eq!(Places::config_file(&flags, &machine), Some("/b/mine.toml".into()));
        assert_eq!(Places::config_file(&Flags::default(), &Machine::default()), None);
    }

    #[test]
    fn a_missing_file_is_fine_unless_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::default();
        let mut flags = Flags { data: Some(folder.path().into()), ..Flags::default() };
        assert_eq!(Places::read(&flags, &machine), Ok(None));
        assert_eq!(Config::load(&flags, &machine).unwrap().node().data(), folder.path());
        std::fs::write(folder.path().join(CONFIG_FILE), "log.level = \"debug\"").unwrap();
        assert_eq!(Config::load(&flags, &machine).unwrap().log().level().name(), "debug");
        flags.config = Some(folder.path().join("other.toml"));
        let error = Config::load(&flags, &machine).unwrap_err().to_string();
        assert!(error.contains("other.toml cannot be read: "), "{error}");
    }

    #[test]
    fn a_user_without_a_home_is_told_what_to_do() {
        let error = Places::data(&Flags::default(), &Machine::default(), None).unwrap_err();
        assert_eq!(error, ConfigError::NoHome);
        assert!(error.to_string().contains("--data"));
    }

    #[test]
    fn a_relative_folder_becomes_absolute() {
        let flags = Flags { data: Some("here".into()), ..Flags::default() };
        assert!(Places::data(&flags, &Machine::default(), None).unwrap().is_absolute());
    }
}
