//! Forms of a formula that algorithms make.

use crate::symbolic::{Expr, Function, Node, cancel, expand, factor};

/// Terms that a formula may have for its forms to be made: some cost much more than others.
const SIZE_MAX: usize = 600;

/// The forms of a formula, with what was done.
pub(super) fn forms(expr: &Expr) -> Vec<(&'static str, Expr)> {
    if expr.size() > SIZE_MAX {
        return Vec::new();
    }
    let mut forms = vec![("multiply out", expand(expr))];
    let whole = cancel(expr);
    forms.push(("cancel common factors", whole.clone()));
    forms.push(("factor", factor(&whole).0));
    if has(expr, &[Function::Sin, Function::Cos, Function::Tan]) {
        let plain = rewritten(expr, &quotients);
        let angles = rewritten(&plain, &angles);
        for (name, from) in [("with sines and cosines", plain), ("with angles taken apart", angles)] {
            for square in [Function::Sin, Function::Cos] {
                let form = cancel(&rewritten(&cancel(&from), &|expr| squares(expr, square)));
                forms.push((name, factor(&form).0));
                forms.push((name, form));
            }
        }
    }
    if has(expr, &[Function::Sinh, Function::Cosh, Function::Tanh]) {
        let plain = rewritten(expr, &quotients);
        let exponentials = cancel(&rewritten(&plain, &exponentials));
        for square in [Function::Sinh, Function::Cosh] {
            forms.push(("with sinh and cosh", cancel(&rewritten(&plain, &|expr| squares(expr, square)))));
        }
        forms.push(("with exponentials", factor(&exponentials).0));
        forms.push(("with exponentials", exponentials));
    }
    if has(expr, &[Function::Factorial, Function::Gamma]) {
        forms.push(("n! = n*(n - 1)!", factor(&cancel(&rewritten(expr, &factorials))).0));
    }
    forms
}

fn has(expr: &Expr, functions: &[Function]) -> bool {
    expr.any(&|expr| matches!(expr.node(), Node::Call(function, _) if functions.contains(function)))
}

/// The formula with each part, from the leaves up, replaced by what a rule makes of it.
fn rewritten(expr: &Expr, rule: &impl Fn(&Expr) -> Option<Expr>) -> Expr {
    let inner = expr.map(|child| rewritten(child, rule));
    rule(&inner).unwrap_or(inner)
}

/// Tangents as quotients.
fn quotients(expr: &Expr) -> Option<Expr> {
    match expr.node() {
        Node::Call(Function::Tan, argument) => Some(Function::Sin.of(argument) / Function::Cos.of(argument)),
        Node::Call(Function::Tanh, argument) => Some(Function::Sinh.of(argument) / Function::Cosh.of(argument)),
        _ => None,
    }
}

/// Powers of a function above the first by the other one of its pair.
fn squares(expr: &Expr, square: Function) -> Option<Expr> {
    let Node::Power(base, exponent) = expr.node() else { return None };
    let Node::Call(function, argument) = base.node() else { return None };
    let power = exponent.as_i64().filter(|power| *function == square && power.abs() >= 2)?;
    let one = Expr::one();
    let other = match square {
        Function::Sin => one - Function::Cos.of(argument).powi(2),
        Function::Cos => one - Function::Sin.of(argument).powi(2),
        Function::Sinh => Function::Cosh.of(argument).powi(2) - one,
        _ => Function::Sinh.of(argument).powi(2) + one,
    };
    Some(other.powi(power / 2) * base.powi(power % 2))
}

/// Sines and cosines of sums and of small multiples by those of the parts.
fn angles(expr: &Expr) -> Option<Expr> {
    let Node::Call(function @ (Function::Sin | Function::Cos), argument) = expr.node() else { return None };
    let (first, rest) = match argument.node() {
        Node::Sum(terms) => (terms[0].clone(), Expr::sum(terms[1..].iter().cloned())),
        _ => {
            let (count, angle) = argument.coefficient();
            let is_small =
                count.is_int() && i64::try_from(count.numerator()).is_ok_and(|count| (2..=6).contains(&count));
            if !is_small {
                return None;
            }
            (angle.clone(), argument - angle)
        }
    };
    let part = |function: Function, angle: &Expr| {
        let call = function.of(angle);
        angles(&call).unwrap_or(call)
    };
    let (sin, cos) = (Function::Sin, Function::Cos);
    Some(if *function == sin {
        part(sin, &first) * part(cos, &rest) + part(cos, &first) * part(sin, &rest)
    } else {
        part(cos, &first) * part(cos, &rest) - part(sin, &first) * part(sin, &rest)
    })
}

/// Hyperbolic functions by exponentials.
fn exponentials(expr: &Expr) -> Option<Expr> {
    let Node::Call(function, argument) = expr.node() else { return None };
    let (plus, minus) = (argument.exp(), (-argument).exp());
    match function {
        Function::Sinh => Some((plus - minus) * Expr::fraction(1, 2)),
        Function::Cosh => Some((plus + minus) * Expr::fraction(1, 2)),
        _ => None,
    }
}

/// Factorials of sums with a number by those without it.
fn factorials(expr: &Expr) -> Option<Expr> {
    let Node::Call(function @ (Function::Factorial | Function::Gamma), argument) = expr.node() else { return None };
    let Node::Sum(terms) = argument.node() else { return None };
    let shift = terms[0].as_i64().filter(|shift| shift.abs() <= 20)?;
    let base = argument - &terms[0];
    // gamma(n) is (n - 1)!
    let offset = i64::from(*function == Function::Factorial);
    let at = |index: i64| &base + Expr::int(index - 1 + offset);
    let factors: Vec<Expr> = if shift > 0 { (1..=shift).map(at).collect() } else { (shift + 1..=0).map(at).collect() };
    let product = Expr::product(factors);
    let rest = function.of(&base);
    Some(if shift > 0 { rest * product } else { rest / product })
}
