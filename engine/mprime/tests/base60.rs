//! Numbers of base 60 and Heron's square root.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use nexus_mprime::base60::{BITS_MAX, Error, PLACES_MAX, Sexagesimal, heron, to_places};
use proptest::prelude::*;

const REFERENCES: &str = include_str!("base60.txt");

fn ratio(text: &str) -> RBig {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    RBig::from_parts(above.parse().unwrap(), below.parse().unwrap())
}

fn read(text: &str) -> Result<Sexagesimal, Error> {
    text.parse()
}

#[test]
fn digits_are_those_of_long_division() {
    let mut repeating = 0;
    for line in REFERENCES.lines() {
        let (number, wanted) = line.split_once(' ').unwrap();
        let digits = Sexagesimal::new(&ratio(number), PLACES_MAX).unwrap();
        assert_eq!(digits.to_string(), wanted, "{number}");
        assert_eq!(digits.to_rational(), ratio(number), "{wanted}");
        assert_eq!(read(wanted).unwrap(), digits);
        repeating += usize::from(!digits.repeating().is_empty());
    }
    assert!(REFERENCES.lines().count() > 150 && repeating > 50, "{repeating} repeat");
}

#[test]
fn known_numbers_are_written_and_read() {
    for (number, text) in [("3661", "1,1,1"), ("1/2", "0;30"), ("-4/3", "-1;20"), ("1/7", "0;(8,34,17)"), ("0", "0")] {
        assert_eq!(Sexagesimal::new(&ratio(number), 10).unwrap().to_string(), text);
        assert_eq!(read(text).unwrap().to_rational(), ratio(number));
    }
    // Several ways to write one number.
    for (text, plain) in [
        (" + 01 , 0 ", "1,0"),
        ("0,0,5", "5"),
        ("1;30,0,0", "1;30"),
        ("0;(59)", "1"),
        ("0;29,(59)", "0;30"),
        ("-0", "0"),
        ("-0;0,(0)", "0"),
        ("0;(8,34,17,8,34,17)", "0;(8,34,17)"),
        ("0;8,(34,17,8)", "0;(8,34,17)"),
        ("0;1,(0)", "0;1"),
    ] {
        assert_eq!(read(text).unwrap().to_string(), plain, "{text}");
        assert_eq!(read(text).unwrap(), read(plain).unwrap());
    }
    assert_eq!(to_places(&ratio("1/7"), 3).unwrap(), "0;8,34,17…");
    assert_eq!(to_places(&ratio("-22/7"), 0).unwrap(), "-3;…");
    assert_eq!(to_places(&ratio("7/2"), 5).unwrap(), "3;30");
    assert_eq!(to_places(&ratio("1/3600"), 1).unwrap(), "0;0…");
}

#[test]
fn what_is_no_number_says_where_and_why() {
    for (text, column, cause) in [
        ("", 1, "a digit from 0 to 59 is missing, there is the end"),
        ("-", 2, "a digit from 0 to 59 is missing, there is the end"),
        ("1,60", 3, "60 is no digit of base 60"),
        ("99999999999999999999", 1, "999999999999 is no digit of base 60"),
        ("1,,2", 3, "a digit from 0 to 59 is missing, there is `,`"),
        ("1;", 3, "a digit from 0 to 59 is missing, there is the end"),
        ("1;2;3", 4, "a comma, a semicolon or the end is missing, there is `;`"),
        ("0.30", 2, "a comma, a semicolon or the end is missing, there is `.`"),
        ("1 1 1", 3, "a comma, a semicolon or the end is missing, there is `1`"),
        ("0;(1", 5, "a comma or `)` is missing, there is the end"),
        ("0;(1),2", 6, "the end is missing, there is `,`"),
        ("0;()", 4, "a digit from 0 to 59 is missing, there is `)`"),
        ("0;5(1)", 4, "a comma before `(` is missing, there is `(`"),
        ("(1)", 1, "a digit from 0 to 59 is missing, there is `(`"),
        ("1,ä", 3, "a digit from 0 to 59 is missing, there is `ä`"),
        ("--1", 2, "a digit from 0 to 59 is missing, there is `-`"),
    ] {
        match read(text) {
            Err(Error::Parse { column: at, cause: why, help }) => {
                assert_eq!((at, why.as_str()), (column, cause), "{text}");
                assert!(!help.is_empty());
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let message = read("0.30").unwrap_err().to_string();
    assert!(message.ends_with("a semicolon stands before the fraction: `0;30` is 1/2"), "{message}");
}

#[test]
fn numbers_beyond_the_bounds_are_refused() {
    let wide = RBig::from(IBig::ONE << BITS_MAX);
    assert!(matches!(Sexagesimal::new(&wide, 5), Err(Error::TooLarge { .. })));
    assert!(matches!(to_places(&wide, 5), Err(Error::TooLarge { .. })));
    assert!(matches!(to_places(&ratio("1/7"), PLACES_MAX + 1), Err(Error::TooLarge { .. })));
    let text = vec!["1"; PLACES_MAX + 1].join(",");
    assert!(matches!(read(&text), Err(Error::TooLarge { .. })));
    // 60 is a generator modulo the prime 999983 or of a large part of its residues.
    assert_eq!(Sexagesimal::new(&ratio("1/999983"), 100), Err(Error::TooManyPlaces { places_max: 100 }));
    let ends_late = RBig::from_parts(IBig::ONE, UBig::ONE << 20_000);
    assert_eq!(Sexagesimal::new(&ends_late, 9_999), Err(Error::TooManyPlaces { places_max: 9_999 }));
    assert_eq!(Sexagesimal::new(&ends_late, 10_000).unwrap().fixed().len(), 10_000);
}

#[test]
fn heron_goes_to_the_root_that_the_babylonians_had() {
    let two = ratio("2");
    let found = heron(&two, None, 3, 3).unwrap();
    let guesses: Vec<String> = found.steps.iter().map(|step| step.guess.to_string()).collect();
    assert_eq!(guesses, ["1", "3/2", "17/12", "577/408"]);
    // Tablet YBC 7289 has 1;24,51,10.
    assert_eq!(found.steps[3].guess_text, "1;24,51,10…");
    assert_eq!(found.steps[1].quotient_text, "1;20");
    assert_eq!(found.steps[3].error, ratio("1/166464"));
    assert!(!found.is_exact);
    let whole = heron(&ratio("49/4"), Some(&ratio("7/2")), 5, 2).unwrap();
    assert!(whole.is_exact && whole.steps.len() == 1 && whole.steps[0].guess_text == "3;30");
    assert!(heron(&ratio("0"), None, 1, 2).unwrap().is_exact);
    let small = heron(&ratio("1/100"), None, 8, 4).unwrap();
    assert!(small.steps.last().unwrap().error < ratio("1/1000000"));
}

#[test]
fn heron_refuses_what_has_no_root() {
    let two = ratio("2");
    assert!(matches!(heron(&ratio("-2"), None, 3, 3), Err(Error::NegativeRoot(_))));
    assert!(matches!(heron(&two, Some(&ratio("0")), 3, 3), Err(Error::BadGuess(_))));
    assert!(matches!(heron(&two, Some(&ratio("-1")), 3, 3), Err(Error::BadGuess(_))));
    for steps in [0, 17, usize::MAX] {
        assert!(matches!(heron(&two, None, steps, 3), Err(Error::BadSteps { .. })));
    }
    assert!(matches!(heron(&two, None, 3, usize::MAX), Err(Error::TooLarge { .. })));
    // Guesses double their digits, until they are too long.
    let long = RBig::from_parts(IBig::from(3).pow(3_000), UBig::from(7u8).pow(1_000));
    assert!(matches!(heron(&long, None, 16, 3), Err(Error::TooLarge { .. })));
}

proptest! {
    #[test]
    fn every_rational_comes_back(above in any::<i64>(), below in 1u64..4_000, scale in 0usize..9) {
        let number = RBig::from_parts(above.into(), UBig::from(below) << scale);
        let digits = Sexagesimal::new(&number, PLACES_MAX).unwrap();
        prop_assert_eq!(digits.to_rational(), number);
        prop_assert_eq!(digits.to_string().parse::<Sexagesimal>().unwrap(), digits);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+0-9,;() .]{0,24}") {
        if let Ok(digits) = text.parse::<Sexagesimal>() {
            prop_assert_eq!(digits.to_string().parse::<Sexagesimal>().unwrap(), digits);
        }
    }

    #[test]
    fn large_whole_numbers_come_back(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let number = RBig::from(IBig::from_le_bytes(&bytes));
        prop_assert_eq!(Sexagesimal::new(&number, 0).unwrap().to_rational(), number);
    }
}
