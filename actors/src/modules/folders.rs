//! Folders that a module wrote into: made for one call, and removed whatever was made of them.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// Stands between the process that makes a folder and the rest of its name.
const OF: char = '-';

/// The folder of one call. [`CallFolder::remove`] says whether it is gone; dropping it tries.
pub(super) struct CallFolder(TempDir);

impl CallFolder {
    /// An empty folder below `scratch`; what processes that are gone left there is removed first.
    pub(super) fn make(scratch: &Path) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        sweep(scratch);
        let prefix = format!("{}{OF}", std::process::id());
        tempfile::Builder::new().prefix(&prefix).tempdir_in(scratch).map(CallFolder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it with all that is in it.
    pub(super) fn remove(self) -> io::Result<()> {
        remove_all(&self.0.keep())
    }
}

/// Removes the folders of processes that are no more. What cannot be removed stays for the next time.
fn sweep(scratch: &Path) {
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split_once(OF)).and_then(|(process, _)| process.parse().ok());
        let is_gone = |process| test_kill_process(process) == Err(rustix::io::Errno::SRCH);
        if process.and_then(Pid::from_raw).is_some_and(is_gone) {
            let _ = remove_all(&entry.path());
        }
    }
}

/// Removes a folder, however deep the folders in it are and whatever their permissions: what lies inside a folder is moved up
/// before the folder goes, so that no path gets long and few files are open. No link is followed.
pub(super) fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    let holding =
        tempfile::Builder::new().prefix("removing").tempdir_in(folder.parent().unwrap_or(Path::new(".")))?.keep();
    let mut waiting: VecDeque<PathBuf> = VecDeque::from([folder.to_owned()]);
    let mut moved = 0u64;
    while let Some(next) = waiting.pop_front() {
        fs::set_permissions(&next, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let place = holding.join(moved.to_string());
                moved += 1;
                // A folder is moved only by who may write to it: its own parent's entry changes.
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
                fs::rename(entry.path(), &place)?;
                waiting.push_back(place);
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(&next)?;
    }
    fs::remove_dir(&holding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deep_closed_or_a_link_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::write(&outside, "stays").unwrap();
        let folder = CallFolder::make(place.path()).unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(place.path(), folder.path().join("folder-link")).unwrap();
        fs::create_dir(folder.path().join("closed")).unwrap();
        fs::write(folder.path().join("closed/file"), "").unwrap();
        fs::set_permissions(folder.path().join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        // Deeper than a path can be long: each new folder takes the ones before into it.
        let (mut inner, top) = (folder.path().join("top"), folder.path().join("next"));
        fs::create_dir(&inner).unwrap();
        for _ in 0..3_000 {
            fs::create_dir(&top).unwrap();
            fs::rename(&inner, top.join("in")).unwrap();
            fs::rename(&top, folder.path().join("top")).unwrap();
            inner = folder.path().join("top");
        }
        let path = folder.path().to_owned();
        folder.remove().unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(&outside).unwrap(), "stays");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left but what lay outside");
    }

    #[test]
    fn what_processes_left_that_are_gone_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        let process = gone.id();
        gone.wait().unwrap();
        fs::create_dir_all(place.path().join(format!("{process}-left/in"))).unwrap();
        fs::create_dir_all(place.path().join("1-runs")).unwrap();
        let folder = CallFolder::make(place.path()).unwrap();
        assert!(!place.path().join(format!("{process}-left")).exists());
        assert!(place.path().join("1-runs").exists(), "that process is there");
        folder.remove().unwrap();
    }
}
