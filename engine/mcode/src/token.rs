//! The words of the language: what the lexer makes and the parser reads.

use crate::ast::BinaryOperator;
use crate::source::ByteSpan;

/// A token with its place. Names, numbers and strings are read again from the source by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Where it is.
    pub(crate) span: ByteSpan,
}

macro_rules! tokens {
    ($( $(#[$doc:meta])* $name:ident = $text:literal ),* $(,)?) => {
        /// What a token is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum TokenKind { $( $(#[$doc])* $name ),* }

        impl TokenKind {
            /// How the token is called in messages.
            pub(crate) const fn describe(self) -> &'static str {
                match self { $( TokenKind::$name => $text ),* }
            }
        }
    };
}

tokens! {
    /// An identifier.
    Name = "a name",
    /// A whole number.
    Int = "a number",
    /// A number with a fraction or exponent.
    Scalar = "a number",
    /// A string, quotes included.
    Str = "a string",
    /// The end of a line.
    Newline = "the end of the line",
    /// The end of the text.
    End = "the end of the file",
    /// Something that was already reported.
    Invalid = "something unreadable",
    KwFunction = "`function`",
    KwEnd = "`end`",
    KwIf = "`if`",
    KwElseif = "`elseif`",
    KwElse = "`else`",
    KwWhile = "`while`",
    KwFor = "`for`",
    KwIn = "`in`",
    KwBreak = "`break`",
    KwContinue = "`continue`",
    KwReturn = "`return`",
    KwLet = "`let`",
    KwConst = "`const`",
    KwImport = "`import`",
    KwParallel = "`parallel`",
    KwSpawn = "`spawn`",
    KwAwait = "`await`",
    KwWhen = "`when`",
    KwAnd = "`and`",
    KwOr = "`or`",
    KwNot = "`not`",
    KwTrue = "`true`",
    KwFalse = "`false`",
    KwNone = "`none`",
    LeftParen = "`(`",
    RightParen = "`)`",
    LeftBracket = "`[`",
    RightBracket = "`]`",
    LeftBrace = "`{`",
    RightBrace = "`}`",
    Comma = "`,`",
    Colon = "`:`",
    Semicolon = "`;`",
    Dot = "`.`",
    DotDot = "`..`",
    DotDotEqual = "`..=`",
    Assign = "`=`",
    PlusAssign = "`+=`",
    MinusAssign = "`-=`",
    StarAssign = "`*=`",
    SlashAssign = "`/=`",
    SlashSlashAssign = "`//=`",
    PercentAssign = "`%=`",
    AtAssign = "`@=`",
    PowerAssign = "`**=`",
    Equal = "`==`",
    NotEqual = "`!=`",
    Less = "`<`",
    LessEqual = "`<=`",
    Greater = "`>`",
    GreaterEqual = "`>=`",
    Plus = "`+`",
    Minus = "`-`",
    Star = "`*`",
    Slash = "`/`",
    SlashSlash = "`//`",
    Percent = "`%`",
    At = "`@`",
    Power = "`**`",
    Caret = "`^`",
    Pipe = "`|>`",
    Arrow = "`->`",
    FatArrow = "`=>`",
}

impl TokenKind {
    /// The keyword that `text` is, if it is one.
    pub(crate) fn keyword(text: &str) -> Option<TokenKind> {
        Some(match text {
            "function" => TokenKind::KwFunction,
            "end" => TokenKind::KwEnd,
            "if" => TokenKind::KwIf,
            "elseif" => TokenKind::KwElseif,
            "else" => TokenKind::KwElse,
            "while" => TokenKind::KwWhile,
            "for" => TokenKind::KwFor,
            "in" => TokenKind::KwIn,
            "break" => TokenKind::KwBreak,
            "continue" => TokenKind::KwContinue,
            "return" => TokenKind::KwReturn,
            "let" => TokenKind::KwLet,
            "const" => TokenKind::KwConst,
            "import" => TokenKind::KwImport,
            "parallel" => TokenKind::KwParallel,
            "spawn" => TokenKind::KwSpawn,
            "await" => TokenKind::KwAwait,
            "when" => TokenKind::KwWhen,
            "and" => TokenKind::KwAnd,
            "or" => TokenKind::KwOr,
            "not" => TokenKind::KwNot,
            "true" => TokenKind::KwTrue,
            "false" => TokenKind::KwFalse,
            "none" => TokenKind::KwNone,
            _ => return None,
        })
    }

    /// The operator of `x += e` and its like.
    pub(crate) fn update(self) -> Option<BinaryOperator> {
        Some(match self {
            TokenKind::PlusAssign => BinaryOperator::Add,
            TokenKind::MinusAssign => BinaryOperator::Subtract,
            TokenKind::StarAssign => BinaryOperator::Multiply,
            TokenKind::SlashAssign => BinaryOperator::Divide,
            TokenKind::SlashSlashAssign => BinaryOperator::FloorDivide,
            TokenKind::PercentAssign => BinaryOperator::Remainder,
            TokenKind::AtAssign => BinaryOperator::Product,
            TokenKind::PowerAssign => BinaryOperator::Power,
            _ => return None,
        })
    }

    /// Whether a statement cannot go on past this token: the words that close or divide a block, and the end; and the brace
    /// that closes one in other languages.
    pub(crate) fn closes_block(self) -> bool {
        use TokenKind::{End, KwElse, KwElseif, KwEnd, RightBrace};
        matches!(self, KwEnd | KwElse | KwElseif | End | RightBrace)
    }
}
