//! Points in time and spans of time, in microseconds, and how people write them.
//!
//! Not a clock: nothing here knows what time it is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The largest magnitude of a point or span: 2^53 microseconds, about 285 years, so that every one is exact as an `f64`.
pub const MICROS_MAX: i64 = 1 << 53;

/// Units of a span, longest first, in microseconds.
const UNITS: [(&str, i64); 8] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// A point in time or a span of time, in microseconds. As a point it counts from whatever the timeline calls zero; dates
/// count from 1970-01-01 UTC.
///
/// In JSON a whole number of microseconds, or text: a span such as `"3d"`, `"1.5h"`, `"2d 4h"`, or a date such as
/// `"2026-03-01"` or `"2026-03-01T09:30:00Z"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// No time at all.
    pub const ZERO: Micros = Micros(0);

    /// Whether the magnitude is at most [`MICROS_MAX`].
    pub fn in_range(self) -> bool {
        self.0.unsigned_abs() <= MICROS_MAX.unsigned_abs()
    }

    /// Seconds, exactly rounded.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The nearest microsecond to a number of them, held within [`MICROS_MAX`].
    pub fn from_f64(micros: f64) -> Self {
        let limit = MICROS_MAX as f64;
        Micros(micros.round().clamp(-limit, limit) as i64)
    }

    /// The span as somebody says it who measured it: three digits, like `1.23s` or `41ms`; from a minute on as it is
    /// written exactly, without parts of a second.
    pub fn rough(self) -> String {
        let micros = self.0.unsigned_abs() as f64;
        let (scale, unit) = match self.0.unsigned_abs() {
            0..1_000 => (1.0, "us"),
            // What would be rounded up to the next unit is written in that.
            1_000..999_500 => (1e3, "ms"),
            999_500..59_950_000 => (1e6, "s"),
            _ => return Micros((self.0 as f64 / 1e6).round() as i64 * 1_000_000).to_string(),
        };
        let number = micros / scale;
        let digits = if number < 9.995 { 2 } else { usize::from(number < 99.95) };
        let text = format!("{number:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{}{text}{unit}", if self.0 < 0 { "-" } else { "" })
    }

    /// The point as a date and time of day in UTC, to the second.
    pub fn date(self) -> String {
        let seconds = self.0.div_euclid(1_000_000);
        let (year, month, day) = date_of_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        if of_day == 0 {
            return format!("{year:04}-{month:02}-{day:02}");
        }
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Whether it is taken for a date where it is a point in time: it lies after 1980.
    pub fn is_date(self) -> bool {
        const YEARS_10: i64 = 315_532_800_000_000;
        self.0 > YEARS_10
    }

    /// A point in time for people: a date if it is one, a span from zero otherwise.
    pub fn point(self) -> String {
        if self.is_date() { self.date() } else { self.to_string() }
    }

    /// Reads a span or a date as people write it.
    ///
    /// # Errors
    /// What was expected, for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let found = if text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[0].is_ascii_digit() {
            parse_date(text)
        } else {
            parse_span(text)
        };
        found
            .filter(|micros| micros.in_range())
            .ok_or_else(|| format!("`{}` is no time: write a span like 3d, 1.5h, 20min, 5s, 40ms or a date like 2026-03-01T09:30:00Z, within 285 years", clip(text)))
    }
}

/// At most sixty characters of what the user wrote, for a message.
pub(crate) fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(60).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

fn parse_span(text: &str) -> Option<Micros> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if body == "0" {
        return Some(Micros::ZERO);
    }
    let mut total = 0.0;
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = rest[digits..].trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == &after[..letters])?;
        total += number * *micros as f64;
        rest = after[letters..].trim_start();
    }
    let total = if body.is_empty() { return None } else { total };
    (total <= MICROS_MAX as f64).then(|| Micros(if negative { -total.round() } else { total.round() } as i64))
}

fn parse_date(text: &str) -> Option<Micros> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.strip_suffix('Z').unwrap_or(time)),
        None => (text, "00:00:00"),
    };
    let mut fields = date.split('-').map(|field| field.parse::<i64>().ok());
    let (year, month, day) = (fields.next()??, fields.next()??, fields.next()??);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if fields.next().is_some() || !(1..=9999).contains(&year) || !(1..=*length).contains(&day) {
        return None;
    }
    let mut parts = time.split(':');
    let (hour, minute) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let second: f64 = parts.next().unwrap_or("0").parse().ok()?;
    if parts.next().is_some()
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0.0..60.0).contains(&second)
    {
        return None;
    }
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60;
    Some(Micros(seconds * 1_000_000 + (second * 1e6).round() as i64))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days from 1970-01-01: the inverse of [`days_from_epoch`].
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * month_index + 2) / 5 + 1)
}

/// As a span: the two largest units that it has, like `2d 4h` or `41ms`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.unsigned_abs();
        let mut text = String::new();
        let mut parts = 0;
        for (name, micros) in UNITS.iter().filter(|(name, _)| !["m", "w"].contains(name)) {
            let count = rest / micros.unsigned_abs();
            rest %= micros.unsigned_abs();
            if count > 0 || parts > 0 {
                parts += 1;
                if count > 0 {
                    let space = if text.is_empty() { "" } else { " " };
                    text.push_str(&format!("{space}{count}{name}"));
                }
            }
            if parts == 2 {
                break;
            }
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&if text.is_empty() { "0s".to_owned() } else { format!("{sign}{text}") })
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Micros;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("microseconds as a whole number, or a time like \"3d\" or \"2026-03-01T09:30:00Z\"")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Micros, E> {
                Ok(Micros(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Micros, E> {
                i64::try_from(value).map(Micros).map_err(|_| E::custom("a time beyond 285 years"))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Micros, E> {
                Micros::parse(value).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_said_in_three_digits() {
        for (micros, text) in [
            (0, "0us"),
            (61, "61us"),
            (2_061, "2.06ms"),
            (28_061, "28.1ms"),
            (633_400, "633ms"),
            (999_499, "999ms"),
            (999_500, "1s"),
            (1_230_000, "1.23s"),
            (9_996_000, "10s"),
            (59_949_000, "59.9s"),
            (59_950_000, "1min"),
            (125_400_000, "2min 5s"),
            (-28_061, "-28.1ms"),
        ] {
            assert_eq!(Micros(micros).rough(), text, "{micros}");
        }
    }

    #[test]
    fn what_people_write_is_read() {
        let read = |text: &str| Micros::parse(text).map(|micros| micros.0);
        assert_eq!(read("3d"), Ok(259_200_000_000));
        assert_eq!(read("1.5h"), Ok(5_400_000_000));
        assert_eq!(read("2d 4h"), Ok(187_200_000_000));
        assert_eq!(read("-40ms"), Ok(-40_000));
        assert_eq!(read("1970-01-02"), Ok(86_400_000_000));
        // Seconds of well-known dates, as `date -u -d … +%s` gives them.
        assert_eq!(read("2000-02-29T12:00:00Z"), Ok(951_825_600_000_000));
        assert_eq!(read("2026-03-01T09:30:00.25Z"), Ok(1_772_357_400_250_000));
        for wrong in [
            "",
            "3",
            "d",
            "3x",
            "3d4",
            "2026-13-01",
            "2026-02-29",
            "2026-01-01T25:00",
            "1e9d",
            "99999999w",
            "é2026-1-11",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_short() {
        let text = |micros: i64| Micros(micros).to_string();
        assert_eq!(text(0), "0s");
        assert_eq!(text(187_200_000_000), "2d 4h");
        assert_eq!(text(-41_000), "-41ms");
        assert_eq!(text(86_400_000_001), "1d");
        assert_eq!(Micros(951_825_600_000_000).date(), "2000-02-29T12:00:00Z");
    }
}
