//! The typed code that is compiled: functions over typed variables, in blocks, with exits.
//!
//! It is what a language's own optimiser hands over once every type is known. Nothing in it can fail silently: an
//! operation that has no result (an overflow, a division by zero, an index beyond the end) takes its *exit*, which ends
//! all native calls that are open and gives the values of the variables that the exit names back to the caller, who goes
//! on from there in its own way. This crate knows nothing of what an exit means.
//!
//! A variable has one type and any number of assignments; reading one that was never assigned gives zero.

use serde::Serialize;

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Type {
    /// 64-bit signed integer.
    Int,
    /// IEEE 754 double.
    Scalar,
    /// True or false.
    Bool,
}

/// The element type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Element {
    /// `i64`, read as [`Type::Int`].
    Int,
    /// `f64`, read as [`Type::Scalar`].
    Scalar,
    /// `bool`, read as [`Type::Bool`].
    Bool,
    /// `f32`, read and written as [`Type::Scalar`], rounded to the nearest when written.
    Single,
}

impl Element {
    /// The type that an element is read and written as.
    pub const fn value_type(self) -> Type {
        match self {
            Element::Int => Type::Int,
            Element::Scalar | Element::Single => Type::Scalar,
            Element::Bool => Type::Bool,
        }
    }
}

/// A variable of a function, by its place in [`Function::variables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Variable(pub u32);

/// An array of a function, by its place in [`Function::arrays`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Array(pub u32);

/// A block, by its place in [`Function::blocks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BlockId(pub u32);

/// An exit, by its place in [`Function::exits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ExitId(pub u32);

/// A function, by its place in [`Unit::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FunctionId(pub u32);

/// What a variable can be made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Constant {
    /// An integer.
    Int(i64),
    /// A double.
    Scalar(f64),
    /// A truth value.
    Bool(bool),
}

impl Constant {
    /// Its type.
    pub const fn ty(self) -> Type {
        match self {
            Constant::Int(_) => Type::Int,
            Constant::Scalar(_) => Type::Scalar,
            Constant::Bool(_) => Type::Bool,
        }
    }
}

/// Integer arithmetic; a result that does not fit takes the exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum IntOperator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// The largest integer not above the quotient; a zero divisor takes the exit.
    FloorDivide,
    /// What floor division leaves, with the sign of the divisor; a zero divisor takes the exit.
    Remainder,
    /// `a` to the power of `b`; a negative `b` takes the exit.
    Power,
}

/// Arithmetic on doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ScalarOperator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`; a zero divisor takes the exit.
    Divide,
    /// `floor(a / b)`; a zero divisor takes the exit.
    FloorDivide,
    /// What floor division leaves, with the sign of the divisor; a zero divisor takes the exit.
    Remainder,
    /// `a` to the power of `b`; zero to a negative power takes the exit.
    Power,
    /// The angle of the point (b, a).
    ArcTangent2,
    /// The length of the hypotenuse.
    Hypotenuse,
}

/// How two numbers compare. Every comparison with NaN but [`Order::NotEqual`] is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Order {
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterEqual,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
}

/// A function of one double. All are total; they give what Rust's own give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "they are named after the functions of f64")]
pub enum Elementary {
    Negate,
    Absolute,
    Sqrt,
    Floor,
    Ceil,
    Trunc,
    Exp,
    ExpM1,
    Ln,
    Ln1P,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Cbrt,
    Radians,
    Degrees,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "`to` is assigned, other variables are read; arrays and exits are the function's")]
pub enum Operation {
    Constant {
        to: Variable,
        value: Constant,
    },
    Copy {
        to: Variable,
        from: Variable,
    },
    Int {
        operator: IntOperator,
        to: Variable,
        a: Variable,
        b: Variable,
        exit: ExitId,
    },
    Scalar {
        operator: ScalarOperator,
        to: Variable,
        a: Variable,
        b: Variable,
        exit: ExitId,
    },
    /// `-a` of an int.
    NegateInt {
        to: Variable,
        a: Variable,
        exit: ExitId,
    },
    /// An int as the nearest double.
    ToScalar {
        to: Variable,
        from: Variable,
    },
    /// A double without its fraction as an int; NaN and what does not fit take the exit.
    ToInt {
        to: Variable,
        from: Variable,
        exit: ExitId,
    },
    Elementary {
        function: Elementary,
        to: Variable,
        a: Variable,
    },
    CompareInt {
        order: Order,
        to: Variable,
        a: Variable,
        b: Variable,
    },
    CompareScalar {
        order: Order,
        to: Variable,
        a: Variable,
        b: Variable,
    },
    /// An int and a double by their exact values; ints beyond 2^53 take the exit.
    CompareMixed {
        order: Order,
        to: Variable,
        int: Variable,
        scalar: Variable,
        exit: ExitId,
    },
    /// Whether two bools are equal, or are not.
    CompareBool {
        equal: bool,
        to: Variable,
        a: Variable,
        b: Variable,
    },
    Not {
        to: Variable,
        a: Variable,
    },
    And {
        to: Variable,
        a: Variable,
        b: Variable,
    },
    Or {
        to: Variable,
        a: Variable,
        b: Variable,
    },
    /// One of two ints, without a branch.
    Choose {
        to: Variable,
        condition: Variable,
        then: Variable,
        otherwise: Variable,
    },
    /// How many numbers `start..end` (or `start..=end`) by `step` has; a step of zero takes the exit.
    RangeCount {
        closed: bool,
        to: Variable,
        start: Variable,
        end: Variable,
        step: Variable,
        exit: ExitId,
    },
    /// `a` moved on by `b`, wrapping around: the caller knows that it is not read where it wrapped.
    WrappingAdd {
        to: Variable,
        a: Variable,
        b: Variable,
    },
    /// `a` less `b`, wrapping around in the same way.
    WrappingSubtract {
        to: Variable,
        a: Variable,
        b: Variable,
    },
    /// How many elements it has; of a matrix, how many rows.
    Length {
        to: Variable,
        array: Array,
    },
    /// How many elements a row of a matrix has.
    Columns {
        to: Variable,
        array: Array,
    },
    /// An element; an index beyond the ends takes the exit.
    Load {
        to: Variable,
        array: Array,
        index: Variable,
        /// In a matrix: the place in the row.
        column: Option<Variable>,
        /// Whether a negative index counts from the end; else it takes the exit, which is faster.
        from_end: bool,
        /// Whether it is certain that the index is inside and counts from the start: only this crate says so.
        is_inside: bool,
        exit: ExitId,
    },
    /// Changes an element, which is addressed in the same way.
    Store {
        array: Array,
        index: Variable,
        /// In a matrix: the place in the row.
        column: Option<Variable>,
        /// As for a load.
        from_end: bool,
        is_inside: bool,
        value: Variable,
        exit: ExitId,
    },
    /// Calls a function of the unit. The exit is taken before the call where no more calls may be open, and behind it
    /// where the callee left by an exit of its own.
    Call {
        function: FunctionId,
        arguments: Vec<Variable>,
        arrays: Vec<Array>,
        to: Option<Variable>,
        exit: ExitId,
        /// Inlined calls around it.
        open: u32,
    },
    /// Where an inlined call begins that is inside `open` others: the exit is taken where no more calls may be open.
    OpenCall {
        open: u32,
        exit: ExitId,
    },
    /// Counts an iteration; the exit is taken instead of the last one that the call was granted.
    CountLoop {
        exit: ExitId,
    },
    /// Counts an iteration that is known not to be the last one that was granted: only this crate says so.
    CountGranted,
    /// How many iterations are left of those that the call was granted, where they are counted.
    LoopsLeft {
        to: Variable,
    },
}

impl Operation {
    /// Goes over the variables, exits and arrays that it names.
    pub(crate) fn visit(
        &mut self,
        variable: &mut dyn FnMut(&mut Variable),
        exit: &mut dyn FnMut(&mut ExitId),
        array: &mut dyn FnMut(&mut Array),
    ) {
        use Operation as O;
        match self {
            O::Constant { to, .. } | O::LoopsLeft { to } => variable(to),
            O::Copy { to, from } | O::ToScalar { to, from } | O::Not { to, a: from } => {
                variable(to);
                variable(from);
            }
            O::Elementary { to, a, .. } => {
                variable(to);
                variable(a);
            }
            O::NegateInt { to, a, exit: e } | O::ToInt { to, from: a, exit: e } => {
                variable(to);
                variable(a);
                exit(e);
            }
            O::Int { to, a, b, exit: e, .. }
            | O::Scalar { to, a, b, exit: e, .. }
            | O::CompareMixed { to, int: a, scalar: b, exit: e, .. } => {
                [to, a, b].into_iter().for_each(variable);
                exit(e);
            }
            O::CompareInt { to, a, b, .. }
            | O::CompareScalar { to, a, b, .. }
            | O::CompareBool { to, a, b, .. }
            | O::And { to, a, b }
            | O::Or { to, a, b }
            | O::WrappingAdd { to, a, b }
            | O::WrappingSubtract { to, a, b } => [to, a, b].into_iter().for_each(variable),
            O::Choose { to, condition, then, otherwise } => {
                [to, condition, then, otherwise].into_iter().for_each(variable);
            }
            O::RangeCount { to, start, end, step, exit: e, .. } => {
                [to, start, end, step].into_iter().for_each(variable);
                exit(e);
            }
            O::Length { to, array: x } | O::Columns { to, array: x } => {
                variable(to);
                array(x);
            }
            O::Load { to: a, array: x, index: b, column, exit: e, .. }
            | O::Store { array: x, index: a, value: b, column, exit: e, .. } => {
                [a, b].into_iter().chain(column).for_each(variable);
                array(x);
                exit(e);
            }
            O::Call { arguments, arrays, to, exit: e, .. } => {
                arguments.iter_mut().chain(to).for_each(variable);
                arrays.iter_mut().for_each(array);
                exit(e);
            }
            O::OpenCall { exit: e, .. } | O::CountLoop { exit: e } => exit(e),
            O::CountGranted => {}
        }
    }
}

/// How a block ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum End {
    /// Goes on elsewhere.
    Jump(BlockId),
    /// Goes on in one of two blocks.
    Branch {
        /// A bool.
        condition: Variable,
        /// Where to go on if it is true.
        then: BlockId,
        /// Where to go on if it is not.
        otherwise: BlockId,
    },
    /// Ends the function with its result.
    Return(Option<Variable>),
    /// Leaves native code.
    Exit(ExitId),
}

/// Operations that run from the first to the last, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Block {
    /// In order.
    pub operations: Vec<Operation>,
    /// What is behind them.
    pub end: End,
}

/// A place where native code is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exit {
    /// What the caller knows the place by.
    pub site: u32,
    /// The variables whose values are given back, in this order.
    pub live: Vec<Variable>,
    /// In code that was inlined: the exit of the call that it stands for, which is taken behind this one.
    pub outer: Option<ExitId>,
}

/// An array that a function works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ArrayParameter {
    /// Type of its elements.
    pub element: Element,
    /// Whether the function changes it. Only the first function of a unit may: what a callee is given belongs to its
    /// caller.
    pub writable: bool,
}

/// A function. It begins in its first block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// What each variable holds.
    pub variables: Vec<Type>,
    /// Variables that are assigned by the caller.
    pub parameters: Vec<Variable>,
    /// Arrays that are given by the caller.
    pub arrays: Vec<ArrayParameter>,
    /// What it returns.
    pub result: Option<Type>,
    /// Its code.
    pub blocks: Vec<Block>,
    /// Its exits.
    pub exits: Vec<Exit>,
}

impl Function {
    /// Whether it calls functions of the unit.
    pub(crate) fn has_calls(&self) -> bool {
        self.blocks.iter().flat_map(|block| &block.operations).any(|o| matches!(o, Operation::Call { .. }))
    }
}

/// Functions that are compiled together; the first is the one that is called from outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    /// The functions.
    pub functions: Vec<Function>,
}
