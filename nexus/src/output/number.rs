//! How many digits of a number are shown. Never the way to pass numbers on: that is JSON.

/// Digits before the notation with an exponent is shorter to read.
const PLAIN_MAX: f64 = 1e15;

/// A scalar on its own: six significant digits, all digits before the point, and a point always, so that it is told
/// from an `int`.
pub fn scalar(number: f64) -> String {
    if !number.is_finite() {
        return not_finite(number).to_owned();
    }
    let magnitude = number.abs();
    if number == 0.0 || (1e-4..PLAIN_MAX).contains(&magnitude) {
        let decimals = if number == 0.0 { 1 } else { (5 - exponent(magnitude)).clamp(1, 9) };
        let text = format!("{number:.0$}", decimals as usize);
        let trimmed = text.trim_end_matches('0');
        return if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() };
    }
    scientific(number, 5)
}

/// `NaN`, `inf` and `-inf`.
fn not_finite(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "NaN",
        _ if number > 0.0 => "inf",
        _ => "-inf",
    }
}

/// The decimal exponent of a positive number: 0 for 1 to 9.99.
fn exponent(magnitude: f64) -> i32 {
    magnitude.log10().floor() as i32
}

/// `1.5e-7`, without useless zeros.
fn scientific(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// Numbers that are shown together: the same digits after the point for all, as few as tell them apart to about three
/// significant digits of the largest, none if all are whole.
pub fn column(numbers: &[f64]) -> Vec<String> {
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let largest = finite().fold(0.0, |most: f64, number| most.max(number.abs()));
    if finite().all(|number| number.fract() == 0.0) && largest < PLAIN_MAX {
        return numbers.iter().map(|&number| plain(number, 0)).collect();
    }
    if !(1e-3..1e6).contains(&largest) {
        return numbers
            .iter()
            .map(|&number| if number == 0.0 { "0".to_owned() } else { exponential(number) })
            .collect();
    }
    // 0.925 and 12.345 show three digits after the point, 123.45 two, 0.0512 four.
    let most = match exponent(largest) {
        low @ ..=-2 => 2 - low,
        -1..=1 => 3,
        2 => 2,
        _ => 1,
    } as usize;
    let decimals = (1..most).find(|&few| finite().all(|number| is_exact(number, few))).unwrap_or(most);
    numbers
        .iter()
        .map(|&number| if vanishes(number, decimals) { exponential(number) } else { plain(number, decimals) })
        .collect()
}

fn exponential(number: f64) -> String {
    if number.is_finite() { scientific(number, 2) } else { not_finite(number).to_owned() }
}

fn plain(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return not_finite(number).to_owned();
    }
    let text = format!("{number:.decimals$}");
    // A zero has no sign for a reader.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// Whether so few decimals lose nothing of a number that has at most the precision of an f32.
fn is_exact(number: f64, decimals: usize) -> bool {
    let shown: f64 = format!("{number:.decimals$}").parse().unwrap_or(f64::NAN);
    (shown - number).abs() <= number.abs() * f64::from(f32::EPSILON) / 2.0
}

/// Whether a number that is not 0 would be shown as 0.
fn vanishes(number: f64, decimals: usize) -> bool {
    number != 0.0 && number.abs() < 0.5 * 10f64.powi(-(decimals as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_show_six_digits_and_a_point() {
        for (number, text) in [
            (55.0, "55.0"),
            (10.450583572185565, "10.4506"),
            (0.1 + 0.2, "0.3"),
            (-0.000123456789, "-0.000123457"),
            (1234567.89, "1234567.9"),
            (1e-7, "1e-7"),
            (-2.5e300, "-2.5e300"),
            (0.0, "0.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(scalar(number), text);
        }
    }

    #[test]
    fn columns_share_their_digits() {
        for (numbers, texts) in [
            (&[0.92461, 0.05306, 0.01710][..], &["0.925", "0.053", "0.017"][..]),
            (&[100.0, -3.0, 0.0], &["100", "-3", "0"]),
            (&[0.5, 1.25, -0.0], &["0.50", "1.25", "0.00"]),
            (&[f64::from(0.1f32), 2.0], &["0.1", "2.0"]),
            (&[123.456, 1.0], &["123.46", "1.00"]),
            (&[0.05123, 0.001], &["0.0512", "0.0010"]),
            (&[1.0, 1.5e-7], &["1.000", "1.5e-7"]),
            (&[1.234e9, 0.0, 0.5], &["1.23e9", "0", "5e-1"]),
            (&[f64::NAN, f64::INFINITY, 2.0], &["NaN", "inf", "2"]),
            (&[], &[]),
        ] {
            assert_eq!(column(numbers), texts);
        }
    }
}
