//! Jobs that have something to place, in the order in which they get it: higher priority first; within a priority the user
//! who has used least; for a user the oldest job.
//!
//! Usage is slot time: what the user's tasks have run, and what those in hand are predicted to run, since the user became
//! active. A user who comes starts with the usage of the one who has least (start-time fair queueing, Goyal, Vin and Cheng
//! 1996), so that neither the past nor an absence buys anything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use nexus_model::JobId;

use crate::job::Lane;

#[derive(Debug, Clone, Default)]
struct User {
    name: String,
    usage_ns: u64,
    /// Jobs that have not ended.
    jobs: u64,
    /// Lines by priority.
    lines: BTreeMap<Reverse<i32>, BTreeMap<Lane, BTreeSet<JobId>>>,
}

/// The queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    ids: BTreeMap<String, u64>,
    users: BTreeMap<u64, User>,
    last_user: u64,
    /// Users with something to place, by priority, least usage first.
    levels: BTreeMap<Reverse<i32>, BTreeSet<(u64, u64)>>,
}

impl Queue {
    /// A job of this user began. Answers the user's number.
    pub(crate) fn enter(&mut self, name: &str) -> u64 {
        if let Some(id) = self.ids.get(name) {
            if let Some(user) = self.users.get_mut(id) {
                user.jobs += 1;
            }
            return *id;
        }
        self.last_user += 1;
        let usage_ns = self.users.values().map(|user| user.usage_ns).min().unwrap_or(0);
        let user = User { name: name.to_owned(), usage_ns, jobs: 1, lines: BTreeMap::new() };
        self.users.insert(self.last_user, user);
        self.ids.insert(name.to_owned(), self.last_user);
        self.last_user
    }

    /// A job of this user ended.
    pub(crate) fn leave(&mut self, id: u64) {
        let Some(user) = self.users.get_mut(&id) else { return };
        user.jobs -= 1;
        if user.jobs == 0
            && let Some(user) = self.users.remove(&id)
        {
            self.ids.remove(&user.name);
        }
    }

    /// Puts a job into a line.
    pub(crate) fn insert(&mut self, id: u64, priority: i32, lane: Lane, job: JobId) {
        let Some(user) = self.users.get_mut(&id) else { return };
        user.lines.entry(Reverse(priority)).or_default().entry(lane).or_default().insert(job);
        self.levels.entry(Reverse(priority)).or_default().insert((user.usage_ns, id));
    }

    /// Takes a job out of a line.
    pub(crate) fn remove(&mut self, id: u64, priority: i32, lane: Lane, job: JobId) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let priority = Reverse(priority);
        let Some(lines) = user.lines.get_mut(&priority) else { return };
        if let Some(line) = lines.get_mut(&lane) {
            line.remove(&job);
            if line.is_empty() {
                lines.remove(&lane);
            }
        }
        if lines.is_empty() {
            user.lines.remove(&priority);
            if let Some(level) = self.levels.get_mut(&priority) {
                level.remove(&(user.usage_ns, id));
                if level.is_empty() {
                    self.levels.remove(&priority);
                }
            }
        }
    }

    /// Changes a user's usage.
    pub(crate) fn charge(&mut self, id: u64, change: impl FnOnce(u64) -> u64) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let old = user.usage_ns;
        user.usage_ns = change(old);
        if user.usage_ns != old {
            for priority in user.lines.keys() {
                if let Some(level) = self.levels.get_mut(priority) {
                    level.remove(&(old, id));
                    level.insert((user.usage_ns, id));
                }
            }
        }
    }

    /// The first job in order whose lane is not blocked, its lane, and how many users compete at its priority.
    pub(crate) fn first(&self, blocked: &BTreeSet<Lane>) -> Option<(JobId, Lane, usize)> {
        self.levels.iter().find_map(|(priority, level)| {
            level.iter().find_map(|(_, id)| {
                let lines = self.users.get(id)?.lines.get(priority)?;
                let open = lines.iter().filter(|(lane, _)| !blocked.contains(lane));
                let heads = open.filter_map(|(lane, line)| Some((*line.first()?, *lane)));
                heads.min().map(|(job, lane)| (job, lane, level.len()))
            })
        })
    }
}
