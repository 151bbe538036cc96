//! Name and memory of a Linux machine, from `/proc`. A container's memory limit counts where it is lower.

use std::fs;

/// The host's name.
pub(super) fn host_name() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

/// Bytes of memory that this process could use at most.
pub(super) fn memory_bytes() -> Option<u64> {
    let physical = total_of_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(limit.map_or(physical, |limit: u64| limit.min(physical)))
}

/// `MemTotal:       24689016 kB`, where kB are KiB.
fn total_of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_meminfo() {
        let text = "MemFree:  1 kB\nMemTotal:       24689016 kB\nMemAvailable: 2 kB\n";
        assert_eq!(total_of_meminfo(text), Some(24_689_016 << 10));
        assert_eq!(total_of_meminfo("MemTotal: many kB\n"), None);
        assert_eq!(total_of_meminfo(""), None);
    }
}
