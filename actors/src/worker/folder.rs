//! The folder in which a slot's commands run: empty at the beginning of each, whatever the one before left there.
//!
//! Making and removing a folder costs more than all else that a short command needs beside its process, so one that was
//! left empty serves again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::modules::{AT_ONCE, discard};

/// The folder of one slot.
pub(crate) struct Folder {
    path: PathBuf,
    /// The folder that is there, empty, where there is one.
    made: Mutex<Option<Made>>,
}

/// What must be as it was for a folder to serve again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    inode: u64,
    mode: u32,
    owner: (u32, u32),
}

impl Made {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Made { inode: metadata.ino(), mode: metadata.mode(), owner: (metadata.uid(), metadata.gid()) })
    }
}

impl Folder {
    /// A folder that is made when it is needed.
    pub(crate) fn new(path: PathBuf) -> Self {
        Folder { path, made: Mutex::default() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sees to it that it is there.
    pub(crate) fn open(&self) -> std::io::Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            fs::create_dir_all(&self.path)?;
            if !is_empty(&self.path) {
                return Err(std::io::Error::other("what an earlier command left there could not be removed"));
            }
            *made = Some(Made::of(&self.path)?);
        }
        Ok(())
    }

    /// Empties it of what a command left: all of it goes, unless there is nothing.
    pub(crate) fn clear(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_some() && Made::of(&self.path).ok() == *made && is_empty(&self.path) {
            return;
        }
        *made = None;
        // By descriptors: nothing that a command left running leads it elsewhere, and depth is no matter.
        if let Err(error) = discard(&self.path, &mut { AT_ONCE }) {
            tracing::warn!(folder = %self.path.display(), %error, "a task's folder could not be removed");
        }
    }
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().join("slot-0"));
        folder.open().unwrap();
        (root, folder)
    }

    #[test]
    fn an_untouched_folder_serves_again() {
        let (_root, folder) = folder();
        let before = fs::metadata(folder.path()).unwrap().ino();
        folder.clear();
        folder.open().unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().ino(), before);
    }

    #[test]
    fn whatever_a_command_does_to_its_folder_the_next_finds_it_empty_and_its_own() {
        let (root, folder) = folder();
        let path = folder.path().to_owned();
        let outside = root.path().join("outside");
        fs::create_dir_all(outside.join("kept")).unwrap();
        let deeds: [&dyn Fn(); 6] = [
            &|| fs::write(path.join("file"), "x").unwrap(),
            &|| {
                fs::create_dir_all(path.join("a/b")).unwrap();
                fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o000)).unwrap();
            },
            &|| fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap(),
            &|| fs::remove_dir(&path).unwrap(),
            &|| std::os::unix::fs::symlink(&outside, path.join("link")).unwrap(),
            &|| {
                fs::remove_dir(&path).unwrap();
                std::os::unix::fs::symlink(&outside, &path).unwrap();
            },
        ];
        let mode = fs::metadata(&path).unwrap().mode();
        for deed in deeds {
            deed();
            folder.clear();
            folder.open().unwrap();
            assert!(is_empty(&path));
            let metadata = fs::symlink_metadata(&path).unwrap();
            assert!(metadata.is_dir() && metadata.mode() == mode);
        }
        assert!(outside.join("kept").is_dir());
    }

    #[test]
    fn folders_in_folders_without_end_overflow_nothing() {
        let (_root, folder) = folder();
        let path = folder.path().to_owned();
        let deep = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            let mut inside = rustix::fs::open(&path, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
            for _ in 0..20_000 {
                rustix::fs::mkdirat(&inside, "d", rustix::fs::Mode::RWXU).unwrap();
                inside =
                    rustix::fs::openat(&inside, "d", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
            }
            drop(inside);
            folder.clear();
            folder.open().unwrap();
            assert!(is_empty(folder.path()));
        });
        deep.unwrap().join().unwrap();
    }
}
