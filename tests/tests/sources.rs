//! Large inputs from several nodes at once: whoever has them, also where one of them is lost.

use std::path::Path;

use nexus_tests::cluster::Cluster;

/// Eight million numbers: 31 MiB, in as many pieces.
const MAKE: &str = "tensor.arange(0.0, 8000000.0)";

#[test]
fn a_large_result_is_taken_from_its_copies_also_when_who_made_it_is_gone() {
    let mut cluster = Cluster::of_voters(3);
    let leader = cluster.leader(0, &[]);
    let [maker, taker] = [(leader + 1) % 3, (leader + 2) % 3];
    let file = |name: &str, program: &str| {
        let path = cluster.folder().join(name);
        std::fs::write(&path, program).expect("a file can be written");
        path.display().to_string()
    };
    let make = file("make.mcode", MAKE);
    let sum = file("sum.mcode", "tensor.sum(input(\"x\"))");
    let at = |node: usize| format!("node=n{node}");
    let made = cluster.node(leader).json(&["submit", "--wait", "--require", &at(maker), "--copies", "2", &make]);
    assert_eq!(made["state"], "succeeded", "{made}");
    let take = format!("x={}", made["job"]);
    let taken = |cluster: &Cluster| {
        cluster.node(leader).json(&["submit", "--wait", "--require", &at(taker), "--take", &take, &sum])
    };
    let whole = taken(&cluster);
    assert_eq!(whole["state"], "succeeded", "{whole}");
    let sum_of = |taken: &serde_json::Value| taken["result"]["data"][0].as_f64();
    let total = sum_of(&whole).unwrap_or_else(|| panic!("a tensor: {whole}"));
    assert!((total / 31_999_996_000_000.0 - 1.0).abs() < 1e-3, "{total}");
    // What it fetched counts as its own: it serves others when who made it is gone.
    cluster.kill(maker);
    let back = cluster.node(leader).json(&["submit", "--wait", "--require", &at(leader), "--take", &take, &sum]);
    assert_eq!((&back["state"], sum_of(&back)), (&"succeeded".into(), Some(total)), "{back}");
}

/// Whether a file so large lies below a folder.
fn holds(folder: &Path, bytes: u64) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
    found.any(|(path, metadata)| if metadata.is_dir() { holds(&path, bytes) } else { metadata.len() >= bytes })
}

#[test]
fn inputs_come_while_other_tasks_still_have_the_slots() {
    let cluster = Cluster::of(2);
    let file = |name: &str, program: &str| {
        let path = cluster.folder().join(name);
        std::fs::write(&path, program).expect("a file can be written");
        path.display().to_string()
    };
    let (make, sum) = (file("make.mcode", MAKE), file("sum.mcode", "tensor.sum(input(\"x\"))"));
    let made = cluster.node(0).json(&["submit", "--wait", "--require", "node=n0", &make]);
    assert_eq!(made["state"], "succeeded", "{made}");
    let sleepers = cluster.node(0).json(&["submit", "--array", "0..4", "--", "/bin/sleep", "600"])["job"].to_string();
    cluster.wait_for(0, "all slots are taken", |status| {
        status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["tasks"] == 2))
    });
    let take = format!("x={}", made["job"]);
    let job = cluster.node(0).json(&["submit", "--take", &take, &sum])["job"].to_string();
    cluster.wait_for(0, "the other machine has the input", |_| holds(&cluster.home(1), 30 << 20));
    assert_eq!(cluster.node(0).json(&["job", "show", &job])["state"], "queued");
    cluster.node(0).json(&["job", "cancel", &sleepers]);
    assert_eq!(cluster.node(0).json(&["job", "wait", &job])["state"], "succeeded");
}
