//! Ends the processes that an earlier run of this node left behind when it was killed.
//!
//! Called once, before anything runs; it reads the account that [`super::keeper`] wrote. A number in it may have gone to
//! another process since, so no process is ended that does not carry the earlier run's mark in its environment (Linux),
//! or that did not begin when the account says (elsewhere).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// What an account says.
#[derive(Debug, PartialEq)]
struct Account<'a> {
    run: &'a str,
    /// Process groups and when they began, in s since 1970.
    groups: Vec<(Pid, u64)>,
}

/// Bytes of an account that are read: a million lines, far more than a node has ever had groups at once.
const ACCOUNT_BYTES_MAX: u64 = 32 << 20;

/// Ends what the accounts in `folder` name, and removes them. What else lies there is named and keeps no node from
/// starting: a file that is no account is removed, what is no file or cannot be read stays.
pub(super) fn end(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Err(error) = end_account(&path) {
            let path = path.display();
            tracing::warn!(
                "{path} is no account of running commands ({error}) and was left where it is; commands that an earlier \
                 run left behind may still run if it was one. Remove it by hand"
            );
        }
    }
    Ok(())
}

fn end_account(path: &Path) -> std::io::Result<()> {
    // Opening a pipe would wait for somebody who writes to it.
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(ACCOUNT_BYTES_MAX).read_to_end(&mut bytes)?;
    match read(&String::from_utf8_lossy(&bytes)).map(|account| system::end(&account)) {
        Some(0) => {}
        Some(ended) => tracing::warn!(processes = ended, "commands of an earlier run still ran; they were ended"),
        None => {
            let path = path.display();
            tracing::warn!(
                "{path} is no account of running commands and is removed; commands that an earlier run left behind may \
                 still run"
            );
        }
    }
    std::fs::remove_file(path)
}

fn read(text: &str) -> Option<Account<'_>> {
    let mut lines = text.lines();
    let run = lines.next()?.strip_prefix("run ")?.trim_end();
    let groups = lines.filter_map(|line| {
        let (group, since) = line.trim_end().split_once(' ')?;
        Some((Pid::from_raw(group.parse().ok()?)?, since.parse().ok()?))
    });
    (!run.is_empty()).then(|| Account { run, groups: groups.collect() })
}

/// Ends a process or a group; `false` where there is nothing any more.
fn kill(kill: impl Fn(Pid, Signal) -> rustix::io::Result<()>, target: Pid) -> usize {
    usize::from(kill(target, Signal::KILL).is_ok())
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{Pid, kill_process};

    use super::super::keeper::RUN_VARIABLE;
    use super::Account;

    /// Every process of the run carries its mark, also one that has left its group.
    pub(super) fn end(account: &Account<'_>) -> usize {
        let mark = format!("{RUN_VARIABLE}={}", account.run);
        let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
        let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = ids.filter(|id| {
            // Processes of others cannot be read, and those that end in this moment are no more.
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        });
        marked.filter_map(Pid::from_raw).map(|process| super::kill(kill_process, process)).sum()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::process::Command;
    use std::time::{SystemTime, UNIX_EPOCH};

    use rustix::process::{Pid, kill_process_group};

    use super::Account;

    /// Most seconds between what the account and the system say of a beginning: both round.
    const SLACK_S: u64 = 2;

    /// Groups whose leader still runs and began when the account says.
    pub(super) fn end(account: &Account<'_>) -> usize {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let same =
            |group: Pid, since: u64| age(group).is_some_and(|age| now.saturating_sub(age).abs_diff(since) <= SLACK_S);
        let groups = account.groups.iter().filter(|(group, since)| same(*group, *since));
        groups.map(|(group, _)| super::kill(kill_process_group, *group)).sum()
    }

    /// How long a process has run, in s.
    fn age(process: Pid) -> Option<u64> {
        let id = process.as_raw_nonzero().to_string();
        let answer = Command::new("/bin/ps").args(["-o", "etime=", "-p", &id]).output().ok()?;
        super::elapsed(std::str::from_utf8(&answer.stdout).ok()?.trim())
    }
}

/// Seconds in what `ps` prints as elapsed: `[[days-]hours:]minutes:seconds`.
#[cfg(any(test, not(target_os = "linux")))]
fn elapsed(text: &str) -> Option<u64> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let seconds = clock.split(':').try_fold(0u64, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
    Some(days.parse::<u64>().ok()? * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_back_and_nonsense_is_not() {
        let pid = Pid::from_raw(77).unwrap();
        let account = Account { run: "abc", groups: vec![(pid, 5)] };
        assert_eq!(read("run abc   \n77 5   \n0 0   \nx y\n"), Some(account));
        for nonsense in ["", "77 5\n", "run \n", "\u{0}\u{0}"] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn what_is_no_account_keeps_nobody_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let [text, bytes, inner] = ["text", "bytes", "inner"].map(|name| folder.path().join(name));
        std::fs::write(&text, "a person's notes\n").unwrap();
        std::fs::write(&bytes, [0xff, 0xfe, 0, 7]).unwrap();
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(folder.path().join("account"), "run none-runs-under-this-mark\n77 5\n").unwrap();
        end(folder.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [inner], "only what is no file stays");
    }

    #[test]
    fn elapsed_times_are_read_as_ps_prints_them() {
        for (text, seconds) in [("00:07", 7), ("12:07", 727), ("01:00:00", 3600), ("3-00:00:01", 259_201)] {
            assert_eq!(elapsed(text), Some(seconds), "{text}");
        }
        for nonsense in ["", "x", "1-", "-1", "1:x"] {
            assert_eq!(elapsed(nonsense), None, "{nonsense:?}");
        }
    }
}
