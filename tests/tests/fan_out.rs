//! A program whose calls are spread over the machines of a cluster: the result is that of one machine, whoever helps and
//! whoever is lost on the way.

use std::path::Path;

use nexus_tests::binary;
use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;
use serde_json::Value;

/// Calls of some hundredths of a second, with prints, random numbers, and functions that took something along.
const PROGRAM: &str = "function busy(n)
    s = 0
    for i in 0..6000000
        s = (s + i * n) % 1000003
    end
    print(\"call\", n)
    return {n, s, x: tensor.rand(2), f: y => y * n}
end
function main(n: int = 90)
    done = map(busy, 0..n)
    return map(r => [r.n, r.s, r.x, r.f(2)], done)
end
";

fn written(folder: &Path) -> String {
    let file = folder.join("spread.mcode");
    std::fs::write(&file, PROGRAM).expect("a folder that can be written to");
    file.to_str().expect("a path of text").to_owned()
}

/// What one machine gives.
fn alone(folder: &Path, file: &str) -> Value {
    let output = binary::run(folder, ["run", file, "--json", "--seed", "5"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("a JSON document");
    document["result"].clone()
}

/// The jobs that are calls of a task of `job`.
fn parts(node: &Node, job: &Value) -> Vec<Value> {
    let listed = node.json(&["jobs"]);
    let of_job = format!("calls of {job}/0");
    let is_part = |j: &&Value| j["name"].as_str().is_some_and(|name| name.ends_with(&of_job));
    listed["jobs"].as_array().expect("jobs").iter().filter(is_part).cloned().collect()
}

#[test]
fn long_calls_run_on_other_nodes_with_the_same_result() {
    let cluster = Cluster::of(2);
    let file = written(cluster.folder());
    let node = cluster.node(0);
    let done = node.json(&["submit", &file, "--seed", "5", "--wait"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(done["result"], alone(cluster.folder(), &file));
    let log = node.nexus(&["job", "logs", &done["job"].to_string()]);
    let printed: Vec<_> = (0..90).map(|n| format!("call {n}")).collect();
    assert_eq!(String::from_utf8_lossy(&log.stdout).lines().collect::<Vec<_>>(), printed, "in order, and once each");
    let parts = parts(node, &done["job"]);
    assert_eq!(parts.len(), 1, "calls were handed on once");
    let part = node.json(&["job", "show", &parts[0]["job"].to_string()]);
    assert!(part["counts"]["succeeded"].as_u64().is_some_and(|n| n > 0), "{part}");
    assert_ended(node, &parts);
}

/// Calls whose results came from elsewhere in the meantime are cancelled; none is left behind.
fn assert_ended(node: &Node, parts: &[Value]) {
    for part in parts {
        let id = part["job"].to_string();
        node.nexus(&["job", "wait", &id]);
        let state = node.json(&["job", "show", &id])["state"].clone();
        assert!(state == "succeeded" || state == "cancelled", "job {id} is {state}");
    }
}

#[test]
fn a_node_that_is_lost_takes_no_calls_with_it() {
    let mut cluster = Cluster::of(3);
    let file = written(cluster.folder());
    let job = cluster.node(0).json(&["submit", &file, "--seed", "5"])["job"].clone();
    cluster.wait_for(0, "calls that run elsewhere", |_| !parts(cluster.node(0), &job).is_empty());
    // Whichever node runs the program: a node that helps is lost, or the program with the calls that it had handed on.
    cluster.kill(2);
    cluster.kill(1);
    let done = cluster.node(0).json(&["job", "wait", &job.to_string()]);
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(done["result"], alone(cluster.folder(), &file));
    assert_ended(cluster.node(0), &parts(cluster.node(0), &job));
}
