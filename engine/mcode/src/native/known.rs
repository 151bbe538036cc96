//! What is known of a register's value while native code is made, and the places where native code is left.

use nexus_jit::ir::{Element, Type};

use crate::hir::FunctionId;
use crate::ir::Register;
use crate::vm::list::Items;
use crate::vm::value::Value;

/// What a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Known {
    /// Whatever it is, nobody asks.
    Dead,
    Absent,
    None,
    Int,
    Scalar,
    Bool,
    /// The list with this number among the function's arrays.
    Array(u16),
    /// A value that native code does not touch: it stays in the machine's register.
    Opaque,
}

impl Known {
    /// The type of a number or bool.
    pub(crate) fn ty(self) -> Option<Type> {
        match self {
            Known::Int => Some(Type::Int),
            Known::Scalar => Some(Type::Scalar),
            Known::Bool => Some(Type::Bool),
            _ => None,
        }
    }

    /// What holds of a number of this type.
    pub(crate) fn of_type(ty: Type) -> Known {
        match ty {
            Type::Int => Known::Int,
            Type::Scalar => Known::Scalar,
            Type::Bool => Known::Bool,
        }
    }
}

/// How the items of a list can be gone over as an array; `None` where they cannot.
pub(crate) fn element_of(value: &Value) -> Option<Element> {
    let Value::List(list) = value else { return None };
    match list.held() {
        Items::Ints(_) => Some(Element::Int),
        Items::Scalars(_) => Some(Element::Scalar),
        Items::Bools(_) => Some(Element::Bool),
        Items::Values(_) => None,
    }
}

/// A list that native code works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ArrayPlace {
    /// Where it is when the code begins, and still is when it ends.
    pub(crate) register: Register,
    pub(crate) element: Element,
    pub(crate) writable: bool,
}

/// A place where native code is left.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) function: FunctionId,
    /// The instruction that the machine goes on with; nothing of it has happened.
    pub(crate) pc: usize,
    /// What the registers hold that are needed there. Those with a type take their values from the exit, in order.
    pub(crate) registers: Vec<(Register, Known)>,
    /// Where the lists of the function are.
    pub(crate) arrays: std::sync::Arc<[Register]>,
    /// Whether the machine is needed for what native code cannot do, not only for an error or the end of the loop.
    pub(crate) unsupported: bool,
}
