//! Runs one command task: an own process group, captured output, a timeout, and a way to stop it.
//!
//! Called on a slot's thread and blocks it. Both pipes are read while the process runs, so that neither can fill up and
//! stall it; what exceeds [`LOG_BYTES_MAX`] is read and dropped, and the log says so.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};

/// Kept bytes of each of stdout and stderr.
pub(crate) const LOG_BYTES_MAX: usize = 16 << 20;
/// Between two looks at the cancel flag while the process is silent.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The first pause between two looks once both pipes are closed; doubled up to [`LOOK_INTERVAL`].
const FIRST_PAUSE: Duration = Duration::from_micros(20);
/// Between the polite and the final signal.
const TERMINATE_PATIENCE: Duration = Duration::from_millis(500);

/// What to run.
pub(crate) struct CommandTask<'a> {
    pub(crate) argv: &'a [String],
    pub(crate) env: Vec<(&'a str, String)>,
    pub(crate) directory: &'a Path,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancelled: &'a AtomicBool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum CommandEnd {
    /// By itself, or by a signal that is not ours.
    Exited { code: Option<i32>, signal: Option<i32> },
    /// It could not be started.
    NotStarted(std::io::Error),
    /// Stopped because its job was cancelled.
    Cancelled,
    /// Stopped at its timeout.
    TimedOut,
}

/// The end and what was printed until then.
#[derive(Debug)]
pub(crate) struct CommandReport {
    pub(crate) end: CommandEnd,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs the command to its end.
pub(crate) fn run_command(task: &CommandTask<'_>) -> CommandReport {
    let (program, arguments) = task.argv.split_first().expect("an accepted command has a program name");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(task.env.iter().map(|(name, value)| (*name, value)))
        .current_dir(task.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return CommandReport { end: CommandEnd::NotStarted(error), stdout: Vec::new(), stderr: Vec::new() };
        }
    };
    let mut stdout = Capture::new(child.stdout.take().expect("stdout is piped"));
    let mut stderr = Capture::new(child.stderr.take().expect("stderr is piped"));
    let end = watch(&mut child, &mut stdout, &mut stderr, task);
    CommandReport { end, stdout: stdout.finish(), stderr: stderr.finish() }
}

fn watch(
    child: &mut Child,
    stdout: &mut Capture<impl Read + AsFd>,
    stderr: &mut Capture<impl Read + AsFd>,
    task: &CommandTask<'_>,
) -> CommandEnd {
    let deadline = task.timeout.map(|timeout| Instant::now() + timeout);
    let mut stopping: Option<(CommandEnd, Instant)> = None;
    let mut pause = FIRST_PAUSE;
    loop {
        if stdout.open || stderr.open {
            wait_for_output(stdout, stderr);
        }
        if let Ok(Some(status)) = child.try_wait() {
            stdout.drain();
            stderr.drain();
            return stopping.map_or_else(|| exited(status), |(end, _)| end);
        }
        let now = Instant::now();
        match &stopping {
            Some((_, asked_at)) if now.duration_since(*asked_at) > TERMINATE_PATIENCE => signal(child, Signal::KILL),
            Some(_) => {}
            None if task.cancelled.load(Ordering::Relaxed) => {
                signal(child, Signal::TERM);
                stopping = Some((CommandEnd::Cancelled, now));
            }
            None if deadline.is_some_and(|deadline| now >= deadline) => {
                signal(child, Signal::TERM);
                stopping = Some((CommandEnd::TimedOut, now));
            }
            None => {}
        }
        if !(stdout.open || stderr.open) {
            // Pipes close a moment before the process can be collected; a process may also close them and live on.
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(LOOK_INTERVAL);
        }
    }
}

fn exited(status: ExitStatus) -> CommandEnd {
    CommandEnd::Exited { code: status.code(), signal: status.signal() }
}

/// Signals the whole group, so that what the command started ends with it.
fn signal(child: &Child, signal: Signal) {
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        // The group may have ended in this moment; then there is nothing left to signal.
        let _ = kill_process_group(group, signal);
    }
}

fn wait_for_output(stdout: &mut Capture<impl Read + AsFd>, stderr: &mut Capture<impl Read + AsFd>) {
    let (out_ready, err_ready) = {
        let mut fds = [
            PollFd::new(&stdout.pipe, if stdout.open { PollFlags::IN } else { PollFlags::empty() }),
            PollFd::new(&stderr.pipe, if stderr.open { PollFlags::IN } else { PollFlags::empty() }),
        ];
        let timeout = LOOK_INTERVAL.try_into().expect("20 ms fit a timespec");
        if poll(&mut fds, Some(&timeout)).is_err() {
            return;
        }
        (!fds[0].revents().is_empty(), !fds[1].revents().is_empty())
    };
    if stdout.open && out_ready {
        stdout.read_once();
    }
    if stderr.open && err_ready {
        stderr.read_once();
    }
}

struct Capture<P> {
    pipe: P,
    open: bool,
    kept: Vec<u8>,
    dropped: u64,
}

impl<P: Read + AsFd> Capture<P> {
    fn new(pipe: P) -> Self {
        Capture { pipe, open: true, kept: Vec::new(), dropped: 0 }
    }

    /// One read of what is ready.
    fn read_once(&mut self) {
        let mut piece = [0; 16 << 10];
        match self.pipe.read(&mut piece) {
            Ok(0) => self.open = false,
            Ok(count) => {
                let room = LOG_BYTES_MAX - self.kept.len();
                self.kept.extend_from_slice(&piece[..count.min(room)]);
                self.dropped += count.saturating_sub(room) as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => self.open = false,
        }
    }

    /// Reads what is there and does not wait for more: a process left behind may hold the pipe open for ever.
    fn drain(&mut self) {
        while self.open {
            let mut fds = [PollFd::new(&self.pipe, PollFlags::IN)];
            let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            match poll(&mut fds, Some(&at_once)) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.read_once(),
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.dropped > 0 {
            let note = format!("\n[{} more bytes were printed and not kept]\n", self.dropped);
            self.kept.extend_from_slice(note.as_bytes());
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(argv: &[&str], timeout: Option<Duration>, cancelled: &AtomicBool) -> CommandReport {
        let argv: Vec<String> = argv.iter().map(|s| s.to_string()).collect();
        let env = vec![("NEXUS_TASK_INDEX", "3".to_owned())];
        run_command(&CommandTask { argv: &argv, env, directory: Path::new("/"), timeout, cancelled })
    }

    #[test]
    fn output_and_exit_status_are_captured() {
        let report = run(&["sh", "-c", "echo out $NEXUS_TASK_INDEX; echo err >&2; exit 7"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::Exited { code: Some(7), signal: None }), "{report:?}");
        assert_eq!((report.stdout.as_slice(), report.stderr.as_slice()), (&b"out 3\n"[..], &b"err\n"[..]));
    }

    #[test]
    fn a_command_that_is_not_there_says_so() {
        let report = run(&["/no/such/program"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::NotStarted(_)), "{report:?}");
    }

    #[test]
    fn much_output_neither_stalls_nor_fills_memory() {
        let script = "head -c 40000000 /dev/zero; echo done >&2";
        let report = run(&["sh", "-c", script], None, &false.into());
        assert!(matches!(report.end, CommandEnd::Exited { code: Some(0), .. }));
        assert!(report.stdout.len() < LOG_BYTES_MAX + 100);
        assert!(report.stdout.ends_with(b"more bytes were printed and not kept]\n"));
        assert_eq!(report.stderr, b"done\n");
    }

    #[test]
    fn the_timeout_ends_the_whole_group() {
        let started = Instant::now();
        let report = run(&["sh", "-c", "sleep 100 & sleep 100"], Some(Duration::from_millis(50)), &false.into());
        assert!(matches!(report.end, CommandEnd::TimedOut), "{report:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_command_that_ignores_the_polite_signal_is_killed() {
        let script = "trap '' TERM; while :; do sleep 1; done";
        let report = run(&["sh", "-c", script], Some(Duration::from_millis(50)), &false.into());
        assert!(matches!(report.end, CommandEnd::TimedOut), "{report:?}");
    }

    #[test]
    fn a_cancelled_command_stops() {
        let report = run(&["sleep", "100"], None, &true.into());
        assert!(matches!(report.end, CommandEnd::Cancelled), "{report:?}");
    }

    #[test]
    fn what_a_command_leaves_in_the_background_does_not_hold_it() {
        let started = Instant::now();
        let report = run(&["sh", "-c", "sleep 30 & echo started"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::Exited { code: Some(0), .. }));
        assert_eq!(report.stdout, b"started\n");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
