//! A node and its clients, as processes: submit, wait, look, cancel, stop.

use nexus_tests::node::Node;
use serde_json::json;

fn program(folder: &std::path::Path, name: &str, source: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, source).expect("a temporary folder can be written to");
    path.to_str().expect("temporary paths are UTF-8").to_owned()
}

#[test]
fn a_submitted_program_gives_its_result_back() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let square = program(folder.path(), "square.mcode", "function main(n: int)\n    return n * n\nend\n");
    let done = node.json(&["submit", &square, "--arg", "n=12", "--wait"]);
    assert_eq!((&done["state"], &done["result"]), (&json!("succeeded"), &json!(144)));
    let job = done["job"].to_string();
    assert_eq!(node.json(&["job", "result", &job])["result"], 144);
    assert_eq!(node.json(&["jobs"])["jobs"][0]["job"], done["job"]);
}

#[test]
fn a_command_runs_with_its_output_captured() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let done = node.json(&["submit", "--wait", "--", "/bin/sh", "-c", "echo hello; echo oops >&2"]);
    assert_eq!(done["state"], "succeeded");
    let logs = node.nexus(&["job", "logs", &done["job"].to_string()]);
    assert_eq!(String::from_utf8_lossy(&logs.stdout), "hello\n");
    assert!(String::from_utf8_lossy(&logs.stderr).contains("oops"));
    let failed = node.nexus(&["submit", "--wait", "--", "/bin/false"]);
    assert_eq!(failed.status.code(), Some(1));
}

#[test]
fn a_cancelled_job_stays_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let job = node.json(&["submit", "--", "/bin/sleep", "1000"])["job"].to_string();
    assert_eq!(node.json(&["job", "cancel", &job])["state"], "cancelled");
    let waited = node.nexus(&["job", "wait", &job]);
    assert_eq!(waited.status.code(), Some(4), "a cancelled job is exit code 4");
}

#[test]
fn a_key_gives_one_job() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let first = node.json(&["submit", "--key", "monday", "--", "/bin/true"]);
    let second = node.json(&["submit", "--key", "monday", "--", "/bin/true"]);
    assert_eq!(first["job"], second["job"]);
}

#[test]
fn a_stopped_node_ends_in_order_and_knows_its_jobs_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let node = Node::start(&home, &[]);
    let job = node.json(&["submit", "--wait", "--", "/bin/true"])["job"].clone();
    assert_eq!(node.nexus(&["node", "stop"]).status.code(), Some(0));
    let (code, said) = node.wait();
    assert_eq!(code, Some(0), "{said}");
    // Nothing was under way but the request to stop, and that client had gone.
    assert!(!said.contains("broken off"), "{said}");
    let node = Node::start(&home, &[]);
    assert_eq!(node.json(&["job", "show", &job.to_string()])["state"], "succeeded");
}

#[test]
fn a_node_that_is_started_again_listens_where_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let listens = |node: &Node| {
        let said = node.said();
        let line = said.lines().find_map(|line| line.strip_prefix("listening quic ")).expect("it says so");
        line.split(' ').next().expect("an address").to_owned()
    };
    let first = Node::start(&home, &[]);
    let before = listens(&first);
    assert_eq!(first.nexus(&["node", "stop"]).status.code(), Some(0));
    first.wait();
    let again = Node::start_again(&home);
    assert_eq!(listens(&again), before, "whoever knows its address finds it there");
}

#[test]
fn a_node_that_is_started_again_does_not_warn_of_its_own_worker() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    for _ in 0..3 {
        let node = Node::start(&home, &[]);
        // Its worker is there by then, which may have asked before this node knew that it leads.
        node.json(&["submit", "--wait", "--", "true"]);
        node.json(&["node", "stop"]);
        let (_, said) = node.wait();
        assert!(!said.contains("a worker was refused"), "{said}");
    }
}

#[test]
fn what_lies_among_the_accounts_of_commands_is_named_and_keeps_no_node_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    drop(Node::start(&home, &[]));
    std::fs::create_dir(home.join("processes").join("mine")).expect("a folder can be made");
    std::fs::write(home.join("processes").join("run"), [0xff, 0xfe]).expect("a file can be written");
    let node = Node::start(&home, &[]);
    let said = node.said();
    assert_eq!(said.matches("is no account of running commands").count(), 2, "{said}");
    assert!(home.join("processes").join("mine").exists(), "what is no file stays");
}

#[test]
fn a_node_has_gone_once_the_command_that_stops_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(&folder.path().join("home"), &[]);
    let stopped = node.json(&["node", "stop"]);
    assert_eq!(stopped, json!({"stopping": true, "stopped": true}));
    assert!(node.has_ended(), "its process is there: {}", node.said());
}

#[test]
fn a_first_start_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Err(said) = Node::try_start(&home, &["--listen", &address]) else { panic!("the port was taken") };
    assert!(said.contains("NX0202") && said.contains(&address), "{said}");
    assert!(!home.exists(), "{said}");
}

#[test]
fn a_node_does_not_take_the_place_of_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let token = node.json(&["token", "create", "--role", "submitter"])["token"].as_str().unwrap().to_owned();
    let person = folder.path().join("person");
    let login = nexus_tests::binary::run(&person, ["login", &node.address(), "--token", &token]);
    assert_eq!(login.status.code(), Some(0), "{login:?}");
    let Err(said) = Node::try_start(&person, &[]) else { panic!("a node replaced a login") };
    assert!(said.contains("NX0403") && said.contains("holds a login to the cluster"), "{said}");
    let jobs = nexus_tests::binary::run(&person, ["jobs"]);
    assert_eq!(jobs.status.code(), Some(0), "the login is as it was: {jobs:?}");
}

#[test]
fn a_second_node_on_the_same_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let node = Node::start(&home, &[]);
    let Err(said) = Node::try_start(&home, &[]) else { panic!("two nodes share a directory") };
    assert!(said.contains(&node.pid().to_string()), "{said}");
    assert_eq!(node.json(&["status"])["cluster"].as_str().map(str::is_empty), Some(false));
}

#[test]
fn without_a_node_clients_say_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus_tests::binary::run(folder.path(), ["jobs"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nexus node start"), "{output:?}");
}
