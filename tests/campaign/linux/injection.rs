//! How each fault is done to the fleet, how long it holds, and what is looked at while it does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::linux::bell::Bell;
use crate::linux::book::Book;
use crate::linux::chance::Chance;
use crate::linux::clock::Jump;
use crate::linux::error::CampaignError;
use crate::linux::fault::Fault;
use crate::linux::fleet::Fleet;
use crate::linux::network;
use crate::linux::node::Pulse;
use crate::linux::weather::Way;
use crate::linux::workload::Site;

/// How long a suspended or cut-off node stays so: longer than two elections, shorter than anybody's patience.
const HOLD: (Duration, Duration) = (Duration::from_millis(1500), Duration::from_secs(4));
/// Between two kills, or a start and the next kill: anywhere in a start.
const AGAIN: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(250));
/// How long a node with a flipped bit may take to say so.
const FLIPPED_PATIENCE: Duration = Duration::from_secs(3);
/// A flapping link changes so often.
const FLAP: Duration = Duration::from_millis(400);
const FLAPS: u32 = 10;

/// One fault under way.
pub(crate) struct Injection<'a> {
    pub(crate) fleet: &'a mut Fleet,
    pub(crate) site: &'a Site,
    pub(crate) book: &'a Book,
    pub(crate) bell: &'a Bell,
    pub(crate) chance: &'a mut Chance,
}

impl Injection<'_> {
    /// Does it, and holds it. What it came to, where there is something to tell.
    pub(crate) fn perform(&mut self, fault: Fault) -> Result<Option<&'static str>, CampaignError> {
        let leader = self.fleet.leader().unwrap_or(1);
        let follower = self.follower(leader);
        match fault {
            Fault::KillLeader => self.kill(&[leader]),
            Fault::KillFollower => self.kill(&[follower]),
            Fault::KillMajority => {
                let majority = self.fleet.nodes.len() / 2;
                let others: Vec<usize> = self.fleet.others(&[leader]).into_iter().take(majority).collect();
                self.kill(&[&[leader], &others[..]].concat());
            }
            Fault::KillAll => self.kill(&self.fleet.numbers()),
            Fault::KillWhileRecovering => self.kill_while_recovering(follower)?,
            Fault::SuspendLeader => self.suspend(leader),
            Fault::SuspendFollower => self.suspend(follower),
            Fault::IsolateLeader => self.isolate(leader),
            Fault::IsolateFollower => self.isolate(follower),
            Fault::OneWay => {
                self.book.lose(1);
                for other in self.fleet.others(&[follower]) {
                    self.fleet.weather.set(other, follower, Way::CUT);
                }
                self.hold();
            }
            Fault::Flap => self.flap(leader),
            Fault::Lossy => {
                let jitter = Duration::from_millis(5);
                self.weather_for_all(Way { lost: 300, doubled: 100, jitter, ..Way::default() });
            }
            Fault::Slow => {
                let (delay, jitter) = (Duration::from_millis(50), Duration::from_millis(100));
                self.weather_for_all(Way { delay, jitter, ..Way::default() });
            }
            Fault::FullDisk => return self.full_disk(follower, leader).map(Some),
            Fault::FrozenDisk => {
                let number = if self.chance.happens(500) { leader } else { follower };
                self.book.lose(1);
                self.fleet.freeze(number, true)?;
                self.hold();
                self.fleet.freeze(number, false)?;
            }
            Fault::BitFlip => return self.bit_flip(follower).map(Some),
            Fault::NoInterface => {
                self.book.lose(1);
                network::set_interface(follower, false)?;
                self.hold();
            }
            Fault::SecondProcess => return self.second_process(follower).map(Some),
            Fault::ClockJump => return self.clock_jump(follower, leader).map(Some),
            Fault::Poison => return self.poison().map(Some),
        }
        Ok(None)
    }

    fn follower(&mut self, leader: usize) -> usize {
        let others = self.fleet.others(&[leader]);
        self.chance.pick(&others).copied().unwrap_or(leader)
    }

    fn hold(&mut self) {
        let time = self.chance.between(HOLD.0, HOLD.1);
        self.bell.wait(time);
    }

    fn kill(&mut self, numbers: &[usize]) {
        // Written down before: a task that is quarantined now was lost now.
        self.book.lose(numbers.len());
        self.fleet.kill(numbers);
        let pause = self.chance.between(AGAIN.0, AGAIN.1);
        self.bell.wait(pause);
    }

    fn kill_while_recovering(&mut self, number: usize) -> Result<(), CampaignError> {
        self.kill(&self.fleet.numbers());
        for other in self.fleet.numbers() {
            self.fleet.node(other).start(&[])?;
        }
        let pause = self.chance.between(AGAIN.0, AGAIN.1);
        self.bell.wait(pause);
        self.kill(&[number]);
        Ok(())
    }

    fn suspend(&mut self, number: usize) {
        self.book.lose(1);
        self.fleet.node(number).signal(true);
        self.hold();
    }

    fn isolate(&mut self, number: usize) {
        self.book.lose(1);
        let others = self.fleet.others(&[number]);
        self.fleet.weather.set_between(&[number], &others, Way::CUT);
        self.hold();
    }

    fn flap(&mut self, number: usize) {
        let others = self.fleet.others(&[number]);
        for _ in 0..FLAPS {
            self.book.lose(1);
            self.fleet.weather.set_between(&[number], &others, Way::CUT);
            self.bell.wait(FLAP);
            self.fleet.weather.clear();
            self.bell.wait(FLAP);
        }
    }

    fn weather_for_all(&mut self, way: Way) {
        // A node that is not heard for long is lost to the others.
        self.book.lose(self.fleet.nodes.len());
        let all = self.fleet.numbers();
        self.fleet.weather.set_between(&all, &all, way);
        self.hold();
    }

    /// The leader's disk as often as another's.
    fn full_disk(&mut self, follower: usize, leader: usize) -> Result<&'static str, CampaignError> {
        let number = if self.chance.happens(500) { leader } else { follower };
        self.book.lose(1);
        self.fleet.fill_disk(number)?;
        self.hold();
        match self.fleet.node(number).pulse() {
            Pulse::Ended(_) => Ok("the node stopped"),
            Pulse::Runs | Pulse::Stopped => Ok("the node went on without"),
        }
    }

    /// Flips one bit of a killed node and starts it with nobody to talk to, so that what it does can be undone; then the
    /// bit is put right, as from a copy of the disk.
    fn bit_flip(&mut self, number: usize) -> Result<&'static str, CampaignError> {
        self.kill(&[number]);
        let others = self.fleet.others(&[number]);
        self.fleet.weather.set_between(&[number], &others, Way::CUT);
        let failed = |error: std::io::Error| CampaignError::setup("flip a bit", error);
        let data = self.fleet.node(number).data();
        let copy = data.with_extension("copy");
        crate::linux::system::tool(&["cp", "-a", &data.display().to_string(), &copy.display().to_string()])?;
        let files = files_below(&data.join("consensus")).map_err(failed)?;
        if let Some(file) = self.chance.pick(&files) {
            let mut bytes = std::fs::read(file).map_err(failed)?;
            let at = self.chance.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.chance.below(8);
            std::fs::write(file, bytes).map_err(failed)?;
        }
        self.fleet.node(number).start(&[])?;
        let node = self.fleet.node(number);
        let ended = Bell::until(FLIPPED_PATIENCE, FLAP, || matches!(node.pulse(), Pulse::Ended(_)).then_some(()));
        let words = self.fleet.node(number).last_words();
        // Not counted: it was alone, and had promised nothing to anybody.
        self.fleet.node(number).kill();
        std::fs::remove_dir_all(&data).map_err(failed)?;
        std::fs::rename(&copy, &data).map_err(failed)?;
        if words.contains("panicked") {
            return Err(self.fleet.broken("a flipped bit is told, not a panic", words));
        }
        Ok(if ended.is_some() { "the node refused to start" } else { "it started: the bit was in no page in use" })
    }

    /// The leader's clock as often as another's, and each way as often.
    fn clock_jump(&mut self, follower: usize, leader: usize) -> Result<&'static str, CampaignError> {
        let number = if self.chance.happens(500) { leader } else { follower };
        let jump = if self.chance.happens(500) { Jump::DayBack } else { Jump::TenYearsAhead };
        let clock = &self.fleet.node(number).clock;
        if !clock.can_jump() {
            return Ok("not played: libfaketime is not installed");
        }
        clock.set(Some(jump))?;
        self.hold();
        let leads = self.fleet.leader();
        self.fleet.node(number).clock.set(None)?;
        let node = self.fleet.node(number);
        if let Pulse::Ended(_) = node.pulse() {
            let words = node.last_words();
            return Err(self.fleet.broken("a clock that jumps ends no node", words));
        }
        Ok(match (jump, leads == Some(leader)) {
            (Jump::DayBack, true) => "a day back, and the leader stayed",
            (Jump::TenYearsAhead, true) => "ten years ahead, and the leader stayed",
            (_, false) => "another node leads (whoever is slow for a moment is voted out)",
        })
    }

    fn second_process(&mut self, number: usize) -> Result<&'static str, CampaignError> {
        let said = self.fleet.node(number).start_twice();
        match said {
            Some(said) if said.contains("in use") => Ok("refused, with the holder's name"),
            other => {
                let found = other.unwrap_or_else(|| "it was let in".to_owned());
                Err(self.fleet.broken("one process for each data directory", found))
            }
        }
    }
}

/// Files that hold something, in order.
fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            found.extend(files_below(&path)?);
        } else if metadata.len() > 0 && path.file_name().is_some_and(|name| name != "lock") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
