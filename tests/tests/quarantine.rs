//! A task that kills whatever runs it: two nodes are lost to it, wherever they stand in the cluster, and no third.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use nexus_tests::binary;
use nexus_tests::cluster::Cluster;
use serde_json::Value;

/// Notes that it runs and kills its node, also the second time, and also where the node has just been started again.
fn poison(noted: &Path) -> String {
    format!("echo ran >> {}; kill -9 $PPID", noted.display())
}

fn runs(noted: &Path) -> usize {
    std::fs::read_to_string(noted).map_or(0, |text| text.lines().count())
}

/// Whoever has ended is started again after so long, well within a lease: as a service would be.
const RESTART_AFTER: Duration = Duration::from_millis(50);

/// Starts whoever has ended again, until a node answers this command so.
fn until(cluster: &mut Cluster, command: &[&str], is_so: impl Fn(&Value) -> bool) -> Value {
    for round in 0..2000 {
        cluster.restart_ended();
        // A command waits while there is no leader; there may be none before all have been started again.
        let (home, words) = (cluster.home(round % 3), [&["--json"], command].concat().join("\0"));
        let (answered, answer) = mpsc::channel();
        std::thread::spawn(move || drop(answered.send(binary::run_on(&[], &home, words.split('\0')))));
        let asked = loop {
            match answer.recv_timeout(RESTART_AFTER) {
                Ok(asked) => break asked,
                Err(_) => cluster.restart_ended(),
            }
        };
        let answer = serde_json::from_slice(&asked.stdout).unwrap_or(Value::Null);
        if is_so(&answer) {
            return answer;
        }
    }
    panic!("{command:?}: no node answers what is waited for");
}

/// Submits once: a node that is asked may be killed by what it accepts.
fn submit(cluster: &mut Cluster, key: &str, command: &[&str], script: &str) -> String {
    let line = [&["submit", "--key", key, "--max-attempts", "10"], command, &["--", "/bin/sh", "-c", script]].concat();
    until(cluster, &line, |answer| answer["job"].is_u64())["job"].to_string()
}

fn until_ended(cluster: &mut Cluster, job: &str) -> Value {
    until(cluster, &["job", "show", job], |shown| shown["state"] == "failed" || shown["state"] == "succeeded")
}

#[test]
fn a_task_that_kills_its_node_is_quarantined_after_two_where_the_node_leads_and_where_it_follows() {
    let mut cluster = Cluster::of_voters(3);
    for round in 0..4 {
        let leader = cluster.leader(0, &[]);
        let at = if round % 2 == 0 { leader } else { (leader + 1) % 3 };
        let noted = cluster.folder().join(format!("ran{round}"));
        let (there, key) = (format!("node=n{at}"), format!("poison{round}"));
        let job = submit(&mut cluster, &key, &["--require", &there], &poison(&noted));
        let ended = until_ended(&mut cluster, &job);
        assert_eq!((&ended["state"], runs(&noted)), (&"failed".into(), 2), "round {round}: {ended}");
        assert_eq!(ended["first_failure"]["code"], "NX0312", "round {round}: {ended}");
        cluster.wait_for(0, "every node is up", |status| {
            status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["state"] == "up"))
        });
    }
    assert_eq!(cluster.node(0).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
}

#[test]
fn in_the_middle_of_an_array_only_the_task_that_kills_is_quarantined() {
    let mut cluster = Cluster::of_voters(3);
    for round in 0..3 {
        let noted = cluster.folder().join(format!("ran{round}"));
        let script = format!("[ $NEXUS_TASK_INDEX != 40 ] || {{ {}; }}", poison(&noted));
        let job = submit(&mut cluster, &format!("array{round}"), &["--array", "0..80"], &script);
        let ended = until_ended(&mut cluster, &job);
        assert_eq!((&ended["counts"]["succeeded"], runs(&noted)), (&79.into(), 2), "round {round}: {ended}");
        let failure = &ended["first_failure"];
        assert_eq!((&failure["task"], &failure["code"]), (&40.into(), &"NX0312".into()), "round {round}: {ended}");
    }
}

#[test]
fn of_nodes_that_never_come_back_a_task_takes_two_wherever_it_stands_and_no_other_is_blamed() {
    let cluster = Cluster::of(5);
    cluster.node(0).json(&["node", "drain", "n0"]);
    let is_drained = |node: &Value| node["node"] == "n0" && node["slots"] == 0;
    cluster.wait_for(0, "n0 is drained", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(is_drained))
    });
    let noted = cluster.folder().join("ran");
    let script = format!("[ $NEXUS_TASK_INDEX != 300 ] || {{ {}; }}", poison(&noted));
    let submit = ["submit", "--array", "0..600", "--max-attempts", "10", "--", "/bin/sh", "-c", &script];
    let job = cluster.node(0).json(&submit)["job"].to_string();
    assert_eq!(cluster.node(0).nexus(&["job", "wait", &job]).status.code(), Some(1));
    let ended = cluster.node(0).json(&["job", "show", &job]);
    assert_eq!((&ended["counts"]["succeeded"], runs(&noted)), (&599.into(), 2), "{ended}");
    let failure = &ended["first_failure"];
    assert_eq!((&failure["task"], &failure["code"]), (&300.into(), &"NX0312".into()), "{ended}");
}
