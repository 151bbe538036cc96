//! Results that a job wants on several machines (`--copies`), and that went with one of them: the leader has them copied again.
//!
//! It looks when machines have come, gone or been away for long, and only once nothing has changed for a while: links that come
//! and go cost nothing. Whoever is up says itself what it has. Whoever is away may have a copy, and is waited for, until it has
//! been away for long or is forgotten. Results are copied one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_blobs::BlobStore;
use nexus_ledger::Copied;
use nexus_link::Peer;
use nexus_model::{JobId, NodeId};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::control::ControlPlane;
use crate::fetching::{NotFetched, fetch_from_all};
use crate::gateway::GatewayState;
use crate::holders::{Holders, PAGE, dialled, machines};
use crate::leader_link::LeaderLink;
use crate::liveness::Liveness;
use crate::payloads::upload;

/// Between two glances at who is there.
const GLANCE: Duration = Duration::from_secs(1);
/// How long nothing has changed before results are looked for: two leases.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a machine is waited for that is away and may have a copy: a laptop is closed for lunch.
const AWAY_MAX: Duration = Duration::from_secs(3600);
/// After a look that could not do all of it.
const RETRY: Duration = Duration::from_secs(300);

/// How a machine of the cluster is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Up,
    Away {
        since: Instant,
    },
    /// For so long that nobody waits for what it has.
    Gone,
}

/// Who is there, and whether that is a reason to look for results.
#[derive(Debug, Default)]
struct Attendance {
    machines: BTreeMap<NodeId, Presence>,
    changed_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Attendance {
    /// A glance: these are the machines of the cluster, and whether each is up.
    fn glance(&mut self, machines: &[(NodeId, bool)], now: Instant) {
        let seen = |(node, is_up): &(NodeId, bool)| {
            let presence = match (is_up, self.machines.get(node)) {
                (true, _) => Presence::Up,
                (false, Some(Presence::Away { since })) if now.duration_since(*since) >= AWAY_MAX => Presence::Gone,
                (false, Some(before @ (Presence::Away { .. } | Presence::Gone))) => *before,
                (false, Some(Presence::Up) | None) => Presence::Away { since: now },
            };
            (*node, presence)
        };
        let seen: BTreeMap<NodeId, Presence> = machines.iter().map(seen).collect();
        if seen != self.machines {
            (self.machines, self.changed_at) = (seen, Some(now));
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let has_settled = self.changed_at.is_some_and(|at| now.duration_since(at) >= SETTLED);
        has_settled || self.retry_at.is_some_and(|at| now >= at)
    }

    /// Results were looked for; whether nothing is left to do.
    fn looked(&mut self, is_complete: bool, now: Instant) {
        self.changed_at = None;
        self.retry_at = (!is_complete).then(|| now + RETRY);
    }

    /// Machines that may have what they do not say, those that are up and those that are away: all but those that answer, and
    /// those that are gone.
    fn silent(&self, heard: &BTreeSet<NodeId>) -> Silent {
        let others = || self.machines.iter().filter(|(node, _)| !heard.contains(node));
        let away = |presence: &Presence| matches!(presence, Presence::Away { .. });
        let up = others().filter(|(_, presence)| **presence == Presence::Up).count();
        Silent { up, away: others().filter(|(_, presence)| away(presence)).count() }
    }
}

/// How many machines did not say whether they have a result, and may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Silent {
    up: usize,
    away: usize,
}

/// How many copies are to be made of a result that `holders` have and `silent` may have: never one that may be there.
fn to_make(copies: usize, holders: usize, silent: usize) -> usize {
    copies.saturating_sub(holders + silent)
}

/// What is known of a job's copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Standing {
    copies: u32,
    /// Results that too few machines have for sure, while others are away.
    waiting: usize,
    /// The same while others are there and did not answer.
    unanswered: usize,
    /// Results of which no copy could be made.
    lacking: usize,
    /// Copies that were made again, by machine.
    made: BTreeMap<NodeId, usize>,
}

impl Standing {
    fn sentences(&self, name: &dyn Fn(NodeId) -> String) -> Vec<String> {
        let mut said = Vec::new();
        let Standing { copies, waiting, unanswered, lacking, made } = self;
        for (node, results) in made {
            said.push(format!("{} made again on {}", counted(*results, "copy was", "copies were"), name(*node)));
        }
        if *waiting > 0 {
            let results = counted(*waiting, "result is", "results are");
            said.push(format!(
                "{results} known to lie on fewer than {copies} machines; machines that are away may have copies, and are \
                 waited for: for an hour, or until they are forgotten"
            ));
        }
        if *unanswered > 0 {
            let results = counted(*unanswered, "result is", "results are");
            said.push(format!(
                "{results} known to lie on fewer than {copies} machines; others that may have copies could not be asked, and \
                 are asked again every five minutes"
            ));
        }
        if *lacking > 0 {
            let results = counted(*lacking, "result lies", "results lie");
            said.push(format!("{results} on fewer than {copies} machines, and no other machine could take a copy"));
        }
        said
    }
}

fn counted(number: usize, one: &str, more: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {more}") }
}

/// What the leader knows of copies, for whoever explains a job. Clones are the same; as large as a look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copies(Arc<Mutex<BTreeMap<JobId, Standing>>>);

impl Copies {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be said of a job's copies; nothing where they never were too few.
    pub(crate) fn sentences(&self, job: JobId, name: &dyn Fn(NodeId) -> String) -> Vec<String> {
        self.lock().get(&job).map(|standing| standing.sentences(name)).unwrap_or_default()
    }

    /// A look begins: what was too few is looked for again.
    fn begin(&self) {
        for standing in self.lock().values_mut() {
            (standing.waiting, standing.unanswered, standing.lacking) = (0, 0, 0);
        }
    }

    /// A look ends: jobs whose results were not looked for are forgotten.
    fn end(&self, looked_for: &BTreeSet<JobId>) {
        self.lock().retain(|job, _| looked_for.contains(job));
    }

    fn note(&self, result: &Copied, note: impl FnOnce(&mut Standing)) {
        let mut standings = self.lock();
        let standing = standings.entry(result.job).or_default();
        standing.copies = result.copies;
        note(standing);
    }
}

/// Keeps results on as many machines as their jobs want, while its node leads.
struct CopyKeeper {
    control: ControlPlane,
    liveness: Liveness,
    leader: LeaderLink,
    blobs: Arc<BlobStore>,
    copies: Copies,
}

/// Keeps the results of jobs on as many machines as they want, for as long as the node runs.
pub(crate) async fn keep_copies(gateway: Arc<GatewayState>) {
    // A runtime in one process has no other machines.
    let (Some(leader), Some(blobs)) = (gateway.leader.clone(), gateway.blobs.clone()) else { return };
    let (control, liveness, copies) = (gateway.control.clone(), gateway.liveness.clone(), gateway.copies.clone());
    CopyKeeper { control, liveness, leader, blobs, copies }.run().await;
}

impl CopyKeeper {
    async fn run(self) {
        let mut attendance = Attendance::default();
        let mut glances = tokio::time::interval(GLANCE);
        glances.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            glances.tick().await;
            if !self.control.leads() {
                attendance = Attendance::default();
                continue;
            }
            attendance.glance(&self.machines().await, Instant::now());
            if attendance.is_due(Instant::now()) {
                let is_complete = self.look(&attendance).await;
                attendance.looked(is_complete, Instant::now());
            }
        }
    }

    async fn machines(&self) -> Vec<(NodeId, bool)> {
        machines(&self.control).await.into_iter().map(|node| (node, self.liveness.of(node).is_some())).collect()
    }

    /// Looks for all results that are wanted on several machines, and copies what too few have. Whether nothing is left.
    async fn look(&self, attendance: &Attendance) -> bool {
        self.copies.begin();
        let (mut peers, mut is_complete) = (None, true);
        let (mut looked_for, mut behind) = (BTreeSet::new(), None);
        loop {
            let wanted = self.control.read_local(|ledger| ledger.copied(behind, PAGE)).await;
            let Some(last) = wanted.last() else { break };
            let of_last = wanted.iter().filter(|result| result.job == last.job).count();
            let before = behind.filter(|(job, _)| *job == last.job).map_or(0, |(_, results)| results);
            behind = Some((last.job, before + of_last));
            looked_for.extend(wanted.iter().map(|result| result.job));
            if peers.is_none() {
                peers = Some(dialled(&self.leader).await);
            }
            is_complete &= self.look_for(&wanted, peers.as_ref().unwrap_or(&BTreeMap::new()), attendance).await;
            if !self.control.leads() {
                return false;
            }
        }
        self.copies.end(&looked_for);
        is_complete
    }

    /// The same of some results.
    async fn look_for(&self, wanted: &[Copied], peers: &BTreeMap<NodeId, Peer>, attendance: &Attendance) -> bool {
        let blobs: Vec<_> = wanted.iter().map(|result| (result.blob, result.bytes)).collect();
        let holders = Holders::ask((self.leader.node(), &self.blobs), peers, &blobs).await;
        let mut is_complete = true;
        for (at, result) in wanted.iter().enumerate() {
            is_complete &= self.keep_up(result, &holders.of(at).collect(), peers, attendance).await;
            if !self.control.leads() {
                return false;
            }
        }
        is_complete
    }

    /// The same of one result, of which machines said whether they have it.
    async fn keep_up(
        &self,
        result: &Copied,
        answers: &BTreeMap<NodeId, bool>,
        peers: &BTreeMap<NodeId, Peer>,
        attendance: &Attendance,
    ) -> bool {
        let holders = answers.values().filter(|has| **has).count();
        if holders >= result.copies as usize {
            return true;
        }
        let silent = attendance.silent(&answers.keys().copied().collect());
        let left = to_make(result.copies as usize, holders, silent.up + silent.away);
        if left == 0 {
            self.copies.note(result, |standing| match silent.up {
                0 => standing.waiting += 1,
                _ => standing.unanswered += 1,
            });
            return silent.up == 0;
        }
        let without = answers.iter().filter(|(_, has)| !**has).map(|(node, _)| *node);
        let made = if holders == 0 { Vec::new() } else { self.copy(result, without.collect(), left, peers).await };
        self.copies.note(result, |standing| {
            made.iter().for_each(|node| *standing.made.entry(*node).or_default() += 1);
            standing.lacking += usize::from(made.len() < left);
        });
        made.len() == left && silent.up == 0
    }

    /// Makes so many copies on machines that have none; those that took one.
    async fn copy(
        &self,
        result: &Copied,
        without: Vec<NodeId>,
        left: usize,
        peers: &BTreeMap<NodeId, Peer>,
    ) -> Vec<NodeId> {
        let bytes = match self.bytes(result).await {
            Ok(bytes) => Arc::new(bytes),
            Err(reason) => {
                tracing::warn!(blob = %result.blob, job = %result.job, reason, "a result cannot be read to be copied");
                return Vec::new();
            }
        };
        let mut made = Vec::new();
        for node in without {
            if made.len() == left {
                break;
            }
            let taken = match peers.get(&node) {
                Some(peer) => upload(peer, result.blob, &bytes).await.map_err(|refusal| refusal.to_string()),
                None => self.keep(&bytes).await,
            };
            match taken {
                Ok(()) => {
                    tracing::info!(blob = %result.blob, job = %result.job, %node, "a result is copied again");
                    made.push(node);
                }
                Err(reason) => {
                    tracing::warn!(blob = %result.blob, job = %result.job, %node, reason, "a copy was not taken");
                }
            }
        }
        made
    }

    async fn bytes(&self, result: &Copied) -> Result<Vec<u8>, String> {
        if self.blobs.has(&result.blob) {
            let (store, blob) = (Arc::clone(&self.blobs), result.blob);
            let read = tokio::task::spawn_blocking(move || store.get(&blob).map(|bytes| bytes.to_vec())).await;
            return read.map_err(|error| error.to_string())?.map_err(|error| error.to_string());
        }
        // What fetches stays on one thread.
        let (leader, blob, total, runtime) = (self.leader.clone(), result.blob, result.bytes, Handle::current());
        let fetch = move || runtime.block_on(fetch_from_all(&leader, blob, total));
        let fetched = tokio::task::spawn_blocking(fetch).await.map_err(|error| error.to_string())?;
        fetched.map_err(|error| match error {
            NotFetched::Nowhere => "no machine has it any more".to_owned(),
            NotFetched::Unreachable(refusal) => refusal.message,
        })
    }

    /// Keeps a copy on this machine's disk.
    async fn keep(&self, bytes: &Arc<Vec<u8>>) -> Result<(), String> {
        let (store, bytes) = (Arc::clone(&self.blobs), Arc::clone(bytes));
        let kept = tokio::task::spawn_blocking(move || store.put(&bytes).map(drop)).await;
        kept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIR: NodeId = NodeId(1);
    const MINI: NodeId = NodeId(2);
    const STUDIO: NodeId = NodeId(3);

    #[test]
    fn who_is_away_for_a_moment_is_no_reason_to_look_and_who_is_away_for_long_is_waited_for_no_more() {
        let (mut attendance, start) = (Attendance::default(), Instant::now());
        let after = |secs: u64| start + Duration::from_secs(secs);
        let all = [(AIR, true), (MINI, true), (STUDIO, true)];
        let without = [(AIR, true), (MINI, false), (STUDIO, true)];
        attendance.glance(&all, start);
        assert!(!attendance.is_due(after(9)) && attendance.is_due(after(10)), "who begins to lead looks once");
        attendance.looked(true, after(10));
        // A link that comes and goes every few seconds.
        for second in 11..60 {
            attendance.glance(if second % 6 < 3 { &without } else { &all }, after(second));
            assert!(!attendance.is_due(after(second)), "second {second}");
        }
        attendance.glance(&without, after(60));
        let heard = BTreeSet::from([AIR, STUDIO]);
        assert!(attendance.is_due(after(70)) && attendance.silent(&heard) == Silent { up: 0, away: 1 });
        attendance.looked(true, after(70));
        attendance.glance(&without, after(3_659));
        assert!(!attendance.is_due(after(3_659)));
        attendance.glance(&without, after(3_660));
        assert!(attendance.is_due(after(3_670)) && attendance.silent(&heard) == Silent { up: 0, away: 0 }, "an hour");
        attendance.looked(true, after(3_670));
        attendance.glance(&all, after(4_000));
        assert!(attendance.is_due(after(4_010)), "whoever is back is asked, too");
        attendance.looked(true, after(4_010));
        attendance.glance(&all[..2], after(4_020));
        assert!(attendance.is_due(after(4_030)), "one was forgotten");
        let none_but_own = BTreeSet::from([AIR]);
        assert_eq!(attendance.silent(&none_but_own), Silent { up: 1, away: 0 }, "it is there and does not answer");
        attendance.looked(false, after(4_030));
        assert!(!attendance.is_due(after(4_300)) && attendance.is_due(after(4_330)), "what is left is tried again");
    }

    #[test]
    fn no_copy_is_made_that_may_be_there() {
        assert_eq!(to_make(2, 2, 0), 0);
        assert_eq!(to_make(2, 1, 1), 0, "whoever is silent may have it");
        assert_eq!(to_make(2, 1, 0), 1);
        assert_eq!(to_make(3, 1, 1), 1);
        assert_eq!(to_make(2, 5, 0), 0, "more do no harm");
    }

    #[test]
    fn what_was_made_and_what_is_missing_is_said() {
        let copies = Copies::default();
        let result = Copied { job: JobId(7), blob: nexus_model::BlobHash([1; 32]), bytes: 9, copies: 2 };
        let said = || copies.sentences(JobId(7), &|node| format!("n{}", node.0));
        assert!(said().is_empty());
        copies.note(&result, |standing| standing.waiting += 1);
        assert!(said()[0].starts_with("1 result is known to lie on fewer than 2 machines"), "{:?}", said());
        copies.begin();
        copies.note(&result, |standing| *standing.made.entry(STUDIO).or_default() += 1);
        assert_eq!(said(), ["1 copy was made again on n3"]);
        copies.note(&result, |standing| standing.lacking += 2);
        assert_eq!(said()[1], "2 results lie on fewer than 2 machines, and no other machine could take a copy");
        copies.begin();
        copies.note(&result, |standing| standing.unanswered += 1);
        assert!(said()[1].contains("others that may have copies could not be asked"), "{:?}", said());
        copies.end(&BTreeSet::new());
        assert!(said().is_empty(), "the job is forgotten");
    }
}
