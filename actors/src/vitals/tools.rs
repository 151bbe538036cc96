//! What the tools of a Mac print about its battery, its heat, its user and its graphics processor. Read here, run in
//! `macos.rs`; compiled for tests on every system.

use std::time::Duration;

use super::gpus::mean_share;

/// Charge in percent and whether the machine runs on it, from `pmset -g batt`; nothing of a machine without one.
pub(super) fn battery(text: &str) -> Option<(f64, bool)> {
    let on_battery = text.contains("drawing from 'Battery Power'");
    let line = text.lines().find(|line| line.contains("InternalBattery"))?;
    let percent = line.split_once('%')?.0.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    Some((percent.parse().ok()?, on_battery))
}

/// Whether the system slows the machine down for its heat, from `notifyutil -g com.apple.system.thermalpressurelevel`:
/// 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping.
pub(super) fn is_hot(text: &str) -> Option<bool> {
    let level: u32 = text.split_whitespace().last()?.parse().ok()?;
    Some(level >= 2)
}

/// Since the last key or movement, from `ioreg -r -d 1 -c IOHIDSystem`.
pub(super) fn idle(text: &str) -> Option<Duration> {
    let line = text.lines().find(|line| line.contains("\"HIDIdleTime\""))?;
    let nanoseconds: u64 = line.rsplit('=').next()?.trim().parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The share of its time in which a graphics processor was busy, from `ioreg -r -d 1 -c IOAccelerator`.
pub(super) fn gpu_of_mac(text: &str) -> Option<f64> {
    let said = text.split("\"Device Utilization %\"=").skip(1);
    let percent = said.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<f64>().ok());
    mean_share(&percent.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_busy_a_macs_graphics_processor_is_is_read() {
        let text = "+-o AGXAcceleratorG15X\n  \"PerformanceStatistics\" = {\"In use system memory\"=812646400,\
                    \"Device Utilization %\"=71,\"Renderer Utilization %\"=70,\"Tiler Utilization %\"=12}\n";
        assert_eq!(gpu_of_mac(text), Some(0.71));
        assert_eq!(gpu_of_mac("+-o AGXAcceleratorG15X\n"), None);
    }

    #[test]
    fn a_macs_battery_is_read_and_one_without_has_none() {
        let on = "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=4653155)\t85%; discharging; 5:12 remaining present: true\n";
        assert_eq!(battery(on), Some((85.0, true)));
        let off = "Now drawing from 'AC Power'\n -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 remaining present: true\n";
        assert_eq!(battery(off), Some((100.0, false)));
        assert_eq!(battery("Now drawing from 'AC Power'\n"), None);
        assert_eq!(battery(""), None);
    }

    #[test]
    fn a_macs_heat_and_idleness_are_read() {
        assert_eq!(is_hot("com.apple.system.thermalpressurelevel 0\n"), Some(false));
        assert_eq!(is_hot("com.apple.system.thermalpressurelevel 1\n"), Some(false));
        assert_eq!(is_hot("com.apple.system.thermalpressurelevel 2\n"), Some(true));
        assert_eq!(is_hot("no such key"), None);
        let text = "+-o IOHIDSystem  <class IOHIDSystem, id 0x1>\n    {\n      \"HIDIdleTime\" = 4200000000\n    }\n";
        assert_eq!(idle(text), Some(Duration::from_millis(4200)));
        assert_eq!(idle("+-o IOHIDSystem"), None);
    }
}
