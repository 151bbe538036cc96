//! Event spaces and estimates against SciPy and exact fractions, which `make_probability.py` wrote down.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use nexus_mprime::probability::{Error, Random, Space, Variable, bayes, estimate_mean, estimate_probability};
use proptest::prelude::*;

const REFERENCES: &str = include_str!("probability.txt");

fn ratio(text: &str) -> RBig {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    RBig::from_parts(above.parse().unwrap(), below.parse().unwrap())
}

fn ratios(words: &[&str]) -> Vec<RBig> {
    words.iter().map(|word| ratio(word)).collect()
}

fn floats(words: &[&str]) -> Vec<f64> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn numbered(name: &str, count: usize) -> Variable {
    Variable { name: name.to_owned(), outcomes: (0..count).map(|place| place.to_string()).collect() }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1e-3)
}

fn places(outcomes: &[usize]) -> RBig {
    RBig::from(outcomes.iter().sum::<usize>())
}

#[test]
fn spaces_are_answered_as_by_fractions() {
    let mut shape = Vec::new();
    let mut space = Space::uniform(vec![numbered("a", 1)]).unwrap();
    let mut spaces = 0;
    for line in REFERENCES.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let rest = &words[1..];
        match words[0] {
            "space" => shape = rest.iter().map(|word| word.parse::<usize>().unwrap()).collect(),
            "shares" => {
                let variables =
                    ["a", "b", "c"].iter().zip(&shape).map(|(name, count)| numbered(name, *count)).collect();
                space = Space::new(variables, &ratios(rest)).unwrap();
                assert_eq!(space.probabilities(), ratios(rest));
                spaces += 1;
            }
            "mean" => assert_eq!(space.expectation(places), Ok(ratio(rest[0]))),
            "variance" => assert_eq!(space.variance(places), Ok(ratio(rest[0]))),
            "covariance" => {
                let place = |at: usize| move |outcomes: &[usize]| RBig::from(outcomes[at]);
                assert_eq!(space.covariance(place(0), place(2)), Ok(ratio(rest[0])));
            }
            "marginal" => {
                let both = space.marginal(&[2, 0]).unwrap();
                assert_eq!(both.probabilities(), ratios(rest));
                assert_eq!(both.variables()[0].name, "c");
            }
            "conditional" => {
                let (first, last) = (space.event_of("a", "0").unwrap(), space.event_of("c", "1").unwrap());
                match rest[0] {
                    "-" => assert_eq!(space.conditional(&first, &last), Err(Error::Impossible)),
                    wanted => {
                        assert_eq!(space.conditional(&first, &last), Ok(ratio(wanted)));
                        assert_eq!(space.given(&last).unwrap().probability(&first), Ok(ratio(wanted)));
                    }
                }
            }
            "entropy" => assert!(close(space.entropy(), rest[0].parse().unwrap()), "{line}"),
            "information" => {
                let found = space.mutual_information(&[0], &[1, 2]).unwrap();
                assert!(close(found, rest[0].parse().unwrap()), "{line}: {found}");
            }
            _ => {}
        }
    }
    assert_eq!(spaces, 18);
}

#[test]
fn intervals_are_those_of_scipy() {
    let mut intervals = 0;
    for line in REFERENCES.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let found = match words[0] {
            "mean_of" => {
                let numbers = floats(&words[1..]);
                let (wanted, values) = numbers.split_at(5);
                let mut next = values.iter().copied();
                let mut sampler = |_: &mut Random| next.next().unwrap();
                let found = estimate_mean(&mut sampler, 0, values.len() as u64, wanted[0]).unwrap();
                let close_to = [found.mean, found.standard_error, found.low, found.high];
                close_to.into_iter().zip(wanted[1..].to_vec()).collect::<Vec<_>>()
            }
            "hits" => {
                let numbers = floats(&words[1..]);
                let (count, mut left) = (numbers[1] as u64, numbers[2] as u64);
                let mut sampler = |_: &mut Random| {
                    let is_hit = left > 0;
                    left = left.saturating_sub(1);
                    is_hit
                };
                let found = estimate_probability(&mut sampler, 0, count, numbers[0]).unwrap();
                vec![(found.mean, numbers[2] / numbers[1]), (found.low, numbers[3]), (found.high, numbers[4])]
            }
            _ => continue,
        };
        assert!(found.iter().all(|(found, wanted)| close(*found, *wanted)), "{line}: {found:?}");
        intervals += 1;
    }
    assert_eq!(intervals, 33);
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let (mut mean_held, mut share_held) = (0, 0);
    for seed in 0..1_000 {
        let mean = estimate_mean(&mut |random| random.uniform(), seed, 50, 0.9).unwrap();
        mean_held += u32::from(mean.low <= 0.5 && 0.5 <= mean.high);
        let share = estimate_probability(&mut |random| random.uniform() < 0.3, seed, 50, 0.9).unwrap();
        share_held += u32::from(share.low <= 0.3 && 0.3 <= share.high);
    }
    // Three standard deviations of a count of 1000 at 0.9 are 29.
    assert!((871..=929).contains(&mean_held), "{mean_held}");
    assert!(share_held >= 871, "{share_held}");
    let again = |seed| estimate_mean(&mut |random| random.uniform(), seed, 100, 0.9).unwrap();
    assert_eq!(again(7), again(7));
    assert_ne!(again(7).mean, again(8).mean);
}

#[test]
fn two_dice_are_as_everyone_knows() {
    let dice = Space::uniform(vec![numbered("first", 6), numbered("second", 6)]).unwrap();
    let seven = dice.event(|faces| faces[0] + faces[1] + 2 == 7);
    let first = dice.event(|faces| faces[0] == 3);
    let twice = dice.event(|faces| faces[0] == faces[1]);
    assert_eq!(dice.probability(&seven), Ok(ratio("1/6")));
    assert_eq!(dice.probability(&seven.or(&twice).unwrap()), Ok(ratio("1/3")));
    assert_eq!(dice.probability(&seven.complement()), Ok(ratio("5/6")));
    assert_eq!(dice.are_independent(&[seven.clone(), first.clone()]), Ok(true));
    assert_eq!(dice.are_independent(&[seven.clone(), twice.clone()]), Ok(false));
    // By pairs, but not all three together.
    let second = dice.event(|faces| faces[1] == 3);
    for pair in [[&seven, &first], [&seven, &second], [&first, &second]] {
        assert_eq!(dice.are_independent(&pair.map(Clone::clone)), Ok(true));
    }
    assert_eq!(dice.are_independent(&[seven, first, second]), Ok(false));
    assert_eq!(dice.are_independent(&[]), Ok(true));
    assert_eq!(dice.expectation(places), Ok(ratio("5")));
    assert_eq!(dice.variance(places), Ok(ratio("35/6")));
    let coin = Space::uniform(vec![Variable::new("coin", &["heads", "tails"])]).unwrap();
    assert_eq!((coin.entropy(), dice.product(&coin).unwrap().probabilities().len()), (1.0, 72));
    // A test that is right in 99 of 100 cases for something that one in 1000 has.
    let found = bayes(&ratios(&["1/1000", "999/1000"]), &ratios(&["99/100", "1/100"])).unwrap();
    assert_eq!(found[0], ratio("11/122"));
}

#[test]
fn samples_come_as_often_as_they_should() {
    let weights = ratios(&["1/2", "0", "1/3", "1/6"]);
    let space = Space::new(vec![numbered("a", 2), numbered("b", 2)], &weights).unwrap();
    let mut random = Random::new(1);
    let mut seen = [0; 4];
    (0..60_000).for_each(|_| {
        let outcomes = space.sample(&mut random);
        seen[outcomes[0] * 2 + outcomes[1]] += 1;
    });
    for (count, wanted) in seen.iter().zip([30_000i32, 0, 20_000, 10_000]) {
        assert!((*count - wanted).abs() <= if wanted == 0 { 0 } else { 500 }, "{seen:?}");
    }
}

#[test]
fn spaces_that_cannot_be_are_refused() {
    let coin = || vec![Variable::new("coin", &["heads", "tails"])];
    let made = |list: &[&str]| Space::new(coin(), &ratios(list));
    assert_eq!(made(&["1/2", "1/3"]).unwrap_err().to_string(), "the probabilities sum to 5/6, and must sum to 1");
    assert!(matches!(made(&["3/2", "-1/2"]), Err(Error::Negative { index: 1, .. })));
    assert!(matches!(made(&["1"]), Err(Error::Length { .. })));
    assert!(matches!(Space::from_weights(coin(), &ratios(&["0", "0"])), Err(Error::BadSum { .. })));
    assert!(matches!(Space::uniform(vec![]), Err(Error::Empty(_))));
    assert!(matches!(Space::uniform(vec![Variable::new("x", &[])]), Err(Error::BadVariable(_))));
    assert!(matches!(Space::uniform(vec![Variable::new("x", &["a", "a"])]), Err(Error::BadVariable(_))));
    let twice = vec![Variable::new("x", &["a"]), Variable::new("x", &["a"])];
    assert!(matches!(Space::uniform(twice), Err(Error::BadVariable(_))));
    let many = (0..19).map(|place| numbered(&place.to_string(), 2)).collect();
    assert!(matches!(Space::uniform(many), Err(Error::TooLarge { .. })));
    let wide = RBig::from_parts(IBig::ONE, UBig::ONE << 5_000);
    assert!(matches!(Space::new(coin(), &[wide.clone(), RBig::ONE - wide]), Err(Error::TooLarge { .. })));
    let fair = Space::uniform(coin()).unwrap();
    let (heads, never) = (fair.event_of("coin", "heads").unwrap(), fair.event(|_| false));
    assert_eq!(fair.conditional(&heads, &never), Err(Error::Impossible));
    assert_eq!(fair.given(&never), Err(Error::Impossible));
    let other = Space::uniform(vec![numbered("die", 6)]).unwrap();
    assert!(matches!(other.probability(&heads), Err(Error::OtherSpace { found: 2, wanted: 6 })));
    assert!(matches!(heads.and(&other.event(|_| true)), Err(Error::OtherSpace { .. })));
    let unknown = fair.event_of("coin", "edge").unwrap_err().to_string();
    assert_eq!(unknown, "`coin` has no outcome `edge`; it has heads, tails");
    assert!(matches!(fair.event_of("die", "1"), Err(Error::UnknownVariable(_))));
    assert!(matches!(fair.marginal(&[1]), Err(Error::UnknownVariable(_))));
    assert!(matches!(fair.marginal(&[0, 0]), Err(Error::UnknownVariable(_))));
    assert!(matches!(fair.marginal(&[]), Err(Error::Empty(_))));
    assert!(matches!(fair.product(&fair), Err(Error::BadVariable(_))));
    assert!(matches!(fair.are_independent(&vec![heads; 17]), Err(Error::TooLarge { .. })));
    let long = |_: &[usize]| RBig::from(IBig::ONE << 5_000);
    assert!(matches!(fair.expectation(long), Err(Error::TooLarge { .. })));
    assert!(matches!(bayes(&ratios(&["1"]), &ratios(&["0"])), Err(Error::Impossible)));
    assert!(matches!(bayes(&ratios(&["1"]), &ratios(&["2"])), Err(Error::AboveOne { .. })));
    assert!(matches!(bayes(&ratios(&["1"]), &ratios(&["-1"])), Err(Error::Negative { .. })));
    assert!(matches!(bayes(&ratios(&["1/2"]), &ratios(&["1"])), Err(Error::BadSum { .. })));
    assert!(matches!(bayes(&[], &[]), Err(Error::Empty(_))));
    assert!(matches!(bayes(&ratios(&["1"]), &[]), Err(Error::Length { .. })));
}

#[test]
fn estimates_that_cannot_be_are_refused() {
    let mut zero = |_: &mut Random| 0.0;
    for samples in [0, 1, u64::MAX] {
        assert!(matches!(estimate_mean(&mut zero, 0, samples, 0.9), Err(Error::BadSamples { .. })));
    }
    for confidence in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(matches!(estimate_mean(&mut zero, 0, 10, confidence), Err(Error::BadConfidence(_))));
        assert!(matches!(estimate_probability(&mut |_| true, 0, 10, confidence), Err(Error::BadConfidence(_))));
    }
    assert!(matches!(estimate_probability(&mut |_| true, 0, 0, 0.9), Err(Error::BadSamples { .. })));
    let found = estimate_mean(&mut |random| if random.uniform() < 0.5 { f64::NAN } else { 1.0 }, 0, 100, 0.9);
    assert!(matches!(found, Err(Error::NotFinite { .. })));
    let constant = estimate_mean(&mut zero, 0, 10, 0.9).unwrap();
    assert_eq!((constant.low, constant.high), (0.0, 0.0));
}

proptest! {
    #[test]
    fn bayes_is_what_the_joint_space_says(weights in prop::collection::vec(0u32..20, 6)) {
        let weights: Vec<RBig> = weights.into_iter().map(RBig::from).collect();
        let Ok(space) = Space::from_weights(vec![numbered("cause", 3), numbered("sign", 2)], &weights) else {
            return Ok(());
        };
        let sign = space.event(|outcomes| outcomes[1] == 1);
        let cause = |place: usize| space.event(move |outcomes| outcomes[0] == place);
        let priors: Vec<RBig> = (0..3).map(|place| space.probability(&cause(place)).unwrap()).collect();
        // A cause of probability 0 may have any likelihood.
        let likelihoods: Vec<RBig> =
            (0..3).map(|place| space.conditional(&sign, &cause(place)).unwrap_or(RBig::ONE)).collect();
        match bayes(&priors, &likelihoods) {
            Ok(found) => {
                for (place, posterior) in found.iter().enumerate() {
                    prop_assert_eq!(posterior, &space.conditional(&cause(place), &sign).unwrap());
                }
            }
            Err(error) => {
                prop_assert_eq!(error, Error::Impossible);
                prop_assert!(space.probability(&sign).unwrap().is_zero());
            }
        }
    }

    #[test]
    fn entropies_keep_their_order(weights in prop::collection::vec(0u32..9, 12)) {
        let weights: Vec<RBig> = weights.into_iter().map(RBig::from).collect();
        let Ok(space) = Space::from_weights(vec![numbered("a", 3), numbered("b", 4)], &weights) else {
            return Ok(());
        };
        let (a, b) = (space.marginal(&[0]).unwrap().entropy(), space.marginal(&[1]).unwrap().entropy());
        let both = space.entropy();
        prop_assert!(both <= a + b + 1e-9 && both >= a.max(b) - 1e-9 && a <= 3f64.log2() + 1e-9);
        let chained = b + space.conditional_entropy(&[0], &[1]).unwrap();
        prop_assert!((chained - both).abs() < 1e-9);
    }
}
