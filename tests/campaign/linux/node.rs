//! One node of the campaign: a process in its namespace, on a disk of its own.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::linux::bell::Bell;
use crate::linux::clock::Clock;
use crate::linux::error::CampaignError;
use crate::linux::network::{PORT, address, namespace};
use crate::linux::system::within;

/// How long a command against a node may take; then its outcome is unknown.
const COMMAND_PATIENCE: Duration = Duration::from_secs(15);
/// How often a node that starts is asked whether it serves.
const POLL: Duration = Duration::from_millis(20);

/// Whether a node's process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    Runs,
    /// SIGSTOP.
    Stopped,
    /// It was killed, or has ended: with this code.
    Ended(Option<i32>),
}

/// How to reach a node from any thread: as the user of its machine, or as a person who logged in.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    number: usize,
    binary: PathBuf,
    home: PathBuf,
}

impl Door {
    /// The same node for somebody with another home.
    pub(crate) fn of(&self, home: PathBuf) -> Door {
        Door { home, ..self.clone() }
    }

    /// Runs a command; `None` where it took too long.
    pub(crate) fn run(&self, arguments: &[&str]) -> Option<Output> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace(self.number)]).arg(&self.binary).arg("--json").args(arguments);
        within(COMMAND_PATIENCE, command.env("NEXUS_HOME", &self.home).env("NO_COLOR", "1"))
    }

    /// The document that a command printed, also of a job that did not end well; no document of an error.
    pub(crate) fn json_of_any_end(&self, arguments: &[&str]) -> Option<Value> {
        let document: Value = serde_json::from_slice(&self.run(arguments)?.stdout).ok()?;
        document["tasks"].is_array().then_some(document)
    }

    /// The document that a command printed, where it succeeded.
    pub(crate) fn json(&self, arguments: &[&str]) -> Option<Value> {
        let output = self.run(arguments)?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok()).flatten()
    }
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) number: usize,
    /// What it is called in the cluster.
    pub(crate) name: String,
    binary: PathBuf,
    /// Its disk.
    pub(crate) disk: PathBuf,
    log: PathBuf,
    /// By which its process goes.
    pub(crate) clock: Clock,
    child: Option<Child>,
    pulse: Pulse,
}

impl Node {
    /// A node that does not run yet. Its disk is mounted already.
    pub(crate) fn new(number: usize, binary: &Path, folder: &Path) -> Self {
        Node {
            number,
            name: format!("n{number}"),
            binary: binary.to_owned(),
            disk: folder.join(format!("disk{number}")),
            log: folder.join(format!("n{number}.log")),
            clock: Clock::new(folder.join(format!("clock{number}"))),
            child: None,
            pulse: Pulse::Ended(None),
        }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.disk.join("data")
    }

    /// The way in.
    pub(crate) fn door(&self) -> Door {
        Door { number: self.number, binary: self.binary.clone(), home: self.data() }
    }

    fn command(&self, extra: &[&str]) -> Command {
        let listen = format!("{}:{PORT}", address(self.number));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace(self.number)]).arg(&self.binary);
        command.args(["node", "start", "--name", &self.name, "--listen", &listen, "--http", "off", "--slots", "2"]);
        command.arg("--data").arg(self.data()).args(extra).env("NO_COLOR", "1");
        command
    }

    /// Starts the process; `extra` are further arguments of `nexus node start`.
    pub(crate) fn start(&mut self, extra: &[&str]) -> Result<(), CampaignError> {
        let failed = |error: std::io::Error| CampaignError::setup("start a node", error);
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed)?;
        let copy = log.try_clone().map_err(failed)?;
        let mut command = self.command(extra);
        self.clock.wear(&mut command)?;
        self.child = Some(command.stdin(Stdio::null()).stdout(log).stderr(copy).spawn().map_err(failed)?);
        self.pulse = Pulse::Runs;
        Ok(())
    }

    /// Starts a second process on the same data directory and returns what it said, where it was refused.
    pub(crate) fn start_twice(&self) -> Option<String> {
        let output = within(COMMAND_PATIENCE, &mut self.command(&[]))?;
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// How the process is now.
    pub(crate) fn pulse(&mut self) -> Pulse {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.child = None;
            self.pulse = Pulse::Ended(status.code());
        }
        self.pulse
    }

    /// Waits until it answers for itself, or has ended.
    pub(crate) fn wait_until_it_serves(&mut self, patience: Duration) -> bool {
        let door = self.door();
        let answered = Bell::until(patience, POLL, || match self.pulse() {
            Pulse::Ended(_) => Some(false),
            Pulse::Runs | Pulse::Stopped => door.json(&["status"]).map(|_| true),
        });
        answered == Some(true)
    }

    /// kill -9, and waits for the end. Whether there was something to kill.
    pub(crate) fn kill(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        let killed = child.kill().is_ok();
        // A child that was killed ends; one that cannot be waited for has been waited for.
        let _ = child.wait();
        self.pulse = Pulse::Ended(None);
        killed
    }

    /// SIGSTOP and SIGCONT.
    pub(crate) fn signal(&mut self, stop: bool) {
        let Some(child) = &self.child else { return };
        let (signal, pulse) = if stop { (Signal::STOP, Pulse::Stopped) } else { (Signal::CONT, Pulse::Runs) };
        if kill_process(Pid::from_child(child), signal).is_ok() {
            self.pulse = pulse;
        }
    }

    /// What it printed last.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
