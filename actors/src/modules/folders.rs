//! Folders that a module wrote into: made for one call, and removed whatever was made of them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FlockOperation, Mode, OFlags, flock};
use rustix::io::retry_on_intr;

use crate::removal::{self, AT_ONCE, Doomed, is_discarded};

/// Stands between the process that makes a folder and the rest of its name, which tell people whose it is.
const OF: char = '-';

/// The folder of one call, locked: what has no lock is left by somebody who is gone, whatever process ids mean here.
/// [`CallFolder::remove`] says what it could not do; dropping it tries.
pub(super) struct CallFolder {
    path: PathBuf,
    folder: Option<Doomed>,
}

impl CallFolder {
    /// An empty folder below `scratch`; what others left there that are gone is removed first.
    pub(super) fn make(scratch: &Path) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        let parent = rustix::fs::open(scratch, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        // Until the new folder has its lock it looks like one that was left. Some file systems have no locks of folders: what
        // is left stays there.
        let locked = retry_on_intr(|| flock(&parent, FlockOperation::LockExclusive)).is_ok();
        if locked {
            sweep(parent.as_fd());
        }
        let prefix = format!("{}{OF}", std::process::id());
        let path = tempfile::Builder::new().prefix(&prefix).tempdir_in(scratch)?.keep();
        let name = path.file_name().unwrap_or_default().as_bytes();
        let lock = removal::open(parent.as_fd(), name)?;
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let folder = Some(Doomed::new(parent.as_fd(), name, Some(lock))?);
        // The folder's own descriptor is a copy that would keep it.
        let _ = flock(&parent, FlockOperation::Unlock);
        Ok(CallFolder { path, folder })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that is in it; what takes longer than a moment in the background.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.folder.take().map_or(Ok(()), |folder| folder.discard(&mut { AT_ONCE }))
    }
}

impl Drop for CallFolder {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take() {
            // What cannot be removed stays for the next sweep.
            let _ = folder.discard(&mut { AT_ONCE });
        }
    }
}

/// Removes the folders that nobody holds any more. What cannot be removed stays for the next time.
fn sweep(scratch: BorrowedFd<'_>) {
    let mut budget = AT_ONCE;
    for entry in Dir::read_from(scratch).into_iter().flatten().flatten() {
        let name = entry.file_name().to_bytes();
        if let Some(lock) = is_ours(name).then(|| left(scratch, name)).flatten() {
            let _ = Doomed::new(scratch, name, Some(lock)).and_then(|folder| folder.discard(&mut budget));
        }
    }
}

/// Whether a call's folder has such a name, or what is being removed.
fn is_ours(name: &[u8]) -> bool {
    let is_of_process = || {
        let (process, _) = std::str::from_utf8(name).ok()?.split_once(OF)?;
        process.parse::<u32>().ok()
    };
    is_discarded(name) || is_of_process().is_some()
}

/// The lock of a folder that nobody has.
fn left(scratch: BorrowedFd<'_>, name: &[u8]) -> Option<OwnedFd> {
    let folder = removal::open(scratch, name).ok()?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok().map(|()| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        // Its process is there, and may be another one in another container.
        let left = format!("{}-left", std::process::id());
        for name in [&left, "4000000-left", "removing4NvJ", "removing-7-0", "others"] {
            fs::create_dir_all(place.path().join(name).join("in/in")).unwrap();
        }
        let held = CallFolder::make(place.path()).unwrap();
        let folder = CallFolder::make(place.path()).unwrap();
        let mut names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let mut wanted = vec![held.path().to_owned(), folder.path().to_owned(), place.path().join("others")];
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted);
        folder.remove().unwrap();
        drop(held);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_made_by_many_at_once() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let folder = CallFolder::make(place.path()).unwrap();
                        fs::write(folder.path().join("file"), "").expect("nobody swept it");
                        folder.remove().unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
