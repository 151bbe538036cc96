//! Equations, systems of them, and inequalities.

mod forms;
mod inequality;
mod roots;
mod search;
mod system;

use num_complex::Complex64;

use super::{
    Assumptions, Constant, Expr, Function, MathError, Node, Rational, Values, cancel,
    check::same_values,
    complex_value, numeric,
    polynomial::{self, Polynomial},
    rational::Generators,
};

pub use inequality::{Bound, Range, solve_inequality};
pub use system::{SystemSolutions, solve_system};

/// How deep equations may follow from equations.
const DEPTH_MAX: usize = 12;
/// The name of a whole number in families of solutions, and what is taken where it occurs already.
const COUNTERS: [&str; 4] = ["k", "m", "n", "k_0"];

/// The solutions of an equation.
#[derive(Clone, Debug, PartialEq)]
pub enum Solutions {
    /// Every number.
    All,
    /// These, and where `is_complete` no others; `counter` is a name that stands for every whole number in them.
    Some {
        /// The solutions.
        found: Vec<Solution>,
        /// The name of the whole number that families of solutions hold.
        counter: Option<String>,
        /// Whether there are no others.
        is_complete: bool,
    },
}

/// A solution, and how often it counts where the equation is a polynomial.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The value.
    pub root: Root,
    /// How often it counts.
    pub multiplicity: u32,
}

/// A value that solves an equation.
#[derive(Clone, Debug, PartialEq)]
pub enum Root {
    /// By a formula.
    Exact(Expr),
    /// A real number between two others, which are 10^-20 or less apart; that it is there, and alone, is proven.
    Real {
        /// The lower bound.
        low: Rational,
        /// The upper bound.
        high: Rational,
    },
    /// A number by a numerical method, with the size of the equation's sides' difference there.
    Numerical {
        /// The number.
        value: Complex64,
        /// The size of the difference.
        residual: f64,
    },
}

impl Root {
    /// The value as a float.
    pub fn value(&self) -> Option<Complex64> {
        match self {
            Root::Exact(expr) => complex_value(expr, &Values::new()),
            Root::Real { low, high } => Some(((low + high) / Rational::from(2)).to_f64_fast().into()),
            Root::Numerical { value, .. } => Some(*value),
        }
    }
}

/// Solves `expr = 0` for a name, over the complex numbers.
///
/// # Errors
/// An equation that is solved by no method here, exactly or numerically.
pub fn solve(expr: &Expr, name: &str) -> Result<Solutions, MathError> {
    if expr.is_undefined() {
        return Err(MathError::new("the equation is undefined: it divides by zero"));
    }
    let counter =
        COUNTERS.iter().find(|counter| !expr.contains(counter) && **counter != name).copied().unwrap_or("k_1");
    let mut solver = Solver { question: expr, name, counter, is_complete: true };
    let Some(candidates) = solver.solve(expr, 0) else { return Ok(Solutions::All) };
    let mut found: Vec<Solution> = Vec::new();
    for candidate in candidates.into_iter().map(|own| rising(own, counter)) {
        if !solver.is_solution(&candidate.root) {
            // With other names in it, it may be one for some of their values.
            solver.is_complete &= expr.symbols().len() <= 1;
        } else if !found.iter().any(|own| own.root == candidate.root) {
            found.push(candidate);
        }
    }
    if !solver.is_complete && found.is_empty() {
        found = search::search(expr, name);
        if found.is_empty() {
            return Err(MathError::new(format!("no method here solves `{expr} = 0` for `{name}`"))
                .help("No sign changes between -1000 and 1000 either"));
        }
    }
    let has_counter =
        found.iter().any(|solution| matches!(&solution.root, Root::Exact(expr) if expr.contains(counter)));
    sort(&mut found);
    Ok(Solutions::Some { found, counter: has_counter.then(|| counter.to_owned()), is_complete: solver.is_complete })
}

/// A family of solutions that rises with its whole number; it is the same family.
fn rising(solution: Solution, counter: &str) -> Solution {
    match &solution.root {
        Root::Exact(expr) if expr.derivative(counter).is_ok_and(|rate| rate.is_negated()) => {
            let turned = expr.substitute(counter, &-Expr::symbol(counter));
            Solution { root: Root::Exact(turned), ..solution }
        }
        _ => solution,
    }
}

/// Real solutions first, rising.
fn sort(found: &mut [Solution]) {
    let key = |solution: &Solution| match solution.root.value() {
        Some(value) if value.im.abs() <= 1e-12 * value.norm() => (0, value.re, 0.0),
        Some(value) => (1, value.re, value.im),
        None => (2, 0.0, 0.0),
    };
    found.sort_by(|left, right| {
        let (left, right) = (key(left), key(right));
        left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)).then(left.2.total_cmp(&right.2))
    });
}

struct Solver<'a> {
    question: &'a Expr,
    name: &'a str,
    counter: &'a str,
    is_complete: bool,
}

impl Solver<'_> {
    /// Candidates; `None` where every number is a solution.
    fn solve(&mut self, expr: &Expr, depth: usize) -> Option<Vec<Solution>> {
        if depth > DEPTH_MAX {
            return self.give_up();
        }
        if !expr.contains(self.name) {
            let is_zero = expr.is_zero() || same_values(expr, &Expr::zero(), &Assumptions::default());
            return if is_zero { None } else { Some(Vec::new()) };
        }
        let generators = Generators::of(&[expr]);
        let Some(quotient) = generators.quotient(expr).and_then(|quotient| quotient.cancelled()) else {
            return self.give_up();
        };
        if quotient.numerator.is_zero() {
            return None;
        }
        let mut found = Vec::new();
        for (factor, power) in polynomial::factor(&quotient.numerator).factors {
            let solutions = self.factor(&factor, &generators, depth)?;
            found.extend(solutions.into_iter().map(|own| Solution { multiplicity: own.multiplicity * power, ..own }));
        }
        Some(found)
    }

    fn give_up(&mut self) -> Option<Vec<Solution>> {
        self.is_complete = false;
        Some(Vec::new())
    }

    /// Solves a polynomial in the generators.
    fn factor(&mut self, factor: &Polynomial, generators: &Generators, depth: usize) -> Option<Vec<Solution>> {
        let within: Vec<usize> = (0..generators.len())
            .filter(|at| factor.degree(*at) > 0 && generators.exprs()[*at].contains(self.name))
            .collect();
        match within.as_slice() {
            [] => Some(Vec::new()),
            [only] => {
                let generator = &generators.exprs()[*only];
                let values = self.values(factor, *only, generators);
                if generator.as_symbol() == Some(self.name) {
                    return Some(values);
                }
                let mut found = Vec::new();
                for value in values {
                    found.extend(self.inverted(generator, &value.root, depth)?);
                }
                Some(found)
            }
            _ => self.several(factor, &within, generators, depth),
        }
    }

    /// The values of one generator for which a polynomial is zero.
    fn values(&mut self, factor: &Polynomial, at: usize, generators: &Generators) -> Vec<Solution> {
        if let Some(dense) = factor.dense(at) {
            return roots::roots(&dense);
        }
        let coefficients: Vec<Expr> = factor.coefficients(at).iter().map(|own| generators.expr(own)).collect();
        let exact = |exprs: Vec<Expr>| {
            exprs.into_iter().map(|expr| Solution { root: Root::Exact(cancel(&expr)), multiplicity: 1 }).collect()
        };
        match coefficients.as_slice() {
            [b, a] => exact(vec![-(b / a)]),
            [c, b, a] => exact(roots::quadratic(a, b, c)),
            [first, .., last] if coefficients[1..coefficients.len() - 1].iter().all(Expr::is_zero) => {
                exact(roots::radicals(&-(first / last), coefficients.len() - 1))
            }
            _ => {
                self.is_complete = false;
                Vec::new()
            }
        }
    }

    /// Solves `generator = value`.
    fn inverted(&mut self, generator: &Expr, value: &Root, depth: usize) -> Option<Vec<Solution>> {
        let value = match value {
            Root::Exact(expr) => expr.clone(),
            // What is known by its bounds or numerically goes on as a decimal number.
            Root::Real { .. } | Root::Numerical { .. } => return self.give_up(),
        };
        let inside = match generator.node() {
            Node::Power(base, exponent) if !exponent.contains(self.name) => {
                // Other powers than rational ones have solutions without end.
                self.is_complete &= exponent.as_number().is_some();
                vec![(base.clone(), value.pow(&exponent.powi(-1)))]
            }
            Node::Power(base, exponent) if !base.contains(self.name) => {
                if value.is_zero() {
                    return Some(Vec::new());
                }
                vec![(exponent.clone(), Function::Log.of(&value) / Function::Log.of(base))]
            }
            Node::Call(function, argument) => {
                let Some(values) = self.preimages(*function, &value) else { return self.give_up() };
                values.into_iter().map(|value| (argument.clone(), value)).collect()
            }
            _ => return self.give_up(),
        };
        let cases: Vec<Expr> = inside.into_iter().map(|(inside, value)| inside - value).collect();
        self.any_of(&cases, depth)
    }

    /// The arguments for which a function has a value.
    fn preimages(&self, function: Function, value: &Expr) -> Option<Vec<Expr>> {
        let pi = || Expr::constant(Constant::Pi);
        let turns = |period: i64| Expr::product([Expr::int(period), pi(), Expr::symbol(self.counter)]);
        Some(match function {
            Function::Sin => {
                let angle = Function::Asin.of(value);
                let other = pi() - &angle;
                if other == angle { vec![angle + turns(2)] } else { vec![angle + turns(2), other + turns(2)] }
            }
            Function::Cos => {
                let angle = Function::Acos.of(value);
                if angle.is_zero() || angle == pi() {
                    vec![angle + turns(2)]
                } else {
                    vec![-&angle + turns(2), angle + turns(2)]
                }
            }
            Function::Tan => vec![Function::Atan.of(value) + turns(1)],
            Function::Asin => vec![Function::Sin.of(value)],
            Function::Acos => vec![Function::Cos.of(value)],
            Function::Atan => vec![Function::Tan.of(value)],
            Function::Sinh => vec![Function::Asinh.of(value)],
            Function::Cosh => vec![-Function::Acosh.of(value), Function::Acosh.of(value)],
            Function::Tanh => vec![Function::Atanh.of(value)],
            Function::Asinh => vec![Function::Sinh.of(value)],
            Function::Acosh => vec![Function::Cosh.of(value)],
            Function::Atanh => vec![Function::Tanh.of(value)],
            Function::Log => vec![value.exp()],
            Function::Abs => vec![-value, value.clone()],
            Function::Sign | Function::Erf | Function::Gamma | Function::Factorial => return None,
        })
    }

    /// Solves a polynomial in several generators that all hold the name.
    fn several(
        &mut self,
        factor: &Polynomial,
        within: &[usize],
        generators: &Generators,
        depth: usize,
    ) -> Option<Vec<Solution>> {
        let expr = generators.expr(factor);
        // A square root: what stands before it, squared.
        for at in within {
            let (base, exponent) = generators.exprs()[*at].base_and_exponent();
            let is_root = exponent == Expr::fraction(1, 2) && base.contains(self.name);
            if is_root {
                let coefficients: Vec<Expr> = factor.coefficients(*at).iter().map(|own| generators.expr(own)).collect();
                let part = |odd: usize| {
                    let powers = coefficients.iter().enumerate().filter(|(power, _)| power % 2 == odd);
                    Expr::sum(powers.map(|(power, own)| own * base.powi(power as i64 / 2)))
                };
                let squared = part(0).powi(2) - part(1).powi(2) * &base;
                return self.solve(&squared, depth + 1);
            }
        }
        for at in within {
            let coefficients: Vec<Expr> = factor.coefficients(*at).iter().map(|own| generators.expr(own)).collect();
            if let Some(cases) = forms::without_absolute_value(&coefficients, &generators.exprs()[*at]) {
                return self.any_of(&cases, depth);
            }
        }
        if let Some(cases) = forms::equal_waves(&expr, self.counter) {
            return self.any_of(&cases, depth);
        }
        if let Some(argument) = angle(within.iter().map(|at| &generators.exprs()[*at])) {
            return self.by_half_angle(&expr, &argument, depth);
        }
        let simpler = forms::without_logarithms(&expr, self.name).or_else(|| forms::by_one_angle(&expr, self.name));
        match simpler {
            Some(simpler) => self.solve(&simpler, depth + 1),
            None => self.give_up(),
        }
    }

    /// The solutions of any of these equations.
    fn any_of(&mut self, exprs: &[Expr], depth: usize) -> Option<Vec<Solution>> {
        let mut found = Vec::new();
        for expr in exprs {
            found.extend(self.solve(expr, depth + 1)?);
        }
        Some(found)
    }

    /// Sine and cosine of one angle by the tangent of its half.
    fn by_half_angle(&mut self, expr: &Expr, argument: &Expr, depth: usize) -> Option<Vec<Solution>> {
        let tangent = Expr::symbol("#t");
        let below = (tangent.powi(2) + Expr::one()).powi(-1);
        let replaced = expr
            .replace(&Function::Tan.of(argument), &(Function::Sin.of(argument) / Function::Cos.of(argument)))
            .replace(&Function::Sin.of(argument), &(Expr::int(2) * &tangent * &below))
            .replace(&Function::Cos.of(argument), &((Expr::one() - tangent.powi(2)) * below));
        let name = std::mem::replace(&mut self.name, "#t");
        let tangents = self.solve(&replaced, depth + 1);
        self.name = name;
        let period = Expr::product([Expr::int(2), Expr::constant(Constant::Pi), Expr::symbol(self.counter)]);
        // Half a turn, where the tangent is infinite, is tried by itself.
        let mut angles = vec![Expr::constant(Constant::Pi) + &period];
        for tangent in tangents? {
            match tangent.root {
                Root::Exact(value) => angles.push(Expr::int(2) * Function::Atan.of(&value) + &period),
                Root::Real { .. } | Root::Numerical { .. } => self.is_complete = false,
            }
        }
        let cases: Vec<Expr> = angles.into_iter().map(|angle| argument - angle).collect();
        self.any_of(&cases, depth)
    }

    /// Whether a candidate solves the question itself: roots and logarithms have solutions of other branches.
    fn is_solution(&self, root: &Root) -> bool {
        let Root::Exact(value) = root else { return true };
        let mut whole = Assumptions::default();
        if whole.assume(&format!("{} integer", self.counter)).is_err() {
            return false;
        }
        let substituted = self.question.substitute(self.name, value);
        !substituted.is_undefined() && (substituted.is_zero() || same_values(&substituted, &Expr::zero(), &whole))
    }
}

/// The one angle of which all these are sines, cosines and tangents.
fn angle<'a>(exprs: impl Iterator<Item = &'a Expr>) -> Option<Expr> {
    let mut found: Option<&Expr> = None;
    for expr in exprs {
        let Node::Call(Function::Sin | Function::Cos | Function::Tan, argument) = expr.node() else { return None };
        if found.is_some_and(|own| own != argument) {
            return None;
        }
        found = Some(argument);
    }
    found.cloned()
}

/// The value of a formula without names that is a real number, for comparing.
fn real(expr: &Expr) -> Option<f64> {
    numeric::real_value(expr)
}
