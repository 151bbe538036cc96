//! What people did to a cluster, as `nexus audit` shows it.

use nexus_tests::cluster::Cluster;
use serde_json::Value;

fn acts(audit: &Value) -> Vec<&str> {
    audit["entries"].as_array().expect("a list").iter().map(|entry| entry["act"].as_str().expect("text")).collect()
}

#[test]
fn every_administrative_act_is_written_down_once_wherever_it_was_asked_for() {
    let cluster = Cluster::of(2);
    let before = acts(&cluster.node(0).json(&["audit"])).len();
    // At the leader, at the other node, and about nodes that do it themselves.
    cluster.node(0).json(&["token", "create", "--role", "viewer"]);
    cluster.node(0).json(&["node", "label", "n1", "zone=home"]);
    cluster.node(1).json(&["node", "drain"]);
    cluster.node(0).json(&["node", "drain", "--undo", "n1"]);
    // Looking and working are no acts.
    cluster.node(0).json(&["status"]);
    cluster.node(0).json(&["submit", "--wait", "--", "/bin/true"]);
    let audit = cluster.node(0).json(&["audit"]);
    let mut all = acts(&audit).split_off(before);
    let wanted =
        ["token create --role viewer", "node label node-2 zone=home", "node drain node-2", "node drain --undo node-2"];
    assert_eq!(all, wanted, "{audit:#}");
    let drained = &audit["entries"][before + 2];
    assert!(drained["by"].as_str().is_some_and(|by| by.ends_with("says node-2")), "whose word it is: {drained}");
    all = acts(&audit);
    assert!(all.iter().any(|act| act.starts_with("join of n1 at 127.0.0.1:") && act.ends_with("as node-2")), "{all:?}");
    let entries = audit["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["hash"].as_str().is_some_and(|hash| hash.len() == 64)), "{audit:#}");
    let number = entries.last().unwrap()["number"].to_string();
    let last = cluster.node(0).json(&["audit", "--from", &number]);
    assert_eq!(last["entries"].as_array().unwrap()[0], *entries.last().unwrap());
    assert_eq!(last["before"], entries[entries.len() - 2]["hash"]);
    let text = cluster.node(0).nexus(&["audit"]);
    assert!(String::from_utf8_lossy(&text.stderr).contains("whole until entry"), "{text:?}");
}

#[test]
fn acts_that_were_refused_are_marked_as_refused() {
    let cluster = Cluster::of(2);
    let before = acts(&cluster.node(0).json(&["audit"])).len();
    for (arguments, code) in [
        (["voters", "set", "n0", "n1"].as_slice(), "NX0411"),
        (&["node", "forget", "node-1"], "NX0411"),
        (&["token", "create", "--ttl", "1000d"], "NX0102"),
    ] {
        let refused = cluster.node(0).nexus(arguments);
        assert!(String::from_utf8_lossy(&refused.stderr).contains(code), "{refused:?}");
    }
    let audit = cluster.node(0).json(&["audit"]);
    let wanted = [
        "voters set node-1 node-2",
        "refused (NX0411): voters set node-1 node-2",
        "node forget node-1",
        "refused (NX0411): node forget node-1",
        "token create --role worker",
        "refused (NX0102): token create --role worker",
    ];
    assert_eq!(acts(&audit).split_off(before), wanted, "{audit:#}");
}
