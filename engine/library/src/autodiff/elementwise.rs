//! Derivatives of elementwise functions.
//!
//! Where a derivative does not exist (`abs` at 0, equal arguments of `maximum`) it is the one that JAX gives.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LN_10, PI};

use nexus_tensor::{Arg, BinaryOp, CompareOp, TensorError, UnaryOp, args};

use super::algebra::Algebra;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// Functions whose derivative is zero wherever it exists.
pub(super) fn is_flat(op: UnaryOp) -> bool {
    matches!(
        op,
        UnaryOp::Not
            | UnaryOp::Sign
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Round
            | UnaryOp::IsNan
            | UnaryOp::IsFinite
    )
}

/// `g` times the derivative of a function of one value.
pub(super) fn unary(site: &Site<'_>, op: UnaryOp) -> Result<Var, TensorError> {
    let (t, g, x, y) = (site.algebra, site.g, site.var(0)?, site.result());
    let one = Var::scalar(1.0);
    let of = |op| t.unary(op, x);
    match op {
        UnaryOp::Neg => t.neg(g),
        UnaryOp::Exp => t.mul(g, y),
        UnaryOp::Expm1 => t.mul(g, &t.add(y, &one)?),
        UnaryOp::Log => t.div(g, x),
        UnaryOp::Log1p => t.div(g, &t.add(x, &one)?),
        UnaryOp::Log2 => t.div(g, &t.scale(x, LN_2)?),
        UnaryOp::Log10 => t.div(g, &t.scale(x, LN_10)?),
        UnaryOp::Sqrt => t.div(&t.scale(g, 0.5)?, y),
        UnaryOp::Rsqrt => t.div(&t.mul(&t.scale(g, -0.5)?, y)?, x),
        UnaryOp::Square => t.mul(g, &t.scale(x, 2.0)?),
        UnaryOp::Sin => t.mul(g, &of(UnaryOp::Cos)?),
        UnaryOp::Cos => t.neg(&t.mul(g, &of(UnaryOp::Sin)?)?),
        UnaryOp::Tan => t.mul(g, &t.add(&t.unary(UnaryOp::Square, y)?, &one)?),
        UnaryOp::Asin => t.div(g, &root_of_rest(t, x)?),
        UnaryOp::Acos => t.neg(&t.div(g, &root_of_rest(t, x)?)?),
        UnaryOp::Atan => t.div(g, &t.add(&of(UnaryOp::Square)?, &one)?),
        UnaryOp::Sinh => t.mul(g, &of(UnaryOp::Cosh)?),
        UnaryOp::Cosh => t.mul(g, &of(UnaryOp::Sinh)?),
        UnaryOp::Tanh => t.mul(g, &t.sub(&one, &t.unary(UnaryOp::Square, y)?)?),
        UnaryOp::Erf => {
            let bell = t.unary(UnaryOp::Exp, &t.neg(&of(UnaryOp::Square)?)?)?;
            t.mul(g, &t.scale(&bell, 2.0 / PI.sqrt())?)
        }
        UnaryOp::Abs => t.mul(g, &of(UnaryOp::Sign)?),
        UnaryOp::Relu => gate(t, g, &t.compare(CompareOp::Greater, x, &Var::Plain(Arg::Int(0)))?),
        UnaryOp::Gelu => {
            // Φ(x) + x φ(x)
            let erf = t.unary(UnaryOp::Erf, &t.scale(x, FRAC_1_SQRT_2)?)?;
            let below = t.scale(&t.add(&erf, &one)?, 0.5)?;
            let bell = t.unary(UnaryOp::Exp, &t.scale(&of(UnaryOp::Square)?, -0.5)?)?;
            let density = t.scale(&t.mul(x, &bell)?, 1.0 / (2.0 * PI).sqrt())?;
            t.mul(g, &t.add(&below, &density)?)
        }
        UnaryOp::Silu => {
            let s = of(UnaryOp::Sigmoid)?;
            let rest = t.mul(x, &t.sub(&one, &s)?)?;
            t.mul(g, &t.mul(&s, &t.add(&one, &rest)?)?)
        }
        UnaryOp::Sigmoid => t.mul(g, &t.mul(y, &t.sub(&one, y)?)?),
        UnaryOp::Softplus => t.mul(g, &of(UnaryOp::Sigmoid)?),
        UnaryOp::Not
        | UnaryOp::Sign
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::IsNan
        | UnaryOp::IsFinite => t.zeros_like(x),
    }
}

/// √(1 - x²)
fn root_of_rest(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    t.unary(UnaryOp::Sqrt, &t.sub(&Var::scalar(1.0), &t.unary(UnaryOp::Square, x)?)?)
}

/// `g` where the condition holds, 0 elsewhere: infinities of `g` do not pass a closed gate as NaN.
fn gate(t: &Algebra<'_>, g: &Var, condition: &Var) -> Result<Var, TensorError> {
    match condition.plain() {
        Arg::Bool(true) => Ok(g.clone()),
        Arg::Bool(false) => t.zeros_like(g),
        _ => t.select(condition, g, &Var::Plain(Arg::Int(0))),
    }
}

/// Gradients of an operator with respect to both operands.
pub(super) fn binary(site: &Site<'_>, op: BinaryOp) -> Parts {
    if op == BinaryOp::MatMul {
        return super::products::matmul(site);
    }
    let (t, a, b) = (site.algebra, site.var(0)?, site.var(1)?);
    let left = if site.wants(0) { Some(t.fold_to(&left(site, op)?, a)?) } else { None };
    let right = if site.wants(1) { Some(t.fold_to(&right(site, op)?, b)?) } else { None };
    Ok(vec![left, right])
}

fn left(site: &Site<'_>, op: BinaryOp) -> Result<Var, TensorError> {
    let (t, g, a, b) = (site.algebra, site.g, site.var(0)?, site.var(1)?);
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Rem => Ok(g.clone()),
        BinaryOp::Mul => t.mul(g, b),
        BinaryOp::Div => t.div(g, b),
        BinaryOp::Pow => {
            // b a^(b-1), and 0 for b = 0 also where a is 0.
            let nothing = t.compare(CompareOp::Equal, b, &Var::Plain(Arg::Int(0)))?;
            let lowered = t.sub(b, &Var::Plain(Arg::Int(1)))?;
            let exponent = match nothing.plain() {
                Arg::Bool(true) => Var::scalar(1.0),
                Arg::Bool(false) => lowered,
                _ => t.select(&nothing, &Var::Plain(Arg::Int(1)), &lowered)?,
            };
            t.mul(g, &t.mul(b, &t.binary(BinaryOp::Pow, a, &exponent)?)?)
        }
        BinaryOp::Maximum => share(site, CompareOp::Greater),
        BinaryOp::Minimum => share(site, CompareOp::Less),
        BinaryOp::Atan2 => t.div(&t.mul(g, b)?, &squares(t, a, b)?),
        BinaryOp::FloorDiv | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::MatMul => t.zeros_like(a),
    }
}

fn right(site: &Site<'_>, op: BinaryOp) -> Result<Var, TensorError> {
    let (t, g, a, b) = (site.algebra, site.g, site.var(0)?, site.var(1)?);
    match op {
        BinaryOp::Add => Ok(g.clone()),
        BinaryOp::Sub => t.neg(g),
        BinaryOp::Mul => t.mul(g, a),
        BinaryOp::Div => t.neg(&t.mul(&t.div(g, b)?, site.result())?),
        BinaryOp::Rem => t.neg(&t.mul(g, &t.binary(BinaryOp::FloorDiv, a, b)?)?),
        BinaryOp::Pow => {
            // a^b ln a, and 0 for a = 0.
            let nothing = t.compare(CompareOp::Equal, a, &Var::Plain(Arg::Int(0)))?;
            let base = match nothing.plain() {
                Arg::Bool(true) => Var::scalar(1.0),
                Arg::Bool(false) => a.clone(),
                _ => t.select(&nothing, &Var::Plain(Arg::Int(1)), a)?,
            };
            t.mul(g, &t.mul(site.result(), &t.unary(UnaryOp::Log, &base)?)?)
        }
        BinaryOp::Maximum => share(site, CompareOp::Less),
        BinaryOp::Minimum => share(site, CompareOp::Greater),
        BinaryOp::Atan2 => t.neg(&t.div(&t.mul(g, a)?, &squares(t, a, b)?)?),
        BinaryOp::FloorDiv | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::MatMul => t.zeros_like(b),
    }
}

/// `g` where the comparison of a and b holds, half of it where they are equal.
fn share(site: &Site<'_>, op: CompareOp) -> Result<Var, TensorError> {
    let (t, g, a, b) = (site.algebra, site.g, site.var(0)?, site.var(1)?);
    let wins = gate(t, g, &t.compare(op, a, b)?)?;
    let ties = gate(t, &t.scale(g, 0.5)?, &t.compare(CompareOp::Equal, a, b)?)?;
    t.add(&wins, &ties)
}

fn squares(t: &Algebra<'_>, a: &Var, b: &Var) -> Result<Var, TensorError> {
    t.add(&t.unary(UnaryOp::Square, a)?, &t.unary(UnaryOp::Square, b)?)
}

/// The gradients of the elementwise functions by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    macro_rules! unary {
        ($op:ident) => {
            Gradient::Composite(|t, a| t.unary(UnaryOp::$op, var(a, 0)?).map(Item::Var))
        };
    }
    macro_rules! binary {
        ($op:ident) => {
            Gradient::Composite(|t, a| t.binary(BinaryOp::$op, var(a, 0)?, var(a, 1)?).map(Item::Var))
        };
    }
    Some(match name.strip_prefix("tensor.")? {
        "exp" => unary!(Exp),
        "expm1" => unary!(Expm1),
        "log" => unary!(Log),
        "log1p" => unary!(Log1p),
        "log2" => unary!(Log2),
        "log10" => unary!(Log10),
        "sqrt" => unary!(Sqrt),
        "rsqrt" => unary!(Rsqrt),
        "square" => unary!(Square),
        "neg" => unary!(Neg),
        "abs" => unary!(Abs),
        "sin" => unary!(Sin),
        "cos" => unary!(Cos),
        "tan" => unary!(Tan),
        "asin" => unary!(Asin),
        "acos" => unary!(Acos),
        "atan" => unary!(Atan),
        "sinh" => unary!(Sinh),
        "cosh" => unary!(Cosh),
        "tanh" => unary!(Tanh),
        "erf" => unary!(Erf),
        "relu" => unary!(Relu),
        "gelu" => unary!(Gelu),
        "silu" => unary!(Silu),
        "sigmoid" => unary!(Sigmoid),
        "softplus" => unary!(Softplus),
        "add" => binary!(Add),
        "subtract" => binary!(Sub),
        "multiply" => binary!(Mul),
        "divide" => binary!(Div),
        "pow" => binary!(Pow),
        "maximum" => binary!(Maximum),
        "minimum" => binary!(Minimum),
        "atan2" => binary!(Atan2),
        "matmul" => binary!(MatMul),
        "where" => Gradient::Rule(choice),
        "clip" => Gradient::Composite(clip),
        "leaky_relu" => Gradient::Composite(leaky_relu),
        "sign" | "floor" | "ceil" | "round" | "isnan" | "isfinite" | "logical_not" | "logical_and" | "logical_or"
        | "logical_xor" | "isclose" => Gradient::Zero,
        _ => return None,
    })
}

/// Argument `i` of a composite, which is a number or tensor.
pub(super) fn var(a: &[Item], i: usize) -> Result<&Var, TensorError> {
    match a.get(i) {
        Some(Item::Var(var)) => Ok(var),
        _ => Err(TensorError::argument("x", "must be a tensor or a number")),
    }
}

/// An argument that was given.
pub(super) fn given(a: &[Item], i: usize) -> Option<&Var> {
    match a.get(i) {
        Some(Item::Var(var)) => Some(var),
        _ => None,
    }
}

fn choice(site: &Site<'_>) -> Parts {
    let (t, g, condition) = (site.algebra, site.g, site.var(0)?);
    let zero = Var::Plain(Arg::Int(0));
    let part = |i: usize, yes: &Var, no: &Var| -> Result<Option<Var>, TensorError> {
        if !site.wants(i) {
            return Ok(None);
        }
        t.fold_to(&t.select(condition, yes, no)?, site.var(i)?).map(Some)
    };
    Ok(vec![None, part(1, g, &zero)?, part(2, &zero, g)?])
}

fn clip(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let mut value = var(a, 0)?.clone();
    for (i, op) in [(1, BinaryOp::Maximum), (2, BinaryOp::Minimum)] {
        if let Some(bound) = given(a, i) {
            value = t.binary(op, &value, bound)?;
        }
    }
    Ok(value.into())
}

fn leaky_relu(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let slope = args::number_or(&plain, 1, "slope", 0.01)?;
    let positive = t.compare(CompareOp::Greater, x, &Var::Plain(Arg::Int(0)))?;
    t.select(&positive, x, &t.scale(x, slope)?).map(Item::Var)
}
