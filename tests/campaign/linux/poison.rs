//! A task that kills whatever node runs it: two nodes are lost to it, no third, and the cluster goes on.

use std::time::{Duration, Instant};

use crate::linux::book::Work;
use crate::linux::error::CampaignError;
use crate::linux::injection::Injection;
use crate::linux::promises::{Look, look};

/// How long it may take until it is quarantined: two elections, two starts, and a lease where a node is not back in time.
const PATIENCE: Duration = Duration::from_secs(90);

impl Injection<'_> {
    /// Submits it, starts again what it kills, and waits until it has ended as it must.
    pub(super) fn poison(&mut self) -> Result<&'static str, CampaignError> {
        let began = Instant::now();
        let key = format!("poison-{}", self.chance.below(u64::MAX));
        self.book.lose(2);
        self.book.intend(&key, Work::Poison);
        while began.elapsed() < PATIENCE {
            // The node that is asked may be the one that it kills.
            let door = self.chance.pick(&self.site.doors);
            if let Some(job) = door.and_then(|door| self.site.submit(door, &key, Work::Poison)) {
                self.book.acknowledge(&key, job);
                return self.until_quarantined(&key, began);
            }
            self.fleet.recover()?;
        }
        Ok("nobody accepted it")
    }

    fn until_quarantined(&mut self, key: &str, began: Instant) -> Result<&'static str, CampaignError> {
        let kept = self.book.acknowledged().into_iter().find(|(other, _)| other == key);
        let entry = kept.map(|(_, entry)| entry).expect("it was acknowledged just now");
        while began.elapsed() < PATIENCE {
            self.fleet.recover()?;
            let Some(door) = self.chance.pick(&self.site.doors) else { break };
            match look(self.site, door, key, &entry) {
                Look::Right => return Ok("it was quarantined after two nodes at most"),
                // The book knows what was broken.
                Look::Wrong => return Ok("it was not quarantined"),
                Look::Goes | Look::Silence => {}
            }
        }
        let found = format!("{key}, job {:?}, has not ended after {} s", entry.job, PATIENCE.as_secs());
        Err(self.fleet.broken("a task that kills its worker is quarantined after two", found))
    }
}
