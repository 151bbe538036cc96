//! The registers that an instruction names, for passes that give them other numbers. What is read and written, and in
//! which range, is in [`crate::flow`].

use crate::ir::{Instruction, Register};

/// Every register that stands in an instruction; ranges by their first.
pub(super) fn named(instruction: &mut Instruction) -> [Option<&mut Register>; 3] {
    use Instruction as I;
    let [mut a, mut b, mut c] = [const { None }; 3];
    match instruction {
        I::Copy { to, from } | I::Take { to, from } | I::Spawn { to, from } | I::Await { to, from } => {
            (a, b) = (Some(to), Some(from));
        }
        I::Int { to, .. }
        | I::Constant { to, .. }
        | I::None { to }
        | I::Bool { to, .. }
        | I::Clear { to }
        | I::GetGlobal { to, .. }
        | I::TakeGlobal { to, .. }
        | I::LibraryFunction { to, .. } => a = Some(to),
        I::SetGlobal { from, .. } | I::Return { from } => a = Some(from),
        I::Add { to, a: x, b: y }
        | I::Subtract { to, a: x, b: y }
        | I::Multiply { to, a: x, b: y }
        | I::Binary { to, a: x, b: y, .. }
        | I::Compare { to, a: x, b: y, .. }
        | I::And { to, a: x, b: y }
        | I::Or { to, a: x, b: y } => (a, b, c) = (Some(to), Some(x), Some(y)),
        I::AddInt { to, a: x, .. } | I::Negate { to, a: x } | I::Not { to, a: x } => (a, b) = (Some(to), Some(x)),
        // Made last, when registers have their numbers.
        I::Chain { .. }
        | I::ItemChain { .. }
        | I::ProductSum { .. }
        | I::LongChain { .. }
        | I::ProductSumChain { .. }
        | I::ItemPair { .. }
        | I::ChainToItem { .. }
        | I::Again { .. }
        | I::AgainIf { .. }
        | I::AgainIfInt { .. }
        | I::StepIf { .. }
        | I::StepIfInt { .. } => {}
        I::Jump { .. } | I::Loop { .. } | I::Count | I::Fuse { .. } | I::ReturnNone => {}
        I::JumpIf { condition, .. } => a = Some(condition),
        I::JumpIfBool { value, .. } => a = Some(value),
        I::JumpUnless { a: x, b: y, .. } | I::JumpIfSame { a: x, b: y, .. } => (a, b) = (Some(x), Some(y)),
        I::JumpUnlessInt { a: x, .. } => a = Some(x),
        I::JumpIfSet { register, .. }
        | I::CheckSet { register, .. }
        | I::CheckType { register, .. }
        | I::CheckInt { register, .. } => a = Some(register),
        I::CallBlock { back, .. } | I::ReturnBlock { back } => a = Some(back),
        I::LoopStart { base } | I::LoopRange { base, .. } => a = Some(base),
        I::LoopNext { base, item, .. } => (a, b) = (Some(base), Some(item)),
        I::Range { to, start, .. }
        | I::List { to, start, .. }
        | I::Record { to, start, .. }
        | I::Closure { to, start, .. }
        | I::CallOp { to, start, .. }
        | I::CallBuiltin { to, start, .. }
        | I::Slice { to, start, .. } => (a, b) = (Some(to), Some(start)),
        I::Append { list, item } => (a, b) = (Some(list), Some(item)),
        I::Call { start, .. } => a = Some(start),
        I::CallValue { callee, start, .. } | I::Defer { callee, start, .. } => (a, b) = (Some(callee), Some(start)),
        I::Index { to, object, index } => (a, b, c) = (Some(to), Some(object), Some(index)),
        I::Field { to, object, .. } => (a, b) = (Some(to), Some(object)),
        I::SetIndex { object, index, value } => (a, b, c) = (Some(object), Some(index), Some(value)),
        I::SetPath { object, start, .. } => (a, b) = (Some(object), Some(start)),
        I::FanOut { callee, list, .. } => (a, b) = (Some(callee), Some(list)),
    }
    [a, b, c]
}

/// The register that receives the result of an instruction that does nothing but compute one.
pub(super) fn result_of(instruction: &mut Instruction) -> Option<&mut Register> {
    use Instruction as I;
    match instruction {
        I::Copy { to, .. }
        | I::Int { to, .. }
        | I::Constant { to, .. }
        | I::Bool { to, .. }
        | I::None { to }
        | I::GetGlobal { to, .. }
        | I::Add { to, .. }
        | I::Subtract { to, .. }
        | I::Multiply { to, .. }
        | I::AddInt { to, .. }
        | I::Binary { to, .. }
        | I::Compare { to, .. }
        | I::Negate { to, .. }
        | I::Not { to, .. }
        | I::CallOp { to, .. }
        | I::CallBuiltin { to, .. }
        | I::Index { to, .. }
        | I::Slice { to, .. }
        | I::Field { to, .. } => Some(to),
        _ => None,
    }
}
