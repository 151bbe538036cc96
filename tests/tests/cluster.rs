//! Two nodes as processes: joining, sharing an array, and everything that must be refused.

use std::net::UdpSocket;
use std::path::Path;

use nexus_tests::binary;
use nexus_tests::node::Node;
use serde_json::Value;

fn token(node: &Node) -> String {
    node.json(&["token", "create", "--role", "worker"])["token"].as_str().expect("a token").to_owned()
}

fn nodes_that_ran(node: &Node, job: &Value) -> usize {
    let shown = node.json(&["job", "show", &job.to_string()]);
    shown["ran_on"].as_array().expect("the nodes").len()
}

#[test]
fn an_array_runs_on_both_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let second = Node::start(&folder.path().join("second"), &["--join", &first.address(), "--token", &token(&first)]);
    let nodes = first.json(&["node", "list"]);
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(2), "{nodes}");
    let done = second.json(&["submit", "--array", "0..100", "--wait", "--", "/bin/sleep", "0.02"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(nodes_that_ran(&first, &done["job"]), 2, "both nodes ran tasks");
}

#[test]
fn a_key_stands_for_the_same_job_on_every_machine_and_for_another_one_for_other_people() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let second = Node::start(&folder.path().join("second"), &["--join", &first.address(), "--token", &token(&first)]);
    let submit = ["submit", "--key", "nightly", "--json", "--", "/bin/echo", "done"];
    let job = first.json(&submit)["job"].clone();
    assert_eq!(second.json(&submit)["job"], job, "whoever asks again elsewhere means the same");
    let token = first.json(&["token", "create", "--role", "submitter"])["token"].as_str().expect("a token").to_owned();
    let person = folder.path().join("person");
    let login = binary::run(&person, ["login", &first.address(), "--token", &token]);
    assert!(login.status.success(), "{login:?}");
    let theirs = binary::run(&person, submit);
    let theirs: Value = serde_json::from_slice(&theirs.stdout).expect("what was submitted");
    assert!(theirs["job"].is_u64() && theirs["job"] != job, "{theirs}");
}

#[test]
fn the_tasks_of_a_killed_worker_run_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let mut second =
        Node::start(&folder.path().join("second"), &["--join", &first.address(), "--token", &token(&first)]);
    let job = first.json(&["submit", "--array", "0..40", "--", "/bin/sleep", "0.1"])["job"].clone();
    second.kill();
    let waited = first.json(&["job", "wait", &job.to_string()]);
    assert_eq!(waited["state"], "succeeded", "{waited}");
}

#[test]
fn a_token_works_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let token = token(&first);
    let join = ["--join", &first.address(), "--token", &token];
    let _second = Node::start(&folder.path().join("second"), &join);
    let Err(said) = Node::try_start(&folder.path().join("third"), &join) else { panic!("a token was used twice") };
    assert!(said.contains("has been used"), "{said}");
    first.says("has been used");
}

#[test]
fn strangers_and_wrong_tokens_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let other = Node::start(&folder.path().join("other"), &[]);
    let foreign = token(&other);
    for wrong in [foreign.as_str(), "NXJ1.nonsense", "nonsense"] {
        let join = ["--join", &first.address(), "--token", wrong];
        let Err(said) = Node::try_start(&folder.path().join("third"), &join) else { panic!("`{wrong}` was accepted") };
        assert!(said.contains("error"), "{said}");
    }
    assert_eq!(first.json(&["node", "list"])["nodes"].as_array().map(Vec::len), Some(1));
    let looked = Node::try_start(&folder.path().join("third"), &["--join", "--token", "nonsense"]);
    let Err(said) = looked else { panic!("nonsense was accepted") };
    assert!(said.contains("error[NX0216]") && !said.contains("looking"), "{said}");
}

#[test]
fn where_no_node_runs_commands_say_so_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let refused = |home: &Path| {
        let output = binary::run(home, ["submit", "--", "/bin/true"]);
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&home);
    assert!(said.contains("no node runs here") && said.contains("nexus node start"), "{said}");
    let node = Node::start(&home, &[]);
    // Settings that became wrong meanwhile are the next start's business.
    std::fs::write(home.join("nexus.toml"), "wach = 1\n").unwrap();
    node.json(&["node", "stop"]);
    node.wait();
    let said = refused(&home);
    assert!(said.contains("no node runs here") && said.contains("nexus run"), "{said}");
}

#[test]
fn garbage_on_the_port_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 20, 100, 1200] {
        for fill in [0u8, 0x40, 0xc0, 0xff] {
            socket.send_to(&vec![fill; length], node.address()).unwrap();
        }
    }
    let done = node.json(&["submit", "--wait", "--", "/bin/true"]);
    assert_eq!(done["state"], "succeeded");
}
