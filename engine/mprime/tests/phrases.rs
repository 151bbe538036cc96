//! Questions in words: the commands that they mean, and what is said where they mean none.

use nexus_mprime::phrases::understand;

/// A question and the command that it means.
const UNDERSTOOD: &[(&str, &str)] = &[
    ("Ableitung von x^2 nach x", "diff 'x^2' x"),
    ("integral of sin(x) from 0 to pi", "integrate 'sin(x)' --from 0 --to pi"),
    ("What is the derivative of x^2 y with respect to y?", "diff 'x^2 y' y"),
    ("second derivative of exp(a x) by x", "diff 'exp(a x)' x --order 2"),
    ("Leite sin(x^2) ab", "diff 'sin(x^2)'"),
    ("Was ist die zweite Ableitung von x^4?", "diff 'x^4' --order 2"),
    ("Integral über x*exp(x) von 0 bis 1", "integrate 'x*exp(x)' --from 0 --to 1"),
    ("Stammfunktion von 1/x", "integrate 1/x"),
    ("antiderivative of a*x with respect to a", "integrate 'a*x' a"),
    ("area under x^2 between 0 and 3", "integrate 'x^2' --from 0 --to 3"),
    ("limit of sin(x)/x as x goes to 0", "limit 'sin(x)/x' x=0"),
    ("limit of 1/x as x tends to 0 from below", "limit 1/x x=0 --from below"),
    ("Grenzwert von (1 + 1/n)^n für n gegen oo", "limit '(1 + 1/n)^n' n=oo"),
    ("Taylor series of log(x) around x=1 to order 3", "series 'log(x)' x=1 --order 3"),
    ("Taylorreihe von exp(x)", "series 'exp(x)'"),
    ("solve x^2 = 4", "solve 'x^2 = 4'"),
    ("solve a x + b = 0 for x", "solve --for x 'a x + b = 0'"),
    ("Löse x + y = 10 und 2x - y = 5", "solve 'x + y = 10' '2x - y = 5'"),
    ("löse a*x = b nach x auf", "solve --for x 'a*x = b'"),
    ("solve -x + 1 = 0", "solve -- '-x + 1 = 0'"),
    ("Nullstellen von x^2 - 2", "solve 'x^2 - 2'"),
    ("integer solutions of 3x + 5y = 1", "diophantine '3x + 5y = 1'"),
    ("simplify (x^2 - 1)/(x - 1)", "simplify '(x^2 - 1)/(x - 1)'"),
    ("bitte vereinfache 2x + 3x", "simplify '2x + 3x'"),
    ("multipliziere (x + 1)^2 aus", "expand '(x + 1)^2'"),
    ("prime factors of 360", "factor 360"),
    ("Primfaktorzerlegung von 2^67 - 1", "factor '2^67 - 1'"),
    ("value of x^2 + 1 at x=3", "evaluate 'x^2 + 1' x=3"),
    ("50 digits of pi", "evaluate pi --digits 50"),
    ("40 Stellen von sqrt(2)", "evaluate 'sqrt(2)' --digits 40"),
    ("is 97 prime?", "prime 97"),
    ("Ist 91 eine Primzahl?", "prime 91"),
    ("next prime after 100", "prime 100 --next 1"),
    ("what are the next 3 primes after 10^6", "prime '10^6' --next 3"),
    ("Kettenbruch von sqrt(7)", "fraction 'sqrt(7)'"),
    ("inverse of 3 modulo 7", "modulo inverse 3 7"),
    ("1/7 in base 60", "base60 1/7"),
    ("area of a circle with radius r", "simplify 'pi*(r)^2'"),
    ("area of a circle with radius 3", "simplify 'pi*(3)^2'"),
    ("Fläche eines Kreises", "simplify 'pi*(r)^2'"),
    ("quadratic formula", "solve --for x 'a*x^2 + b*x + c = 0'"),
    (
        "area of a triangle with sides 3, 4 and 5",
        "simplify 'sqrt(((3)+(4)+(5))*(-(3)+(4)+(5))*((3)-(4)+(5))*((3)+(4)-(5)))/4'",
    ),
    ("sum of the first 100 numbers", "simplify '(100)*((100) + 1)/2'"),
    ("2 + 2", "evaluate '2 + 2'"),
    ("x + x", "simplify 'x + x'"),
    ("x^2 = 4", "solve 'x^2 = 4'"),
    ("x + y = 3, x - y = 1", "solve 'x + y = 3' 'x - y = 1'"),
];

#[test]
fn questions_in_words_become_commands() {
    let mut wrong = Vec::new();
    for (question, expected) in UNDERSTOOD {
        let found = understand(question).map_or_else(|error| error.to_string(), |found| found.command());
        if found != format!("nexus math {expected}") {
            wrong.push(format!("{question}: {found}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_is_not_understood_is_said() {
    let refused = |question: &str| match understand(question) {
        Ok(found) => panic!("{question}: {}", found.command()),
        Err(error) => {
            (error.message.clone(), question.get(error.place.0..error.place.1).map(str::to_owned), error.help)
        }
    };
    let (message, place, help) = refused("derivative of the weather by x");
    assert!(message.starts_with("`the weather` is not understood as a formula"), "{message}");
    assert_eq!(place.as_deref(), Some("the weather"));
    assert!(help.contains("derivative of {f}"), "{help}");
    let (message, place, help) = refused("how old is my cat");
    assert!(message.starts_with("not understood: `how`, `old`") && message.contains("`cat`"), "{message}");
    assert_eq!(place.as_deref(), Some("how old is my cat"));
    assert!(help.contains("derivative of x^2 by x"), "{help}");
    assert!(refused("Ableitung der Katze").2.contains("Ableitung von x^2 nach x"));
    assert!(refused("").0.contains("nothing"));
    assert!(refused(&"word ".repeat(1_000)).0.contains("too long"));
    // A name of several letters is no formula: its letters run together would be.
    assert!(understand("derivative of foo").is_err());
    assert!(understand("simplify alpha + beta").is_ok());
}
