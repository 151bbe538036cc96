//! What operations assign and read, and where blocks go on.

use crate::ir::{BlockId, End, Operation, Variable};

impl Operation {
    /// The variable that it assigns.
    pub(crate) fn target(&self) -> Option<Variable> {
        use Operation as O;
        match *self {
            O::Constant { to, .. }
            | O::Copy { to, .. }
            | O::Int { to, .. }
            | O::Scalar { to, .. }
            | O::NegateInt { to, .. }
            | O::ToScalar { to, .. }
            | O::ToInt { to, .. }
            | O::Elementary { to, .. }
            | O::CompareInt { to, .. }
            | O::CompareScalar { to, .. }
            | O::CompareMixed { to, .. }
            | O::CompareBool { to, .. }
            | O::Not { to, .. }
            | O::And { to, .. }
            | O::Or { to, .. }
            | O::Choose { to, .. }
            | O::RangeCount { to, .. }
            | O::WrappingAdd { to, .. }
            | O::WrappingSubtract { to, .. }
            | O::Length { to, .. }
            | O::Columns { to, .. }
            | O::LoopsLeft { to }
            | O::Load { to, .. } => Some(to),
            O::Call { to, .. } => to,
            O::Store { .. } | O::OpenCall { .. } | O::CountLoop { .. } | O::CountGranted => None,
        }
    }

    /// Whether it counts an iteration.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Operation::CountLoop { .. } | Operation::CountGranted)
    }

    /// The variables that an int or a conversion is made of, in order.
    pub(crate) fn operands(&self) -> [Option<Variable>; 3] {
        use Operation as O;
        match *self {
            O::Copy { from, .. } | O::ToScalar { from, .. } => [Some(from), None, None],
            O::NegateInt { a, .. } => [Some(a), None, None],
            O::Int { a, b, .. } | O::WrappingAdd { a, b, .. } | O::WrappingSubtract { a, b, .. } => {
                [Some(a), Some(b), None]
            }
            O::Choose { then, otherwise, .. } => [Some(then), Some(otherwise), None],
            O::RangeCount { start, end, step, .. } => [Some(start), Some(end), Some(step)],
            _ => [None; 3],
        }
    }
}

impl End {
    /// Goes on in another block wherever it went on in `from`.
    pub(crate) fn redirect(&mut self, from: BlockId, to: BlockId) {
        let targets = match self {
            End::Jump(next) => [Some(next), None],
            End::Branch { then, otherwise, .. } => [Some(then), Some(otherwise)],
            End::Return(_) | End::Exit(_) => [None, None],
        };
        targets.into_iter().flatten().filter(|target| **target == from).for_each(|target| *target = to);
    }

    /// The blocks that it goes on in.
    pub(crate) fn successors(&self) -> [Option<BlockId>; 2] {
        match *self {
            End::Jump(next) => [Some(next), None],
            End::Branch { then, otherwise, .. } => [Some(then), Some(otherwise)],
            End::Return(_) | End::Exit(_) => [None; 2],
        }
    }
}
