//! Thousands of jobs of one short task each, ready at once: the node is given them in pieces that it can take.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nexus_tests::node::Node;

/// Files of the most tasks that one may have, each a job of its own.
const FILES: usize = 3;
const TASKS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn thousands_of_jobs_that_become_ready_at_once_are_run_and_nobody_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--slots", "2"]);
    std::fs::write(folder.path().join("short.mcode"), "return 1\n").unwrap();
    let program = folder.path().join("short.mcode").display().to_string();
    // How long they take is known: many are given at once.
    node.json(&["submit", "--array", "0..2000", "--wait", &program]);
    node.json(&["node", "drain"]);
    for file in 0..FILES {
        let text = (0..TASKS).fold(String::new(), |mut text, task| {
            writeln!(text, "[task.t{task}]\nprogram = \"short.mcode\"").expect("a string takes what is written");
            text
        });
        let path = folder.path().join(format!("many{file}.toml"));
        std::fs::write(&path, text).unwrap();
        node.json(&["submit", &path.display().to_string()]);
    }
    assert_eq!(node.json(&["status"])["jobs_active"], FILES * TASKS);
    node.json(&["node", "drain", "--undo"]);
    let begun = Instant::now();
    while node.json(&["status"])["jobs_active"] != 0 {
        assert!(begun.elapsed() < PATIENCE, "they do not end:\n{}", node.said());
    }
    assert!(!node.said().contains("counts as lost"), "{}", node.said());
}
