//! Resolved tree to register code.
//!
//! A straight translation: each expression into the register that wants it, variables read where they live. The only
//! cleverness is about copies: a variable that an assignment is about to overwrite is moved, not copied, into the call
//! that computes its new value, so that `xs = append(xs, x)` works in place.

mod condition;
mod expression;
mod parallel;
mod pool;
mod reads;
mod statement;

use std::sync::Arc;

use nexus_tensor::ArgType;

use crate::check::Facts;
use crate::codes::Code;
use crate::hir::{Declared, Function, FunctionId, LocalId, Place, Program, StatementKind};
use crate::ir::{CODE_MAX, Entry, FunctionCode, Image, Instruction, REGISTERS_MAX, Register, Target, TypeCheck};
use crate::report::Reporter;
use crate::source::{ByteSpan, Source};
use pool::Pool;

/// Functions that one program may have, anonymous ones included.
const FUNCTIONS_MAX: usize = u16::MAX as usize;

/// Translates a program without errors. Functions beyond the bounds of the code are reported.
pub(crate) fn lower(
    program: &Program,
    facts: &Facts,
    entry: Entry,
    sources: Vec<Source>,
    reporter: &mut Reporter,
) -> Option<Image> {
    let mut pool = Pool::default();
    let mut functions = Vec::with_capacity(program.functions.len());
    for (id, function) in program.functions.iter().enumerate() {
        let top_level = program.top_levels.contains(&(id as FunctionId));
        let mut lowering = Lowering::new(function, id as FunctionId, top_level, program, facts, &mut pool);
        lowering.function();
        let (code, peak) = (lowering.instructions.len(), lowering.peak);
        if code > CODE_MAX || peak > REGISTERS_MAX || functions.len() >= FUNCTIONS_MAX || lowering.pool.overflowed() {
            reporter.file = function.file;
            reporter
                .error(Code::TooLarge, function.head, format!("`{}` is too large", function.name))
                .label(format!("{code} instructions, {peak} registers"))
                .help("split it into several functions");
            return None;
        }
        functions.push(lowering.finish());
    }
    Some(Image {
        sources,
        functions,
        constants: pool.constants,
        names: pool.names,
        records: pool.records,
        axes: pool.axes,
        paths: pool.paths,
        ops: pool.ops,
        checks: pool.checks,
        library: pool.library,
        globals: program.globals.iter().map(|g| Arc::clone(&g.name)).collect(),
        top_levels: program.top_levels.clone(),
        keeps_variables: false,
        entry,
    })
}

/// What a call, a loop or an operation on tensors adds to the weight of a function.
const HEAVY: u32 = 1_000;

/// A loop while its body is translated.
struct LoopLabels {
    head: Target,
    /// Jumps to behind the loop, patched when it is known.
    breaks: Vec<usize>,
}

/// One function while it is translated.
struct Lowering<'a> {
    function: &'a Function,
    id: FunctionId,
    top_level: bool,
    program: &'a Program,
    facts: &'a Facts,
    pool: &'a mut Pool,
    /// The register of each variable.
    locals: Vec<Register>,
    /// Flag and return address of each `when`.
    whens: Vec<(Register, Register)>,
    /// Where the blocks of `when`s are called, patched when they are placed.
    when_calls: Vec<(usize, usize)>,
    first_temporary: usize,
    next: usize,
    peak: usize,
    instructions: Vec<Instruction>,
    spans: Vec<ByteSpan>,
    loops: Vec<LoopLabels>,
    /// The variable that the statement overwrites and reads once.
    dying: Option<LocalId>,
    span: ByteSpan,
}

impl<'a> Lowering<'a> {
    fn new(
        function: &'a Function,
        id: FunctionId,
        top_level: bool,
        program: &'a Program,
        facts: &'a Facts,
        pool: &'a mut Pool,
    ) -> Self {
        // Parameters, then captures, then everything else.
        let mut locals = vec![Register::MAX; function.locals.len()];
        let mut next: usize = 0;
        let ordered = function.params.iter().map(|p| p.local).chain(function.captures.iter().map(|c| c.inner));
        for local in ordered.chain(0..function.locals.len() as LocalId) {
            let slot = &mut locals[local as usize];
            if *slot == Register::MAX {
                *slot = next.min(REGISTERS_MAX) as Register;
                next += 1;
            }
        }
        let whens: Vec<(Register, Register)> = function
            .whens
            .iter()
            .map(|_| {
                let flag = next.min(REGISTERS_MAX) as Register;
                next += 2;
                (flag, flag + 1)
            })
            .collect();
        Lowering {
            function,
            id,
            top_level,
            program,
            facts,
            pool,
            locals,
            whens,
            when_calls: Vec::new(),
            first_temporary: next,
            next,
            peak: next,
            instructions: Vec::new(),
            spans: Vec::new(),
            loops: Vec::new(),
            dying: None,
            span: function.head,
        }
    }

    fn function(&mut self) {
        for index in 0..self.whens.len() {
            let flag = self.whens[index].0;
            self.emit(Instruction::Bool { to: flag, value: false });
        }
        self.clear_variables();
        self.parameters();
        match self.function.body.split_last() {
            // The last value of a top level is its result.
            Some((last, rest)) if self.top_level => {
                self.block(rest);
                match &last.kind {
                    StatementKind::Expr(value) => {
                        self.span = last.span;
                        self.return_value(value);
                    }
                    _ => self.statement(last),
                }
            }
            _ => self.block(&self.function.body),
        }
        self.emit(Instruction::ReturnNone);
        self.when_blocks();
    }

    /// Empties the variables of which it matters that they begin without a value: a window holds what was there before.
    fn clear_variables(&mut self) {
        let first = self.function.params.len() + self.function.captures.len();
        for id in 0..self.function.locals.len() as LocalId {
            let to = self.locals[id as usize];
            let watched = self.function.whens.iter().any(|w| w.place == Place::Local(id));
            let dim = self.function.dims.iter().any(|(_, local)| *local == id);
            if usize::from(to) >= first && (watched || dim || self.facts.may_be_unset(self.id, id)) {
                self.emit(Instruction::Clear { to });
            }
        }
    }

    /// Fills in defaults and checks declared types.
    fn parameters(&mut self) {
        for param in &self.function.params {
            let register = self.locals[param.local as usize];
            let name = &self.function.locals[param.local as usize];
            self.span = name.span;
            if let Some(default) = &param.default {
                let given = self.emit(Instruction::JumpIfSet { register, target: 0 });
                self.expression_to(default, register);
                self.patch(given);
                self.next = self.first_temporary;
            }
            self.span = name.span;
            if let Some(declared) = &param.declared {
                self.check_type(register, declared, format!("the argument `{}`", name.name));
            }
        }
    }

    fn check_type(&mut self, register: Register, declared: &Declared, what: String) {
        if *declared == Declared::Any {
            return;
        }
        let dims = self.function.dims.iter().map(|(n, l)| (Arc::clone(n), self.locals[*l as usize])).collect();
        let declared_index = self.pool.check(TypeCheck { declared: declared.clone(), what, dims });
        self.emit(match declared {
            Declared::Int => Instruction::CheckInt { register, declared: declared_index },
            _ => Instruction::CheckType { register, declared: declared_index },
        });
    }

    fn finish(self) -> FunctionCode {
        let function = self.function;
        let required = function.params.iter().filter(|p| p.default.is_none()).count();
        let mut variables: Vec<(Register, &crate::ast::Name, Option<&ArgType>)> = function
            .locals
            .iter()
            .enumerate()
            .map(|(id, v)| (self.locals[id], &v.name, self.facts.variable_type(self.id, id as LocalId)))
            .collect();
        variables.sort_by_key(|(register, ..)| *register);
        let heavy = self.instructions.iter().any(|i| {
            matches!(
                i,
                Instruction::Call { .. }
                    | Instruction::CallValue { .. }
                    | Instruction::CallOp { .. }
                    | Instruction::Loop { .. }
            )
        });
        let weight = self.instructions.len() as u32 + if heavy { HEAVY } else { 0 };
        FunctionCode {
            name: Arc::clone(&function.name),
            file: function.file,
            head: function.head,
            params: function.params.len() as u16,
            required: required as u16,
            captures: function.captures.len() as u16,
            self_register: function.self_local.map(|l| self.locals[l as usize]),
            first_temporary: self.first_temporary as Register,
            registers: self.peak as u16,
            instructions: self.instructions,
            spans: self.spans,
            variables: variables.into_iter().map(|(_, name, ty)| (Arc::clone(name), ty.cloned())).collect(),
            attributes: function.attributes.clone(),
            segments: Vec::new(),
            weight,
        }
    }

    /// Adds an instruction at the current place and gives its index.
    fn emit(&mut self, instruction: Instruction) -> usize {
        self.instructions.push(instruction);
        self.spans.push(self.span);
        self.instructions.len() - 1
    }

    /// The index of the next instruction. Beyond the bound it is wrong, and the function is refused.
    fn here(&self) -> Target {
        self.instructions.len().min(usize::from(Target::MAX)) as Target
    }

    /// Makes the jump at `index` go here.
    fn patch(&mut self, index: usize) {
        let here = self.here();
        set_target(&mut self.instructions[index], here);
    }

    fn patch_all(&mut self, jumps: Vec<usize>) {
        jumps.into_iter().for_each(|index| self.patch(index));
    }

    /// The next temporary. Beyond the bound it is wrong, and the function is refused.
    fn temporary(&mut self) -> Register {
        let register = self.next.min(REGISTERS_MAX) as Register;
        self.next += 1;
        self.peak = self.peak.max(self.next);
        register
    }

    fn register(&self, place: Place) -> Option<Register> {
        match place {
            Place::Local(id) => Some(self.locals[id as usize]),
            Place::Global(_) => None,
        }
    }
}

fn set_target(instruction: &mut Instruction, to: Target) {
    match instruction.target_mut() {
        Some(target) => *target = to,
        None => debug_assert!(false, "{instruction:?} does not jump"),
    }
}
