//! The values of a formula over numbers and tensors: its operations, each once, handed to the tensor engine, which fuses them.

use std::collections::HashMap;
use std::sync::Arc;

use nexus_mprime::symbolic::{self, Constant, Expr, Function, MathError, Node, Rational};

use super::super::{Member, call, find};
use super::{owned, worked};
use crate::ast::BinaryOperator;
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::operate::binary;
use crate::vm::value::{Record, Value};

const NAME: &str = "mprime.values";

/// One operation of a formula, on the results of earlier ones.
enum Step {
    Int(i64),
    Scalar(f64),
    Name(Arc<str>),
    Call(&'static str, usize),
    Binary(BinaryOperator, usize, usize),
}

/// The operations of a formula, in an order in which they can be worked out; the last one is the formula.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    /// How often the result of each step is needed.
    uses: Vec<u32>,
    known: HashMap<Expr, usize>,
}

pub(super) fn values(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let question = owned(NAME, &arguments[0])?;
    let Value::Record(given) = &arguments[1] else {
        return Err(Fault::kind(&format!("`{NAME}`"), "a record of values such as {x: 1.5}", &arguments[1]));
    };
    let given = Arc::clone(given);
    let plan = worked(host, NAME, move || {
        let mut plan = Plan::default();
        plan.expr(&symbolic::parse(&question)?)?;
        Ok(plan)
    })?;
    plan.run(host, &given)
}

impl Plan {
    fn push(&mut self, step: Step) -> usize {
        match &step {
            Step::Int(_) | Step::Scalar(_) | Step::Name(_) => {}
            Step::Call(_, argument) => self.uses[*argument] += 1,
            Step::Binary(_, left, right) => {
                self.uses[*left] += 1;
                self.uses[*right] += 1;
            }
        }
        self.steps.push(step);
        self.uses.push(0);
        self.steps.len() - 1
    }

    fn expr(&mut self, expr: &Expr) -> Result<usize, MathError> {
        if let Some(at) = self.known.get(expr) {
            return Ok(*at);
        }
        let at = match expr.node() {
            Node::Number(number) => self.number(number),
            Node::Constant(constant) => self.constant(*constant)?,
            Node::Symbol(name) => self.push(Step::Name(Arc::clone(name))),
            Node::Power(base, exponent) if exponent.is_negated() => {
                let (one, below) = (self.push(Step::Int(1)), self.expr(&base.pow(&-exponent))?);
                self.push(Step::Binary(BinaryOperator::Divide, one, below))
            }
            Node::Power(base, exponent) => self.power(base, exponent)?,
            Node::Product(factors) => self.product(factors)?,
            Node::Sum(terms) => self.sum(terms)?,
            Node::Call(function, argument) => self.call(*function, argument)?,
        };
        self.known.insert(expr.clone(), at);
        Ok(at)
    }

    fn number(&mut self, number: &Rational) -> usize {
        let whole = number.is_int().then(|| i64::try_from(number.numerator()).ok()).flatten();
        self.push(whole.map_or_else(|| Step::Scalar(number.to_f64().value()), Step::Int))
    }

    fn constant(&mut self, constant: Constant) -> Result<usize, MathError> {
        let value = match constant {
            Constant::E => std::f64::consts::E,
            Constant::Pi => std::f64::consts::PI,
            Constant::Infinity => f64::INFINITY,
            Constant::Undefined => return Err(MathError::undefined()),
            Constant::I => {
                return Err(MathError::other("the values of the formula are not real: it has `i`"));
            }
        };
        Ok(self.push(Step::Scalar(value)))
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Result<usize, MathError> {
        if base.is_constant(Constant::E) {
            let exponent = self.expr(exponent)?;
            return Ok(self.push(Step::Call("math.exp", exponent)));
        }
        let at = self.expr(base)?;
        if *exponent == Expr::fraction(1, 2) {
            return Ok(self.push(Step::Call("math.sqrt", at)));
        }
        let exponent = self.expr(exponent)?;
        Ok(self.push(Step::Binary(BinaryOperator::Power, at, exponent)))
    }

    /// What stands above the line by what stands below it: a division is rounded once.
    fn product(&mut self, factors: &[Expr]) -> Result<usize, MathError> {
        let (mut above, mut below) = (Vec::new(), Vec::new());
        for factor in factors {
            match factor.node() {
                Node::Number(number) => {
                    above.push(Expr::number(Rational::from(number.numerator().clone())));
                    below.push(Expr::number(Rational::from(number.denominator().clone())));
                }
                Node::Power(base, exponent) if exponent.is_negated() => below.push(base.pow(&-exponent)),
                _ => above.push(factor.clone()),
            }
        }
        let (above, below) = (self.multiplied(above)?, self.multiplied(below)?);
        Ok(match (above, below) {
            (Some(above), None) => above,
            (above, Some(below)) => {
                let above = above.unwrap_or_else(|| self.push(Step::Int(1)));
                self.push(Step::Binary(BinaryOperator::Divide, above, below))
            }
            (None, None) => self.push(Step::Int(1)),
        })
    }

    fn multiplied(&mut self, factors: Vec<Expr>) -> Result<Option<usize>, MathError> {
        let mut product = None;
        for factor in factors.iter().filter(|factor| !factor.is_int(1)) {
            let factor = self.expr(factor)?;
            product = Some(match product {
                Some(before) => self.push(Step::Binary(BinaryOperator::Multiply, before, factor)),
                None => factor,
            });
        }
        Ok(product)
    }

    fn sum(&mut self, terms: &[Expr]) -> Result<usize, MathError> {
        // What is added comes first, so that the sum need not begin with a negation.
        let (less, more): (Vec<&Expr>, Vec<&Expr>) = terms.iter().partition(|term| term.is_negated());
        let mut sum = None;
        for term in more {
            let term = self.expr(term)?;
            sum = Some(match sum {
                Some(before) => self.push(Step::Binary(BinaryOperator::Add, before, term)),
                None => term,
            });
        }
        for term in less {
            sum = Some(match sum {
                Some(before) => {
                    let term = self.expr(&-term)?;
                    self.push(Step::Binary(BinaryOperator::Subtract, before, term))
                }
                None => self.expr(term)?,
            });
        }
        Ok(sum.unwrap_or_else(|| self.push(Step::Int(0))))
    }

    fn call(&mut self, function: Function, argument: &Expr) -> Result<usize, MathError> {
        if function == Function::Factorial {
            let argument = self.expr(&(argument + Expr::one()))?;
            return Ok(self.push(Step::Call("math.gamma", argument)));
        }
        let argument = self.expr(argument)?;
        Ok(self.push(Step::Call(in_library(function), argument)))
    }

    /// Works the operations out. A result goes where it is needed for the last time.
    fn run(mut self, host: &mut Host, given: &Record) -> Outcome<Value> {
        let mut results: Vec<Value> = Vec::with_capacity(self.steps.len());
        for step in std::mem::take(&mut self.steps) {
            host.tick(1)?;
            let result = match step {
                Step::Int(number) => Value::Int(number),
                Step::Scalar(number) => Value::Scalar(number),
                Step::Name(name) => value_of(&name, given)?,
                Step::Call(name, argument) => {
                    let Some(Member::Builtin(id)) = find(name) else {
                        return Err(Fault::internal("a function of formulas that the library lacks"));
                    };
                    call(host, id, &mut [self.taken(&mut results, argument)])?
                }
                Step::Binary(operator, left, right) => {
                    let left = self.taken(&mut results, left);
                    let right = self.taken(&mut results, right);
                    binary(host, operator, left, right)?
                }
            };
            results.push(result);
        }
        results.pop().ok_or_else(|| Fault::internal("a formula without operations"))
    }

    fn taken(&mut self, results: &mut [Value], at: usize) -> Value {
        self.uses[at] -= 1;
        if self.uses[at] == 0 { std::mem::take(&mut results[at]) } else { results[at].clone() }
    }
}

/// A function of formulas, as the library calls it.
fn in_library(function: Function) -> &'static str {
    match function {
        Function::Sin => "math.sin",
        Function::Cos => "math.cos",
        Function::Tan => "math.tan",
        Function::Asin => "math.asin",
        Function::Acos => "math.acos",
        Function::Atan => "math.atan",
        Function::Sinh => "math.sinh",
        Function::Cosh => "math.cosh",
        Function::Tanh => "math.tanh",
        Function::Asinh => "math.asinh",
        Function::Acosh => "math.acosh",
        Function::Atanh => "math.atanh",
        Function::Log => "math.log",
        Function::Abs => "math.abs",
        Function::Sign => "math.sign",
        Function::Erf => "math.erf",
        // A factorial is a gamma of one more.
        Function::Gamma | Function::Factorial => "math.gamma",
    }
}

fn value_of(name: &str, given: &Record) -> Outcome<Value> {
    match given.get(name) {
        // Values of formulas are real numbers: they do not overflow as ints do.
        Some(Value::Int(number)) => Ok(Value::Scalar(*number as f64)),
        Some(value @ (Value::Scalar(_) | Value::Tensor(_) | Value::Traced(_))) => Ok(value.clone()),
        Some(other) => Err(Fault::kind(&format!("`{NAME}`"), "a number or a tensor for each name", other)),
        None => Err(Fault::new(
            Code::BadCall,
            format!("`{NAME}`: the formula has the name `{name}`, which is given no value"),
        )
        .help(format!("add it to the record: {{{name}: 1.5}}"))),
    }
}
