//! What a program is made of, counted in its register code before it runs: what a learning optimiser tells programs
//! apart by.
//!
//! It runs nothing and knows no sizes: those come with the arguments, and with the first run.

use std::fmt::Write as _;

use nexus_model::DType;

use crate::ast::BinaryOperator;
use crate::compile::CompiledProgram;
use crate::ir::{FunctionCode, Image, Instruction};
use crate::library;
use crate::vm::value::{Callable, Value};

/// What a program is made of. Counts are of places in the code, not of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// A hash of the register code with its constants and of the precision that it asks for: the same for programs that
    /// differ in layout, comments or names of variables.
    pub code: [u8; 32],
    /// Operators and calls that may work on tensors.
    pub operations: u32,
    /// Of these, products and decompositions.
    pub products: u32,
    /// Loops.
    pub loops: u32,
    /// Functions that call themselves, directly or through others.
    pub recursive_functions: u32,
    /// Readings of inputs and files.
    pub reads: u32,
    /// Calls that may run side by side: `spawn` and `map`.
    pub spreads: u32,
    /// Whether it may ask for the time, so that two runs may differ.
    pub asks_for_the_time: bool,
    /// Whether it has functions of external modules, which may do something in the world.
    pub has_external_modules: bool,
}

/// Looks through a program.
pub fn outline(program: &CompiledProgram) -> Outline {
    let image = &program.image;
    let mut outline = Outline {
        code: code_hash(image),
        operations: 0,
        products: 0,
        loops: 0,
        recursive_functions: recursive_functions(image),
        reads: 0,
        spreads: 0,
        asks_for_the_time: false,
        has_external_modules: image.calls_modules(),
    };
    // Programs that may compute less exactly take other times.
    if program.products_in() != DType::F32 {
        let asked =
            blake3::Hasher::new().update(&outline.code).update(program.products_in().name().as_bytes()).finalize();
        outline.code = *asked.as_bytes();
    }
    outline.asks_for_the_time = image.library.iter().any(|value| library_name(value) == "time.now");
    for instruction in image.functions.iter().flat_map(|code| &code.instructions) {
        count(image, *instruction, &mut outline);
    }
    outline
}

/// Whether the program may take derivatives of functions.
pub(crate) fn differentiates(image: &Image) -> bool {
    let calls = |i: &Instruction| match i {
        Instruction::CallBuiltin { builtin, .. } => library::builtin(*builtin).name.starts_with("grad."),
        _ => false,
    };
    image.functions.iter().any(|function| function.instructions.iter().any(calls))
        || image.library.iter().any(|value| library_name(value).starts_with("grad."))
}

/// The name of a library function that is used as a value.
fn library_name(value: &Value) -> &'static str {
    match value {
        Value::Function(closure) => match &closure.callable {
            Callable::Op(op) => op.name,
            Callable::Builtin(id) => library::builtin(*id).name,
            Callable::Function { .. } | Callable::Derived(_) => "",
        },
        _ => "",
    }
}

fn count(image: &Image, instruction: Instruction, outline: &mut Outline) {
    match instruction {
        Instruction::Add { .. }
        | Instruction::Subtract { .. }
        | Instruction::Multiply { .. }
        | Instruction::Negate { .. }
        | Instruction::Compare { .. } => outline.operations += 1,
        Instruction::Binary { operator, .. } => {
            outline.operations += 1;
            outline.products += u32::from(operator == BinaryOperator::Product);
        }
        Instruction::CallOp { op, .. } => {
            outline.operations += 1;
            let name = image.ops.get(usize::from(op)).map_or("", |op| op.name);
            let contracts = ["tensor.matmul", "tensor.dot", "tensor.einsum", "tensor.attention", "tensor.conv"];
            let is_product = name.starts_with("linalg.") || contracts.iter().any(|known| name.starts_with(known));
            outline.products += u32::from(is_product);
        }
        Instruction::CallBuiltin { builtin, .. } => {
            let name = library::builtin(builtin).name;
            outline.reads += u32::from(name == "input" || name.starts_with("io."));
            outline.asks_for_the_time |= name == "time.now";
        }
        Instruction::Loop { .. } => outline.loops += 1,
        Instruction::Defer { .. } | Instruction::FanOut { .. } => outline.spreads += 1,
        _ => {}
    }
}

/// The hash of the code and of everything that its numbers stand for; not of places in the text, nor of names.
fn code_hash(image: &Image) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut text = String::new();
    let mut part = |what: &dyn std::fmt::Debug| {
        text.clear();
        // Writing to a string cannot fail.
        let _ = write!(text, "{what:?}");
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for FunctionCode { params, required, captures, instructions, .. } in &image.functions {
        part(&(params, required, captures, instructions.len()));
        part(instructions);
        for instruction in instructions {
            if let Instruction::CallBuiltin { builtin, .. } = instruction {
                // Their numbers move when the library grows.
                part(&library::builtin(*builtin).name);
            }
        }
    }
    part(&image.constants);
    part(&image.names);
    part(&image.records);
    part(&image.axes);
    part(&image.paths);
    part(&image.ops.iter().map(|op| op.name).collect::<Vec<_>>());
    part(&image.library.iter().map(library_name).collect::<Vec<_>>());
    part(&(image.entry, &image.top_levels));
    *hasher.finalize().as_bytes()
}

/// Functions that can be reached from themselves. Those that only lie between two circles count as well.
fn recursive_functions(image: &Image) -> u32 {
    let count = image.functions.len();
    let calls: Vec<Vec<usize>> = image.functions.iter().map(called).collect();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, called) in calls.iter().enumerate() {
        called.iter().filter(|&&to| to < count).for_each(|&to| callers[to].push(from));
    }
    // What nobody who is left calls, or who calls nobody who is left, stands in no circle.
    let mut left = vec![true; count];
    for (into, out_of) in [(&callers, &calls), (&calls, &callers)] {
        let mut open: Vec<usize> =
            (0..count).map(|f| into[f].iter().filter(|&&other| other < count && left[other]).count()).collect();
        let mut ready: Vec<usize> = (0..count).filter(|&f| left[f] && open[f] == 0).collect();
        while let Some(function) = ready.pop() {
            left[function] = false;
            for &next in out_of[function].iter().filter(|&&next| next < count) {
                open[next] = open[next].saturating_sub(1);
                if open[next] == 0 && left[next] {
                    ready.push(next);
                }
            }
        }
    }
    left.iter().filter(|left| **left).count() as u32
}

fn called(code: &FunctionCode) -> Vec<usize> {
    let callees = code.instructions.iter().filter_map(|instruction| match *instruction {
        Instruction::Call { function, .. } | Instruction::Closure { function, .. } => Some(usize::from(function)),
        _ => None,
    });
    let mut callees: Vec<usize> = callees.collect();
    callees.sort_unstable();
    callees.dedup();
    callees
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;

    fn of(source: &str) -> Outline {
        let compilation = compile("outline.mcode", source);
        outline(&compilation.program.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics)))
    }

    #[test]
    fn layout_comments_and_names_do_not_change_the_code() {
        let one = of("function main(n: int)\n    x = n * 2\n    return x + 1\nend\n");
        let other = of("# twice\nfunction main(n: int)\n\n  doubled = n * 2 # here\n  return doubled + 1\nend\n");
        assert_eq!(one.code, other.code);
        assert_ne!(one.code, of("function main(n: int)\n    x = n * 3\n    return x + 1\nend\n").code);
        assert_ne!(of("x = math.sin(1.0)\nx\n").code, of("x = math.cos(1.0)\nx\n").code);
        assert_ne!(of("x = \"a\"\nx\n").code, of("x = \"b\"\nx\n").code);
    }

    #[test]
    fn loops_recursion_products_and_readings_are_counted() {
        let fib = "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n";
        let found = of(&format!("{fib}function main()\n    return fib(9)\nend\n"));
        assert_eq!((found.recursive_functions, found.loops, found.asks_for_the_time), (1, 0, false));
        let even = "function even(n: int)\n    if n == 0 return true end\n    return odd(n - 1)\nend\n\
                    function odd(n: int)\n    if n == 0 return false end\n    return even(n - 1)\nend\n\
                    function main()\n    return even(10)\nend\n";
        assert_eq!(of(even).recursive_functions, 2);
        let mixed = of("x = tensor.ones(4, 4)\ny = x @ x\nfor i in 0..3\n    y = y @ x\nend\nt = time.now()\ny\n");
        assert_eq!((mixed.products, mixed.loops, mixed.asks_for_the_time), (2, 1, true));
        assert_eq!(of("x = input(\"x\")\nx\n").reads, 1);
    }
}
