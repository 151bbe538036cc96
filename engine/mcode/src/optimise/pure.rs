//! What the optimiser may share, move and leave out: operations that give the same for the same operands and do nothing
//! else, and what each of them is to the tensor engine.

use nexus_tensor::{BinaryOp, OpDef, ReduceOp, UnaryOp};

use crate::ir::{Image, Instruction};

/// What an operation of the library is to a fused region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elementwise {
    Unary(UnaryOp),
    Binary(BinaryOp),
    /// Of a mask and two tensors or numbers.
    Select,
    /// Of a tensor and two bounds, each of which may be missing.
    Clip,
    /// Of a tensor and the slope below zero, which may be missing.
    LeakyRelu,
    /// Of two tensors or numbers and two tolerances, which may be missing.
    IsClose,
    /// Over axes, which may stay.
    Reduce(ReduceOp),
}

/// The elementwise operation or reduction behind an operation of the library.
pub(crate) fn elementwise(op: &OpDef) -> Option<Elementwise> {
    use Elementwise::{Binary, Clip, IsClose, LeakyRelu, Reduce, Select, Unary};
    Some(match op.name {
        "tensor.exp" => Unary(UnaryOp::Exp),
        "tensor.expm1" => Unary(UnaryOp::Expm1),
        "tensor.log" => Unary(UnaryOp::Log),
        "tensor.log1p" => Unary(UnaryOp::Log1p),
        "tensor.log2" => Unary(UnaryOp::Log2),
        "tensor.log10" => Unary(UnaryOp::Log10),
        "tensor.sqrt" => Unary(UnaryOp::Sqrt),
        "tensor.rsqrt" => Unary(UnaryOp::Rsqrt),
        "tensor.square" => Unary(UnaryOp::Square),
        "tensor.neg" => Unary(UnaryOp::Neg),
        "tensor.abs" => Unary(UnaryOp::Abs),
        "tensor.sign" => Unary(UnaryOp::Sign),
        "tensor.floor" => Unary(UnaryOp::Floor),
        "tensor.ceil" => Unary(UnaryOp::Ceil),
        "tensor.round" => Unary(UnaryOp::Round),
        "tensor.sin" => Unary(UnaryOp::Sin),
        "tensor.cos" => Unary(UnaryOp::Cos),
        "tensor.tan" => Unary(UnaryOp::Tan),
        "tensor.asin" => Unary(UnaryOp::Asin),
        "tensor.acos" => Unary(UnaryOp::Acos),
        "tensor.atan" => Unary(UnaryOp::Atan),
        "tensor.sinh" => Unary(UnaryOp::Sinh),
        "tensor.cosh" => Unary(UnaryOp::Cosh),
        "tensor.tanh" => Unary(UnaryOp::Tanh),
        "tensor.erf" => Unary(UnaryOp::Erf),
        "tensor.relu" => Unary(UnaryOp::Relu),
        "tensor.gelu" => Unary(UnaryOp::Gelu),
        "tensor.silu" => Unary(UnaryOp::Silu),
        "tensor.sigmoid" => Unary(UnaryOp::Sigmoid),
        "tensor.softplus" => Unary(UnaryOp::Softplus),
        "tensor.isnan" => Unary(UnaryOp::IsNan),
        "tensor.isfinite" => Unary(UnaryOp::IsFinite),
        "tensor.logical_not" => Unary(UnaryOp::Not),
        "tensor.add" => Binary(BinaryOp::Add),
        "tensor.subtract" => Binary(BinaryOp::Sub),
        "tensor.multiply" => Binary(BinaryOp::Mul),
        "tensor.divide" => Binary(BinaryOp::Div),
        "tensor.pow" => Binary(BinaryOp::Pow),
        "tensor.maximum" => Binary(BinaryOp::Maximum),
        "tensor.minimum" => Binary(BinaryOp::Minimum),
        "tensor.atan2" => Binary(BinaryOp::Atan2),
        "tensor.logical_and" => Binary(BinaryOp::And),
        "tensor.logical_or" => Binary(BinaryOp::Or),
        "tensor.logical_xor" => Binary(BinaryOp::Xor),
        "tensor.where" => Select,
        "tensor.clip" => Clip,
        "tensor.leaky_relu" => LeakyRelu,
        "tensor.isclose" => IsClose,
        "tensor.sum" => Reduce(ReduceOp::Sum),
        "tensor.mean" => Reduce(ReduceOp::Mean),
        "tensor.prod" => Reduce(ReduceOp::Prod),
        "tensor.max" => Reduce(ReduceOp::Max),
        "tensor.min" => Reduce(ReduceOp::Min),
        "tensor.any" => Reduce(ReduceOp::Any),
        "tensor.all" => Reduce(ReduceOp::All),
        _ => return None,
    })
}

/// The elementwise operation behind a function on numbers that takes tensors too.
pub(crate) fn elementwise_builtin(name: &str) -> Option<UnaryOp> {
    Some(match name {
        "math.sqrt" => UnaryOp::Sqrt,
        "math.exp" => UnaryOp::Exp,
        "math.expm1" => UnaryOp::Expm1,
        "math.log" => UnaryOp::Log,
        "math.log1p" => UnaryOp::Log1p,
        "math.log2" => UnaryOp::Log2,
        "math.log10" => UnaryOp::Log10,
        "math.sin" => UnaryOp::Sin,
        "math.cos" => UnaryOp::Cos,
        "math.tan" => UnaryOp::Tan,
        "math.asin" => UnaryOp::Asin,
        "math.acos" => UnaryOp::Acos,
        "math.atan" => UnaryOp::Atan,
        "math.sinh" => UnaryOp::Sinh,
        "math.cosh" => UnaryOp::Cosh,
        "math.tanh" => UnaryOp::Tanh,
        "math.erf" => UnaryOp::Erf,
        "math.floor" => UnaryOp::Floor,
        "math.ceil" => UnaryOp::Ceil,
        "math.sign" => UnaryOp::Sign,
        "abs" | "math.abs" => UnaryOp::Abs,
        _ => return None,
    })
}

/// Operations beside the elementwise ones that give the same for the same operands. What draws numbers, reads files or
/// calls functions of the program is not among them.
const PURE_OPS: [&str; 33] = [
    "tensor.zeros",
    "tensor.ones",
    "tensor.full",
    "tensor.eye",
    "tensor.arange",
    "tensor.linspace",
    "tensor.from_list",
    "tensor.reshape",
    "tensor.transpose",
    "tensor.flatten",
    "tensor.stack",
    "tensor.concat",
    "tensor.matmul",
    "tensor.dot",
    "tensor.var",
    "tensor.std",
    "tensor.norm",
    "tensor.argmax",
    "tensor.argmin",
    "tensor.cumsum",
    "tensor.softmax",
    "tensor.sort",
    "linalg.inv",
    "linalg.det",
    "linalg.solve",
    "linalg.svd",
    "linalg.qr",
    "linalg.lu",
    "linalg.eigh",
    "linalg.eig",
    "linalg.cholesky",
    "linalg.norm",
    "linalg.pinv",
];

/// Functions on numbers that give the same for the same operands.
const PURE_BUILTINS: [&str; 12] = [
    "len",
    "scalar",
    "int",
    "min",
    "max",
    "math.pow",
    "math.atan2",
    "math.hypot",
    "math.gcd",
    "math.cbrt",
    "math.isnan",
    "math.isfinite",
];

/// Whether an instruction does nothing but compute its result from its operands, the same each time. It may fail.
pub(super) fn is_pure(image: &Image, instruction: Instruction) -> bool {
    use Instruction as I;
    match instruction {
        I::Int { .. }
        | I::Constant { .. }
        | I::Bool { .. }
        | I::None { .. }
        | I::Copy { .. }
        | I::Add { .. }
        | I::Subtract { .. }
        | I::Multiply { .. }
        | I::AddInt { .. }
        | I::Binary { .. }
        | I::Compare { .. }
        | I::Negate { .. }
        | I::Not { .. }
        | I::Index { .. }
        | I::Slice { .. }
        | I::Field { .. } => true,
        I::CallOp { op, .. } => {
            let op = image.ops[usize::from(op)];
            elementwise(op).is_some() || PURE_OPS.contains(&op.name)
        }
        I::CallBuiltin { builtin, .. } => {
            let name = crate::library::builtin(builtin).name;
            elementwise_builtin(name).is_some() || PURE_BUILTINS.contains(&name)
        }
        _ => false,
    }
}

/// Whether a result is worth keeping: copying it costs far less than computing it again.
pub(super) fn is_dear(image: &Image, instruction: Instruction) -> bool {
    use crate::ast::BinaryOperator as B;
    match instruction {
        Instruction::CallOp { .. } | Instruction::Slice { .. } => is_pure(image, instruction),
        Instruction::Binary { operator, .. } => matches!(operator, B::Product | B::Power),
        _ => false,
    }
}

/// Whether an instruction only puts a value that cannot fail into its register.
pub(super) fn is_harmless(instruction: Instruction) -> bool {
    use Instruction as I;
    matches!(
        instruction,
        I::Int { .. } | I::Constant { .. } | I::Bool { .. } | I::None { .. } | I::Copy { .. } | I::Clear { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_elementwise_function_of_the_specification_is_fused() {
        let functions = "exp log log1p expm1 sqrt rsqrt pow abs sign floor ceil round clip sin cos tan asin acos atan atan2 \
                         sinh cosh tanh erf relu gelu silu sigmoid softplus leaky_relu";
        let beside = "add subtract multiply divide square neg log2 log10 maximum minimum logical_and logical_or \
                      logical_xor logical_not isnan isfinite isclose where";
        for name in functions.split_whitespace().chain(beside.split_whitespace()) {
            let name = format!("tensor.{name}");
            let op = nexus_tensor::find(&name).unwrap_or_else(|| panic!("{name} exists"));
            assert!(elementwise(op).is_some(), "{name}");
        }
    }
}
