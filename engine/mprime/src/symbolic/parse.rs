//! Reading formulas: as people type them, as M-CODE writes them, and in LaTeX.

use super::{
    Constant, Expr, Function, MathError, Node,
    lexer::{Token, lex},
};

/// How deep parentheses, powers and fractions may nest.
const DEPTH_MAX: usize = 200;
/// The Greek letters that LaTeX names.
pub(super) const GREEK: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Sigma",
    "Phi", "Psi", "Omega",
];

/// Other names of functions, and what they stand for.
const OTHER_NAMES: &[(&str, Function)] = &[
    ("ln", Function::Log),
    ("arcsin", Function::Asin),
    ("arccos", Function::Acos),
    ("arctan", Function::Atan),
    ("arsinh", Function::Asinh),
    ("arcosh", Function::Acosh),
    ("artanh", Function::Atanh),
    ("sgn", Function::Sign),
    ("Abs", Function::Abs),
];

/// How the two sides of a statement compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `=` or `==`.
    Equal,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `!=`.
    NotEqual,
}

impl Relation {
    /// How it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Relation::Equal => "=",
            Relation::Less => "<",
            Relation::LessEqual => "<=",
            Relation::Greater => ">",
            Relation::GreaterEqual => ">=",
            Relation::NotEqual => "!=",
        }
    }
}

/// Two formulas and how they compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The left side.
    pub left: Expr,
    /// How they compare.
    pub relation: Relation,
    /// The right side.
    pub right: Expr,
}

impl Statement {
    /// The left side less the right one: what is compared with zero.
    pub fn difference(&self) -> Expr {
        &self.left - &self.right
    }
}

/// Reads a formula.
///
/// `2x`, `2(x + 1)` and `(x + 1)(x - 1)` are products; `^` and `**` powers, `!` the factorial; `e`, `pi`, `i` and `oo` the
/// constants; `sqrt`, `cbrt`, `exp`, `ln`, `log`, `log2`, `log10` and the names of [`Function`] functions. Decimals are
/// exact: `0.1` is 1/10.
///
/// # Errors
/// What is no formula, with the place in the text.
pub fn parse(text: &str) -> Result<Expr, MathError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.sum()?;
    parser.end()?;
    Ok(expr)
}

/// Reads a formula, and what it divides by: a formula in canonical form no longer shows what was cancelled.
///
/// # Errors
/// What is no formula, with the place in the text.
pub fn parse_with_divisors(text: &str) -> Result<(Expr, Vec<Expr>), MathError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.sum()?;
    parser.end()?;
    Ok((expr, parser.divisors))
}

/// Reads two formulas with one of `=`, `==`, `<`, `<=`, `>`, `>=` and `!=` between them; one alone is compared with zero.
///
/// # Errors
/// What is no statement, with the place in the text.
pub fn parse_statement(text: &str) -> Result<Statement, MathError> {
    let mut parser = Parser::new(text)?;
    let left = parser.sum()?;
    let relation = match parser.peek() {
        Token::End => return Ok(Statement { left, relation: Relation::Equal, right: Expr::zero() }),
        Token::Relation(relation) => *relation,
        _ => return Err(parser.unexpected("a relation such as `=`")),
    };
    parser.next();
    let right = parser.sum()?;
    parser.end()?;
    Ok(Statement { left, relation, right })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize, usize)>,
    at: usize,
    depth: usize,
    /// What the formula divides by.
    divisors: Vec<Expr>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Parser<'a>, MathError> {
        Ok(Parser { text, tokens: lex(text)?, at: 0, depth: 0, divisors: Vec::new() })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn is_sign(&self, sign: char) -> bool {
        *self.peek() == Token::Sign(sign)
    }

    fn take(&mut self, sign: char) -> bool {
        let is_next = self.is_sign(sign);
        if is_next {
            self.next();
        }
        is_next
    }

    fn expect(&mut self, sign: char) -> Result<(), MathError> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn end(&self) -> Result<(), MathError> {
        if *self.peek() == Token::End { Ok(()) } else { Err(self.unexpected("an operator or the end")) }
    }

    fn unexpected(&self, wanted: &str) -> MathError {
        let (token, start, end) = &self.tokens[self.at];
        if *token == Token::End {
            return MathError::new(format!("the formula ends where {wanted} is missing")).at(*start, *end);
        }
        let found = &self.text[*start..*end];
        MathError::new(format!("expected {wanted} and found `{found}`")).at(*start, *end)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, MathError>) -> Result<T, MathError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let (_, start, end) = self.tokens[self.at];
            return Err(MathError::new(format!("the formula nests deeper than {DEPTH_MAX} levels"))
                .at(start, end)
                .help("Ask about its parts first"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn sum(&mut self) -> Result<Expr, MathError> {
        self.nested(|parser| {
            let mut terms = vec![parser.product()?];
            loop {
                if parser.take('+') {
                    terms.push(parser.product()?);
                } else if parser.take('-') {
                    terms.push(-parser.product()?);
                } else {
                    return Ok(Expr::sum(terms));
                }
            }
        })
    }

    fn product(&mut self) -> Result<Expr, MathError> {
        let mut factors = vec![self.signed()?];
        loop {
            let is_dot = matches!(self.peek(), Token::Command(name) if name == "cdot" || name == "times");
            if is_dot || self.is_sign('*') {
                self.next();
                factors.push(self.signed()?);
            } else if self.take('/') {
                let divisor = self.signed()?;
                factors.push(self.divided_by(divisor));
            } else if self.begins_factor() {
                factors.push(self.power()?);
            } else {
                return Ok(Expr::product(factors));
            }
        }
    }

    /// Whether a factor follows without an operator.
    fn begins_factor(&self) -> bool {
        match self.peek() {
            Token::Name(_) | Token::Sign('(' | '{') => true,
            // A number follows a number only by mistake.
            Token::Number(_) => false,
            Token::Command(name) => !matches!(name.as_str(), "right" | "cdot" | "times"),
            _ => false,
        }
    }

    fn signed(&mut self) -> Result<Expr, MathError> {
        let mut is_negated = false;
        loop {
            if self.take('-') {
                is_negated = !is_negated;
            } else if !self.take('+') {
                let power = self.power()?;
                return Ok(if is_negated { -power } else { power });
            }
        }
    }

    fn power(&mut self) -> Result<Expr, MathError> {
        let base = self.postfix()?;
        if !self.take('^') {
            return Ok(base);
        }
        let exponent = self.nested(|parser| {
            if parser.take('{') {
                let exponent = parser.sum()?;
                parser.expect('}')?;
                // A group may itself have an exponent or a factorial.
                return Ok(exponent);
            }
            parser.signed()
        })?;
        if exponent.is_negated() {
            self.divisors.push(base.clone());
        }
        Ok(base.pow(&exponent))
    }

    fn divided_by(&mut self, divisor: Expr) -> Expr {
        let inverse = divisor.powi(-1);
        self.divisors.push(divisor);
        inverse
    }

    fn postfix(&mut self) -> Result<Expr, MathError> {
        let mut expr = self.atom()?;
        while self.take('!') {
            expr = Function::Factorial.of(&expr);
        }
        Ok(expr)
    }

    fn atom(&mut self) -> Result<Expr, MathError> {
        match self.peek().clone() {
            Token::Number(number) => {
                self.next();
                Ok(Expr::number(number))
            }
            Token::Name(name) => self.name(&name),
            Token::Command(name) => self.command(&name),
            Token::Sign('(') => self.group('(', ')'),
            Token::Sign('{') => self.group('{', '}'),
            Token::Sign('|') => {
                self.next();
                let inside = self.sum()?;
                self.expect('|')?;
                Ok(Function::Abs.of(&inside))
            }
            _ => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    fn group(&mut self, open: char, close: char) -> Result<Expr, MathError> {
        self.expect(open)?;
        let inside = self.sum()?;
        self.expect(close)?;
        Ok(inside)
    }

    fn name(&mut self, name: &str) -> Result<Expr, MathError> {
        let (_, start, end) = self.tokens[self.at];
        self.next();
        let plain = name.strip_prefix("math.").unwrap_or(name);
        if let Some(constant) = constant(plain) {
            return Ok(Expr::constant(constant));
        }
        if !is_function(plain) {
            if plain.contains('.') {
                return Err(MathError::new(format!("`{name}` is not known")).at(start, end));
            }
            if self.is_sign('(') && plain.chars().count() > 1 {
                return Err(MathError::new(format!("there is no function `{name}`")).at(start, end).help(format!(
                    "For a product write `{name}*(...)`; functions are sqrt, exp, log, sin and others"
                )));
            }
            return Ok(Expr::symbol(plain));
        }
        if !self.is_sign('(') {
            return Err(MathError::new(format!("the function `{name}` has no argument"))
                .at(start, end)
                .help(format!("Write `{name}(x)`")));
        }
        self.next();
        let argument = self.sum()?;
        let second = if self.take(',') { Some(self.sum()?) } else { None };
        self.expect(')')?;
        apply(plain, &argument, second.as_ref())
            .ok_or_else(|| MathError::new(format!("`{name}` takes one argument")).at(start, end))
    }

    fn command(&mut self, name: &str) -> Result<Expr, MathError> {
        let (_, start, end) = self.tokens[self.at];
        self.next();
        match name {
            "left" => self.atom_until_right(),
            "frac" | "dfrac" | "tfrac" => {
                let numerator = self.group('{', '}')?;
                let divisor = self.group('{', '}')?;
                Ok(numerator * self.divided_by(divisor))
            }
            "sqrt" => {
                let degree = if self.take('[') {
                    let degree = self.sum()?;
                    self.expect(']')?;
                    degree
                } else {
                    Expr::int(2)
                };
                Ok(self.group('{', '}')?.pow(&degree.powi(-1)))
            }
            "pi" => Ok(Expr::constant(Constant::Pi)),
            "infty" => Ok(Expr::constant(Constant::Infinity)),
            "mathrm" | "operatorname" | "text" => {
                self.expect('{')?;
                let Token::Name(inner) = self.next() else { return Err(self.unexpected("a name")) };
                self.expect('}')?;
                if is_function(&inner) { self.latex_call(&inner) } else { Ok(self.subscript(&inner)) }
            }
            _ if GREEK.contains(&name) => Ok(self.subscript(name)),
            _ if is_function(name) => self.latex_call(name),
            _ => Err(MathError::new(format!("the command `\\{name}` is not known")).at(start, end)),
        }
    }

    fn subscript(&mut self, stem: &str) -> Expr {
        Expr::symbol(stem)
    }

    /// What stands between `\left` and `\right`.
    fn atom_until_right(&mut self) -> Result<Expr, MathError> {
        let bar = self.take('|');
        if !bar {
            self.expect('(')?;
        }
        let inside = self.sum()?;
        match self.peek() {
            Token::Command(name) if name == "right" => self.next(),
            _ => return Err(self.unexpected("`\\right`")),
        };
        self.expect(if bar { '|' } else { ')' })?;
        Ok(if bar { Function::Abs.of(&inside) } else { inside })
    }

    /// A function of LaTeX: `\sin x`, `\sin^{2}\left(x\right)`.
    fn latex_call(&mut self, name: &str) -> Result<Expr, MathError> {
        let exponent = if self.take('^') {
            if self.is_sign('{') { Some(self.group('{', '}')?) } else { Some(self.atom()?) }
        } else {
            None
        };
        let argument = self.power()?;
        let value = apply(name, &argument, None).ok_or_else(|| self.unexpected("an argument"))?;
        Ok(match exponent {
            Some(exponent) => value.pow(&exponent),
            None => value,
        })
    }
}

fn constant(name: &str) -> Option<Constant> {
    Some(match name {
        "e" | "E" => Constant::E,
        "pi" | "Pi" => Constant::Pi,
        "i" | "I" => Constant::I,
        "oo" | "inf" | "infinity" | "Infinity" => Constant::Infinity,
        "undefined" => Constant::Undefined,
        _ => return None,
    })
}

const ROOTS_AND_QUOTIENTS: &[&str] =
    &["sqrt", "cbrt", "exp", "log2", "log10", "cot", "sec", "csc", "coth", "sech", "csch", "pow", "root"];

fn is_function(name: &str) -> bool {
    named(name).is_some() || ROOTS_AND_QUOTIENTS.contains(&name)
}

fn named(name: &str) -> Option<Function> {
    OTHER_NAMES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, function)| *function)
        .or_else(|| Function::named(name))
}

/// A function by its name, of one argument or, for `log`, `root` and `pow`, two.
fn apply(name: &str, argument: &Expr, second: Option<&Expr>) -> Option<Expr> {
    let log = |of: &Expr| Function::Log.of(of);
    Some(match (name, second) {
        ("log", Some(base)) => log(argument) / log(base),
        ("root", Some(degree)) => argument.pow(&degree.powi(-1)),
        ("pow", Some(exponent)) => argument.pow(exponent),
        (_, Some(_)) | ("pow" | "root", None) => return None,
        ("sqrt", None) => argument.sqrt(),
        ("cbrt", None) => argument.pow(&Expr::fraction(1, 3)),
        ("exp", None) => argument.exp(),
        ("log2", None) => log(argument) / log(&Expr::int(2)),
        ("log10", None) => log(argument) / log(&Expr::int(10)),
        ("cot", None) => Function::Tan.of(argument).powi(-1),
        ("sec", None) => Function::Cos.of(argument).powi(-1),
        ("csc", None) => Function::Sin.of(argument).powi(-1),
        ("coth", None) => Function::Tanh.of(argument).powi(-1),
        ("sech", None) => Function::Cosh.of(argument).powi(-1),
        ("csch", None) => Function::Sinh.of(argument).powi(-1),
        _ => named(name)?.of(argument),
    })
}

impl std::str::FromStr for Expr {
    type Err = MathError;

    fn from_str(text: &str) -> Result<Expr, MathError> {
        parse(text)
    }
}

impl From<&Statement> for String {
    fn from(statement: &Statement) -> String {
        format!("{} {} {}", statement.left, statement.relation.text(), statement.right)
    }
}

/// The name that a text is, where it is one that formulas may use.
///
/// # Errors
/// What is no name.
pub fn parse_symbol(text: &str) -> Result<String, MathError> {
    match parse(text)?.node() {
        Node::Symbol(name) => Ok(name.to_string()),
        _ => Err(MathError::new(format!("`{text}` is no name of a variable")).help("A variable is a name such as `x`")),
    }
}
