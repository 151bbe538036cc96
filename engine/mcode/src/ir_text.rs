//! Register code as text, for `nexus mcode ir`.

use std::fmt::Write;

use nexus_model::Execution;

use crate::check::types::describe_known;
use crate::compile::CompiledProgram;
use crate::ir::{Entry, FunctionCode, Image, Instruction};

/// The register code of a program: each function with its variables and their inferred types, each instruction with the
/// line it comes from, as it runs with these settings.
pub fn ir_text(program: &CompiledProgram, execution: Execution) -> String {
    let tier = program.tier(execution);
    let image = &tier.image;
    let mut text = String::new();
    let entry = match image.entry {
        Entry::TopLevel => "the top level".to_owned(),
        Entry::Function(id) => image.functions[id as usize].called(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "entry {entry}");
    for (id, code) in image.functions.iter().enumerate() {
        function(image, id, code, &mut text);
    }
    text
}

fn function(image: &Image, id: usize, code: &FunctionCode, text: &mut String) {
    let _ = writeln!(text, "\nfunction {id} {} ({} registers)", code.called(), code.registers);
    for (register, (name, ty)) in code.variables.iter().enumerate() {
        let role = match register {
            r if r < usize::from(code.params) => "parameter",
            r if r < usize::from(code.params + code.captures) => "captured",
            _ => "variable",
        };
        let ty = describe_known(ty.as_ref());
        let _ = writeln!(text, "  r{register:<4} {role} {name}: {ty}");
    }
    let source = image.sources.get(usize::from(code.file));
    let mut last_line = 0;
    for (at, (instruction, span)) in code.instructions.iter().zip(&code.spans).enumerate() {
        let line = source.map_or(0, |s| s.locate(*span).line);
        let shown = if line == last_line { String::new() } else { line.to_string() };
        last_line = line;
        let _ = writeln!(text, "{shown:>5}  {at:<5} {}", words(image, *instruction));
    }
}

/// One instruction: its name, its operands, and what numbers in it stand for.
pub(crate) fn words(image: &Image, instruction: Instruction) -> String {
    let plain = format!("{instruction:?}");
    // `Add { to: 1, a: 2, b: 3 }` reads as `add to=1 a=2 b=3`.
    let (name, operands) = plain.split_once(" {").unwrap_or((&plain, ""));
    let operands = operands.trim_end_matches('}').trim().replace(": ", "=").replace(',', "");
    let mut name_text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !name_text.is_empty() {
            name_text.push('-');
        }
        name_text.extend(c.to_lowercase());
    }
    let note = match instruction {
        Instruction::Constant { index, .. } => image.constants.get(index as usize).map(|v| v.describe()),
        Instruction::CallOp { op, .. } => image.ops.get(usize::from(op)).map(|op| op.name.to_owned()),
        Instruction::CallBuiltin { builtin, .. } => Some(crate::library::builtin(builtin).name.to_owned()),
        Instruction::Call { function, .. } | Instruction::Closure { function, .. } => {
            image.functions.get(usize::from(function)).map(FunctionCode::called)
        }
        Instruction::Field { name, .. } | Instruction::CheckSet { name, .. } => {
            image.names.get(usize::from(name)).map(ToString::to_string)
        }
        Instruction::GetGlobal { global, .. }
        | Instruction::TakeGlobal { global, .. }
        | Instruction::SetGlobal { global, .. } => image.globals.get(global as usize).map(ToString::to_string),
        _ => None,
    };
    match note {
        Some(note) => format!("{name_text:<16} {operands:<32} # {note}"),
        None => format!("{name_text:<16} {operands}").trim_end().to_owned(),
    }
}
