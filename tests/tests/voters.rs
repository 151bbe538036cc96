//! Several voters as processes: any one may be lost, at any time, and everything accepted ends exactly once.

use std::path::Path;

use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;
use serde_json::Value;

/// Long enough to be cut in the middle.
const TASKS: usize = 1000;

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
    let ran = cluster.folder().join("ran");
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
