//! Who keeps services on this system, and one way to ask either: which verb asks what is the business of [`super`].

use std::path::{Path, PathBuf};

use nexus_config::{Service, ServiceError};

use super::host::Host;
use super::{launchd, systemd};
use crate::cli::codes;
use crate::cli::error::{CliError, Exit};

/// Who keeps services here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Systemd,
    Launchd,
}

/// Whether a keeper did what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    Done,
    /// It is not there, or not for this user: why.
    Not(String),
}

/// How a service is; what is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Whether it is started at log-in.
    pub(super) enabled: Option<bool>,
    pub(super) running: Option<bool>,
    /// The keeper's word.
    pub(super) state: Option<String>,
    pub(super) pid: Option<u32>,
    /// Whether it runs, or would, as a file said that is another one by now.
    pub(super) is_outdated: bool,
    /// Why nothing is known.
    pub(super) unknown: Option<String>,
}

impl Answered {
    /// Why nothing was done.
    pub(super) fn reason(self) -> Option<String> {
        match self {
            Answered::Done => None,
            Answered::Not(why) => Some(why),
        }
    }
}

impl Keeper {
    pub(super) fn of(host: &Host) -> Result<Self, CliError> {
        match host.system.as_str() {
            "linux" => Ok(Keeper::Systemd),
            "macos" => Ok(Keeper::Launchd),
            other => {
                let message = format!("services are made for systemd on Linux and launchd on macOS; this is {other}");
                Err(CliError::new(Exit::Usage, codes::NO_SERVICE_HERE, message)
                    .with_help("have what starts programs here run `nexus node start`; SIGTERM stops it in order"))
            }
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Keeper::Systemd => "systemd --user",
            Keeper::Launchd => "launchd",
        }
    }

    pub(super) fn path(self, host: &Host) -> Option<PathBuf> {
        match self {
            Keeper::Systemd => systemd::path(host),
            Keeper::Launchd => launchd::path(host),
        }
    }

    pub(super) fn text(self, service: &Service, host: &Host) -> Result<String, ServiceError> {
        match self {
            Keeper::Systemd => Ok(service.systemd_unit()),
            Keeper::Launchd => service.launchd_plist(&launchd::log(host).unwrap_or_default()),
        }
    }

    /// What shows the words of the node.
    pub(super) fn log(self, host: &Host) -> String {
        match self {
            Keeper::Systemd => format!("journalctl --user -f -u {}", Service::UNIT),
            Keeper::Launchd => format!("tail -f {}", launchd::log(host).unwrap_or_default().display()),
        }
    }

    pub(super) fn by_hand(self, host: &Host, path: &Path, is_replaced: bool) -> Vec<String> {
        match self {
            Keeper::Systemd => systemd::by_hand(is_replaced),
            Keeper::Launchd => launchd::by_hand(host, path, is_replaced),
        }
    }

    pub(super) fn start(self, host: &Host, path: &Path, is_replaced: bool) -> Result<Answered, CliError> {
        match self {
            Keeper::Systemd => systemd::start(host, path, is_replaced),
            Keeper::Launchd => launchd::start(host, path, is_replaced),
        }
    }

    pub(super) fn stop(self, host: &Host) -> Result<Answered, CliError> {
        match self {
            Keeper::Systemd => systemd::stop(host),
            Keeper::Launchd => launchd::stop(host),
        }
    }

    /// What is left to do once the file is gone.
    pub(super) fn forget(self, host: &Host, path: &Path, stopped: &Answered) {
        match self {
            Keeper::Systemd => systemd::forget(host, path, stopped),
            Keeper::Launchd => {}
        }
    }

    pub(super) fn state(self, host: &Host) -> State {
        match self {
            Keeper::Systemd => systemd::state(host),
            Keeper::Launchd => launchd::state(host),
        }
    }

    /// Whether it runs while nobody is logged in; an agent of launchd never does.
    pub(super) fn lingers(self, host: &Host) -> Option<bool> {
        match self {
            Keeper::Systemd => systemd::lingers(host),
            Keeper::Launchd => Some(false),
        }
    }
}

/// The error of a keeper that is there and does not do what it is asked.
pub(super) fn refused(what: &str, why: &str) -> CliError {
    CliError::new(Exit::Unreachable, codes::SERVICE_REFUSED, format!("`{what}` failed: {why}"))
}
