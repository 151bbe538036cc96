//! Jobs that have something to place, in the order in which they get it: higher priority first; within a priority the user
//! who has used least; for a user the oldest job.
//!
//! Usage is slot time: what the user's tasks have run, and what those in hand are predicted to run, since the user became
//! active. A user who comes starts with the usage of the one who has least (start-time fair queueing, Goyal, Vin and Cheng
//! 1996), so that neither the past nor an absence buys anything.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
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

/// Replaces an entry of what is in order.
fn move_within(users: &mut [(u64, u64)], old: (u64, u64), new: (u64, u64)) {
    let Ok(at) = users.binary_search(&old) else { return };
    let to = users.partition_point(|user| *user < new);
    if to > at {
        users[at..to].rotate_left(1);
        users[to - 1] = new;
    } else {
        users[to..=at].rotate_right(1);
        users[to] = new;
    }
}

/// The queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    ids: BTreeMap<String, u64>,
    users: BTreeMap<u64, User>,
    last_user: u64,
    /// What there is to place, by priority.
    levels: BTreeMap<Reverse<i32>, Level>,
}

/// What there is to place at one priority.
#[derive(Debug, Clone, Default)]
struct Level {
    /// Usage and number of the users with something to place, in order. They are few and their usage changes with every
    /// task: here they move past a neighbour or two.
    users: Vec<(u64, u64)>,
    /// How many of them have something in each lane.
    lanes: BTreeMap<Lane, usize>,
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
        let line = user.lines.entry(Reverse(priority)).or_default().entry(lane).or_default();
        let level = self.levels.entry(Reverse(priority)).or_default();
        if line.is_empty() {
            *level.lanes.entry(lane).or_default() += 1;
            if let Err(at) = level.users.binary_search(&(user.usage_ns, id)) {
                level.users.insert(at, (user.usage_ns, id));
            }
        }
        line.insert(job);
    }

    /// Takes a job out of a line.
    pub(crate) fn remove(&mut self, id: u64, priority: i32, lane: Lane, job: JobId) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let priority = Reverse(priority);
        let Some(lines) = user.lines.get_mut(&priority) else { return };
        let Some(line) = lines.get_mut(&lane) else { return };
        if !line.remove(&job) || !line.is_empty() {
            return;
        }
        lines.remove(&lane);
        let Some(level) = self.levels.get_mut(&priority) else { return };
        if let Entry::Occupied(mut users) = level.lanes.entry(lane) {
            *users.get_mut() -= 1;
            if *users.get() == 0 {
                users.remove();
            }
        }
        if lines.is_empty() {
            user.lines.remove(&priority);
            if let Ok(at) = level.users.binary_search(&(user.usage_ns, id)) {
                level.users.remove(at);
            }
            if level.users.is_empty() {
                self.levels.remove(&priority);
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
                    move_within(&mut level.users, (old, id), (user.usage_ns, id));
                }
            }
        }
    }

    /// The first job in order whose lane is open, its lane, and how many users compete at its priority.
    pub(crate) fn first(&self, is_open: impl Fn(&Lane) -> bool) -> Option<(JobId, Lane, usize)> {
        let mut open = self.levels.iter().filter(|(_, level)| level.lanes.keys().any(&is_open));
        open.find_map(|(priority, level)| {
            level.users.iter().find_map(|(_, id)| {
                let lines = self.users.get(id)?.lines.get(priority)?;
                let open = lines.iter().filter(|(lane, _)| is_open(lane));
                let heads = open.filter_map(|(lane, line)| Some((*line.first()?, *lane)));
                heads.min().map(|(job, lane)| (job, lane, level.users.len()))
            })
        })
    }
}
