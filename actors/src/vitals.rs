//! How this machine is, measured between two signs of life, and what its rules make of it.
//!
//! The measuring is that of the system ([`system`], one file for each); the rules are values (`nexus-model`). The worker
//! tells the leader what comes of it, and the leader gives a node nothing new whose rules say so.

mod gpus;
#[cfg_attr(target_os = "macos", path = "vitals/macos.rs")]
#[cfg_attr(not(target_os = "macos"), path = "vitals/linux.rs")]
mod system;
#[cfg(any(target_os = "macos", test))]
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_blobs::BlobStore;
use nexus_model::{Action, GpuUse, Quantity, REASON_BYTES_MAX, Readings, Rule, Vitals};
use nexus_wire::limits::HEARTBEAT_INTERVAL;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::learning::Load;
use system::Sensors;

/// Between two looks at what changes slowly and costs more: battery, temperature, disk, and who is at the keyboard.
const SLOW: Duration = Duration::from_secs(5);
/// Somebody uses a machine that was touched in this time.
const ACTIVE: Duration = Duration::from_secs(300);

/// A machine whose disk had no room for a result tries again after this long: whose result it was may have given up.
const FULL_DISK_LAPSE: Duration = Duration::from_secs(60);

/// What a machine has in use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct InUse {
    /// Time of the cores since the last look, from 0 to 1.
    cpu: Option<f64>,
    /// What of that went to other processes, where it is known.
    others: Option<f64>,
    memory_used_bytes: u64,
    memory_bytes: u64,
}

/// What changes slowly.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Slow {
    battery: Option<f64>,
    on_battery: Option<bool>,
    temperature: Option<f64>,
    thermal: Option<bool>,
    /// Since somebody touched the machine.
    idle: Option<Duration>,
    disk: Option<f64>,
    /// Time in which the graphics processors were busy, from 0 to 1.
    gpu: Option<f64>,
}

/// Measures a machine and applies its rules.
pub(crate) struct Gauge {
    sensors: Sensors,
    rules: Vec<(Rule, bool)>,
    data: PathBuf,
    blobs: Option<Arc<BlobStore>>,
    /// Whether programs can use a graphics processor here.
    has_gpu: bool,
    /// Whether it was said that a result finds no room.
    says_full: bool,
    slow: Option<(Instant, Slow)>,
    /// Is told what other processes do.
    load: Option<Arc<Load>>,
}

impl Gauge {
    /// Of the machine whose system files are below `root`, with its rules; `data` is on the disk that counts.
    pub(crate) fn new(root: &Path, data: &Path, rules: &[Rule]) -> Self {
        let rules = rules.iter().map(|rule| (*rule, false)).collect();
        let (sensors, data) = (Sensors::new(root), data.to_owned());
        Gauge { sensors, rules, data, blobs: None, has_gpu: false, says_full: false, slow: None, load: None }
    }

    /// With the store where results need room.
    pub(crate) fn watching(self, blobs: Arc<BlobStore>) -> Self {
        Gauge { blobs: Some(blobs), ..self }
    }

    /// Telling what other processes do.
    pub(crate) fn telling(self, load: Arc<Load>) -> Self {
        Gauge { load: Some(load), ..self }
    }

    /// Of a machine that has a graphics processor, or none.
    pub(crate) fn with_gpu(self, has_gpu: bool) -> Self {
        Gauge { has_gpu, ..self }
    }

    /// Looks at the machine.
    fn look(&mut self, now: Instant) -> Vitals {
        let in_use = self.sensors.in_use();
        let readings = self.readings(in_use, now);
        if let (Some(load), Some(others)) = (&self.load, in_use.others) {
            let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            load.note(others * threads as f64);
        }
        let mut vitals = Vitals {
            cpu_permille: in_use.cpu.map(|share| (share * 1000.0).round() as u32),
            memory_used_bytes: in_use.memory_used_bytes,
            memory_bytes: in_use.memory_bytes,
            ..Vitals::default()
        };
        let busy = self.slow.and_then(|(_, slow)| slow.gpu);
        let busy_permille = busy.map(|share| (share.clamp(0.0, 1.0) * 1000.0).round() as u32);
        vitals.gpu = self.has_gpu.then_some(GpuUse { busy_permille, given_milli: 0 });
        vitals.held_by.extend(self.lacking_room(now));
        for (rule, held) in &mut self.rules {
            let holds = rule.when.holds(&readings, *held);
            say_change(rule, std::mem::replace(held, holds), holds, &readings);
            let reason = || rule.when.reason(&readings).chars().take(REASON_BYTES_MAX / 4).collect();
            match rule.then {
                _ if !holds => {}
                Action::StopAdmitting => vitals.held_by.push(reason()),
                Action::Warn => vitals.warnings.push(reason()),
            }
        }
        vitals
    }

    /// What keeps this machine from tasks while a result finds no room on its disk.
    fn lacking_room(&mut self, now: Instant) -> Option<String> {
        let blobs = self.blobs.as_ref()?;
        let unplaced = blobs.unplaced().filter(|(bytes, at)| {
            // As much again, so that the next one finds some, too.
            let has_room = blobs.free_bytes().is_some_and(|free| free / 2 >= *bytes);
            !has_room && now.saturating_duration_since(*at) < FULL_DISK_LAPSE
        });
        let Some((bytes, _)) = unplaced else {
            if std::mem::take(&mut self.says_full) {
                tracing::info!("taking tasks again, after a result had found no room on the disk");
            }
            blobs.note_room();
            return None;
        };
        if !std::mem::replace(&mut self.says_full, true) {
            tracing::warn!(bytes, "a result finds no room on the disk; taking no new tasks until there is some");
        }
        Some(format!("disk full (no room for a result of {:.1} MB)", bytes as f64 / 1e6))
    }

    fn readings(&mut self, in_use: InUse, now: Instant) -> Readings {
        let asks = |quantity| self.rules.iter().any(|(rule, _)| rule.when.quantity == quantity);
        let is_fast = |quantity| matches!(quantity, Quantity::Memory | Quantity::Cpu);
        let is_due = self.slow.is_none_or(|(at, _)| now.duration_since(at) >= SLOW);
        let has_slow = Quantity::ALL.into_iter().any(|quantity| !is_fast(quantity) && asks(quantity));
        if is_due && (has_slow || self.has_gpu) {
            let disk = asks(Quantity::Disk).then(|| disk_in_use(&self.data)).flatten();
            let gpu = self.has_gpu.then(|| self.sensors.gpu_busy()).flatten();
            self.slow = Some((now, Slow { disk, gpu, ..self.sensors.slow(&asks) }));
        }
        let slow = self.slow.map(|(_, slow)| slow).unwrap_or_default();
        let share = in_use.memory_used_bytes as f64 / in_use.memory_bytes as f64;
        Readings {
            memory: (in_use.memory_bytes > 0).then_some(share * 100.0),
            cpu: in_use.cpu.map(|share| share * 100.0),
            disk: slow.disk,
            battery: slow.battery,
            temperature: slow.temperature,
            on_battery: slow.on_battery,
            thermal: slow.thermal,
            user_active: slow.idle.map(|idle| idle < ACTIVE),
        }
    }

    /// Says once which of the rules that a user wrote can never hold here.
    fn say_unmeasured(&mut self, now: Instant) {
        // The time of the cores is known from the second look on.
        let in_use = InUse { cpu: Some(0.0), ..self.sensors.in_use() };
        let readings = self.readings(in_use, now);
        for (rule, _) in self.rules.iter().filter(|(rule, _)| !Rule::DEFAULT.contains(rule)) {
            if readings.of(rule.when.quantity).is_none() {
                tracing::warn!(rule = %rule.when, "this machine does not measure it, so this rule never holds");
            }
        }
    }
}

fn say_change(rule: &Rule, held: bool, holds: bool, readings: &Readings) {
    match (held, holds, rule.then) {
        (false, true, Action::StopAdmitting) => {
            tracing::warn!(rule = %rule.when.reason(readings), "taking no new tasks while this rule holds");
        }
        (false, true, Action::Warn) => tracing::warn!(rule = %rule.when.reason(readings), "a rule warns"),
        (true, false, _) => tracing::info!(rule = %rule.when.reason(readings), "this rule does not hold any more"),
        (false, false, _) | (true, true, _) => {}
    }
}

/// Space in use on the disk of a folder, in percent.
fn disk_in_use(folder: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(folder).ok().filter(|disk| disk.f_blocks > 0)?;
    // What only the administrator could use counts as used, as in df.
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    Some(used as f64 / (used + disk.f_bavail).max(1) as f64 * 100.0)
}

/// Looks at the machine now and, in what must be driven, for as long as it is. The files of the system answer at once, but
/// this is still no work for those who carry messages.
pub(crate) fn measure(
    mut gauge: Gauge,
) -> (watch::Receiver<Option<Vitals>>, impl Future<Output = ()> + Send + 'static) {
    gauge.say_unmeasured(Instant::now());
    let (told, vitals) = watch::channel(Some(gauge.look(Instant::now())));
    (vitals, keep_measured(gauge, told))
}

async fn keep_measured(mut gauge: Gauge, told: watch::Sender<Option<Vitals>>) {
    let mut ticks = interval(HEARTBEAT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looked = tokio::task::spawn_blocking(move || {
            let vitals = gauge.look(Instant::now());
            (gauge, vitals)
        });
        let Ok((again, vitals)) = looked.await else {
            tracing::error!("how this machine is cannot be measured any more");
            told.send_replace(None);
            return;
        };
        told.send_replace(Some(vitals));
        gauge = again;
    }
}

#[cfg(all(test, not(target_os = "macos")))]
mod tests;
