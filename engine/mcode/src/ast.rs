//! The syntax tree: what was written, with its places, nothing resolved.

use std::sync::Arc;

use crate::source::ByteSpan;

/// A name; the same text shares one allocation within a file.
pub(crate) type Name = Arc<str>;

/// A name with its place.
#[derive(Debug, Clone)]
pub(crate) struct Ident {
    pub(crate) name: Name,
    pub(crate) span: ByteSpan,
}

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) body: Block,
}

/// Statements in order.
pub(crate) type Block = Vec<Statement>;

/// A statement with its place.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    pub(crate) span: ByteSpan,
}

/// How a variable is introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// `x = e`
    Assign,
    /// `let x = e`
    Let,
    /// `const x = e`
    Const,
}

/// What a statement does.
#[derive(Debug, Clone)]
pub(crate) enum StatementKind {
    /// `x = e`, `let x: T = e`, `const x = e`.
    Bind { binding: Binding, name: Ident, annotation: Option<TypeSyntax>, value: Expr },
    /// `a[i] = e`, `r.f = e`.
    Assign { target: Expr, value: Expr },
    /// `x += e`, `a[i] *= e`: the target is read, combined and assigned, its indices evaluated once.
    Update { target: Expr, operator: BinaryOperator, value: Expr },
    /// An expression for its effect or, last at the top level, for its value.
    Expr(Expr),
    /// `if … elseif … else … end`: conditions with their blocks in order.
    If { branches: Vec<(Expr, Block)>, otherwise: Option<Block> },
    /// `while c … end`
    While { condition: Expr, body: Block },
    /// `for x in e … end`, `parallel for x in e … end`.
    For { parallel: bool, name: Ident, iterable: Expr, body: Block },
    /// `when change(x) … end`
    When { name: Ident, body: Block },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return e`
    Return(Option<Expr>),
    /// `function f(…) … end`
    Function(Box<Function>),
    /// Adds a list of values to those that an iteration of a `parallel for` leaves behind. Nothing is written so: it takes
    /// the place of an update in the copy of the body that runs beside others.
    Note { values: Vec<Expr> },
    /// `import "path" as name`, `import module("name") as name`.
    Import { path: Name, path_span: ByteSpan, external: bool, alias: Option<Ident> },
}

/// A function with or without a name.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: Option<Ident>,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Option<TypeSyntax>,
    pub(crate) body: Block,
    pub(crate) attributes: Vec<Attribute>,
    /// From the first word to the end of the head, without the body.
    pub(crate) head: ByteSpan,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) name: Ident,
    pub(crate) annotation: Option<TypeSyntax>,
    pub(crate) default: Option<Expr>,
}

/// `@name(arguments)` before a function.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) span: ByteSpan,
}

/// A type as written: `int`, `tensor[f32, n, 4]`.
#[derive(Debug, Clone)]
pub(crate) struct TypeSyntax {
    pub(crate) name: Name,
    /// The words in brackets, where there are brackets.
    pub(crate) arguments: Vec<TypeArgument>,
    pub(crate) span: ByteSpan,
}

/// A word in the brackets of a type.
#[derive(Debug, Clone)]
pub(crate) enum TypeArgument {
    /// A dtype or the name of a dimension.
    Name(Ident),
    /// A size.
    Size(usize),
}

/// An expression with its place and the height of its tree.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: ByteSpan,
    pub(crate) height: u16,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    /// Something that was already reported.
    Invalid,
    None,
    Bool(bool),
    Int(i64),
    Scalar(f64),
    Str(Name),
    Name(Name),
    List(Vec<Expr>),
    Record(Vec<(Ident, Expr)>),
    Unary(UnaryOperator, Box<Expr>),
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// `a < b <= c`: the operands, and the comparisons between them.
    Compare(Vec<Expr>, Vec<Comparison>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `a |> f` and `a |> f(b)`.
    Pipe(Box<Expr>, Box<Expr>),
    Range {
        start: Box<Expr>,
        end: Box<Expr>,
        closed: bool,
        step: Option<Box<Expr>>,
    },
    Call(Box<Expr>, Vec<Argument>),
    Index(Box<Expr>, Vec<IndexSyntax>),
    Field(Box<Expr>, Ident),
    Lambda(Box<Function>),
    Spawn(Box<Expr>),
    Await(Box<Expr>),
    /// Round brackets, kept for the formatter and because `x |> (f(y))` is not `x |> f(y)`.
    Paren(Box<Expr>),
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub(crate) name: Option<Ident>,
    pub(crate) value: Expr,
}

/// What stands between the brackets of an index, for one axis.
#[derive(Debug, Clone)]
pub(crate) enum IndexSyntax {
    /// `:`
    All,
    /// `i`, a list, a mask, a range with both ends.
    Expr(Expr),
    /// `a..`, `..b`, `..`, each with or without `by s`.
    Open { start: Option<Expr>, end: Option<Expr>, closed: bool, step: Option<Expr> },
}

/// `-` and `not`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum UnaryOperator {
    Negate,
    Not,
}

/// The arithmetic operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Product,
    Power,
}

impl BinaryOperator {
    /// As it is written.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::FloorDivide => "//",
            BinaryOperator::Remainder => "%",
            BinaryOperator::Product => "@",
            BinaryOperator::Power => "**",
        }
    }
}

/// The comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    /// As it is written.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterEqual => ">=",
        }
    }
}
