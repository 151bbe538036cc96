//! The tree of a formula, always in canonical form.

use dashu_int::IBig;
use dashu_ratio::RBig;
use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::Function;

/// An exact number.
pub type Rational = RBig;

/// A formula in canonical form: equal formulas of the same shape are equal values.
///
/// Sums and products are flat, sorted and have their like terms collected; numbers are computed with at once and exactly.
/// What is built here is what every reader of mathematics takes for the same: identities that need a decision, such as
/// `sin(x)^2 + cos(x)^2 = 1`, are the work of [`super::simplify`]. As in the field of rational functions, formulas that
/// differ only where one of them is not defined (`x/x` and `1`) are the same.
#[derive(Clone)]
pub struct Expr(Arc<Inner>);

struct Inner {
    node: Node,
    hash: u64,
}

/// What a formula is at its root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A rational number.
    Number(Rational),
    /// One of the constants.
    Constant(Constant),
    /// A name.
    Symbol(Arc<str>),
    /// The base to the power of the exponent; roots and `exp` are powers.
    Power(Expr, Expr),
    /// Two factors or more, sorted; a number comes first.
    Product(Vec<Expr>),
    /// Two terms or more, sorted; a number comes first.
    Sum(Vec<Expr>),
    /// A function of one argument.
    Call(Function, Expr),
}

/// A constant that is not rational.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    /// The base of the natural logarithm.
    E,
    /// The circumference of a circle by its diameter.
    Pi,
    /// The square root of -1.
    I,
    /// What grows beyond every number.
    Infinity,
    /// What has no value: a division by zero, `oo - oo`. It makes everything around it undefined.
    Undefined,
}

impl Expr {
    /// A node that is already canonical.
    pub(super) fn raw(node: Node) -> Expr {
        let mut hasher = Mixer(0);
        node.hash(&mut hasher);
        let hash = hasher.finish();
        Expr(Arc::new(Inner { node, hash }))
    }

    /// What the formula is at its root.
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// A name.
    pub fn symbol(name: &str) -> Expr {
        Expr::raw(Node::Symbol(name.into()))
    }

    /// A whole number.
    pub fn int(number: i64) -> Expr {
        Expr::number(Rational::from(number))
    }

    /// A fraction of two whole numbers; the denominator is not zero.
    pub fn fraction(numerator: i64, denominator: u32) -> Expr {
        Expr::number(Rational::from_parts(numerator.into(), denominator.into()))
    }

    /// An exact number.
    pub fn number(number: Rational) -> Expr {
        Expr::raw(Node::Number(number))
    }

    /// A constant.
    pub fn constant(constant: Constant) -> Expr {
        Expr::raw(Node::Constant(constant))
    }

    /// Zero.
    pub fn zero() -> Expr {
        Expr::int(0)
    }

    /// One.
    pub fn one() -> Expr {
        Expr::int(1)
    }

    /// The number that the formula is.
    pub fn as_number(&self) -> Option<&Rational> {
        match self.node() {
            Node::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number that the formula is.
    pub fn as_int(&self) -> Option<&IBig> {
        self.as_number().filter(|number| number.is_int()).map(Rational::numerator)
    }

    /// The whole number that the formula is, where it has 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_int().and_then(|number| i64::try_from(number).ok())
    }

    /// The name that the formula is.
    pub fn as_symbol(&self) -> Option<&str> {
        match self.node() {
            Node::Symbol(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is this whole number.
    pub fn is_int(&self, number: i64) -> bool {
        self.as_number().is_some_and(|own| own.is_int() && *own.numerator() == IBig::from(number))
    }

    /// Whether it is zero by its form.
    pub fn is_zero(&self) -> bool {
        self.as_number().is_some_and(Rational::is_zero)
    }

    /// Whether it is one by its form.
    pub fn is_one(&self) -> bool {
        self.as_number().is_some_and(Rational::is_one)
    }

    /// Whether it is this constant.
    pub fn is_constant(&self, constant: Constant) -> bool {
        matches!(self.node(), Node::Constant(own) if *own == constant)
    }

    /// Whether it has no value.
    pub fn is_undefined(&self) -> bool {
        self.is_constant(Constant::Undefined)
    }

    /// Whether it is infinity or its negation.
    pub fn is_infinite(&self) -> bool {
        self.infinite_sign().is_some()
    }

    /// 1 for infinity, -1 for its negation.
    pub fn infinite_sign(&self) -> Option<i8> {
        match self.node() {
            Node::Constant(Constant::Infinity) => Some(1),
            Node::Product(factors) => match factors.as_slice() {
                [minus, infinity] if minus.is_int(-1) && infinity.is_constant(Constant::Infinity) => Some(-1),
                _ => None,
            },
            _ => None,
        }
    }

    /// The formulas right below the root.
    pub fn children(&self) -> Vec<&Expr> {
        match self.node() {
            Node::Number(_) | Node::Constant(_) | Node::Symbol(_) => Vec::new(),
            Node::Power(base, exponent) => vec![base, exponent],
            Node::Product(parts) | Node::Sum(parts) => parts.iter().collect(),
            Node::Call(_, argument) => vec![argument],
        }
    }

    /// The same root over other formulas, canonical again.
    pub fn map(&self, mut change: impl FnMut(&Expr) -> Expr) -> Expr {
        match self.node() {
            Node::Number(_) | Node::Constant(_) | Node::Symbol(_) => self.clone(),
            Node::Power(base, exponent) => change(base).pow(&change(exponent)),
            Node::Product(parts) => Expr::product(parts.iter().map(change)),
            Node::Sum(parts) => Expr::sum(parts.iter().map(change)),
            Node::Call(function, argument) => function.of(&change(argument)),
        }
    }

    /// Whether a name occurs.
    pub fn contains(&self, name: &str) -> bool {
        match self.node() {
            Node::Symbol(own) => **own == *name,
            Node::Number(_) | Node::Constant(_) => false,
            Node::Power(base, exponent) => base.contains(name) || exponent.contains(name),
            Node::Product(parts) | Node::Sum(parts) => parts.iter().any(|part| part.contains(name)),
            Node::Call(_, argument) => argument.contains(name),
        }
    }

    /// The names that occur, sorted.
    pub fn symbols(&self) -> Vec<Arc<str>> {
        let mut found = Vec::new();
        self.collect_symbols(&mut found);
        found.sort();
        found.dedup();
        found
    }

    fn collect_symbols(&self, found: &mut Vec<Arc<str>>) {
        if let Node::Symbol(name) = self.node() {
            found.push(Arc::clone(name));
        }
        for child in self.children() {
            child.collect_symbols(found);
        }
    }

    /// Whether something below, or the formula itself, fulfils a condition.
    pub fn any(&self, condition: &impl Fn(&Expr) -> bool) -> bool {
        condition(self) || self.children().into_iter().any(|child| child.any(condition))
    }

    /// The formula with a name replaced wherever it occurs.
    pub fn substitute(&self, name: &str, value: &Expr) -> Expr {
        if self.as_symbol() == Some(name) {
            return value.clone();
        }
        if self.contains(name) { self.map(|child| child.substitute(name, value)) } else { self.clone() }
    }

    /// The formula with another formula replaced wherever it occurs as a whole.
    pub fn replace(&self, from: &Expr, to: &Expr) -> Expr {
        if self == from {
            return to.clone();
        }
        self.map(|child| child.replace(from, to))
    }

    /// The number of numbers, names, operations and functions: what a reader has to read.
    pub fn size(&self) -> usize {
        1 + self.children().into_iter().map(Expr::size).sum::<usize>()
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.node == other.0.node)
    }
}

impl Eq for Expr {}

impl Hash for Expr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialOrd for Expr {
    fn partial_cmp(&self, other: &Expr) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expr {
    fn cmp(&self, other: &Expr) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.node.cmp(&other.0.node) }
    }
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

/// A quick hash: formulas are compared for real wherever their hashes are equal.
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
