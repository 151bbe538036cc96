//! How a Linux machine is, from `/proc`, `/sys` and `/dev`. A container's memory limit counts where it is lower.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use nexus_model::Quantity;

use super::{InUse, Slow, gpus};

/// The files of the system, and what they said last.
pub(super) struct Sensors {
    root: PathBuf,
    /// Busy and whole time of the cores, in ticks.
    cores: Option<(u64, u64)>,
    /// Those of them that this process had.
    own: Option<u64>,
    /// Interrupts of the keyboard and touchpad, and when they were others.
    touched: Option<(u64, SystemTime)>,
}

impl Sensors {
    /// Those below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Sensors { root: root.to_owned(), cores: None, own: None, touched: None }
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// What is in use.
    pub(super) fn in_use(&mut self) -> InUse {
        let cores = self.read("proc/stat").and_then(|text| core_time(&text));
        let cpu = cores.zip(self.cores).and_then(|(now, before)| busy_share(before, now));
        let own = self.read("proc/self/stat").and_then(|text| own_time(&text));
        let spent = own.zip(self.own).map(|(now, before)| now.saturating_sub(before));
        let whole = cores.zip(self.cores).map(|(now, before)| now.1.saturating_sub(before.1));
        let ours = spent.zip(whole).filter(|(_, whole)| *whole > 0).map(|(spent, whole)| spent as f64 / whole as f64);
        let others = cpu.zip(ours).map(|(all, ours)| (all - ours).max(0.0));
        (self.cores, self.own) = (cores.or(self.cores), own);
        let (used, total) = self.memory().unwrap_or_default();
        InUse { cpu, others, memory_used_bytes: used, memory_bytes: total }
    }

    /// Used and whole memory, in bytes.
    fn memory(&self) -> Option<(u64, u64)> {
        let text = self.read("proc/meminfo")?;
        let (total, available) = (kib_of(&text, "MemTotal:")?, kib_of(&text, "MemAvailable:")?);
        let limit = self.read("sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
        let Some(limit) = limit.filter(|limit| *limit < total) else {
            return Some((total.saturating_sub(available), total));
        };
        let current: u64 = self.read("sys/fs/cgroup/memory.current")?.trim().parse().ok()?;
        // Pages of files are given up before anybody is refused memory, as in MemAvailable.
        let stat = self.read("sys/fs/cgroup/memory.stat").unwrap_or_default();
        let pages = |kind: &str| stat.lines().find_map(|line| line.strip_prefix(kind)?.trim().parse::<u64>().ok());
        let files = pages("inactive_file ").unwrap_or(0).saturating_add(pages("active_file ").unwrap_or(0));
        Some((current.saturating_sub(files), limit))
    }

    /// The share of their time in which the graphics processors were busy: of those whose driver says so in a file, and of
    /// NVIDIA's, whose tool says so. One that sleeps is not woken to be asked.
    pub(super) fn gpu_busy(&self) -> Option<f64> {
        let (mut busy, mut ask_nvidia) = (Vec::new(), false);
        for device in self.devices("sys/bus/pci/devices", "") {
            let line = |name: &str| fs::read_to_string(device.join(name)).ok().map(|text| text.trim().to_owned());
            let is_display = line("class").is_some_and(|class| class.starts_with("0x03"));
            if !is_display || line("power/runtime_status").as_deref() == Some("suspended") {
                continue;
            }
            ask_nvidia |= line("vendor").as_deref() == Some("0x10de");
            busy.extend(line("gpu_busy_percent").and_then(|text| text.parse::<f64>().ok()));
        }
        if ask_nvidia {
            busy.extend(nvidia_busy());
        }
        gpus::mean_share(&busy)
    }

    /// What changes slowly, as far as it is asked for.
    pub(super) fn slow(&mut self, asks: &dyn Fn(Quantity) -> bool) -> Slow {
        let mut slow = Slow::default();
        if asks(Quantity::Battery) || asks(Quantity::OnBattery) {
            (slow.battery, slow.on_battery) = self.power();
        }
        if asks(Quantity::Temperature) || asks(Quantity::Thermal) {
            (slow.temperature, slow.thermal) = self.heat();
        }
        if asks(Quantity::UserActive) {
            slow.idle = self.idle(SystemTime::now());
        }
        slow
    }

    /// Names and content of the folders below `class` that begin so, in order.
    fn devices(&self, class: &str, begins: &str) -> Vec<PathBuf> {
        let found = fs::read_dir(self.root.join(class)).into_iter().flatten().flatten();
        let named = found.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
        let mut paths: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// Charge of the machine's batteries together, in percent, and whether it runs on them.
    fn power(&self) -> (Option<f64>, Option<bool>) {
        let mut charges: Vec<(f64, Option<f64>)> = Vec::new();
        let (mut is_discharging, mut has_mains) = (false, false);
        for supply in self.devices("sys/class/power_supply", "") {
            let line = |name: &str| fs::read_to_string(supply.join(name)).ok().map(|text| text.trim().to_owned());
            let number = |name: &str| line(name)?.parse::<f64>().ok();
            match line("type").as_deref() {
                // That of a mouse or of a headset is not the machine's.
                Some("Battery") if line("scope").as_deref() != Some("Device") => {
                    let full = number("energy_full").or_else(|| number("charge_full"));
                    charges.extend(number("capacity").map(|percent| (percent, full)));
                    is_discharging |= line("status").as_deref() == Some("Discharging");
                }
                Some("Mains" | "USB") => has_mains |= number("online") == Some(1.0),
                _ => {}
            }
        }
        if charges.is_empty() {
            return (None, None);
        }
        // A large battery counts for more than a small one, where it is known how large they are.
        let is_known = charges.iter().all(|(_, full)| full.is_some_and(|full| full > 0.0));
        let weight = |full: Option<f64>| full.filter(|_| is_known).unwrap_or(1.0);
        let whole: f64 = charges.iter().map(|(_, full)| weight(*full)).sum();
        let charged: f64 = charges.iter().map(|(percent, full)| percent * weight(*full)).sum();
        (Some(charged / whole), Some(is_discharging && !has_mains))
    }

    /// The hottest zone in degrees Celsius, and whether one has come to where the system slows the machine down or worse.
    fn heat(&self) -> (Option<f64>, Option<bool>) {
        let (mut hottest, mut is_hot) = (None, None);
        for zone in self.devices("sys/class/thermal", "thermal_zone") {
            let line = |name: &str| fs::read_to_string(zone.join(name)).ok().map(|text| text.trim().to_owned());
            let number = |name: &str| line(name)?.parse::<f64>().ok();
            let Some(degrees) = number("temp").map(|milli| milli / 1e3) else { continue };
            hottest = Some(hottest.map_or(degrees, |other: f64| other.max(degrees)));
            for trip in 0.. {
                let Some(kind) = line(&format!("trip_point_{trip}_type")) else { break };
                let at = number(&format!("trip_point_{trip}_temp")).map(|milli| milli / 1e3);
                // A point at zero is one that the firmware left out.
                if matches!(kind.as_str(), "passive" | "hot" | "critical")
                    && let Some(at) = at.filter(|at| *at > 0.0)
                {
                    is_hot = Some(is_hot.unwrap_or(false) || degrees >= at);
                }
            }
        }
        (hottest, is_hot)
    }

    /// Since somebody typed into a terminal, or touched the machine's own keyboard or touchpad.
    fn idle(&mut self, now: SystemTime) -> Option<Duration> {
        let terminals = self.devices("dev/pts", "").into_iter().chain(self.devices("dev", "tty"));
        let typed = terminals.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // `tty1` and `pts/3` are somebody's; `tty` and `ptmx` are whoever asks.
            name.trim_start_matches("tty").parse::<u32>().is_ok()
        });
        let typed = typed.filter_map(|path| fs::metadata(path).ok()?.accessed().ok()).max();
        let counted = self.read("proc/interrupts").and_then(|text| keyboard_interrupts(&text));
        if let Some(count) = counted
            && self.touched.is_none_or(|(before, _)| before != count)
        {
            // The first count says nothing of when it was reached.
            let at = if self.touched.is_some() { now } else { SystemTime::UNIX_EPOCH };
            self.touched = Some((count, at));
        }
        let touched = self.touched.map(|(_, at)| at);
        let last = typed.max(touched)?;
        // What was touched in the future was touched under another clock: just now.
        Some(now.duration_since(last).unwrap_or_default())
    }
}

/// What NVIDIA's tool says of each processor, in percent; nothing where there is no such tool.
fn nvidia_busy() -> Vec<f64> {
    let query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"];
    let asked = Command::new("nvidia-smi").args(query).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = asked.ok().filter(|output| output.status.success());
    said.map(|output| gpus::nvidia(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default()
}

/// Busy and whole time of all cores: `cpu  user nice system idle iowait irq softirq steal …`.
fn core_time(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // Guests are counted in user and nice already.
    let times: Option<Vec<u64>> = line.split_whitespace().take(8).map(|time| time.parse().ok()).collect();
    let times = times.filter(|times| times.len() >= 4)?;
    let whole = times.iter().fold(0, |sum: u64, time| sum.saturating_add(*time));
    let idle = times[3].saturating_add(times.get(4).copied().unwrap_or(0));
    Some((whole.saturating_sub(idle), whole))
}

/// Ticks that the process of a `/proc/PID/stat` had, in its own code and in the kernel.
fn own_time(text: &str) -> Option<u64> {
    // Its name may have spaces and brackets; fields are counted behind it.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, kernel): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user.saturating_add(kernel))
}

fn busy_share((busy, whole): (u64, u64), (busy_now, whole_now): (u64, u64)) -> Option<f64> {
    let (busy, whole) = (busy_now.saturating_sub(busy), whole_now.checked_sub(whole)?);
    (whole > 0).then(|| (busy as f64 / whole as f64).min(1.0))
}

/// `MemTotal:       24689016 kB`, where kB are KiB, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Interrupts of the controller of built-in keyboards and touchpads, of all cores; nothing where there is none.
fn keyboard_interrupts(text: &str) -> Option<u64> {
    let lines = text.lines().filter(|line| line.split_whitespace().any(|word| word == "i8042"));
    let count = |line: &str| {
        let counts = line.split_whitespace().skip(1).map_while(|word| word.parse::<u64>().ok());
        counts.fold(0, u64::saturating_add)
    };
    lines.map(count).reduce(u64::saturating_add)
}
