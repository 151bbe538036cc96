//! kill -9 of a node in the middle of its work: everything accepted ends exactly once.

use nexus_tests::node::Node;

/// Each task appends its index to a file of its own; the array is long enough to be cut in the middle.
const TASKS: usize = 1000;

#[test]
fn every_accepted_task_ends_exactly_once_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut node = Node::start(&home, &[]);
    let array = format!("0..{TASKS}");
    let job = node.json(&["submit", "--array", &array, "--", "/bin/sh", "-c", "sleep 0.002"])["job"].clone();
    let job = job.to_string();
    let ended = |node: &Node| node.json(&["job", "show", &job])["done"].as_u64().expect("a count");
    // In the middle: some have ended, some have not.
    let before = loop {
        let count = ended(&node);
        if count >= 50 {
            break count;
        }
    };
    assert!(before < TASKS as u64, "the array ended before it could be cut");
    node.kill();
    let node = Node::start(&home, &[]);
    assert!(ended(&node) >= before, "what was acknowledged as done stays done");
    let waited = node.json(&["job", "wait", &job]);
    assert_eq!(waited["state"], "succeeded", "{waited}");
    let shown = node.json(&["job", "result", &job]);
    let mut indices: Vec<u64> = shown["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| task["index"].as_u64().expect("an index"))
        .collect();
    assert!(shown["tasks"].as_array().unwrap().iter().all(|task| task["state"] == "succeeded"));
    indices.dedup();
    assert_eq!(indices, (0..TASKS as u64).collect::<Vec<_>>());
}
