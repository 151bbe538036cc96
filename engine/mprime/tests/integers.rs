//! Number theory against SymPy's answers, which `make_integers.py` wrote down.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use nexus_mprime::integers::{
    Effort, Error, chinese_remainder, continued_fraction, convergents, factor, integer_root, is_prime, jacobi,
    legendre, next_prime, power_mod, square_root_fraction, square_root_mod,
};

const REFERENCES: &str = include_str!("integers.txt");
/// Units of work of a question: minutes, which none needs.
const WORK: u64 = 100_000_000_000;

fn unsigned(number: &IBig) -> UBig {
    UBig::try_from(number.clone()).expect("it is not negative")
}

/// The answer to a question as the references write it.
fn answer(question: &str, numbers: &[IBig]) -> Vec<IBig> {
    let mut effort = Effort::new(WORK);
    let whole = |found: UBig| vec![IBig::from(found)];
    match (question, numbers) {
        ("is_prime", [n]) => vec![IBig::from(u8::from(is_prime(n, &mut effort).unwrap()))],
        ("next_prime", [n]) => whole(next_prime(n, &mut effort).unwrap()),
        ("factor", [n]) => {
            let found = factor(n, &mut effort).unwrap();
            assert!(found.is_complete(), "{n}: {:?}", found.rest);
            found.primes.iter().flat_map(|power| [power.prime.clone().into(), power.times.into()]).collect()
        }
        ("totient", [n]) => whole(factor(n, &mut effort).unwrap().totient().unwrap()),
        ("moebius", [n]) => vec![factor(n, &mut effort).unwrap().moebius().unwrap().into()],
        ("divisors", [n]) => {
            let divisors = factor(n, &mut effort).unwrap().divisors().unwrap();
            divisors.into_iter().map(IBig::from).collect()
        }
        ("jacobi", [a, n]) => {
            let symbol = jacobi(a, &unsigned(n)).unwrap();
            if is_prime(n, &mut effort).unwrap() {
                assert_eq!(legendre(a, &unsigned(n), &mut effort), Ok(symbol));
            }
            vec![symbol.into()]
        }
        ("power_mod", [a, e, m]) => whole(power_mod(a, e, &unsigned(m), &mut effort).unwrap()),
        ("square_root_mod", [a, p]) => {
            let root = square_root_mod(a, &unsigned(p), &mut effort).unwrap();
            root.into_iter().map(IBig::from).collect()
        }
        ("chinese_remainder", both) => {
            let (rests, moduli) = both.split_at(both.len() / 2);
            match chinese_remainder(rests, &moduli.iter().map(unsigned).collect::<Vec<_>>()) {
                Ok((rest, period)) => vec![rest.into(), period.into()],
                Err(Error::Inconsistent { .. }) => vec![],
                Err(other) => panic!("{other}"),
            }
        }
        ("root", [n, degree]) => {
            let (root, is_exact) = integer_root(n, usize::try_from(degree).unwrap()).unwrap();
            vec![root, u8::from(is_exact).into()]
        }
        ("continued_fraction", [above, below]) => {
            continued_fraction(&RBig::from_parts(above.clone(), unsigned(below))).unwrap()
        }
        ("convergents", terms) => {
            let found = convergents(terms).unwrap();
            found.iter().flat_map(|value| [value.numerator().clone(), value.denominator().clone().into()]).collect()
        }
        ("square_root", [n]) => {
            let found = square_root_fraction(&unsigned(n), 10_000).unwrap();
            std::iter::once(found.whole).chain(found.period).map(IBig::from).collect()
        }
        _ => panic!("no such question: {question}"),
    }
}

#[test]
fn answers_are_those_of_sympy() {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for line in REFERENCES.lines() {
        let (asks, wanted) = line.split_once(" :").unwrap();
        let mut words = asks.split_whitespace();
        let question = words.next().unwrap();
        let numbers: Vec<IBig> = words.map(|word| word.parse().unwrap()).collect();
        let wanted: Vec<IBig> = wanted.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert_eq!(answer(question, &numbers), wanted, "{asks}");
        *asked.entry(question).or_default() += 1;
    }
    assert_eq!(asked.len(), 14, "{asked:?}");
    assert!(asked.values().all(|count| *count > 10), "{asked:?}");
}
