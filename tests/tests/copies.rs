//! Results that lie on several disks before their tasks count as ended: who made one may be lost right after.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nexus_tests::cluster::Cluster;
use serde_json::Value;

/// Far above a lease, after which a lost machine counts as down.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program whose result is too large for the log, and its file.
fn program(folder: &Path, name: &str, fill: u32) -> PathBuf {
    let path = folder.join(format!("{name}.mcode"));
    std::fs::write(&path, format!("tensor.ones([200, 200]) * {fill}.0")).expect("a file can be written");
    path
}

/// On how many disks some result lies.
fn disks_in_use(cluster: &Cluster, nodes: usize) -> usize {
    let shelves =
        |node: usize| std::fs::read_dir(cluster.home(node).join("blobs").join("objects")).into_iter().flatten();
    (0..nodes).filter(|node| shelves(*node).next().is_some()).count()
}

fn submit(cluster: &Cluster, at: usize, arguments: &[&str]) -> Value {
    let done = cluster.node(at).json(&[&["submit", "--wait"], arguments].concat());
    assert_eq!(done["state"], "succeeded", "{done}");
    done["job"].clone()
}

#[test]
fn who_made_a_result_may_be_lost_right_after_it_counts() {
    let mut cluster = Cluster::of_voters(3);
    let leader = cluster.leader(0, &[]);
    let other = (leader + 1) % 3;
    let there = format!("node=n{leader}");
    let (kept, alone) = (program(cluster.folder(), "kept", 3), program(cluster.folder(), "alone", 5));
    let lone = submit(&cluster, other, &["--require", &there, &alone.display().to_string()]);
    assert_eq!(disks_in_use(&cluster, 3), 1, "without copies it lies where it was made");
    let copied = submit(&cluster, other, &["--require", &there, "--copies", "2", &kept.display().to_string()]);
    cluster.kill(leader);
    assert_eq!(disks_in_use(&cluster, 3), 2);
    cluster.leader(other, &[leader]);
    for at in (0..3).filter(|at| *at != leader) {
        let result = cluster.node(at).json(&["job", "result", &copied.to_string()]);
        let data = result["result"]["data"].as_array().unwrap_or_else(|| panic!("a tensor: {result}"));
        assert!(data.len() == 40_000 && data.iter().all(|x| x == 3.0), "{}", data.len());
    }
    // Without copies the same loss takes the result with it, and that is said.
    let missing = cluster.node(other).nexus(&["job", "result", &lone.to_string()]);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(!missing.status.success() && said.contains("NX0109"), "{said}");
    cluster.restart(leader);
    cluster.wait_for(other, "the lost node is back", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "up"))
    });
    assert!(cluster.node(other).nexus(&["job", "result", &lone.to_string()]).status.success(), "its disk was not lost");
}

#[test]
fn tasks_wait_for_who_is_to_hold_their_results_and_say_so() {
    let mut cluster = Cluster::of(2);
    let file = program(cluster.folder(), "large", 2).display().to_string();
    let refused = cluster.node(0).nexus(&["submit", "--copies", "3", &file]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("lie on 3 machines") && said.contains("2 machines are in this cluster"), "{said}");
    assert_eq!(cluster.node(0).nexus(&["submit", "--copies", "0", &file]).status.code(), Some(2));
    cluster.kill(1);
    let job = cluster.node(0).json(&["submit", "--copies", "2", "--require", "node=n0", &file])["job"].to_string();
    let begun = Instant::now();
    let explained = || cluster.node(0).json(&["job", "explain", &job]).to_string();
    while !explained().contains("each result is to lie on 2 machines, and 1 machine is up and taking work") {
        assert!(begun.elapsed() < PATIENCE, "{}", explained());
    }
    assert_eq!(
        cluster.node(0).json(&["job", "show", &job])["state"].as_str().map(|state| state == "succeeded"),
        Some(false)
    );
    // Others are not held up.
    submit(&cluster, 0, &[&file]);
    cluster.restart(1);
    assert_eq!(cluster.node(0).json(&["job", "wait", &job])["state"], "succeeded");
    assert_eq!(disks_in_use(&cluster, 2), 2);
}

#[test]
fn a_graph_asks_for_copies_by_task() {
    let cluster = Cluster::of(2);
    program(cluster.folder(), "large", 7);
    let graph = cluster.folder().join("graph.toml");
    std::fs::write(&graph, "[task.made]\nprogram = \"large.mcode\"\nrequire = [\"node=n0\"]\ncopies = 2\n").unwrap();
    let graph = graph.display().to_string();
    assert!(cluster.node(0).nexus(&["submit", "--wait", &graph]).status.success());
    assert_eq!(disks_in_use(&cluster, 2), 2);
    std::fs::write(&graph, "[task.made]\ncommand = [\"true\"]\ncopies = 99\n").unwrap();
    let refused = cluster.node(0).nexus(&["submit", &graph]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("1 to 16 copies"), "{said}");
}

/// Explains a job at a node until it says so; then everything that it says.
fn until_said(cluster: &Cluster, at: usize, job: &Value, what: &str) -> String {
    let begun = Instant::now();
    loop {
        let said = cluster.node(at).json(&["job", "explain", &job.to_string()]).to_string();
        if said.contains(what) {
            return said;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {said}");
    }
}

#[test]
fn a_copy_that_went_with_its_machine_is_made_again_once_nobody_can_have_it_any_more() {
    let mut cluster = Cluster::of(4);
    let file = program(cluster.folder(), "kept", 3).display().to_string();
    // It lies on n1, which makes it, and on the leader.
    let job = submit(&cluster, 0, &["--require", "node=n1", "--copies", "2", &file]);
    assert_eq!(disks_in_use(&cluster, 4), 2);
    cluster.kill(1);
    until_said(&cluster, 0, &job, "machines that are away may have copies, and are waited for");
    assert_eq!(disks_in_use(&cluster, 4), 2, "it may be back in a moment");
    cluster.node(0).json(&["node", "forget", "n1"]);
    until_said(&cluster, 2, &job, "1 copy was made again on n2");
    assert_eq!(disks_in_use(&cluster, 4), 3);
    // The leader's own disk is lost, and the leader is up to say so: what n2 has is copied to it.
    cluster.stop(0);
    std::fs::remove_dir_all(cluster.home(0).join("blobs")).expect("there are blobs");
    std::fs::remove_dir_all(cluster.home(1).join("blobs")).expect("there are blobs");
    cluster.restart(0);
    until_said(&cluster, 3, &job, "1 copy was made again on n0");
    assert_eq!(disks_in_use(&cluster, 4), 2);
    let result = cluster.node(0).json(&["job", "result", &job.to_string()]);
    assert_eq!(result["result"]["data"].as_array().map(Vec::len), Some(40_000));
}
