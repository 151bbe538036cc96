//! What the slots have begun, written down: a node that was killed, by a task of its own perhaps, knows at its next start
//! what it had begun, and the leader counts the loss against those tasks and no others.
//!
//! Whatever is begun has a line of a small file until the leader has recorded its end: a line is written before the work is
//! begun, and taken for other work once it is free. What a free line still says names attempts that have ended, which the
//! ledger knows. Lines are written to a cached page, never flushed, so the account outlives the process and not the machine:
//! after a restart of the machine it is not believed, and the leader guesses (`scheduler/release.rs`).

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_model::{AttemptToken, IndexRange, JobId};
use nexus_wire::AttemptRange;

/// Bytes of a line, its end included: the four largest numbers with a space between.
const LINE_BYTES: usize = 64;

/// The account of one run of a node.
pub(crate) struct Account {
    path: PathBuf,
    file: File,
    lines: Mutex<Lines>,
}

/// What earlier runs of a node had begun and the leader may not know of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// When they were killed: by one of these, perhaps.
    pub(crate) lost: Vec<AttemptRange>,
    /// When they ended in order, which none of these is to blame for.
    pub(crate) stopped: Vec<AttemptRange>,
}

/// What was begun together.
#[derive(Debug)]
struct Begun {
    /// Behind the last task.
    end: u32,
    /// Tasks whose end is not recorded.
    left: u32,
    line: u32,
    /// By an earlier run.
    is_carried: bool,
}

/// Which lines say something.
#[derive(Debug, Default)]
struct Lines {
    /// By job, attempt and first task.
    used: BTreeMap<(JobId, AttemptToken, u32), Begun>,
    free: Vec<u32>,
    /// Lines that the file has.
    count: u32,
}

impl Lines {
    /// A line for what is begun.
    fn take(&mut self, attempt: &AttemptRange, is_carried: bool) -> u32 {
        let line = self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        let AttemptRange { job, range, token } = *attempt;
        let begun = Begun { end: range.end, left: range.len(), line, is_carried };
        if let Some(before) = self.used.insert((job, token, range.start), begun) {
            self.free.push(before.line);
        }
        line
    }

    /// It is recorded how these ended.
    fn end(&mut self, ended: &AttemptRange) {
        let AttemptRange { job, range, token } = *ended;
        let before = self.used.range_mut((job, token, 0)..(job, token, range.end)).rev();
        let touched = before.take_while(|(_, begun)| begun.end > range.start);
        let mut done = Vec::new();
        for (key, begun) in touched {
            let both = begun.end.min(range.end) - key.2.max(range.start);
            begun.left = begun.left.saturating_sub(both);
            if begun.left == 0 {
                done.push(*key);
            }
        }
        self.free.extend(done.iter().filter_map(|key| self.used.remove(key)).map(|begun| begun.line));
    }

    fn forget(&mut self, job: JobId) {
        let of_job =
            self.used.extract_if((job, AttemptToken(0), 0)..=(job, AttemptToken(u64::MAX), u32::MAX), |_, _| true);
        self.free.extend(of_job.map(|(_, begun)| begun.line));
    }
}

impl Account {
    /// Begins an account in `folder`, and says what the runs before had begun and the leader may not know of. `run` is unlike
    /// that of any other run; `machine` is unlike that of any other run of the machine's system.
    pub(crate) fn open(folder: &Path, run: &str, machine: Option<&str>) -> std::io::Result<(Self, Left)> {
        std::fs::create_dir_all(folder)?;
        let (mut files, mut begun) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            // Opening a pipe would wait for somebody who writes to it.
            if !std::fs::symlink_metadata(&path)?.is_file() {
                tracing::warn!("{} is no account of begun tasks and was left; remove it by hand", path.display());
                continue;
            }
            // Whatever stands in a file: nobody but an account writes there, and a line that is none says nothing.
            begun.extend(read(&String::from_utf8_lossy(&std::fs::read(&path)?), machine));
            files.push(path);
        }
        begun.sort_by_key(|(attempt, end): &(AttemptRange, End)| (attempt.job, attempt.token, attempt.range, *end));
        begun.dedup_by_key(|(attempt, _)| *attempt);
        let path = folder.join(run);
        let account = Account { file: File::create(&path)?, path, lines: Mutex::default() };
        let head = line(&format!("machine {}", machine.unwrap_or_default()));
        let carried = begun.iter().flat_map(|(attempt, end)| line(&text(attempt, *end)));
        account.file.write_all_at(&head.into_iter().chain(carried).collect::<Vec<u8>>(), 0)?;
        let mut lines = account.lines();
        for (attempt, _) in &begun {
            lines.take(attempt, true);
        }
        drop(lines);
        for file in files {
            std::fs::remove_file(file)?;
        }
        let of = |end| begun.iter().filter(move |(_, how)| *how == end).map(|(attempt, _)| *attempt).collect();
        Ok((account, Left { lost: of(End::Killed), stopped: of(End::InOrder) }))
    }

    /// A slot is about to begin this.
    pub(super) fn begin(&self, attempt: &AttemptRange) {
        let number = self.lines().take(attempt, false);
        self.write(number, attempt, End::Killed);
    }

    fn write(&self, number: u32, attempt: &AttemptRange, end: End) {
        let place = (1 + u64::from(number)) * LINE_BYTES as u64;
        if let Err(error) = self.file.write_all_at(&line(&text(attempt, end)), place) {
            tracing::warn!(%error, "what a slot has in hand could not be noted");
        }
    }

    /// It is recorded how these ended.
    pub(crate) fn recorded<'a>(&self, ended: impl Iterator<Item = &'a AttemptRange>) {
        let mut lines = self.lines();
        ended.for_each(|attempt| lines.end(attempt));
    }

    /// A job has ended: whatever of it was begun is of no interest.
    pub(super) fn forget(&self, job: JobId) {
        self.lines().forget(job);
    }

    /// What was begun and is not recorded to have ended.
    pub(super) fn begun(&self) -> Vec<AttemptRange> {
        let lines = self.lines();
        let begun = lines.used.iter().map(|((job, token, start), begun)| {
            let range = IndexRange::new(*start, begun.end);
            AttemptRange { job: *job, range, token: *token }
        });
        begun.collect()
    }

    /// Each critical section is a single step.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Account {
    /// What may not be recorded stays for the next run, also after an orderly end.
    fn drop(&mut self) {
        let lines = self.lines();
        if lines.used.is_empty() {
            // What stays behind names attempts that have ended: the ledger knows.
            let _ = std::fs::remove_file(&self.path);
        }
        for ((job, token, start), begun) in lines.used.iter().filter(|(_, begun)| !begun.is_carried) {
            let range = IndexRange::new(*start, begun.end);
            self.write(begun.line, &AttemptRange { job: *job, range, token: *token }, End::InOrder);
        }
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

/// How the run ended in which something was begun. A line says the first until the second is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Killed,
    InOrder,
}

impl End {
    /// What stands between the numbers of a line.
    const fn mark(self) -> char {
        match self {
            End::Killed => ' ',
            End::InOrder => '/',
        }
    }
}

fn text(AttemptRange { job, range, token }: &AttemptRange, end: End) -> String {
    let mark = end.mark();
    format!("{}{mark}{}{mark}{}{mark}{}", job.0, range.start, range.end, token.0)
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
fn read(text: &str, machine: Option<&str>) -> Vec<(AttemptRange, End)> {
    let mut lines = text.lines().map(str::trim_end);
    let of = lines.next().and_then(|head| head.strip_prefix("machine ")).filter(|of| !of.is_empty());
    if of.is_none() || of != machine {
        return Vec::new();
    }
    lines.filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<(AttemptRange, End)> {
    let how = if line.contains(End::InOrder.mark()) { End::InOrder } else { End::Killed };
    let mut numbers = line.split(how.mark()).map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    let (job, start, end, token) = (number()?, number()?, number()?, number()?);
    let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
    let attempt = AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(token) };
    (start < end).then_some((attempt, how))
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
    fn what_is_no_account_keeps_nobody_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("bytes"), [0xff, 0xfe, 0, 7]).unwrap();
        let (_account, left) = Account::open(folder.path(), "first", HERE).unwrap();
        assert_eq!(left, Left::default());
        assert!(folder.path().join("inner").exists(), "what is no file is left");
    }

    #[test]
    fn what_was_begun_is_known_to_the_next_run_until_its_end_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let (first, none) = Account::open(folder.path(), "first", HERE).unwrap();
        assert_eq!(none, Left::default());
        let most = attempt(u64::MAX, u32::MAX - 1, u32::MAX, u64::MAX);
        first.begin(&most);
        first.begin(&attempt(1, 0, 9, 5));
        first.begin(&attempt(1, 9, 10, 5));
        first.begin(&attempt(1, 10, 12, 5));
        first.begin(&attempt(2, 0, 1, 6));
        first.begin(&attempt(3, 0, 1, 7));
        // Ends come in other pieces than beginnings, and in any order.
        first.recorded([attempt(1, 5, 11, 5), attempt(2, 0, 1, 6), attempt(1, 0, 1, 4)].iter());
        first.recorded([attempt(1, 0, 5, 5)].iter());
        first.forget(JobId(3));
        assert_eq!(first.begun(), [attempt(1, 10, 12, 5), most]);
        // Lines that are free are taken again.
        (0..4).for_each(|task| first.begin(&attempt(4, task, task + 1, 8)));
        let lines = std::fs::read_to_string(folder.path().join("first")).unwrap().lines().count();
        assert_eq!(lines, 1 + 6);
        killed(first);
        let (_second, begun) = Account::open(folder.path(), "second", HERE).unwrap();
        let four = (0..4).map(|task| attempt(4, task, task + 1, 8));
        assert_eq!(begun.lost, [attempt(1, 10, 12, 5)].into_iter().chain(four).chain([most]).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_begun_is_carried_over_until_it_is_recorded_as_lost() {
        let folder = tempfile::tempdir().unwrap();
        let open = |run| Account::open(folder.path(), run, HERE).unwrap();
        let (first, _) = open("first");
        first.begin(&attempt(1, 0, 1, 5));
        killed(first);
        let (second, _) = open("second");
        second.begin(&attempt(2, 0, 1, 7));
        drop(second);
        let (third, begun) = open("third");
        let left = Left { lost: vec![attempt(1, 0, 1, 5)], stopped: vec![attempt(2, 0, 1, 7)] };
        assert_eq!(begun, left, "an orderly end blames nothing for itself, and what was lost before stays lost");
        third.recorded(begun.lost.iter().chain(&begun.stopped));
        third.begin(&attempt(3, 0, 1, 9));
        killed(third);
        let (fourth, begun) = open("fourth");
        assert!(begun.lost.contains(&attempt(3, 0, 1, 9)), "{begun:?}");
        fourth.recorded(begun.lost.iter().chain(&begun.stopped));
        drop(fourth);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "where all is recorded nothing stays");
    }

    #[test]
    fn what_was_written_before_the_machine_was_restarted_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(HERE, Some("c-d")), (HERE, None), (None, None), (None, HERE)] {
            let (account, _) = Account::open(folder.path(), "before", before).unwrap();
            account.begin(&attempt(1, 0, 1, 5));
            killed(account);
            let (_after, begun) = Account::open(folder.path(), "after", after).unwrap();
            assert_eq!(begun, Left::default(), "{before:?} {after:?}");
        }
    }

    #[test]
    fn nonsense_says_nothing() {
        for nonsense in ["", "machine a-b", "machine a-b\n1 2\n1 5 5 1\n-1 0 1 5\nx y z w\n\u{0}\n", "1 0 1 5\n"] {
            assert_eq!(read(nonsense, HERE), [], "{nonsense:?}");
        }
        let text = "machine a-b   \n1 0 1 5   \n2/0/1/5\n3/0 1/5\n";
        let both = [(attempt(1, 0, 1, 5), End::Killed), (attempt(2, 0, 1, 5), End::InOrder)];
        assert_eq!(read(text, HERE), both);
    }

    #[test]
    fn the_system_says_which_run_of_it_this_is() {
        assert_eq!(machine(), machine());
        assert!(machine().is_some_and(|machine| machine.len() < LINE_BYTES - "machine ".len()));
    }
}
