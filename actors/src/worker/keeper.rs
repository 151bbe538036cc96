//! Ends what commands started when this process no longer can: the keeper of the running process groups.
//!
//! Every command runs in a process group of its own, whose number stands in a small file while it runs. When this
//! process is killed, a shell that waits for the end of a pipe from it reads the file and ends the groups. Should the
//! shell be killed too, the next start finds the file and does the same (`leftovers.rs`). A task costs two writes of one
//! line to a cached page, and no message to anybody. It runs nothing itself; [`super::command`] does.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Pid;

use super::leftovers;

/// The environment variable by which a command's processes are known as this node's.
pub(crate) const RUN_VARIABLE: &str = "NEXUS_RUN";
/// Bytes of a line of the file, the line's end included: two numbers with a space between.
const LINE_BYTES: usize = 32;
/// Ends the groups in the file `$1` once standard input is at its end, and where the system shows environments also
/// every process with the mark `$2`: politely, then for good.
const SCRIPT: &str = r#"read nothing
for signal in TERM KILL; do
  while read group since; do
    case $group in '' | 0 | *[!0-9]*) ;; *) kill -s $signal -- "-$group" ;; esac
  done < "$1"
  for file in $([ -e /proc/self/environ ] && grep -lzxF "$2" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    kill -s $signal "${process%/environ}"
  done
  [ $signal = KILL ] || sleep 1
done"#;

/// Keeps account of the running process groups.
pub(crate) struct Keeper {
    run: String,
    path: PathBuf,
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: Vec<u64>,
    places: u64,
    shell: Option<Shell>,
    is_tried: bool,
}

struct Shell {
    child: Child,
    /// Closed by the end of this process, however it ends.
    _pipe: Option<ChildStdin>,
}

impl Keeper {
    /// Ends what earlier runs left behind, then begins a new account in `folder`. `run` is unlike that of any other run,
    /// and so is the account: the shell of a killed run may still read its own.
    pub(crate) fn open(folder: &Path, run: String) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        leftovers::end(folder)?;
        let path = folder.join(&run);
        let file = File::create(&path)?;
        let keeper = Keeper { run, path, file, state: Mutex::default() };
        keeper.file.write_all_at(&header(&keeper.run), 0)?;
        Ok(keeper)
    }

    /// The value of [`RUN_VARIABLE`] for every command.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Sees to it that somebody will end what is begun from now on.
    pub(crate) fn watch(&self) {
        let mut state = self.state();
        if !state.is_tried {
            state.is_tried = true;
            state.shell = self.start_shell();
        }
    }

    /// Takes account of `group` until the guard is dropped.
    pub(crate) fn guard(&self, group: Pid) -> Guard<'_> {
        let mut state = self.state();
        let place = state.free.pop().unwrap_or_else(|| {
            state.places += 1;
            state.places
        });
        drop(state);
        self.write(place, group.as_raw_nonzero().get().unsigned_abs());
        Guard { keeper: self, place }
    }

    /// In a group of its own, so that what stops this process from a terminal does not stop it.
    fn start_shell(&self) -> Option<Shell> {
        let mut shell = Command::new("/bin/sh");
        let mark = format!("{RUN_VARIABLE}={}", self.run);
        shell.args(["-c", SCRIPT, "nexus-keeper"]).arg(&self.path).arg(mark);
        // A node may itself be a command of another node, which has its own shell for it.
        shell.env_remove(RUN_VARIABLE).current_dir("/").process_group(0);
        let started = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match started {
            Ok(mut child) => Some(Shell { _pipe: child.stdin.take(), child }),
            Err(error) => {
                tracing::warn!(%error, "should this node be killed, its commands end only at its next start");
                None
            }
        }
    }

    fn write(&self, place: u64, group: u32) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let line = line(group, if group == 0 { 0 } else { since });
        if let Err(error) = self.file.write_all_at(&line, place * LINE_BYTES as u64) {
            tracing::warn!(%error, "a command's process group could not be noted");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keeper {
    /// In order, nothing runs any more: nothing is left to keep.
    fn drop(&mut self) {
        // Without the file the shell ends nothing, and the next start looks for nothing.
        let _ = std::fs::remove_file(&self.path);
        if let Some(Shell { mut child, _pipe }) = self.state().shell.take() {
            drop(_pipe);
            // It ends by itself or not at all; either way nothing waits for it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A running process group.
pub(crate) struct Guard<'a> {
    keeper: &'a Keeper,
    place: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.keeper.write(self.place, 0);
        self.keeper.state().free.push(self.place);
    }
}

fn line(group: u32, since: u64) -> [u8; LINE_BYTES] {
    let mut bytes = [b' '; LINE_BYTES];
    let text = format!("{group} {since}");
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes[LINE_BYTES - 1] = b'\n';
    bytes
}

/// The first line: no number, so that nobody takes it for a group.
fn header(run: &str) -> [u8; LINE_BYTES] {
    let mut bytes = [b' '; LINE_BYTES];
    for (byte, letter) in bytes[..LINE_BYTES - 1].iter_mut().zip(b"run ".iter().chain(run.as_bytes())) {
        *byte = *letter;
    }
    bytes[LINE_BYTES - 1] = b'\n';
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper(run: &str) -> Child {
        Command::new("sleep").arg("1000").env(RUN_VARIABLE, run).process_group(0).spawn().unwrap()
    }

    fn group(child: &Child) -> Pid {
        Pid::from_raw(child.id().cast_signed()).unwrap()
    }

    #[test]
    fn what_runs_when_the_pipe_closes_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(folder.path(), "first".into()).unwrap();
        keeper.watch();
        let (mut ended, mut runs, mut strayed) = (sleeper("mine"), sleeper("mine"), sleeper("first"));
        drop(keeper.guard(group(&runs)));
        let _guard = keeper.guard(group(&ended));
        // What the end of the process does: the pipe closes.
        keeper.state().shell.as_mut().unwrap()._pipe.take();
        assert!(ended.wait().unwrap().signal().is_some(), "ended by a signal");
        if cfg!(target_os = "linux") {
            assert!(strayed.wait().unwrap().signal().is_some(), "known by its mark");
        }
        let _ = strayed.kill();
        strayed.wait().unwrap();
        assert!(runs.try_wait().unwrap().is_none(), "what was not noted goes on");
        runs.kill().unwrap();
        runs.wait().unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_ended_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(folder.path(), "second".into()).unwrap();
        keeper.watch();
        let (mut left, mut foreign) = (sleeper("second"), sleeper("another"));
        std::mem::forget((keeper.guard(group(&left)), keeper.guard(group(&foreign))));
        // Killed together with its shell.
        let mut shell = keeper.state().shell.take().unwrap();
        shell.child.kill().unwrap();
        shell.child.wait().unwrap();
        std::mem::forget(keeper);
        let _next = Keeper::open(folder.path(), "third".into()).unwrap();
        assert!(left.wait().unwrap().signal().is_some());
        assert!(foreign.try_wait().unwrap().is_none(), "a number that another process has by now is let be");
        foreign.kill().unwrap();
        foreign.wait().unwrap();
    }

    #[test]
    fn places_are_used_again_and_an_orderly_end_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let keeper = Keeper::open(folder.path(), "run".into()).unwrap();
        let pid = Pid::from_raw(i32::MAX).unwrap();
        for _ in 0..1000 {
            drop((keeper.guard(pid), keeper.guard(pid)));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 3 * LINE_BYTES as u64);
        drop(keeper);
        assert!(!path.exists());
    }
}
