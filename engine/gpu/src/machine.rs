//! The machine that devices are in: its processor, and the memory that it has left.
//!
//! The memory that a system promises is more than it has (Linux gives pages when they are first written to, and ends a process
//! for which there is none). What is left is asked before much is taken.

use std::sync::OnceLock;

/// The processor's model, as the system calls it; looked up once.
pub fn processor() -> &'static str {
    static MODEL: OnceLock<String> = OnceLock::new();
    MODEL.get_or_init(|| model().unwrap_or_else(|| format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)))
}

#[cfg(target_os = "macos")]
fn model() -> Option<String> {
    let output =
        std::process::Command::new("/usr/sbin/sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

#[cfg(not(target_os = "macos"))]
fn model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?;
    Some(name.trim().to_owned())
}

/// Bytes of memory that this process could still be given, swap included: of the machine, and of the control groups that it is
/// in. `None` where the system does not say. It takes some files of the system to read: a tenth of a millisecond.
#[cfg(target_os = "linux")]
pub fn memory_left() -> Option<u64> {
    linux::memory_left(std::path::Path::new("/"))
}

/// Bytes of memory that this process could still be given. This system does not say: what it takes away to make room cannot be
/// told from what it needs, and it swaps and compresses on its own.
#[cfg(not(target_os = "linux"))]
pub fn memory_left() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    //! What the files of the kernel say (its documentation: filesystems/proc, cgroup-v2, cgroup-v1/memory).

    use std::path::{Path, PathBuf};

    /// The files of a control group, in one of the two versions.
    struct Names {
        /// What begins its line in `/proc/self/cgroup`, behind the number.
        controller: &'static str,
        folder: &'static str,
        limit: &'static str,
        usage: &'static str,
        /// Pages of files in `memory.stat`, which are given up before a process is refused memory.
        files: [&'static str; 2],
    }

    const VERSIONS: [Names; 2] = [
        Names {
            controller: "",
            folder: "sys/fs/cgroup",
            limit: "memory.max",
            usage: "memory.current",
            files: ["inactive_file ", "active_file "],
        },
        Names {
            controller: "memory",
            folder: "sys/fs/cgroup/memory",
            limit: "memory.limit_in_bytes",
            usage: "memory.usage_in_bytes",
            files: ["total_inactive_file ", "total_active_file "],
        },
    ];

    pub(super) fn memory_left(root: &Path) -> Option<u64> {
        let text = read(&root.join("proc/meminfo"))?;
        let swap = kib_of(&text, "SwapFree:").unwrap_or(0);
        let machine = kib_of(&text, "MemAvailable:")?.saturating_add(swap);
        let groups = read(&root.join("proc/self/cgroup")).unwrap_or_default();
        let left = VERSIONS.iter().filter_map(|names| left_of_groups(root, &groups, names)).map(|left| left + swap);
        Some(left.fold(machine, u64::min))
    }

    /// What the tightest of a process's control groups and those around it leaves, without swap.
    fn left_of_groups(root: &Path, groups: &str, names: &Names) -> Option<u64> {
        let path = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let is_one = parts.next()?.split(',').any(|controller| controller == names.controller);
            is_one.then(|| parts.next())?
        })?;
        let folder = root.join(names.folder);
        // Inside of a container the path may be that of the outside, which is not here.
        let group = folder.join(path.trim_start_matches('/'));
        let around = group.ancestors().take_while(|group| group.starts_with(&folder)).map(PathBuf::from);
        around.filter_map(|group| left_of_group(&group, names)).min()
    }

    fn left_of_group(group: &Path, names: &Names) -> Option<u64> {
        let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
        // `max` is no number: then there is no limit.
        let (limit, usage) = (number(names.limit)?, number(names.usage)?);
        let stat = read(&group.join("memory.stat")).unwrap_or_default();
        let pages = |kind: &str| stat.lines().find_map(|line| line.strip_prefix(kind)?.trim().parse::<u64>().ok());
        let files = names.files.iter().filter_map(|kind| pages(kind)).sum();
        Some(limit.saturating_sub(usage.saturating_sub(files)))
    }

    fn read(path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    /// `MemAvailable:   21084416 kB`, where kB are KiB.
    fn kib_of(text: &str, name: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A machine with these files.
        fn left(files: &[(&str, &str)]) -> Option<u64> {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            memory_left(root.path())
        }

        const MEMORY: (&str, &str) =
            ("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 500 kB\nSwapFree: 10 kB\n");

        #[test]
        fn what_is_left_is_what_is_available_with_swap() {
            assert_eq!(left(&[MEMORY]), Some(510 << 10));
            assert_eq!(left(&[("proc/meminfo", "MemTotal: 1000 kB\n")]), None);
            assert_eq!(left(&[]), None);
        }

        #[test]
        fn the_tightest_control_group_counts_without_its_pages_of_files() {
            let group = ("proc/self/cgroup", "0::/a/b\n");
            let files = [
                MEMORY,
                group,
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/b/memory.current", "1024\n"),
                ("sys/fs/cgroup/a/memory.max", "409600\n"),
                ("sys/fs/cgroup/a/memory.current", "204800\n"),
                ("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 2048\nactive_file 1024\n"),
            ];
            assert_eq!(left(&files), Some(409_600 - 204_800 + 3_072 + (10 << 10)));
            // A group that has used up more than its limit has nothing left, and one whose path is not here is none.
            assert_eq!(
                left(&[MEMORY, group, ("sys/fs/cgroup/memory.max", "9\n"), ("sys/fs/cgroup/memory.current", "99\n")]),
                Some(10 << 10)
            );
            assert_eq!(left(&[MEMORY, group]), Some(510 << 10));
        }

        #[test]
        fn groups_of_the_first_version_count_too() {
            let files = [
                MEMORY,
                ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/here\n0::/\n"),
                ("sys/fs/cgroup/memory/here/memory.limit_in_bytes", "102400\n"),
                ("sys/fs/cgroup/memory/here/memory.usage_in_bytes", "51200\n"),
                ("sys/fs/cgroup/memory/here/memory.stat", "total_inactive_file 100\ninactive_file 7\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"),
            ];
            assert_eq!(left(&files), Some(51_300 + (10 << 10)));
        }

        #[test]
        fn this_machine_says_what_it_has_left() {
            let left = super::super::memory_left().unwrap();
            assert!(left > 1 << 20 && left < 1 << 50, "{left}");
        }
    }
}
