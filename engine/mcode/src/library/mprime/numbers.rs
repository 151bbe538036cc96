//! Number theory for programs. Whole numbers are ints, or strings where they are larger or written as formulas.

use nexus_mprime::answer::{self, ResidueAnswer};
use nexus_mprime::symbolic::MathError;

use super::super::decide::record;
use super::super::{Builtin, Kind};
use super::{owned, whole, worked};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Terms of a continued fraction, and of its convergents, where no number of them is asked for.
const TERMS: usize = 20;
const CONVERGENTS: usize = 10;

/// Number theory.
pub(in crate::library) const TABLE: &[Builtin] = &[
    Builtin {
        name: "mprime.continued_fraction",
        arity: (1, 2),
        result: Kind::List,
        example: "mprime.continued_fraction(\"sqrt(7)\", 8)",
        run: continued_fraction,
    },
    Builtin {
        name: "mprime.convergents",
        arity: (1, 2),
        result: Kind::List,
        example: "mprime.convergents(\"pi\", 4)",
        run: convergents,
    },
    Builtin {
        name: "mprime.diophantine",
        arity: (1, 1),
        result: Kind::Any,
        example: "mprime.diophantine(\"3x + 5y = 1\")",
        run: diophantine,
    },
    Builtin {
        name: "mprime.factors",
        arity: (1, 1),
        result: Kind::List,
        example: "mprime.factors(\"2^67 - 1\")",
        run: factors,
    },
    Builtin {
        name: "mprime.inverse_mod",
        arity: (2, 2),
        result: Kind::Any,
        example: "mprime.inverse_mod(3, 7)",
        run: |host, arguments| {
            residue(host, "mprime.inverse_mod", arguments, |numbers| answer::inverse(&numbers[0], &numbers[1]))
        },
    },
    Builtin {
        name: "mprime.power_mod",
        arity: (3, 3),
        result: Kind::Any,
        example: "mprime.power_mod(3, 200, 13)",
        run: |host, arguments| {
            residue(host, "mprime.power_mod", arguments, |numbers| answer::power(&numbers[0], &numbers[1], &numbers[2]))
        },
    },
    Builtin {
        name: "mprime.remainders",
        arity: (2, 2),
        result: Kind::Any,
        example: "mprime.remainders([2, 3, 2], [3, 5, 7])",
        run: remainders,
    },
    Builtin {
        name: "mprime.sqrt_mod",
        arity: (2, 2),
        result: Kind::List,
        example: "mprime.sqrt_mod(2, 7)",
        run: square_roots,
    },
];

/// A number as the text that it is asked about with.
fn asked(function: &str, value: &Value) -> Outcome<String> {
    match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Str(_) => owned(function, value),
        other => Err(Fault::kind(&format!("`{function}`"), "an int or a string", other)),
    }
}

/// A whole number as an int, or as a string where the question had strings.
fn number(host: &Host, function: &str, text: String, with_strings: bool) -> Outcome<Value> {
    if with_strings {
        return host.string(text);
    }
    let fault = || Fault::new(Code::IntegerOverflow, format!("the answer of `{function}` is no int: {text}"));
    text.parse().map(Value::Int).map_err(|_| fault().help("asked with a string, it answers with one"))
}

fn strings(host: &Host, texts: Vec<String>) -> Outcome<Value> {
    let items = texts.into_iter().map(|text| host.string(text)).collect::<Outcome<_>>()?;
    host.list(items)
}

fn has_strings<'v>(mut values: impl Iterator<Item = &'v Value>) -> bool {
    values.any(|value| matches!(value, Value::Str(_)))
}

/// How many terms are asked for.
fn terms(function: &str, value: Option<&Value>, usual: usize) -> Outcome<usize> {
    value.map_or(Ok(usual), |value| Ok(usize::try_from(whole(function, value)?).unwrap_or(0)))
}

pub(super) fn is_prime(host: &mut Host, number: &Value) -> Outcome<Value> {
    const NAME: &str = "mprime.is_prime";
    let number = owned(NAME, number)?;
    let found = worked(host, NAME, move || answer::primality(&number))?;
    Ok(Value::Bool(found.prime))
}

fn factors(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.factors";
    let number = asked(NAME, &arguments[0])?;
    let found = worked(host, NAME, move || {
        let found = answer::factors(&number)?;
        if found.negative {
            return Err(MathError::other("a negative number is no product of primes").with_help("Ask about `-n`"));
        }
        match found.rest.first() {
            None => Ok(found.primes),
            Some(rest) => Err(MathError::other(format!("not all factors were found: {rest} is left"))),
        }
    })?;
    strings(host, found)
}

fn continued_fraction(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.continued_fraction";
    let (question, count) = (asked(NAME, &arguments[0])?, terms(NAME, arguments.get(1), TERMS)?);
    let found = worked(host, NAME, move || {
        let found = answer::continued_fraction(&question, count, false)?;
        let all = found.terms.iter().chain(found.period.iter().cycle());
        Ok(all.take(count).cloned().collect::<Vec<String>>())
    })?;
    let items = found.into_iter().map(|term| number(host, NAME, term, false)).collect::<Outcome<_>>()?;
    host.list(items)
}

fn convergents(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.convergents";
    let (question, count) = (asked(NAME, &arguments[0])?, terms(NAME, arguments.get(1), CONVERGENTS)?);
    let found = worked(host, NAME, move || answer::continued_fraction(&question, count, true))?;
    strings(host, found.convergents)
}

fn diophantine(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.diophantine";
    let question = owned(NAME, &arguments[0])?;
    let found = worked(host, NAME, move || answer::diophantine(&question))?;
    record(host, &found)
}

/// One number modulo another.
fn residue(
    host: &mut Host,
    function: &'static str,
    arguments: &[Value],
    find: fn(&[String]) -> Result<ResidueAnswer, MathError>,
) -> Outcome<Value> {
    let numbers = arguments.iter().map(|argument| asked(function, argument)).collect::<Outcome<Vec<_>>>()?;
    let found = worked(host, function, move || find(&numbers))?;
    let result = found.results.into_iter().next().ok_or_else(|| Fault::internal("a residue that there is not"))?;
    number(host, function, result, has_strings(arguments.iter()))
}

fn remainders(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.remainders";
    let list = |value: &Value| match value {
        Value::List(items) => Ok(items.iter().collect::<Vec<Value>>()),
        other => Err(Fault::kind(&format!("`{NAME}`"), "two lists of whole numbers", other)),
    };
    let (left, moduli) = (list(&arguments[0])?, list(&arguments[1])?);
    let with_strings = has_strings(left.iter().chain(&moduli));
    if left.len() != moduli.len() {
        let message = format!("`{NAME}`: there are {} remainders and {} moduli", left.len(), moduli.len());
        return Err(Fault::new(Code::OperationFailed, message).help("give as many of each"));
    }
    let pair = |(left, modulus): (&Value, &Value)| Ok((asked(NAME, left)?, asked(NAME, modulus)?));
    let pairs = left.iter().zip(&moduli).map(pair).collect::<Outcome<Vec<_>>>()?;
    let found = worked(host, NAME, move || answer::remainders(&pairs))?;
    let result = found.results.into_iter().next().ok_or_else(|| Fault::internal("a residue that there is not"))?;
    number(host, NAME, result, with_strings)
}

fn square_roots(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.sqrt_mod";
    let with_strings = has_strings(arguments.iter());
    let (square, prime) = (asked(NAME, &arguments[0])?, asked(NAME, &arguments[1])?);
    let found = worked(host, NAME, move || answer::square_root(&square, &prime))?;
    let items = found.results.into_iter().map(|text| number(host, NAME, text, with_strings)).collect::<Outcome<_>>()?;
    host.list(items)
}
