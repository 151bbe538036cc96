//! The small languages of the command line: `name=value`, `0..400`, `15m`, `512MiB`, `log:1e-4..1e-1`, `17/112`.
//!
//! Each reader's error says what may be written instead; clap puts the option's name before it.

use std::str::FromStr;

pub(crate) use nexus_config::duration;
use nexus_config::number_and_unit;
use nexus_model::{ArgumentSource, GPU_MILLI, IndexRange, JobId, TaskId, Value};

/// `name=text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Before the first `=`.
    pub(crate) name: String,
    /// After it.
    pub(crate) text: String,
}

impl FromStr for Binding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, rest)) if !name.trim().is_empty() => {
                Ok(Binding { name: name.trim().to_owned(), text: rest.to_owned() })
            }
            _ => Err("write it like name=value".to_owned()),
        }
    }
}

/// `name=path`, or a path alone for the result of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputBinding {
    /// The output's name; absent for the result.
    pub(crate) name: Option<String>,
    /// Where it goes.
    pub(crate) path: String,
}

impl FromStr for OutputBinding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.trim().is_empty() && !path.is_empty() => {
                Ok(OutputBinding { name: Some(name.trim().to_owned()), path: path.to_owned() })
            }
            None if !text.is_empty() => Ok(OutputBinding { name: None, path: text.to_owned() }),
            _ => Err("write it like name=path, or the path alone for the result".to_owned()),
        }
    }
}

/// Reads `A..B` (half-open) and `A..=B`.
pub(crate) fn index_range(text: &str) -> Result<IndexRange, String> {
    let wrong = || "write it like 0..400 (400 tasks, from 0 to 399)".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let start: u32 = start.trim().parse().map_err(|_| wrong())?;
    let end = match end.trim().strip_prefix('=') {
        Some(last) => last.trim().parse::<u32>().ok().and_then(|last| last.checked_add(1)),
        None => end.trim().parse().ok(),
    };
    let range = IndexRange::new(start, end.ok_or_else(wrong)?);
    if range.is_empty() {
        return Err(format!("{range} has no tasks: the end is not above the start"));
    }
    Ok(range)
}

/// Units of size by name.
const SIZES: &[(&str, u64)] = &[
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Reads `512MiB`, `2GB`, `4g` (binary), or a bare number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "write a number with MiB, GiB, MB or GB, like 512MiB".to_owned();
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let unit = if unit.is_empty() { "b".to_owned() } else { unit.to_ascii_lowercase() };
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let bytes = number * *factor as f64;
    // 2^60 is above every machine, and the number below it is exact enough for a limit.
    if bytes < (1u64 << 60) as f64 { Ok(bytes as u64) } else { Err("no machine has as much".to_owned()) }
}

/// Reads `+01:00`, `-08:00` or `Z`, in minutes.
pub(crate) fn utc_offset(text: &str) -> Result<i16, String> {
    let wrong = || "write it like +01:00 or -08:00, at most 14 hours".to_owned();
    if text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let two = |digits: &str, most: i16| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i16>().ok().filter(|number| is_plain && *number <= most).ok_or_else(wrong)
    };
    let all = two(hours, 14)? * 60 + two(minutes, 59)?;
    if all > 14 * 60 { Err(wrong()) } else { Ok(sign * all) }
}

/// Reads `2` or `0.5` graphics processors, in thousandths.
pub(crate) fn gpus(text: &str) -> Result<u32, String> {
    let wrong = || "write a part of one, like 0.5, or a whole number".to_owned();
    let number: f64 = text.trim().parse().map_err(|_| wrong())?;
    let milli = (number * f64::from(GPU_MILLI)).round();
    let is_whole = milli % f64::from(GPU_MILLI) == 0.0;
    if !(1.0..=1e6).contains(&milli) || (milli > f64::from(GPU_MILLI) && !is_whole) {
        return Err(wrong());
    }
    Ok(milli as u32)
}

/// The source of an argument: `lin:A..B` and `log:A..B` spread over an array, anything else is a value that `parse`
/// reads.
pub(crate) fn argument_source(text: &str, parse: impl Fn(&str) -> Value) -> Result<ArgumentSource, String> {
    let ends = |text: &str| -> Option<(f64, f64)> {
        let (from, to) = text.split_once("..")?;
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    };
    if let Some(text) = text.strip_prefix("lin:") {
        let (from, to) = ends(text).ok_or("write a sweep like lin:0..1")?;
        return Ok(ArgumentSource::Linear { from, to });
    }
    if let Some(text) = text.strip_prefix("log:") {
        let (from, to) = ends(text).ok_or("write a sweep like log:1e-4..1e-1")?;
        if !(from > 0.0 && to > 0.0) {
            return Err("a logarithmic sweep goes from a positive number to a positive number".to_owned());
        }
        return Ok(ArgumentSource::Logarithmic { from, to });
    }
    whole_number(text).map(|number| ArgumentSource::Value(number.unwrap_or_else(|| parse(text))))
}

/// A whole number in digits. One that is too large would be read as text, which nobody means.
fn whole_number(text: &str) -> Result<Option<Value>, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(None);
    }
    text.parse().map(|number| Some(Value::Int(number))).map_err(|_| {
        format!(
            "an int is from {} to {}: write {text}.0 for the nearest scalar, or \"{text}\" in quotes for text",
            i64::MIN,
            i64::MAX
        )
    })
}

/// A job, or one task of it: `17`, `job-17`, `17/112`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobRef {
    /// The job.
    pub(crate) job: JobId,
    /// The task, where one is named.
    pub(crate) task: Option<u32>,
}

impl FromStr for JobRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write a job like 17, or a task like 17/112".to_owned();
        if text.contains('/') {
            let task: TaskId = text.parse().map_err(|_| wrong())?;
            return Ok(JobRef { job: task.job, task: Some(task.index) });
        }
        Ok(JobRef { job: text.parse().map_err(|_| wrong())?, task: None })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bindings_keep_everything_after_the_first_sign() {
        assert_eq!("a=b=c".parse(), Ok(Binding { name: "a".into(), text: "b=c".into() }));
        assert_eq!("a=".parse(), Ok(Binding { name: "a".into(), text: String::new() }));
        assert!("a".parse::<Binding>().is_err() && "=b".parse::<Binding>().is_err());
        assert_eq!("out.npy".parse(), Ok(OutputBinding { name: None, path: "out.npy".into() }));
        assert_eq!("y=out.npy".parse(), Ok(OutputBinding { name: Some("y".into()), path: "out.npy".into() }));
        assert!("y=".parse::<OutputBinding>().is_err());
    }

    #[test]
    fn ranges_are_half_open_or_closed() {
        assert_eq!(index_range("0..400"), Ok(IndexRange::new(0, 400)));
        assert_eq!(index_range("5 ..= 9"), Ok(IndexRange::new(5, 10)));
        for text in ["", "400", "4..4", "9..3", "-1..4", "0..99999999999", "0..=4294967295", "a..b"] {
            assert!(index_range(text).is_err(), "{text}");
        }
        assert!(index_range("4..4").unwrap_err().contains("no tasks"));
    }

    #[test]
    fn durations_and_sizes_have_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("15m", 900_000),
            ("15 min", 900_000),
            ("1.5h", 5_400_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "0s", "1e9s", "9999999d", "1..5s", "5 weeks"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, bytes) in [("512MiB", 512 << 20), ("2GB", 2_000_000_000), ("4g", 4 << 30), ("1.5k", 1536), ("7", 7)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1 parsec", "9999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn gpus_come_in_parts_of_one_or_whole() {
        for (text, milli) in [("1", 1000), ("0.25", 250), (".5", 500), ("8", 8000)] {
            assert_eq!(gpus(text), Ok(milli), "{text}");
        }
        for text in ["", "0", "-1", "1.5", "NaN", "inf", "0.0001", "a"] {
            assert!(gpus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn clocks_are_so_far_from_utc() {
        for (text, minutes) in [("+00:00", 0), ("z", 0), ("+01:00", 60), ("-08:30", -510), ("+14:00", 840)] {
            assert_eq!(utc_offset(text), Ok(minutes), "{text}");
        }
        for text in ["", "1", "+1:00", "+14:01", "+01:60", "01:00", "+0a:00", "+-1:00", "UTC"] {
            assert!(utc_offset(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sweeps_are_told_from_values() {
        let parse = |text: &str| text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Int);
        assert_eq!(argument_source("12", parse), Ok(ArgumentSource::Value(Value::Int(12))));
        assert_eq!(argument_source("lin:0..1", parse), Ok(ArgumentSource::Linear { from: 0.0, to: 1.0 }));
        assert_eq!(argument_source("log:1e-4..1e-1", parse), Ok(ArgumentSource::Logarithmic { from: 1e-4, to: 1e-1 }));
        for text in ["lin:0", "log:a..b", "log:0..1", "log:-1..1", "log:nan..1"] {
            assert!(argument_source(text, parse).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_out_of_range_are_no_text() {
        let text = |text: &str| Value::String(text.to_owned());
        let value = |value| Ok(ArgumentSource::Value(value));
        assert_eq!(argument_source("-3", text), value(Value::Int(-3)));
        assert_eq!(argument_source("-9223372036854775808", text), value(Value::Int(i64::MIN)));
        assert_eq!(argument_source("-", text), value(text("-")));
        let refused = argument_source("9223372036854775808", text).unwrap_err();
        assert!(refused.starts_with("an int is from -9223372036854775808 to 9223372036854775807: write "), "{refused}");
    }

    #[test]
    fn jobs_and_tasks_are_named_as_they_are_printed() {
        for (text, job, task) in
            [("17", 17, None), ("job-17", 17, None), ("17/112", 17, Some(112)), ("job-3/0", 3, Some(0))]
        {
            let reference: JobRef = text.parse().unwrap();
            assert_eq!(reference, JobRef { job: JobId(job), task }, "{text}");
        }
        for text in ["", "job", "17/", "/3", "17/x", "node-3"] {
            assert!(text.parse::<JobRef>().is_err(), "{text}");
        }
    }
}
