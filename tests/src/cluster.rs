//! Several nodes as processes, each at an address of its own to which it comes back.

use std::path::Path;

use serde_json::Value;

use crate::node::Node;
use crate::port::Port;

/// How often a node is started that ends while it starts.
const STARTS_MAX: usize = 5;

/// Nodes that come back where they were.
pub struct Cluster {
    folder: tempfile::TempDir,
    ports: Vec<Port>,
    nodes: Vec<Option<Node>>,
}

impl Cluster {
    /// As many nodes, called `n0`, `n1` and so on; the first founds the cluster, each other one joins through the one
    /// before it.
    ///
    /// # Panics
    /// Where one does not start.
    pub fn of(count: usize) -> Cluster {
        Cluster::with_settings(count, "")
    }

    /// The same, each node with this `nexus.toml`.
    ///
    /// # Panics
    /// Where one does not start.
    pub fn with_settings(count: usize, settings: &str) -> Cluster {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = (0..count).map(|_| Port::take()).collect();
        let mut cluster = Cluster { folder, ports, nodes: Vec::new() };
        (0..count).for_each(|number| cluster.set(number, settings));
        for number in 0..count {
            let node = match number {
                0 => cluster.start(0, &[]),
                _ => {
                    let token = cluster.node(0).json(&["token", "create"])["token"].as_str().expect("text").to_owned();
                    let through = cluster.ports[number - 1].address();
                    cluster.start(number, &["--join", &through, "--token", &token])
                }
            };
            cluster.nodes.push(Some(node));
        }
        cluster
    }

    /// The same with all of them as voters.
    pub fn of_voters(count: usize) -> Cluster {
        let cluster = Cluster::of(count);
        cluster.vote(0, &(0..count).collect::<Vec<_>>());
        cluster
    }

    fn start(&self, number: usize, extra: &[&str]) -> Node {
        self.try_start(number, extra).unwrap_or_else(|said| panic!("n{number} did not start:\n{said}"))
    }

    fn try_start(&self, number: usize, extra: &[&str]) -> Result<Node, String> {
        let name = format!("n{number}");
        let address = self.ports[number].address();
        let arguments = [&["--name", &name, "--listen", &address, "--slots", "2"], extra].concat();
        Node::try_start(&self.home(number), &arguments)
    }

    /// The `nexus.toml` of a node, from its next start on; none where it is empty.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn set(&self, number: usize, settings: &str) {
        let home = self.home(number);
        std::fs::create_dir_all(&home).expect("a folder can be made");
        let file = home.join("nexus.toml");
        match settings {
            "" => drop(std::fs::remove_file(file)),
            settings => std::fs::write(file, settings).expect("a file can be written"),
        }
    }

    /// Everything that is on disk here goes with the cluster.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Data directory of a node.
    pub fn home(&self, number: usize) -> std::path::PathBuf {
        self.folder.path().join(format!("n{number}"))
    }

    /// A running node.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("it runs")
    }

    /// Starts one more node, which joins through node `through` with a token of this role, and returns its number.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn join(&mut self, through: usize, role: &str) -> usize {
        let number = self.nodes.len();
        let token = self.node(through).json(&["token", "create", "--role", role])["token"].clone();
        self.ports.push(Port::take());
        let (at, token) = (self.ports[through].address(), token.as_str().expect("text").to_owned());
        let node = self.start(number, &["--join", &at, "--token", &token]);
        self.nodes.push(Some(node));
        number
    }

    /// kill -9.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].take().expect("it runs").kill();
    }

    /// Has a node stop in order, and waits for its end.
    ///
    /// # Panics
    /// Where it does not run, or does not end well.
    pub fn stop(&mut self, number: usize) {
        let node = self.nodes[number].take().expect("it runs");
        node.json(&["node", "stop"]);
        let (code, said) = node.wait();
        assert_eq!(code, Some(0), "{said}");
    }

    /// Starts every node again whose process has ended by itself.
    ///
    /// # Panics
    /// Where one does not start.
    pub fn restart_ended(&mut self) {
        for number in 0..self.nodes.len() {
            if self.nodes[number].as_mut().is_some_and(Node::has_ended) {
                self.nodes[number] = None;
                // What it had accepted may end it again while it starts.
                self.nodes[number] = (0..STARTS_MAX).find_map(|_| self.try_start(number, &[]).ok());
                assert!(self.nodes[number].is_some(), "n{number} did not start in {STARTS_MAX} attempts");
            }
        }
    }

    /// Starts a node again where it was.
    pub fn restart(&mut self, number: usize) {
        self.nodes[number] = Some(self.start(number, &[]));
    }

    /// Makes these the voters, at node `at`, once all nodes are up.
    pub fn vote(&self, at: usize, voters: &[usize]) -> Value {
        let names: Vec<String> = voters.iter().map(|number| format!("n{number}")).collect();
        let arguments: Vec<&str> = ["voters", "set"].into_iter().chain(names.iter().map(String::as_str)).collect();
        // A node that has just joined is known to the leader a moment later.
        self.wait_for(at, "every node is up", |status| {
            status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "up"))
        });
        self.node(at).json(&arguments)
    }

    /// The leader's number, as node `at` knows it, once there is one that is none of `lost`.
    ///
    /// # Panics
    /// Where none is elected.
    pub fn leader(&self, at: usize, lost: &[usize]) -> usize {
        let status = self.wait_for(at, "a leader", |status| {
            status["leader"].as_str().is_some_and(|name| !lost.iter().any(|number| format!("n{number}") == name))
        });
        status["leader"].as_str().expect("it was seen")[1..].parse().expect("names are numbers")
    }

    /// Asks node `at` for the status until it is so.
    ///
    /// # Panics
    /// Where it does not come about.
    pub fn wait_for(&self, at: usize, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1000 {
            let status = self.node(at).json(&["status"]);
            if is_so(&status) {
                return status;
            }
        }
        panic!("{what} did not come about: {}", self.node(at).json(&["status"]));
    }
}
