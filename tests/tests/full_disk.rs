//! A node whose disk is full, as its owner meets it: it stops, says why and what to do, also when it is started again
//! meanwhile, and has lost nothing when there is room.

#![cfg(target_os = "linux")]

use std::process::Output;

use nexus_tests::disk::SmallDisk;
use nexus_tests::node::Node;

/// Room for a few nodes' logs, and more than a node wants to begin.
const MEBIBYTES: u32 = 40;
/// Submissions after which a full disk must have been noticed.
const TRIES: usize = 500;

/// Standard output and error of a command, together.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Submits until the node does not answer any more; the jobs that it accepted, and what was said then.
fn submit_until_refused(node: &Node) -> (Vec<String>, String) {
    let mut accepted = Vec::new();
    for _ in 0..TRIES {
        let output = node.nexus(&["submit", "--json", "--", "echo", "hello"]);
        if !output.status.success() {
            return (accepted, text(&output));
        }
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the answer is JSON");
        accepted.push(answer["job"].to_string());
    }
    panic!("a node on a full disk accepted {TRIES} jobs");
}

/// Asks until the node answers.
fn until_it_answers(node: &Node) {
    let answers = (0..TRIES * 10).any(|_| node.nexus(&["status"]).status.success());
    assert!(answers, "it does not begin again:\n{}", node.said());
}

#[test]
fn a_node_that_is_started_on_a_full_disk_says_so_and_has_lost_nothing() {
    let Some(disk) = SmallDisk::of(MEBIBYTES) else { return };
    let data = disk.path().join("data");
    let start = || Node::try_start_on(&disk.on(), &data, &["--http", "off"]);
    let node = start().expect("there is room");
    assert_eq!(node.nexus(&["submit", "--wait", "--", "echo", "first"]).stdout, b"first\n");
    disk.fill();
    let (accepted, refused) = submit_until_refused(&node);
    // Who was under way is told what happened, who came later why nobody answers.
    assert!(refused.contains("disk") && refused.contains("full"), "{refused}");
    node.says("The node begins again once");
    let later = text(&node.nexus(&["jobs"]));
    assert!(later.contains("NX0405") && later.contains("is full") && later.contains("Make room"), "{later}");
    node.interrupt();
    let (code, said) = node.wait();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("NX0415") && said.contains("make room on the disk of"), "{said}");

    disk.fill();
    let place = format!("the disk of {} is full", data.display());
    let node = match start() {
        // It came up, and found the disk full with the first entry that it wrote.
        Ok(node) => {
            node.says(&place);
            node.says("The node begins again once");
            disk.make_room();
            node
        }
        // It could not even begin.
        Err(said) => {
            assert!(said.contains("make room on the disk of") && said.contains("are free"), "{said}");
            disk.make_room();
            start().expect("there is room again")
        }
    };
    until_it_answers(&node);
    for job in accepted {
        let output = node.nexus(&["job", "wait", &job]);
        assert!(output.status.success(), "job-{job}: {}", text(&output));
    }
    assert_eq!(node.nexus(&["job", "result", "1"]).stdout, b"first\n");
}
