//! What the instructions of a program refer to by number: constants, names, shapes of indices, library functions.

use std::sync::Arc;

use nexus_tensor::OpDef;

use crate::ast::Name;
use crate::hashing::HashMap;
use crate::ir::{AxisShape, StepShape, TypeCheck};
use crate::vm::value::Value;

/// Tables of one program. Numbers are 16 bits; a table that outgrows them marks the program as too large.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) constants: Vec<Value>,
    strings: HashMap<Name, u32>,
    pub(super) names: Vec<Name>,
    name_ids: HashMap<Name, u16>,
    pub(super) records: Vec<Arc<[Name]>>,
    pub(super) axes: Vec<Vec<AxisShape>>,
    axes_ids: HashMap<Vec<AxisShape>, u16>,
    pub(super) paths: Vec<Vec<StepShape>>,
    pub(super) ops: Vec<&'static OpDef>,
    pub(super) checks: Vec<TypeCheck>,
    pub(super) library: Vec<Value>,
}

impl Pool {
    /// Whether a table has more entries than its numbers can name.
    pub(super) fn overflowed(&self) -> bool {
        let longest = [
            self.names.len(),
            self.records.len(),
            self.axes.len(),
            self.paths.len(),
            self.ops.len(),
            self.checks.len(),
            self.library.len(),
        ];
        longest.into_iter().any(|n| n > usize::from(u16::MAX))
    }

    pub(super) fn constant(&mut self, value: Value) -> u32 {
        self.constants.push(value);
        (self.constants.len() - 1) as u32
    }

    pub(super) fn string(&mut self, text: &Name) -> u32 {
        if let Some(&id) = self.strings.get(text) {
            return id;
        }
        let id = self.constant(Value::string(&**text));
        self.strings.insert(Arc::clone(text), id);
        id
    }

    pub(super) fn name(&mut self, name: &Name) -> u16 {
        if let Some(&id) = self.name_ids.get(name) {
            return id;
        }
        let id = push(&mut self.names, Arc::clone(name));
        self.name_ids.insert(Arc::clone(name), id);
        id
    }

    pub(super) fn record(&mut self, names: Vec<Name>) -> u16 {
        push(&mut self.records, names.into())
    }

    pub(super) fn axes(&mut self, axes: Vec<AxisShape>) -> u16 {
        if let Some(&id) = self.axes_ids.get(&axes) {
            return id;
        }
        let id = push(&mut self.axes, axes.clone());
        self.axes_ids.insert(axes, id);
        id
    }

    pub(super) fn path(&mut self, path: Vec<StepShape>) -> u16 {
        match self.paths.iter().rposition(|known| *known == path) {
            Some(id) if id <= usize::from(u16::MAX) => id as u16,
            _ => push(&mut self.paths, path),
        }
    }

    pub(super) fn op(&mut self, op: &'static OpDef) -> u16 {
        match self.ops.iter().position(|known| std::ptr::eq(*known, op)) {
            Some(id) => id as u16,
            None => push(&mut self.ops, op),
        }
    }

    pub(super) fn check(&mut self, check: TypeCheck) -> u16 {
        push(&mut self.checks, check)
    }

    pub(super) fn library(&mut self, function: Value) -> u16 {
        push(&mut self.library, function)
    }
}

fn push<T>(table: &mut Vec<T>, entry: T) -> u16 {
    table.push(entry);
    (table.len() - 1).min(usize::from(u16::MAX)) as u16
}
