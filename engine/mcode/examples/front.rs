//! How fast programs are read and checked: `front FILE…` compiles each file again and again and says how many lines a
//! second that makes, all files together, for the stages that a user can ask for. Not a command for users.

use std::time::Instant;

use nexus_mcode::{ast_text, compile, diagnose, format};

/// Seconds that one stage is measured.
const SECONDS: f64 = 2.0;

/// Lines a second of one stage, the best of several rounds: other programs only ever slow it down.
fn speed(texts: &[(String, String)], lines: usize, stage: impl Fn(&str, &str)) -> f64 {
    let (begun, mut best) = (Instant::now(), 0.0f64);
    while begun.elapsed().as_secs_f64() < SECONDS {
        let round = Instant::now();
        texts.iter().for_each(|(name, text)| stage(name, text));
        best = best.max(lines as f64 / round.elapsed().as_secs_f64());
    }
    best
}

#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn main() -> Result<(), String> {
    let mut texts = Vec::new();
    for name in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&name).map_err(|error| format!("{name}: {error}"))?;
        texts.push((name, text));
    }
    let lines: usize = texts.iter().map(|(_, text)| text.lines().count()).sum();
    let cold = Instant::now();
    if let Some((name, text)) = texts.first() {
        compile(name, text);
    }
    println!("{} files, {lines} lines", texts.len());
    println!("first compilation of the first file: {:.3} ms", cold.elapsed().as_secs_f64() * 1e3);
    let checked = speed(&texts, lines, |name, text| drop(diagnose(name, text)));
    println!("read and checked: {checked:.0} lines a second");
    let compiled = speed(&texts, lines, |name, text| drop(compile(name, text)));
    println!("read, checked and compiled: {compiled:.0} lines a second");
    let printed = speed(&texts, lines, |name, text| drop(ast_text(name, text)));
    println!("read and printed as a tree: {printed:.0} lines a second");
    let formatted = speed(&texts, lines, |_, text| drop(format(text)));
    println!("read and laid out: {formatted:.0} lines a second");
    Ok(())
}
