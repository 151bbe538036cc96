//! The wall clock of one node. Linux has one for all namespaces, so a library that is loaded before all others (libfaketime,
//! a package of the distributions) answers for it; clocks that only go on, by which leases and elections are counted, are
//! left as they are, and so are those of all other processes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::linux::error::CampaignError;

/// Where distributions put the library, below `/usr/lib`.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// A clock that is right.
const RIGHT: &str = "+0";

/// How a clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jump {
    DayBack,
    TenYearsAhead,
}

/// A node's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// How far it is off is written there; looked at once a second.
    file: PathBuf,
    library: Option<PathBuf>,
}

impl Clock {
    /// A clock that is right, for processes that [`Clock::wear`] it.
    pub(crate) fn new(file: PathBuf) -> Self {
        Clock { file, library: library() }
    }

    /// Whether it can be set at all: the library is installed.
    pub(crate) fn can_jump(&self) -> bool {
        self.library.is_some()
    }

    /// Has a process go by this clock.
    pub(crate) fn wear(&self, command: &mut Command) -> Result<(), CampaignError> {
        let Some(library) = &self.library else { return Ok(()) };
        self.write(RIGHT)?;
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        // The same under the name that earlier versions of the library know.
        command.env("DONT_FAKE_MONOTONIC", "1");
        Ok(())
    }

    /// Sets it wrong, or right again.
    pub(crate) fn set(&self, jump: Option<Jump>) -> Result<(), CampaignError> {
        match (&self.library, jump) {
            (None, _) => Ok(()),
            (Some(_), None) => self.write(RIGHT),
            (Some(_), Some(Jump::DayBack)) => self.write("-1d"),
            (Some(_), Some(Jump::TenYearsAhead)) => self.write("+10y"),
        }
    }

    fn write(&self, offset: &str) -> Result<(), CampaignError> {
        std::fs::write(&self.file, format!("{offset}\n")).map_err(|error| CampaignError::setup("set a clock", error))
    }
}

fn library() -> Option<PathBuf> {
    let below = |folder: &Path| Some(folder.join(LIBRARY)).filter(|path| path.exists());
    let root = Path::new("/usr/lib");
    let platforms = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    below(root).or_else(|| platforms.filter_map(|folder| below(&folder)).min())
}
