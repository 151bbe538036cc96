//! A machine that falls silent: what is submitted meanwhile does not wait for it, nor pay for it with an attempt.

use std::process::Command;

use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;
use serde_json::Value;

fn signal(node: &Node, signal: &str) {
    let sent = Command::new("kill").args([signal, &node.pid().to_string()]).status();
    assert!(sent.expect("the system has kill").success());
}

#[test]
fn what_is_submitted_while_a_machine_is_quiet_runs_elsewhere() {
    let cluster = Cluster::of(2);
    let nodes = |is_so: fn(&Value) -> bool| {
        move |status: &Value| status["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(is_so))
    };
    cluster.wait_for(0, "n1 is up", nodes(|node| node["node"] == "n1" && node["state"] == "up"));
    signal(cluster.node(1), "-STOP");
    // Four signs of life are late, and its lease is not over.
    let is_quiet = |node: &Value| node["node"] == "n1" && node["seen_ms"].as_u64() > Some(2_200);
    cluster.wait_for(0, "n1 is not heard of", nodes(is_quiet));
    let submit = ["submit", "--array", "0..8", "--max-attempts", "1", "--prefer", "node=n1", "--", "/bin/true"];
    let job = cluster.node(0).json(&submit)["job"].to_string();
    let waited = cluster.node(0).nexus(&["job", "wait", &job]);
    signal(cluster.node(1), "-CONT");
    assert_eq!(waited.status.code(), Some(0), "{waited:?}");
    let shown = cluster.node(0).json(&["job", "show", &job]);
    let ran_on = &shown["ran_on"];
    assert_eq!((&ran_on[0]["node"], &ran_on[0]["tasks"]), (&"n0".into(), &8.into()), "{shown}");
}
