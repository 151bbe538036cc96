//! A whole program in register code: its functions ([`crate::ir`]) and what they refer to by number.

use std::sync::Arc;

use nexus_tensor::OpDef;

use crate::ast::Name;
use crate::hir::{FunctionId, GlobalId};
use crate::ir::{AxisShape, FunctionCode, Instruction, StepShape, TypeCheck};
use crate::source::Source;
use crate::vm::value::Value;

/// What the entry of a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The statements of the top level; their last value is the result.
    TopLevel,
    /// A function that is called when the top level is through.
    Function(FunctionId),
}

/// A whole program.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) sources: Vec<Source>,
    pub(crate) functions: Vec<FunctionCode>,
    pub(crate) constants: Vec<Value>,
    pub(crate) names: Vec<Name>,
    pub(crate) records: Vec<Arc<[Name]>>,
    pub(crate) axes: Vec<Vec<AxisShape>>,
    pub(crate) paths: Vec<Vec<StepShape>>,
    pub(crate) ops: Vec<&'static OpDef>,
    pub(crate) checks: Vec<TypeCheck>,
    /// Library functions that are used as values.
    pub(crate) library: Vec<Value>,
    pub(crate) globals: Vec<Name>,
    /// A piece of a program: its variables are wanted when it has run.
    pub(crate) keeps_variables: bool,
    /// In the order in which they run.
    pub(crate) top_levels: Vec<FunctionId>,
    pub(crate) entry: Entry,
}

impl Image {
    /// Whether calls may run beside each other somewhere in it.
    pub(crate) fn spreads(&self) -> bool {
        let spreads = |i: &Instruction| matches!(i, Instruction::Defer { .. } | Instruction::FanOut { .. });
        self.functions.iter().any(|function| function.instructions.iter().any(spreads))
    }

    /// Whether it may call external modules.
    pub(crate) fn calls_modules(&self) -> bool {
        self.sources.iter().any(|source| source.is_interface)
    }

    /// What a function is called in a profile: `fib (line 3)`.
    pub(crate) fn label(&self, id: FunctionId) -> String {
        let Some(code) = self.functions.get(id as usize) else { return String::new() };
        let line = self.sources.get(usize::from(code.file)).map_or(0, |source| source.locate(code.head).line);
        format!("{} (line {line})", code.name)
    }

    /// The name of a global.
    pub(crate) fn global(&self, id: GlobalId) -> &str {
        &self.globals[id as usize]
    }
}
