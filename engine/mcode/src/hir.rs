//! The resolved tree: every name is a variable, a function or a piece of the library, calls of known functions have
//! their arguments bound to parameters, and sugar is gone. The checker and the code generator read it.

use nexus_model::DType;
use nexus_tensor::OpDef;

use crate::ast::{BinaryOperator, Comparison, Name, UnaryOperator};
use crate::library::BuiltinId;
use crate::report::FileId;
use crate::source::ByteSpan;

/// Index of a function of the program.
pub(crate) type FunctionId = u32;
/// Index of a variable of one function.
pub(crate) type LocalId = u32;
/// Index of a variable of the top level that functions read.
pub(crate) type GlobalId = u32;

/// A whole program: the main file and what it imports.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) functions: Vec<Function>,
    pub(crate) globals: Vec<Variable>,
    /// The top levels of the files, imported ones first; the last is the main file's.
    pub(crate) top_levels: Vec<FunctionId>,
    /// Named functions of the main file, in order.
    pub(crate) named: Vec<FunctionId>,
    /// Functions of the main file that its own top level mentions.
    pub(crate) used_by_top: Vec<FunctionId>,
    /// What the main file imports, by its names there, with the functions of each.
    pub(crate) imports: Vec<(Name, Vec<FunctionId>)>,
}

/// A function, an anonymous function, or the top level of a file.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Name,
    pub(crate) file: FileId,
    pub(crate) head: ByteSpan,
    pub(crate) params: Vec<Param>,
    /// Values taken from the surrounding function when the closure is made.
    pub(crate) captures: Vec<Capture>,
    /// The variable that holds the closure itself, where a nested function calls itself.
    pub(crate) self_local: Option<LocalId>,
    pub(crate) locals: Vec<Variable>,
    pub(crate) body: Vec<Statement>,
    pub(crate) returns: Option<Declared>,
    pub(crate) returns_span: ByteSpan,
    /// Names of dimensions in the types of this function; each has a hidden variable with its size.
    pub(crate) dims: Vec<(Name, LocalId)>,
    pub(crate) whens: Vec<When>,
    pub(crate) attributes: Attributes,
    /// A second form of code that stands elsewhere too: what is wrong with it is said there.
    pub(crate) is_copy: bool,
}

/// A variable.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: Name,
    pub(crate) span: ByteSpan,
}

/// A parameter.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) local: LocalId,
    pub(crate) declared: Option<Declared>,
    pub(crate) declared_text: String,
    pub(crate) default: Option<Expr>,
}

/// A captured value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture {
    pub(crate) outer: Place,
    pub(crate) inner: LocalId,
}

/// Where a variable lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Local(LocalId),
    Global(GlobalId),
}

/// `when change(x) … end`
#[derive(Debug)]
pub(crate) struct When {
    pub(crate) place: Place,
    pub(crate) body: Vec<Statement>,
}

/// What the attributes of a function say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    /// `@optimize`, with its strategy's id where it names one.
    pub optimize: Option<Option<String>>,
    /// `@profile`, with its name.
    pub profile: Option<String>,
    /// `@device`: `auto`, `cpu` or `gpu`.
    pub device: Option<String>,
    /// `@precision`: a profile's or float dtype's name.
    pub precision: Option<String>,
    /// `@check_finite`: the run stops at the first operation that makes NaN or infinity of finite numbers.
    pub check_finite: bool,
}

impl Attributes {
    /// Of a function without attributes.
    pub(crate) const NONE: Attributes =
        Attributes { optimize: None, profile: None, device: None, precision: None, check_finite: false };
}

/// A type as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Declared {
    Any,
    None,
    Bool,
    Int,
    Scalar,
    Str,
    List,
    Record,
    Function,
    Tensor { dtype: Option<DType>, dims: Option<Vec<DeclaredDim>> },
}

/// The size of an axis as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DeclaredDim {
    Any,
    Known(usize),
    /// Index into the function's `dims`.
    Named(usize),
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) span: ByteSpan,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    /// `x = e`
    Bind {
        place: Place,
        declared: Option<Declared>,
        /// Where the declared type stands.
        annotation: Option<ByteSpan>,
        value: Expr,
    },
    /// `x[i].f = e`
    Assign {
        place: Place,
        path: Vec<Step>,
        value: Expr,
        target: ByteSpan,
    },
    Expr(Expr),
    If {
        branches: Vec<(Expr, Vec<Statement>)>,
        otherwise: Vec<Statement>,
    },
    While {
        condition: Expr,
        body: Vec<Statement>,
    },
    For {
        place: Place,
        iterable: Expr,
        body: Vec<Statement>,
        /// A `parallel for` whose iterations can run beside each other.
        spread: Option<Box<Spread>>,
    },
    /// Index into the function's `whens`: from here on it watches.
    When(usize),
    Break,
    Continue,
    Return(Option<Expr>),
}

/// The iterations of a `parallel for` as calls.
#[derive(Debug)]
pub(crate) struct Spread {
    /// Takes the item and gives what the iteration noted of its updates.
    pub(crate) function: FunctionId,
    /// The variable for what all iterations gave, in their order.
    pub(crate) results: LocalId,
    /// Makes the updates.
    pub(crate) replay: Vec<Statement>,
}

/// A step from a value to a part of it.
#[derive(Debug)]
pub(crate) enum Step {
    Field(Name),
    Index(Vec<Axis>),
}

/// An index for one axis.
#[derive(Debug)]
pub(crate) enum Axis {
    All,
    Expr(Expr),
    /// A range with an open end; a missing start, end or step is `None`.
    Open {
        start: Option<Expr>,
        end: Option<Expr>,
        closed: bool,
        step: Option<Expr>,
    },
}

/// An expression.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: ByteSpan,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    /// Something that was already reported.
    Invalid,
    None,
    Bool(bool),
    Int(i64),
    Scalar(f64),
    Str(Name),
    Read(Place),
    /// A named function of the program as a value.
    Function(FunctionId),
    /// An anonymous or nested function: a value with its captures.
    Closure(FunctionId),
    /// A function of the library as a value.
    Op(&'static OpDef),
    Builtin(BuiltinId),
    List(Vec<Expr>),
    Record(Vec<(Name, Expr)>),
    Unary(UnaryOperator, Box<Expr>),
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    Compare(Vec<Expr>, Vec<Comparison>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Range {
        start: Box<Expr>,
        end: Box<Expr>,
        closed: bool,
        step: Option<Box<Expr>>,
    },
    /// One argument a parameter; `None` takes the default.
    CallFunction(FunctionId, Vec<Option<Expr>>),
    /// One argument a parameter; `None` is left out.
    CallOp(&'static OpDef, Vec<Option<Expr>>),
    CallBuiltin(BuiltinId, Vec<Expr>),
    CallValue(Box<Expr>, Vec<Expr>),
    /// `map`, `filter`, `reduce`: the function, what it goes over, and where a reduction starts.
    Fold(Fold, Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    Index(Box<Expr>, Vec<Axis>),
    Field(Box<Expr>, Name),
    Spawn(Box<Expr>),
    Await(Box<Expr>),
}

/// Functions that go over a list with a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Map,
    Filter,
    Reduce,
}

impl Fold {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Fold::Map => "map",
            Fold::Filter => "filter",
            Fold::Reduce => "reduce",
        }
    }
}
