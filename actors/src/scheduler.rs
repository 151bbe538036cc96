//! The scheduler: on the leader, gives ready tasks to workers and takes their reports into the ledger.
//!
//! A thin shell: what goes where is `nexus-scheduler`'s decision, what is true is the ledger's. This actor translates the
//! ledger's effects into inputs, proposals into commands, and keeps the workers' attachments and leases.

mod absent;
mod attaching;
mod beginning;
mod finishing;
mod foresight;
mod predictions;
mod release;
mod stopping;
mod telling;
mod upkeep;
mod vitals;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use nexus_ledger::{Command, Effect, Ledger, NodeNote, Suspect};
use nexus_model::{AttemptToken, JobId, JobSpec, NodeId};
use nexus_scheduler::{Assign, Explanation, Input, JobFacts};
use nexus_wire::limits::HEARTBEAT_INTERVAL;
use nexus_wire::{AttemptRange, LeaderMessage, WorkerMessage};

pub(crate) use self::attaching::{AttachWorker, RIVAL_PATIENCE};
pub(crate) use self::foresight::{Foresee, Settle};
use self::release::{Heard, TakeBack};
pub(crate) use self::release::{lost_with_its_worker, stopped_with_its_worker};
use crate::control::{ControlPlane, LedgerEvent, Standing, now_ms};
use crate::learning::Learner;
use crate::liveness::{Alive, Liveness};
use crate::omega::Lifeline;
use crate::vacancy::Vacancy;
use finishing::{Batch, Finishing, Report};
use predictions::Predictions;
use workers::Workers;

/// Batches of messages to one worker that may wait: a worker that does not take them for so long is lost.
pub(crate) const WORKER_PORT: usize = 256;
/// Messages in the mailbox: each worker has at most a few on the way.
const MAILBOX: usize = 1024;
/// Assignments in one entry of the log: a quarter of a megabyte of them.
const ASSIGNMENTS_MAX: usize = 8192;
/// Attempts in one message to a worker: a few dozen kilobytes.
const ATTEMPTS_MAX: usize = 1024;
/// What a node was given, and whether it has lost a worker before.
type Granted = (NodeId, AttemptRange, Suspect);

/// Between two looks at leases.
const TICK: Duration = HEARTBEAT_INTERVAL;
/// Between two looks whether what a node that stops has reported is recorded.
const RECORDED_POLL: Duration = Duration::from_millis(10);

/// Control plane → scheduler: this happened. Answer: nothing. Never lost: a new scheduler begins with the whole ledger.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromLedger(pub(crate) LedgerEvent);

/// Attachment → scheduler: a message of an attached worker. Answer: nothing, once more of it may be read (which is the
/// back-pressure). If lost with the attachment, the worker repeats what matters.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromWorker {
    pub(crate) node: NodeId,
    pub(crate) session: u64,
    pub(crate) message: WorkerMessage,
    /// Of the link that it came over.
    pub(crate) round_trip: Option<Duration>,
}

/// Attachment → scheduler: the way to the worker is gone. Answer: nothing. If lost, silence says the same.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct DetachWorker {
    pub(crate) node: NodeId,
    pub(crate) session: u64,
}

/// Gateway → scheduler: why are a job's tasks placed as they are? Answer: nothing where this node does not lead or does
/// not know the job. If lost, the explanation goes without it.
#[derive(Message)]
#[rtype(result = "Option<Explanation>")]
pub(crate) struct ExplainPlacement(pub(crate) JobId);

/// The scheduler actor.
pub(crate) struct Scheduler {
    control: ControlPlane,
    liveness: Liveness,
    core: nexus_scheduler::Scheduler,
    workers: Workers,
    finishing: Finishing,
    /// Index of the last entry that the core knows; `None` while this node does not lead.
    known: Option<u64>,
    /// What it does when it begins to lead.
    began: absent::Began,
    /// This node, and when this actor of it began.
    node: NodeId,
    started_ms: u64,
    /// A look at the clock is under way.
    looking: bool,
    /// Shared with those who accept jobs: whether a job may be given away as it is accepted.
    vacancy: Vacancy,
    /// Whether a job was foreseen at the last tick.
    was_foreseen: bool,
    ages: upkeep::Ages,
    predictions: Predictions,
    /// Nodes that take nothing new, as they said last.
    held: BTreeSet<NodeId>,
    /// Nodes whose tasks go back to the queue: they are not heard until that is done.
    releasing: BTreeMap<NodeId, usize>,
    /// How often this node began to lead: what was begun under an earlier reign is not gone on with.
    reign: u64,
    /// Whether all work is stopped.
    stopped: bool,
    _lifeline: Lifeline,
}

impl Scheduler {
    pub(crate) fn new(
        node: NodeId,
        control: ControlPlane,
        liveness: Liveness,
        learner: Option<Arc<Learner>>,
        vacancy: Vacancy,
        lifeline: Lifeline,
    ) -> Self {
        Scheduler {
            control,
            liveness,
            core: nexus_scheduler::Scheduler::new(),
            workers: Workers::default(),
            finishing: Finishing::default(),
            known: None,
            began: absent::Began::default(),
            node,
            started_ms: now_ms(),
            looking: false,
            vacancy,
            was_foreseen: false,
            ages: upkeep::Ages::of_process(now_ms(), Instant::now()),
            predictions: Predictions::of_learner(learner),
            held: BTreeSet::new(),
            releasing: BTreeMap::new(),
            reign: 0,
            stopped: false,
            _lifeline: lifeline,
        }
    }

    /// Begins to lead: looks at the whole ledger, and expects every node that holds something for a full lease.
    fn begin(&mut self, Standing { index, effects }: Standing, ctx: &mut Context<Self>) {
        self.core = nexus_scheduler::Scheduler::new();
        self.held.clear();
        self.stopped = false;
        self.known = Some(index);
        self.reign += 1;
        self.releasing.clear();
        let now = Instant::now();
        for effect in &effects {
            if let Effect::TasksAssigned { node, .. } = effect {
                self.workers.expect(*node, AttemptToken(index), now);
            }
        }
        self.take_in(effects, ctx);
        self.look_for_the_absent(ctx);
    }

    fn follow(&mut self) {
        self.known = None;
        self.vacancy.set(false);
        self.releasing.clear();
        for node in self.workers.clear() {
            self.liveness.lost(node);
        }
    }

    /// Translates effects, tells workers, and proposes what follows.
    fn take_in(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        let was_stopped = self.stopped;
        let mut proposals = Vec::new();
        let mut granted: Vec<Granted> = Vec::new();
        let mut ended = Vec::new();
        for effect in effects {
            match &effect {
                Effect::TasksAssigned { node, attempt, suspect } if self.workers.is_news(*node, attempt.token) => {
                    // One that has gone meanwhile is waited for as if it had been given it before.
                    self.workers.expect(*node, AttemptToken(attempt.token.0.saturating_sub(1)), Instant::now());
                    granted.push((*node, *attempt, *suspect));
                }
                Effect::JobEnded { job, state } => ended.push((*job, *state)),
                Effect::NodeRemoved { node } => self.drop_worker(*node, NodeNote::Stopped, ctx),
                Effect::WorkStopped => self.stopped = true,
                Effect::WorkResumed => self.stopped = false,
                _ => {}
            }
            let predictions = &mut self.predictions;
            let facts = |spec: &JobSpec| JobFacts { expected: predictions.of(spec), ..JobFacts::of(spec) };
            if let Some(input) = effect.scheduled(facts) {
                self.core.handle(input);
            }
        }
        // All that happened together is decided on together, and goes into the log as one entry.
        self.core.plan(&mut proposals);
        if self.stopped {
            // Given right before all work was stopped: it is taken back before anybody hears of it.
            granted.clear();
        }
        let ahead = self.told_ahead();
        self.tell(granted, ended, ahead, ctx);
        if self.stopped && !was_stopped {
            self.stop_work(ctx);
        }
        self.propose_assignments(proposals, ctx);
    }

    fn step(&mut self, input: Input, ctx: &mut Context<Self>) {
        let mut proposals = Vec::new();
        self.core.step(input, &mut proposals);
        self.propose_assignments(proposals, ctx);
    }

    fn propose_assignments(&mut self, proposals: Vec<Assign>, ctx: &mut Context<Self>) {
        self.vacancy.set(self.known.is_some() && self.core.has_vacancy());
        let mut left = proposals;
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(ASSIGNMENTS_MAX));
            self.propose(std::mem::replace(&mut left, rest), ctx);
        }
    }

    fn propose(&mut self, proposals: Vec<Assign>, ctx: &mut Context<Self>) {
        let control = self.control.clone();
        let assignments = proposals
            .iter()
            .map(|Assign { node, job, range, .. }| nexus_ledger::Assignment { job: *job, range: *range, node: *node })
            .collect();
        let proposed = async move { control.propose(Command::AssignTasks { assignments, at_ms: now_ms() }).await };
        ctx.spawn(proposed.into_actor(self).map(|result, scheduler, _| {
            if let Err(refusal) = result {
                tracing::warn!(reason = %refusal, "an assignment was not accepted; trying again");
                let mut none = Vec::new();
                for assign in proposals {
                    scheduler.core.step(Input::ProposalFailed(assign), &mut none);
                }
            }
        }));
    }

    fn send(&mut self, node: NodeId, messages: Vec<LeaderMessage>, ctx: &mut Context<Self>) {
        if !self.workers.send(node, messages) {
            tracing::warn!(%node, "the worker does not take its messages; it counts as lost");
            self.drop_worker(node, NodeNote::Lost, ctx);
        }
    }

    fn note(&self, node: NodeId, note: NodeNote, ctx: &mut Context<Self>) {
        ctx.spawn(upkeep::note(self.control.clone(), node, note).into_actor(self));
    }

    /// The way to a worker is gone: no new work for it; what it holds stays its own until the end of its lease.
    fn drop_worker(&mut self, node: NodeId, note: NodeNote, ctx: &mut Context<Self>) {
        if self.workers.lose(node, Instant::now()) {
            self.liveness.lost(node);
            self.note(node, note, ctx);
            self.step(Input::NodeDetached(node), ctx);
        }
    }

    /// What is known of a worker, attached or not.
    fn heard(&self, node: NodeId) -> Heard {
        Heard { running: self.workers.last_running(node), told: self.workers.told(node) }
    }

    /// Takes everything back from a node, as `back` says of what the ledger knows and of what it was heard to run.
    fn release(
        &mut self,
        node: NodeId,
        back: impl FnOnce(&Ledger, NodeId, Heard) -> TakeBack + 'static,
        ctx: &mut Context<Self>,
    ) {
        let (control, heard) = (self.control.clone(), self.heard(node));
        self.workers.forget(node);
        let reign = self.begin_release(node);
        let look = async move { control.read_local(|ledger| back(ledger, node, heard)).await };
        ctx.spawn(look.into_actor(self).map(move |back, scheduler, ctx| scheduler.give_back((node, reign), back, ctx)));
    }

    /// Takes everything back from a node that stops, once what it has reported is recorded: that has ended.
    fn release_stopped(&mut self, node: NodeId, ctx: &mut Context<Self>) {
        if !self.workers.is_lost(node) {
            // It is here again, and says itself what it has.
        } else if self.finishing.has(node) {
            ctx.run_later(RECORDED_POLL, move |scheduler, ctx| scheduler.release_stopped(node, ctx));
        } else {
            self.release(node, TakeBack::from_stopped, ctx);
        }
    }

    /// Proposes waiting reports while there are places.
    fn record(&mut self, ctx: &mut Context<Self>) {
        while let Some(Batch { node, session, sequence, tasks }) = self.finishing.next() {
            let (control, liveness) = (self.control.clone(), self.liveness.clone());
            let recorded = async move { release::record(&control, &liveness, node, tasks).await };
            ctx.spawn(recorded.into_actor(self).map(move |recorded, scheduler, ctx| {
                scheduler.finishing.done(node);
                match recorded {
                    Ok(()) if scheduler.workers.is_current(node, session) => {
                        scheduler.send(node, vec![LeaderMessage::FinishedRecorded { sequence }], ctx);
                    }
                    Ok(()) => {}
                    Err(refusal) => {
                        // The worker keeps the report; it comes again with its next hello.
                        tracing::warn!(%node, reason = %refusal, "a report was not recorded");
                        if scheduler.workers.is_current(node, session) {
                            scheduler.drop_worker(node, NodeNote::Lost, ctx);
                        }
                    }
                }
                scheduler.record(ctx);
            }));
        }
        for (node, session) in self.finishing.let_in() {
            if self.workers.is_current(node, session) {
                self.workers.heard(node, None, Instant::now());
            }
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.known.is_none() {
            return;
        }
        let now = Instant::now();
        for node in self.workers.silent(now) {
            tracing::warn!(%node, "a worker is silent; it counts as lost");
            self.drop_worker(node, NodeNote::Lost, ctx);
        }
        for node in self.workers.expired(now) {
            tracing::warn!(%node, "a lost worker's lease is over; its tasks go back to the queue");
            self.release(node, TakeBack::from_lost, ctx);
        }
        for node in self.workers.quiet(now) {
            self.hold_quiet(node, ctx);
        }
        self.let_go_of_foreseen();
        self.step(Input::TryAgain, ctx);
        // Alone in its turn: a description that waits for a look at the ledger is overtaken by nothing.
        let ahead = self.told_ahead();
        if !ahead.is_empty() {
            self.tell(Vec::new(), Vec::new(), ahead, ctx);
        }
        self.look_at_clock(ctx);
    }

    fn look_at_clock(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let looked = upkeep::look(self.control.clone(), self.ages.clone());
        ctx.spawn(looked.into_actor(self).map(|looked, scheduler, _| {
            scheduler.looking = false;
            if let Err(refusal) = looked {
                tracing::debug!(reason = %refusal, "what the clock asks for was not accepted; it is looked at again");
            }
        }));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(TICK, |scheduler, ctx| scheduler.tick(ctx));
        if self.control.leads() {
            let control = self.control.clone();
            let standing = async move { control.standing().await };
            ctx.wait(standing.into_actor(self).map(|standing, scheduler, ctx| scheduler.begin(standing, ctx)));
        }
    }
}

impl Handler<FromLedger> for Scheduler {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, FromLedger(event): FromLedger, ctx: &mut Self::Context) -> Self::Result {
        match event {
            LedgerEvent::Lead => {
                let control = self.control.clone();
                let standing = async move { control.standing().await };
                let begun =
                    standing.into_actor(self).map(|standing, scheduler: &mut Self, ctx| scheduler.begin(standing, ctx));
                return AtomicResponse::new(Box::pin(begun));
            }
            LedgerEvent::Follow => self.follow(),
            LedgerEvent::Moved(moved) => {
                if self.known.is_some_and(|known| moved.index > known) {
                    self.known = Some(moved.index);
                    self.take_in(moved.effects, ctx);
                }
            }
        }
        AtomicResponse::new(Box::pin(fut::ready(())))
    }
}

impl Handler<FromWorker> for Scheduler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, from: FromWorker, ctx: &mut Self::Context) -> Self::Result {
        let FromWorker { node, session, message, round_trip } = from;
        if !self.workers.is_current(node, session) {
            return Box::pin(std::future::ready(()));
        }
        let now = Instant::now();
        match message {
            WorkerMessage::Hello { .. } => tracing::warn!(%node, "a second hello on one attachment is ignored"),
            WorkerMessage::Heartbeat { running, vitals } => {
                let tasks = running.iter().map(|attempt| attempt.range.len().min(1)).sum();
                let vitals = vitals.map(|vitals| Arc::new(*vitals));
                self.hold(node, vitals.as_deref(), ctx);
                self.liveness.seen(node, Alive { running: tasks, rtt: round_trip, seen_at_ms: now_ms(), vitals });
                self.workers.heard(node, Some(running), now);
            }
            WorkerMessage::TasksFinished { sequence, tasks } => {
                self.workers.heard(node, None, now);
                self.finishing.push(Report { node, session, sequence, tasks });
                self.record(ctx);
                if let Some(is_let_in) = self.finishing.hold_back(node, session) {
                    self.workers.hold_back(node);
                    // It is let in also where this actor goes.
                    return Box::pin(async { drop(is_let_in.await) });
                }
            }
            WorkerMessage::BeginningTasks(tasks) => {
                self.workers.heard(node, None, now);
                self.begin_tasks((node, session), tasks, ctx);
            }
            WorkerMessage::Goodbye => {
                self.drop_worker(node, NodeNote::Stopped, ctx);
                self.release_stopped(node, ctx);
            }
        }
        Box::pin(std::future::ready(()))
    }
}

impl Handler<DetachWorker> for Scheduler {
    type Result = ();

    fn handle(&mut self, DetachWorker { node, session }: DetachWorker, ctx: &mut Self::Context) {
        if self.workers.is_current(node, session) {
            tracing::info!(%node, "a worker is gone");
            self.drop_worker(node, NodeNote::Lost, ctx);
        }
    }
}

impl Handler<ExplainPlacement> for Scheduler {
    type Result = Option<Explanation>;

    fn handle(&mut self, ExplainPlacement(job): ExplainPlacement, _: &mut Self::Context) -> Self::Result {
        self.known.and_then(|_| self.core.explain(job))
    }
}
