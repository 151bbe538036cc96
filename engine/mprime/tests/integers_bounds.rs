//! Number theory where it is hard: numbers that are too large, zero or negative, too little work; and what must hold of
//! every answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use nexus_mprime::integers::{
    BITS_MAX, Diophantine, DiophantineLattice, Effort, Error, Rest, chinese_remainder, continued_fraction, convergents,
    extended_gcd, factor, gcd, integer_root, inverse_mod, is_prime, jacobi, lcm, legendre, linear_diophantine,
    linear_diophantine_many, next_prime, power_mod, square_root_fraction, square_root_mod,
};
use proptest::prelude::*;

const WORK: u64 = 10_000_000_000;

fn big(text: &str) -> IBig {
    text.parse().unwrap()
}

fn huge() -> IBig {
    (IBig::ONE << BITS_MAX) + IBig::ONE
}

/// Two primes of 60 digits: no search finds them.
fn hard() -> IBig {
    let mut effort = Effort::new(WORK);
    let first = next_prime(&IBig::from(10).pow(60), &mut effort).unwrap();
    let second = next_prime(&(IBig::from(3) * IBig::from(10).pow(60)), &mut effort).unwrap();
    IBig::from(first * second)
}

#[test]
fn an_unfinished_factorisation_names_what_is_left() {
    let number = hard() * big("-360") * big("1000000007");
    let found = factor(&number, &mut Effort::new(3_000_000_000)).unwrap();
    let primes: Vec<(String, usize)> =
        found.primes.iter().map(|power| (power.prime.to_string(), power.times)).collect();
    let wanted = [("2", 3), ("3", 2), ("5", 1), ("1000000007", 1)].map(|(prime, times)| (prime.to_owned(), times));
    assert_eq!(primes, wanted);
    assert_eq!(found.rest, [Rest::Composite(hard().try_into().unwrap())]);
    assert!(found.is_negative && !found.is_complete() && found.product() == number);
    let error = found.totient().unwrap_err();
    assert!(matches!(&error, Error::Unfactored(rest) if rest.ends_with("(121 digits)")), "{error}");
    assert_eq!(found.moebius(), Ok(0));
    assert!(found.divisors().is_err() && found.divisor_count().is_err());
}

#[test]
fn without_work_nothing_is_claimed() {
    for work in [0, 1, 1_000, 100_000, 1_000_000] {
        for number in [hard(), big("6"), big("1") << 70, hard().pow(3), big("340282366920938463463374607431768211507")]
        {
            let found = factor(&number, &mut Effort::new(work)).unwrap();
            assert_eq!(found.product(), number);
            for rest in &found.rest {
                if let Rest::Composite(part) = rest {
                    assert_eq!(is_prime(&part.clone().into(), &mut Effort::new(WORK)), Ok(false));
                }
            }
        }
    }
    let unfinished = |found: Result<bool, Error>| assert!(matches!(found, Err(Error::Unfinished(_))), "{found:?}");
    unfinished(is_prime(&big("7"), &mut Effort::new(0)));
    unfinished(is_prime(&big("340282366920938463463374607431768211507"), &mut Effort::new(1_000)));
    unfinished(next_prime(&(IBig::ONE << 3_000), &mut Effort::new(1_000_000)).map(|_| true));
    let long = UBig::ONE << 100_000;
    unfinished(power_mod(&big("3"), &(IBig::ONE << 100_000), &long, &mut Effort::new(1_000_000)).map(|_| true));
}

#[test]
fn a_deadline_ends_what_would_take_for_ever() {
    let mut questions = 0;
    let mut stop = || {
        questions += 1;
        questions > 20
    };
    let found = factor(&hard(), &mut Effort::until(u64::MAX, &mut stop)).unwrap();
    assert_eq!(found.rest, [Rest::Composite(hard().try_into().unwrap())]);
    // A number of 250 thousand bits, of which even primality is not found out.
    let mut asked = 0;
    let mut stop = || {
        asked += 1;
        asked > 3
    };
    let number = (IBig::ONE << 250_000) + big("1234567891");
    let found = factor(&number, &mut Effort::until(u64::MAX, &mut stop)).unwrap();
    assert!(found.product() == number && !found.is_complete());
}

#[test]
fn a_number_of_more_digits_than_taken_is_refused() {
    let mut effort = Effort::new(WORK);
    let wide = UBig::try_from(huge()).unwrap();
    let errors = [
        is_prime(&huge(), &mut effort).unwrap_err(),
        next_prime(&huge(), &mut effort).unwrap_err(),
        factor(&-huge(), &mut effort).unwrap_err(),
        power_mod(&huge(), &IBig::ONE, &UBig::ONE, &mut effort).unwrap_err(),
        power_mod(&IBig::ONE, &huge(), &UBig::ONE, &mut effort).unwrap_err(),
        power_mod(&IBig::ONE, &IBig::ONE, &wide, &mut effort).unwrap_err(),
        inverse_mod(&huge(), &UBig::ONE).unwrap_err(),
        chinese_remainder(&[huge()], &[UBig::ONE]).unwrap_err(),
        chinese_remainder(&[IBig::ZERO, IBig::ZERO], &[UBig::ONE << (BITS_MAX - 1), UBig::from(3u8).pow(99)])
            .unwrap_err(),
        jacobi(&IBig::ONE, &wide).unwrap_err(),
        square_root_mod(&IBig::ONE, &wide, &mut effort).unwrap_err(),
        integer_root(&huge(), 2).unwrap_err(),
        continued_fraction(&RBig::from(huge())).unwrap_err(),
        square_root_fraction(&wide, 5).unwrap_err(),
        linear_diophantine(&huge(), &IBig::ONE, &IBig::ONE).unwrap_err(),
        linear_diophantine_many(&vec![IBig::ONE << (BITS_MAX / 2); 3], &IBig::ONE).unwrap_err(),
        linear_diophantine_many(&vec![IBig::ONE; 65], &IBig::ONE).unwrap_err(),
        convergents(&vec![IBig::ONE; 10_000]).unwrap_err(),
        square_root_fraction(&UBig::from(94u8), 15).unwrap_err(),
        square_root_fraction(&(UBig::from(10u8).pow(40) + UBig::from(7u8)), usize::MAX).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    assert_eq!(square_root_fraction(&UBig::from(94u8), 16).unwrap().period.len(), 16);
    let many = factor(&IBig::from(2 * 3 * 5 * 7 * 11).pow(20), &mut effort).unwrap().divisors().unwrap_err();
    assert_eq!(many.to_string(), "the list has 4084101 divisors; the most is 1048576");
}

#[test]
fn what_has_no_answer_says_why() {
    let mut effort = Effort::new(WORK);
    let (zero, one) = (UBig::ZERO, UBig::ONE);
    let said = |error: Error| error.to_string();
    assert_eq!(
        said(factor(&IBig::ZERO, &mut effort).unwrap_err()),
        "0 has no factorisation into primes; give a number other than 0"
    );
    let modulus = power_mod(&big("2"), &big("3"), &zero, &mut effort).unwrap_err();
    assert_eq!(said(modulus), "the modulus is 0; a modulus is at least 1");
    assert_eq!(
        said(inverse_mod(&big("-4"), &UBig::from(6u8)).unwrap_err()),
        "-4 has no inverse modulo 6: both are divisible by 2"
    );
    assert_eq!(
        said(chinese_remainder(&[big("1"), big("2")], &[UBig::from(4u8), UBig::from(6u8)]).unwrap_err()),
        "no number leaves 1 divided by 4 and also 2 divided by 6: both moduli are divisible by 2, by which the remainders differ"
    );
    assert_eq!(said(chinese_remainder(&[], &[]).unwrap_err()), "there are no moduli; give at least one");
    assert!(matches!(chinese_remainder(&[big("1")], &[]), Err(Error::Lengths(1, 0))));
    assert!(matches!(chinese_remainder(&[big("1")], std::slice::from_ref(&zero)), Err(Error::ZeroModulus)));
    assert!(matches!(jacobi(&big("3"), &UBig::from(10u8)), Err(Error::BadSymbol(_))));
    assert!(matches!(jacobi(&big("3"), &zero), Err(Error::BadSymbol(_))));
    for number in [1u8, 2, 15] {
        assert!(matches!(legendre(&big("3"), &UBig::from(number), &mut effort), Err(Error::NotPrime(..))));
    }
    assert!(matches!(square_root_mod(&big("4"), &UBig::from(561u16), &mut effort), Err(Error::NotPrime(..))));
    assert!(matches!(integer_root(&big("4"), 0), Err(Error::ZerothRoot)));
    assert!(matches!(integer_root(&big("-4"), 2), Err(Error::NegativeRoot { .. })));
    assert_eq!(integer_root(&big("-9"), 3), Ok((big("-2"), false)));
    assert_eq!(integer_root(&big("-1"), usize::MAX), Ok((big("-1"), true)));
    assert!(matches!(convergents(&[]), Err(Error::Empty(_))));
    assert!(matches!(convergents(&[big("1"), big("0")]), Err(Error::BadTerm { index: 1, .. })));
    assert!(matches!(linear_diophantine_many(&[], &IBig::ONE), Err(Error::Empty(_))));
    assert_eq!(power_mod(&big("5"), &IBig::ZERO, &one, &mut effort), Ok(zero));
    assert_eq!(next_prime(&huge_negative(), &mut effort), Ok(UBig::from(2u8)));
    assert_eq!(is_prime(&big("-7"), &mut effort), Ok(false));
}

fn huge_negative() -> IBig {
    -huge()
}

#[test]
fn equations_without_solution_or_with_all_are_told_apart() {
    let solve = |a, b, c| linear_diophantine(&IBig::from(a), &IBig::from(b), &IBig::from(c)).unwrap();
    assert_eq!(solve(0, 0, 0), Diophantine::All);
    assert_eq!(solve(0, 0, 5), Diophantine::None { divisor: UBig::ZERO });
    assert_eq!(solve(4, -6, 3), Diophantine::None { divisor: UBig::from(2u8) });
    let [x0, y0, dx, dy] = [1, -1, 2, -3].map(IBig::from);
    assert_eq!(solve(9, 6, 3), Diophantine::Line { x0, y0, dx, dy });
    let [x0, y0, dx, dy] = [-3, 0, 0, -1].map(IBig::from);
    assert_eq!(solve(5, 0, -15), Diophantine::Line { x0, y0, dx, dy });
    let several = |list: &[i64], c: i64| {
        let list: Vec<IBig> = list.iter().copied().map(IBig::from).collect();
        linear_diophantine_many(&list, &IBig::from(c)).unwrap()
    };
    assert_eq!(several(&[6, 10, 14], 1), DiophantineLattice::None { divisor: UBig::from(2u8) });
    assert_eq!(several(&[0, 0], 1), DiophantineLattice::None { divisor: UBig::ZERO });
    let DiophantineLattice::Lattice { start, steps } = several(&[0, 0, 0], 0) else { panic!("all solve it") };
    assert!(start.iter().all(IBig::is_zero));
    assert_eq!(steps.len(), 3);
}

fn any_number() -> impl Strategy<Value = IBig> {
    let wide = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| IBig::from_le_bytes(&bytes));
    prop_oneof![(-20i64..20).prop_map(IBig::from), any::<i64>().prop_map(IBig::from), wide]
}

fn dot(a: &[IBig], b: &[IBig]) -> IBig {
    a.iter().zip(b).map(|(a, b)| a * b).fold(IBig::ZERO, |sum, part| sum + part)
}

proptest! {
    #[test]
    fn bezout_holds(a in any_number(), b in any_number()) {
        let (divisor, x, y) = extended_gcd(&a, &b);
        prop_assert_eq!(&divisor, &gcd(&a, &b));
        prop_assert_eq!(&a * x + &b * y, IBig::from(divisor.clone()));
        let size = (&a * &b).into_parts().1;
        prop_assert_eq!(lcm(&a, &b) * divisor, size);
    }

    #[test]
    fn small_factorisations_are_complete_and_make_the_number(number in any::<i128>()) {
        let number = IBig::from(number >> 30);
        prop_assume!(!number.is_zero());
        let found = factor(&number, &mut Effort::new(WORK)).unwrap();
        prop_assert!(found.is_complete());
        prop_assert_eq!(found.product(), number);
        for power in &found.primes {
            prop_assert_eq!(is_prime(&power.prime.clone().into(), &mut Effort::new(WORK)), Ok(true));
        }
    }

    #[test]
    fn fractions_come_back_from_their_terms(above in any_number(), below in any_number()) {
        prop_assume!(!below.is_zero());
        let number = RBig::from_parts_signed(above, below);
        let found = convergents(&continued_fraction(&number).unwrap()).unwrap();
        prop_assert_eq!(found.last(), Some(&number));
    }

    #[test]
    fn inverses_are_inverses(number in any_number(), modulus in any_number()) {
        let modulus = modulus.into_parts().1;
        match inverse_mod(&number, &modulus) {
            Ok(inverse) => {
                prop_assert!(inverse < modulus);
                let product = (number * inverse - IBig::ONE) % IBig::from(modulus);
                prop_assert!(product.is_zero());
            }
            Err(Error::ZeroModulus) => prop_assert!(modulus.is_zero()),
            Err(_) => prop_assert!(!gcd(&number, &modulus.into()).is_one()),
        }
    }

    #[test]
    fn every_pair_of_a_line_solves_its_equation(a in any_number(), b in any_number(), x in any_number(), k in any_number()) {
        let y = &k - &x;
        let c = &a * &x + &b * &y;
        match linear_diophantine(&a, &b, &c).unwrap() {
            Diophantine::Line { x0, y0, dx, dy } => {
                prop_assert_eq!(&a * (&x0 + &k * &dx) + &b * (&y0 + &k * &dy), c);
                // The pair that made the equation is on the line.
                prop_assert_eq!((&x - &x0) * &dy, (&y - &y0) * &dx);
                prop_assert!(gcd(&dx, &dy).is_one());
            }
            Diophantine::All => prop_assert!(a.is_zero() && b.is_zero()),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn the_steps_of_three_unknowns_make_all_solutions(a in prop::array::uniform3(any_number()), x in prop::array::uniform3(any_number())) {
        let c = dot(&a, &x);
        let DiophantineLattice::Lattice { start, steps } = linear_diophantine_many(&a, &c).unwrap() else {
            return Err(TestCaseError::fail("there is a solution"));
        };
        prop_assert_eq!(dot(&a, &start), c);
        prop_assume!(!a.iter().all(IBig::is_zero));
        prop_assert!(steps.iter().all(|step| dot(&a, step).is_zero()));
        // Two steps make all solutions where their cross product is as short as one can be.
        let [s, t] = &steps[..] else { return Err(TestCaseError::fail("there are two steps")) };
        let cross = [(1, 2), (2, 0), (0, 1)].map(|(i, j)| &s[i] * &t[j] - &s[j] * &t[i]);
        let divisor = gcd(&a[0], &gcd(&a[1], &a[2].clone()).into());
        let shortest = a.clone().map(|entry| entry / IBig::from(divisor.clone()));
        prop_assert!(cross == shortest || cross == shortest.map(|entry| -entry));
    }
}
