//! Machines and people that come and go: drained, forgotten, logged in, and a cluster brought back from one disk.

use nexus_tests::cluster::Cluster;
use nexus_tests::{binary, node::Node};
use serde_json::Value;

fn state_of(status: &Value, name: &str) -> Option<Value> {
    status["nodes"].as_array()?.iter().find(|node| node["node"] == name).cloned()
}

fn submit_and_see_where(node: &Node) -> Vec<Value> {
    let done = node.json(&["submit", "--array", "0..20", "--wait", "--", "/bin/sleep", "0.02"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    let shown = node.json(&["job", "show", &done["job"].to_string()]);
    shown["ran_on"].as_array().expect("the nodes").iter().map(|place| place["node"].clone()).collect()
}

#[test]
fn a_drained_node_gets_nothing_new_until_it_is_told_otherwise() {
    let mut cluster = Cluster::of(2);
    cluster.node(0).json(&["node", "drain", "n1"]);
    let drained =
        |status: &Value| state_of(status, "n1").is_some_and(|node| node["slots"] == 0 && node["state"] == "up");
    cluster.wait_for(0, "n1 is drained", drained);
    assert_eq!(submit_and_see_where(cluster.node(0)), ["n0"]);
    // Also after a restart.
    cluster.kill(1);
    cluster.restart(1);
    cluster.wait_for(0, "n1 is back and drained", drained);
    // Its own user may give it work again.
    cluster.node(1).json(&["node", "drain", "--undo"]);
    cluster.wait_for(0, "n1 works", |status| state_of(status, "n1").is_some_and(|node| node["slots"] == 2));
    assert_eq!(submit_and_see_where(cluster.node(0)).len(), 2);
}

#[test]
fn the_leader_tells_how_far_the_others_are() {
    let cluster = Cluster::of(2);
    let is_far = |node: &Value| node["rtt_ms"].as_f64().is_some_and(|ms| ms > 0.0);
    let status =
        cluster.wait_for(0, "n1's link is measured", |status| state_of(status, "n1").is_some_and(|n| is_far(&n)));
    assert_eq!(state_of(&status, "n0").map(|node| node["rtt_ms"].clone()), Some(Value::Null), "{status}");
}

#[test]
fn a_forgotten_machine_is_nobody_from_then_on() {
    let mut cluster = Cluster::of(2);
    cluster.wait_for(0, "both are up", |status| state_of(status, "n1").is_some_and(|node| node["state"] == "up"));
    let voter = cluster.node(0).nexus(&["node", "forget", "n0"]);
    assert!(String::from_utf8_lossy(&voter.stderr).contains("NX0411"), "a voter has to be replaced first");
    cluster.node(0).json(&["node", "forget", "n1"]);
    cluster.wait_for(0, "n1 is gone", |status| state_of(status, "n1").is_none());
    let refused = cluster.node(1).nexus(&["submit", "--", "/bin/true"]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    // Its name is free, its id is not.
    let next = cluster.join(0, "worker");
    let status = cluster.wait_for(0, "n2 is up", |status| state_of(status, "n2").is_some_and(|n| n["state"] == "up"));
    assert_eq!(state_of(&status, &format!("n{next}")).map(|node| node["id"].clone()), Some(Value::from(3)));
}

#[test]
fn people_log_in_from_machines_that_are_no_nodes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::start(&folder.path().join("node"), &[]);
    let token =
        |role: &str| node.json(&["token", "create", "--role", role])["token"].as_str().expect("a token").to_owned();
    let (viewer, worker) = (token("viewer"), token("worker"));
    let home = folder.path().join("laptop");
    let run = |arguments: &[&str]| binary::run(&home, arguments);
    let wrong = run(&["login", &node.address(), "--token", &worker]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the token is for a machine"), "{wrong:?}");
    let logged_in = run(&["login", &node.address(), "--token", &viewer]);
    assert_eq!(logged_in.status.code(), Some(0), "{logged_in:?}");
    assert_eq!(run(&["status"]).status.code(), Some(0));
    let refused = run(&["submit", "--", "/bin/true"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NX0103"), "a viewer only looks: {refused:?}");
    let nameless = run(&["node", "stop"]);
    assert_ne!(nameless.status.code(), Some(0), "there is no node on that machine");
    assert_eq!(node.json(&["status"])["nodes"].as_array().map(Vec::len), Some(1), "a person is no machine");
    // The token of the machine was not used up by the mistake.
    let joined = Node::start(&folder.path().join("worker"), &["--join", &node.address(), "--token", &worker]);
    assert_eq!(joined.json(&["status"])["nodes"].as_array().map(Vec::len), Some(2));
}

#[test]
fn one_voter_that_is_left_brings_the_cluster_back_and_shuts_the_others_out() {
    let mut cluster = Cluster::of_voters(3);
    let job = cluster.node(1).json(&["submit", "--wait", "--", "/bin/true"])["job"].to_string();
    let running = binary::run(&cluster.home(2), ["cluster", "recover", "--json"]);
    assert!(String::from_utf8_lossy(&running.stdout).contains("in use"), "{running:?}");
    for number in 0..3 {
        cluster.kill(number);
    }
    let recover = |arguments: &[&str]| -> Value {
        let output = binary::run(&cluster.home(2), [&["cluster", "recover", "--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let looked = recover(&[]);
    assert_eq!((&looked["recovered"], &looked["voters"]), (&Value::Bool(false), &serde_json::json!([1, 2, 3])));
    assert_eq!(recover(&[]), looked, "looking changes nothing");
    assert_eq!(recover(&["--yes"])["recovered"], true);

    cluster.restart(2);
    let alone = cluster.wait_for(2, "the lost are out", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.len() == 1) && status["leader"] == "n2"
    });
    assert_eq!(alone["voters"], serde_json::json!(["n2"]));
    assert_eq!(cluster.node(2).json(&["job", "show", &job])["state"], "succeeded");
    assert_eq!(cluster.node(2).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
    // The old world comes back: nobody here listens to it, and new machines can join.
    cluster.restart(0);
    let next = cluster.join(2, "voter");
    cluster.wait_for(2, "the new one is up", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2 && nodes.iter().all(|n| n["state"] == "up"))
    });
    assert_eq!(next, 3);
    assert_eq!(cluster.node(3).json(&["status"])["leader"], "n2");
}
