//! Questions of number theory, as they are asked, against SymPy's answers, which `fixtures/make_numbers.py` wrote down.

use nexus_mprime::answer::{
    self, Answer, DiophantineAnswer, FractionAnswer, Towards, continued_fraction, diophantine, remainders,
};
use nexus_mprime::symbolic::{Expr, expand, parse, parse_statement};

const REFERENCES: &str = include_str!("numbers.txt");

fn fraction(text: &str, terms: usize) -> FractionAnswer {
    continued_fraction(text, terms, true).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is answered to a line, and what should be.
fn answered(line: &str) -> (String, String) {
    let fields: Vec<&str> = line.split('|').collect();
    let said = format!("an answer to {line}");
    let (found, expected) = match fields.as_slice() {
        ["prime", number, expected] => {
            (answer::primality(number).expect(&said).prime.to_string(), expected.to_lowercase())
        }
        ["next", number, expected] => {
            (answer::primes(number, Towards::Larger, 1).expect(&said).primes.join(" "), (*expected).to_owned())
        }
        ["previous", number, expected] => {
            (answer::primes(number, Towards::Smaller, 1).expect(&said).primes.join(" "), (*expected).to_owned())
        }
        ["factors", number, expected] => {
            (answer::factors(number).expect(&said).primes.join(" "), (*expected).to_owned())
        }
        ["fraction", text, terms, period] => {
            let found = fraction(text, 30);
            assert!(found.complete, "{line}");
            (format!("{}|{}", found.terms.join(" "), found.period.join(" ")), format!("{terms}|{period}"))
        }
        ["terms", text, expected] => (fraction(text, 25).terms.join(" "), (*expected).to_owned()),
        ["convergents", text, expected] => (fraction(text, 20).convergents.join(" "), (*expected).to_owned()),
        ["power", base, exponent, modulus, expected] => {
            (answer::power(base, exponent, modulus).expect(&said).results.join(" "), (*expected).to_owned())
        }
        ["root", number, prime, expected] => {
            (answer::square_root(number, prime).expect(&said).results.join(" "), (*expected).to_owned())
        }
        ["remainders", left, moduli, expected, period] => {
            let pairs: Vec<(String, String)> =
                left.split(' ').zip(moduli.split(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            let found = remainders(&pairs)
                .map_or("none|none".to_owned(), |found| format!("{}|{}", found.results.join(" "), found.modulus));
            (found, format!("{expected}|{period}"))
        }
        _ => panic!("{line}"),
    };
    (found, expected)
}

#[test]
fn answers_are_those_of_sympy() {
    let mut count = 0;
    for line in REFERENCES.lines() {
        let (found, expected) = answered(line);
        assert_eq!(found, expected, "{line}");
        count += 1;
    }
    assert!(count > 150, "{count}");
}

/// The equation with an answer's values in it, which must hold whatever the parameters are.
fn left_over(equation: &str, answer: &DiophantineAnswer) -> Expr {
    let mut expr = parse_statement(equation).expect("it is an equation").difference();
    for (name, value) in &answer.solutions {
        expr = expr.substitute(name, &parse(value).expect("it is a formula"));
    }
    expand(&expr)
}

#[test]
fn solutions_of_linear_equations_solve_them() {
    for (equation, parameters) in [
        ("3x + 5y = 1", 1),
        ("6x - 10y = 4", 1),
        ("2a + 3b + 5c = 7", 2),
        ("7x = 21", 0),
        ("x/2 + y/3 = 1", 1),
        ("k + t = 3", 1),
        ("x + y = y + x + 0z", 0),
    ] {
        match diophantine(equation) {
            Ok(found) => {
                assert!(found.solvable && found.parameters.len() == parameters, "{equation}: {found:?}");
                assert!(left_over(equation, &found).is_zero(), "{equation}: {found:?}");
                assert!(found.parameters.iter().all(|name| !found.solutions.contains_key(name)), "{equation}");
            }
            // Its names cancel.
            Err(error) => assert!(equation.ends_with("0z") && error.message.contains("no names"), "{error}"),
        }
    }
    let first = diophantine("3x + 5y = 1").expect("it can be solved");
    assert_eq!(first.lines(), ["x = 5*k + 2, y = -3*k - 1"]);
    let none = diophantine("6x + 9y = 2").expect("it is an equation");
    assert!(!none.solvable && none.notes()[0].contains("multiple of 3"), "{none:?}");
    for wrong in ["x*y = 1", "x^2 = 4", "3x + 5y < 1", "sqrt(2)*x = 1", "3x +"] {
        assert!(diophantine(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_answered_is_said() {
    let message = |answer: Result<FractionAnswer, _>| match answer {
        Ok(found) => panic!("{found:?}"),
        Err(error) => nexus_mprime::symbolic::MathError::to_string(&error),
    };
    assert!(message(continued_fraction("x", 5, false)).contains("`x`"));
    assert!(message(continued_fraction("sqrt(-2)", 5, false)).contains("no real number"));
    assert!(message(continued_fraction("1/0", 5, false)).contains("undefined"));
    assert!(message(continued_fraction("pi", 0, false)).contains("1 to 4096"));
    let hidden = continued_fraction("sin(1)^2 + cos(1)^2", 5, false).expect("it has a value");
    assert!(!hidden.complete && hidden.note.is_some(), "{hidden:?}");
    assert_eq!(fraction("415/93", 9).lines(), ["[4; 2, 6, 7]", "4", "9/2", "58/13", "415/93"]);
    assert_eq!(continued_fraction("(1 + sqrt(5))/2", 3, false).expect("it is known").lines(), ["[(1)]"]);
    assert_eq!(continued_fraction("pi", 5, false).expect("it is known").lines(), ["[3; 7, 15, 1, 292, …]"]);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let against = remainders(&[pair("1", "4"), pair("2", "6")]).expect_err("they contradict each other");
    assert!(against.message.contains("divisible by 2"), "{against}");
    assert!(answer::primes("2", Towards::Smaller, 3).expect("an answer").primes.is_empty());
    assert!(answer::primes("1", Towards::Larger, 1_000_000).is_err() && answer::primality("1/2").is_err());
    assert!(answer::power("2", "3", "0").is_err() && answer::square_root("2", "15").is_err());
}
