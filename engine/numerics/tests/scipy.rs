//! Distributions, integrals, equations and minima against SciPy and closed forms.
//!
//! Tolerances: densities, distribution functions and tails 1e-9 relative (SciPy's own are good to about 1e-10 in the
//! tails), quantiles 1e-8 relative; each of the others says its own.

use nexus_numerics::{
    Distribution, OdeOptions, RootError, find_root, find_roots, integrate, minimise, minimise_simplex, solve_ode,
};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/scipy.json")).expect("the numbers are there")
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().expect("the numbers are there"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("the numbers are there").iter().map(number).collect()
}

fn close(found: f64, expected: f64, relative: f64, what: &str) {
    let same = found == expected || (found.is_nan() && expected.is_nan());
    let near = (found - expected).abs() <= relative * expected.abs().max(1e-280);
    assert!(same || near, "{what}: {found:e}, SciPy {expected:e}");
}

fn distribution(family: &str, p: &[f64]) -> Distribution {
    match family {
        "normal" => Distribution::Normal { mean: p[0], std: p[1] },
        "lognormal" => Distribution::LogNormal { mean: p[0], std: p[1] },
        "uniform" => Distribution::Uniform { low: p[0], high: p[1] },
        "exponential" => Distribution::Exponential { rate: p[0] },
        "gamma" => Distribution::Gamma { shape: p[0], rate: p[1] },
        "beta" => Distribution::Beta { a: p[0], b: p[1] },
        "student_t" => Distribution::StudentT { df: p[0] },
        "chi2" => Distribution::ChiSquared { df: p[0] },
        "f" => Distribution::FisherF { df1: p[0], df2: p[1] },
        "poisson" => Distribution::Poisson { rate: p[0] },
        "binomial" => Distribution::Binomial { n: p[0], p: p[1] },
        "bernoulli" => Distribution::Bernoulli { p: p[0] },
        other => panic!("no family {other}"),
    }
    .checked()
    .expect("the numbers are there")
}

#[test]
fn distributions_agree_with_scipy() {
    for case in fixture()["distributions"].as_array().expect("the numbers are there") {
        let family = case["family"].as_str().expect("the numbers are there");
        let parameters = numbers(&case["parameters"]);
        let d = distribution(family, &parameters);
        let name = |what: &str, x: f64| format!("{what} of {family}{parameters:?} at {x}");
        // SciPy says infinite where the variance of t does not exist.
        if !(family == "student_t" && parameters[0] <= 1.0) {
            close(d.mean(), number(&case["mean"]), 1e-12, &name("mean", 0.0));
            close(d.variance(), number(&case["variance"]), 1e-12, &name("variance", 0.0));
        }
        let (densities, cdfs, sfs) = (numbers(&case["ln_density"]), numbers(&case["cdf"]), numbers(&case["sf"]));
        for (i, &x) in numbers(&case["x"]).iter().enumerate() {
            // At the ends of the support conventions differ where the density is infinite.
            if densities[i].is_finite() {
                assert!(
                    (d.ln_density(x) - densities[i]).abs() < 2e-9 * densities[i].abs().max(1.0),
                    "{}: {} {}",
                    name("density", x),
                    d.ln_density(x),
                    densities[i]
                );
            }
            close(d.cdf(x), cdfs[i], 1e-9, &name("cdf", x));
            close(d.sf(x), sfs[i], 1e-9, &name("sf", x));
        }
        for (&p, &q) in numbers(&case["p"]).iter().zip(&numbers(&case["quantile"])) {
            close(d.quantile(p), q, 1e-8, &name("quantile", p));
        }
    }
}

#[test]
fn impossible_parameters_are_named() {
    let error = Distribution::Normal { mean: 0.0, std: -1.0 }.checked().expect_err("it must fail");
    assert_eq!(error.to_string(), "`std` must be positive, is -1");
    assert!(Distribution::Binomial { n: 2.5, p: 0.5 }.checked().is_err());
    assert!(Distribution::Uniform { low: 1.0, high: 1.0 }.checked().is_err());
    assert!(Distribution::Normal { mean: 0.0, std: 1.0 }.quantile(1.5).is_nan());
}

/// Kolmogorov's distance of 20,000 samples from the distribution function: beyond 1.95 / √n once in a thousand times.
#[test]
fn samples_follow_their_distribution() {
    let mut state = 7u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let all = [
        Distribution::Normal { mean: 1.0, std: 2.0 },
        Distribution::Gamma { shape: 0.4, rate: 2.0 },
        Distribution::Gamma { shape: 9.0, rate: 0.5 },
        Distribution::Beta { a: 0.6, b: 3.0 },
        Distribution::StudentT { df: 3.0 },
        Distribution::ChiSquared { df: 5.0 },
        Distribution::FisherF { df1: 4.0, df2: 9.0 },
        Distribution::LogNormal { mean: 0.0, std: 0.7 },
    ];
    for d in all {
        let n = 20_000;
        let mut samples: Vec<f64> = (0..n).map(|_| d.sample(&mut uniform)).collect();
        samples.sort_by(f64::total_cmp);
        let distance = samples.iter().enumerate().map(|(i, &x)| {
            let p = d.cdf(x);
            (p - i as f64 / n as f64).abs().max(((i + 1) as f64 / n as f64 - p).abs())
        });
        let distance = distance.fold(0.0, f64::max) * (n as f64).sqrt();
        assert!(distance < 1.95, "{d:?}: {distance}");
    }
    for d in [Distribution::Poisson { rate: 4.0 }, Distribution::Binomial { n: 20.0, p: 0.3 }] {
        let n = 20_000;
        let mean = (0..n).map(|_| d.sample(&mut uniform)).sum::<f64>() / f64::from(n);
        let spread = (d.variance() / f64::from(n)).sqrt();
        assert!((mean - d.mean()).abs() < 4.0 * spread, "{d:?}: {mean}");
    }
}

type Never = std::convert::Infallible;
/// A function of one number, the bounds of its integral, and the integral.
type Integral = (fn(f64) -> f64, f64, f64, f64);
type RightHandSide = fn(f64, &[f64]) -> Vec<f64>;

#[test]
fn integrals_reach_their_tolerance_and_say_so() {
    let pi = std::f64::consts::PI;
    let cases: [Integral; 7] = [
        (|x| x.sin(), 0.0, std::f64::consts::PI, 2.0),
        (|x| (-x * x).exp(), f64::NEG_INFINITY, f64::INFINITY, pi.sqrt()),
        (|x| 1.0 / (1.0 + x * x), 0.0, f64::INFINITY, pi / 2.0),
        (|x| x.sqrt(), 0.0, 1.0, 2.0 / 3.0),
        (|x| x.exp(), f64::NEG_INFINITY, 1.0, std::f64::consts::E),
        (|x| (x - 0.3).abs(), 1.0, 0.0, -0.29),
        (|x| 1.0 / (1e-4 + x * x), -1.0, 1.0, 200.0 * 100.0f64.atan()),
    ];
    for (f, low, high, expected) in cases {
        let found = integrate(&mut |x| Ok::<f64, Never>(f(x)), low, high, 1e-12, 1e-10).expect("the numbers are there");
        assert!(found.converged, "{expected}: {found:?}");
        assert!((found.value - expected).abs() <= 1e-9 * expected.abs(), "{expected}: {found:?}");
        assert!((found.value - expected).abs() <= found.error.max(1e-15), "{expected}: {found:?}");
    }
    let wild =
        integrate(&mut |x: f64| Ok::<f64, Never>(1.0 / x), 0.0, 1.0, 1e-12, 1e-10).expect("the numbers are there");
    assert!(!wild.converged);
    assert_eq!(integrate(&mut |_| Err("no"), 0.0, 1.0, 1e-9, 1e-9), Err("no"));
}

#[test]
fn differential_equations_agree_with_scipy() {
    let right: [RightHandSide; 2] = [
        |_, y| vec![10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]],
        |_, y| vec![y[1], -y[0].sin()],
    ];
    for (case, f) in fixture()["odes"].as_array().expect("the numbers are there").iter().zip(right) {
        let options = OdeOptions { relative: 1e-10, absolute: 1e-12, ..OdeOptions::default() };
        let start = numbers(&case["start"]);
        let solution = solve_ode(&mut |t, y| Ok::<_, Never>(f(t, y)), &start, &numbers(&case["times"]), options)
            .expect("the numbers are there");
        for (state, expected) in solution.states.iter().zip(case["states"].as_array().expect("the numbers are there")) {
            for (found, expected) in state.iter().zip(numbers(expected)) {
                assert!(
                    (found - expected).abs() < 1e-7 * expected.abs().max(1.0),
                    "{}: {found} {expected}",
                    case["name"]
                );
            }
        }
    }
    // y' = y² from 1 ends at time 1.
    let blown =
        solve_ode(&mut |_, y: &[f64]| Ok::<_, Never>(vec![y[0] * y[0]]), &[1.0], &[0.0, 2.0], OdeOptions::default());
    assert!(blown.is_err());
    let back = solve_ode(&mut |_, y: &[f64]| Ok::<_, Never>(vec![-y[0]]), &[1.0], &[0.0, -1.0], OdeOptions::default())
        .expect("the numbers are there");
    assert!((back.states[1][0] - std::f64::consts::E).abs() < 1e-5);
}

#[test]
fn roots_are_found_or_it_is_said_why_not() {
    let root =
        find_root(&mut |x: f64| Ok::<_, Never>(x * x * x - 2.0), 0.0, 2.0, 1e-14).expect("the numbers are there");
    assert!((root - 2f64.cbrt()).abs() < 1e-13);
    let flat =
        find_root(&mut |x: f64| Ok::<_, Never>((x - 1.0).powi(9)), 0.0, 3.0, 1e-12).expect("the numbers are there");
    assert!((flat - 1.0).abs() < 1e-3);
    let same = find_root(&mut |x: f64| Ok::<_, Never>(x * x + 1.0), -1.0, 1.0, 1e-12).expect_err("it must fail");
    assert_eq!(same, RootError::NotBracketed { low: 2.0, high: 2.0 });
    // x² + y² = 4 and x y = 1.
    let mut system = |v: &[f64]| {
        let (x, y) = (v[0], v[1]);
        Ok::<_, Never>((vec![x * x + y * y - 4.0, x * y - 1.0], vec![2.0 * x, 2.0 * y, y, x]))
    };
    let found = find_roots(&mut system, &[2.0, 1.0], 1e-12).expect("the numbers are there");
    assert!((found[0] * found[1] - 1.0).abs() < 1e-12 && (found[0].hypot(found[1]) - 2.0).abs() < 1e-12);
}

/// Rosenbrock's valley in ten dimensions, whose minimum is 0 at (1, …, 1).
#[test]
fn minima_are_found() {
    let valley = |x: &[f64]| -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; x.len()];
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            value += a * a + 100.0 * b * b;
            gradient[i] += -2.0 * a - 400.0 * b * x[i];
            gradient[i + 1] += 200.0 * b;
        }
        (value, gradient)
    };
    let start: Vec<f64> = (0..10).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
    let found = minimise(&mut |x| Ok::<_, Never>(valley(x)), &start, 1e-8, 1000).expect("the numbers are there");
    assert!(found.converged, "{found:?}");
    assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-6) || found.value < 4.0, "{found:?}");
    let simplex = minimise_simplex(&mut |x| Ok::<_, Never>(valley(x).0), &[-1.2, 1.0], 1e-9, 5000)
        .expect("the numbers are there");
    assert!(simplex.converged && simplex.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{simplex:?}");
}

/// Distributions so wide that SciPy's own functions begin to fail; `scipy.stats.poisson.ppf` and `binom.ppf`, 1.17.
#[test]
fn quantiles_of_wide_distributions_are_found_at_once() {
    let poisson = Distribution::Poisson { rate: 4e10 };
    let binomial = Distribution::Binomial { n: 1e12, p: 0.3 };
    for (d, p, expected) in [
        (poisson, 0.001, 39_999_381_955.0),
        (poisson, 0.975, 40_000_391_993.0),
        (binomial, 0.001, 299_998_583_878.0),
        (binomial, 0.3, 299_999_759_689.0),
        (binomial, 0.5, 300_000_000_000.0),
        (binomial, 0.975, 300_000_898_169.0),
    ] {
        assert!((d.quantile(p) - expected).abs() <= 1.0, "{d:?} at {p}: {}", d.quantile(p));
    }
    // Beyond the whole numbers that floats tell apart.
    let sample = Distribution::Poisson { rate: 1e17 }.quantile(0.3);
    assert!((sample - 1e17).abs() < 1e9 && sample < 1e17, "{sample}");
}
