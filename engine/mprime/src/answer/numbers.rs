//! Number theory: primes, factors, residues, linear equations in whole numbers.

use std::collections::BTreeMap;

use dashu_int::{IBig, UBig};
use serde::Serialize;

use super::Answer;
use crate::integers::{self, DiophantineLattice, Effort};
use crate::symbolic::{Expr, MathError, Rational, Relation, expand, parse, parse_statement};

/// Work on one question: some ten seconds.
const WORK: u64 = 10_000_000_000;
/// The most primes that are listed.
pub const COUNT_MAX: u32 = 10_000;

fn refused(error: integers::Error) -> MathError {
    MathError::other(error.to_string())
}

/// The whole number that a formula is, such as `2^127 - 1`.
///
/// # Errors
/// What is no formula, or no whole number.
pub fn whole(text: &str) -> Result<IBig, MathError> {
    let expr = parse(text)?;
    let refused = || {
        MathError::other(format!("`{expr}` is no whole number"))
            .with_help("Write a number such as 91 or 2^127 - 1")
            .about(text)
    };
    expr.as_int().cloned().ok_or_else(refused)
}

fn modulus(text: &str) -> Result<UBig, MathError> {
    let number = whole(text)?;
    let refused = || {
        MathError::other(format!("the modulus is {number}")).with_help("A modulus is a whole number from 1").about(text)
    };
    number.as_ubig().filter(|number| !number.is_zero()).cloned().ok_or_else(refused)
}

/// Whether a number is prime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrimalityAnswer {
    /// The number.
    pub number: String,
    /// Whether it is prime.
    pub prime: bool,
}

impl Answer for PrimalityAnswer {
    fn lines(&self) -> Vec<String> {
        vec![format!("{} is {}", self.number, if self.prime { "prime" } else { "not prime" })]
    }
}

/// Whether the whole number that a formula is is prime.
///
/// # Errors
/// Those of [`whole`]; a number beyond [`integers::BITS_MAX`], or of which it was not found out in some ten seconds.
pub fn primality(number: &str) -> Result<PrimalityAnswer, MathError> {
    let number = whole(number)?;
    let prime = integers::is_prime(&number, &mut Effort::new(WORK)).map_err(refused)?;
    Ok(PrimalityAnswer { number: number.to_string(), prime })
}

/// In which direction primes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// Above the number.
    Larger,
    /// Below it.
    Smaller,
}

/// Primes next to a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrimesAnswer {
    /// The number.
    pub number: String,
    /// The primes, the nearest first.
    pub primes: Vec<String>,
}

impl Answer for PrimesAnswer {
    fn lines(&self) -> Vec<String> {
        self.primes.clone()
    }

    fn notes(&self) -> Vec<String> {
        if self.primes.is_empty() { vec!["there is no prime below 2".to_owned()] } else { Vec::new() }
    }
}

/// The primes next to a number, which is not among them; fewer where there are no more.
///
/// # Errors
/// Those of [`primality`], and more than [`COUNT_MAX`].
pub fn primes(number: &str, towards: Towards, count: u32) -> Result<PrimesAnswer, MathError> {
    let number = whole(number)?;
    if count > COUNT_MAX {
        return Err(MathError::other(format!("{count} primes are asked for"))
            .with_help(format!("Ask for {COUNT_MAX} or fewer at once")));
    }
    let mut effort = Effort::new(WORK);
    let (mut at, mut primes) = (number.clone(), Vec::new());
    for _ in 0..count {
        let found = match towards {
            Towards::Larger => integers::next_prime(&at, &mut effort).map(Some),
            Towards::Smaller => integers::previous_prime(&at, &mut effort),
        };
        let Some(prime) = found.map_err(refused)? else { break };
        primes.push(prime.to_string());
        at = prime.into();
    }
    Ok(PrimesAnswer { number: number.to_string(), primes })
}

/// The primes whose product a number is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactorAnswer {
    /// Whether -1 is a factor too.
    pub negative: bool,
    /// The primes, ascending, each as often as it divides.
    pub primes: Vec<String>,
    /// Factors of which it is not known whether they have further ones.
    pub rest: Vec<String>,
}

/// The prime factors of the whole number that a formula is.
///
/// # Errors
/// Those of [`whole`]; 0.
pub fn factors(number: &str) -> Result<FactorAnswer, MathError> {
    let number = whole(number)?;
    let found = integers::factor(&number, &mut Effort::new(WORK)).map_err(refused)?;
    let times = |own: &integers::PrimePower| std::iter::repeat_n(own.prime.to_string(), own.times);
    Ok(FactorAnswer {
        negative: found.is_negative,
        primes: found.primes.iter().flat_map(times).collect(),
        rest: found.rest.iter().map(|rest| rest.number().to_string()).collect(),
    })
}

/// Numbers modulo another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResidueAnswer {
    /// The numbers, each from 0 up to the modulus; none where there is no such number.
    pub results: Vec<String>,
    /// The modulus.
    pub modulus: String,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Answer for ResidueAnswer {
    fn lines(&self) -> Vec<String> {
        self.results.iter().map(|result| format!("{result} modulo {}", self.modulus)).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.note.iter().cloned().collect()
    }
}

impl ResidueAnswer {
    fn one(result: &UBig, modulus: &UBig) -> ResidueAnswer {
        ResidueAnswer { results: vec![result.to_string()], modulus: modulus.to_string(), note: None }
    }
}

/// A power modulo a number; a negative exponent is one of the inverse.
///
/// # Errors
/// What is no whole number, a modulus below 1, an inverse that there is not.
pub fn power(base: &str, exponent: &str, modulo: &str) -> Result<ResidueAnswer, MathError> {
    let (base, exponent, modulo) = (whole(base)?, whole(exponent)?, modulus(modulo)?);
    let found = integers::power_mod(&base, &exponent, &modulo, &mut Effort::new(WORK)).map_err(refused)?;
    Ok(ResidueAnswer::one(&found, &modulo))
}

/// The number whose product with another leaves 1.
///
/// # Errors
/// Those of [`power`].
pub fn inverse(number: &str, modulo: &str) -> Result<ResidueAnswer, MathError> {
    let (number, modulo) = (whole(number)?, modulus(modulo)?);
    let found = integers::inverse_mod(&number, &modulo).map_err(refused)?;
    Ok(ResidueAnswer::one(&found, &modulo))
}

/// The numbers whose square leaves the same as a number, modulo a prime.
///
/// # Errors
/// What is no whole number, a modulus that is not prime.
pub fn square_root(number: &str, prime: &str) -> Result<ResidueAnswer, MathError> {
    let (number, prime) = (whole(number)?, modulus(prime)?);
    let found = integers::square_root_mod(&number, &prime, &mut Effort::new(WORK)).map_err(refused)?;
    let modulus = prime.to_string();
    let Some(root) = found else {
        let note = Some(format!("{number} is no square modulo {modulus}"));
        return Ok(ResidueAnswer { results: Vec::new(), modulus, note });
    };
    let other = if root.is_zero() { root.clone() } else { &prime - &root };
    let mut results = vec![root.to_string(), other.to_string()];
    results.dedup();
    Ok(ResidueAnswer { results, modulus, note: None })
}

/// The smallest number that leaves each remainder divided by the number beside it, modulo the number by which such numbers
/// repeat.
///
/// # Errors
/// What is no whole number, a divisor below 1, remainders that contradict each other.
pub fn remainders(pairs: &[(String, String)]) -> Result<ResidueAnswer, MathError> {
    let left = pairs.iter().map(|(left, _)| whole(left)).collect::<Result<Vec<IBig>, _>>()?;
    let moduli = pairs.iter().map(|(_, own)| modulus(own)).collect::<Result<Vec<UBig>, _>>()?;
    let (found, period) = integers::chinese_remainder(&left, &moduli).map_err(refused)?;
    Ok(ResidueAnswer::one(&found, &period))
}

/// The whole numbers that solve a linear equation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiophantineAnswer {
    /// Whether there are any.
    pub solvable: bool,
    /// For each name its values, with the parameters in them.
    pub solutions: BTreeMap<String, String>,
    /// Names that stand for any whole number.
    pub parameters: Vec<String>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Answer for DiophantineAnswer {
    fn lines(&self) -> Vec<String> {
        let values = self.solutions.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>();
        if values.is_empty() { Vec::new() } else { vec![values.join(", ")] }
    }

    fn notes(&self) -> Vec<String> {
        let parameters = match self.parameters.as_slice() {
            [] => None,
            [only] => Some(format!("where {only} is any whole number")),
            several => Some(format!("where {} are any whole numbers", several.join(", "))),
        };
        self.note.iter().cloned().chain(parameters).collect()
    }
}

/// The whole numbers that solve a linear equation, such as `3x + 5y = 1`.
///
/// # Errors
/// What is no equation, one that is not linear or whose coefficients are not rational.
pub fn diophantine(equation: &str) -> Result<DiophantineAnswer, MathError> {
    let statement = parse_statement(equation)?;
    if statement.relation != Relation::Equal {
        return Err(MathError::other("this is no equation")
            .with_help("Write for instance 3x + 5y = 1")
            .about(equation));
    }
    let expr = expand(&statement.difference());
    let names: Vec<String> = expr.symbols().iter().map(ToString::to_string).collect();
    let (coefficients, right) = linear(&expr, &names).ok_or_else(|| {
        MathError::other("the equation is not linear with rational coefficients")
            .with_help("Write for instance 3x + 5y = 1")
            .about(equation)
    })?;
    if names.is_empty() {
        return Err(MathError::other("the equation has no names to solve for").about(equation));
    }
    let (start, mut steps) = match lattice(&coefficients, &right).map_err(refused)? {
        DiophantineLattice::Lattice { start, steps } => (start, steps),
        DiophantineLattice::None { divisor } => {
            let note = format!(
                "no whole numbers solve it: the names' side is a multiple of {divisor} whatever they are, and {right} is not"
            );
            let none = DiophantineAnswer {
                solvable: false,
                solutions: BTreeMap::new(),
                parameters: Vec::new(),
                note: Some(note),
            };
            return Ok(none);
        }
    };
    for step in &mut steps {
        if step.iter().find(|entry| !entry.is_zero()).is_some_and(|entry| *entry < IBig::ZERO) {
            step.iter_mut().for_each(|entry| *entry = -entry.clone());
        }
    }
    let parameters = parameters(steps.len(), &names);
    let value = |place: usize| {
        let number = |number: &IBig| Expr::number(Rational::from(number.clone()));
        let moved = steps.iter().zip(&parameters).map(|(step, name)| &number(&step[place]) * &Expr::symbol(name));
        Expr::sum(moved.chain([number(&start[place])])).to_string()
    };
    let solutions = names.iter().enumerate().map(|(place, name)| (name.clone(), value(place))).collect();
    Ok(DiophantineAnswer { solvable: true, solutions, parameters, note: None })
}

/// Of two names the solution whose first value is the smallest that is not negative; of others, some.
fn lattice(coefficients: &[IBig], right: &IBig) -> Result<DiophantineLattice, integers::Error> {
    let [a, b] = coefficients else { return integers::linear_diophantine_many(coefficients, right) };
    Ok(match integers::linear_diophantine(a, b, right)? {
        integers::Diophantine::Line { x0, y0, dx, dy } => {
            DiophantineLattice::Lattice { start: vec![x0, y0], steps: vec![vec![dx, dy]] }
        }
        integers::Diophantine::All => return integers::linear_diophantine_many(coefficients, right),
        integers::Diophantine::None { divisor } => DiophantineLattice::None { divisor },
    })
}

/// The whole coefficients of names in an equation with 0, and what stands on its other side; `None` where it is not linear.
fn linear(expr: &Expr, names: &[String]) -> Option<(Vec<IBig>, IBig)> {
    let mut rest = expr.clone();
    let mut coefficients = Vec::new();
    for name in names {
        let slope = expand(&expr.derivative(name).ok()?);
        coefficients.push(slope.as_number()?.clone());
        rest = rest.substitute(name, &Expr::zero());
    }
    let right = -expand(&rest).as_number()?.clone();
    let all = coefficients.iter().chain([&right]);
    let scale = all.fold(UBig::ONE, |scale, own| integers::lcm(&scale.into(), own.denominator().as_ibig()));
    let lifted = |own: &Rational| own.numerator() * IBig::from(&scale / own.denominator());
    Some((coefficients.iter().map(lifted).collect(), lifted(&right)))
}

/// Names for parameters that the equation does not use.
fn parameters(count: usize, names: &[String]) -> Vec<String> {
    let is_free = |letter: &&&str| !names.iter().any(|name| name.starts_with(**letter));
    let letter = ["k", "t", "n", "parameter"].iter().find(is_free).copied().unwrap_or("free_parameter");
    match count {
        1 => vec![letter.to_owned()],
        several => (1..=several).map(|at| format!("{letter}{at}")).collect(),
    }
}
