//! The terms of the e-graph, and what is known of their values.

use egg::{Analysis, CostFunction, DidMerge, EGraph, FromOp, Id, Language};

use super::{Class, Operation, cost_of};

/// An operation on classes of equal terms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) operation: Operation,
    pub(super) operands: Vec<Id>,
}

impl Language for Term {
    type Discriminant = Operation;

    fn discriminant(&self) -> Operation {
        self.operation
    }

    fn matches(&self, other: &Self) -> bool {
        self.operation == other.operation && self.operands.len() == other.operands.len()
    }

    fn children(&self) -> &[Id] {
        &self.operands
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.operands
    }
}

/// The names of operations in the patterns of rules.
const NAMES: [(&str, Operation); 18] = [
    ("neg", Operation::Neg),
    ("abs", Operation::Abs),
    ("not", Operation::Not),
    ("+", Operation::Add),
    ("-", Operation::Sub),
    ("*", Operation::Mul),
    ("/", Operation::Div),
    ("min", Operation::Min),
    ("max", Operation::Max),
    ("and", Operation::And),
    ("or", Operation::Or),
    ("<", Operation::Less),
    ("<=", Operation::LessEqual),
    (">", Operation::Greater),
    (">=", Operation::GreaterEqual),
    ("==", Operation::Equal),
    ("!=", Operation::NotEqual),
    ("where", Operation::Select),
];

impl FromOp for Term {
    type Error = String;

    fn from_op(name: &str, operands: Vec<Id>) -> Result<Self, String> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        let (_, operation) = known.ok_or_else(|| format!("no operation is called {name}"))?;
        Ok(Term { operation: *operation, operands })
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match NAMES.iter().find(|(_, operation)| *operation == self.operation) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:?}", self.operation),
        }
    }
}

/// What is known of all terms of a class: they are equal, so it holds for each.
#[derive(Debug, Default, Clone)]
pub(super) struct Facts;

/// The class of elements, and the number where it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub(super) class: Class,
    pub(super) number: Option<f64>,
}

/// The class in which two values meet.
pub(super) fn joined(a: Class, b: Class) -> Class {
    match (a, b) {
        (a, b) if a == b => a,
        (float @ Class::Float(_), Class::WeakInt | Class::WeakFloat)
        | (Class::WeakInt | Class::WeakFloat, float @ Class::Float(_)) => float,
        (int @ Class::Int(_), Class::WeakInt) | (Class::WeakInt, int @ Class::Int(_)) => int,
        _ => Class::Unknown,
    }
}

fn known(term: &Term, of: impl Fn(Id) -> Known) -> Known {
    let operand = |at: usize| term.operands.get(at).map_or(Class::Unknown, |id| of(*id).class);
    let class = made(term.operation, operand);
    let number = match term.operation {
        Operation::Int(number) if number.unsigned_abs() < 1 << 53 => Some(number as f64),
        Operation::Float(bits) => Some(f64::from_bits(bits)),
        _ => None,
    };
    Known { class, number }
}

/// What an operation gives on operands of these classes. Of numbers alone it gives a value that is no number any more, of an
/// element type that is not known here: it takes no other one from what it meets.
pub(super) fn made(operation: Operation, operand: impl Fn(usize) -> Class) -> Class {
    let class = match operation {
        Operation::Leaf(_, class) | Operation::Other(_, class) => class,
        Operation::Int(_) => Class::WeakInt,
        Operation::Float(_) => Class::WeakFloat,
        // Truth values count as whole numbers.
        Operation::Neg | Operation::Abs if operand(0) == Class::Bool => Class::Unknown,
        Operation::Neg | Operation::Abs => operand(0),
        Operation::Function(_) => match operand(0) {
            float @ Class::Float(_) => float,
            _ => Class::Unknown,
        },
        Operation::Min | Operation::Max => joined(operand(0), operand(1)),
        Operation::Add | Operation::Sub | Operation::Mul => match joined(operand(0), operand(1)) {
            Class::Bool => Class::Unknown,
            class => class,
        },
        Operation::Div => match joined(operand(0), operand(1)) {
            float @ Class::Float(_) => float,
            _ => Class::Unknown,
        },
        Operation::Select => joined(operand(1), operand(2)),
        Operation::Not
        | Operation::And
        | Operation::Or
        | Operation::Less
        | Operation::LessEqual
        | Operation::Greater
        | Operation::GreaterEqual
        | Operation::Equal
        | Operation::NotEqual => Class::Bool,
    };
    let is_number = matches!(operation, Operation::Leaf(..) | Operation::Int(_) | Operation::Float(_));
    match class {
        Class::WeakInt | Class::WeakFloat if !is_number => Class::Unknown,
        class => class,
    }
}

impl Analysis<Term> for Facts {
    type Data = Known;

    fn make(egraph: &mut EGraph<Term, Self>, term: &Term, _: Id) -> Known {
        known(term, |id| egraph[id].data)
    }

    fn merge(&mut self, to: &mut Known, from: Known) -> DidMerge {
        let before = *to;
        if to.class == Class::Unknown {
            to.class = from.class;
        }
        to.number = to.number.or(from.number);
        DidMerge(*to != before, *to != from)
    }
}

/// The cost of a term with all that it needs, each as often as it is needed.
pub(super) struct Cost;

impl CostFunction<Term> for Cost {
    type Cost = u64;

    fn cost<C: FnMut(Id) -> u64>(&mut self, term: &Term, costs: C) -> u64 {
        let own = u64::from(cost_of(term.operation));
        term.children().iter().copied().map(costs).fold(own, u64::saturating_add)
    }
}
