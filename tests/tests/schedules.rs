//! Jobs that recur, from the command line.

use nexus_tests::node::Node;

#[test]
fn a_schedule_is_made_listed_kept_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("home");
    let node = Node::start(&data, &[]);
    let made = node.json(&["submit", "--schedule", "0 3 * * mon-fri", "--utc-offset", "-08:00", "--", "/bin/true"]);
    assert_eq!((&made["schedule"], &made["name"]), (&1.into(), &"true".into()), "{made}");
    assert!(made["next_ms"].as_u64().is_some_and(|next| next <= 3 * 24 * 3_600_000), "{made}");
    node.json(&["submit", "--schedule", "@yearly", "--", "/bin/true"]);
    drop(node);
    let node = Node::start(&data, &[]);
    let listed = node.json(&["schedule", "list"]);
    let schedules = listed["schedules"].as_array().unwrap();
    assert_eq!((schedules.len(), &schedules[0]["times"]), (2, &"0 3 * * mon-fri".into()), "after a kill: {listed}");
    assert_eq!((&schedules[0]["utc_offset_minutes"], &schedules[0]["jobs"]), (&(-480).into(), &0.into()));
    node.json(&["schedule", "remove", "1"]);
    assert_eq!(node.json(&["schedule", "list"])["schedules"].as_array().map(Vec::len), Some(1));
    assert_eq!(node.nexus(&["schedule", "remove", "1"]).status.code(), Some(3), "there is none any more");
    for wrong in ["often", "61 * * * *", "* * * *"] {
        let refused = node.nexus(&["submit", "--schedule", wrong, "--", "/bin/true"]);
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {refused:?}");
    }
    let never = node.nexus(&["submit", "--schedule", "0 0 30 2 *", "--", "/bin/true"]);
    assert!(String::from_utf8_lossy(&never.stderr).contains("no time that ever comes"), "{never:?}");
    assert_eq!(node.nexus(&["submit", "--schedule", "@daily", "--wait", "--", "/bin/true"]).status.code(), Some(2));
}
