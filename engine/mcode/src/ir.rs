//! The intermediate representation: register code.
//!
//! A function is a list of eight-byte instructions over its own window of registers: parameters first, then captured
//! values, then variables, then temporaries. A temporary is written once and read once; the machine may take the value
//! out of it. Calls put their arguments into consecutive temporaries, which become the first registers of the callee's
//! window, and the result comes back in the first of them.
//!
//! Optimising levels read and rewrite this form; it says nothing of how it is run.

use std::sync::Arc;

use nexus_tensor::ArgType;

use crate::ast::Name;
use crate::hir::{Attributes, Declared};
pub(crate) use crate::image::{Entry, Image};
pub(crate) use crate::instruction::{ChainOperator, Instruction, Operators};
use crate::report::FileId;
use crate::source::ByteSpan;

/// A register of the function's window.
pub(crate) type Register = u16;
/// An instruction of the function.
pub(crate) type Target = u16;

/// Instructions and registers that one function may have.
pub(crate) const CODE_MAX: usize = 60_000;
/// Registers that one function may have. A window is sixteen bytes a register for every call that is open.
pub(crate) const REGISTERS_MAX: usize = 4_000;

/// What is between the brackets of an index, for one axis; ends that are given are values from the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AxisShape {
    All,
    Value,
    Range { start: bool, end: bool, step: bool, closed: bool },
}

impl AxisShape {
    /// How many values it takes.
    pub(crate) fn values(self) -> usize {
        match self {
            AxisShape::All => 0,
            AxisShape::Value => 1,
            AxisShape::Range { start, end, step, .. } => [start, end, step].into_iter().filter(|g| *g).count(),
        }
    }
}

/// A step of the path of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum StepShape {
    Field(Name),
    Index(Vec<AxisShape>),
}

/// The type that a value must have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeCheck {
    pub(crate) declared: Declared,
    /// What is checked, for the message: "the argument `n`".
    pub(crate) what: String,
    /// Registers with the sizes of the function's named dimensions.
    pub(crate) dims: Vec<(Name, Register)>,
}

/// Instructions that can be evaluated together by the tensor engine. They are in one block, behind a `Fuse`.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// The first instruction and the one behind the last.
    pub(crate) range: std::ops::Range<usize>,
    /// Registers that are read before they are written.
    pub(crate) inputs: Vec<Register>,
    /// Registers that are written in it and needed behind it.
    pub(crate) results: Vec<Register>,
    /// Registers whose value from before is not needed behind it: tensors in them may be worked on in place.
    pub(crate) spent: Vec<Register>,
    /// Tries in a row for which the operands were not tensors.
    pub(crate) misses: Arc<std::sync::atomic::AtomicU32>,
    /// What was found to compute instead, by what the region was.
    pub(crate) cheaper: Arc<std::sync::Mutex<crate::vm::fuse::cheaper::Searched>>,
}

/// The code of one function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionCode {
    pub(crate) name: Name,
    pub(crate) file: FileId,
    pub(crate) head: ByteSpan,
    pub(crate) params: u16,
    /// Of these, how many must be given.
    pub(crate) required: u16,
    pub(crate) captures: u16,
    /// Where a closure finds itself.
    pub(crate) self_register: Option<Register>,
    pub(crate) first_temporary: Register,
    pub(crate) registers: u16,
    pub(crate) instructions: Vec<Instruction>,
    /// The place of each instruction.
    pub(crate) spans: Vec<ByteSpan>,
    /// Names and inferred types of the variables, for printing.
    pub(crate) variables: Vec<(Name, Option<ArgType>)>,
    pub(crate) attributes: Attributes,
    /// What `Fuse` refers to.
    pub(crate) segments: Vec<Segment>,
    /// How much work a call is, in instructions: a call, a loop or an operation on tensors counts a thousand. The same
    /// at every level, because it decides which random streams there are.
    pub(crate) weight: u32,
}

impl FunctionCode {
    /// How the function is called in messages.
    pub(crate) fn called(&self) -> String {
        if self.name.contains(' ') { self.name.to_string() } else { format!("`{}`", self.name) }
    }
}
