//! Results whose last holder is gone, through the binary: made again for who needs them, once it is sure that nobody has them.

use std::path::PathBuf;

use nexus_tests::cluster::Cluster;
use serde_json::Value;

/// A program whose result is too large for the log, and one that takes it.
fn programs(cluster: &Cluster) -> [String; 2] {
    let written = |name: &str, text: &str| {
        let path: PathBuf = cluster.folder().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    [
        written("made.mcode", "return tensor.ones([200, 200]) * 3.0\n"),
        written("taken.mcode", "return tensor.sum(input(\"x\"))\n"),
    ]
}

/// The disk of a node that does not run is lost, but for its part of the log.
fn wipe_blobs(cluster: &Cluster, node: usize) {
    std::fs::remove_dir_all(cluster.home(node).join("blobs")).expect("there are blobs");
}

fn slots_of(status: &Value, name: &str) -> Option<u64> {
    status["nodes"].as_array()?.iter().find(|node| node["node"] == name)?["slots"].as_u64()
}

fn taking(cluster: &Cluster, program: &str, source: &str, more: &[&str]) -> String {
    let take = format!("x={source}");
    cluster.node(0).json(&[&["submit", "--take", &take], more, &[program]].concat())["job"].to_string()
}

/// How often the only task of a job that has ended was tried.
fn attempts(cluster: &Cluster, job: &str) -> u32 {
    let said = cluster.node(0).json(&["job", "explain", &format!("{job}/0")]).to_string();
    let number = said.split(" after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("it has not ended: {said}"))
}

#[test]
fn a_result_that_is_on_no_disk_any_more_is_made_again_for_who_takes_it() {
    let mut cluster = Cluster::of(1);
    let [made, taken] = programs(&cluster);
    let source = cluster.node(0).json(&["submit", "--wait", &made])["job"].to_string();
    cluster.stop(0);
    wipe_blobs(&cluster, 0);
    cluster.restart(0);
    cluster.leader(0, &[]);
    let job = taking(&cluster, &taken, &source, &[]);
    // One look is enough to see it: the taker rests for seconds.
    let explained = || cluster.node(0).json(&["job", "explain", &job]).to_string();
    while !explained().contains("which makes again") && !explained().contains("succeeded") {}
    let done = cluster.node(0).json(&["job", "wait", &job]);
    assert_eq!((&done["state"], &done["result"]["data"][0]), (&"succeeded".into(), &120_000.into()), "{done}");
    assert_eq!((attempts(&cluster, &source), &done["attempts"]), (2, &1.into()));
}

#[test]
fn who_is_away_may_have_it_and_nothing_runs_again_until_it_is_forgotten() {
    let mut cluster = Cluster::of(2);
    let [made, taken] = programs(&cluster);
    // It runs on n1, and may run elsewhere later.
    cluster.node(0).json(&["node", "drain", "n0"]);
    cluster.wait_for(0, "n0 is drained", |status| slots_of(status, "n0") == Some(0));
    let source = cluster.node(0).json(&["submit", "--wait", &made]);
    assert_eq!(source["node"], "n1");
    cluster.node(0).json(&["node", "drain", "--undo"]);
    cluster.wait_for(0, "n0 works", |status| slots_of(status, "n0") == Some(2));
    let source = source["job"].to_string();
    cluster.kill(1);
    cluster.stop(0);
    wipe_blobs(&cluster, 0);
    cluster.restart(0);
    cluster.leader(0, &[]);
    let job = taking(&cluster, &taken, &source, &["--max-attempts", "1", "--require", "node=n0"]);
    let failed = cluster.node(0).nexus(&["job", "wait", &job]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("NX0302"), "{said}");
    assert_eq!(attempts(&cluster, &source), 1, "it may still be there");
    cluster.node(0).json(&["node", "forget", "n1"]);
    cluster.node(0).json(&["job", "retry", &job]);
    assert_eq!(cluster.node(0).json(&["job", "wait", &job])["result"]["data"][0], 120_000);
    assert_eq!(attempts(&cluster, &source), 2);
}

#[test]
fn a_lost_result_that_nobody_takes_is_made_again_for_who_asks_once_every_machine_was_asked() {
    let mut cluster = Cluster::of(2);
    let [made, _] = programs(&cluster);
    let job = cluster.node(0).json(&["submit", "--wait", &made, "--require", "node=n0"])["job"].to_string();
    let refused = |cluster: &Cluster, command: &[&str], code: &str| {
        let refused = cluster.node(0).nexus(command);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(code), "{said}");
        said
    };
    refused(&cluster, &["job", "retry", &job], "NX0619");
    cluster.stop(0);
    wipe_blobs(&cluster, 0);
    cluster.kill(1);
    cluster.restart(0);
    cluster.leader(0, &[]);
    let said = refused(&cluster, &["job", "result", &job], "NX0109");
    assert!(said.contains(&format!("nexus job retry {job}")), "{said}");
    let said = refused(&cluster, &["job", "retry", &job], "NX0109");
    assert!(said.contains("may be on n1"), "{said}");
    cluster.restart(1);
    cluster.wait_for(0, "every node is up", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "up"))
    });
    cluster.node(0).json(&["job", "retry", &job]);
    let done = cluster.node(0).json(&["job", "wait", &job]);
    assert_eq!((&done["state"], &done["result"]["data"][0]), (&"succeeded".into(), &3.into()), "{done}");
    assert_eq!(attempts(&cluster, &job), 1, "they count anew");
}
