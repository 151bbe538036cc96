//! What tasks print is read while they run, on whichever node they are.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nexus_tests::binary;
use nexus_tests::node::Node;

/// Follows the log of `job` at `node`.
fn follow(node_data: &std::path::Path, arguments: &[&str]) -> std::process::Child {
    let mut command = Command::new(binary::nexus());
    command.args(["--data"]).arg(node_data).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("the nexus binary can be started")
}

#[test]
fn a_line_is_seen_before_its_task_has_ended_also_from_another_node() {
    let folder = tempfile::tempdir().unwrap();
    let (first_data, second_data) = (folder.path().join("first"), folder.path().join("second"));
    let first = Node::start(&first_data, &["--slots", "1"]);
    let token = first.json(&["token", "create"])["token"].as_str().unwrap().to_owned();
    let _second = Node::start(&second_data, &["--slots", "1", "--join", &first.address(), "--token", &token]);
    let gate = folder.path().join("gate");
    // Each node takes one of the two; each task says its line and waits for the gate, which opens only when both lines
    // were read.
    let script =
        format!("echo begun $NEXUS_TASK_INDEX; while [ ! -e {} ]; do sleep 0.01; done; echo over", gate.display());
    let job = first.json(&["submit", "--array", "0..2", "--", "/bin/sh", "-c", &script])["job"].to_string();
    let mut follower = follow(&second_data, &["job", "logs", &job, "--follow"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut begun: Vec<String> = lines.by_ref().take(2).collect();
    begun.sort();
    assert_eq!(begun, [format!("{job}/0 | begun 0"), format!("{job}/1 | begun 1")]);
    std::fs::write(&gate, "").unwrap();
    let mut over: Vec<String> = lines.collect();
    over.sort();
    assert_eq!(over, [format!("{job}/0 | over"), format!("{job}/1 | over")]);
    assert!(follower.wait().unwrap().success(), "it ends with the job");
}

#[test]
fn a_single_task_is_followed_byte_for_byte_beyond_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("home");
    let node = Node::start(&data, &["--slots", "1"]);
    let script =
        "i=0; while [ $i -lt 30000 ]; do echo line-$i-of-many-that-are-long-enough; i=$((i+1)); done; printf end";
    let job = node.json(&["submit", "--", "/bin/sh", "-c", script])["job"].to_string();
    let followed = node.nexus(&["job", "logs", &job, "--follow"]);
    let kept = node.nexus(&["job", "logs", &job]);
    assert!(followed.status.success() && followed.stdout.ends_with(b"line-29999-of-many-that-are-long-enough\nend"));
    assert!(followed.stdout == kept.stdout, "{} bytes and {}", followed.stdout.len(), kept.stdout.len());
    let wrong = node.nexus(&["job", "logs", "99", "--follow"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn another_attempt_is_followed_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--slots", "1"]);
    let count = folder.path().join("count");
    let script = format!("echo x >> {0}; echo attempt $(wc -l < {0}); [ $(wc -l < {0}) -ge 3 ]", count.display());
    let retried = ["submit", "--retries", "4", "--backoff", "300ms", "--", "/bin/sh", "-c", &script];
    let job = node.json(&retried)["job"].to_string();
    let followed = node.nexus(&["job", "logs", &job, "--follow"]);
    let lines = String::from_utf8_lossy(&followed.stdout).into_owned();
    assert!(lines.ends_with("attempt 3\n"), "{lines}");
    assert_eq!(lines.matches("attempt 3").count(), 1, "nothing is said twice: {lines}");
}
