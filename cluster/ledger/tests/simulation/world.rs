//! The world of the simulation: a leader with its scheduler and ledger, workers that come and go, and chance.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_ledger::{
    Applied, Assignment, Command, Effect, Ledger, NewNode, ReleaseReason, Released, Reply, decode_command,
    encode_command,
};
use nexus_model::{
    Cost, Failure, IndexRange, JobId, JobSpec, NodeCapacity, NodeId, NodeRole, Outcome, Payload, Program, TaskOutput,
};
use nexus_scheduler::{Assign, Input, JobFacts, Scheduler};
use nexus_wire::{AttemptRange, FinishedTasks};

use crate::oracle::Oracle;

/// Memory of each worker.
const NODE_MEMORY: u64 = 10;

/// Numbers that look like chance and are the same for the same seed: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64) as usize;
        items.get(index)
    }
}

/// What a worker believes to hold; the leader may believe otherwise.
#[derive(Debug, Default)]
struct Worker {
    attached: bool,
    slots: u32,
    holds: VecDeque<AttemptRange>,
}

pub(crate) struct World {
    chance: Chance,
    ledger: Ledger,
    log: Vec<(u64, Vec<u8>)>,
    index: u64,
    oracle: Oracle,
    scheduler: Scheduler,
    /// Proposals of the scheduler on their way into the log.
    proposed: VecDeque<Vec<Assign>>,
    workers: BTreeMap<NodeId, Worker>,
    /// Reports that were sent before and may come again.
    repeats: Vec<(NodeId, FinishedTasks)>,
    last_token: u8,
    jobs: Vec<JobId>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = World {
            chance: Chance(seed),
            ledger: Ledger::new(),
            log: Vec::new(),
            index: 0,
            oracle: Oracle::default(),
            scheduler: Scheduler::new(),
            proposed: VecDeque::new(),
            workers: BTreeMap::new(),
            repeats: Vec::new(),
            last_token: 0,
            jobs: Vec::new(),
        };
        let founder = world.machine(1);
        let create = Command::CreateCluster { name: "sim".into(), ca_certificate_pem: "PEM".into(), founder, at_ms: 0 };
        world.commit(create);
        world.attach(NodeId(1));
        for _ in 0..2 {
            world.join();
        }
        world
    }

    /// One thing happens; then every invariant holds.
    pub(crate) fn step(&mut self) {
        match self.chance.below(100) {
            0..=9 => self.submit(),
            10..=34 => self.commit_proposal(),
            35..=69 => self.report(),
            70..=74 => self.repeat(),
            75..=79 => self.lose_worker(),
            80..=86 => self.return_worker(),
            87..=89 => self.cancel(),
            90..=91 => self.fail_proposal(),
            92..=93 => self.change_leader(),
            94..=96 => self.restore(),
            97 => self.join(),
            98 => self.remove_node(),
            _ => self.forget(),
        }
        self.check();
    }

    /// Everything that can end ends: workers come back, proposals arrive, tasks succeed.
    pub(crate) fn settle(&mut self) {
        let mut rounds = 0;
        while self.ledger.jobs_active() > 0 {
            rounds += 1;
            assert!(rounds < 2_000, "every job ends: {:?}", self.ledger.jobs(9, None));
            for node in self.workers.keys().copied().collect::<Vec<_>>() {
                if !self.workers[&node].attached {
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
        self.check();
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

    fn check(&self) {
        self.oracle.check(&self.ledger);
        let mut pending: BTreeMap<NodeId, u64> = BTreeMap::new();
        for assign in self.proposed.iter().flatten() {
            // What is not ready any more is known to be lost once the job has ended.
            let known = self.ledger.job(assign.job).is_some_and(|view| !view.state.is_final());
            *pending.entry(assign.node).or_default() += if known { u64::from(assign.range.len()) } else { 0 };
        }
        let on_the_way: u64 = pending.values().sum();
        assert_eq!(self.scheduler.ready_count() + on_the_way, self.ledger.tasks_queued(), "ready tasks are known");
        for (node, worker) in &self.workers {
            let held: u64 = self.ledger.attempts(*node).iter().map(|a| u64::from(a.range.len())).sum();
            let given = self.scheduler.given_to(*node);
            assert_eq!(given, held + pending.get(node).copied().unwrap_or(0), "{node} has what it was given");
            let idle = worker.attached && given == 0;
            assert!(!idle || self.scheduler.ready_count() == 0, "{node} idles while tasks are ready");
        }
    }

    fn commit(&mut self, command: Command) -> Applied {
        self.index += 1 + self.chance.below(2);
        let bytes = encode_command(&command).unwrap();
        let applied = self.ledger.apply(self.index, decode_command(&bytes).unwrap());
        self.log.push((self.index, bytes));
        self.oracle.observe(self.index, &command, &applied);
        let mut proposals = Vec::new();
        for effect in applied.effects.clone() {
            if let Effect::TasksAssigned { node, attempt } = &effect {
                self.workers.entry(*node).or_default().holds.push_back(*attempt);
            }
            effect.scheduled(JobFacts::of).into_iter().for_each(|input| self.scheduler.step(input, &mut proposals));
        }
        self.propose(proposals);
        applied
    }

    fn propose(&mut self, proposals: Vec<Assign>) {
        if !proposals.is_empty() {
            self.proposed.push_back(proposals);
        }
    }

    fn tell(&mut self, input: Input) {
        let mut proposals = Vec::new();
        self.scheduler.step(input, &mut proposals);
        self.propose(proposals);
    }

    fn submit(&mut self) {
        let source = format!("return {}", self.chance.below(3));
        let program = Program::MCode { file: "s".into(), source: source.into() };
        let mut spec = JobSpec::single("s", program);
        let first = self.chance.below(5) as u32;
        let most = [1, 3, 40, 700][self.chance.below(4) as usize];
        spec.tasks = IndexRange::new(first, first + 1 + self.chance.below(most) as u32);
        spec.priority = self.chance.below(3) as i32;
        spec.user = format!("u{}", self.chance.below(3));
        spec.retry.max_attempts = 1 + self.chance.below(4) as u32;
        spec.resources.cpus = 1 + self.chance.below(2) as u32;
        spec.resources.memory_bytes = [0, 0, 3, NODE_MEMORY][self.chance.below(4) as usize];
        let key = (self.chance.below(3) == 0).then(|| format!("{}-{}", spec.user, self.chance.below(5)));
        let applied = self.commit(Command::SubmitJob { spec: Box::new(spec), key, at_ms: self.index });
        match applied.reply {
            Ok(Reply::Job(job)) => self.jobs.push(job),
            other => panic!("{other:?}"),
        }
    }

    fn commit_proposal(&mut self) {
        let Some(proposals) = self.proposed.pop_front() else { return };
        let assignments =
            proposals.into_iter().map(|Assign { node, job, range, .. }| Assignment { job, range, node }).collect();
        self.commit(Command::AssignTasks { assignments, at_ms: self.index });
    }

    fn fail_proposal(&mut self) {
        let Some(proposals) = self.proposed.pop_front() else { return };
        for assign in proposals {
            self.tell(Input::ProposalFailed(assign));
        }
        self.tell(Input::TryAgain);
    }

    fn report(&mut self) {
        let nodes: Vec<NodeId> = self.workers.keys().copied().collect();
        if let Some(node) = self.chance.pick(&nodes).copied() {
            self.report_from(node);
        }
    }

    /// Some of what a worker believes to hold ends. Workers that are not attached report, too: zombies.
    fn report_from(&mut self, node: NodeId) {
        let mut tasks = Vec::new();
        for _ in 0..self.chance.below(8) + 1 {
            let worker = self.workers.entry(node).or_default();
            let Some(attempt) = worker.holds.pop_front() else { break };
            let AttemptRange { range, .. } = attempt;
            let split = range.start + 1 + self.chance.below(u64::from(range.len())) as u32;
            if split < range.end {
                let rest = AttemptRange { range: IndexRange::new(split, range.end), ..attempt };
                self.workers.entry(node).or_default().holds.push_front(rest);
            }
            let attempt = AttemptRange { range: IndexRange::new(range.start, split), ..attempt };
            let micros = [1, 20, 3_000, 60_000, 5_000_000][self.chance.below(5) as usize];
            let cost = Cost { wall: Duration::from_micros(micros), device: "cpu".into(), ..Cost::default() };
            tasks.push(FinishedTasks { attempt, outcome: self.outcome(), cost });
        }
        if tasks.is_empty() {
            return;
        }
        self.repeats.extend(tasks.iter().cloned().map(|finished| (node, finished)));
        self.commit(Command::FinishTasks { node, tasks, at_ms: self.index });
    }

    fn outcome(&mut self) -> Outcome {
        let fail =
            |retryable| Outcome::Failed(Failure { code: "X".into(), message: "x".into(), diagnostic: None, retryable });
        match self.chance.below(20) {
            0 => fail(true),
            1 => fail(false),
            2 => Outcome::TimedOut,
            3 => Outcome::Cancelled,
            n => {
                let bytes = vec![1, n as u8, self.chance.below(4) as u8];
                Outcome::Succeeded(TaskOutput { result: Payload::Inline(bytes.into()), outputs: vec![] })
            }
        }
    }

    /// A report arrives once more, or from the wrong node.
    fn repeat(&mut self) {
        if let Some((node, finished)) = self.late_report() {
            self.commit(Command::FinishTasks { node, tasks: vec![finished], at_ms: self.index });
            return;
        }
        let Some((node, finished)) = self.chance.pick(&self.repeats).cloned() else { return };
        let node = if self.chance.below(4) == 0 { NodeId(1 + self.chance.below(5)) } else { node };
        self.commit(Command::FinishTasks { node, tasks: vec![finished], at_ms: self.index });
    }

    /// A report of an earlier attempt of what the same node holds under another token now: what the fence is for.
    fn late_report(&self) -> Option<(NodeId, FinishedTasks)> {
        let is_late = |(node, finished): &&(NodeId, FinishedTasks)| {
            let late = finished.attempt;
            self.ledger.attempts(*node).iter().any(|held| {
                let meets = held.range.start < late.range.end && late.range.start < held.range.end;
                held.job == late.job && held.token != late.token && meets
            })
        };
        self.repeats.iter().rev().take(100).find(is_late).cloned()
    }

    /// A worker is lost; what it ran first counts, the rest was not started. It may live on as a zombie.
    fn lose_worker(&mut self) {
        let nodes: Vec<NodeId> = self.workers.iter().filter(|(_, w)| w.attached).map(|(id, _)| *id).collect();
        let Some(node) = self.chance.pick(&nodes).copied() else { return };
        let worker = self.workers.entry(node).or_default();
        worker.attached = false;
        let running: Vec<AttemptRange> = worker.holds.iter().take(worker.slots as usize).copied().collect();
        if self.chance.below(2) == 0 {
            self.workers.entry(node).or_default().holds.clear();
        }
        self.tell(Input::NodeDetached(node));
        let release = |attempts, why, at_ms| Command::ReleaseTasks { node, attempts, why, at_ms };
        let at_ms = self.index;
        if self.chance.below(4) > 0 {
            self.commit(release(Released::Attempts(running), ReleaseReason::WorkerLost, at_ms));
            self.commit(release(Released::All, ReleaseReason::NotStarted, at_ms));
        }
    }

    fn return_worker(&mut self) {
        let nodes: Vec<NodeId> = self.workers.iter().filter(|(_, w)| !w.attached).map(|(id, _)| *id).collect();
        if let Some(node) = self.chance.pick(&nodes).copied() {
            self.attach(node);
        }
    }

    /// A worker says hello with what it holds; the ledger takes the rest back.
    fn attach(&mut self, node: NodeId) {
        let holding = self.workers.entry(node).or_default().holds.iter().copied().collect();
        let why = if self.chance.below(2) == 0 { ReleaseReason::WorkerLost } else { ReleaseReason::WorkerStopped };
        let attempts = Released::AllBut(holding);
        self.commit(Command::ReleaseTasks { node, attempts, why, at_ms: self.index });
        let slots = 2 + self.chance.below(3) as u32;
        let worker = self.workers.entry(node).or_default();
        (worker.attached, worker.slots) = (true, slots);
        self.tell(Input::NodeAttached { node, slots, memory_bytes: NODE_MEMORY });
    }

    fn cancel(&mut self) {
        if let Some(job) = self.chance.pick(&self.jobs).copied() {
            self.commit(Command::CancelJob { job, at_ms: self.index });
        }
    }

    fn forget(&mut self) {
        if let Some(job) = self.chance.pick(&self.jobs).copied() {
            self.commit(Command::ForgetJob { job });
        }
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
        let attached: Vec<_> = self.workers.iter().filter(|(_, w)| w.attached).map(|(id, w)| (*id, w.slots)).collect();
        for (node, slots) in attached {
            self.tell(Input::NodeAttached { node, slots, memory_bytes: NODE_MEMORY });
        }
    }

    /// The node starts again from its snapshot.
    fn restore(&mut self) {
        let bytes = self.snapshot();
        self.ledger = Ledger::decode_snapshot(&bytes).unwrap();
        assert!(self.snapshot() == bytes, "a restored ledger gives the same bytes");
    }

    fn join(&mut self) {
        if self.last_token > 20 {
            return;
        }
        self.last_token += 1;
        let token_hash = [self.last_token; 32];
        let at_ms = self.index;
        let expires_at_ms = at_ms + 100;
        self.commit(Command::CreateToken { hash: token_hash, role: NodeRole::Worker, expires_at_ms, at_ms });
        let node = self.machine(self.last_token + 1);
        let applied = self.commit(Command::AddNode { node, token_hash, at_ms });
        match applied.reply {
            Ok(Reply::Node { node, .. }) => self.attach(node),
            other => panic!("{other:?}"),
        }
    }

    fn remove_node(&mut self) {
        let nodes: Vec<NodeId> = self.workers.keys().copied().filter(|node| node.0 > 1).collect();
        if nodes.len() < 2 {
            return;
        }
        if let Some(node) = self.chance.pick(&nodes).copied() {
            self.commit(Command::RemoveNode { node, at_ms: self.index });
            self.workers.remove(&node);
        }
    }

    fn machine(&self, key: u8) -> NewNode {
        let capacity = NodeCapacity { slots: 2, memory_bytes: 1 << 30, devices: vec![] };
        NewNode { name: "m".into(), fingerprint: [key; 32], address: "a".into(), capacity }
    }
}
