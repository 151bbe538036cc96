//! What a decision of the scheduler takes on 1,000 nodes of 8 slots: 10^5 and 10^6 simulated tasks in jobs of ten users,
//! from a microsecond to a minute long, with nodes that leave and come back.
//!
//!     cargo run --release -p nexus-scheduler --example thousand_nodes
//!
//! The clock of the simulation is not the machine's: only the time in the scheduler counts. A decision is one proposal, of
//! one range of tasks for one node.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use nexus_model::{IndexRange, JobId, NodeId};
use nexus_scheduler::{Assign, Input, JobFacts, Scheduler};

const NODES: u64 = 1_000;
const SLOTS: u32 = 8;
const TASKS_A_JOB: u32 = 250;
const USERS: u64 = 10;
/// One in so many decisions a node leaves, and comes back at once.
const LEAVES_EVERY: u64 = 10_000;

/// How long the tasks of a job take: most are short, some take a minute.
fn task_time(job: u64) -> Duration {
    [Duration::from_micros(1), Duration::from_millis(2), Duration::from_millis(300), Duration::from_secs(60)]
        [(job % 4) as usize]
}

/// When, in ns; the node, the job, the first task and the one behind the last.
type Ending = (u64, u64, u64, u32, u32);

struct Simulation {
    scheduler: Scheduler,
    /// What ends next.
    running: BinaryHeap<Reverse<Ending>>,
    now_ns: u64,
    spent: Duration,
    decisions: u64,
    tasks: u64,
}

impl Simulation {
    fn step(&mut self, input: Input) {
        let mut proposals = Vec::new();
        let begun = Instant::now();
        self.scheduler.step(input, &mut proposals);
        self.spent += begun.elapsed();
        for proposal in proposals {
            self.accept(&proposal);
        }
    }

    /// The proposal is committed, and its tasks begin.
    fn accept(&mut self, &Assign { node, job, range, .. }: &Assign) {
        self.decisions += 1;
        let took = task_time(job.0).as_nanos() as u64 * u64::from(range.len());
        self.running.push(Reverse((self.now_ns + took, node.0, job.0, range.start, range.end)));
        let begun = Instant::now();
        self.scheduler.handle(Input::TasksAssigned { node, job, range });
        self.spent += begun.elapsed();
    }

    fn submit(&mut self, job: u64) {
        let facts = JobFacts {
            user: format!("user-{}", job % USERS),
            priority: (job % 3) as i32,
            cpus: if job.is_multiple_of(7) { 2 } else { 1 },
            memory_bytes: 0,
            gpu_milli: 0,
            selection: None,
            input_bytes: 0,
            family: job % 40,
            expected: None,
        };
        self.step(Input::JobAccepted { job: JobId(job), facts });
        let range = IndexRange::new(0, TASKS_A_JOB);
        self.step(Input::TasksReady { job: JobId(job), range, suspect: false });
    }

    /// The next tasks end.
    fn end_next(&mut self, left: &mut [u32]) -> bool {
        let Some(Reverse((at, node, job, start, end))) = self.running.pop() else { return false };
        self.now_ns = at;
        let range = IndexRange::new(start, end);
        self.tasks += u64::from(range.len());
        let busy = Some(task_time(job) * range.len());
        self.step(Input::TasksLeft { node: NodeId(node), job: JobId(job), range, busy });
        let open = &mut left[job as usize];
        *open -= range.len();
        if *open == 0 {
            self.step(Input::JobEnded(JobId(job)));
        }
        if self.decisions.is_multiple_of(LEAVES_EVERY) {
            self.step(Input::NodeDetached(NodeId(node)));
            self.step(Input::NodeAttached { node: NodeId(node), slots: SLOTS, memory_bytes: 0 });
        }
        true
    }
}

fn simulate(tasks: u64) {
    let jobs = tasks / u64::from(TASKS_A_JOB);
    let mut simulation = Simulation {
        scheduler: Scheduler::new(),
        running: BinaryHeap::new(),
        now_ns: 0,
        spent: Duration::ZERO,
        decisions: 0,
        tasks: 0,
    };
    for node in 1..=NODES {
        simulation.step(Input::NodeAttached { node: NodeId(node), slots: SLOTS, memory_bytes: 0 });
    }
    let mut left = vec![TASKS_A_JOB; jobs as usize + 1];
    for job in 1..=jobs {
        simulation.submit(job);
    }
    while simulation.end_next(&mut left) {}
    assert_eq!(simulation.tasks, jobs * u64::from(TASKS_A_JOB), "every task has ended");
    let micros = simulation.spent.as_secs_f64() * 1e6;
    println!(
        "{} tasks in {jobs} jobs on {NODES} nodes: {} decisions, {:.2} µs each, {:.2} µs a task",
        simulation.tasks,
        simulation.decisions,
        micros / simulation.decisions as f64,
        micros / simulation.tasks as f64
    );
}

fn main() {
    for tasks in [10_000, 100_000, 1_000_000] {
        simulate(tasks);
    }
}
