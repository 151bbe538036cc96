//! The frame of a series: the scale is the distance to a point, or one over what grows.

use crate::symbolic::{Constant, Expr, MathError, Node, numeric::real_sign};

use super::{
    expand::Frame,
    expansion::{Expansion, Stop, Work},
    vanish::vanishes,
};

/// Stands for the logarithm of the scale in coefficients; no formula that is read holds it.
pub(super) const LOG_SCALE: &str = "log of scale";

/// Where a series is expanded.
pub(super) struct Local<'a> {
    pub(super) name: &'a str,
    /// What the name is, by the scale.
    pub(super) variable: Expansion,
    pub(super) point: &'a Expr,
    pub(super) work: Work,
}

impl Frame for Local<'_> {
    fn work(&mut self) -> &mut Work {
        &mut self.work
    }

    fn leaf(&mut self, expr: &Expr) -> Result<Option<Expansion>, Stop> {
        if expr.as_symbol() == Some(self.name) {
            return Ok(Some(self.variable.clone()));
        }
        Ok((!expr.contains(self.name)).then(|| Expansion::constant(expr.clone())))
    }

    fn log_scale(&self) -> Expr {
        Expr::symbol(LOG_SCALE)
    }

    fn is_zero(&mut self, coefficient: &Expr) -> Result<bool, Stop> {
        if coefficient.as_number().is_none() {
            self.work.spend(64)?;
        }
        Ok(vanishes(coefficient))
    }

    fn divisor(&mut self, _: &Expr) -> Result<(), Stop> {
        Ok(())
    }

    fn sign(&mut self, coefficient: &Expr) -> Result<Option<i8>, Stop> {
        Ok(if coefficient.symbols().is_empty() { real_sign(coefficient) } else { None })
    }

    fn is_one_sided(&self) -> bool {
        self.point.is_infinite()
    }

    fn is_rapid(&self, _: &Expr) -> bool {
        false
    }

    fn exponential(&mut self, whole: &Expr, constant: Expr) -> Result<(Expr, Expr), Stop> {
        if !constant.contains(LOG_SCALE) {
            return Ok((constant.exp(), Expr::zero()));
        }
        // e to a multiple of the logarithm is a power.
        let exponent = constant.derivative(LOG_SCALE)?;
        let outside = constant.substitute(LOG_SCALE, &Expr::zero());
        if exponent.symbols().is_empty() && !outside.is_undefined() && !exponent.contains(LOG_SCALE) {
            return Ok((outside.exp(), exponent));
        }
        Err(MathError::new(format!("`{whole}` has no series here: it grows as no power does")).into())
    }

    fn essential(&self, function: &Expr) -> Stop {
        let (name, point) = (self.name, self.point);
        let what = match function.node() {
            Node::Power(base, _) if base.is_constant(Constant::E) => "has an essential singularity at",
            _ => "has no power series at",
        };
        MathError::new(format!("`{function}` {what} {name} = {point}"))
            .help("Its argument is infinite there; ask for the limit, or expand at another point")
            .into()
    }
}
