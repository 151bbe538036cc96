//! kill -9 of a node in the middle of its work: everything accepted ends exactly once, and no command outlives its node.

use std::collections::BTreeMap;
use std::path::Path;

use nexus_tests::cluster::Cluster;
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

#[test]
fn what_commands_started_ends_with_a_killed_node() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let noted = folder.path().join("pids");
    let mut node = Node::start(&home, &[]);
    // The shell and what it started in the background; the second line says that both are noted.
    let script = format!("sleep 1000 & echo $$ $! > {0}.new; mv {0}.new {0}; wait", noted.display());
    node.json(&["submit", "--", "/bin/sh", "-c", &script]);
    let pids = loop {
        if let Ok(text) = std::fs::read_to_string(&noted) {
            break text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        }
        std::thread::yield_now();
    };
    assert_eq!(pids.len(), 2);
    let runs = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        // Who adopted it collects it when it likes.
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    assert!(pids.iter().all(runs));
    node.kill();
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while pids.iter().any(runs) {
        assert!(std::time::Instant::now() < patience, "the processes {pids:?} outlived their node");
        std::thread::yield_now();
    }
}

#[test]
fn what_happened_to_a_job_is_told_after_kill_9_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut node = Node::start(&home, &[]);
    let job =
        node.json(&["submit", "--array", "0..20", "--wait", "--", "/bin/sh", "-c", "sleep 0.01"])["job"].to_string();
    let before = node.json(&["timeline", "show", &job]);
    node.kill();
    let node = Node::start(&home, &[]);
    assert_eq!(node.json(&["timeline", "show", &job]), before);
    let events = before["events"].as_array().expect("events");
    let ran: u64 = events
        .iter()
        .filter(|event| event["metadata"]["how"] == "succeeded")
        .map(|event| event["metadata"]["tasks"].as_str().map_or(1, |tasks| tasks.parse().expect("a count")))
        .sum();
    assert_eq!(ran, 20, "{before}");
    let own = node.json(&["timeline", "show", "node-1"]);
    let named = |name: &str| own["events"].as_array().expect("events").iter().any(|event| event["name"] == name);
    assert!(named("joined") && named("voter"), "{own}");
}

/// How often each task of an array ran, of which each writes a line.
fn runs(file: &Path) -> BTreeMap<String, usize> {
    let mut runs = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        *runs.entry(line.to_owned()).or_default() += 1;
    }
    runs
}

/// Tasks of one attempt that a node has begun are not run again, however it ends: at once after they began, and for short
/// ones between two reports.
#[test]
fn no_task_runs_more_often_than_it_is_allowed_to_however_a_node_ends() {
    let mut cluster = Cluster::of(2);
    // Node 1 is told what to do by node 0; node 0 leads, and cannot write down its own end.
    for (node, in_order, seconds) in
        [(1, true, "3"), (1, true, "0.01"), (1, false, "0.01"), (0, true, "3"), (0, false, "0.01")]
    {
        let file = cluster.folder().join(format!("runs-{node}-{in_order}-{seconds}"));
        let script = format!("echo $NEXUS_TASK_INDEX >> {}; sleep {seconds}", file.display());
        let there = format!("node=n{node}");
        let count = if seconds == "3" { 2 } else { 400 };
        let array = format!("0..{count}");
        let arguments =
            ["submit", "--array", &array, "--max-attempts", "1", "--require", &there, "--", "/bin/sh", "-c", &script];
        let job = cluster.node(node).json(&arguments)["job"].to_string();
        while runs(&file).len() < count / 4 + 1 {
            std::thread::yield_now();
        }
        if in_order {
            cluster.stop(node);
        } else {
            cluster.kill(node);
        }
        let before = runs(&file).len();
        cluster.restart(node);
        let waited = cluster.node(node).nexus(&["job", "wait", &job]);
        let runs = runs(&file);
        let again: Vec<_> = runs.iter().filter(|(_, times)| **times > 1).collect();
        assert!(again.is_empty(), "node {node}, in order: {in_order}, {seconds} s: {again:?}, {waited:?}");
        assert!(before < count || seconds == "3", "it ended in the middle");
        assert!(runs.len() > before || seconds == "3", "what had not begun runs later");
    }
}

/// The leader goes first, so that nobody writes down that the worker ends in order: it says so itself when it is back.
#[test]
fn no_task_is_blamed_for_machines_that_are_switched_off_in_order() {
    let mut cluster = Cluster::of(2);
    let file = cluster.folder().join("begun");
    let script = format!("echo $NEXUS_TASK_INDEX >> {}; exec sleep 600", file.display());
    let arguments = ["submit", "--max-attempts", "9", "--require", "node=n1", "--", "/bin/sh", "-c", &script];
    let job = cluster.node(0).json(&arguments)["job"].to_string();
    for evening in 1..=3 {
        while runs(&file).values().sum::<usize>() < evening {
            std::thread::yield_now();
        }
        cluster.stop(0);
        cluster.stop(1);
        cluster.restart(0);
        cluster.restart(1);
    }
    let again = |_: &serde_json::Value| runs(&file).values().sum::<usize>() == 4;
    cluster.wait_for(0, "it runs for the fourth time", again);
    let shown = cluster.node(0).json(&["job", "show", &job]);
    assert_eq!((&shown["state"], &shown["failed"]), (&"running".into(), &0.into()), "{shown}");
    cluster.node(0).json(&["job", "cancel", &job]);
}
