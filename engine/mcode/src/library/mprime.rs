//! `mprime`: exact mathematics. Nothing is computed here: numbers go to `nexus-mprime`.

use nexus_mprime::primes;

use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Work that one question counts for: the longest test of a prime takes twelve powers, the longest way to the next prime
/// some hundred tests, the longest factorisation a few hundred thousand products.
const TEST_TICKS: usize = 16;
const NEXT_TICKS: usize = 256;
const FACTOR_TICKS: usize = 4096;

/// Primes.
pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "mprime.factor", arity: (1, 1), result: Kind::List, example: "mprime.factor(360)", run: factor },
    Builtin {
        name: "mprime.is_prime",
        arity: (1, 1),
        result: Kind::Bool,
        example: "mprime.is_prime(1000003)",
        run: is_prime,
    },
    Builtin {
        name: "mprime.next_prime",
        arity: (1, 1),
        result: Kind::Int,
        example: "mprime.next_prime(100)",
        run: next_prime,
    },
];

fn factor(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let number = whole("mprime.factor", &arguments[0])?;
    host.tick(FACTOR_TICKS)?;
    let factors = u64::try_from(number).ok().and_then(primes::prime_factors);
    let factors = factors.ok_or_else(|| {
        Fault::new(Code::OperationFailed, format!("{number} is no product of primes"))
            .help("`mprime.factor` takes ints from 1: a negative number has the factors of `-n`")
    })?;
    let ints = factors.into_iter().map(|factor| int(factor).expect("a factor is at most the number, which is an int"));
    host.list(ints.collect())
}

fn is_prime(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let number = whole("mprime.is_prime", &arguments[0])?;
    host.tick(TEST_TICKS)?;
    Ok(Value::Bool(u64::try_from(number).is_ok_and(primes::is_prime)))
}

fn next_prime(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let number = whole("mprime.next_prime", &arguments[0])?;
    host.tick(NEXT_TICKS)?;
    // The first prime follows every negative number.
    let next = primes::next_prime(u64::try_from(number).unwrap_or(0)).and_then(int);
    next.ok_or_else(|| {
        Fault::new(Code::IntegerOverflow, format!("the next prime after {number} is no int")).help(format!(
            "ints go to {}, and the last prime among them is {}",
            i64::MAX,
            i64::MAX - 24
        ))
    })
}

fn int(number: u64) -> Option<Value> {
    i64::try_from(number).ok().map(Value::Int)
}

fn whole(function: &str, value: &Value) -> Outcome<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(Fault::kind(&format!("`{function}`"), "an int", other)),
    }
}
