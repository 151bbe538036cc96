//! The one file of a service: what is there, writing it, taking it away. What somebody else wrote is left alone.

use std::io::ErrorKind;
use std::path::Path;

use nexus_config::Service;

use crate::cli::codes;
use crate::cli::error::{CliError, Exit};
use crate::cli::files;

/// What is at the place of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A file of ours, as it is or changed by hand.
    Ours(String),
    /// Something else: a file of somebody, a link, a folder. What can be read of it.
    Foreign(String),
}

/// What writing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// There was no file.
    Created,
    /// There was one with other lines: those that went (`- `) and those that came (`+ `).
    Replaced(Vec<String>),
    /// The file was like this already.
    Unchanged,
}

impl Change {
    /// The word of `--json`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Replaced(_) => "replaced",
            Change::Unchanged => "unchanged",
        }
    }
}

/// Looks at the place.
pub(super) fn look(path: &Path) -> Result<Found, CliError> {
    let wrong = |error: std::io::Error| {
        let message = format!("{} cannot be read: {error}", path.display());
        CliError::new(Exit::Usage, codes::UNREADABLE_FILE, message)
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(wrong(error)),
        // `systemctl mask` makes a link to nothing, and people link to files that they keep elsewhere.
        Ok(found) if !found.is_file() => Ok(Found::Foreign(String::new())),
        Ok(_) => {
            let text = String::from_utf8_lossy(&std::fs::read(path).map_err(wrong)?).into_owned();
            Ok(if Service::has_made(&text) { Found::Ours(text) } else { Found::Foreign(text) })
        }
    }
}

/// Writes the file, complete or not at all. What somebody else wrote is replaced only with `force`.
pub(super) fn write(path: &Path, text: &str, force: bool) -> Result<Change, CliError> {
    let change = match look(path)? {
        Found::Nothing => Change::Created,
        Found::Ours(old) if old == text => return Ok(Change::Unchanged),
        Found::Ours(old) => Change::Replaced(differences(&old, text)),
        Found::Foreign(old) if force => Change::Replaced(differences(&old, text)),
        Found::Foreign(_) => {
            return Err(foreign(path).with_help("move it away, or overwrite it with `nexus service install --force`"));
        }
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let message = format!("the folder {} cannot be made: {error}", folder.display());
            CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
        })?;
    }
    files::whole(path, text.as_bytes())?;
    Ok(change)
}

/// The error of a file that is not ours.
pub(super) fn foreign(path: &Path) -> CliError {
    let message = format!("{} is there and is none of `nexus service install`'s", path.display());
    CliError::new(Exit::Usage, codes::FOREIGN_SERVICE, message)
}

/// Takes the file away.
pub(super) fn remove(path: &Path) -> Result<(), CliError> {
    std::fs::remove_file(path).map_err(|error| {
        let message = format!("{} cannot be removed: {error}", path.display());
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
    })
}

/// The lines that only one of the two has.
fn differences(old: &str, new: &str) -> Vec<String> {
    let only = |these: &str, those: &str, sign: &str| -> Vec<String> {
        let lines = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    [only(old, new, "-"), only(new, old, "+")].concat()
}
