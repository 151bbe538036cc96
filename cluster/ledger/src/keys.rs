//! Idempotency keys: whose each is, for which job it stands, and how long.
//!
//! A key is the user's who submits with it: two people who call their jobs alike do not get each other's. The machines of a
//! cluster are one user in this: whoever asks again through another machine, as the first does not answer, means the same job.
//!
//! A key is kept as long as its job, and after that among the newest [`FORGOTTEN_KEYS_MAX`] keys of forgotten jobs: a late
//! repetition is still no second job, and what is kept does not grow for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_model::JobId;
use nexus_wire::ProtocolVersion;

use crate::command::Command;

/// Most bytes of an idempotency key.
pub const KEY_BYTES_MAX: usize = 256;
/// Keys of forgotten jobs that are kept. A job is forgotten a month after its end, or once there are 20,000 newer ones; who
/// repeats a submission after 100,000 more with keys were forgotten is not one that waits for an answer. By the size of what is
/// kept of each, all of them take some tens of megabytes at most.
pub const FORGOTTEN_KEYS_MAX: usize = 100_000;
/// In front of a key that is the machines'. No one's own key begins with it.
pub const MACHINES_KEY: char = '\0';

/// The user under whom a key is kept, and the key; nobody is called as the machines are. Before the version that knows of the
/// machines' keys all are the users'.
pub(crate) fn owner_of_key<'a>(protocol: ProtocolVersion, user: &'a str, key: &'a str) -> (&'a str, &'a str) {
    match key.strip_prefix(MACHINES_KEY).filter(|_| protocol >= Command::BEGUN) {
        Some(key) => ("", key),
        None => (user, key),
    }
}

/// Which job each key stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    by_owner: BTreeMap<Arc<str>, BTreeMap<Arc<str>, JobId>>,
    /// Owner and key.
    of_job: BTreeMap<JobId, (Arc<str>, Arc<str>)>,
    /// Jobs that are forgotten, and their keys are not.
    forgotten: BTreeSet<JobId>,
}

impl Keys {
    /// The job that a key stands for.
    pub(crate) fn job(&self, owner: &str, key: &str) -> Option<JobId> {
        self.by_owner.get(owner)?.get(key).copied()
    }

    /// From now on the key stands for this job.
    pub(crate) fn insert(&mut self, owner: &str, key: &str, job: JobId) {
        let known = self.by_owner.get_key_value(owner).map(|(owner, _)| Arc::clone(owner));
        let (owner, key) = (known.unwrap_or_else(|| owner.into()), Arc::<str>::from(key));
        if let Some(before) = self.by_owner.entry(Arc::clone(&owner)).or_default().insert(Arc::clone(&key), job) {
            self.of_job.remove(&before);
            self.forgotten.remove(&before);
        }
        self.of_job.insert(job, (owner, key));
    }

    /// Every key with its owner and its job, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, JobId)> {
        self.by_owner.iter().flat_map(|(owner, keys)| keys.iter().map(move |(key, job)| (&**owner, &**key, *job)))
    }

    /// The job is forgotten; its key is not yet.
    pub(crate) fn outlives(&mut self, job: JobId) {
        if self.of_job.contains_key(&job) {
            self.forgotten.insert(job);
        }
    }

    /// Which jobs are forgotten, of keys that were read from a snapshot.
    pub(crate) fn restored(&mut self, is_known: impl Fn(JobId) -> bool) {
        self.forgotten = self.of_job.keys().copied().filter(|job| !is_known(*job)).collect();
    }

    /// Forgets keys of forgotten jobs, those of the oldest first, until there are at most so many.
    pub(crate) fn forget_beyond(&mut self, most: usize) {
        while self.forgotten.len() > most
            && let Some(job) = self.forgotten.pop_first()
        {
            let Some((owner, key)) = self.of_job.remove(&job) else { continue };
            if let Some(keys) = self.by_owner.get_mut(&owner) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.by_owner.remove(&owner);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_oldest_forgotten_jobs_go_and_no_others() {
        let mut keys = Keys::default();
        for job in 1..=6 {
            keys.insert(if job % 2 == 0 { "ada" } else { "bob" }, &format!("k{job}"), JobId(job));
        }
        // Whatever order they are forgotten in; the first lives on, and one without a key is no matter.
        for job in [5, 2, 4, 3, 9] {
            keys.outlives(JobId(job));
        }
        keys.forget_beyond(2);
        let left: Vec<_> = keys.iter().map(|(_, _, job)| job.0).collect();
        assert_eq!(left, [4, 6, 1, 5]);
        assert_eq!((keys.job("ada", "k2"), keys.job("ada", "k4")), (None, Some(JobId(4))));
        let mut read = Keys::default();
        keys.iter().for_each(|(owner, key, job)| read.insert(owner, key, job));
        read.restored(|job| [1, 6].contains(&job.0));
        assert_eq!(read.forgotten, keys.forgotten, "a node that began with a snapshot forgets the same");
        keys.forget_beyond(0);
        assert_eq!(keys.iter().count(), 2);
        assert_eq!(keys.of_job.len(), 2, "nothing is left behind");
    }
}
