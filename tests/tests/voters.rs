//! Several voters as processes: any one may be lost, at any time, and everything accepted ends exactly once.

use std::net::UdpSocket;
use std::path::Path;

use nexus_tests::node::Node;
use serde_json::Value;

/// Long enough to be cut in the middle.
const TASKS: usize = 1000;

/// A port that was free just now: a voter comes back at the address that the others know.
fn address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket.local_addr().expect("a bound socket has an address").to_string()
}

/// Nodes that come back where they were.
struct Cluster {
    folder: tempfile::TempDir,
    addresses: Vec<String>,
    nodes: Vec<Option<Node>>,
}

impl Cluster {
    /// As many nodes, called `n0`, `n1` and so on; the first founds the cluster, each other one joins through the one
    /// before it.
    fn of(count: usize) -> Cluster {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let addresses = (0..count).map(|_| address()).collect();
        let mut cluster = Cluster { folder, addresses, nodes: Vec::new() };
        for number in 0..count {
            let node = match number {
                0 => cluster.start(0, &[]),
                _ => {
                    let token = cluster.node(0).json(&["token", "create"])["token"].as_str().expect("text").to_owned();
                    let through = cluster.addresses[number - 1].clone();
                    cluster.start(number, &["--join", &through, "--token", &token])
                }
            };
            cluster.nodes.push(Some(node));
        }
        cluster
    }

    /// The same with all of them as voters.
    fn of_voters(count: usize) -> Cluster {
        let cluster = Cluster::of(count);
        cluster.vote(0, &(0..count).collect::<Vec<_>>());
        cluster
    }

    fn start(&self, number: usize, extra: &[&str]) -> Node {
        let name = format!("n{number}");
        let arguments = [&["--name", &name, "--listen", &self.addresses[number], "--slots", "2"], extra].concat();
        Node::start(&self.home(number), &arguments)
    }

    fn home(&self, number: usize) -> std::path::PathBuf {
        self.folder.path().join(format!("n{number}"))
    }

    fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("it runs")
    }

    fn kill(&mut self, number: usize) {
        self.nodes[number].take().expect("it runs").kill();
    }

    fn restart(&mut self, number: usize) {
        self.nodes[number] = Some(self.start(number, &[]));
    }

    fn vote(&self, at: usize, voters: &[usize]) -> Value {
        let names: Vec<String> = voters.iter().map(|number| format!("n{number}")).collect();
        let arguments: Vec<&str> = ["voters", "set"].into_iter().chain(names.iter().map(String::as_str)).collect();
        // A node that has just joined is known to the leader a moment later.
        self.wait_for(at, "every node is up", |status| {
            status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "up"))
        });
        self.node(at).json(&arguments)
    }

    /// The leader's number, as node `at` knows it, once there is one that is none of `lost`.
    fn leader(&self, at: usize, lost: &[usize]) -> usize {
        let status = self.wait_for(at, "a leader", |status| {
            status["leader"].as_str().is_some_and(|name| !lost.iter().any(|number| format!("n{number}") == name))
        });
        status["leader"].as_str().expect("it was seen")[1..].parse().expect("names are numbers")
    }

    fn wait_for(&self, at: usize, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1000 {
            let status = self.node(at).json(&["status"]);
            if is_so(&status) {
                return status;
            }
        }
        panic!("{what} did not come about: {}", self.node(at).json(&["status"]));
    }
}

/// Every task of `job` succeeded, and is there once.
fn check_all_ended(node: &Node, job: &str) {
    let waited = node.json(&["job", "wait", job]);
    assert_eq!(waited["state"], "succeeded", "{waited}");
    let shown = node.json(&["job", "result", job]);
    let tasks = shown["tasks"].as_array().expect("tasks");
    assert!(tasks.iter().all(|task| task["state"] == "succeeded"));
    let indices: Vec<u64> = tasks.iter().map(|task| task["index"].as_u64().expect("an index")).collect();
    assert_eq!(indices, (0..TASKS as u64).collect::<Vec<_>>());
}

fn submit_array(node: &Node, command: &str) -> String {
    let array = format!("0..{TASKS}");
    node.json(&["submit", "--array", &array, "--", "/bin/sh", "-c", command])["job"].to_string()
}

fn wait_until_done(node: &Node, job: &str, least: u64) -> u64 {
    loop {
        let done = node.json(&["job", "show", job])["done"].as_u64().expect("a count");
        if done >= least {
            return done;
        }
    }
}

/// The lines of a file that every attempt appended one to.
fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn the_leader_may_be_killed_in_the_middle_of_an_array() {
    let mut cluster = Cluster::of_voters(3);
    let first = cluster.leader(0, &[]);
    let others: Vec<usize> = (0..3).filter(|number| *number != first).collect();
    let ran = cluster.folder.path().join("ran");
    let job = submit_array(cluster.node(others[0]), &format!("sleep 0.005; echo x >> {}", ran.display()));
    // Somebody waits at a node that stays: the wait outlives the leader.
    let waiting = {
        let (home, job) = (cluster.home(others[1]), job.clone());
        std::thread::spawn(move || nexus_tests::binary::run(&home, ["job", "wait", &job, "--json"]))
    };
    let before = wait_until_done(cluster.node(others[0]), &job, 100);
    assert!(before < TASKS as u64, "the array ended before it could be cut");
    cluster.kill(first);
    let accepted = cluster.node(others[0]).json(&["submit", "--key", "after", "--", "/bin/true"]);
    let waited = waiting.join().expect("it does not panic");
    assert_eq!(waited.status.code(), Some(0), "{}", String::from_utf8_lossy(&waited.stderr));
    check_all_ended(cluster.node(others[1]), &job);
    assert!(lines(&ran) >= TASKS, "every task ran");
    assert_ne!(cluster.leader(others[0], &[first]), first);

    // What was lost comes back and has everything.
    cluster.restart(first);
    check_all_ended(cluster.node(first), &job);
    let again = cluster.node(others[0]).json(&["submit", "--key", "after", "--", "/bin/true"]);
    assert_eq!(again["job"], accepted["job"], "one key is one job, whoever leads");
    assert_eq!(cluster.node(first).json(&["job", "wait", &accepted["job"].to_string()])["state"], "succeeded");
}

#[test]
fn all_voters_may_be_killed_at_once() {
    let mut cluster = Cluster::of_voters(3);
    let job = submit_array(cluster.node(1), "sleep 0.002");
    let before = wait_until_done(cluster.node(2), &job, 50);
    for number in 0..3 {
        cluster.kill(number);
    }
    for number in 0..3 {
        cluster.restart(number);
    }
    assert!(wait_until_done(cluster.node(1), &job, before) >= before, "what was acknowledged as done stays done");
    check_all_ended(cluster.node(2), &job);
}

#[test]
fn without_a_majority_nothing_is_accepted_and_the_status_says_why() {
    let mut cluster = Cluster::of_voters(3);
    let leader = cluster.leader(0, &[]);
    let last = (0..3).find(|number| *number != leader).expect("there are three");
    for number in (0..3).filter(|number| *number != last) {
        cluster.kill(number);
    }
    let refused = cluster.node(last).nexus(&["submit", "--", "/bin/true"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("2 of 3 voters"), "{said}");
    assert_eq!(cluster.node(last).json(&["status"])["leader"], Value::Null);
    cluster.restart(leader);
    cluster.leader(last, &[]);
    assert_eq!(cluster.node(last).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
}

#[test]
fn voters_are_chosen_and_a_leader_can_vote_itself_out() {
    let cluster = Cluster::of(3);
    assert_eq!(cluster.node(2).json(&["voters"])["voters"], serde_json::json!(["n0"]));
    let even = cluster.node(0).nexus(&["voters", "set", "n0", "n1"]);
    assert_eq!(even.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&even.stderr).contains("must be odd"));
    let by_worker = cluster.node(2).nexus(&["voters", "set", "n2"]);
    assert!(String::from_utf8_lossy(&by_worker.stderr).contains("NX0103"), "a worker is no administrator");

    assert_eq!(cluster.vote(0, &[0, 1, 2])["losses_survived"], 1);
    cluster.vote(0, &[1]);
    assert_eq!(cluster.leader(0, &[0, 2]), 1);
    cluster.wait_for(2, "one voter", |status| status["voters"] == serde_json::json!(["n1"]));
    // Who has been a voter may change them, wherever the leader is, and admit machines.
    assert_eq!(cluster.vote(2, &[0, 1, 2])["losses_survived"], 1);
    assert!(cluster.node(1).json(&["token", "create"])["token"].is_string());
}

#[test]
fn of_two_nodes_the_second_follows_and_waits_for_the_first() {
    let mut cluster = Cluster::of(2);
    cluster.kill(0);
    let refused = cluster.node(1).nexus(&["submit", "--", "/bin/true"]);
    assert_eq!(refused.status.code(), Some(3));
    let waiting = {
        let home = cluster.home(1);
        std::thread::spawn(move || {
            nexus_tests::binary::run(&home, ["submit", "--key", "k", "--wait", "--", "/bin/true"])
        })
    };
    cluster.restart(0);
    let waited = waiting.join().expect("it does not panic");
    assert_eq!(waited.status.code(), Some(0), "{}", String::from_utf8_lossy(&waited.stderr));
}
