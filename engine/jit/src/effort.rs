//! What compiling a unit takes, and what running it does, guessed from its operations.

use crate::ir::{Elementary, Function, IntOperator, Operation, ScalarOperator, Unit};
use crate::native::written_out;

/// What an operation takes at most, nearly always: a plain one, one that may wait for memory, a division, a function.
const PLAIN_NS: u64 = 1;
const MEMORY_NS: u64 = 5;
const DIVISION_NS: u64 = 10;
const FUNCTION_NS: u64 = 50;

/// How much there is to compile in a unit: its operations, and the variables that each way out of it writes down. What
/// compiling takes is nearly proportional to it.
pub fn weight(unit: &Unit) -> usize {
    let unit = written_out(unit);
    let operations =
        |function: &Function| function.blocks.iter().map(|block| block.operations.len() + 1).sum::<usize>();
    let ways_out = |function: &Function| function.exits.iter().map(|exit| exit.live.len() + 1).sum::<usize>();
    unit.functions.iter().map(|function| operations(function) + ways_out(function)).sum()
}

/// What goes by until the next iteration is counted, in nanoseconds: between two of them nothing is done twice, so that it
/// is at most what all operations of the largest function take. Never 0.
pub(crate) fn iteration_ns(unit: &Unit) -> u64 {
    let all = |function: &Function| {
        let operations = function.blocks.iter().flat_map(|block| &block.operations);
        operations.map(operation_ns).sum::<u64>() + function.blocks.len() as u64 * PLAIN_NS
    };
    unit.functions.iter().map(all).max().unwrap_or(0).max(PLAIN_NS)
}

fn operation_ns(operation: &Operation) -> u64 {
    use Elementary as E;
    use Operation as O;
    match operation {
        O::Int { operator: IntOperator::FloorDivide | IntOperator::Remainder, .. }
        | O::Scalar { operator: ScalarOperator::Divide, .. }
        | O::Elementary { function: E::Sqrt, .. }
        | O::RangeCount { .. } => DIVISION_NS,
        O::Int { operator: IntOperator::Power, .. } => FUNCTION_NS,
        O::Int { .. } => PLAIN_NS,
        O::Scalar { operator: ScalarOperator::Add | ScalarOperator::Subtract | ScalarOperator::Multiply, .. } => {
            PLAIN_NS
        }
        O::Elementary { function: E::Negate | E::Absolute | E::Floor | E::Ceil | E::Trunc, .. } => PLAIN_NS,
        O::Scalar { .. } | O::Elementary { .. } => FUNCTION_NS,
        O::Load { .. } | O::Store { .. } | O::Call { .. } => MEMORY_NS,
        _ => PLAIN_NS,
    }
}
