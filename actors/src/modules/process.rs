//! One call of a module: its program is started, asked, and ended with everything that it started.
//!
//! Blocks the thread that calls it. The program runs in a process group and a temporary folder of its own, with no environment
//! but what it was allowed, shut in by [`super::sandbox`].

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nexus_model::Value;
use rustix::event::{PollFd, PollFlags, poll};
#[cfg(target_os = "linux")]
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::error::ModuleError;
use super::folders::CallFolder;
use super::frame::{self, Answer, AnswerReader, Refusal};
use super::manifest::{Capability, Kind};
use super::sandbox::{self, GO, NO_LIMITS_CODE, Reach, Sandbox};
use super::signature::Sizes;
use super::store::Installed;
use super::wasm::{self, Program};

/// Between two looks at the cancel flag while the module is silent.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Between two looks for the first process of a namespace.
const BEGIN_INTERVAL: Duration = Duration::from_micros(200);
/// How long a program that closed its output may take to end, for its exit code.
const END_PATIENCE: Duration = Duration::from_millis(500);
/// How long the processes of a namespace may take to end that were killed; a disk may hold one of them up.
#[cfg(target_os = "linux")]
const NAMESPACE_PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes kept of what a call prints to stderr.
const STDERR_BYTES_MAX: usize = 256 << 10;
/// Pieces that are read of stderr after the end: more than a pipe holds.
const LAST_READS: usize = 64;
/// What shells end with where there is no such program.
const NOT_FOUND_CODES: [i32; 2] = [126, 127];

/// What to call.
pub struct Call<'a> {
    /// The module.
    pub module: &'a Installed,
    /// One of its functions.
    pub function: &'a str,
    /// In the order of its parameters.
    pub arguments: Vec<Value>,
    /// Ends the call when it turns true.
    pub stop: &'a dyn Fn() -> bool,
    /// Takes this many bytes of memory for the answer, or says that there are no more.
    pub admit: &'a dyn Fn(u64) -> bool,
}

/// What came of a call, whether or not it gave a value.
#[derive(Debug)]
pub struct CallReport {
    /// The value, of the type that the manifest says.
    pub value: Result<Value, ModuleError>,
    /// What the program printed to stderr, of more than 256 KiB the beginning.
    pub stderr: Vec<u8>,
    /// What it could not be kept from.
    pub sandbox: Sandbox,
}

/// Calls a function of a module.
pub fn call(call: Call<'_>) -> CallReport {
    let mut report = CallReport { value: Ok(Value::None), stderr: Vec::new(), sandbox: Sandbox::default() };
    report.value = called(call, &mut report.stderr, &mut report.sandbox);
    report
}

fn called(call: Call<'_>, stderr: &mut Vec<u8>, sandbox: &mut Sandbox) -> Result<Value, ModuleError> {
    let Call { module, function, arguments, stop, admit } = call;
    let manifest = &module.manifest;
    let name = || manifest.name.clone();
    let declared = manifest.function(function).ok_or_else(|| ModuleError::NoSuchFunction {
        module: name(),
        function: function.to_owned(),
        known: manifest.functions.iter().map(|function| function.name.clone()).collect(),
    })?;
    let mut sizes = Sizes::new();
    let arguments = declared.take(arguments, &mut sizes).map_err(ModuleError::BadArguments)?;
    let frame = frame::request(function, &arguments).map_err(ModuleError::BadArguments)?;
    match ask(module, frame, (stop, admit), stderr, sandbox)? {
        Answer::Value(value) => declared.returns.take(value, &mut sizes).map_err(|reason| ModuleError::WrongType {
            module: name(),
            function: function.to_owned(),
            reason,
        }),
        Answer::Error(message) => Err(ModuleError::Failed { module: name(), function: function.to_owned(), message }),
        Answer::Stopped { why, message } => {
            Err(ModuleError::Stopped { subject: format!("`{function}` of module {}", manifest.name), why, message })
        }
    }
}

/// What a module's component says that it exports.
pub(super) fn ask_exports(module: &Installed) -> Result<Answer, ModuleError> {
    let frame = frame::request(frame::EXPORTS, &[]).map_err(ModuleError::BadArguments)?;
    ask(module, frame, (&|| false, &|_| true), &mut Vec::new(), &mut Sandbox::default())
}

/// Starts the module's program, and ends it once it answered.
fn ask(
    module: &Installed,
    frame: Vec<u8>,
    (stop, admit): (&dyn Fn() -> bool, &dyn Fn(u64) -> bool),
    stderr: &mut Vec<u8>,
    sandbox: &mut Sandbox,
) -> Result<Answer, ModuleError> {
    let folder = CallFolder::make(&module.scratch).map_err(ModuleError::disk(&module.scratch))?;
    let answer = start(module, folder.path(), sandbox)
        .map_err(|reason| ModuleError::NotStarted { module: module.manifest.name.clone(), reason })
        .and_then(|child| Conversation::with(child, frame, module, (stop, admit), stderr).answer());
    let path = folder.path().to_owned();
    if let Err(error) = folder.remove() {
        stderr.extend(format!("note: {} could not be removed: {error}\n", path.display()).bytes());
    }
    match answer? {
        Answer::Stopped { .. } if module.manifest.kind == Kind::Process => {
            let reason = "only a component is stopped by who runs it".to_owned();
            Err(ModuleError::Garbage { module: module.manifest.name.clone(), reason })
        }
        answer => Ok(answer),
    }
}

/// The command that the manifest names.
fn program(module: &Installed) -> Program {
    let manifest = &module.manifest;
    let word = |word: &String| {
        let file = module.folder.join(word);
        let is_of_module = !Path::new(word).is_absolute() && !word.contains("..") && file.is_file();
        if is_of_module { file.to_string_lossy().into_owned() } else { word.clone() }
    };
    Program { words: manifest.entry.iter().map(word).collect(), limits: manifest.limits.clone(), own: None }
}

/// Starts the program from a thread that shuts itself in before: what it starts is inside, and this process is not.
fn start(module: &Installed, scratch: &Path, sandbox: &mut Sandbox) -> Result<Child, String> {
    let manifest = &module.manifest;
    let network = manifest.capabilities.contains(&Capability::Network);
    let Program { words, limits, own } = match manifest.kind {
        Kind::Process => program(module),
        Kind::Wasm => wasm::program(module)?,
    };
    let mut command = sandbox::command(&words, &limits, network, sandbox);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("HOME", scratch)
        .env("TMPDIR", scratch)
        .env("NEXUS_MODULE", &module.folder)
        // Where nothing keeps it from that, it would write beside its own files and so change itself.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(scratch)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    close_others(&mut command);
    let mut read: Vec<&Path> = own.iter().map(PathBuf::as_path).chain([module.folder.as_path()]).collect();
    for capability in &manifest.capabilities {
        match capability {
            Capability::Network => {}
            Capability::Environment(name) => {
                command.envs(std::env::var_os(name).map(|value| (name, value)));
            }
            Capability::Read(path) => read.push(Path::new(path)),
        }
    }
    let reach = Reach { read, write: scratch, network };
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            sandbox::enclose(&reach, sandbox)?;
            command.spawn().map_err(|error| error.to_string())
        });
        started.join().unwrap_or_else(|_| Err("the thread that starts it ended".to_owned()))
    })
}

/// Keeps from the program what this process was started with and has open still.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nothing safe runs between fork and exec")]
fn close_others(command: &mut Command) {
    const FIRST: libc::c_uint = 3;
    let mark = || {
        // SAFETY: the call takes numbers only. They are closed when the program starts: until then they serve the start
        // itself. A kernel without this call has no Landlock either, which is said.
        let _ = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        Ok(())
    };
    // SAFETY: it makes one system call, and neither allocates nor locks.
    unsafe { command.pre_exec(mark) };
}

#[cfg(not(target_os = "linux"))]
fn close_others(_: &mut Command) {}

/// A running call.
struct Conversation<'a> {
    child: Child,
    /// The first process of its namespace, once that is known.
    first: Option<OwnedFd>,
    stdin: Option<ChildStdin>,
    /// The line that lets the module begin, the call, and how much of both was written.
    frame: Vec<u8>,
    sent: usize,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    module: &'a Installed,
    stop: &'a dyn Fn() -> bool,
    admit: &'a dyn Fn(u64) -> bool,
    deadline: Instant,
    printed: &'a mut Vec<u8>,
}

impl<'a> Conversation<'a> {
    fn with(
        mut child: Child,
        frame: Vec<u8>,
        module: &'a Installed,
        (stop, admit): (&'a dyn Fn() -> bool, &'a dyn Fn(u64) -> bool),
        printed: &'a mut Vec<u8>,
    ) -> Self {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // A program that reads late, or not at all, must not keep us from listening.
        let stdin = stdin.filter(|pipe| rustix::io::ioctl_fionbio(pipe, true).is_ok());
        let deadline = Instant::now() + module.manifest.limits.wall;
        let frame = [GO, &frame].concat();
        Conversation {
            child,
            first: None,
            stdin,
            frame,
            sent: 0,
            stdout,
            stderr,
            module,
            stop,
            admit,
            deadline,
            printed,
        }
    }

    /// The answer; what the program left behind is ended in every case.
    fn answer(mut self) -> Result<Answer, ModuleError> {
        let answer = self.wait_for_answer();
        let ended = match &answer {
            Err(ModuleError::Ended { .. }) => self.wait_for_end(),
            _ => None,
        };
        // Before it is collected: its number is nobody else's until then.
        let unshare = Pid::from_child(&self.child);
        let first = self.first.take().or_else(|| first_of_namespace(unshare));
        // `unshare` goes first, which would tell of its child's end.
        let _ = kill_process_group(unshare, Signal::KILL);
        end_namespace(first.as_ref());
        let collected = self.child.wait();
        // Without a namespace somebody may be left who goes on printing.
        for _ in 0..LAST_READS {
            let waits = |pipe: &ChildStderr| rustix::io::ioctl_fionread(pipe).is_ok_and(|bytes| bytes > 0);
            if self.stderr.as_ref().is_some_and(waits) {
                self.read_stderr();
            }
        }
        match (answer, ended.and(collected.ok())) {
            (Err(ModuleError::Ended { module, .. }), Some(status)) => Err(ended_early(module, status)),
            (answer, _) => answer,
        }
    }

    fn wait_for_answer(&mut self) -> Result<Answer, ModuleError> {
        let mut reader = AnswerReader::default();
        let module = &self.module.manifest;
        let garbage = |reason: String| ModuleError::Garbage { module: module.name.clone(), reason };
        let refused = |refusal: Refusal| match refusal {
            Refusal::Garbage(reason) => garbage(reason),
            Refusal::NoMemory { bytes } => ModuleError::NoMemory { module: module.name.clone(), bytes },
        };
        loop {
            if (self.stop)() {
                return Err(ModuleError::Cancelled);
            }
            if Instant::now() >= self.deadline {
                return Err(ModuleError::TooSlow { module: module.name.clone(), limit: module.limits.wall });
            }
            // Before the module begins: it can end `unshare`, and nobody knows the first process then.
            self.first = self.first.take().or_else(|| first_of_namespace(Pid::from_child(&self.child)));
            let may_begin = self.first.is_some() || sandbox::namespaces().is_err();
            let (is_listening, is_answering, is_printing) = self.wait_for_something(may_begin);
            if is_listening {
                self.send();
            }
            if is_printing {
                self.read_stderr();
            }
            if !is_answering {
                continue;
            }
            let mut piece = [0; 64 << 10];
            let Some(pipe) = &mut self.stdout else { continue };
            match pipe.read(&mut piece) {
                Ok(count @ 1..) => {
                    if let Some(answer) = reader.push(&piece[..count], self.admit).map_err(refused)? {
                        return Ok(answer);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) if reader.is_empty() => {
                    return Err(ModuleError::Ended { module: module.name.clone(), how: String::new() });
                }
                Ok(_) | Err(_) => return Err(garbage("it ended in the middle of its frame".to_owned())),
            }
        }
    }

    /// Waits a moment for one of the pipes: whether stdin takes more, the answer has more, and stderr has. Before the module
    /// may begin the moment is a short one, and nothing is written.
    fn wait_for_something(&self, may_begin: bool) -> (bool, bool, bool) {
        let pipes: [(Option<BorrowedFd<'_>>, PollFlags); 3] = [
            (self.stdin.as_ref().filter(|_| may_begin).map(AsFd::as_fd), PollFlags::OUT),
            (self.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        let open = pipes.iter().filter_map(|(pipe, flags)| pipe.as_ref().map(|pipe| PollFd::new(pipe, *flags)));
        let mut fds: Vec<PollFd<'_>> = open.collect();
        let time = if may_begin { LOOK_INTERVAL } else { BEGIN_INTERVAL };
        let time = time.try_into().expect("milliseconds fit a timespec");
        if !matches!(poll(&mut fds, Some(&time)), Ok(1..)) {
            return (false, false, false);
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let [stdin, stdout, stderr] = pipes.map(|(pipe, _)| pipe.is_some() && ready.next() == Some(true));
        (stdin, stdout, stderr)
    }

    /// Writes what the pipe takes of the call. A program that answers without reading all of it is no error.
    fn send(&mut self) {
        let Some(pipe) = &mut self.stdin else { return };
        match pipe.write(&self.frame[self.sent..]) {
            Ok(count @ 1..) => self.sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Ok(0) | Err(_) => self.sent = self.frame.len(),
        }
        if self.sent == self.frame.len() {
            self.stdin = None;
        }
    }

    fn read_stderr(&mut self) {
        let mut piece = [0; 16 << 10];
        let Some(pipe) = &mut self.stderr else { return };
        match pipe.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => self.stderr = None,
            Ok(count) => {
                let room = STDERR_BYTES_MAX.saturating_sub(self.printed.len());
                self.printed.extend_from_slice(&piece[..count.min(room)]);
            }
        }
    }

    /// Gives a program that closed its output the time to end by itself.
    fn wait_for_end(&mut self) -> Option<()> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let patience = Instant::now() + END_PATIENCE;
        while Instant::now() < patience {
            match waitid(WaitId::Pid(Pid::from_child(&self.child)), options) {
                Ok(None) => std::thread::park_timeout(LOOK_INTERVAL),
                Ok(Some(_)) | Err(_) => return Some(()),
            }
        }
        None
    }
}

/// The first process of the namespace of processes that `unshare` made, which all others end with.
#[cfg(target_os = "linux")]
fn first_of_namespace(unshare: Pid) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    let unshare = unshare.as_raw_nonzero();
    let children = || std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap_or_default();
    let child: i32 = children().split_whitespace().next()?.parse().ok()?;
    let first = pidfd_open(Pid::from_raw(child)?, PidfdFlags::empty()).ok()?;
    // It is still the one whose number was read.
    children().split_whitespace().any(|now| now.parse() == Ok(child)).then_some(first)
}

/// There are no namespaces here.
#[cfg(not(target_os = "linux"))]
fn first_of_namespace(_: Pid) -> Option<OwnedFd> {
    None
}

/// Ends a namespace of processes and waits until none of them is left, so that none writes any more: one that left its group
/// and wants no signal of its parent's end is not reached by anything else.
#[cfg(target_os = "linux")]
fn end_namespace(first: Option<&OwnedFd>) {
    let Some(first) = first else { return };
    let _ = rustix::process::pidfd_send_signal(first, Signal::KILL);
    let patience = NAMESPACE_PATIENCE.try_into().expect("seconds fit a timespec");
    // It ends after all others have.
    let _ = retry_on_intr(|| poll(&mut [PollFd::new(first, PollFlags::IN)], Some(&patience)));
}

#[cfg(not(target_os = "linux"))]
fn end_namespace(_: Option<&OwnedFd>) {}

fn ended_early(module: String, status: ExitStatus) -> ModuleError {
    let how = match (status.code(), status.signal()) {
        (Some(NO_LIMITS_CODE), _) => {
            return ModuleError::NotStarted { module, reason: "its limits could not be set".to_owned() };
        }
        (Some(code), _) if NOT_FOUND_CODES.contains(&code) => {
            let reason = format!("the program of its `entry` was not found or cannot be executed (exit code {code})");
            return ModuleError::NotStarted { module, reason };
        }
        (Some(code), _) => format!(": exit code {code}"),
        (None, Some(signal)) => format!(": signal {signal}"),
        (None, None) => String::new(),
    };
    ModuleError::Ended { module, how }
}
