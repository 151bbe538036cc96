//! Removes a folder with whatever a program made of it, by descriptors alone: no link is followed, also not one that takes the
//! place of a folder meanwhile.
//!
//! What takes longer than a moment is renamed aside and removed by one thread in the background ([`discard`]); what a process
//! leaves there when it ends is found by its name ([`is_discarded`]).

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

/// How the names begin of folders that are being removed.
const REMOVING: &str = "removing";
/// Entries that are removed before whoever wants a folder removed goes on: some hundredths of a second.
pub(crate) const AT_ONCE: u64 = 4096;
/// Folders that wait for the thread: each keeps two descriptors open. What finds no place is left for the next sweep.
const WAITING_MAX: usize = 64;
/// Rounds through a folder, each of which takes a level off what is in it; more than there are levels in any. Who goes on
/// filling it ends nobody's patience with that.
const ROUNDS_MAX: u32 = 1 << 20;
/// What a folder is opened with.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is to go, wherever its parent is moved to.
pub(crate) struct Doomed {
    parent: OwnedFd,
    name: Vec<u8>,
    /// Keeps others from it until it is gone.
    lock: Option<OwnedFd>,
}

impl Doomed {
    pub(crate) fn new(parent: BorrowedFd<'_>, name: &[u8], lock: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Doomed { parent: parent.try_clone_to_owned()?, name: name.to_owned(), lock })
    }

    /// Removes it: at once as far as `budget` goes, the rest in the background.
    pub(crate) fn discard(mut self, budget: &mut u64) -> io::Result<()> {
        if remove_some(self.parent.as_fd(), &self.name, budget)? {
            return Ok(());
        }
        if !is_discarded(&self.name) {
            let prefix = format!("{REMOVING}-{}", std::process::id());
            if let Some(name) = move_to(self.parent.as_fd(), &self.name, self.parent.as_fd(), &prefix, &mut 0)? {
                self.name = name;
            }
        }
        let mut waiting = waiting();
        if waiting.folders.len() < WAITING_MAX {
            waiting.folders.push_back(self);
        }
        if !waiting.has_thread {
            // Without a thread they stay for the next sweep.
            waiting.has_thread = std::thread::Builder::new().name("nexus-removal".into()).spawn(remove_waiting).is_ok();
        }
        Ok(())
    }
}

/// What waits for the thread.
struct Waiting {
    folders: VecDeque<Doomed>,
    has_thread: bool,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { folders: VecDeque::new(), has_thread: false });

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes one folder after the other until none waits.
fn remove_waiting() {
    loop {
        let mut waiting = waiting();
        let Some(folder) = waiting.folders.pop_front() else {
            waiting.has_thread = false;
            return;
        };
        drop(waiting);
        if let Err(error) = remove_some(folder.parent.as_fd(), &folder.name, &mut { u64::MAX }) {
            let name = String::from_utf8_lossy(&folder.name).into_owned();
            tracing::warn!(folder = name, %error, "a folder that a module or a command left could not be removed");
        }
        drop(folder.lock);
    }
}

/// Whether this is the name of a folder that is being removed, or that nobody removes any more.
pub(crate) fn is_discarded(name: &[u8]) -> bool {
    name.starts_with(REMOVING.as_bytes())
}

/// Removes a folder: at once as far as `budget` goes, the rest in the background, under another name.
pub(crate) fn discard(folder: &Path, budget: &mut u64) -> io::Result<()> {
    match parent_of(folder)? {
        Some((parent, name)) => Doomed::new(parent.as_fd(), name.as_bytes(), None)?.discard(budget),
        None => Ok(()),
    }
}

/// Removes a folder, however deep the folders in it are and whatever their permissions.
pub(crate) fn remove_all(folder: &Path) -> io::Result<()> {
    match parent_of(folder)? {
        Some((parent, name)) => remove_some(parent.as_fd(), name.as_bytes(), &mut { u64::MAX }).map(|_| ()),
        None => Ok(()),
    }
}

/// The folder in which it lies, and its name there. None where there is no such folder.
fn parent_of(folder: &Path) -> io::Result<Option<(OwnedFd, &OsStr)>> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = folder.file_name().ok_or(Errno::INVAL)?;
    match rustix::fs::open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(parent) => Ok(Some((parent, name))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes entries of a folder, at most `budget` of them, and the folder with the last: whether it is gone. What lies inside
/// a folder in it is moved up before that goes, so that few files are open and depth is no matter.
fn remove_some(parent: BorrowedFd<'_>, name: &[u8], budget: &mut u64) -> io::Result<bool> {
    let top = match open_to_empty(parent, name) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(true),
        Err(Errno::NOTDIR | Errno::LOOP) => return Ok(is_unlinked(parent, name)?),
        Err(error) => return Err(error.into()),
    };
    let left = Cell::new(*budget);
    let mut moved = 0;
    let mut rounds = 0;
    let is_gone = loop {
        if is_unlinked(parent, name)? {
            break true;
        }
        if left.get() == 0 {
            break false;
        }
        rounds += 1;
        if rounds > ROUNDS_MAX {
            return Err(Errno::BUSY.into());
        }
        each(&top, &left, |entry| {
            if is_unlinked(top.as_fd(), entry)? {
                return Ok(());
            }
            // Another thing may have taken its place: the next round sees to that.
            let Some(inner) = unless_changed(open_to_empty(top.as_fd(), entry))? else { return Ok(()) };
            each(&inner, &left, |entry| lift(inner.as_fd(), entry, top.as_fd(), &mut moved))?;
            is_unlinked(top.as_fd(), entry).map(|_| ())
        })?;
    };
    *budget = left.get();
    Ok(is_gone)
}

/// Takes an entry out of a folder: removes it, or moves it up where it is a folder with something in it.
fn lift(from: BorrowedFd<'_>, name: &[u8], to: BorrowedFd<'_>, moved: &mut u64) -> rustix::io::Result<()> {
    if is_unlinked(from, name)? {
        return Ok(());
    }
    // A folder is moved only by who may write to it: its own parent's entry changes.
    if unless_changed(open_to_empty(from, name))?.is_none() {
        return Ok(());
    }
    move_to(from, name, to, "moved", moved).map(|_| ())
}

/// Does this with each entry, as long as the budget lasts.
fn each(
    folder: &OwnedFd,
    left: &Cell<u64>,
    mut work: impl FnMut(&[u8]) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        if left.get() == 0 {
            break;
        }
        left.set(left.get() - 1);
        work(name)?;
    }
    Ok(())
}

/// Whether it is gone; it is not where it is a folder with something in it. A link goes itself.
fn is_unlinked(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<bool> {
    let first = match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        // What systems say of folders.
        Err(error @ (Errno::ISDIR | Errno::PERM)) => error,
        Err(error) => return Err(error),
    };
    match unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(Errno::NOTDIR) if first == Errno::PERM => Err(first),
        Err(Errno::NOTDIR) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives it the first name of this kind that is free: which, where it was still there. What has such a name goes as well, so
/// nothing is lost where an empty folder is replaced.
fn move_to(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    prefix: &str,
    count: &mut u64,
) -> rustix::io::Result<Option<Vec<u8>>> {
    loop {
        let place = format!("{prefix}-{count}").into_bytes();
        *count += 1;
        match renameat(from, name, to, place.as_slice()) {
            Ok(()) => return Ok(Some(place)),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::ISDIR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// None where the folder is none any more.
fn unless_changed(opened: rustix::io::Result<OwnedFd>) -> rustix::io::Result<Option<OwnedFd>> {
    match opened {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Opens a folder with the right to change what is in it.
fn open_to_empty(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let folder = open(parent, name)?;
    // Where it is not ours this fails, and so does what needs it.
    let _ = rustix::fs::fchmod(&folder, Mode::RWXU);
    Ok(folder)
}

/// Opens a folder, also where its permissions forbid it: it gets others then.
pub(crate) fn open(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    match openat(parent, name, FOLDER, Mode::empty()) {
        Err(Errno::ACCESS) => {
            unlock(parent, name)?;
            openat(parent, name, FOLDER, Mode::empty())
        }
        opened => opened,
    }
}

/// Gives its owner all rights to a folder that cannot be opened.
#[cfg(target_os = "linux")]
fn unlock(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    use std::os::fd::AsRawFd;
    let place =
        openat(parent, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    // This leads to what was opened, whatever has its name now.
    rustix::fs::chmod(format!("/proc/self/fd/{}", place.as_raw_fd()), Mode::RWXU)
}

/// Gives its owner all rights to a folder that cannot be opened.
#[cfg(not(target_os = "linux"))]
fn unlock(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::SYMLINK_NOFOLLOW)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_is_deep_closed_or_a_link_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::write(&outside, "stays").unwrap();
        let folder = place.path().join("folder");
        fs::create_dir_all(folder.join("closed/in")).unwrap();
        symlink(&outside, folder.join("link")).unwrap();
        symlink(place.path(), folder.join("folder-link")).unwrap();
        symlink(place.path(), folder.join("closed/folder-link")).unwrap();
        fs::write(folder.join("closed/in/moved-0"), "").unwrap();
        fs::write(folder.join("moved-0"), "a name that is taken").unwrap();
        for mode in [0o555, 0o000] {
            fs::create_dir_all(folder.join(format!("{mode}/in"))).unwrap();
            fs::set_permissions(folder.join(format!("{mode}/in")), fs::Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(folder.join(format!("{mode}")), fs::Permissions::from_mode(mode)).unwrap();
        }
        // Deeper than a path can be long: each new folder takes the ones before into it.
        let (inner, top) = (folder.join("top"), folder.join("next"));
        fs::create_dir(&inner).unwrap();
        for _ in 0..3_000 {
            fs::create_dir(&top).unwrap();
            fs::rename(&inner, top.join("in")).unwrap();
            fs::rename(&top, &inner).unwrap();
        }
        remove_all(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(fs::read_to_string(&outside).unwrap(), "stays");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left but what lay outside");
        remove_all(&folder).expect("what is not there is removed");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_that_takes_the_place_of_a_folder_meanwhile_leads_nowhere() {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::create_dir_all(outside.join("in/in")).unwrap();
        fs::write(outside.join("in/file"), "stays").unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o755)).unwrap();
        for _ in 0..200 {
            let (folder, link) = (place.path().join("folder"), place.path().join("folder/b"));
            fs::create_dir_all(folder.join("a/in")).unwrap();
            symlink(&outside, &link).unwrap();
            let (is_on, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let _ = renameat_with(CWD, folder.join("a"), CWD, &link, RenameFlags::EXCHANGE);
                        is_on.store(true, Ordering::Relaxed);
                    }
                });
                while !is_on.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                let removed = remove_all(&folder);
                is_over.store(true, Ordering::Relaxed);
                removed.unwrap();
            });
            assert_eq!(fs::read_to_string(outside.join("in/file")).unwrap(), "stays");
            assert!(outside.join("in/in").is_dir());
            assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn what_takes_long_is_put_aside_and_removed_later() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        for count in 0..20 {
            fs::create_dir_all(folder.join(format!("{count}/in/in"))).unwrap();
        }
        discard(&folder, &mut 10).unwrap();
        assert!(!folder.exists(), "its name is free at once");
        while fs::read_dir(place.path()).unwrap().next().is_some() {
            std::thread::yield_now();
        }
    }
}
