//! What installing a service needs to know of this machine and its user, and the way to the programs that keep services.
//!
//! [`Host::look`] is the only code of the verb that looks; tests imagine machines instead.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables that say where a node's settings and data are. A service does not inherit those of a shell.
const PLACES: [&str; 4] = ["NEXUS_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"];

/// A machine and its user.
pub(crate) struct Host {
    /// Name of the operating system, as Rust has it.
    pub(super) system: String,
    /// The user's home folder.
    pub(super) home: Option<PathBuf>,
    /// The user's number.
    pub(super) user: u32,
    /// This program, or why it cannot be found.
    pub(super) program: Result<PathBuf, String>,
    /// The variables of [`PLACES`] that are set, as absolute paths.
    pub(super) places: Vec<(&'static str, OsString)>,
    /// Programs of the system.
    pub(super) commands: Box<dyn Commands>,
}

/// How a program of the system ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) is_success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Programs of the system.
pub(super) trait Commands {
    /// Runs one to its end; why it could not be started.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended, String>;
}

impl Host {
    /// Looks at this machine. What cannot be found out is left empty; nothing fails.
    pub(crate) fn look() -> Self {
        let user = rustix::process::getuid().as_raw();
        let is_set = |name: &'static str| Some((name, std::env::var_os(name).filter(|value| !value.is_empty())?));
        Host {
            system: std::env::consts::OS.to_owned(),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            user,
            program: std::env::current_exe().map_err(|error| error.to_string()),
            places: PLACES.into_iter().filter_map(is_set).filter_map(absolute).collect(),
            commands: Box::new(System { runtime: runtime_folder(user) }),
        }
    }

    /// What a variable of [`PLACES`] says.
    pub(super) fn place(&self, name: &str) -> Option<&Path> {
        self.places.iter().find(|(known, _)| *known == name).map(|(_, path)| Path::new(path))
    }

    /// What a program of the system printed; else its last words, or why it could not be run.
    pub(super) fn call(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let ended = self.commands.run(program, arguments)?;
        if ended.is_success {
            return Ok(ended.stdout);
        }
        let last = ended.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
        Err(last.map_or_else(|| format!("{program} failed and does not say why"), str::to_owned))
    }
}

/// A variable as the path that it means here. A relative folder counts only in ours: others ignore it.
fn absolute((name, value): (&'static str, OsString)) -> Option<(&'static str, OsString)> {
    match name {
        "NEXUS_HOME" => Some((name, std::path::absolute(&value).ok()?.into_os_string())),
        _ => Path::new(&value).is_absolute().then_some((name, value)),
    }
}

/// The folder with the socket of the user's systemd, where the environment names none that has it: after `su` or `sudo`
/// nothing names it.
fn runtime_folder(user: u32) -> Option<PathBuf> {
    let has_manager = |folder: &Path| folder.join("systemd").is_dir();
    let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let usual = Path::new("/run/user").join(user.to_string());
    (!named.is_some_and(|folder| has_manager(&folder)) && has_manager(&usual)).then_some(usual)
}

/// The programs of this machine.
struct System {
    /// Instead of the environment's.
    runtime: Option<PathBuf>,
}

impl Commands for System {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended, String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some(folder) = &self.runtime {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        let output = command.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no {program} here"),
            _ => format!("{program} cannot be run: {error}"),
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ended { is_success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}
