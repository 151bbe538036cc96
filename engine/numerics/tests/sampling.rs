//! Even points against SciPy, diagnoses of chains against ArviZ (`tests/reference.py` writes the file), and the sampler
//! against distributions whose moments are known.
//!
//! Tolerances: points to 1e-15, diagnoses to 1e-10, moments of draws to four standard errors of as many effective draws.

use nexus_numerics::{Chain, Halton, Multivariate, MultivariateError, NutsError, NutsOptions, Sobol, diagnose, nuts};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/sampling.json")).expect("JSON")
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().expect("a row").iter().filter_map(Value::as_f64).collect();
    value.as_array().expect("rows").iter().map(row).collect()
}

#[test]
fn plain_sequences_are_those_of_scipy() {
    for case in fixture()["points"].as_array().expect("cases") {
        let dimensions = case["dimensions"].as_u64().expect("a size") as usize;
        let mut point = vec![0.0; dimensions];
        let mut sobol = Sobol::new(dimensions, None).expect("it is there");
        let mut halton = Halton::new(dimensions, None).expect("it is there");
        for (i, expected) in rows(&case["points"]).iter().enumerate() {
            if case["family"] == "sobol" {
                sobol.next_point(&mut point)
            } else {
                halton.next_point(&mut point)
            }
            for (d, (x, y)) in point.iter().zip(expected).enumerate() {
                assert!((x - y).abs() < 1e-15, "{} point {i}, dimension {d}: {x}, SciPy {y}", case["family"]);
            }
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map(|all| all.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

#[test]
fn densities_of_vectors_are_those_of_scipy() {
    for case in fixture()["vectors"].as_array().expect("cases") {
        let (a, b, x) = (numbers(&case["a"]), numbers(&case["b"]), numbers(&case["x"]));
        let d = if case["family"] == "normal" { Multivariate::normal(&a, &b) } else { Multivariate::dirichlet(&a) };
        let d = d.expect("possible parameters");
        let expected = case["ln_density"].as_f64().expect("a number");
        let found = d.ln_density(&x);
        assert!((found - expected).abs() < 1e-10 * expected.abs().max(1.0), "{}: {found}, {expected}", case["family"]);
        let known = numbers(&case["covariance"]);
        let pairs = numbers(&case["mean"]).into_iter().zip(d.mean()).chain(known.into_iter().zip(d.covariance()));
        for (expected, found) in pairs {
            assert!((found - expected).abs() < 1e-13, "{}: {found}, {expected}", case["family"]);
        }
    }
}

/// Means and covariances of draws, to five standard errors of independent ones.
#[test]
fn draws_of_vectors_have_their_moments() {
    let covariance = [2.0, 0.6, -0.3, 0.6, 1.0, 0.2, -0.3, 0.2, 0.5];
    let all = [
        Multivariate::normal(&[1.0, -2.0, 0.5], &covariance),
        Multivariate::dirichlet(&[0.3, 2.0, 0.05]),
        Multivariate::categorical(&[1.0, 0.0, 3.0]),
    ];
    for d in all.map(|d| d.expect("possible parameters")) {
        let (n, count) = (d.dimensions(), 40_000);
        let mut draw = uniform(3);
        let mut values = vec![0.0; n * count];
        values.chunks_exact_mut(n).for_each(|value| d.sample(&mut draw, value));
        let column = |i: usize| values.iter().skip(i).step_by(n);
        let (mean, covariance) = (d.mean(), d.covariance());
        for i in 0..n {
            let found = column(i).sum::<f64>() / count as f64;
            let error = (covariance[i * n + i] / count as f64).sqrt();
            assert!((found - mean[i]).abs() < 5.0 * error, "{d:?} {i}: {found}");
            for j in 0..n {
                let product = |(a, b): (&f64, &f64)| (a - mean[i]) * (b - mean[j]);
                let products: Vec<f64> = column(i).zip(column(j)).map(product).collect();
                let found = products.iter().sum::<f64>() / count as f64;
                let spread = products.iter().map(|p| (p - found).powi(2)).sum::<f64>() / count as f64;
                let error = (spread / count as f64).sqrt();
                assert!((found - covariance[i * n + j]).abs() < 5.0 * error, "{d:?} {i} {j}: {found}");
            }
        }
    }
}

#[test]
fn categories_and_impossible_parameters() {
    let d = Multivariate::categorical(&[1.0, 0.0, 3.0]).expect("weights");
    assert_eq!([-1.0, 0.0, 1.5, 2.0, 9.0].map(|k| d.cdf(k)), [0.0, 0.25, 0.25, 1.0, 1.0]);
    assert_eq!([0.0, 1.0, 2.0, 0.5, 3.0].map(|k| d.ln_density(&[k]).exp()), [0.25, 0.0, 0.75, 0.0, 0.0]);
    assert!(Multivariate::categorical(&[0.0]).is_err() && Multivariate::categorical(&[]).is_err());
    assert!(Multivariate::categorical(&[1.0, f64::NAN]).is_err() && Multivariate::dirichlet(&[1.0, 0.0]).is_err());
    assert_eq!(Multivariate::normal(&[0.0, 0.0], &[1.0, 2.0, 2.0, 1.0]), Err(MultivariateError::Covariance));
    assert_eq!(Multivariate::normal(&[0.0, 0.0], &[1.0, 0.5, 0.0, 1.0]), Err(MultivariateError::Covariance));
    assert!(Multivariate::normal(&[0.0], &[1.0, 0.0]).is_err());
}

#[test]
fn diagnoses_are_those_of_arviz() {
    for (i, case) in fixture()["chains"].as_array().expect("cases").iter().enumerate() {
        let draws = rows(&case["draws"]);
        let found = diagnose(&draws.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let close = |what: &str, found: f64| {
            let Some(expected) = case[what].as_f64() else { return };
            assert!((found - expected).abs() < 1e-10 * expected, "case {i}, {what}: {found}, ArviZ {expected}");
        };
        close("r_hat", found.r_hat);
        close("ess_bulk", found.ess_bulk);
        close("ess_tail", found.ess_tail);
    }
    assert!(diagnose(&[&[1.0, 2.0, 3.0]]).r_hat.is_nan());
    assert!(diagnose(&[&[1.0, f64::NAN, 3.0, 2.0]]).ess_bulk.is_nan());
}

fn uniform(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

type Slope = (f64, Vec<f64>);

fn chains(f: impl Fn(&[f64]) -> Slope, start: &[f64], count: u64) -> Vec<Chain> {
    let one = |seed| {
        let mut density = |x: &[f64]| -> Result<Slope, ()> { Ok(f(x)) };
        nuts(&mut density, start, NutsOptions::default(), &mut uniform(seed)).expect("a chain")
    };
    (1..=count).map(one).collect()
}

/// The mean of a quantity over all chains is its expectation, to four standard errors.
fn expect_mean(chains: &[Chain], expected: f64, name: &str, quantity: impl Fn(&[f64]) -> f64) {
    let values: Vec<Vec<f64>> = chains.iter().map(|c| c.draws.iter().map(|x| quantity(x)).collect()).collect();
    let diagnosis = diagnose(&values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(diagnosis.r_hat < 1.02, "{name}: {diagnosis:?}");
    let all = values.concat();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
    let error = (variance / diagnosis.ess_bulk.min(all.len() as f64)).sqrt();
    assert!((mean - expected).abs() < 4.0 * error, "{name}: {mean} ± {error}, expected {expected}");
}

#[test]
fn draws_have_the_moments_of_a_correlated_normal_on_very_different_scales() {
    // Scales 0.01 and 100, correlation 0.9: density of z = (x/0.01, y/100) with covariance [[1, .9], [.9, 1]].
    let (a, b, r) = (0.01, 100.0, 0.9);
    let found = chains(
        |x| {
            let (u, v) = (x[0] / a, x[1] / b);
            let bottom = 1.0 - r * r;
            let value = -(u * u - 2.0 * r * u * v + v * v) / (2.0 * bottom);
            (value, vec![-(u - r * v) / bottom / a, -(v - r * u) / bottom / b])
        },
        &[0.005, 50.0],
        4,
    );
    expect_mean(&found, 0.0, "mean x", |x| x[0]);
    expect_mean(&found, 0.0, "mean y", |x| x[1]);
    expect_mean(&found, a * a, "variance x", |x| x[0] * x[0]);
    expect_mean(&found, b * b, "variance y", |x| x[1] * x[1]);
    expect_mean(&found, r * a * b, "covariance", |x| x[0] * x[1]);
    assert!(found.iter().all(|chain| chain.divergences == 0 && (0.7..0.95).contains(&chain.acceptance)), "{found:?}");
}

#[test]
fn draws_have_the_moments_of_a_skewed_distribution() {
    // The logarithm of a gamma variable with shape 3: density exp(3 x - e^x); its exponential has mean and variance 3.
    let found = chains(|x| (3.0 * x[0] - x[0].exp(), vec![3.0 - x[0].exp()]), &[0.0], 4);
    expect_mean(&found, 3.0, "mean", |x| x[0].exp());
    expect_mean(&found, 12.0, "square", |x| x[0].exp().powi(2));
}

#[test]
fn equal_numbers_give_equal_chains() {
    let f = |x: &[f64]| (-0.5 * x[0] * x[0], vec![-x[0]]);
    assert_eq!(chains(f, &[0.3], 2), chains(f, &[0.3], 2));
}

#[test]
fn densities_that_cannot_be_drawn_from_are_refused() {
    let run = |f: fn(&[f64]) -> Result<Slope, &'static str>, start: &[f64]| {
        nuts(&mut { f }, start, NutsOptions { draws: 5, warmup: 30, ..NutsOptions::default() }, &mut uniform(1))
    };
    assert!(matches!(run(|_| Ok((f64::NAN, vec![0.0])), &[0.0]), Err(NutsError::Start { .. })));
    assert!(matches!(run(|_| Ok((f64::NEG_INFINITY, vec![0.0])), &[0.0]), Err(NutsError::Start { .. })));
    assert_eq!(run(|_| Ok((0.0, vec![])), &[0.0]), Err(NutsError::Coordinates { wanted: 1, found: 0 }));
    assert_eq!(run(|_| Err("no"), &[0.0]), Err(NutsError::Function("no")));
    // A density with a wall beyond which it is nothing, and one without an end: chains, not hangs.
    let walled = run(|x| Ok(if x[0] > 0.0 { (-x[0], vec![-1.0]) } else { (f64::NEG_INFINITY, vec![0.0]) }), &[1.0]);
    assert!(walled.expect("a chain").draws.iter().all(|x| x[0] > 0.0));
    assert_eq!(run(|_| Ok((0.0, vec![0.0])), &[0.0]).expect("a chain").draws.len(), 5);
}
