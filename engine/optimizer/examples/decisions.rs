//! What a decision costs: `cargo run --release -p nexus-optimizer --example decisions`.
#![expect(clippy::print_stdout, reason = "the numbers are this program's output")]

use std::time::Instant;

use nexus_optimizer::{Features, Machine, MachineCode, Optimizer, OptimizerConfig, RunOutcome, Shape, Work};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn work(index: u16) -> Work {
    let mut code = [0; 32];
    code[..2].copy_from_slice(&index.to_le_bytes());
    let size = f64::from(index) + 10.0;
    let features = Features { flops: size * 1e6, bytes: size * 1e5, tensor_operations: 20.0, ..Features::default() };
    Work { code, shapes: vec![Shape { dtype: "f32".to_owned(), sizes: vec![1000, 1000] }], features }
}

fn main() {
    let machine = Machine::ordinary("box", 4, 1e10);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let mut chance = StdRng::seed_from_u64(1);
    let works: Vec<Work> = (0..1000).map(work).collect();
    let (mut choosing, mut recording) = (Vec::new(), Vec::new());
    for round in 0..60u32 {
        for work in &works {
            let begun = Instant::now();
            let choice = optimizer.choose(work, &machine, &mut chance);
            let chosen = Instant::now();
            let seconds = 0.01 + f64::from(round % 7) * 1e-4;
            optimizer.record(
                &choice,
                RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled },
            );
            if round >= 10 {
                choosing.push((chosen - begun).as_secs_f64() * 1e6);
                recording.push(chosen.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (name, mut times) in [("choose", choosing), ("record", recording)] {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "{name}: p50 {:.2} µs, p99 {:.2} µs, of {} with 1,000 known pieces of work",
            at(0.5),
            at(0.99),
            times.len()
        );
    }
}
