//! What one node of a cluster learned is known to the others: two nodes on the loopback interface, of which one runs
//! nothing.

use std::path::Path;

use nexus_tests::binary;
use nexus_tests::cluster::Cluster;
use serde_json::Value;

const PROGRAM: &str = "function main()\n    x = tensor.linspace(0.0, 1.0, 262144)\n    y = x * 2.0 + 1.0\n    \
                       return tensor.sum(tensor.exp(y * 0.1) * x)\nend\n";

/// What a node's folder says that is known of the program, where anything is.
fn known(home: &Path, program: &str) -> Option<Value> {
    let said = binary::run(home, ["optimizer", "explain", program, "--json"]);
    said.status.success().then(|| serde_json::from_slice(&said.stdout).expect("a document"))
}

/// The strategies that runs were seen under, with how many.
fn runs(known: &Value) -> Vec<(String, u64)> {
    let candidates = known["works"][0]["candidates"].as_array().expect("the strategies");
    let runs = |candidate: &Value| {
        let runs = candidate["prediction"]["runs"].as_u64().filter(|runs| *runs > 0)?;
        Some((candidate["strategy_id"].as_str()?.to_owned(), runs))
    };
    candidates.iter().filter_map(runs).collect()
}

#[test]
fn a_node_that_ran_nothing_predicts_what_another_one_ran() {
    let mut cluster = Cluster::of(1);
    let program = cluster.folder().join("program.mcode");
    std::fs::write(&program, PROGRAM).expect("there is room");
    let program = program.to_str().expect("a plain name").to_owned();
    for _ in 0..3 {
        let done = cluster.node(0).json(&["submit", &program, "--wait"]);
        assert_eq!(done["state"], "succeeded", "{done}");
    }
    let new = cluster.join(0, "worker");
    // It asks the leader when it starts, and writes down what it knows when it ends.
    let mut found = None;
    for _ in 0..20 {
        cluster.stop(new);
        found = known(&cluster.home(new), &program);
        if found.is_some() {
            break;
        }
        cluster.restart(new);
    }
    let found = found.expect("the leader told what it saw");
    cluster.stop(0);
    let own = known(&cluster.home(0), &program).expect("it ran there");
    assert_eq!(runs(&found), runs(&own));
    assert_eq!(runs(&own).iter().map(|(_, runs)| runs).sum::<u64>(), 3, "{own}");
}

#[test]
fn a_job_brings_the_strategy_that_its_program_names() {
    let mut cluster = Cluster::of(2);
    let strategy = cluster.folder().join("mine.toml");
    let fields = "strategy_id = \"mine\"\nname = \"Mine\"\nparallelization_level = 0\njit_level = 1\ndevice_target = \"cpu\"\n\
                  memory_optimization = \"balanced\"\ntensor_fusion = true\noperator_fusion = false\nbatch_processing = false\n\
                  loop_unrolling = false\nautomatic_differentiation = false\nprecision = \"balanced\"\n";
    std::fs::write(&strategy, fields).expect("there is room");
    let strategy = strategy.to_str().expect("a plain name");
    assert!(binary::run(&cluster.home(0), ["optimizer", "register", strategy]).status.success());
    let program = cluster.folder().join("named.mcode");
    std::fs::write(&program, format!("@optimize(strategy = \"mine\")\n{PROGRAM}")).expect("there is room");
    let program = program.to_str().expect("a plain name");
    let done = cluster.node(0).json(&["submit", program, "--wait", "--require", "node=n1"]);
    assert_eq!(done["state"], "succeeded", "{done}");
    let logs = binary::run(&cluster.home(0), ["job", "logs", "1", "--stderr"]);
    assert!(!String::from_utf8_lossy(&logs.stdout).contains("warning"), "{logs:?}");
    cluster.stop(1);
    let known = binary::run(&cluster.home(1), ["optimizer", "strategies", "--json"]);
    let known: Value = serde_json::from_slice(&known.stdout).expect("a document");
    let ids: Vec<&str> =
        known["strategies"].as_array().expect("a list").iter().filter_map(|s| s["strategy_id"].as_str()).collect();
    assert!(ids.contains(&"mine"), "{ids:?}");
}
