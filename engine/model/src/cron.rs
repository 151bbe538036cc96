//! Recurring times in the notation of cron: five fields, or a name like `@daily`.
//!
//! A pure value: what time it is and how far the clock of the place is from UTC come in as arguments. As in the cron of
//! Vixie (and POSIX): where both a day of the month and a day of the week are given, either will do. Dates are those of
//! the proleptic Gregorian calendar, by the algorithms of Hinnant ("chrono-Compatible Low-Level Date Algorithms").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Days in which the next time must lie: nine years, since a 29th of February can be eight years away.
const DAYS_MAX: i64 = 9 * 366;
const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
/// Longest text: lists of every minute and more.
const TEXT_BYTES_MAX: usize = 512;
/// Furthest from UTC that any place is, in minutes.
const OFFSET_MAX: i16 = 14 * 60;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const NAMED: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Recurring times: minutes, each with a bit in its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the days are restricted by the day of the month, and by the day of the week.
    by_day: bool,
    by_weekday: bool,
}

/// When something recurs, and by which clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// The times, as [`Cron`] reads them.
    pub cron: String,
    /// How far the clock by which they are meant is ahead of UTC, in minutes.
    pub utc_offset_minutes: i16,
}

impl Recurrence {
    /// The first time after `after_ms` (ms since 1970, UTC). The error says what is wrong with the times.
    pub fn next_after(&self, after_ms: u64) -> Result<u64, String> {
        if !(-OFFSET_MAX..=OFFSET_MAX).contains(&self.utc_offset_minutes) {
            return Err(format!("a clock is at most 14 h from UTC, not {} min", self.utc_offset_minutes));
        }
        let cron: Cron = self.cron.parse()?;
        let next = cron.next_after(after_ms, self.utc_offset_minutes);
        next.ok_or_else(|| format!("`{}` is no time that ever comes", self.cron))
    }
}

/// One field: its bounds and the names that stand for numbers.
struct Field {
    what: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
    first_name: u32,
}

impl Field {
    /// The bits of `*`, `5`, `1-5`, `*/15`, `8-18/2`, or several with commas between them.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    (range, Some(self.number(step).filter(|step| *step > 0).ok_or_else(|| self.wrong(part))?))
                }
                None => (part, None),
            };
            let (from, to) = match (range, range.split_once('-')) {
                ("*", _) => (self.first, self.last),
                (_, Some((from, to))) => (self.value(from, part)?, self.value(to, part)?),
                // A step from a number on would be read differently by different crons.
                (_, None) if step.is_some() => return Err(self.wrong(part)),
                (one, None) => (self.value(one, part)?, self.value(one, part)?),
            };
            if from > to {
                return Err(self.wrong(part));
            }
            (from..=to).step_by(step.unwrap_or(1) as usize).for_each(|value| bits |= 1 << value);
        }
        Ok(bits)
    }

    fn number(&self, text: &str) -> Option<u32> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain)
    }

    fn value(&self, text: &str, part: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = named.map(|place| place as u32 + self.first_name).or_else(|| self.number(text));
        value.filter(|value| (self.first..=self.last).contains(value)).ok_or_else(|| self.wrong(part))
    }

    fn wrong(&self, part: &str) -> String {
        format!("`{part}` is no {} (from {} to {}, like 5, 1-5, */2 or 1,3)", self.what, self.first, self.last)
    }
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("the times take {} bytes; the most is {TEXT_BYTES_MAX}", text.len()));
        }
        let text = text.trim();
        let fields = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map_or(text, |(_, fields)| fields);
        let parts: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts[..] else {
            return Err(
                "write five fields: minute, hour, day of the month, month and day of the week, like `0 3 * * *` \
                        (at 3:00), or @hourly, @daily, @weekly, @monthly or @yearly"
                    .to_owned(),
            );
        };
        let field = |what, first, last| Field { what, first, last, names: &[], first_name: 0 };
        let weekdays = Field { names: &WEEKDAYS, ..field("day of the week", 0, 7) }.read(weekday)?;
        Ok(Cron {
            text: text.to_owned(),
            minutes: field("minute", 0, 59).read(minute)?,
            hours: field("hour", 0, 23).read(hour)?,
            days: field("day of the month", 1, 31).read(day)?,
            months: Field { names: &MONTHS, first_name: 1, ..field("month", 1, 12) }.read(month)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            by_day: !day.starts_with('*'),
            by_weekday: !weekday.starts_with('*'),
        })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// The first time after `after_ms` (ms since 1970, UTC) by a clock so many minutes ahead of UTC; `None` where there is
    /// none, as for a 30th of February.
    pub fn next_after(&self, after_ms: u64, utc_offset_minutes: i16) -> Option<u64> {
        let offset = i64::from(utc_offset_minutes);
        let now = i64::try_from(after_ms).ok()? / MINUTE_MS + offset;
        let start = now + 1;
        let first_day = start.div_euclid(DAY_MINUTES);
        for day in first_day..first_day + DAYS_MAX {
            if !self.has_day(day) {
                continue;
            }
            let from = if day == first_day { start.rem_euclid(DAY_MINUTES) } else { 0 };
            let fits = |minute: &i64| has(self.hours, minute / 60) && has(self.minutes, minute % 60);
            if let Some(minute) = (from..DAY_MINUTES).find(fits) {
                let utc = day.checked_mul(DAY_MINUTES)?.checked_add(minute - offset)?;
                return u64::try_from(utc.checked_mul(MINUTE_MS)?).ok();
            }
        }
        None
    }

    /// Whether the times are on the day with this number since 1970.
    fn has_day(&self, day: i64) -> bool {
        let (month, day_of_month) = civil(day);
        // 1970 began with a Thursday.
        let weekday = has(self.weekdays, (day + 4).rem_euclid(7));
        let by_month = has(self.days, day_of_month);
        let is_day = match (self.by_day, self.by_weekday) {
            (true, true) => by_month || weekday,
            _ => by_month && weekday,
        };
        has(self.months, month) && is_day
    }
}

fn has(bits: u64, value: i64) -> bool {
    bits & (1 << value) != 0
}

/// Month and day of the month of the day with this number since 1970.
fn civil(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times by an implementation that we did not write: `tests/fixtures/cron.py` says how they were made.
    const REFERENCE: &str = include_str!("../tests/fixtures/cron.txt");

    #[test]
    fn the_next_times_are_those_of_croniter() {
        let mut lines = 0;
        for line in REFERENCE.lines() {
            let [cron, after, next] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let found = cron.parse::<Cron>().unwrap().next_after(after.parse().unwrap(), 0);
            assert_eq!(found, Some(next.parse().unwrap()), "{line}");
            lines += 1;
        }
        assert!(lines >= 1000, "{lines}");
    }

    #[test]
    fn the_clock_of_the_place_decides() {
        let daily = |utc_offset_minutes| Recurrence { cron: "0 3 * * *".into(), utc_offset_minutes };
        let day = 86_400_000;
        assert_eq!(daily(0).next_after(0), Ok(3 * 3_600_000));
        assert_eq!(daily(60).next_after(0), Ok(2 * 3_600_000));
        assert_eq!(daily(330).next_after(0), Ok(day - 9_000_000), "half past nine in the evening before");
        assert_eq!(daily(-480).next_after(0), Ok(11 * 3_600_000));
        assert_eq!(daily(0).next_after(3 * 3_600_000), Ok(day + 3 * 3_600_000), "after, not at");
        assert!(daily(15 * 60).next_after(0).is_err());
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_field() {
        for (text, said) in [
            ("", "write five fields"),
            ("* * * *", "write five fields"),
            ("60 * * * *", "`60` is no minute (from 0 to 59"),
            ("* 24 * * *", "no hour"),
            ("* * 0 * *", "no day of the month"),
            ("* * * feb-jan *", "`feb-jan` is no month"),
            ("* * * * 8", "no day of the week"),
            ("*/0 * * * *", "`*/0` is no minute"),
            ("5/10 * * * *", "`5/10` is no minute"),
            ("1,,2 * * * *", "`` is no minute"),
            ("-1 * * * *", "no minute"),
            ("+1 * * * *", "no minute"),
            ("@often", "write five fields"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let never = Recurrence { cron: "0 0 30 feb *".into(), utc_offset_minutes: 0 };
        assert_eq!(never.next_after(0), Err("`0 0 30 feb *` is no time that ever comes".to_owned()));
        assert_eq!("@daily".parse::<Cron>().unwrap().to_string(), "@daily");
        assert_eq!("0 0 * * sun".parse::<Cron>().unwrap().weekdays, "0 0 * * 7".parse::<Cron>().unwrap().weekdays);
    }
}
