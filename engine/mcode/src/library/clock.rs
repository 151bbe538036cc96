//! `time`: the clock, where the run was granted one, and text for moments.
//!
//! Nothing here looks at a clock: the caller of the run brings it ([`crate::RunRequest`]).

use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Days from year 0 of the proleptic Gregorian calendar to 1970.
const DAYS_TO_1970: i64 = 719_468;
/// Moments that are written with four digits of the year, in seconds: to the end of 9999.
const SECONDS_MAX: f64 = 253_402_300_800.0;

/// Functions of time.
pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "time.now", arity: (0, 0), result: Kind::Scalar, example: "time.now()", run: now },
    Builtin { name: "time.iso", arity: (1, 1), result: Kind::Str, example: "time.iso(0)", run: iso },
];

fn now(host: &mut Host, _: &mut [Value]) -> Outcome<Value> {
    match host.clock {
        Some(clock) => Ok(Value::Scalar(clock())),
        None => Err(Fault::new(Code::NotGranted, "this run may not look at the clock")
            .help("pass the time in as an argument: a task that runs twice must see the same")),
    }
}

fn iso(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let seconds = super::math::number("time.iso", &arguments[0])?;
    if !(0.0..SECONDS_MAX).contains(&seconds) {
        return Err(Fault::new(Code::BadConversion, format!("{seconds} seconds lie outside the years 1970 to 9999"))
            .help("`time.iso` takes seconds since 1970, as `time.now()` gives them"));
    }
    let whole = seconds as i64;
    let (days, second) = (whole.div_euclid(86_400), whole.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
    host.string(text)
}

/// Year, month and day of a number of days since 1970 (H. Hinnant, chrono-compatible low-level date algorithms).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + DAYS_TO_1970;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(59), (1970, 3, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_778), (2026, 11, 21));
    }
}
