//! A node whose disk is full: it stops, so that it promises nothing that it cannot keep, waits for room, and begins again.
//!
//! What it had accepted is on its disk. It begins again as the same process, with the same arguments but those for joining,
//! so that whoever watches over it sees no end.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::error::CliError;
use crate::output::Console;
use crate::output::units;

/// What must be free on the disk for a node to begin again: room for the log of a busy minute.
const ROOM: u64 = 16 << 20;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// The code with which a node ends whose store found the disk full.
const STORE_FULL: &str = "NX0415";
/// The code of a command that finds no node.
const NOT_REACHABLE: &str = "NX0405";
/// The codes with which a node ends that cannot write, for that reason or another.
const CANNOT_WRITE: [&str; 2] = ["NX0404", "NX0401"];

/// Bytes that may still be written below `data`, or beside it where it does not exist yet.
fn free_bytes(data: &Path) -> Option<u64> {
    let place = data.ancestors().find(|place| place.exists())?;
    let disk = rustix::fs::statvfs(place).ok()?;
    // What has no blocks at all, such as /proc, is no disk.
    (disk.f_blocks > 0).then_some(())?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether a full disk is why. What filled it may be gone by now, or it is the user's share of the disk that is full.
fn is_full(error: &CliError, free: Option<u64>) -> bool {
    let code = error.code.as_str();
    code == STORE_FULL || (CANNOT_WRITE.contains(&code) && free.is_some_and(|free| free < ROOM))
}

/// The same error with what is to be done, where a full disk is why.
pub(crate) fn explained(error: CliError, data: &Path) -> CliError {
    let free = free_bytes(data);
    if !is_full(&error, free) {
        return error;
    }
    let (disk, free) = (data.display(), units::bytes(free.unwrap_or(0)));
    let room = units::bytes(ROOM);
    error.with_help(format!(
        "make room on the disk of {disk}: {free} are free, and a node begins with {room}; nothing that was accepted is lost"
    ))
}

/// The error of a command that finds no node of this data directory. Where the directory is a node's and its disk is full,
/// that is why: the node waits for room, or could not start.
pub(crate) fn why_absent(error: CliError, data: &Path) -> CliError {
    match free_bytes(data).filter(|free| *free < ROOM) {
        Some(free) if error.code == NOT_REACHABLE && nexus_actors::is_member(data) => absent_for(error, data, free),
        _ => error,
    }
}

fn absent_for(error: CliError, data: &Path, free: u64) -> CliError {
    let (free, room) = (units::bytes(free), units::bytes(ROOM));
    error.with_help(format!(
        "the disk of {} is full: {free} are free. Make room; a node that waits for it begins again once {room} are free, \
         one that has ended is started with `nexus node start`. Nothing that was accepted is lost",
        data.display()
    ))
}

/// Where a full disk is why a node has ended: waits until there is room, or somebody interrupts. Whether to begin again.
pub(crate) fn wait_for_room(
    error: &CliError,
    data: &Path,
    interrupted: &watch::Receiver<bool>,
    console: &mut Console,
) -> bool {
    if !is_full(error, free_bytes(data)) {
        return false;
    }
    console.say(&format!(
        "the disk of {} is full: {}\nNothing that was accepted is lost. The node begins again once {} are free there; Ctrl-C ends it.",
        data.display(),
        error.message,
        units::bytes(ROOM)
    ));
    loop {
        std::thread::sleep(LOOK);
        if *interrupted.borrow() {
            return false;
        }
        if free_bytes(data).is_none_or(|free| free >= ROOM) {
            return true;
        }
    }
}

/// The arguments of this process without those for joining: it is a member by now.
pub(crate) fn arguments_to_begin_again(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        match text.as_str() {
            "--join" | "--token" => {
                arguments.next_if(|value| !value.to_string_lossy().starts_with("--"));
            }
            text if text.starts_with("--join=") || text.starts_with("--token=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Exit;

    #[test]
    fn only_a_node_that_cannot_write_on_a_full_disk_waits() {
        let error = |code| CliError::new(Exit::Unreachable, code, "the store failed");
        assert!(is_full(&error("NX0404"), Some(0)) && is_full(&error("NX0401"), Some(ROOM - 1)));
        assert!(!is_full(&error("NX0404"), Some(ROOM)) && !is_full(&error("NX0404"), None));
        assert!(!is_full(&error("NX0202"), Some(0)), "another reason");
        assert!(is_full(&error("NX0415"), Some(1 << 40)) && is_full(&error("NX0415"), None), "it says so");
    }

    #[test]
    fn whoever_finds_no_node_is_told_of_its_full_disk() {
        let absent = || CliError::new(Exit::Unreachable, NOT_REACHABLE, "no node runs here");
        let said = absent_for(absent(), Path::new("/data"), 12_000).help.unwrap();
        assert!(
            said.contains("the disk of /data is full: 12 kB are free. Make room") && said.contains("17 MB"),
            "{said}"
        );
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(why_absent(absent(), folder.path()).help, absent().help, "it is no node's");
    }

    #[test]
    fn whoever_begins_again_does_not_join_again() {
        let again = |arguments: &[&str]| {
            let arguments = arguments_to_begin_again(arguments.iter().map(OsString::from));
            arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let joined = ["--data", "d", "node", "start", "--join", "10.0.0.2:7", "--token", "NXJ1.x", "--slots", "2"];
        assert_eq!(again(&joined), "--data d node start --slots 2");
        assert_eq!(again(&["node", "start", "--join=10.0.0.2:7", "--token=NXJ1.x"]), "node start");
        assert_eq!(again(&["node", "start", "--join", "--name", "a"]), "node start --name a");
    }
}
