//! What a run spent its time on and what the machine did for it, as `--profile` and `@profile` tell it.
//!
//! It is made by [`super::program`] and drawn by whoever asked for it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nexus_mcode::{Execution, FusionProfile, NativeProfile, OptimiserCounts, Profile, RunResult};
use nexus_tensor::{Meter, ProfileClock, Stopwatch, Transfers, Work};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Profiles of tasks that one sink keeps: of an array the first ones say it all.
const PROFILES_MAX: usize = 64;

/// The profile of one run.
#[derive(Debug, Clone)]
pub struct RunProfile {
    /// Index of the task.
    pub task: u32,
    /// What the program calls its profile (`@profile(name = …)`); empty where it does not.
    pub name: String,
    /// Wall time of the run.
    pub wall: Duration,
    /// The device.
    pub device: &'static str,
    /// How the program was compiled.
    pub execution: Execution,
    /// Functions and operations.
    pub calls: Profile,
    /// Operations on tensors, passes over memory, threads.
    pub work: Work,
    /// What moved between host and device; each download is a synchronisation.
    pub transfers: Transfers,
    /// The most bytes of tensors at once.
    pub peak_bytes: u64,
    /// What native code did; `reused` are hits of its cache.
    pub native: NativeProfile,
    /// What fusion did.
    pub fusion: FusionProfile,
    /// What the optimiser of code did.
    pub optimiser: OptimiserCounts,
}

/// Takes profiles.
pub type ProfileSink = Arc<Mutex<Vec<RunProfile>>>;

/// The clock of profiles: nanoseconds since this process first looked.
pub(crate) fn stopwatch() -> Arc<Stopwatch> {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Arc::new(|| u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// From one beat of a profile to the next, in the beginning: what is through soon needs them close together.
const BEAT_FIRST: Duration = Duration::from_micros(200);
/// The same later: each beat takes a processor away for some microseconds.
const BEAT_LATER: Duration = Duration::from_millis(1);
/// Beats until the later ones.
const BEATS_FIRST: u64 = 100;

/// The clock of one profile, whose beat goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct Beating {
    clock: ProfileClock,
    thread: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
}

impl Beating {
    /// Begins to beat. Where the system has no thread for it there are no beats, and the profile divides what it did not
    /// time by what it timed.
    pub(crate) fn begin() -> Beating {
        let clock = ProfileClock { now: stopwatch(), beat: Arc::default() };
        let (beat, is_over) = (Arc::clone(&clock.beat), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_over);
        let beats = move || {
            // What the program repeats must not keep step with the beats: they come after half to one and a half of it.
            let mut chance = StdRng::seed_from_u64(0);
            while !ends.load(Ordering::Acquire) {
                let so_far = beat.fetch_add(1, Ordering::Relaxed);
                let apart = if so_far < BEATS_FIRST { BEAT_FIRST } else { BEAT_LATER };
                std::thread::park_timeout(apart.mul_f64(chance.random_range(0.5..1.5)));
            }
        };
        let thread = std::thread::Builder::new().name("nexus-profile".to_owned()).spawn(beats).ok();
        Beating { clock, thread, is_over }
    }

    /// What a run's context takes.
    pub(crate) fn clock(&self) -> ProfileClock {
        self.clock.clone()
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does nothing that could fail.
            let _ = thread.join();
        }
    }
}

/// Puts a profile into the sink while there is room.
pub(super) fn hand_over(sink: &ProfileSink, profile: RunProfile) {
    let mut profiles = sink.lock().unwrap_or_else(PoisonError::into_inner);
    if profiles.len() < PROFILES_MAX {
        profiles.push(profile);
    }
}

impl RunProfile {
    /// The profile of a run that came to its end; `None` where it was not profiled.
    pub(super) fn of(
        (task, name): (u32, &str),
        result: &mut RunResult,
        (wall, meter): (Duration, &Meter),
        (device, execution): (&'static str, Execution),
    ) -> Option<RunProfile> {
        Some(RunProfile {
            task,
            name: name.to_owned(),
            wall,
            device,
            execution,
            calls: *result.profile.take()?,
            work: meter.work(),
            transfers: meter.transfers(),
            peak_bytes: meter.peak_bytes(),
            native: result.native.clone(),
            fusion: result.fusion,
            optimiser: result.optimiser,
        })
    }

    /// The table of calls, and below it what the machine did, for people.
    pub fn text(&self) -> String {
        let RunProfile { work, transfers, native, fusion, .. } = self;
        let mut text = self.calls.table();
        let fused = match work.passes {
            0 => String::new(),
            passes => format!(" in {passes} passes over memory on up to {} threads", work.threads.max(1)),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "tensors   {} operations{fused}, {} at most at once",
            work.operations,
            nexus_mcode::profile_bytes(self.peak_bytes)
        );
        if work.kept_bytes > 0 {
            let _ =
                writeln!(text, "pool      {} kept for the next tensors", nexus_mcode::profile_bytes(work.kept_bytes));
        }
        if fusion.regions + fusion.fallbacks > 0 {
            let _ = writeln!(
                text,
                "fusion    {} operations in {} regions, {} products worked on in place, {} times one by one after all",
                fusion.operations, fusion.regions, fusion.products, fusion.fallbacks
            );
        }
        if fusion.spared > 0 {
            let _ = writeln!(text, "algebra   {} of them spared, as cheaper ones give the same bits", fusion.spared);
        }
        if work.narrow_products + work.wide_products > 0 {
            let _ = writeln!(
                text,
                "precision {} products with operands in half precision, {} in f64",
                work.narrow_products, work.wide_products
            );
        }
        if work.walks > 0 {
            let _ = writeln!(text, "gradients {} walks along what was computed", work.walks);
        }
        if transfers.uploads + transfers.downloads > 0 {
            let _ = writeln!(
                text,
                "device    {} uploads of {}, {} synchronisations with {}",
                transfers.uploads,
                nexus_mcode::profile_bytes(transfers.uploaded_bytes),
                transfers.downloads,
                nexus_mcode::profile_bytes(transfers.downloaded_bytes)
            );
        }
        if native.compiled + native.reused + native.entered > 0 {
            let _ = writeln!(
                text,
                "native    {} units compiled, {} taken from the cache, entered {} times, left early {} times",
                native.compiled, native.reused, native.entered, native.fallbacks
            );
            if native.entered > 0 {
                text.push_str("          calls inside native code are not counted; their time is their caller's\n");
            }
        }
        for reason in &native.reasons {
            let _ = writeln!(text, "not native  {reason}");
        }
        text
    }
}
