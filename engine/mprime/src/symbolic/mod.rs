//! Formulas: exact, in canonical form, and what can be asked of them.

mod arithmetic;
mod assumptions;
mod check;
mod derive;
mod digits;
mod error;
mod expr;
mod functions;
mod integrate;
mod lexer;
mod limit;
mod numeric;
mod parse;
mod polynomial;
mod print;
mod radicals;
mod rational;
mod series;
mod simplify;
mod solve;

pub use assumptions::{Assumptions, Facts};
pub use check::same_values;
pub use digits::{DIGITS_MAX, evaluate};
pub use error::MathError;
pub use expr::{Constant, Expr, Node, Rational};
pub use functions::Function;
pub use integrate::{Definite, integrate, integrate_between};
pub use limit::{Direction, limit};
pub use numeric::{Values, complex_value, real_sign, real_value};
pub use parse::{Relation, Statement, parse, parse_statement, parse_symbol, parse_with_divisors};
pub use print::Notation;
pub use rational::{cancel, conditions, expand, factor, new_divisors};
pub use series::{SERIES_ORDER_MAX, Series, series};
pub use simplify::{Simplified, Step, simplify, simplify_with_proof};
pub use solve::{Bound, Range, Root, Solution, Solutions, SystemSolutions, solve, solve_inequality, solve_system};

#[cfg(test)]
mod tests;
