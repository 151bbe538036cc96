//! Small files that matter: written whole or not at all, flushed before they count, keys readable by their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::error::LinkError;

/// Names of the files.
pub(crate) const KEY: &str = "key.pem";
pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const CA: &str = "ca.pem";
pub(crate) const AUTHORITY_KEY: &str = "authority-key.pem";
pub(crate) const AUTHORITY: &str = "authority.pem";

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Mode 0600.
    Owner,
    /// Mode 0644.
    Everyone,
}

/// Writes `text` to `directory/name` (both created as needed, the directory with mode 0700).
pub(crate) fn write(directory: &Path, name: &str, text: &str, readers: Readers) -> Result<(), LinkError> {
    let path = directory.join(name);
    let attempt = || -> io::Result<()> {
        create_directory(directory)?;
        let temporary = directory.join(format!("{name}.new"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = create_file(&temporary, readers)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    };
    attempt().map_err(|source| LinkError::File { action: "write", path: path.clone(), source: Arc::new(source) })
}

/// The text of `directory/name`, or `None` where there is no such file.
pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<String>, LinkError> {
    let path = directory.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LinkError::File { action: "read", path, source: Arc::new(source) }),
    }
}

/// How a file of this name comes back that is damaged or lost.
pub(crate) fn way_back(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(AUTHORITY | AUTHORITY_KEY) => {
            "put the file back from a copy: every voter has the same one in the folder `authority` of its data"
        }
        Some(CA) => "put the file back from a copy: every node has the same one in the folder `identity` of its data",
        _ => {
            "put the file back from a copy; without one, a node is forgotten with `nexus node forget` on another machine and \
             joins again with another folder (--data), and who logged in logs in again"
        }
    }
}

#[cfg(unix)]
fn create_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

#[cfg(unix)]
fn create_file(path: &Path, readers: Readers) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create_file(path: &Path, _readers: Readers) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
