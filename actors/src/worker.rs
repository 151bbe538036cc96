//! The worker: takes assignments from the leader, lets the slots run them, and reports what ended until it is recorded.
//!
//! A thin shell: what to run next is [`queue`]'s decision, running is [`slots`]'. The leader may be in this process or on
//! another machine; both are a bounded channel of messages here. Without a leader the slots go on with what they hold,
//! and everything unrecorded is reported again after the next attachment.

mod ahead;
mod beginnings;
mod begun;
mod calls;
mod command;
mod exit_notice;
mod external;
mod folder;
mod gpus;
mod grants;
mod keeper;
mod leftovers;
mod load;
mod log;
mod profile;
mod program;
mod programs;
mod queue;
mod reports;
mod slots;
mod task;
mod unrecorded;

use std::sync::Arc;

use actix::prelude::*;
use nexus_model::{Cost, NodeCapacity, NodeId, Outcome, RULES_MAX, Vitals};
use nexus_wire::archived::batches;
use nexus_wire::limits::HEARTBEAT_INTERVAL;
use nexus_wire::{AttemptRange, FinishedTasks, LeaderMessage, LogPiece, LogQuery, WorkerMessage};
use tokio::sync::{mpsc, watch};

pub(crate) use beginnings::SayBeginning;
pub(crate) use begun::{Account, Left, machine};
pub(crate) use calls::ClusterPort;
pub(crate) use external::TypedModules;
pub(crate) use grants::FileGrant;
pub use grants::Imports;
pub(crate) use keeper::Keeper;
pub(crate) use load::{LoadError, lost_blob};
pub(crate) use profile::{Beating, stopwatch};
pub use profile::{ProfileSink, RunProfile};
pub use program::NO_NEURAL_ENGINE;
pub(crate) use programs::Programs;
pub(crate) use reports::HandIn;
pub(crate) use slots::Slots;
pub(crate) use task::seconds_now;
pub(crate) use task::{FULL_DISK_PATIENCE, FULL_DISK_PAUSE, PayloadStore, TaskRunner};
pub use task::{Optimize, PrintSink};

use unrecorded::Unrecorded;

use crate::omega::Lifeline;
use crate::scheduler::{lost_with_its_worker, stopped_with_its_worker};

/// Messages that may wait in the worker's mailbox: one from each slot and a few from the leader.
const MAILBOX: usize = 256;
/// Messages to the leader that may wait while its link is slow; then the slots wait.
pub(crate) const OUTBOX: usize = 256;

/// Link to the leader → worker: a leader is there; `port` leads to it. The worker says hello and reports everything that
/// is not recorded. Answer: nothing. If it is lost the link attaches again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AttachLeader {
    /// Messages for the leader.
    pub(crate) port: mpsc::Sender<WorkerMessage>,
}

/// Link to the leader → worker: messages of the leader's, in order. Answer: nothing. If it is lost so is the attachment, and the
/// next hello sets things right.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromLeader(pub(crate) Vec<LeaderMessage>);

/// Node → worker: this node stops, having begun these; say goodbye to the leader. Answer: nothing, once the goodbye is on its
/// way. If it is lost the leader waits for the end of the lease.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) Vec<AttemptRange>);

/// Slot → worker: these ended. Answer: nothing, once the report is on its way (which is the back-pressure). If the worker
/// is just being restarted the slot sends it again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TasksEnded(pub(crate) Vec<FinishedTasks>);

/// Slot → worker: a task that has lost a worker before is about to begin. Answer: nothing, once the leader is being asked; it
/// is asked again after each attachment. If the worker is just being restarted the slot sends it again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TaskBeginning(pub(crate) AttemptRange);

/// Gateway → worker: what has a task printed that is in hand here? Answer: a piece, which may be empty. If it is lost the
/// follower asks again.
#[derive(Message)]
#[rtype(result = "LogPiece")]
pub(crate) struct ReadHeldLog(pub(crate) LogQuery);

/// What must outlive a crash of the worker actor.
pub(crate) struct WorkerState {
    /// The slots with their queue.
    pub(crate) slots: Slots,
    /// Reports that the leader has not recorded.
    unrecorded: std::sync::Mutex<Unrecorded>,
}

impl WorkerState {
    /// The state of a worker that had begun these tasks when it ended: the first that it reports is what became of them.
    pub(crate) fn new(slots: Slots, left: Left) -> Self {
        let end = |outcome: Outcome| {
            move |attempt| FinishedTasks { attempt, outcome: outcome.clone(), cost: Cost::default() }
        };
        let lost = left.lost.into_iter().map(end(lost_with_its_worker()));
        let reports = batches(lost.chain(left.stopped.into_iter().map(end(stopped_with_its_worker()))).collect());
        let state = WorkerState { slots, unrecorded: std::sync::Mutex::default() };
        for tasks in reports {
            state.keep(tasks);
        }
        state
    }

    /// Keeps a report until it is recorded; its number.
    fn keep(&self, tasks: Vec<FinishedTasks>) -> u64 {
        let mut unrecorded = self.unrecorded();
        let sequence = unrecorded.push(tasks);
        self.slots.hold_back(unrecorded.reason());
        sequence
    }

    /// All reports up to this one are recorded.
    fn record(&self, sequence: u64) {
        let mut unrecorded = self.unrecorded();
        let recorded = unrecorded.record(sequence);
        self.slots.hold_back(unrecorded.reason());
        drop(unrecorded);
        self.slots.recorded(recorded.iter().map(|finished| &finished.attempt));
    }

    fn unrecorded(&self) -> std::sync::MutexGuard<'_, Unrecorded> {
        self.unrecorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The worker actor.
pub(crate) struct Worker {
    node: NodeId,
    address: String,
    capacity: NodeCapacity,
    state: Arc<WorkerState>,
    /// How this machine is.
    vitals: watch::Receiver<Option<Vitals>>,
    leader: Option<mpsc::Sender<WorkerMessage>>,
    _lifeline: Lifeline,
}

impl Worker {
    pub(crate) fn new(
        node: NodeId,
        address: String,
        capacity: NodeCapacity,
        (state, vitals): (Arc<WorkerState>, watch::Receiver<Option<Vitals>>),
        lifeline: Lifeline,
    ) -> Self {
        Worker { node, address, capacity, state, vitals, leader: None, _lifeline: lifeline }
    }

    /// Sends in order, waiting for room; a closed port ends the attachment.
    fn report(&mut self, messages: Vec<WorkerMessage>) -> impl ActorFuture<Self, Output = ()> + use<> {
        let leader = self.leader.clone();
        async move {
            for message in messages {
                if let Some(leader) = &leader
                    && leader.send(message).await.is_err()
                {
                    return Some(leader.clone());
                }
            }
            None
        }
        .into_actor(self)
        .map(|closed, worker: &mut Self, _| {
            // Another leader may be there by now.
            if closed.is_some_and(|closed| worker.leader.as_ref().is_some_and(|leader| leader.same_channel(&closed))) {
                worker.leader = None;
            }
        })
    }

    fn heartbeat(&self) -> WorkerMessage {
        let mut vitals = self.vitals.borrow().clone();
        if let Some(given_milli) = self.state.slots.gpus_given() {
            vitals.get_or_insert_default().gpu.get_or_insert_default().given_milli = given_milli;
        }
        if let Some(reason) = self.state.unrecorded().reason() {
            let held_by = &mut vitals.get_or_insert_default().held_by;
            held_by.insert(0, reason);
            held_by.truncate(RULES_MAX);
        }
        WorkerMessage::Heartbeat { running: self.state.slots.running(), vitals: vitals.map(Box::new) }
    }

    fn hello(&self) -> WorkerMessage {
        let unrecorded = self.state.unrecorded();
        let ended = unrecorded.iter().flat_map(|(_, tasks)| tasks.iter().map(|t| t.attempt));
        let holding = joined(self.state.slots.holding().into_iter().chain(ended).collect());
        WorkerMessage::Hello {
            node: self.node,
            address: self.address.clone(),
            capacity: self.capacity.clone(),
            holding,
        }
    }
}

/// Attempts in order, neighbours of one attempt in one: what is said in a hello must fit into one message.
fn joined(mut attempts: Vec<AttemptRange>) -> Vec<AttemptRange> {
    attempts.sort_by_key(|attempt| (attempt.job, attempt.token, attempt.range));
    attempts.dedup_by(|next, before| {
        let follows = (next.job, next.token, next.range.start) == (before.job, before.token, before.range.end);
        if follows {
            before.range.end = next.range.end;
        }
        follows
    });
    attempts
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(HEARTBEAT_INTERVAL, |worker, _| {
            // Where the way is full it says that this worker lives.
            if let Some(leader) = &worker.leader
                && let Err(mpsc::error::TrySendError::Closed(_)) = leader.try_send(worker.heartbeat())
            {
                worker.leader = None;
            }
        });
    }
}

impl Handler<AttachLeader> for Worker {
    type Result = ();

    /// Answers at once: whoever attaches reads what is said here only then, and there may be more than the way holds.
    fn handle(&mut self, attach: AttachLeader, ctx: &mut Self::Context) {
        self.leader = Some(attach.port);
        // How the machine is comes right behind: a new leader gives it next to nothing that it should not get.
        let hello = self.hello();
        if let WorkerMessage::Hello { holding, .. } = &hello {
            // Of other jobs the new leader knows nothing that it could take back: it describes again what it gives.
            self.state.slots.forget_others(&holding.iter().map(|attempt| attempt.job).collect());
        }
        let mut messages = vec![hello, self.heartbeat()];
        messages.extend(
            self.state
                .unrecorded()
                .iter()
                .map(|(sequence, tasks)| WorkerMessage::TasksFinished { sequence: *sequence, tasks: tasks.clone() }),
        );
        let beginning = self.state.slots.beginning();
        messages.extend((!beginning.is_empty()).then_some(WorkerMessage::BeginningTasks(beginning)));
        let said = self.report(messages);
        ctx.wait(said);
    }
}

impl Handler<FromLeader> for Worker {
    type Result = ();

    fn handle(&mut self, FromLeader(messages): FromLeader, _: &mut Self::Context) {
        let slots = &self.state.slots;
        for message in messages {
            match message {
                LeaderMessage::DescribeJob { job, spec } => slots.describe(job, *spec),
                LeaderMessage::AssignTasks(attempts) => slots.assign(attempts),
                LeaderMessage::AssignSuspects(attempts) => slots.assign_suspects(attempts),
                LeaderMessage::BeginTasks(attempts) => slots.begin(&attempts),
                LeaderMessage::DropTasks(attempts) => slots.drop_stale(&attempts),
                LeaderMessage::CancelJob(job) => slots.cancel(job),
                LeaderMessage::ForgetJob(job) => slots.forget(job),
                LeaderMessage::FinishedRecorded { sequence } => self.state.record(sequence),
            }
        }
    }
}

impl Handler<TasksEnded> for Worker {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, TasksEnded(tasks): TasksEnded, _: &mut Self::Context) -> Self::Result {
        let mut messages = Vec::new();
        for tasks in batches(tasks) {
            let sequence = self.state.keep(tasks.clone());
            messages.push(WorkerMessage::TasksFinished { sequence, tasks });
        }
        AtomicResponse::new(Box::pin(self.report(messages)))
    }
}

impl Handler<TaskBeginning> for Worker {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, TaskBeginning(attempt): TaskBeginning, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(self.report(vec![WorkerMessage::BeginningTasks(vec![attempt])])))
    }
}

impl Handler<ReadHeldLog> for Worker {
    type Result = ResponseFuture<LogPiece>;

    fn handle(&mut self, ReadHeldLog(query): ReadHeldLog, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.state.slots.read_log(query))
    }
}

impl Handler<Leave> for Worker {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Leave(running): Leave, _: &mut Self::Context) -> Self::Result {
        // The last sign of life says what counts as begun: all of it, and nothing else.
        let last = WorkerMessage::Heartbeat { running, vitals: None };
        let goodbye =
            self.report(vec![last, WorkerMessage::Goodbye]).map(|(), worker: &mut Self, _| worker.leader = None);
        AtomicResponse::new(Box::pin(goodbye))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_model::{AttemptToken, IndexRange, JobId, JobSpec, Payload, Program, TaskOutput};

    use super::*;
    use crate::payloads::MemoryPayloads;

    fn attempt(job: u64, start: u32, end: u32) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(9) }
    }

    fn ended(job: u64, index: u32) -> FinishedTasks {
        FinishedTasks { attempt: attempt(job, index, index + 1), outcome: Outcome::Cancelled, cost: Cost::default() }
    }

    /// A worker that nobody has listened to, with these reports, and its slots.
    fn worker(reports: Vec<Vec<FinishedTasks>>) -> (Addr<Worker>, Arc<WorkerState>) {
        worker_with(reports, Box::new(|_| {}))
    }

    fn worker_with(reports: Vec<Vec<FinishedTasks>>, hand_in: HandIn) -> (Addr<Worker>, Arc<WorkerState>) {
        let capacity = NodeCapacity { slots: 1, memory_bytes: 0, devices: Vec::new() };
        let runner = TaskRunner::of_tests(Arc::new(MemoryPayloads::default()));
        let slots = Slots::start(&capacity, runner, (hand_in, Box::new(|_| {}))).expect("a thread");
        let state = Arc::new(WorkerState::new(slots, Left::default()));
        for tasks in reports {
            state.keep(tasks);
        }
        let parts = (Arc::clone(&state), watch::channel(None).1);
        (Worker::new(NodeId(1), String::new(), capacity, parts, Lifeline::of_nobody()).start(), state)
    }

    #[test]
    fn a_worker_attaches_however_much_it_has_to_report() {
        let reports = 3 * OUTBOX as u32;
        let received = System::new().block_on(async move {
            let (worker, _state) = worker((0..reports).map(|index| vec![ended(1, 2 * index)]).collect());
            let (port, mut from_worker) = mpsc::channel(OUTBOX);
            worker.send(AttachLeader { port }).await.expect("the worker runs");
            let mut received = 0;
            while received < reports + 2 {
                received += u32::from(from_worker.recv().await.is_some());
            }
            received
        });
        assert_eq!(received, reports + 2, "hello, a sign of life, and all reports");
    }

    #[test]
    fn a_hello_joins_neighbours_and_leaves_nothing_behind_of_other_jobs() {
        let reports = vec![vec![ended(1, 4)], vec![ended(1, 3), ended(1, 5)], vec![ended(2, 6)]];
        let (holding, known) = System::new().block_on(async move {
            let (worker, state) = worker(reports);
            for job in [1, 2, 3] {
                let argv = vec!["true".to_owned()];
                let program = Program::Command { argv, env: Vec::new(), cwd: None };
                state.slots.describe(JobId(job), JobSpec::single("job", program));
            }
            let (port, mut from_worker) = mpsc::channel(OUTBOX);
            worker.send(AttachLeader { port }).await.expect("the worker runs");
            let Some(WorkerMessage::Hello { holding, .. }) = from_worker.recv().await else { panic!("hello first") };
            (holding, state.slots.known())
        });
        assert_eq!(holding, [attempt(1, 3, 6), attempt(2, 6, 7)]);
        assert_eq!(known, [JobId(1), JobId(2)], "nobody would say that the third may be forgotten");
    }

    #[test]
    fn a_worker_with_too_much_that_is_unrecorded_begins_nothing_and_says_why() {
        let result = Payload::Inline(vec![0; 65 << 20].into());
        let outcome = Outcome::Succeeded(TaskOutput { result, outputs: vec![] });
        let large = FinishedTasks { attempt: attempt(1, 0, 1), outcome, cost: Cost::default() };
        let (ended, has_ended) = std::sync::mpsc::sync_channel(8);
        let hand_in: HandIn = Box::new(move |tasks| drop(ended.send(tasks)));
        System::new().block_on(async move {
            let (worker, _state) = worker_with(Vec::new(), hand_in);
            worker.send(TasksEnded(vec![large])).await.expect("the worker runs");
            let program = Program::MCode { file: "one.mcode".to_owned(), source: "1\n".into() };
            let spec = Box::new(JobSpec::single("one", program));
            let given = vec![
                LeaderMessage::DescribeJob { job: JobId(2), spec },
                LeaderMessage::AssignTasks(vec![attempt(2, 0, 1)]),
            ];
            worker.send(FromLeader(given)).await.expect("the worker runs");
            let (port, mut from_worker) = mpsc::channel(OUTBOX);
            worker.send(AttachLeader { port }).await.expect("the worker runs");
            let Some(WorkerMessage::Hello { .. }) = from_worker.recv().await else { panic!("hello first") };
            let Some(WorkerMessage::Heartbeat { vitals, .. }) = from_worker.recv().await else { panic!("how it is") };
            assert_eq!(vitals.expect("a reason").held_by, ["68 MB of results wait to be recorded"]);
            assert!(has_ended.recv_timeout(Duration::from_millis(200)).is_err(), "nothing was begun");
            worker.send(FromLeader(vec![LeaderMessage::FinishedRecorded { sequence: 1 }])).await.expect("it runs");
            let tasks = has_ended.recv().expect("then it is begun");
            assert_eq!(tasks[0].attempt, attempt(2, 0, 1));
        });
    }
}
