//! Machine code of programs, kept in a folder from one run to the next.
//!
//! A file for each unit, named by the hash of what it was made of: the unit's code, the processor, the code generator.
//! What a file holds is checked where it is read (see `nexus_mcode::CodeStore`); here bytes are kept, the folder is kept
//! small, and what came of each question is counted. Whatever goes wrong with the folder costs time and nothing else.
//!
//! Whoever may write the folder may run code as its owner, like with any program that lies in a folder of theirs: it is
//! made for its owner alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use nexus_mcode::{CodeOrigin, CodeStore};

/// Files that are kept; beyond that the oldest half goes.
const FILES_MAX: usize = 1_024;
/// Bytes that are kept.
const BYTES_MAX: u64 = 64 << 20;
/// Bytes of one file: more was not written here.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Stores between two looks at how much there is.
const LOOK_EVERY: u64 = 16;
/// Units between two updates of the folder's counts.
const NOTED_EVERY: u64 = 64;
/// How the files of units end.
const ENDING: &str = "code";
/// The file with what came of all questions so far.
const COUNTS: &str = "counts";

/// A folder with machine code.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
    stores: AtomicU64,
    noted: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    damaged: AtomicU64,
}

/// What is in the folder, and what came of all questions since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeCacheFacts {
    /// Units that are kept.
    pub units: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Units that were found.
    pub hits: u64,
    /// Units that were compiled.
    pub misses: u64,
    /// Of these, those that were there but damaged.
    pub damaged: u64,
}

impl CodeCache {
    /// The cache in a folder, which is made when something is kept.
    pub fn at(folder: PathBuf) -> CodeCache {
        let zero = AtomicU64::default;
        CodeCache { folder, stores: zero(), noted: zero(), hits: zero(), misses: zero(), damaged: zero() }
    }

    /// Looks at a folder; one that is not there is empty.
    pub fn look(folder: &Path) -> CodeCacheFacts {
        let files = files(folder);
        let [hits, misses, damaged] = File::open(folder.join(COUNTS)).map_or([0; 3], |mut file| read_counts(&mut file));
        let bytes = files.iter().map(|file| file.bytes).sum();
        CodeCacheFacts { units: files.len() as u64, bytes, hits, misses, damaged }
    }

    fn file(&self, key: &[u8; 32]) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ENDING)
    }

    fn write(&self, key: &[u8; 32], bytes: &[u8]) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let stores = self.stores.fetch_add(1, Ordering::Relaxed);
        if stores.is_multiple_of(LOOK_EVERY) {
            self.shrink();
        }
        // Under another name first: nobody reads half a file.
        let file = self.file(key);
        let unfinished = file.with_extension(format!("{}-{stores}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut out| out.write_all(bytes))
            .and_then(|()| std::fs::rename(&unfinished, &file));
        if written.is_err() {
            drop(std::fs::remove_file(&unfinished));
        }
        written
    }

    /// Removes the oldest half where there is too much.
    fn shrink(&self) {
        let mut files = files(&self.folder);
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if files.len() < FILES_MAX && bytes < BYTES_MAX {
            return;
        }
        files.sort_by_key(|file| file.changed);
        for file in &files[..files.len() / 2] {
            drop(std::fs::remove_file(&file.path));
        }
    }

    fn try_to_keep_counts(&self) {
        if let Err(error) = self.keep_counts() {
            tracing::debug!(%error, "the counts of kept machine code were lost");
        }
    }

    /// Adds what was counted to the folder's own counts.
    fn keep_counts(&self) -> std::io::Result<()> {
        let new = [&self.hits, &self.misses, &self.damaged].map(|count| count.swap(0, Ordering::Relaxed));
        if new == [0; 3] || !self.folder.exists() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(self.folder.join(COUNTS))?;
        file.lock()?;
        let old = read_counts(&mut file);
        let sums: Vec<String> = old.iter().zip(new).map(|(old, new)| old.saturating_add(new).to_string()).collect();
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(sums.join(" ").as_bytes())
    }
}

impl CodeStore for CodeCache {
    fn load(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let file = File::open(self.file(key)).ok()?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn store(&self, key: &[u8; 32], bytes: &[u8]) {
        if bytes.len() as u64 >= FILE_BYTES_MAX {
            return;
        }
        if let Err(error) = self.write(key, bytes) {
            tracing::debug!(%error, folder = %self.folder.display(), "machine code was not kept");
        }
    }

    fn noted(&self, origin: CodeOrigin) {
        let count = match origin {
            CodeOrigin::Stored => &self.hits,
            CodeOrigin::Compiled => &self.misses,
            CodeOrigin::Damaged => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                &self.misses
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        // A node runs for weeks: others want to see what it counted.
        if self.noted.fetch_add(1, Ordering::Relaxed) % NOTED_EVERY == NOTED_EVERY - 1 {
            self.try_to_keep_counts();
        }
    }
}

impl Drop for CodeCache {
    fn drop(&mut self) {
        self.try_to_keep_counts();
    }
}

struct KeptFile {
    path: PathBuf,
    bytes: u64,
    changed: SystemTime,
}

/// The files of units in a folder.
fn files(folder: &Path) -> Vec<KeptFile> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let of_unit = |path: &Path| path.extension().is_some_and(|ending| ending == ENDING);
    entries
        .flatten()
        .filter(|entry| of_unit(&entry.path()))
        .filter_map(|entry| {
            let facts = entry.metadata().ok()?;
            let changed = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some(KeptFile { path: entry.path(), bytes: facts.len(), changed })
        })
        .collect()
}

/// Hits, misses, damaged; what cannot be read counts as nothing.
fn read_counts(file: &mut File) -> [u64; 3] {
    let mut text = String::new();
    if file.take(1_000).read_to_string(&mut text).is_err() {
        return [0; 3];
    }
    let mut counts = text.split(' ').map(|word| word.trim().parse().unwrap_or(0));
    std::array::from_fn(|_| counts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/code");
        assert_eq!(CodeCache::look(&folder), CodeCacheFacts::default());
        let cache = CodeCache::at(folder.clone());
        assert_eq!(cache.load(&[1; 32]), None);
        cache.store(&[1; 32], b"code");
        cache.noted(CodeOrigin::Compiled);
        assert_eq!(cache.load(&[1; 32]).as_deref(), Some(&b"code"[..]));
        cache.noted(CodeOrigin::Stored);
        drop(cache);
        let again = CodeCache::at(folder.clone());
        assert_eq!(again.load(&[1; 32]).as_deref(), Some(&b"code"[..]));
        again.noted(CodeOrigin::Damaged);
        drop(again);
        let facts = CodeCache::look(&folder);
        assert_eq!(facts, CodeCacheFacts { units: 1, bytes: 4, hits: 1, misses: 2, damaged: 1 });
    }

    #[test]
    fn the_folder_stays_small_and_damage_to_it_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::at(folder.path().to_owned());
        for number in 0..FILES_MAX as u32 + 40 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_le_bytes());
            cache.store(&key, b"x");
        }
        let units = CodeCache::look(folder.path()).units as usize;
        assert!((FILES_MAX / 2..=FILES_MAX).contains(&units), "{units}");
        std::fs::write(folder.path().join(COUNTS), [0xff, 0xfe]).unwrap();
        cache.noted(CodeOrigin::Stored);
        drop(cache);
        assert_eq!(CodeCache::look(folder.path()).hits, 1);
        // A file stands where the folder should be.
        let blocked = CodeCache::at(folder.path().join(COUNTS));
        blocked.store(&[1; 32], b"x");
        assert_eq!(blocked.load(&[1; 32]), None);
    }
}
