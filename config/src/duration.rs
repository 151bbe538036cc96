//! Lengths of time as people write them.

use std::time::Duration;

/// Units of time by name, in milliseconds.
const TIMES: &[(&str, f64)] = &[("ms", 1.0), ("s", 1e3), ("min", 6e4), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7)];
/// Longest duration that can be given: ten years.
const DURATION_MAX: Duration = Duration::from_secs(3650 * 86_400);

/// Reads `500ms`, `10s`, `15m` or `15min`, `1.5h`, `2d`. The error says what may be written.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number with ms, s, m, h or d, like 10s or 1.5h".to_owned();
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let millis = number * factor;
    if millis < 1.0 {
        return Err("the shortest is 1ms".to_owned());
    }
    if millis > DURATION_MAX.as_millis() as f64 {
        return Err("the longest is 3650d".to_owned());
    }
    Ok(Duration::from_secs_f64(millis / 1e3))
}

/// `1.5h` as 1.5 and `h`.
pub fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim()))
}
