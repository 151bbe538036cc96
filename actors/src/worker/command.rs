//! Runs one command task: an own process group, captured output, a timeout, and a way to stop it.
//!
//! Called on a slot's thread and blocks it. Both pipes are read while the process runs, so that neither can fill up and
//! stall it. What the command started and left behind ends with it.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::exit_notice::ExitNotice;
use super::keeper::{Keeper, RUN_VARIABLE};
use super::log::{SlotLog, Stream};

/// Between two looks at the cancel flag while the process is silent.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// A process that ends so soon is waited for without looking at its output: a pipe holds what it can print.
const SHORT: Duration = Duration::from_millis(5);
/// The first pause between two looks once both pipes are closed and nothing tells of the end; doubled up to
/// [`LOOK_INTERVAL`].
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
    /// Gets what the command prints.
    pub(crate) log: &'a SlotLog,
    /// Ends it should this process be killed.
    pub(crate) keeper: Option<&'a Keeper>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum CommandEnd {
    /// By itself, or by a signal that is not ours.
    Exited { code: Option<i32>, signal: Option<i32> },
    /// It could not be started, or not be waited for.
    NotStarted(std::io::Error),
    /// Stopped because its job was cancelled.
    Cancelled,
    /// Stopped at its timeout.
    TimedOut,
}

/// Runs the command to its end. What it printed is in the log.
pub(crate) fn run_command(task: &CommandTask<'_>) -> CommandEnd {
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
    if let Some(keeper) = task.keeper {
        keeper.watch();
        command.env(RUN_VARIABLE, keeper.run());
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return CommandEnd::NotStarted(error),
    };
    let group = Pid::from_child(&child);
    let _guard = task.keeper.map(|keeper| keeper.guard(group));
    let stdout = Capture::new(child.stdout.take().expect("stdout is piped"), Stream::Stdout, task.log);
    let stderr = Capture::new(child.stderr.take().expect("stderr is piped"), Stream::Stderr, task.log);
    let mut watched = Watched { group, notice: ExitNotice::of(group), stdout, stderr };
    let stopped = watched.until_exit(task);
    // Before it is collected: its number is nobody else's until then. What it left behind ends here.
    signal(group, Signal::KILL);
    let collected = child.wait();
    watched.stdout.drain();
    watched.stderr.drain();
    match (stopped, collected) {
        (Some(stopped), _) => stopped,
        (None, Ok(status)) => exited(status),
        (None, Err(error)) => CommandEnd::NotStarted(error),
    }
}

fn exited(status: ExitStatus) -> CommandEnd {
    CommandEnd::Exited { code: status.code(), signal: status.signal() }
}

/// Signals the whole group, so that what the command started ends with it.
fn signal(group: Pid, signal: Signal) {
    // The group may have ended in this moment; then there is nothing left to signal.
    let _ = kill_process_group(group, signal);
}

/// A running command.
struct Watched<'a, O, E> {
    group: Pid,
    notice: ExitNotice,
    stdout: Capture<'a, O>,
    stderr: Capture<'a, E>,
}

impl<O: Read + AsFd, E: Read + AsFd> Watched<'_, O, E> {
    /// Returns when the process can be collected: with the reason, where it was stopped.
    fn until_exit(&mut self, task: &CommandTask<'_>) -> Option<CommandEnd> {
        if !task.cancelled.load(Ordering::Relaxed)
            && task.timeout.is_none_or(|timeout| timeout > SHORT)
            && self.ends_soon()
        {
            return None;
        }
        let deadline = task.timeout.map(|timeout| Instant::now() + timeout);
        let mut stopping: Option<(CommandEnd, Instant)> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            self.wait_for_something();
            if self.has_ended() {
                return stopping.map(|(end, _)| end);
            }
            let now = Instant::now();
            match &stopping {
                Some((_, asked_at)) if now.duration_since(*asked_at) > TERMINATE_PATIENCE => {
                    signal(self.group, Signal::KILL);
                }
                Some(_) => {}
                None if task.cancelled.load(Ordering::Relaxed) => {
                    signal(self.group, Signal::TERM);
                    stopping = Some((CommandEnd::Cancelled, now));
                }
                None if deadline.is_some_and(|deadline| now >= deadline) => {
                    signal(self.group, Signal::TERM);
                    stopping = Some((CommandEnd::TimedOut, now));
                }
                None => {}
            }
            if self.notice.descriptor().is_none() && !(self.stdout.open || self.stderr.open) {
                // Pipes close a moment before the process ends; a process may also close them and live on.
                std::thread::park_timeout(pause);
                pause = (pause * 2).min(LOOK_INTERVAL);
            }
        }
    }

    /// Waits a moment for the end alone, which for a short process saves all other waiting.
    fn ends_soon(&self) -> bool {
        let Some(exit) = self.notice.descriptor() else { return false };
        poll_for(&mut [PollFd::new(&exit, PollFlags::IN)], SHORT)
    }

    /// Whether the process can be collected; leaves it to be.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is nothing to wait for: collecting it will say so.
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    fn wait_for_something(&mut self) {
        let (out_ready, err_ready) = {
            // A closed pipe would be ready for ever: the other one, or the notice, stands in for it.
            let exit = self.notice.descriptor();
            let stdout = self.stdout.open.then(|| self.stdout.pipe.as_fd());
            let stderr = self.stderr.open.then(|| self.stderr.pipe.as_fd());
            let open: Vec<BorrowedFd<'_>> = [stdout, stderr, exit].into_iter().flatten().collect();
            if open.is_empty() {
                return;
            }
            let mut fds: Vec<PollFd<'_>> = open.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
            if !poll_for(&mut fds, LOOK_INTERVAL) {
                return;
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            (stdout.is_some() && ready.next() == Some(true), stderr.is_some() && ready.next() == Some(true))
        };
        if out_ready {
            self.stdout.read_once();
        }
        if err_ready {
            self.stderr.read_once();
        }
    }
}

/// Whether one of these is ready within `time`.
fn poll_for(fds: &mut [PollFd<'_>], time: Duration) -> bool {
    let time = time.try_into().expect("milliseconds fit a timespec");
    matches!(poll(fds, Some(&time)), Ok(1..))
}

/// A pipe on its way into the log.
struct Capture<'a, P> {
    pipe: P,
    stream: Stream,
    log: &'a SlotLog,
    open: bool,
}

impl<'a, P: Read + AsFd> Capture<'a, P> {
    fn new(pipe: P, stream: Stream, log: &'a SlotLog) -> Self {
        Capture { pipe, stream, log, open: true }
    }

    /// One read of what is ready.
    fn read_once(&mut self) {
        let mut piece = [0; 16 << 10];
        match self.pipe.read(&mut piece) {
            Ok(0) => self.open = false,
            Ok(count) => self.log.append(self.stream, &piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => self.open = false,
        }
    }

    /// Reads what is there and does not wait for more: a process that left its group may hold the pipe open for ever.
    fn drain(&mut self) {
        while self.open && rustix::io::ioctl_fionread(&self.pipe).is_ok_and(|bytes| bytes > 0) {
            self.read_once();
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::JobId;

    use super::*;

    struct Report {
        end: CommandEnd,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
    }

    fn run(argv: &[&str], timeout: Option<Duration>, cancelled: &AtomicBool) -> Report {
        let argv: Vec<String> = argv.iter().map(|s| s.to_string()).collect();
        let env = vec![("NEXUS_TASK_INDEX", "3".to_owned())];
        let log = SlotLog::default();
        log.begin(JobId(1), 3);
        let directory = Path::new("/");
        let task = CommandTask { argv: &argv, env, directory, timeout, cancelled, log: &log, keeper: None };
        let end = run_command(&task);
        let (stdout, stderr) = log.end();
        Report { end, stdout, stderr }
    }

    #[test]
    fn output_and_exit_status_are_captured() {
        let script = "echo out $NEXUS_TASK_INDEX; echo err >&2; exit 7";
        for pause in ["", "sleep 0.05; "] {
            let report = run(&["sh", "-c", &format!("{pause}{script}")], None, &false.into());
            assert!(matches!(report.end, CommandEnd::Exited { code: Some(7), signal: None }), "{:?}", report.end);
            assert_eq!((report.stdout.as_slice(), report.stderr.as_slice()), (&b"out 3\n"[..], &b"err\n"[..]));
        }
    }

    #[test]
    fn a_command_that_is_not_there_says_so() {
        let report = run(&["/no/such/program"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::NotStarted(_)), "{:?}", report.end);
    }

    #[test]
    fn much_output_neither_stalls_nor_fills_memory() {
        let report = run(&["sh", "-c", "head -c 40000000 /dev/zero; echo done >&2"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::Exited { code: Some(0), .. }));
        assert!(report.stdout.len() < super::super::log::LOG_BYTES_MAX + 100);
        assert!(report.stdout.ends_with(b"more bytes were printed and not kept]\n"));
        assert_eq!(report.stderr, b"done\n");
    }

    #[test]
    fn a_full_pipe_of_a_short_command_is_read_to_its_end() {
        let report = run(&["sh", "-c", "head -c 65536 /dev/zero; head -c 65536 /dev/zero >&2"], None, &false.into());
        assert_eq!((report.stdout.len(), report.stderr.len()), (65536, 65536));
    }

    #[test]
    fn the_timeout_ends_the_whole_group() {
        let started = Instant::now();
        for timeout in [1, 50] {
            let timeout = Some(Duration::from_millis(timeout));
            let report = run(&["sh", "-c", "sleep 100 & sleep 100"], timeout, &false.into());
            assert!(matches!(report.end, CommandEnd::TimedOut), "{:?}", report.end);
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_command_that_ignores_the_polite_signal_is_killed() {
        let script = "trap '' TERM; while :; do sleep 1; done";
        let report = run(&["sh", "-c", script], Some(Duration::from_millis(50)), &false.into());
        assert!(matches!(report.end, CommandEnd::TimedOut), "{:?}", report.end);
    }

    #[test]
    fn a_cancelled_command_stops() {
        let report = run(&["sleep", "100"], None, &true.into());
        assert!(matches!(report.end, CommandEnd::Cancelled), "{:?}", report.end);
    }

    #[test]
    fn what_a_command_leaves_in_the_background_neither_holds_nor_outlives_it() {
        let started = Instant::now();
        for pause in ["", "sleep 0.05; "] {
            let report = run(&["sh", "-c", &format!("{pause}sleep 30 & echo $!")], None, &false.into());
            assert!(matches!(report.end, CommandEnd::Exited { code: Some(0), .. }));
            let left = String::from_utf8(report.stdout).unwrap().trim().parse().unwrap();
            let left = Pid::from_raw(left).unwrap();
            while rustix::process::test_kill_process(left).is_ok() && !is_zombie(left) {
                assert!(started.elapsed() < Duration::from_secs(20), "it still runs");
                std::thread::yield_now();
            }
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    /// Whoever adopts it collects it when it likes.
    fn is_zombie(process: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
        stat.contains(") Z ")
    }

    #[test]
    fn a_command_that_closes_its_output_and_lives_on_is_waited_for() {
        let report = run(&["sh", "-c", "exec >/dev/null 2>&1; sleep 0.1; exit 3"], None, &false.into());
        assert!(matches!(report.end, CommandEnd::Exited { code: Some(3), .. }), "{:?}", report.end);
    }
}
