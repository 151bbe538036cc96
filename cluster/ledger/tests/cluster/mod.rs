//! A ledger with a cluster of three machines, and the short words in which the tests speak to it.

use std::time::Duration;

use nexus_ledger::{
    Applied, Assignment, Command, Effect, Ledger, NewNode, Rejection, ReleaseReason, Released, Reply, Suspect,
};
use nexus_model::{
    AttemptToken, Cost, Failure, IndexRange, JobId, JobSpec, NodeCapacity, NodeId, NodeRole, Outcome, Payload, Program,
    TaskOutput,
};
use nexus_wire::{AttemptRange, FinishedTasks};

/// A ledger and the index of its next entry.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) ledger: Ledger,
    pub(crate) index: u64,
}

pub(crate) fn capacity(slots: u32) -> NodeCapacity {
    NodeCapacity { slots, memory_bytes: 1 << 34, devices: vec![] }
}

pub(crate) fn machine(name: &str, key: u8) -> NewNode {
    NewNode { name: name.into(), fingerprint: [key; 32], address: format!("10.0.0.{key}:4747"), capacity: capacity(4) }
}

pub(crate) fn spec(tasks: u32) -> JobSpec {
    let mut spec = JobSpec::single("j", Program::MCode { file: "j.mcode".into(), source: "return 1".into() });
    spec.tasks = IndexRange::new(0, tasks);
    spec.is_array = tasks > 1;
    spec.user = "ada".into();
    spec
}

pub(crate) fn range(start: u32, end: u32) -> IndexRange {
    IndexRange::new(start, end)
}

pub(crate) fn succeeded(n: u8) -> Outcome {
    Outcome::Succeeded(TaskOutput { result: Payload::Inline(vec![1, n].into()), outputs: vec![] })
}

pub(crate) fn failed(retryable: bool) -> Outcome {
    Outcome::Failed(Failure { code: "MC0001".into(), message: "no".into(), diagnostic: None, retryable })
}

pub(crate) const MS: Duration = Duration::from_millis(1);

impl Cluster {
    /// Nodes 1, 2 and 3; entries 1 to 5 are used.
    pub(crate) fn new() -> Self {
        let mut cluster = Cluster { ledger: Ledger::new(), index: 0 };
        let create = Command::CreateCluster {
            name: "studio".into(),
            ca_certificate_pem: "PEM".into(),
            founder: machine("studio", 1),
            at_ms: 1,
        };
        cluster.ok(create);
        for key in [2, 3] {
            let hash = [100 + key; 32];
            cluster.ok(Command::CreateToken { hash, role: NodeRole::Worker, expires_at_ms: 1000, at_ms: 2 });
            cluster.ok(Command::AddNode { node: machine("air", key), token_hash: hash, at_ms: 3 });
        }
        cluster
    }

    pub(crate) fn apply(&mut self, command: Command) -> Applied {
        self.index += 1;
        self.ledger.apply(self.index, command)
    }

    pub(crate) fn ok(&mut self, command: Command) -> (Reply, Vec<Effect>) {
        let applied = self.apply(command.clone());
        match applied.reply {
            Ok(reply) => (reply, applied.effects),
            Err(rejection) => panic!("{command:?} was rejected: {rejection}"),
        }
    }

    /// The rejection of `command`, which changes nothing but the index.
    pub(crate) fn rejected(&mut self, command: Command) -> Rejection {
        let mut before = self.ledger.clone();
        let applied = self.apply(command);
        before.skip(self.index);
        assert_eq!(applied.effects, vec![], "a rejection has no effects");
        assert!(before.encode_snapshot() == self.ledger.encode_snapshot(), "a rejection changes nothing");
        applied.reply.expect_err("the command is illegal")
    }

    pub(crate) fn submit(&mut self, spec: JobSpec) -> JobId {
        match self.ok(Command::SubmitJob { spec: Box::new(spec), key: None, at_ms: 10 }).0 {
            Reply::Job(job) => job,
            other => panic!("{other:?}"),
        }
    }

    /// Assigns and gives the attempt.
    pub(crate) fn assign(&mut self, job: JobId, range: IndexRange, node: u64) -> AttemptRange {
        let assignments = vec![Assignment { job, range, node: NodeId(node) }];
        let (reply, _) = self.ok(Command::AssignTasks { assignments, at_ms: 20 });
        assert_eq!(reply, Reply::Assigned { tasks: range.len(), refused: 0 });
        AttemptRange { job, range, token: AttemptToken(self.index) }
    }

    pub(crate) fn finish(&mut self, node: u64, attempt: AttemptRange, outcome: Outcome) -> (Reply, Vec<Effect>) {
        let cost = Cost { wall: MS, device: "cpu".into(), ..Cost::default() };
        let tasks = vec![FinishedTasks { attempt, outcome, cost }];
        self.ok(Command::FinishTasks { node: NodeId(node), tasks, at_ms: 30 })
    }

    pub(crate) fn release(&mut self, node: u64, attempts: Released, why: ReleaseReason) -> (Reply, Vec<Effect>) {
        self.ok(Command::ReleaseTasks { node: NodeId(node), attempts, why, at_ms: 40 })
    }

    pub(crate) fn restored(&self) -> Ledger {
        let bytes = self.ledger.encode_snapshot().expect("a ledger can be written");
        Ledger::decode_snapshot(&bytes).expect("what was written can be read")
    }
}

pub(crate) fn ready(job: JobId, range: IndexRange, suspect: Suspect) -> Effect {
    Effect::TasksReady { job, range, suspect }
}

pub(crate) fn left(node: u64, attempt: AttemptRange, range: IndexRange, busy: Option<Duration>) -> Effect {
    Effect::TasksLeft { node: NodeId(node), attempt: AttemptRange { range, ..attempt }, busy }
}
