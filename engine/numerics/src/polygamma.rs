//! The derivatives of the logarithm of the gamma function: digamma and polygamma.
//!
//! The argument is moved up by the recurrence until the asymptotic series converges (Abramowitz and Stegun, "Handbook of
//! Mathematical Functions", 6.3.18, 6.4.6 and 6.4.11). Errors stay below 1e-13 of the larger of the value and 1.

use std::f64::consts::PI;

/// Bernoulli numbers of even index from the second on.
const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43_867.0 / 798.0,
    -174_611.0 / 330.0,
];
/// The series is used from here on, and further up for higher derivatives.
const LARGE: f64 = 10.0;

/// The derivative of the logarithm of the gamma function; NaN at zero and at negative whole numbers.
pub fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x.fract() == 0.0 {
            return f64::NAN;
        }
        // The reflection, with the period of the tangent taken out first: it loses digits far from zero.
        return digamma(1.0 - x) - PI / (PI * (x - x.round())).tan();
    }
    if x.is_infinite() {
        return x;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = x * x;
    let (mut power, mut series) = (1.0, 0.0);
    for (k, number) in (1_u32..).zip(BERNOULLI) {
        power /= square;
        series += number * power / f64::from(2 * k);
    }
    sum + x.ln() - 0.5 / x - series
}

/// The `n`-th derivative of [`digamma`] at positive `x`; NaN elsewhere.
pub fn polygamma(n: u32, x: f64) -> f64 {
    if n == 0 {
        return digamma(x);
    }
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let order = f64::from(n);
    let factorial = libm::tgamma(order + 1.0);
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE + order {
        sum += factorial * x.powf(-order - 1.0);
        x += 1.0;
    }
    sum += factorial / order * x.powf(-order) + 0.5 * factorial * x.powf(-order - 1.0);
    // (2k + n - 1)! / (2k)! x^-(2k + n), from the one before.
    let mut term = factorial / order * x.powf(-order);
    for (k, number) in (1_u32..).zip(BERNOULLI) {
        let even = f64::from(2 * k);
        term *= (even + order - 2.0) * (even + order - 1.0) / ((even - 1.0) * even * x * x);
        sum += number * term;
    }
    if n.is_multiple_of(2) { -sum } else { sum }
}
