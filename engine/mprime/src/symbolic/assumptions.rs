//! What is known of names, and of formulas made of them.

use std::collections::BTreeMap;

use super::{Constant, Expr, Function, MathError, Node, Rational, Relation, parse_statement};

/// What is known of a value. What is not said may still hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It is a real number.
    pub real: bool,
    /// It is a whole number.
    pub integer: bool,
    /// It is above zero.
    pub positive: bool,
    /// It is not below zero.
    pub nonnegative: bool,
    /// It is not zero.
    pub nonzero: bool,
}

/// What is known of names.
#[derive(Clone, Debug, Default)]
pub struct Assumptions(BTreeMap<String, Facts>);

impl Facts {
    fn closed(mut self) -> Facts {
        self.nonnegative |= self.positive;
        self.nonzero |= self.positive;
        self.real |= self.integer || self.nonnegative;
        self
    }

    /// What is known where both are known of the same value.
    pub(super) fn and(self, other: Facts) -> Facts {
        Facts {
            real: self.real || other.real,
            integer: self.integer || other.integer,
            positive: self.positive || other.positive || self.both_make_positive(other),
            nonnegative: self.nonnegative || other.nonnegative,
            nonzero: self.nonzero || other.nonzero,
        }
        .closed()
    }

    fn both_make_positive(self, other: Facts) -> bool {
        (self.nonnegative || other.nonnegative) && (self.nonzero || other.nonzero)
    }

    /// What is known of a number.
    pub(super) fn of_number(number: &Rational) -> Facts {
        Facts {
            real: true,
            integer: number.is_int(),
            positive: *number > Rational::ZERO,
            nonnegative: *number >= Rational::ZERO,
            nonzero: !number.is_zero(),
        }
    }

    /// What is known of a constant.
    pub(super) fn of_constant(constant: Constant) -> Facts {
        let is_positive = matches!(constant, Constant::E | Constant::Pi);
        Facts { positive: is_positive, nonzero: is_positive || constant == Constant::I, ..Facts::default() }.closed()
    }

    /// What is known of a sum of two.
    pub(super) fn of_sum(left: Facts, right: Facts) -> Facts {
        Facts {
            real: left.real && right.real,
            integer: left.integer && right.integer,
            positive: left.positive && right.nonnegative || left.nonnegative && right.positive,
            nonnegative: left.nonnegative && right.nonnegative,
            nonzero: false,
        }
        .closed()
    }

    /// What is known of a product of two.
    pub(super) fn of_product(left: Facts, right: Facts) -> Facts {
        Facts {
            real: left.real && right.real,
            integer: left.integer && right.integer,
            positive: left.positive && right.positive,
            nonnegative: left.nonnegative && right.nonnegative,
            nonzero: left.nonzero && right.nonzero,
        }
        .closed()
    }

    /// What is known of a power; the exponent is given where it is a number.
    pub(super) fn of_power(base: Facts, exponent: Facts, number: Option<&Rational>) -> Facts {
        let is_even = number.is_some_and(|number| number.is_int() && (number.numerator() % 2i32) == 0);
        let is_counted = exponent.integer && exponent.nonnegative;
        Facts {
            real: base.real && is_counted
                || base.real && exponent.integer && base.nonzero
                || base.positive && exponent.real
                || base.nonnegative && exponent.positive,
            integer: base.integer && is_counted,
            positive: base.positive && exponent.real || base.real && base.nonzero && is_even,
            nonnegative: base.nonnegative && exponent.positive || base.real && is_even && exponent.nonnegative,
            nonzero: base.nonzero,
        }
        .closed()
    }

    /// What is known of a function of what is known.
    pub(super) fn of_call(function: Function, argument: Facts) -> Facts {
        use Function::{Abs, Acos, Asin, Atan, Cos, Cosh, Erf, Factorial, Log, Sign, Sin, Sinh, Tan, Tanh};
        let real = argument.real;
        match function {
            Abs => Facts { real: true, nonnegative: true, nonzero: argument.nonzero, ..Facts::default() },
            Cosh => Facts { positive: real, ..Facts::default() },
            Log => Facts { real: argument.positive, ..Facts::default() },
            Sinh | Tanh | Erf | Atan | Sign | Function::Asinh => {
                let nonnegative = argument.nonnegative;
                Facts { real, nonnegative, nonzero: real && argument.nonzero, ..Facts::default() }
            }
            Sin | Cos | Tan => Facts { real, ..Facts::default() },
            Factorial => Facts { positive: argument.integer && argument.nonnegative, ..Facts::default() },
            Asin | Acos | Function::Acosh | Function::Atanh | Function::Gamma => Facts::default(),
        }
        .closed()
    }
}

impl Assumptions {
    /// What is known of a name.
    pub fn facts(&self, name: &str) -> Facts {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Adds an assumption: `x > 0`, `x >= 0`, `x != 0`, `x real`, `n integer`.
    ///
    /// # Errors
    /// What is none of these.
    pub fn assume(&mut self, text: &str) -> Result<(), MathError> {
        let (name, facts) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((name, "real")) => (super::parse_symbol(name)?, Facts { real: true, ..Facts::default() }),
            Some((name, "integer")) => (super::parse_symbol(name)?, Facts { integer: true, ..Facts::default() }),
            Some((name, "positive")) => (super::parse_symbol(name)?, Facts { positive: true, ..Facts::default() }),
            _ => compared(text)?,
        };
        let own = self.facts(&name);
        self.0.insert(name, own.and(facts.closed()));
        Ok(())
    }

    /// What is known of a formula.
    pub fn of(&self, expr: &Expr) -> Facts {
        match expr.node() {
            Node::Number(number) => Facts::of_number(number),
            Node::Constant(constant) => Facts::of_constant(*constant),
            Node::Symbol(name) => self.facts(name),
            Node::Sum(terms) => folded(terms.iter().map(|term| self.of(term)), Facts::of_sum),
            Node::Product(factors) => folded(factors.iter().map(|factor| self.of(factor)), Facts::of_product),
            Node::Power(base, exponent) => Facts::of_power(self.of(base), self.of(exponent), exponent.as_number()),
            Node::Call(function, argument) => Facts::of_call(*function, self.of(argument)),
        }
    }
}

fn folded(facts: impl Iterator<Item = Facts>, join: impl Fn(Facts, Facts) -> Facts) -> Facts {
    facts.reduce(join).unwrap_or_default()
}

fn compared(text: &str) -> Result<(String, Facts), MathError> {
    let wrong = || {
        MathError::new(format!("`{text}` is no assumption that is understood"))
            .help("Write for instance `x > 0`, `x >= 0`, `x != 0`, `x real` or `n integer`")
            .about(text)
    };
    let statement = parse_statement(text).map_err(|_| wrong())?;
    let name = statement.left.as_symbol().ok_or_else(wrong)?.to_owned();
    let bound = statement.right.as_number().ok_or_else(wrong)?;
    let known = Facts { real: true, ..Facts::default() };
    let facts = match statement.relation {
        Relation::Greater if *bound >= Rational::ZERO => Facts { positive: true, ..known },
        Relation::GreaterEqual if *bound > Rational::ZERO => Facts { positive: true, ..known },
        Relation::GreaterEqual if bound.is_zero() => Facts { nonnegative: true, ..known },
        Relation::NotEqual if bound.is_zero() => Facts { nonzero: true, ..Facts::default() },
        Relation::Less if *bound <= Rational::ZERO => Facts { nonzero: true, ..known },
        _ => return Err(wrong()),
    };
    Ok((name, facts))
}
