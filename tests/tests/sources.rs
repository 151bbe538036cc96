//! Large inputs from several nodes at once: whoever has them, also where one of them is lost.

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
