//! A data folder that was copied: one identity on two machines.

use std::path::Path;
use std::process::Command;

use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().expect("cp can be started");
    assert!(copied.success());
}

#[test]
fn a_copy_of_a_machine_is_refused_and_the_machine_itself_goes_on() {
    let mut cluster = Cluster::of(2);
    cluster.stop(1);
    let home = cluster.folder().join("copy");
    copy(&cluster.home(1), &home);
    cluster.restart(1);
    let is_up = |status: &serde_json::Value| status["nodes"][1]["state"] == "up";
    let before = cluster.wait_for(0, "n1 is back", is_up)["nodes"][1]["address"].clone();
    let job = cluster.node(0).json(&["submit", "--require", "node=n1", "--", "/bin/sleep", "8"])["job"].to_string();
    cluster.wait_for(0, "n1 runs it", |status| status["nodes"][1]["tasks"] == 1);

    let other = Node::start(&home, &["--name", "n1"]);
    other.says("the leader refuses this machine");
    assert!(other.said().contains("give one of the two an empty folder"), "{}", other.said());
    cluster.node(0).says("another machine comes in its name");
    let done = cluster.node(0).json(&["job", "wait", &job]);
    assert_eq!((&done["state"], &done["attempts"]), (&"succeeded".into(), &1.into()), "{done}");
    let after = cluster.node(0).json(&["status"])["nodes"][1].clone();
    assert_eq!((&after["address"], &after["state"]), (&before, &"up".into()), "the first one is unaffected");
    let more = cluster.node(0).json(&["submit", "--wait", "--require", "node=n1", "--", "/bin/true"]);
    assert_eq!(more["state"], "succeeded");

    // Once the first is gone for good, the other one is the machine.
    cluster.kill(1);
    let moved = |status: &serde_json::Value| is_up(status) && status["nodes"][1]["address"] != before;
    cluster.wait_for(0, "the other one is admitted", moved);
}
