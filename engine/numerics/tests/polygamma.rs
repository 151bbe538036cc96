//! Digamma and polygamma against SciPy (`reference.py`). Tolerance: 2e-13 of the larger of the value and 1.

use nexus_numerics::{digamma, polygamma};
use serde_json::Value;

fn cases(name: &str) -> Vec<Vec<f64>> {
    let all: Value = serde_json::from_str(include_str!("fixtures/polygamma.json")).expect("the numbers are there");
    serde_json::from_value(all[name].clone()).expect("the numbers are there")
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 2e-13 * expected.abs().max(1.0), "{what}: {found}, SciPy has {expected}");
}

#[test]
fn digamma_is_that_of_scipy() {
    for case in cases("digamma") {
        close(digamma(case[0]), case[1], &format!("digamma({})", case[0]));
    }
}

#[test]
fn polygamma_is_that_of_scipy() {
    for case in cases("polygamma") {
        close(polygamma(case[0] as u32, case[1]), case[2], &format!("polygamma({}, {})", case[0], case[1]));
    }
}

#[test]
fn poles_and_infinities_are_what_they_are() {
    assert!([0.0, -1.0, -20.0, f64::NAN].iter().all(|&x| digamma(x).is_nan()));
    assert!([0.0, -0.5, f64::NAN].iter().all(|&x| polygamma(1, x).is_nan()));
    assert_eq!((digamma(f64::INFINITY), polygamma(3, f64::INFINITY)), (f64::INFINITY, 0.0));
    assert_eq!(polygamma(0, 2.5), digamma(2.5));
}
