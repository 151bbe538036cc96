//! Parameters that stand for what oscillates, and the ranges of formulas in them.

use std::collections::BTreeMap;

use crate::symbolic::{Constant, Expr, Function, Node, real_value};

/// How far from zero a range has to stay: its ends are rounded.
const MARGIN: f64 = 1e-9;

/// The parameters, each between -1 and 1: a sine and a cosine of the same argument.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    by_argument: BTreeMap<Expr, (Expr, Expr)>,
}

impl Ranges {
    /// What stands for the sine and for the cosine of an argument that grows.
    pub(super) fn turn(&mut self, argument: &Expr) -> (Expr, Expr) {
        let count = self.by_argument.len();
        // No formula that is read holds such names.
        let pair = || (Expr::symbol(&format!("sine {count}")), Expr::symbol(&format!("cosine {count}")));
        self.by_argument.entry(argument.clone()).or_insert_with(pair).clone()
    }

    /// The arguments that have parameters.
    pub(super) fn arguments(&self) -> Vec<Expr> {
        self.by_argument.keys().cloned().collect()
    }

    fn is_parameter(&self, name: &Expr) -> bool {
        self.by_argument.values().any(|(sine, cosine)| sine == name || cosine == name)
    }

    /// Whether a formula holds one.
    pub(super) fn is_in(&self, expr: &Expr) -> bool {
        !self.by_argument.is_empty() && expr.any(&|part| self.is_parameter(part))
    }

    /// The formula with even powers of a cosine written by the sine, so that what is the same cancels.
    pub(super) fn joined(&self, expr: &Expr) -> Expr {
        if let Node::Power(base, exponent) = expr.node()
            && let Some(count @ 2..=64) = exponent.as_i64()
            && let Some((sine, _)) = self.by_argument.values().find(|(_, cosine)| cosine == base)
        {
            return (Expr::one() - sine.powi(2)).powi(count / 2) * base.powi(count % 2);
        }
        if self.is_in(expr) { expr.map(|part| self.joined(part)) } else { expr.clone() }
    }

    /// The sign that a formula has for all values of the parameters.
    pub(super) fn sign(&self, expr: &Expr) -> Option<i8> {
        let (low, high) = self.range(expr)?;
        if low > MARGIN {
            Some(1)
        } else if high < -MARGIN {
            Some(-1)
        } else {
            None
        }
    }

    /// What is known of a formula that is nothing but numbers and parameters.
    pub(super) fn describe(&self, expr: &Expr) -> String {
        let held: Vec<&Expr> = self
            .by_argument
            .values()
            .flat_map(|(sine, cosine)| [sine, cosine])
            .filter(|name| expr.any(&|part| part == *name))
            .collect();
        if let [only] = held.as_slice()
            && let Some(name) = only.as_symbol()
            && expr.derivative(name).is_ok_and(|slope| !slope.contains(name) && slope.symbols().is_empty())
        {
            let mut ends = [-1, 1].map(|end| expr.substitute(name, &Expr::int(end)));
            if real_value(&ends[0]) > real_value(&ends[1]) {
                ends.swap(0, 1);
            }
            return format!("it oscillates between {} and {}", ends[0], ends[1]);
        }
        match self.range(expr) {
            Some((low, high)) if low.is_finite() && high.is_finite() => {
                format!("it oscillates within {low:.6} and {high:.6}")
            }
            _ => "it oscillates".to_owned(),
        }
    }

    /// Bounds of a formula that is nothing but numbers and parameters.
    fn range(&self, expr: &Expr) -> Option<(f64, f64)> {
        match expr.node() {
            Node::Number(_) | Node::Constant(Constant::E | Constant::Pi) => {
                real_value(expr).map(|value| (value, value))
            }
            Node::Constant(_) => None,
            Node::Symbol(_) => self.is_parameter(expr).then_some((-1.0, 1.0)),
            Node::Sum(terms) => terms.iter().try_fold((0.0, 0.0), |(low, high), term| {
                let (lower, higher) = self.range(term)?;
                Some((low + lower, high + higher))
            }),
            Node::Product(factors) => {
                factors.iter().try_fold((1.0, 1.0), |product, factor| Some(times(product, self.range(factor)?)))
            }
            Node::Power(base, exponent) => power(self.range(base)?, self.range(exponent)?, exponent.as_i64()),
            Node::Call(function, argument) => call(*function, self.range(argument)?),
        }
    }
}

fn hull(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn times(left: (f64, f64), right: (f64, f64)) -> (f64, f64) {
    hull([left.0 * right.0, left.0 * right.1, left.1 * right.0, left.1 * right.1])
}

fn power(base: (f64, f64), exponent: (f64, f64), whole: Option<i64>) -> Option<(f64, f64)> {
    let has_zero = base.0 <= MARGIN && base.1 >= -MARGIN;
    if let Some(count) = whole.and_then(|count| i32::try_from(count).ok()) {
        if count < 0 && has_zero {
            return None;
        }
        let ends = hull([base.0.powi(count), base.1.powi(count)]);
        return Some(if count % 2 == 0 && has_zero { (0.0, ends.1) } else { ends });
    }
    if base.0 < 0.0 || (has_zero && exponent.0 <= 0.0) {
        return None;
    }
    Some(hull([base.0, base.1].into_iter().flat_map(|base| [base.powf(exponent.0), base.powf(exponent.1)])))
}

fn call(function: Function, (low, high): (f64, f64)) -> Option<(f64, f64)> {
    let rising = |of: fn(f64) -> f64| Some((of(low), of(high)));
    match function {
        Function::Sin | Function::Cos => Some((-1.0, 1.0)),
        Function::Sinh => rising(f64::sinh),
        Function::Tanh => rising(f64::tanh),
        Function::Asinh => rising(f64::asinh),
        Function::Atan => rising(f64::atan),
        Function::Erf => rising(libm::erf),
        Function::Log if low > MARGIN => rising(f64::ln),
        Function::Tan if low > -1.5 && high < 1.5 => rising(f64::tan),
        Function::Asin if low >= -1.0 && high <= 1.0 => rising(f64::asin),
        Function::Acos if low >= -1.0 && high <= 1.0 => Some((high.acos(), low.acos())),
        Function::Cosh => {
            let (left, right) = (low.cosh(), high.cosh());
            Some(if low <= 0.0 && high >= 0.0 { (1.0, left.max(right)) } else { hull([left, right]) })
        }
        Function::Abs => {
            Some(if low <= 0.0 && high >= 0.0 { (0.0, high.max(-low)) } else { hull([low.abs(), high.abs()]) })
        }
        Function::Sign => Some((-1.0, 1.0)),
        _ => None,
    }
}
