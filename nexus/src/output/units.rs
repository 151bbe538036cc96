//! Quantities with units, as people say them: `41 ms`, `1 min 35 s`, `412 MB`. Exact numbers are JSON's.

use std::time::Duration;

/// A duration, to two digits below ten of a unit and no more than two units.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0 if seconds < 0.999_5e-3 => short(seconds * 1e6, "µs"),
        0 if seconds < 0.999_5 => short(seconds * 1e3, "ms"),
        _ if seconds < 59.95 => short(seconds, "s"),
        _ => long((seconds + 0.5) as u64),
    }
}

/// How long ago, coarsely: one unit.
pub fn age(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// One digit after the point below ten, none above; never a useless `.0`.
fn short(number: f64, unit: &str) -> String {
    let text = if number < 9.95 { format!("{number:.1}") } else { format!("{number:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

fn long(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match minutes {
        0..10 => two(minutes, "min", seconds % 60, "s"),
        10..60 => format!("{minutes} min"),
        _ if days < 2 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// A size of data in decimal units, as disks and networks count.
pub fn bytes(count: u64) -> String {
    scaled(count, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A size of memory in binary units, as memory is sold.
pub fn memory(count: u64) -> String {
    scaled(count, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// A part of some memory in the unit of the whole: `21/64 GiB`.
pub fn memory_of(part: u64, whole: u64) -> String {
    let text = memory(whole);
    let Some((number, unit)) = text.split_once(' ') else { return text };
    let power = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].iter().position(|name| *name == unit).unwrap_or(0);
    let part = part as f64 / 1024_f64.powi(power as i32);
    let part = if part < 9.95 { format!("{part:.1}") } else { format!("{part:.0}") };
    format!("{}/{number} {unit}", part.strip_suffix(".0").unwrap_or(&part))
}

fn scaled(count: u64, step: f64, units: &[&str]) -> String {
    let (mut number, mut unit) = (count as f64, 0);
    while number >= step - 0.5 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    if unit == 0 { format!("{count} {}", units[0]) } else { short(number, units[unit]) }
}

/// A number of three digits that count, of more where it is a thousand or more.
pub fn digits(number: f64) -> String {
    let places = [100.0, 10.0, 1.0].into_iter().position(|least| number >= least).unwrap_or(3);
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1 task`, `400 tasks`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (number, text) in
            [(2100.4, "2100"), (213.4, "213"), (16.0, "16"), (16.04, "16"), (1.234, "1.23"), (0.05, "0.05")]
        {
            assert_eq!(digits(number), text);
        }
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (micros, text) in [
            (0, "0 µs"),
            (7, "7 µs"),
            (999, "999 µs"),
            (1_000, "1 ms"),
            (1_440, "1.4 ms"),
            (41_200, "41 ms"),
            (999_400, "999 ms"),
            (999_900, "1 s"),
            (2_100_000, "2.1 s"),
            (35_000_000, "35 s"),
            (59_990_000, "1 min"),
            (95_000_000, "1 min 35 s"),
            (720_000_000, "12 min"),
            (3_600_000_000, "1 h"),
            (5_400_000_000, "1 h 30 min"),
            (270_000_000_000, "3 d 3 h"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (150, "2 min"), (7_199, "1 h"), (172_800, "2 d")] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_are_decimal_for_data_and_binary_for_memory() {
        for (size, text) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (1_250_000, "1.2 MB"), (412_000_000, "412 MB")]
        {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(memory(64 << 30), "64 GiB");
        assert_eq!(memory(3 << 19), "1.5 MiB");
        assert_eq!(memory_of(21 << 30, 64 << 30), "21/64 GiB");
        assert_eq!(memory_of(1 << 29, 64 << 30), "0.5/64 GiB");
        assert_eq!(memory_of(64 << 30, 64 << 30), "64/64 GiB");
        assert_eq!(bytes(u64::MAX), "18 EB");
        assert_eq!(count(1, "task"), "1 task");
        assert_eq!(count(0, "error"), "0 errors");
    }
}
