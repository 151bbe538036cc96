//! How a worker comes to the scheduler: its hello is compared with the ledger, and from then on it is told what it is given.
//!
//! What is given to a node while its hello is looked at must reach the worker once, and what is taken back from it not at
//! all: an earlier session of the node ends with the hello, and the new one begins with one look at the ledger.

use std::time::{Duration, Instant};

use actix::prelude::*;
use nexus_ledger::{Command, Ledger, NodeNote, Suspect};
use nexus_model::{Labels, NodeCapacity, NodeId};
use nexus_scheduler::Input;
use nexus_wire::limits::HEARTBEAT_INTERVAL;
use nexus_wire::{AttemptRange, LeaderMessage, Refusal};
use tokio::sync::{mpsc, oneshot};

use super::release::{Heard, by_attempt, key, release_returned, without};
use super::{ATTEMPTS_MAX, RECORDED_POLL, Scheduler};
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::liveness::Alive;

/// How long a worker that is there already has to give a sign of life when another one comes in its name from elsewhere: three
/// of those that it sends anyway.
pub(crate) const RIVAL_PATIENCE: Duration = HEARTBEAT_INTERVAL.saturating_mul(3);

/// Attachment → scheduler: a worker said hello. Answer: its session, or why it cannot attach. If lost, the worker says
/// hello again.
#[derive(Message)]
#[rtype(result = "Result<u64, Refusal>")]
pub(crate) struct AttachWorker {
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) capacity: NodeCapacity,
    pub(crate) holding: Vec<AttemptRange>,
    pub(crate) port: mpsc::Sender<Vec<LeaderMessage>>,
}

/// A worker whose hello the ledger agrees with.
struct Arrived {
    node: NodeId,
    slots: u32,
    memory_bytes: u64,
    holding: Vec<AttemptRange>,
    way: (mpsc::Sender<Vec<LeaderMessage>>, String),
}

/// What the ledger knows of a node when its session begins.
struct Beginning {
    /// Index of the last entry that this comes from.
    index: u64,
    attempts: Vec<AttemptRange>,
    /// Those that have lost a worker before.
    suspects: Vec<AttemptRange>,
    labels: Labels,
    gpu_milli: u32,
    /// Whether workers know what to drop.
    drops_are_known: bool,
}

impl Beginning {
    fn of(ledger: &Ledger, node: NodeId) -> Self {
        let described = ledger.member(node).map(|member| (member.all_labels(), member.gpu_milli()));
        let (labels, gpu_milli) = described.unwrap_or_default();
        let (attempts, suspects) = (ledger.attempts(node), ledger.suspects(node));
        let drops_are_known = ledger.protocol() >= Command::BEGUN;
        Beginning { index: ledger.applied(), attempts, suspects, labels, gpu_milli, drops_are_known }
    }

    /// What the node was given that it does not know of.
    fn untold(&self, holding: &[AttemptRange]) -> Vec<AttemptRange> {
        let knows =
            |attempt: &AttemptRange| holding.iter().any(|held| (held.job, held.token) == (attempt.job, attempt.token));
        self.attempts.iter().filter(|attempt| !knows(attempt)).copied().collect()
    }

    /// What the node still has and was taken from it while it was away: of a range perhaps some tasks only.
    fn stale(&self, holding: &[AttemptRange]) -> Vec<AttemptRange> {
        if !self.drops_are_known {
            return Vec::new();
        }
        let own = by_attempt(&self.attempts);
        holding.iter().flat_map(|held| without(*held, own.get(&key(held)))).collect()
    }

    fn suspect(&self, attempt: &AttemptRange) -> Suspect {
        if self.suspects.contains(attempt) { Suspect::Yes } else { Suspect::No }
    }
}

/// Brings the ledger to what a worker's hello says: its address, its capacity, and what it holds.
async fn reconcile(
    control: ControlPlane,
    hello: (NodeId, String, NodeCapacity),
    heard: Heard,
    holding: Vec<AttemptRange>,
) -> Result<(), Refusal> {
    let (node, address, capacity) = hello;
    let known = control
        .read_local(|ledger| {
            let member = ledger.member(node).filter(|member| member.is_machine())?;
            Some(member.address == address && member.capacity == capacity)
        })
        .await;
    match known {
        None => return Err(refusal(codes::NO_SUCH_NODE, format!("{node} is not a machine of this cluster"))),
        Some(true) => {}
        Some(false) => {
            control.propose(Command::UpdateNode { node, address, capacity }).await?;
        }
    }
    release_returned(&control, node, heard, holding).await
}

impl Scheduler {
    /// Ends the session that a node had: whatever went to it may have gone nowhere.
    fn end_session(&mut self, node: NodeId, ctx: &mut Context<Self>) {
        if self.workers.lose(node, Instant::now()) {
            self.step(Input::NodeDetached(node), ctx);
        }
    }

    /// Begins a session. Nothing overtakes the look at the ledger: the mailbox waits for it.
    fn begin_session(&self, arrived: Arrived, ctx: &mut Context<Self>) -> oneshot::Receiver<Result<u64, Refusal>> {
        let (begun, when_begun) = oneshot::channel();
        let (control, node) = (self.control.clone(), arrived.node);
        let look = async move { control.read_local(|ledger| Beginning::of(ledger, node)).await };
        ctx.wait(look.into_actor(self).map(|beginning, scheduler, ctx| {
            // Whoever said hello may be gone; then its port is closed, and that is noticed.
            drop(begun.send(scheduler.attach(arrived, beginning, ctx)));
        }));
        when_begun
    }

    fn attach(&mut self, arrived: Arrived, beginning: Beginning, ctx: &mut Context<Self>) -> Result<u64, Refusal> {
        if self.known.is_none() {
            return Err(no_leader());
        }
        let untold = if self.stopped { Vec::new() } else { beginning.untold(&arrived.holding) };
        let untold = untold.into_iter().map(|attempt| (arrived.node, attempt, beginning.suspect(&attempt))).collect();
        let stale = beginning.stale(&arrived.holding);
        let Arrived { node, slots, memory_bytes, holding, way } = arrived;
        let Beginning { index, labels, gpu_milli, .. } = beginning;
        let brought = holding.iter().map(|attempt| attempt.job).collect();
        let session = self.workers.attach(node, way, (index, brought), Instant::now());
        self.liveness.seen(node, Alive { running: 0, rtt: None, seen_at_ms: now_ms(), vitals: None });
        self.note(node, NodeNote::Up { slots }, ctx);
        if !stale.is_empty() {
            self.send(
                node,
                stale.chunks(ATTEMPTS_MAX).map(|some| LeaderMessage::DropTasks(some.to_vec())).collect(),
                ctx,
            );
        }
        self.tell(untold, Vec::new(), Vec::new(), ctx);
        self.stop_returned(node, &holding, ctx);
        self.core.handle(Input::NodeDescribed { node, labels, gpu_milli });
        self.step(Input::NodeAttached { node, slots, memory_bytes }, ctx);
        Ok(session)
    }
}

fn no_leader() -> Refusal {
    refusal(codes::NO_LEADER, "this node does not lead".to_owned())
}

type Attaching = ResponseActFuture<Scheduler, Result<u64, Refusal>>;

impl Scheduler {
    fn admit(&mut self, attach: AttachWorker, ctx: &mut Context<Self>) -> Attaching {
        let AttachWorker { node, address, capacity, holding, port } = attach;
        if self.known.is_none() {
            return Box::pin(fut::ready(Err(no_leader())));
        }
        if self.releasing.contains_key(&node) {
            // What it brings is compared with what is its own once that has been settled.
            let waited = tokio::time::sleep(RECORDED_POLL).into_actor(self);
            let again = AttachWorker { node, address, capacity, holding, port };
            return Box::pin(waited.then(move |(), scheduler, ctx| scheduler.admit(again, ctx)));
        }
        let (slots, memory_bytes) = (capacity.slots, capacity.memory_bytes);
        let heard = self.heard(node);
        self.end_session(node, ctx);
        // It is here: its lease begins anew while its hello is looked at.
        self.workers.renew(node, Instant::now());
        let hello = (node, address.clone(), capacity.clone());
        let reconciled = reconcile(self.control.clone(), hello, heard, holding.clone());
        Box::pin(reconciled.into_actor(self).then(move |reconciled, scheduler, ctx| -> Attaching {
            if reconciled.is_ok() && scheduler.releasing.contains_key(&node) {
                // Meanwhile its lease ran out, or all work was stopped.
                return scheduler.admit(AttachWorker { node, address, capacity, holding, port }, ctx);
            }
            let arrived = Arrived { node, slots, memory_bytes, holding, way: (port, address) };
            let begun = reconciled.map(|()| scheduler.begin_session(arrived, ctx));
            Box::pin(async move { begun?.await.unwrap_or_else(|_| Err(no_leader())) }.into_actor(scheduler))
        }))
    }

    /// A machine that has moved does not speak from where it was any more; one whose identity was copied does. So whoever
    /// comes from elsewhere waits until the one that is there has had the time to show that it is.
    fn admit_unless_alive(&self, attach: AttachWorker, known: String) -> Attaching {
        let asked_at = Instant::now();
        let waited = tokio::time::sleep(RIVAL_PATIENCE).into_actor(self);
        Box::pin(waited.then(move |(), scheduler, ctx| {
            let AttachWorker { node, address, .. } = &attach;
            if !scheduler.workers.was_heard_since(*node, asked_at) {
                return scheduler.admit(attach, ctx);
            }
            let message = format!("{node} is at {known}, and another machine comes in its name from {address}");
            let help = "its data folder was copied: give one of the two an empty folder, and let it join with a token";
            let refused = Refusal { help: Some(help.to_owned()), ..refusal(codes::IDENTITY_COPIED, message) };
            Box::pin(fut::ready(Err(refused)))
        }))
    }
}

impl Handler<AttachWorker> for Scheduler {
    type Result = Attaching;

    fn handle(&mut self, attach: AttachWorker, ctx: &mut Self::Context) -> Self::Result {
        match self.workers.elsewhere(attach.node, &attach.address) {
            Some(known) => self.admit_unless_alive(attach, known),
            None => self.admit(attach, ctx),
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::{AttemptToken, IndexRange, JobId};

    use super::*;

    fn attempt(job: u64, start: u32, end: u32, token: u64) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(token) }
    }

    #[test]
    fn a_node_is_told_what_it_was_given_while_it_said_hello() {
        let attempts = vec![attempt(1, 5, 9, 10), attempt(2, 0, 1, 30)];
        let suspects = vec![attempt(2, 0, 1, 30)];
        let beginning =
            Beginning { index: 30, attempts, suspects, labels: Labels::default(), gpu_milli: 0, drops_are_known: true };
        assert_eq!(beginning.suspect(&attempt(2, 0, 1, 30)), Suspect::Yes);
        assert_eq!(beginning.untold(&[attempt(1, 7, 9, 10)]), [attempt(2, 0, 1, 30)], "what it has is not run twice");
        assert_eq!(beginning.untold(&[attempt(1, 7, 9, 9)]).len(), 2, "another attempt is another one");
        let holding = [attempt(1, 0, 6, 10), attempt(1, 5, 9, 9), attempt(2, 1, 2, 30)];
        let taken = [attempt(1, 0, 5, 10), holding[1], holding[2]];
        assert_eq!(beginning.stale(&holding), taken, "what was taken from it while it was away");
        let old = Beginning { drops_are_known: false, ..beginning };
        assert_eq!(old.stale(&holding), []);
    }
}
