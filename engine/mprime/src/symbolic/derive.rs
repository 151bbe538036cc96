//! Derivatives.

use super::{Constant, Expr, Function, MathError, Node};

impl Expr {
    /// The derivative by a name, exact.
    ///
    /// # Errors
    /// A function whose derivative is not elementary: `gamma` and `factorial`.
    pub fn derivative(&self, name: &str) -> Result<Expr, MathError> {
        if !self.contains(name) {
            return Ok(Expr::zero());
        }
        match self.node() {
            Node::Number(_) | Node::Constant(_) => Ok(Expr::zero()),
            Node::Symbol(_) => Ok(Expr::one()),
            Node::Sum(terms) => {
                Ok(Expr::sum(terms.iter().map(|term| term.derivative(name)).collect::<Result<Vec<_>, _>>()?))
            }
            Node::Product(factors) => product(factors, name),
            Node::Power(base, exponent) => power(self, base, exponent, name),
            Node::Call(function, argument) => Ok(function.derivative_at(argument)? * argument.derivative(name)?),
        }
    }
}

fn product(factors: &[Expr], name: &str) -> Result<Expr, MathError> {
    let mut terms = Vec::new();
    for (index, factor) in factors.iter().enumerate().filter(|(_, factor)| factor.contains(name)) {
        let others = factors.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, factor)| factor.clone());
        terms.push(Expr::product(others.chain([factor.derivative(name)?])));
    }
    Ok(Expr::sum(terms))
}

fn power(whole: &Expr, base: &Expr, exponent: &Expr, name: &str) -> Result<Expr, MathError> {
    if !exponent.contains(name) {
        let below = base.pow(&(exponent - Expr::one()));
        return Ok(Expr::product([exponent.clone(), below, base.derivative(name)?]));
    }
    let inner = exponent.derivative(name)?;
    if base.is_constant(Constant::E) {
        return Ok(whole * inner);
    }
    let log = Function::Log.of(base);
    if !base.contains(name) {
        return Ok(Expr::product([whole.clone(), log, inner]));
    }
    // (b^x)' = b^x * (x' log(b) + x b'/b)
    let rate = &inner * &log + Expr::product([exponent.clone(), base.derivative(name)?, base.powi(-1)]);
    Ok(whole * rate)
}

impl Function {
    /// The derivative of the function by its argument.
    fn derivative_at(self, x: &Expr) -> Result<Expr, MathError> {
        let one = Expr::one;
        let square = || x.powi(2);
        Ok(match self {
            Function::Sin => Function::Cos.of(x),
            Function::Cos => -Function::Sin.of(x),
            Function::Tan => Function::Tan.of(x).powi(2) + one(),
            Function::Asin => (one() - square()).sqrt().powi(-1),
            Function::Acos => -(one() - square()).sqrt().powi(-1),
            Function::Atan => (square() + one()).powi(-1),
            Function::Sinh => Function::Cosh.of(x),
            Function::Cosh => Function::Sinh.of(x),
            Function::Tanh => one() - Function::Tanh.of(x).powi(2),
            Function::Asinh => (square() + one()).sqrt().powi(-1),
            // Not the root of x^2 - 1, which is another one left of 0.
            Function::Acosh => ((x - one()).sqrt() * (x + one()).sqrt()).powi(-1),
            Function::Atanh => (one() - square()).powi(-1),
            Function::Log => x.powi(-1),
            // Of real arguments, as a real function is meant.
            Function::Abs => Function::Sign.of(x),
            Function::Sign => Expr::zero(),
            Function::Erf => Expr::int(2) / Expr::constant(Constant::Pi).sqrt() * (-square()).exp(),
            Function::Gamma | Function::Factorial => {
                return Err(MathError::new(format!("the derivative of `{self}` is no elementary function")));
            }
        })
    }
}
