//! The world of the simulation: a leader with its scheduler and ledger, workers that come and go, users, and chance.

use std::collections::{BTreeMap, VecDeque};

use nexus_model::{IndexRange, JobId, JobSpec, NodeId};
use nexus_scheduler::{Assign, Input, JobFacts, Scheduler};
use nexus_wire::{FinishedTasks, ProtocolVersion};

use super::chance::Chance;
use super::history::{History, Step, Task};
use super::invariants;
use super::machines::{NODE_MEMORY, Worker, machine};
use super::plan::{Happening, Plan};
use crate::{Applied, Assignment, Command, Effect, Ledger, Suspect, decode_command, encode_command};

/// The clock at the beginning, in ms: far enough from zero that it can be set back.
const BEGIN_MS: u64 = 1_000_000_000_000;
/// A clock jumps by up to ten years, either way.
const JUMP_MAX_MS: u64 = 315_360_000_000;
/// A snapshot is kept for a later restart after so many entries.
const KEEP_EVERY: usize = 64;
/// A restarted node is given so many entries that its snapshot holds already.
const REPEATED_ENTRIES: usize = 16;

/// The books of jobs that an entry did not touch are looked at again after so many steps.
const FULL_CHECK_EVERY: u64 = 16;

pub(crate) struct World {
    pub(super) chance: Chance,
    plan: Plan,
    pub(super) ledger: Ledger,
    log: Vec<(u64, Vec<u8>)>,
    /// A snapshot, and how many entries of the log it holds.
    kept: (usize, Vec<u8>),
    index: u64,
    checks: u64,
    clock_ms: u64,
    pub(super) history: History,
    scheduler: Scheduler,
    /// Proposals of the scheduler on their way into the log, with the last entry before each.
    proposed: VecDeque<(u64, Vec<Assign>)>,
    pub(super) workers: BTreeMap<NodeId, Worker>,
    /// Reports that were sent before and may come again.
    pub(super) repeats: Vec<(NodeId, FinishedTasks)>,
    /// Submissions that were made before and may come again.
    pub(super) submitted: Vec<(JobSpec, Option<String>)>,
    pub(super) last_token: u8,
    pub(super) jobs: Vec<JobId>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let plan = Plan::draw(&mut chance);
        let ledger = Ledger::new();
        let kept = (0, ledger.encode_snapshot().unwrap());
        let mut world = World {
            chance,
            plan,
            ledger,
            log: Vec::new(),
            kept,
            index: 0,
            checks: 0,
            clock_ms: BEGIN_MS,
            history: History::default(),
            scheduler: Scheduler::new(),
            proposed: VecDeque::new(),
            workers: BTreeMap::new(),
            repeats: Vec::new(),
            submitted: Vec::new(),
            last_token: 0,
            jobs: Vec::new(),
        };
        let (name, ca_certificate_pem) = ("sim".into(), "PEM".into());
        world.commit(Command::CreateCluster { name, ca_certificate_pem, founder: machine(1), at_ms: BEGIN_MS });
        // One cluster of four was founded by an older version, and is not over to this one.
        if world.chance.below(4) > 0 {
            world.commit(Command::RaiseProtocol { protocol: ProtocolVersion::CURRENT });
        }
        world.attach(NodeId(1));
        for _ in 0..2 {
            world.join();
        }
        world
    }

    /// The leader's clock.
    pub(super) fn now(&self) -> u64 {
        self.clock_ms
    }

    /// One thing happens; then every invariant holds.
    pub(crate) fn step(&mut self) {
        self.clock_ms += self.chance.below(50);
        match self.plan.next(&mut self.chance) {
            Happening::Submit => self.submit(),
            Happening::CommitProposal => self.commit_proposal(),
            Happening::Report => self.report(),
            Happening::Wake => self.wake(),
            Happening::Join => self.join(),
            Happening::RepeatSubmission => self.repeat_submission(),
            Happening::RepeatReport if self.chance.below(4) == 0 => self.report_of_another(),
            Happening::RepeatReport => self.repeat_report(),
            Happening::LoseWorker => self.lose_worker(),
            Happening::ReturnWorker => self.return_worker(),
            Happening::Cancel => self.cancel(),
            // With a proposal from before on its way, the two lives of the job would not be told apart here.
            Happening::Retry if self.proposed.is_empty() => self.retry(),
            Happening::Retry => {}
            Happening::LoseProposal => self.lose_proposal(),
            Happening::ChangeLeader => self.change_leader(),
            Happening::Restart => self.restart(),
            Happening::ReplayLog => self.replay_log(),
            Happening::RemoveNode => self.remove_node(),
            Happening::StrayProposal => self.stray_proposal(),
            Happening::ReuseToken => self.reuse_token(),
            Happening::JumpClock => self.jump_clock(),
            Happening::Forget => self.forget(),
            Happening::StopWork => drop(self.commit(Command::StopWork { by: "ada".into(), at_ms: self.clock_ms })),
            Happening::ResumeWork => self.resume_work(),
        }
        self.check();
    }

    /// Everything that can end ends: workers come back, time goes by, proposals arrive, tasks report.
    pub(crate) fn settle(&mut self) {
        self.resume_work();
        let (mut rounds, mut idle, mut ended_before) = (0, 0, 0);
        while self.ledger.jobs_active() > 0 {
            rounds += 1;
            // Arrays on few slots take long, one task after another; but something goes on.
            let ended: u64 = self.ledger.jobs(usize::MAX, None).iter().map(|job| u64::from(job.ended())).sum();
            idle = if ended == ended_before { idle + 1 } else { 0 };
            ended_before = ended;
            assert!(idle < 200, "every job ends: {:?}", self.ledger.jobs(9, None));
            self.clock_ms += 1_000;
            self.wake_at(self.clock_ms.max(self.next_wake()));
            for node in self.workers.keys().copied().collect::<Vec<_>>() {
                if !self.workers[&node].is_attached {
                    self.attach(node);
                }
            }
            while !self.proposed.is_empty() {
                self.commit_proposal();
            }
            for node in self.workers.keys().copied().collect::<Vec<_>>() {
                (0..8).for_each(|_| self.report_from(node));
            }
            if rounds % 16 == 0 {
                self.check();
            }
        }
        self.check_jobs(true);
    }

    /// The log gives the same state from the beginning.
    pub(crate) fn replay(&self) {
        let mut ledger = Ledger::new();
        for (index, bytes) in &self.log {
            ledger.apply(*index, decode_command(bytes).unwrap());
        }
        assert!(ledger.encode_snapshot().unwrap() == self.snapshot(), "a replay gives the same bytes");
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.ledger.encode_snapshot().unwrap()
    }

    fn check(&mut self) {
        self.checks += 1;
        self.check_jobs(self.checks.is_multiple_of(FULL_CHECK_EVERY));
    }

    fn check_jobs(&mut self, all: bool) {
        let touched = std::mem::take(&mut self.history.touched);
        let some = (!all).then_some(&touched);
        invariants::of_ledger(&self.history, &self.ledger, some);
        let (mut pending, mut on_the_way): (BTreeMap<NodeId, u64>, u64) = Default::default();
        for (at, assigns) in &self.proposed {
            for assign in assigns {
                // The scheduler gives up what it proposed when the job ends, also when it is run again later.
                let Some(job) = self.history.jobs.get(&assign.job) else { continue };
                if job.ended.is_some() || job.retried_at > *at {
                    continue;
                }
                let tasks = (assign.range.start..assign.range.end).map(|index| &job.tasks[&index]);
                // What an earlier proposal gave to the same node since has taken the place of this one.
                let came = |task: &Task| task.given.iter().any(|(node, index)| *node == assign.node && index > at);
                for task in tasks.filter(|task| !came(task)) {
                    *pending.entry(assign.node).or_default() += 1;
                    on_the_way += u64::from(task.is_ready);
                }
            }
        }
        assert_eq!(self.scheduler.ready_count() + on_the_way, self.ledger.tasks_queued(), "ready tasks are known");
        for (node, worker) in &self.workers {
            let held: u64 = self.ledger.attempts(*node).iter().map(|a| u64::from(a.range.len())).sum();
            let given = self.scheduler.given_to(*node);
            assert_eq!(given, held + pending.get(node).copied().unwrap_or(0), "{node} has what it was given");
            let idle = worker.is_attached && given == 0 && self.ledger.stopped().is_none();
            assert!(!idle || self.scheduler.ready_count() == 0, "{node} idles while tasks are ready");
        }
    }

    pub(super) fn commit(&mut self, command: Command) -> Applied {
        self.index += 1 + self.chance.below(2);
        let bytes = encode_command(&command).unwrap();
        let held_before = match &command {
            Command::FinishTasks { node, tasks, .. } => {
                tasks.iter().map(|finished| self.history.held_under(*node, finished.attempt)).sum()
            }
            _ => 0,
        };
        let applied = self.ledger.apply(self.index, decode_command(&bytes).unwrap());
        self.log.push((self.index, bytes));
        let step = Step { index: self.index, at_ms: self.clock_ms, command: &command, applied: &applied, held_before };
        self.history.begin(&step);
        for effect in &applied.effects {
            invariants::before_effect(&step, effect, &self.history);
            self.history.note(&step, effect);
        }
        invariants::after_effects(&step, &self.history);
        self.history.end(&step);
        let mut proposals = Vec::new();
        for effect in applied.effects.clone() {
            if let Effect::TasksAssigned { node, attempt, suspect } = &effect {
                let worker = self.workers.entry(*node).or_default();
                worker.holds.push_back(*attempt);
                worker.unbegun.extend((*suspect == Suspect::Yes).then_some(*attempt));
            }
            effect.scheduled(JobFacts::of).into_iter().for_each(|input| self.scheduler.handle(input));
        }
        // As the actor does: what happened together is decided on together.
        self.scheduler.plan(&mut proposals);
        self.propose(proposals);
        if self.log.len().is_multiple_of(KEEP_EVERY) {
            self.kept = (self.log.len(), self.snapshot());
        }
        applied
    }

    fn propose(&mut self, proposals: Vec<Assign>) {
        if !proposals.is_empty() {
            self.proposed.push_back((self.index, proposals));
        }
    }

    pub(super) fn tell(&mut self, input: Input) {
        let mut proposals = Vec::new();
        self.scheduler.step(input, &mut proposals);
        self.propose(proposals);
    }

    fn resume_work(&mut self) {
        if self.ledger.stopped().is_some() {
            self.commit(Command::ResumeWork);
        }
    }

    fn wake(&mut self) {
        let at_ms = self.now();
        if self.ledger.has_wakes(at_ms) {
            self.wake_at(at_ms);
        }
    }

    fn wake_at(&mut self, at_ms: u64) {
        self.clock_ms = at_ms;
        self.commit(Command::Wake { at_ms });
        invariants::after_wake(at_ms, &self.history);
    }

    /// When the last of what rests wakes: a clock that was set back would let it rest for years.
    fn next_wake(&self) -> u64 {
        let jobs = self.history.jobs.values().filter(|job| job.ended.is_none());
        let times = jobs.flat_map(|job| {
            let resting = job.tasks.values().filter_map(|task| task.rests_until_ms);
            resting.chain(job.spec.conditions.not_before_ms)
        });
        times.max().unwrap_or(0)
    }

    fn commit_proposal(&mut self) {
        let Some((_, proposals)) = self.proposed.pop_front() else { return };
        let assignments =
            proposals.into_iter().map(|Assign { node, job, range, .. }| Assignment { job, range, node }).collect();
        let at_ms = self.now();
        self.commit(Command::AssignTasks { assignments, at_ms });
    }

    fn lose_proposal(&mut self) {
        let Some((_, proposals)) = self.proposed.pop_front() else { return };
        for assign in proposals {
            self.tell(Input::ProposalFailed(assign));
        }
        self.tell(Input::TryAgain);
    }

    /// A proposal of an earlier leader, who knew other members and other tasks: the scheduler of today was not asked, so
    /// that only what is not to be given out may be in it.
    fn stray_proposal(&mut self) {
        let ended =
            self.jobs.iter().copied().filter(|job| self.ledger.job(*job).is_none_or(|view| view.state.is_final()));
        let waiting = self.history.jobs.iter().filter(|(_, job)| {
            job.ended.is_none() && job.tasks.values().all(|task| !task.is_ready && task.holder.is_none())
        });
        let jobs: Vec<JobId> = ended.chain(waiting.map(|(id, _)| *id)).collect();
        let nodes: Vec<NodeId> = self.workers.keys().copied().collect();
        let (Some(job), Some(node)) = (self.chance.pick(&jobs), self.chance.pick(&nodes)) else { return };
        let Some(spec) = self.history.jobs.get(&job).map(|job| job.spec.clone()) else { return };
        let range = IndexRange::new(spec.tasks.start, spec.tasks.start + 1);
        let at_ms = self.now();
        self.commit(Command::AssignTasks { assignments: vec![Assignment { job, range, node }], at_ms });
    }

    /// Another node leads: its scheduler knows only the ledger, and proposals on the way are lost or still arrive.
    fn change_leader(&mut self) {
        let kept = self.chance.below(2);
        for _ in 0..kept {
            self.commit_proposal();
        }
        self.proposed.clear();
        self.scheduler = Scheduler::new();
        let standing: Vec<Input> =
            self.ledger.standing().into_iter().filter_map(|effect| effect.scheduled(JobFacts::of)).collect();
        standing.into_iter().for_each(|input| self.tell(input));
        let attached: Vec<_> =
            self.workers.iter().filter(|(_, w)| w.is_attached).map(|(id, w)| (*id, w.slots)).collect();
        for (node, slots) in attached {
            self.tell(Input::NodeAttached { node, slots, memory_bytes: NODE_MEMORY });
        }
    }

    /// The node starts again from its snapshot.
    fn restart(&mut self) {
        let bytes = self.snapshot();
        self.ledger = Ledger::decode_snapshot(&bytes).unwrap();
        assert!(self.snapshot() == bytes, "a restored ledger gives the same bytes");
    }

    /// The node starts again from an older snapshot; the log gives it some entries that the snapshot holds, and the rest.
    fn replay_log(&mut self) {
        let before = self.snapshot();
        let (entries, bytes) = &self.kept;
        let mut ledger = Ledger::decode_snapshot(bytes).unwrap();
        for (index, entry) in &self.log[entries.saturating_sub(REPEATED_ENTRIES)..] {
            ledger.apply(*index, decode_command(entry).unwrap());
        }
        self.ledger = ledger;
        assert!(self.snapshot() == before, "a snapshot and the log give the same bytes");
    }

    /// The leader's clock is set, forwards or back.
    fn jump_clock(&mut self) {
        let jump = self.chance.below(JUMP_MAX_MS);
        self.clock_ms =
            if self.chance.below(2) == 0 { self.clock_ms + jump } else { self.clock_ms.saturating_sub(jump) };
    }
}
