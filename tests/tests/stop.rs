//! The emergency stop: what runs is stopped, nothing is given out until somebody resumes, also under the next leader.

use std::path::Path;

use nexus_tests::binary;
use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;
use serde_json::Value;

fn said(node: &Node, arguments: &[&str]) -> String {
    let output = node.nexus(arguments);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How often tasks began, each of which writes a line.
fn begun(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn pids(file: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(file).expect("tasks have begun");
    text.lines().map(|pid| pid.parse().expect("a process")).collect()
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn running(status: &Value) -> u64 {
    status["nodes"].as_array().into_iter().flatten().filter_map(|node| node["tasks"].as_u64()).sum()
}

#[test]
fn everything_stops_at_once_and_goes_on_when_an_operator_says_so() {
    let mut cluster = Cluster::of_voters(3);
    let file = cluster.folder().join("begun");
    let task = format!("echo $$ >> {}; exec sleep 600", file.display());
    let sleepers =
        cluster.node(0).json(&["submit", "--array", "0..4", "--max-attempts", "5", "--", "/bin/sh", "-c", &task]);
    let sleepers = sleepers["job"].to_string();
    cluster.wait_for(0, "tasks run on several nodes", |status| running(status) >= 4 && begun(&file) >= 4);
    let pids = pids(&file);

    let stopped = cluster.node(1).json(&["cluster", "stop-all"]);
    assert_eq!((&stopped["stopped"], &stopped["tasks"]), (&true.into(), &0.into()), "{stopped}");
    for pid in pids {
        assert!(!lives(pid), "process {pid} still runs");
    }
    let shown = cluster.node(2).json(&["job", "show", &sleepers]);
    assert_eq!((&shown["running"], &shown["done"]), (&0.into(), &0.into()), "{shown}");
    let text = said(cluster.node(0), &["status"]);
    assert!(text.contains("all work is stopped, ") && text.contains("`nexus cluster resume`"), "{text}");
    let job = cluster.node(2).json(&["submit", "--", "/bin/true"])["job"].to_string();
    let why = said(cluster.node(1), &["job", "explain", &job]);
    assert!(why.contains("stopped all work") && why.contains("`nexus cluster resume`"), "{why}");
    let told = said(cluster.node(2), &["submit", "--", "/bin/true"]);
    assert!(told.contains("stopped all work"), "who submits is told: {told}");

    // Also under the next leader, and for a machine that was away.
    let leader = cluster.leader(0, &[]);
    cluster.kill(leader);
    let other = (leader + 1) % 3;
    cluster.leader(other, &[leader]);
    cluster.restart(leader);
    let all_up = |status: &Value| status["nodes"].as_array().unwrap().iter().all(|node| node["state"] == "up");
    let status = cluster.wait_for(other, "all are up", all_up);
    assert!(status["stopped"]["by"].is_string(), "{status}");
    assert_eq!(cluster.node(other).json(&["job", "show", &job])["state"], "queued");
    assert_eq!(begun(&file), 4, "nothing was begun since");

    cluster.node(other).json(&["cluster", "resume"]);
    assert_eq!(cluster.node(other).json(&["job", "wait", &job])["state"], "succeeded");
    cluster.wait_for(other, "the others run again", |_| begun(&file) >= 8);
    assert_eq!(cluster.node(other).json(&["status"])["stopped"], Value::Null);
    let acts = said(cluster.node(other), &["audit"]);
    assert!(acts.contains("cluster stop-all") && acts.contains("cluster resume"), "{acts}");
    cluster.node(other).json(&["job", "cancel", &sleepers]);
}

/// Tasks that a worker brings along to the next leader, which did not give them out.
#[test]
fn what_began_under_an_earlier_leader_is_reached_too() {
    let mut cluster = Cluster::of_voters(3);
    let leader = cluster.leader(0, &[]);
    let other = (leader + 1) % 3;
    let sleepers = |file: &Path| {
        let task = format!("echo $$ >> {}; exec sleep 600", file.display());
        let arguments = ["submit", "--array", "0..3", "--max-attempts", "9", "--", "/bin/sh", "-c", &task];
        cluster.node(other).json(&arguments)["job"].to_string()
    };
    let (cancelled, stopped) = (cluster.folder().join("cancelled"), cluster.folder().join("stopped"));
    let job = sleepers(&cancelled);
    sleepers(&stopped);
    cluster.wait_for(other, "all of them run", |_| begun(&cancelled) == 3 && begun(&stopped) == 3);
    cluster.kill(leader);
    cluster.leader(other, &[leader]);
    let is_back = |node: &Value| node["state"] == "up" && node["tasks"].as_u64() > Some(0);
    let are_back =
        |status: &Value| status["nodes"].as_array().into_iter().flatten().filter(|node| is_back(node)).count() == 2;
    cluster.wait_for(other, "both that are left are back with what they had", are_back);

    // Two of six went with the leader.
    let [first, second] = [&cancelled, &stopped].map(|file| pids(file).into_iter().filter(|pid| lives(*pid)).collect());
    cluster.node(other).json(&["job", "cancel", &job]);
    wait_for_the_end_of(first, &cluster, other);
    cluster.node(other).json(&["cluster", "stop-all"]);
    wait_for_the_end_of(second, &cluster, other);
}

fn wait_for_the_end_of(pids: Vec<u32>, cluster: &Cluster, at: usize) {
    assert!(!pids.is_empty(), "some ran on the machines that are left");
    cluster.wait_for(at, &format!("the end of {pids:?}"), |_| !pids.iter().any(|pid| lives(*pid)));
}

#[test]
fn who_may_only_submit_stops_nothing_but_an_operator_does() {
    let cluster = Cluster::of(1);
    let user = |role: &str| {
        let token = cluster.node(0).json(&["token", "create", "--role", role])["token"].as_str().unwrap().to_owned();
        let home = cluster.folder().join(role);
        let login = binary::run(&home, ["login", &cluster.node(0).address(), "--token", &token]);
        assert!(login.status.success(), "{login:?}");
        home
    };
    let (submitter, operator) = (user("submitter"), user("operator"));
    let refused = binary::run(&submitter, ["cluster", "stop-all"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && text.contains("the role submitter does not allow this"), "{text}");
    assert!(binary::run(&operator, ["cluster", "stop-all"]).status.success());
    assert!(cluster.node(0).json(&["status"])["stopped"]["by"].as_str().unwrap().contains("operator"));
    assert_eq!(binary::run(&submitter, ["cluster", "resume"]).status.code(), Some(3));
    assert!(binary::run(&operator, ["cluster", "resume"]).status.success());
    assert_eq!(cluster.node(0).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
}
