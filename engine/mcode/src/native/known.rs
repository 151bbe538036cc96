//! What is known of a register's value while native code is made, and the places where native code is left.

use nexus_jit::ir::{Element, Type};
use nexus_tensor::Elements;

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
    /// The list or tensor with this number among the function's arrays.
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

/// What an array is to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Layout {
    List,
    /// A tensor with one axis.
    Vector,
    /// A tensor with two.
    Matrix,
}

/// What native code knows of an array before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ArrayKind {
    pub(crate) element: Element,
    pub(crate) layout: Layout,
}

/// How the items of a list, or the elements of a tensor, can be gone over as an array; `None` where they cannot.
pub(crate) fn kind_of(value: &Value) -> Option<ArrayKind> {
    match value {
        Value::List(list) => {
            let element = match list.held() {
                Items::Ints(_) => Element::Int,
                Items::Scalars(_) => Element::Scalar,
                Items::Bools(_) => Element::Bool,
                Items::Values(_) => return None,
            };
            Some(ArrayKind { element, layout: Layout::List })
        }
        Value::Tensor(tensor) => {
            let layout = match tensor.rank() {
                1 => Layout::Vector,
                // Native code counts rows by the length of one, which says nothing where rows are empty.
                2 if tensor.shape()[1] > 0 => Layout::Matrix,
                _ => return None,
            };
            let element = match tensor.elements()? {
                Elements::F64(_) => Element::Scalar,
                Elements::F32(_) => Element::Single,
                Elements::I64(_) => Element::Int,
            };
            Some(ArrayKind { element, layout })
        }
        _ => None,
    }
}

/// A list or tensor that native code works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ArrayPlace {
    /// Where it is when the code begins, and still is when it ends.
    pub(crate) register: Register,
    pub(crate) kind: ArrayKind,
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
