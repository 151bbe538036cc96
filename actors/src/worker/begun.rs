//! What the slots have in hand, written down: a node that was killed, by a task of its own perhaps, knows at its next start
//! what it had begun, and the leader counts the loss against those tasks and no others.
//!
//! A slot has a line of a small file, which is overwritten before work is begun and is empty when there is none: writes to a
//! cached page, never flushed. So the account outlives the process and not the machine: after a restart of the machine it is
//! not believed, and the leader guesses (`scheduler/release.rs`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_model::{AttemptToken, IndexRange, JobId};
use nexus_wire::AttemptRange;

/// Bytes of a line, its end included: the four largest numbers with a space between.
const LINE_BYTES: usize = 64;

/// The account of one run of a node.
pub(crate) struct Account {
    path: PathBuf,
    file: File,
    /// For each slot whether its line says something.
    busy: Vec<AtomicBool>,
    /// What earlier runs had begun stands behind the slots' lines, until it is recorded that it was lost.
    carries: AtomicBool,
}

impl Account {
    /// Begins an account in `folder`, and says what the runs before had begun and the leader may not know of. `run` is unlike
    /// that of any other run; `machine` is unlike that of any other run of the machine's system.
    pub(crate) fn open(
        folder: &Path,
        run: &str,
        machine: Option<&str>,
        slots: u32,
    ) -> std::io::Result<(Self, Vec<AttemptRange>)> {
        std::fs::create_dir_all(folder)?;
        let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        let mut begun = Vec::new();
        for file in &files {
            // Whatever stands in it: nobody but an account writes there, and a line that is none says nothing.
            begun.extend(read(&String::from_utf8_lossy(&std::fs::read(file)?), machine));
        }
        begun.sort_by_key(|attempt: &AttemptRange| (attempt.job, attempt.token, attempt.range));
        begun.dedup();
        let path = folder.join(run);
        let file = File::create(&path)?;
        let busy = (0..slots).map(|_| AtomicBool::new(false)).collect();
        let account = Account { file, path, busy, carries: AtomicBool::new(!begun.is_empty()) };
        let head = line(&format!("machine {}", machine.unwrap_or_default()));
        let none = (0..slots).flat_map(|_| line(""));
        let carried = begun.iter().flat_map(|attempt| line(&text(attempt)));
        account.file.write_all_at(&head.into_iter().chain(none).chain(carried).collect::<Vec<u8>>(), 0)?;
        for file in files {
            std::fs::remove_file(file)?;
        }
        Ok((account, begun))
    }

    /// A slot is about to begin this.
    pub(super) fn begin(&self, slot: u32, attempt: &AttemptRange) {
        self.busy[slot as usize].store(true, Ordering::Relaxed);
        self.write(slot, &text(attempt));
    }

    /// A slot has nothing in hand.
    pub(super) fn end(&self, slot: u32) {
        if self.busy[slot as usize].swap(false, Ordering::Relaxed) {
            self.write(slot, "");
        }
    }

    /// It is recorded that what earlier runs had begun was lost.
    pub(crate) fn settle(&self) {
        if self.carries.swap(false, Ordering::Relaxed)
            && let Err(error) = self.file.set_len(((1 + self.busy.len()) * LINE_BYTES) as u64)
        {
            tracing::warn!(%error, "the account of what was begun cannot be made shorter");
        }
    }

    fn write(&self, slot: u32, text: &str) {
        if let Err(error) = self.file.write_all_at(&line(text), (1 + u64::from(slot)) * LINE_BYTES as u64) {
            tracing::warn!(%error, "what a slot has in hand could not be noted");
        }
    }
}

impl Drop for Account {
    /// In order, nothing is in hand any more.
    fn drop(&mut self) {
        // What stays behind names attempts that have ended: the ledger knows.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What names the run of the machine's system: another after each restart. `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn machine() -> Option<String> {
    Some(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// What names the run of the machine's system: another after each restart. `None` where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn machine() -> Option<String> {
    let asked = std::process::Command::new("/usr/sbin/sysctl").args(["-n", "kern.bootsessionuuid"]).output().ok()?;
    Some(String::from_utf8(asked.stdout).ok()?.trim().to_owned()).filter(|machine| !machine.is_empty())
}

fn text(AttemptRange { job, range, token }: &AttemptRange) -> String {
    format!("{} {} {} {}", job.0, range.start, range.end, token.0)
}

fn line(text: &str) -> [u8; LINE_BYTES] {
    let mut bytes = [b' '; LINE_BYTES];
    for (byte, letter) in bytes[..LINE_BYTES - 1].iter_mut().zip(text.bytes()) {
        *byte = letter;
    }
    bytes[LINE_BYTES - 1] = b'\n';
    bytes
}

/// What an account of this run of the machine says; nothing of another.
fn read(text: &str, machine: Option<&str>) -> Vec<AttemptRange> {
    let mut lines = text.lines().map(str::trim_end);
    let of = lines.next().and_then(|head| head.strip_prefix("machine ")).filter(|of| !of.is_empty());
    if of.is_none() || of != machine {
        return Vec::new();
    }
    lines.filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<AttemptRange> {
    let mut numbers = line.split(' ').map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    let (job, start, end, token) = (number()?, number()?, number()?, number()?);
    let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
    (start < end).then(|| AttemptRange {
        job: JobId(job),
        range: IndexRange::new(start, end),
        token: AttemptToken(token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<&str> = Some("a-b");

    fn attempt(job: u64, start: u32, end: u32, token: u64) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(token) }
    }

    /// What a kill leaves behind.
    fn killed(account: Account) {
        std::mem::forget(account);
    }

    #[test]
    fn what_was_in_hand_is_known_to_the_next_run_and_what_had_ended_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (first, none) = Account::open(folder.path(), "first", HERE, 3).unwrap();
        assert_eq!(none, []);
        let most = attempt(u64::MAX, u32::MAX - 1, u32::MAX, u64::MAX);
        first.begin(0, &most);
        first.begin(1, &attempt(1, 0, 9, 5));
        first.begin(1, &attempt(1, 9, 10, 5));
        first.begin(2, &attempt(2, 0, 1, 6));
        first.end(2);
        killed(first);
        let (_second, begun) = Account::open(folder.path(), "second", HERE, 1).unwrap();
        assert_eq!(begun, [attempt(1, 9, 10, 5), most]);
    }

    #[test]
    fn what_was_begun_is_carried_over_until_it_is_recorded_as_lost() {
        let folder = tempfile::tempdir().unwrap();
        let open = |run| Account::open(folder.path(), run, HERE, 2).unwrap();
        let (first, _) = open("first");
        first.begin(1, &attempt(1, 0, 1, 5));
        killed(first);
        let (second, _) = open("second");
        second.begin(0, &attempt(2, 0, 1, 7));
        killed(second);
        let (third, begun) = open("third");
        assert_eq!(begun, [attempt(1, 0, 1, 5), attempt(2, 0, 1, 7)]);
        third.settle();
        third.begin(1, &attempt(3, 0, 1, 9));
        killed(third);
        let (fourth, begun) = open("fourth");
        assert_eq!(begun, [attempt(3, 0, 1, 9)]);
        drop(fourth);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "an orderly end leaves nothing");
    }

    #[test]
    fn what_was_written_before_the_machine_was_restarted_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(HERE, Some("c-d")), (HERE, None), (None, None), (None, HERE)] {
            let (account, _) = Account::open(folder.path(), "before", before, 1).unwrap();
            account.begin(0, &attempt(1, 0, 1, 5));
            killed(account);
            let (_after, begun) = Account::open(folder.path(), "after", after, 1).unwrap();
            assert_eq!(begun, [], "{before:?} {after:?}");
        }
    }

    #[test]
    fn nonsense_says_nothing() {
        for nonsense in ["", "machine a-b", "machine a-b\n1 2\n1 5 5 1\n-1 0 1 5\nx y z w\n\u{0}\n", "1 0 1 5\n"] {
            assert_eq!(read(nonsense, HERE), [], "{nonsense:?}");
        }
        assert_eq!(read("machine a-b   \n1 0 1 5   \n", HERE), [attempt(1, 0, 1, 5)]);
    }

    #[test]
    fn the_system_says_which_run_of_it_this_is() {
        assert_eq!(machine(), machine());
        assert!(machine().is_some_and(|machine| machine.len() < LINE_BYTES - "machine ".len()));
    }
}
