//! A node as a process of its own, on the loopback interface, with a data directory that goes away with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::binary;

/// The line that a node prints last when it serves.
const READY: &str = "Stop with Ctrl-C";
/// How long a test waits for words that are due.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node. Dropping it kills the process.
pub struct Node {
    /// What is written before the program, on the machine on which it runs.
    before: Vec<String>,
    data: PathBuf,
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node with this data directory on a port of the system's choice (unless `extra` names one)
    /// and waits until it serves. `extra` are
    /// further arguments of `nexus node start`.
    ///
    /// # Panics
    /// When it does not start: this is for tests.
    pub fn start(data: &Path, extra: &[&str]) -> Node {
        Node::try_start(data, extra).unwrap_or_else(|said| panic!("the node did not start:\n{said}"))
    }

    /// Like [`Node::start`]; what it said until its end is the error.
    ///
    /// # Errors
    /// Everything that the node printed, when it ends before it serves.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn try_start(data: &Path, extra: &[&str]) -> Result<Node, String> {
        Node::try_start_on(&[], data, extra)
    }

    /// Like [`Node::try_start`] behind the words `before`, which run a program on another machine ([`crate::network`]).
    ///
    /// # Errors
    /// Everything that the node printed, when it ends before it serves.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn try_start_on(before: &[String], data: &Path, extra: &[&str]) -> Result<Node, String> {
        let listen = if extra.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"][..] };
        Node::run(before, data, &[listen, extra].concat())
    }

    /// Starts a node of this data directory again, without a word of where it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(data: &Path) -> Node {
        Node::run(&[], data, &[]).unwrap_or_else(|said| panic!("the node did not start:\n{said}"))
    }

    fn run(before: &[String], data: &Path, arguments: &[&str]) -> Result<Node, String> {
        let mut child = binary::command_on(before)
            .args(["node", "start", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the nexus binary can be run");
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (ready, served) = std::sync::mpsc::sync_channel(1);
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        let [out, err] = streams.map(|stream| {
            let (said, ready) = (Arc::clone(&said), ready.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let is_ready = line.contains(READY);
                    said.0.lock().expect("no reader panics").push_str(&format!("{line}\n"));
                    said.1.notify_all();
                    if is_ready {
                        // Full: it was said before.
                        let _ = ready.try_send(());
                    }
                }
            })
        });
        drop(ready);
        let is_serving = served.recv().is_ok();
        let reader = std::thread::spawn(move || {
            for thread in [out, err] {
                thread.join().expect("no reader panics");
            }
        });
        let mut node = Node { before: before.to_vec(), data: data.to_owned(), child, said, reader: Some(reader) };
        if is_serving {
            return Ok(node);
        }
        node.child.wait().expect("it can be waited for");
        Err(node.finish())
    }

    /// Everything it printed until now.
    ///
    /// # Panics
    /// When a reader panicked.
    pub fn said(&self) -> String {
        self.said.0.lock().expect("no reader panics").clone()
    }

    /// Waits until it has printed these words.
    ///
    /// # Panics
    /// When it does not print them.
    pub fn says(&self, words: &str) {
        let said = self.said.0.lock().expect("no reader panics");
        let (said, waited) =
            self.said.1.wait_timeout_while(said, PATIENCE, |said| !said.contains(words)).expect("no reader panics");
        assert!(!waited.timed_out(), "it does not say {words:?}:\n{said}");
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When its beacon cannot be read.
    pub fn address(&self) -> String {
        let beacon = std::fs::read(self.data.join("node.json")).expect("a serving node has a beacon");
        let beacon: Value = serde_json::from_slice(&beacon).expect("the beacon is JSON");
        beacon["address"].as_str().expect("the beacon has an address").to_owned()
    }

    /// Runs a command against this node.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn nexus(&self, arguments: &[&str]) -> Output {
        binary::run_on(&self.before, &self.data, arguments)
    }

    /// Runs a command against this node that must succeed, and reads its JSON.
    ///
    /// # Panics
    /// When it fails or prints something else.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.nexus(&[&["--json"], arguments].concat());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "nexus {arguments:?} printed:\n{out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("nexus {arguments:?}: {error}:\n{out}"))
    }

    /// The process, for signals.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What Ctrl-C does: asks it to end.
    ///
    /// # Panics
    /// When the process cannot be asked.
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.pid().to_string()]).status();
        assert!(sent.expect("the system has kill").success());
    }

    /// kill -9, and waits for the end.
    ///
    /// # Panics
    /// When the process cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("an own child can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Whether the process has ended.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("an own child can be asked").is_some()
    }

    /// Waits until the process ends by itself and returns its exit code and everything that it printed.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it can be waited for");
        (status.code(), self.finish())
    }

    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.said()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
