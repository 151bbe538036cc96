//! How fast the devices of this machine were measured to be, kept from one process to the next beside what Burn keeps.
//!
//! It is one small file for all devices and a cache: what is damaged, of another version of the engine, of another processor or
//! older than [`KEPT_FOR`] counts as not there, and is measured again. It measures nothing: who computes does.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::machine::processor;
use crate::tuning;

/// The name of the file.
const NAME: &str = "speeds.json";
/// What is older was measured on a machine that may have changed since.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Devices in one file: a folder that many machines share does not grow for ever.
const DEVICES_MAX: usize = 64;
/// Bytes of a file that is read at all; one of [`DEVICES_MAX`] devices has fewer.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// What any speed lies between, in operations or bytes a second: what does not was not written by this engine.
const CREDIBLE: std::ops::RangeInclusive<f64> = 1e3..=1e18;
/// The same of the seconds that starting an operation takes.
const CREDIBLE_LAUNCH_S: std::ops::RangeInclusive<f64> = 1e-10..=10.0;

/// How fast a device was measured to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Floating-point operations a second of a matrix product in f32; `None` where no product was measured, because the first
    /// on a graphics processor looks for its fastest kernel for seconds.
    pub flops: Option<f64>,
    /// Bytes a second between the device's memory and its units.
    pub bandwidth: f64,
    /// Seconds that starting an operation takes.
    pub launch_s: f64,
    /// Bytes a second between the host's memory and the device's, the slower way of the two; `None` where they are one.
    pub transfer: Option<f64>,
}

impl Speed {
    /// Whether every number can be one of a device.
    fn is_credible(&self) -> bool {
        [self.flops, Some(self.bandwidth), self.transfer].into_iter().flatten().all(|rate| CREDIBLE.contains(&rate))
            && CREDIBLE_LAUNCH_S.contains(&self.launch_s)
    }

    fn to_json(self, measured: u64) -> Value {
        let Speed { flops, bandwidth, launch_s, transfer } = self;
        json!({ "flops": flops, "bandwidth": bandwidth, "launch_s": launch_s, "transfer": transfer, "measured": measured })
    }

    /// What was written, and when; `None` where this cannot be it.
    fn from_json(value: &Value) -> Option<(Speed, u64)> {
        let optional = |name: &str| match value.get(name)? {
            Value::Null => Some(None),
            number => number.as_f64().map(Some),
        };
        let number = |name: &str| value.get(name)?.as_f64();
        let speed = Speed {
            flops: optional("flops")?,
            bandwidth: number("bandwidth")?,
            launch_s: number("launch_s")?,
            transfer: optional("transfer")?,
        };
        speed.is_credible().then_some((speed, value.get("measured")?.as_u64()?))
    }
}

/// What this process measured or read, by device: a device is looked up in the file once.
static KNOWN: Mutex<BTreeMap<String, Speed>> = Mutex::new(BTreeMap::new());

/// How fast the device of this name is, where it was measured on this machine, by whatever process. Measures nothing.
pub fn kept_speed(device: &str) -> Option<Speed> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(speed) = known.get(device) {
        return Some(*speed);
    }
    let speed = find(tuning::folder()?, &key(device), seconds_now())?;
    known.insert(device.to_owned(), speed);
    Some(speed)
}

/// Keeps how fast a device was measured to be: for this process, and for others where a folder for it can be written.
pub fn keep_speed(device: &str, speed: Speed) {
    if !speed.is_credible() {
        return;
    }
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(device.to_owned(), speed);
    if let Some(folder) = tuning::folder() {
        // A cache: where it cannot be written, each process measures for itself.
        let _ = write(folder, &key(device), speed, seconds_now());
    }
}

/// Devices of one name differ from processor to processor: `2 threads, avx512`.
fn key(device: &str) -> String {
    format!("{} · {device}", processor())
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// All entries of the file that this version of the engine wrote.
fn entries(folder: &Path) -> Option<BTreeMap<String, Value>> {
    let mut text = String::new();
    std::fs::File::open(folder.join(NAME)).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let document: Value = serde_json::from_str(&text).ok()?;
    (document.get("engine")?.as_str()? == env!("CARGO_PKG_VERSION")).then_some(())?;
    Some(document.get("speeds")?.as_object()?.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect())
}

fn find(folder: &Path, key: &str, now: u64) -> Option<Speed> {
    let (speed, measured) = Speed::from_json(entries(folder)?.get(key)?)?;
    is_fresh(measured, now).then_some(speed)
}

/// A time that is still to come was written under a clock that was wrong.
fn is_fresh(measured: u64, now: u64) -> bool {
    now.checked_sub(measured).is_some_and(|age| age <= KEPT_FOR.as_secs())
}

/// Writes one entry beside the others; those that nobody would believe or that are old go.
fn write(folder: &Path, key: &str, speed: Speed, now: u64) -> std::io::Result<()> {
    let mut kept = entries(folder).unwrap_or_default();
    kept.retain(|_, entry| Speed::from_json(entry).is_some_and(|(_, measured)| is_fresh(measured, now)));
    kept.insert(key.to_owned(), speed.to_json(now));
    while kept.len() > DEVICES_MAX {
        let other = kept.keys().find(|name| *name != key).cloned();
        other.and_then(|name| kept.remove(&name));
    }
    let document = json!({ "engine": env!("CARGO_PKG_VERSION"), "speeds": kept });
    std::fs::create_dir_all(folder)?;
    // Whole or not at all, whoever else writes: the last one counts.
    let beside = folder.join(format!("{NAME}.{}", std::process::id()));
    std::fs::write(&beside, format!("{document:#}\n"))?;
    std::fs::rename(&beside, folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEED: Speed = Speed { flops: Some(2e11), bandwidth: 1.5e10, launch_s: 3e-7, transfer: None };

    #[test]
    fn speeds_are_kept_for_each_device_until_they_are_old() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("tuning");
        assert_eq!(find(&below, "a", 100), None);
        let card = Speed { flops: None, bandwidth: 2e12, launch_s: 8e-6, transfer: Some(6e9) };
        write(&below, "a", SPEED, 100).unwrap();
        write(&below, "b", card, 200).unwrap();
        assert_eq!((find(&below, "a", 200), find(&below, "b", 200)), (Some(SPEED), Some(card)));
        assert_eq!(find(&below, "c", 200), None);
        let last = 100 + KEPT_FOR.as_secs();
        assert_eq!(
            (find(&below, "a", last), find(&below, "a", last + 1), find(&below, "a", 99)),
            (Some(SPEED), None, None)
        );
        // What is old goes with the next writing, and nothing is left beside the file.
        write(&below, "b", card, last + 1).unwrap();
        assert_eq!(entries(&below).unwrap().keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(std::fs::read_dir(&below).unwrap().count(), 1);
    }

    #[test]
    fn what_is_damaged_foreign_or_beyond_belief_is_not_there_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        write(folder.path(), "a", SPEED, 5).unwrap();
        let good = std::fs::read_to_string(&file).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for (what, damaged) in [
            ("cut", good[..good.len() / 2].to_owned()),
            ("empty", String::new()),
            ("no JSON", "speeds".to_owned()),
            ("something else", "[1, 2]".to_owned()),
            ("another version", good.replace(version, "0.0.0-other")),
            ("a word for a number", good.replace("15000000000.0", "\"fast\"")),
            ("faster than anything", good.replace("15000000000.0", "1e30")),
            ("below nothing", good.replace("15000000000.0", "-1.0")),
            ("nothing of its time", good.replace("measured", "guessed")),
            ("endless", format!("{good}{}", " ".repeat(70_000)).replacen('{', "{\"a\": [", 1)),
        ] {
            assert_ne!(damaged, good, "{what}");
            std::fs::write(&file, &damaged).unwrap();
            assert_eq!(find(folder.path(), "a", 5), None, "{what}");
            write(folder.path(), "b", SPEED, 5).unwrap();
            assert_eq!(find(folder.path(), "b", 5), Some(SPEED), "{what}");
        }
        std::fs::write(&file, [0xff, 0xfe, 0]).unwrap();
        assert_eq!(find(folder.path(), "b", 5), None);
    }

    #[test]
    fn a_folder_of_many_machines_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..DEVICES_MAX + 3 {
            write(folder.path(), &format!("{i:03}"), SPEED, 5).unwrap();
        }
        assert_eq!(entries(folder.path()).unwrap().len(), DEVICES_MAX);
        assert!(std::fs::metadata(folder.path().join(NAME)).unwrap().len() < FILE_BYTES_MAX);
        assert_eq!(find(folder.path(), "066", 5), Some(SPEED));
        write(folder.path(), "000", SPEED, 5).unwrap();
        assert_eq!(find(folder.path(), "000", 5), Some(SPEED));
    }
}
