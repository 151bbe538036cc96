//! The workers that the leader knows: attached ones with the way to them, and lost ones until their lease ends.
//!
//! A pure value; times come in as arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nexus_model::{AttemptToken, JobId, NodeId};
use nexus_wire::limits::{HEARTBEAT_INTERVAL, WORKER_LEASE};
use nexus_wire::{AttemptRange, LeaderMessage};
use tokio::sync::mpsc;

/// A worker that was not heard for so long gets nothing new: most that go without a word have gone by then, and what is given
/// to them costs its job a lease and an attempt. Two signs of life late is what a busy machine or link may be.
const QUIET: Duration = HEARTBEAT_INTERVAL.saturating_mul(3);

const _: () = assert!(2 * QUIET.as_millis() < WORKER_LEASE.as_millis());

/// A worker with a way to it.
struct Attached {
    session: u64,
    /// Index of the last entry that was looked at when the session began: what earlier entries gave it, it knows.
    since: u64,
    /// The newest attempt that it was sent: it cannot have begun what is newer.
    told: AttemptToken,
    port: mpsc::Sender<Vec<LeaderMessage>>,
    /// Where it says that it listens.
    address: String,
    heard_at: Instant,
    /// Nothing of what it says is read for now, so its silence says nothing.
    is_held_back: bool,
    running: Vec<AttemptRange>,
    /// Jobs that it was told of in this session.
    described: BTreeSet<JobId>,
    /// Jobs whose tasks it brought along from an earlier session, which it may have to be told of again all the same: a worker
    /// that was started again knows of them by name only.
    brought: BTreeSet<JobId>,
}

/// A worker that was lost and may come back.
struct Lost {
    at: Instant,
    told: AttemptToken,
    running: Vec<AttemptRange>,
}

/// Every worker that holds something or could.
#[derive(Default)]
pub(super) struct Workers {
    attached: BTreeMap<NodeId, Attached>,
    lost: BTreeMap<NodeId, Lost>,
    last_session: u64,
}

impl Workers {
    /// `node` is there with tasks of jobs that it `brought` along, and knows what the entries up to `since` gave it; an
    /// earlier session of it ends. Returns the new session.
    pub(super) fn attach(
        &mut self,
        node: NodeId,
        (port, address): (mpsc::Sender<Vec<LeaderMessage>>, String),
        (since, brought): (u64, BTreeSet<JobId>),
        now: Instant,
    ) -> u64 {
        self.last_session += 1;
        let session = self.last_session;
        self.lost.remove(&node);
        let (running, described) = (Vec::new(), BTreeSet::new());
        let (heard_at, is_held_back, told) = (now, false, AttemptToken(since));
        let attached =
            Attached { session, since, told, port, address, heard_at, is_held_back, running, described, brought };
        self.attached.insert(node, attached);
        session
    }

    /// What `node` had in hand when it was last heard of.
    pub(super) fn last_running(&self, node: NodeId) -> Vec<AttemptRange> {
        let attached = self.attached.get(&node).map(|worker| &worker.running);
        attached.or(self.lost.get(&node).map(|worker| &worker.running)).cloned().unwrap_or_default()
    }

    /// The newest attempt that `node` may have heard of. Of a node that was never heard of nothing is known.
    pub(super) fn told(&self, node: NodeId) -> AttemptToken {
        let attached = self.attached.get(&node).map(|worker| worker.told);
        attached.or(self.lost.get(&node).map(|worker| worker.told)).unwrap_or(AttemptToken(u64::MAX))
    }

    /// Attempts up to this one are on their way to `node`.
    pub(super) fn tell(&mut self, node: NodeId, newest: AttemptToken) {
        if let Some(worker) = self.attached.get_mut(&node) {
            worker.told = worker.told.max(newest);
        }
    }

    /// Whether this is the session that `node` has now.
    pub(super) fn is_current(&self, node: NodeId, session: u64) -> bool {
        self.attached.get(&node).is_some_and(|worker| worker.session == session)
    }

    /// Whether `node` does not know yet what was given to it under `token`.
    pub(super) fn is_news(&self, node: NodeId, token: AttemptToken) -> bool {
        self.attached.get(&node).is_none_or(|worker| token.0 > worker.since)
    }

    /// Whether there is a way to `node`.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.attached.contains_key(&node)
    }

    /// Where the worker is that attached as `node`, if that is not `address`.
    pub(super) fn elsewhere(&self, node: NodeId, address: &str) -> Option<String> {
        let attached = self.attached.get(&node).map(|worker| &worker.address);
        attached.filter(|known| *known != address).cloned()
    }

    /// Whether `node` gave a sign of life since then.
    pub(super) fn was_heard_since(&self, node: NodeId, then: Instant) -> bool {
        self.attached.get(&node).is_some_and(|worker| worker.heard_at > then)
    }

    /// A sign of life.
    pub(super) fn heard(&mut self, node: NodeId, running: Option<Vec<AttemptRange>>, now: Instant) {
        if let Some(worker) = self.attached.get_mut(&node) {
            (worker.heard_at, worker.is_held_back) = (now, false);
            if let Some(running) = running {
                worker.running = running;
            }
        }
    }

    /// Nothing of what `node` says is read until it counts as heard again.
    pub(super) fn hold_back(&mut self, node: NodeId) {
        if let Some(worker) = self.attached.get_mut(&node) {
            worker.is_held_back = true;
        }
    }

    /// The way to `node` is gone; its lease runs from now on. Whether it was attached.
    pub(super) fn lose(&mut self, node: NodeId, now: Instant) -> bool {
        let Some(worker) = self.attached.remove(&node) else { return false };
        self.lost.insert(node, Lost { at: now, told: worker.told, running: worker.running });
        true
    }

    /// A node that holds tasks and was never heard of (by a new leader): a full lease. Others may have `told` it of attempts
    /// up to this one.
    pub(super) fn expect(&mut self, node: NodeId, told: AttemptToken, now: Instant) {
        if !self.attached.contains_key(&node) {
            self.lost.entry(node).or_insert(Lost { at: now, told, running: Vec::new() });
        }
    }

    /// `node` will not come back to what it held.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.attached.remove(&node);
        self.lost.remove(&node);
    }

    /// Attached workers that were silent for a whole lease.
    pub(super) fn silent(&self, now: Instant) -> Vec<NodeId> {
        let is_silent = |worker: &Attached| !worker.is_held_back && now.duration_since(worker.heard_at) > WORKER_LEASE;
        let silent = self.attached.iter().filter(|(_, worker)| is_silent(worker));
        silent.map(|(node, _)| *node).collect()
    }

    /// Lost workers whose lease is over.
    pub(super) fn expired(&self, now: Instant) -> Vec<NodeId> {
        let expired = self.lost.iter().filter(|(_, worker)| now.duration_since(worker.at) > WORKER_LEASE);
        expired.map(|(node, _)| *node).collect()
    }

    /// Attached workers that missed several signs of life, and may be about to be silent.
    pub(super) fn quiet(&self, now: Instant) -> Vec<NodeId> {
        let is_quiet = |worker: &Attached| !worker.is_held_back && now.duration_since(worker.heard_at) > QUIET;
        self.attached.iter().filter(|(_, worker)| is_quiet(worker)).map(|(node, _)| *node).collect()
    }

    /// A worker that was lost has been heard of.
    pub(super) fn renew(&mut self, node: NodeId, now: Instant) {
        if let Some(lost) = self.lost.get_mut(&node) {
            lost.at = now;
        }
    }

    /// Sends to one worker. `false`: its port is full or closed, so that it must be treated as lost.
    pub(super) fn send(&self, node: NodeId, messages: Vec<LeaderMessage>) -> bool {
        self.attached.get(&node).is_none_or(|worker| worker.port.try_send(messages).is_ok())
    }

    /// Whether `node` still has to hear what `job` is; from now on it counts as told.
    pub(super) fn needs_description(&mut self, node: NodeId, job: JobId) -> bool {
        self.attached.get_mut(&node).is_some_and(|worker| worker.described.insert(job))
    }

    /// The workers that know of `job`, which they may forget now.
    pub(super) fn told_of(&mut self, job: JobId) -> Vec<NodeId> {
        let knows = |worker: &mut Attached| worker.described.remove(&job) | worker.brought.remove(&job);
        self.attached.iter_mut().filter_map(|(node, worker)| knows(worker).then_some(*node)).collect()
    }

    /// Whether a worker was lost and may come back.
    pub(super) fn is_lost(&self, node: NodeId) -> bool {
        self.lost.contains_key(&node)
    }

    /// The workers that there is a way to.
    pub(super) fn attached(&self) -> Vec<NodeId> {
        self.attached.keys().copied().collect()
    }

    /// The jobs that `node` knows of, which it forgets now.
    pub(super) fn told_to(&mut self, node: NodeId) -> BTreeSet<JobId> {
        let Some(worker) = self.attached.get_mut(&node) else { return BTreeSet::new() };
        let mut jobs = std::mem::take(&mut worker.described);
        jobs.append(&mut worker.brought);
        jobs
    }

    /// Drops every attachment: this node does not lead any more.
    pub(super) fn clear(&mut self) -> Vec<NodeId> {
        self.lost.clear();
        std::mem::take(&mut self.attached).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way to nobody, at no address.
    fn way() -> (mpsc::Sender<Vec<LeaderMessage>>, String) {
        (mpsc::channel(1).0, String::new())
    }

    #[test]
    fn a_worker_that_comes_from_elsewhere_is_told_from_one_that_comes_again() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        assert_eq!(workers.elsewhere(NodeId(1), "here:1"), None, "nobody is there");
        workers.attach(NodeId(1), (mpsc::channel(1).0, "here:1".to_owned()), (0, BTreeSet::new()), start);
        assert_eq!(workers.elsewhere(NodeId(1), "here:1"), None);
        assert_eq!(workers.elsewhere(NodeId(1), "there:1").as_deref(), Some("here:1"));
        assert!(!workers.was_heard_since(NodeId(1), start));
        workers.heard(NodeId(1), None, start + Duration::from_millis(1));
        assert!(workers.was_heard_since(NodeId(1), start));
        assert!(!workers.was_heard_since(NodeId(2), start));
    }

    #[test]
    fn whoever_brought_tasks_along_is_told_of_their_jobs_end_and_has_to_be_told_of_them_again() {
        let (mut workers, node) = (Workers::default(), NodeId(1));
        workers.attach(node, way(), (7, BTreeSet::from([JobId(3), JobId(4)])), Instant::now());
        assert!(workers.needs_description(node, JobId(3)), "it may be another process than the one that knew");
        assert_eq!(workers.told_of(JobId(3)), [node]);
        assert_eq!(workers.told_of(JobId(3)), []);
        assert!(workers.needs_description(node, JobId(5)));
        assert_eq!(workers.told_to(node), BTreeSet::from([JobId(4), JobId(5)]));
        assert_eq!(workers.told_to(node), BTreeSet::new());
    }

    #[test]
    fn a_lost_worker_keeps_its_tasks_for_a_whole_lease() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        let node = NodeId(2);
        let session = workers.attach(node, way(), (0, BTreeSet::new()), start);
        assert!(workers.is_current(node, session));
        assert!(workers.lose(node, start));
        assert!(!workers.lose(node, start), "it is lost once");
        assert_eq!(workers.expired(start + WORKER_LEASE), vec![]);
        assert_eq!(workers.expired(start + WORKER_LEASE + Duration::from_millis(1)), vec![node]);
        workers.attach(node, way(), (0, BTreeSet::new()), start);
        assert_eq!(workers.expired(start + 2 * WORKER_LEASE), vec![]);
        assert!(!workers.is_current(node, session), "a new session");
    }

    #[test]
    fn silence_is_noticed_and_a_heartbeat_ends_it() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        workers.attach(NodeId(1), way(), (0, BTreeSet::new()), start);
        let late = start + WORKER_LEASE + Duration::from_millis(1);
        assert_eq!(workers.silent(late), vec![NodeId(1)]);
        workers.heard(NodeId(1), None, late);
        assert_eq!(workers.silent(late), vec![]);
    }

    #[test]
    fn a_worker_that_missed_signs_of_life_is_quiet_long_before_it_is_silent() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        workers.attach(NodeId(1), way(), (0, BTreeSet::new()), start);
        workers.attach(NodeId(2), way(), (0, BTreeSet::new()), start);
        workers.hold_back(NodeId(2));
        assert_eq!(workers.quiet(start + 2 * HEARTBEAT_INTERVAL), vec![]);
        let late = start + QUIET + Duration::from_millis(1);
        assert_eq!((workers.quiet(late), workers.silent(late)), (vec![NodeId(1)], vec![]));
        workers.heard(NodeId(1), None, late);
        assert_eq!(workers.quiet(late), vec![]);
    }

    #[test]
    fn what_was_never_sent_to_a_worker_is_known_when_it_is_lost() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        let (node, other) = (NodeId(1), NodeId(2));
        assert_eq!(workers.told(node), AttemptToken(u64::MAX), "of whom nothing is known may know of all");
        workers.attach(node, way(), (7, BTreeSet::new()), start);
        assert_eq!(workers.told(node), AttemptToken(7));
        workers.tell(node, AttemptToken(9));
        workers.tell(node, AttemptToken(8));
        workers.lose(node, start);
        workers.tell(node, AttemptToken(12));
        workers.expect(node, AttemptToken(12), start);
        assert_eq!(workers.told(node), AttemptToken(9), "what is given to it from now on reaches nobody");
        workers.expect(other, AttemptToken(12), start);
        assert_eq!(workers.told(other), AttemptToken(12), "an earlier leader may have told it");
    }

    #[test]
    fn whose_messages_are_not_read_is_not_silent_until_they_are_again() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        workers.attach(NodeId(1), way(), (0, BTreeSet::new()), start);
        workers.hold_back(NodeId(1));
        assert_eq!(workers.silent(start + 9 * WORKER_LEASE), vec![]);
        workers.heard(NodeId(1), None, start + 9 * WORKER_LEASE);
        assert_eq!(workers.silent(start + 10 * WORKER_LEASE), vec![]);
        assert_eq!(workers.silent(start + 11 * WORKER_LEASE), vec![NodeId(1)]);
    }

    #[test]
    fn a_job_is_described_once_a_session() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        workers.attach(NodeId(1), way(), (0, BTreeSet::new()), start);
        assert!(workers.needs_description(NodeId(1), JobId(5)));
        assert!(!workers.needs_description(NodeId(1), JobId(5)));
        assert!(!workers.needs_description(NodeId(2), JobId(5)), "nobody is there to be told");
        assert_eq!(workers.told_of(JobId(5)), vec![NodeId(1)]);
        assert_eq!(workers.told_of(JobId(5)), vec![]);
    }

    #[test]
    fn what_was_given_before_a_session_began_is_no_news_to_it() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        assert!(workers.is_news(NodeId(1), AttemptToken(4)));
        workers.attach(NodeId(1), way(), (5, BTreeSet::new()), start);
        assert!(!workers.is_news(NodeId(1), AttemptToken(5)), "it was taken back since, or told at the beginning");
        assert!(workers.is_news(NodeId(1), AttemptToken(6)));
    }

    #[test]
    fn a_full_port_is_reported() {
        let (mut workers, start) = (Workers::default(), Instant::now());
        let (port, _receiver) = mpsc::channel(1);
        workers.attach(NodeId(1), (port, String::new()), (0, BTreeSet::new()), start);
        assert!(workers.send(NodeId(1), vec![LeaderMessage::CancelJob(JobId(1))]));
        assert!(!workers.send(NodeId(1), vec![LeaderMessage::CancelJob(JobId(1))]));
    }
}
