//! Jobs that are placed before they are accepted: one at a time, where a slot is free and nothing waits.

use nexus_model::{IndexRange, JobId, NodeId};
use nexus_scheduler::{Assign, Input, JobFacts, Scheduler};

const ONE: IndexRange = IndexRange { start: 0, end: 1 };

fn facts(cpus: u32) -> JobFacts {
    JobFacts {
        user: "u".to_owned(),
        priority: 0,
        cpus,
        memory_bytes: 0,
        gpu_milli: 0,
        selection: None,
        input_bytes: 0,
        family: 1,
        expected: None,
    }
}

fn with_nodes(slots: &[u32]) -> Scheduler {
    let mut scheduler = Scheduler::new();
    for (node, slots) in (1..).zip(slots) {
        assert_eq!(
            step(&mut scheduler, Input::NodeAttached { node: NodeId(node), slots: *slots, memory_bytes: 0 }),
            []
        );
    }
    scheduler
}

fn step(scheduler: &mut Scheduler, input: Input) -> Vec<Assign> {
    let mut proposals = Vec::new();
    scheduler.step(input, &mut proposals);
    proposals
}

/// The entry of a placed job is applied: all its effects, then one look.
fn accepted(scheduler: &mut Scheduler, job: u64, node: NodeId) -> Vec<Assign> {
    let job = JobId(job);
    scheduler.handle(Input::JobAccepted { job, facts: facts(1) });
    scheduler.handle(Input::TasksReady { job, range: ONE, suspect: false });
    scheduler.handle(Input::TasksAssigned { node, job, range: ONE });
    let mut proposals = Vec::new();
    scheduler.plan(&mut proposals);
    proposals
}

fn submitted(scheduler: &mut Scheduler, job: u64) -> Vec<Assign> {
    assert_eq!(step(scheduler, Input::JobAccepted { job: JobId(job), facts: facts(1) }), []);
    step(scheduler, Input::TasksReady { job: JobId(job), range: ONE, suspect: false })
}

#[test]
fn a_foreseen_job_keeps_its_slot_and_takes_it() {
    let mut scheduler = with_nodes(&[1]);
    assert_eq!(scheduler.foresee(&facts(1)), Some(NodeId(1)));
    assert!(!scheduler.has_vacancy());
    assert_eq!(scheduler.foresee(&facts(1)), None, "one at a time");
    assert_eq!(submitted(&mut scheduler, 1), [], "the only slot is kept");
    scheduler.settle(Some(JobId(2)));
    assert_eq!(accepted(&mut scheduler, 2, NodeId(1)), [], "it is taken now");
    assert_eq!(scheduler.given_to(NodeId(1)), 1);
    assert!(scheduler.explain(JobId(2)).is_some_and(|why| why.placement.is_some()), "and why is known");
    let left = Input::TasksLeft { node: NodeId(1), job: JobId(2), range: ONE, busy: None };
    assert_eq!(step(&mut scheduler, left).len(), 1, "who waited goes next");
}

#[test]
fn a_slot_that_was_kept_for_nothing_is_given_to_who_waits() {
    for (settled, id) in [("refused", None), ("known before", Some(JobId(1)))] {
        let mut scheduler = with_nodes(&[1]);
        assert_eq!(scheduler.foresee(&facts(1)), Some(NodeId(1)));
        assert_eq!(submitted(&mut scheduler, 1), []);
        scheduler.settle(id);
        assert!(!scheduler.is_foreseen(), "{settled}");
        assert_eq!(step(&mut scheduler, Input::TryAgain).len(), 1, "{settled}");
    }
}

#[test]
fn a_node_that_is_gone_by_then_gives_its_slot_back() {
    let mut scheduler = with_nodes(&[1, 1]);
    let node = scheduler.foresee(&facts(1)).expect("both are idle");
    scheduler.settle(Some(JobId(1)));
    scheduler.handle(Input::JobAccepted { job: JobId(1), facts: facts(1) });
    scheduler.handle(Input::AssignmentRefused { node, job: JobId(1), range: ONE });
    assert!(!scheduler.is_foreseen());
    assert_eq!(step(&mut scheduler, Input::TasksReady { job: JobId(1), range: ONE, suspect: false }).len(), 1);
}

#[test]
fn nothing_is_foreseen_where_it_would_wait() {
    assert_eq!(with_nodes(&[]).foresee(&facts(1)), None);
    assert_eq!(with_nodes(&[1, 1]).foresee(&facts(2)), None, "too wide");
    let mut scheduler = with_nodes(&[1]);
    assert_eq!(submitted(&mut scheduler, 1).len(), 1);
    assert_eq!(scheduler.foresee(&facts(1)), None, "the slot is taken");
    assert_eq!(submitted(&mut scheduler, 2), []);
    assert_eq!(step(&mut scheduler, Input::NodeAttached { node: NodeId(2), slots: 2, memory_bytes: 0 }).len(), 1);
    assert_eq!(scheduler.foresee(&facts(1)), Some(NodeId(2)), "nobody waits any more, and a slot is free");
}
