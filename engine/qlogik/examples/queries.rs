//! What answers cost: `cargo run --release -p nexus-qlogik --example queries`, one line a number, for
//! `benches/compare/decisions.py`.
#![expect(clippy::print_stdout, reason = "the numbers are this program's output")]

use std::hint::black_box;
use std::time::Instant;

use nexus_qlogik::{Evidence, JunctionTree, Lookup, MEMORY_MAX, Network, bif};

/// Rows of a batched lookup.
const ROWS: usize = 1 << 20;

fn network(name: &str) -> Network {
    let path = format!("{}/tests/networks/{name}.bif", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the network is there");
    bif::read(name, &text).expect("the network is sound").0
}

/// The median and the least of the times of a call, in µs.
fn measured(runs: usize, mut call: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            call();
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[runs / 2], times[0])
}

fn main() {
    for name in ["asia", "child", "insurance", "alarm", "hailfinder", "hepar2", "win95pts", "andes"] {
        let network = network(name);
        let (compiling, _) = measured(9, || drop(black_box(JunctionTree::compile(&network, MEMORY_MAX))));
        let tree = JunctionTree::compile(&network, MEMORY_MAX).expect("small enough");
        // Evidence on the last variable, whose state is drawn by turns: no two questions in a row are the same.
        let last = *network.order().last().expect("there are variables");
        let mut state = 0;
        let (median, least) = measured(2000, || {
            state = (state + 1) % network.states(last);
            let mut evidence = Evidence::new();
            evidence.observe(last, state);
            let _ = black_box(tree.beliefs(&evidence));
        });
        println!("marginals {name} {} {compiling:.1} {median:.2} {least:.2}", network.len());
    }
    let network = network("alarm");
    let id = network.find("VENTLUNG").expect("alarm has it");
    let lookup = Lookup::new(&network, id).expect("a table");
    let sizes: Vec<usize> = network.parents(id).iter().chain([&id]).map(|&id| network.states(id)).collect();
    let columns: Vec<Vec<u32>> = sizes
        .iter()
        .map(|&size| (0..ROWS).map(|row| ((row * 2_654_435_761) >> 7) as u32 % size as u32).collect())
        .collect();
    let columns: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
    let mut into = vec![0.0; ROWS];
    let (median, least) = measured(41, || lookup.probabilities(&columns, &mut into).expect("states of the table"));
    println!("lookups {ROWS} {median:.2} {least:.2}");
}
