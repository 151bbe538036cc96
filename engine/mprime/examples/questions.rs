//! Times of SymPy's own questions about derivatives and shortest forms: `benches/compare/mathematics.py` asks SymPy the same.
//!
//! A line for each question: the verb, the number of its line in `tests/symbolic.txt`, and the least time of some repetitions
//! in µs, from text to text.

use nexus_mprime::symbolic::{Assumptions, parse, simplify};
use std::{hint::black_box, time::Instant};

const QUESTIONS: &str = include_str!("../tests/symbolic.txt");
const REPETITIONS: usize = 5;

fn answer(verb: &str, question: &str, name: &str, assumptions: &Assumptions) -> Option<String> {
    let expr = parse(question).ok()?;
    let answer = if verb == "diff" { expr.derivative(name).ok()? } else { simplify(&expr, assumptions) };
    Some(answer.to_string())
}

fn main() {
    for (number, line) in QUESTIONS.lines().enumerate() {
        let parts: Vec<&str> = line.split('\t').collect();
        let &[verb @ ("diff" | "simplify" | "trigsimp"), question, name, _, facts] = parts.as_slice() else { continue };
        let mut assumptions = Assumptions::default();
        if facts.split(", ").filter(|fact| !fact.is_empty()).any(|fact| assumptions.assume(fact).is_err()) {
            continue;
        }
        let mut least = f64::INFINITY;
        for _ in 0..REPETITIONS {
            let begun = Instant::now();
            if black_box(answer(verb, question, name, &assumptions)).is_none() {
                break;
            }
            least = least.min(begun.elapsed().as_secs_f64() * 1e6);
        }
        if least.is_finite() {
            write(verb, number, least);
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of this program")]
fn write(verb: &str, number: usize, least: f64) {
    println!("{verb} {number} {least:.3}");
}
