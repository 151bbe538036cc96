//! What became native code in a run, and what did not, as text, for `nexus mcode plan --native`.

use std::fmt::Write;

use nexus_model::Execution;

use super::counts::NativeProfile;
use super::entry::Entry;
use super::known::{ArrayKind, Known, Layout};
use crate::compile::CompiledProgram;
use crate::hir::FunctionId;
use crate::ir::{FunctionCode, Image, Register};

/// The machine code that runs of a program with these settings made in this process, each place with the types that it was
/// made for, and what `profile` says was left to the machine.
pub fn native_text(program: &CompiledProgram, execution: Execution, profile: &NativeProfile) -> String {
    let tier = program.tier(execution);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let all = tier.native.all();
    let _ = match all.iter().map(|(_, entries)| entries.len()).sum::<usize>() {
        0 => writeln!(text, "nothing became machine code: no loop and no function ran often enough, or none could"),
        1 => writeln!(text, "1 place became machine code"),
        count => writeln!(text, "{count} places became machine code"),
    };
    for ((function, pc), entries) in &all {
        for entry in entries {
            place(&tier.image, *function, *pc, entry, &mut text);
        }
    }
    if !profile.reasons.is_empty() {
        let _ = writeln!(text, "\nleft to the register machine");
        for reason in &profile.reasons {
            let _ = writeln!(text, "  {reason}");
        }
    }
    text
}

fn place(image: &Image, function: FunctionId, pc: usize, entry: &Entry, text: &mut String) {
    let code = &image.functions[function as usize];
    let line = |at: usize| {
        let source = image.sources.get(usize::from(code.file));
        source.map_or(0, |s| s.locate(code.spans.get(at).copied().unwrap_or(code.head)).line)
    };
    let what = if pc == 0 { "all of it".to_owned() } else { format!("the loop at line {}", line(pc)) };
    let _ = writeln!(text, "\nfunction {}, {what}, {} bytes", code.called(), entry.code.code_bytes());
    for &(register, known) in &entry.state {
        let is = match known {
            Known::Dead | Known::Absent => continue,
            Known::None => "none".to_owned(),
            Known::Int => "int".to_owned(),
            Known::Scalar => "scalar".to_owned(),
            Known::Bool => "bool".to_owned(),
            Known::Array(number) => array(entry.arrays[usize::from(number)].kind),
            Known::Opaque => "a value that is only kept".to_owned(),
        };
        let _ = writeln!(text, "  {}: {is}", name(code, register));
    }
    let listed = match entry.code.listing() {
        Ok(listed) => listed,
        Err(error) => {
            let _ = writeln!(text, "  its instructions cannot be shown: {error}");
            return;
        }
    };
    for (number, function) in listed.iter().enumerate() {
        if number > 0 {
            let _ = writeln!(text, "  function {number} that it calls");
        }
        for line in function.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
}

fn name(code: &FunctionCode, register: Register) -> String {
    let known = code.variables.get(usize::from(register)).map(|(name, _)| name.to_string());
    known.unwrap_or_else(|| format!("an intermediate result (r{register})"))
}

fn array(kind: ArrayKind) -> String {
    let element = match kind.element {
        nexus_jit::ir::Element::Int => "int",
        nexus_jit::ir::Element::Scalar => "scalar",
        nexus_jit::ir::Element::Bool => "bool",
        nexus_jit::ir::Element::Single => "f32",
    };
    match kind.layout {
        Layout::List => format!("a list of {element}"),
        Layout::Vector => format!("a vector of {element}"),
        Layout::Matrix => format!("a matrix of {element}"),
    }
}
