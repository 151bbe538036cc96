//! Choices among nodes, by what is proposed and how it is explained.

use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId};
use nexus_scheduler::{Assign, Explanation, Input, JobFacts, Part, Scheduler};

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    scheduler: Scheduler,
}

impl Bench {
    /// Two nodes of one slot each.
    fn new() -> Self {
        let mut bench = Bench { scheduler: Scheduler::new() };
        for node in [1, 2] {
            bench.step(Input::NodeAttached { node: NodeId(node), slots: 1, memory_bytes: 0 });
        }
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Assign> {
        let mut proposals = Vec::new();
        self.scheduler.step(input, &mut proposals);
        proposals
    }

    fn accept(&mut self, job: u64, input_bytes: u64) {
        let facts = JobFacts {
            user: "u".into(),
            priority: 0,
            cpus: 1,
            memory_bytes: 0,
            gpu_milli: 0,
            selection: None,
            input_bytes,
            family: job,
            expected: None,
        };
        self.step(Input::JobAccepted { job: JobId(job), facts });
    }

    /// The next tasks of a job become ready: the node that each was proposed for.
    fn ready(&mut self, job: u64, start: u32, end: u32) -> Vec<u64> {
        let range = IndexRange::new(start, end);
        let proposed = self.step(Input::TasksReady { job: JobId(job), range, suspect: false });
        proposed.iter().map(|assign| assign.node.0).collect()
    }

    fn end(&mut self, node: u64, job: u64, task: u32, busy: Duration) {
        let range = IndexRange::new(task, task + 1);
        self.step(Input::TasksLeft { node: NodeId(node), job: JobId(job), range, busy: Some(busy) });
    }

    fn explained(&self, job: u64) -> Explanation {
        self.scheduler.explain(JobId(job)).expect("the job is known")
    }
}

#[test]
fn the_next_task_goes_where_tasks_of_its_job_were_faster() {
    let mut bench = Bench::new();
    bench.accept(1, 0);
    for round in 0..4 {
        assert_eq!(bench.ready(1, 2 * round, 2 * round + 2).len(), 2);
        bench.end(1, 1, 2 * round, 8 * SECOND);
        bench.end(2, 1, 2 * round + 1, 2 * SECOND);
    }
    assert_eq!(bench.ready(1, 8, 9), [2]);
    let explanation = bench.explained(1);
    let placement = explanation.placement.expect("a choice was made");
    assert_eq!((placement.chosen.node, placement.chosen.runs), (NodeId(2), 4));
    assert_eq!(placement.because.map(|(part, _)| part), Some(Part::Time));
    let said = explanation.sentences(&|node| format!("box{}", node.0));
    assert!(said[0].starts_with("last placed on box2: expected utility 0."), "{said:?}");
    assert!(said[0].contains("4 runs seen") && said[0].contains("next best of 2 box1"), "{said:?}");
    assert_eq!(explanation.now.len(), 2);
    assert!(said[0].contains("J with 6 W a slot assumed"), "{said:?}");
    assert_eq!(said.last().unwrap(), "6 W a slot are assumed; `nexus node label NODE watts=W` says what a slot draws");
    for (node, watts) in [(1, "4.5"), (2, "6")] {
        let mut labels = nexus_model::Labels::default();
        labels.set("watts", Some(watts)).unwrap();
        bench.step(Input::NodeDescribed { node: NodeId(node), labels, gpu_milli: 0 });
    }
    let said = Explanation { placement: None, ..bench.explained(1) }.sentences(&|node| format!("box{}", node.0));
    assert!(said.iter().any(|line| line.contains("box1") && line.contains("J with 4.5 W a slot,")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("assumed")), "{said:?}");
    // What is known of the nodes serves another job too.
    bench.end(2, 1, 8, 2 * SECOND);
    bench.accept(2, 0);
    assert_eq!(bench.ready(2, 0, 1), [2]);
}

#[test]
fn the_next_task_goes_where_its_inputs_are() {
    let mut bench = Bench::new();
    bench.accept(1, 1 << 30);
    assert_eq!(bench.ready(1, 0, 1), [1]);
    bench.end(1, 1, 0, 3 * SECOND);
    bench.accept(2, 0);
    assert_eq!(bench.ready(2, 0, 1), [1], "nothing is known of either, so the order of the nodes decides");
    assert_eq!(bench.ready(1, 1, 2), [2], "where the inputs are is no slot free");
    bench.end(1, 2, 0, SECOND);
    bench.end(2, 1, 1, 3 * SECOND);
    bench.accept(3, 1 << 30);
    assert_eq!(bench.ready(3, 0, 1), [1]);
    bench.end(1, 3, 0, 3 * SECOND);
    assert_eq!(bench.ready(3, 1, 2), [1]);
    assert_eq!(
        bench.explained(3).placement.and_then(|known| known.because).map(|(part, _)| part),
        Some(Part::Locality)
    );
}

#[test]
fn the_first_task_goes_where_what_it_takes_was_made_however_idle_others_are() {
    let mut bench = Bench::new();
    for node in 3..60 {
        bench.step(Input::NodeAttached { node: NodeId(node), slots: 4, memory_bytes: 0 });
    }
    bench.accept(1, 0);
    bench.step(Input::InputsKnown { job: JobId(1), bytes: 1 << 30, made_on: vec![(NodeId(2), 1 << 30)] });
    assert_eq!(bench.ready(1, 0, 1), [2], "it has one idle slot, others have four");
    let because = bench.explained(1).placement.and_then(|placement| placement.because);
    assert_eq!(because.map(|(part, _)| part), Some(Part::Locality));
    bench.accept(2, 0);
    bench.step(Input::InputsKnown { job: JobId(2), bytes: 1 << 30, made_on: vec![(NodeId(2), 1 << 30)] });
    assert_eq!(bench.ready(2, 0, 1), [3], "nobody waits for a slot there while others are idle");
}

impl Bench {
    fn told(&mut self) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        self.scheduler.tell_ahead(&mut told);
        told.into_iter().map(|(job, node)| (job.0, node.0)).collect()
    }
}

#[test]
fn nodes_are_told_ahead_of_jobs_that_wait_with_large_inputs_those_that_give_slots_back_soon_first() {
    let mut bench = Bench::new();
    bench.step(Input::NodeAttached { node: NodeId(3), slots: 1, memory_bytes: 0 });
    // Tasks of a quarter of a second on node 2, of eight on the others.
    for (job, node, busy) in [(1, 1, 8 * SECOND), (2, 2, SECOND / 4), (3, 3, 8 * SECOND)] {
        bench.accept(job, 0);
        let range = IndexRange::new(0, 1);
        bench.step(Input::TasksAssigned { node: NodeId(node), job: JobId(job), range });
        bench.end(node, job, 0, busy);
        let range = IndexRange::new(1, 2);
        bench.step(Input::TasksAssigned { node: NodeId(node), job: JobId(job), range });
    }
    bench.accept(4, 64 << 10);
    bench.accept(99, 1 << 30);
    assert_eq!((bench.ready(99, 0, 1), bench.told()), (vec![], vec![]), "so much is left to the task itself");
    bench.accept(5, 1 << 28);
    assert_eq!((bench.ready(4, 0, 2), bench.ready(5, 0, 1), bench.told()), (vec![], vec![], vec![(5, 2)]));
    assert_eq!(bench.told(), [], "once");
    bench.ready(5, 1, 9);
    assert_eq!(bench.told(), [(5, 1), (5, 3)], "as many as there are tasks");
    bench.step(Input::NodeDetached(NodeId(3)));
    bench.step(Input::NodeAttached { node: NodeId(3), slots: 1, memory_bytes: 0 });
    assert_eq!(bench.told(), [(5, 3)], "again where it was lost");
    // A few jobs at a time.
    (6..20).for_each(|job| {
        bench.accept(job, 1 << 28);
        bench.ready(job, 0, 1);
    });
    assert_eq!(bench.told(), [(6, 2), (7, 2), (8, 2)]);
    bench.step(Input::JobEnded(JobId(6)));
    assert_eq!(bench.told(), [(9, 2)]);
    bench.step(Input::WorkStopped);
    bench.step(Input::JobEnded(JobId(7)));
    assert_eq!(bench.told(), [], "nothing while all work is stopped");
}

#[test]
fn a_node_that_is_lost_with_tasks_is_trusted_less() {
    let mut bench = Bench::new();
    bench.accept(1, 0);
    bench.ready(1, 0, 2);
    bench.end(2, 1, 1, 10 * SECOND);
    for _ in 0..12 {
        bench.step(Input::NodeDetached(NodeId(1)));
        let range = IndexRange::new(0, 1);
        bench.step(Input::TasksLeft { node: NodeId(1), job: JobId(1), range, busy: None });
        // Meanwhile the other node is taken, so that the task goes back to the one that was lost.
        bench.step(Input::NodeDetached(NodeId(2)));
        bench.step(Input::TasksReady { job: JobId(1), range, suspect: true });
        bench.step(Input::NodeAttached { node: NodeId(1), slots: 1, memory_bytes: 0 });
        bench.step(Input::NodeAttached { node: NodeId(2), slots: 1, memory_bytes: 0 });
    }
    bench.end(1, 1, 0, 10 * SECOND);
    bench.accept(2, 0);
    assert_eq!(bench.ready(2, 0, 1), [2]);
    assert_eq!(bench.explained(2).placement.and_then(|known| known.because).map(|(part, _)| part), Some(Part::Risk));
}

#[test]
fn a_job_that_has_ended_is_still_explained_and_an_unknown_one_is_not() {
    let mut bench = Bench::new();
    bench.accept(1, 0);
    bench.ready(1, 0, 1);
    bench.end(1, 1, 0, SECOND);
    bench.step(Input::JobEnded(JobId(1)));
    let explanation = bench.explained(1);
    assert!(explanation.placement.is_some() && explanation.now.is_empty());
    assert_eq!(bench.scheduler.explain(JobId(9)), None);
}
