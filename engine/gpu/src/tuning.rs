//! What Burn found out about a graphics processor, kept from one process to the next: which of its kernels are the fastest for
//! which shapes, and how fast the device is. To find it out takes seconds.
//!
//! The file is Burn's own, and a cache: what is in it belongs to one device, one version of Burn and one list of kernels, and
//! several processes may use it at once. Where it cannot be used, everything is found out again.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cubecl_environment::persistence::{Access, CacheConfig, Database};
use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig as _};

use crate::contain;

/// The name of the file, to which Burn adds an ending.
const NAME: &str = "kernels";
/// What a file of this kind begins with.
const HEADER: &[u8; 16] = b"SQLite format 3\0";
/// Endings of what Burn writes beside the file.
const BESIDE: [&str; 2] = ["db-wal", "db-tshm"];
/// No folder can be here: Burn keeps what it would write there in memory. Told not to keep it, it would measure the device's
/// speed for each operation anew.
const NOWHERE: &str = "/dev/null";
/// What begins the names of Burn's tables of fastest kernels.
const CHOICES: &str = "autotune";

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Devices that start from here on keep what they find out in this folder, which need not exist. Without it each process
/// finds out for itself. The first call counts.
pub fn keep_tuning_in(folder: PathBuf) {
    // A second folder would only be a second cache.
    let _ = FOLDER.set(folder);
}

/// The folder, where there is one.
pub(crate) fn folder() -> Option<&'static Path> {
    FOLDER.get().map(PathBuf::as_path)
}

/// What is kept in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptTuning {
    /// Kernels that were found to be the fastest for some shapes of their operands.
    pub choices: u64,
    /// Bytes of all that is kept.
    pub bytes: u64,
}

/// Looks at what is kept in a folder; `None` where nothing is.
pub fn kept_tuning(folder: &Path) -> Option<KeptTuning> {
    let file = file(folder);
    if !file.is_file() || is_damaged(&file) {
        return None;
    }
    let tables = contain(|| Database::open_at(&file, Access::ReadOnly).map(|kept| kept.summary())).ok()?.ok()?;
    let mut kept = KeptTuning::default();
    for table in tables {
        kept.bytes += table.bytes;
        if table.namespace.starts_with(CHOICES) {
            kept.choices += table.entries;
        }
    }
    (kept != KeptTuning::default()).then_some(kept)
}

fn file(folder: &Path) -> PathBuf {
    folder.join(NAME).with_extension("db")
}

/// Whether this is there and no file of Burn's.
fn is_damaged(file: &Path) -> bool {
    let mut header = [0; HEADER.len()];
    match std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => header != *HEADER,
        // Empty: another process has just made it.
        Err(error) => error.kind() == ErrorKind::UnexpectedEof && file.metadata().is_ok_and(|facts| facts.len() > 0),
    }
}

/// Whether Burn can open the file, or will make it.
fn is_usable(file: &Path) -> bool {
    !file.exists()
        || !is_damaged(file) && contain(|| Database::open_at(file, Access::ReadWrite).is_ok()).is_ok_and(|opens| opens)
}

/// Sets aside what Burn cannot open, with the files beside it that belong to it, so that a new one is made: Burn would go
/// without one for ever.
fn set_aside(file: &Path) {
    // Where that fails the folder cannot be written, and nothing would be kept in it anyway.
    let _ = std::fs::rename(file, file.with_extension("damaged"));
    for ending in BESIDE {
        let _ = std::fs::remove_file(file.with_extension(ending));
    }
}

/// Tells Burn, before it starts its first device.
pub(crate) fn configure() {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.environment.name = NAME.to_owned();
    match FOLDER.get() {
        Some(folder) => {
            let file = file(folder);
            if !is_usable(&file) {
                set_aside(&file);
            }
            config.environment.path = CacheConfig::Directory(folder.clone());
        }
        None => {
            config.autotune.disable_cache = true;
            config.environment.path = CacheConfig::Directory(NOWHERE.into());
        }
    }
    // It stays as it is where a device was started before.
    CubeClRuntimeConfig::try_set(config);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_its_kind_is_not_usable_and_a_new_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(is_usable(&file) && kept_tuning(folder.path()).is_none());
        for (content, expected) in [
            (&b""[..], false),
            (b"short", true),
            (b"sixteen letters and more", true),
            (b"SQLite format 3\0and pages", false),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(is_damaged(&file), expected, "{content:?}");
            assert_eq!(kept_tuning(folder.path()), None, "{content:?}");
        }
        assert!(!is_usable(&file));
        std::fs::write(folder.path().join("kernels.db-wal"), "its log").unwrap();
        set_aside(&file);
        assert!(is_usable(&file) && !folder.path().join("kernels.db-wal").exists());
        assert!(folder.path().join("kernels.damaged").exists());
    }
}
