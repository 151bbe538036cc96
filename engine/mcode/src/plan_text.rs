//! The plan of a program as text, for `nexus mcode plan`: which tensor operations run together, and what the optimiser
//! did.

use std::collections::BTreeSet;
use std::fmt::Write;

use nexus_model::Execution;

use crate::compile::CompiledProgram;
use crate::ir::{FunctionCode, Image, Instruction, Register, Segment};
use crate::optimise::OptimiserCounts;

/// The plan of a program with these settings: each function with its regions, each region with its lines, what it reads
/// and gives, and its operations in order.
pub fn plan_text(program: &CompiledProgram, execution: Execution) -> String {
    let tier = program.tier(execution);
    let image = &tier.image;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "level {}", execution.jit_level);
    let OptimiserCounts { folded, shared, hoisted, unrolled, removed, segments } = tier.counts;
    for (count, what) in [
        (folded, "operations folded to constants"),
        (shared, "operations that take the result of an earlier one"),
        (hoisted, "operations that a loop does once"),
        (unrolled, "loops written out"),
        (removed, "instructions left out"),
        (segments, "regions of tensor operations"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count:>6}  {what}");
        }
    }
    for code in image.functions.iter().filter(|code| !code.segments.is_empty()) {
        let _ = writeln!(text, "\nfunction {}", code.called());
        for (number, segment) in code.segments.iter().enumerate() {
            region(image, code, number, segment, &mut text);
        }
    }
    if segments == 0 {
        let _ = writeln!(text, "\nno chains of tensor operations");
    }
    text
}

fn region(image: &Image, code: &FunctionCode, number: usize, segment: &Segment, text: &mut String) {
    let source = image.sources.get(usize::from(code.file));
    let line = |at: usize| source.map_or(0, |s| code.spans.get(at).map_or(0, |span| s.locate(*span).line));
    let lines: BTreeSet<u32> = segment.range.clone().map(line).collect();
    let (first, last) = (lines.first().copied().unwrap_or(0), lines.last().copied().unwrap_or(0));
    let place = if first == last { format!("line {first}") } else { format!("lines {first} to {last}") };
    let _ = writeln!(text, "  region {}, {place}", number + 1);
    let _ = writeln!(text, "    reads {}", names(code, &segment.inputs));
    for at in segment.range.clone() {
        let instruction = code.instructions[at];
        if let Some(operation) = operation(image, instruction) {
            let _ = writeln!(text, "    {operation}");
        }
    }
    let _ = writeln!(text, "    gives {}", names(code, &segment.results));
}

/// Variables by name; what has none is what the statement computes.
fn names(code: &FunctionCode, registers: &[Register]) -> String {
    let mut named: Vec<&str> = Vec::new();
    for &register in registers {
        let name = code.variables.get(usize::from(register)).map_or("an intermediate result", |(name, _)| &**name);
        if !named.contains(&name) {
            named.push(name);
        }
    }
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

/// What an operation is called in the language; `None` for what only moves values.
fn operation(image: &Image, instruction: Instruction) -> Option<String> {
    use Instruction as I;
    Some(match instruction {
        I::Add { .. } => "+".to_owned(),
        I::Subtract { .. } => "-".to_owned(),
        I::Multiply { .. } => "*".to_owned(),
        I::AddInt { value, .. } if value < 0 => format!("- {}", -i32::from(value)),
        I::AddInt { value, .. } => format!("+ {value}"),
        I::Binary { operator, .. } => operator.text().to_owned(),
        I::Compare { operator, .. } => operator.text().to_owned(),
        I::Negate { .. } => "-".to_owned(),
        I::Not { .. } => "not".to_owned(),
        I::CallOp { op, .. } => image.ops.get(usize::from(op))?.name.to_owned(),
        I::CallBuiltin { builtin, .. } => crate::library::builtin(builtin).name.to_owned(),
        _ => return None,
    })
}
