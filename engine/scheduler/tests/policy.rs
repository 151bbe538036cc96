//! The scheduler's policy, by what it proposes: each test ends by saying that nothing else was proposed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{IndexRange, JobId, Labels, NodeId, Selection};
use nexus_scheduler::{Assign, Expected, Input, JobFacts, Scheduler};

const SHORT: Duration = Duration::from_micros(1);
const GIB: u64 = 1 << 30;

struct Bench {
    scheduler: Scheduler,
}

impl Bench {
    fn new() -> Self {
        Bench { scheduler: Scheduler::new() }
    }

    fn step(&mut self, input: Input) -> Vec<Assign> {
        let mut proposals = Vec::new();
        self.scheduler.step(input, &mut proposals);
        proposals
    }

    fn node(&mut self, node: u64, slots: u32) -> Vec<Assign> {
        self.step(Input::NodeAttached { node: NodeId(node), slots, memory_bytes: 8 * GIB })
    }

    fn job(&mut self, job: u64, user: &str, priority: i32, cpus: u32, tasks: u32) -> Vec<Assign> {
        self.predicted_job(job, (user, priority, cpus), tasks, None)
    }

    fn predicted_job(
        &mut self,
        job: u64,
        (user, priority, cpus): (&str, i32, u32),
        tasks: u32,
        expected: Option<Expected>,
    ) -> Vec<Assign> {
        let facts = JobFacts {
            user: user.to_owned(),
            priority,
            cpus,
            memory_bytes: 0,
            gpu_milli: 0,
            selection: None,
            input_bytes: 0,
            family: job,
            expected,
        };
        assert_eq!(self.step(Input::JobAccepted { job: JobId(job), facts }), vec![]);
        self.step(Input::TasksReady { job: JobId(job), range: IndexRange::new(0, tasks), suspect: false })
    }

    fn end(&mut self, node: u64, job: u64, start: u32, end: u32, each: Duration) -> Vec<Assign> {
        let range = IndexRange::new(start, end);
        let busy = Some(each * range.len());
        self.step(Input::TasksLeft { node: NodeId(node), job: JobId(job), range, busy })
    }
}

fn assign(node: u64, job: u64, start: u32, end: u32) -> Assign {
    Assign { node: NodeId(node), job: JobId(job), range: IndexRange::new(start, end), suspect: false }
}

#[test]
fn without_a_node_nothing_is_proposed() {
    assert_eq!(Bench::new().job(1, "u", 0, 1, 10), vec![]);
}

#[test]
fn an_unknown_job_gets_one_task_a_slot() {
    let mut bench = Bench::new();
    assert_eq!(bench.node(1, 2), vec![]);
    assert_eq!(bench.job(1, "u", 0, 1, 10), vec![assign(1, 1, 0, 2)]);
    assert_eq!(bench.step(Input::TryAgain), vec![]);
}

#[test]
fn a_job_that_is_surely_short_by_its_prediction_is_given_in_advance_from_its_first_task() {
    let given = |expected| {
        let mut bench = Bench::new();
        bench.node(1, 2);
        let given = bench.predicted_job(1, ("u", 0, 1), 100, expected);
        assert_eq!(bench.step(Input::TryAgain), vec![]);
        given.iter().map(|assign| assign.range.len()).sum::<u32>()
    };
    let predicted =
        |median, high| Some(Expected { median: Duration::from_micros(median), high: Duration::from_micros(high) });
    // One task a slot of what nobody knows, and of what may be long though most of it is not: the interval counts.
    assert_eq!(given(None), 2);
    assert_eq!(given(predicted(100, 400_000)), 2);
    assert!(given(predicted(100, 400)) > 2, "{}", given(predicted(100, 400)));
}

#[test]
fn ranges_grow_with_what_has_ended() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    bench.job(1, "u", 0, 1, 1_000_000);
    let mut sizes = Vec::new();
    let mut next = vec![assign(1, 1, 0, 2)];
    while let Some(Assign { range, .. }) = next.pop() {
        sizes.push(range.len());
        next.extend(bench.end(1, 1, range.start, range.end, SHORT));
    }
    assert_eq!(sizes.iter().sum::<u32>(), 1_000_000);
    assert_eq!(&sizes[..4], &[2, 16, 144, 1296], "eight times what has ended");
    assert!(sizes.len() < 100, "a million tasks in {} assignments", sizes.len());
}

#[test]
fn long_tasks_are_not_queued_on_a_busy_node() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    bench.job(1, "u", 0, 1, 10);
    assert_eq!(bench.end(1, 1, 0, 1, Duration::from_secs(2)), vec![assign(1, 1, 2, 3)]);
    assert_eq!(bench.node(2, 2), vec![assign(2, 1, 3, 5)]);
    assert_eq!(bench.step(Input::TryAgain), vec![]);
}

#[test]
fn the_rest_of_an_array_is_shared_between_nodes() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    bench.node(2, 2);
    assert_eq!(bench.job(1, "u", 0, 1, 1000), vec![assign(1, 1, 0, 2), assign(2, 1, 2, 4)]);
    let mut held = VecDeque::from([assign(1, 1, 0, 2), assign(2, 1, 2, 4)]);
    let (mut done, mut by_node) = (0, [0, 0]);
    while let Some(Assign { node, range, .. }) = held.pop_front() {
        done += range.len();
        by_node[node.0 as usize - 1] += range.len();
        held.extend(bench.end(node.0, 1, range.start, range.end, SHORT));
    }
    assert_eq!(done, 1000);
    assert!(by_node.iter().all(|count| *count > 300), "neither node gets nearly all: {by_node:?}");
}

#[test]
fn higher_priority_first_then_the_user_with_less_then_the_older_job() {
    let mut bench = Bench::new();
    bench.job(1, "ann", 0, 1, 10);
    bench.job(2, "ann", 0, 1, 10);
    bench.job(3, "bob", 0, 1, 10);
    bench.job(4, "ann", 5, 1, 1);
    assert_eq!(bench.node(1, 1), vec![assign(1, 4, 0, 1)]);
    assert_eq!(bench.node(2, 1), vec![assign(2, 3, 0, 1)], "bob has nothing running yet");
    assert_eq!(bench.node(3, 1), vec![assign(3, 1, 0, 1)]);
}

#[test]
fn a_wide_task_goes_where_it_fits_and_does_not_block_others() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    assert_eq!(bench.job(1, "u", 0, 4, 1), vec![]);
    assert_eq!(bench.job(2, "u", 0, 1, 1), vec![assign(1, 2, 0, 1)]);
    assert_eq!(bench.node(2, 4), vec![assign(2, 1, 0, 1)]);
}

#[test]
fn suspects_run_one_at_a_time() {
    let mut bench = Bench::new();
    bench.node(1, 4);
    bench.job(1, "u", 0, 1, 0);
    let range = IndexRange::new(0, 3);
    let proposed = bench.step(Input::TasksReady { job: JobId(1), range, suspect: true });
    assert_eq!(proposed, vec![Assign { suspect: true, ..assign(1, 1, 0, 1) }]);
    assert_eq!(bench.end(1, 1, 0, 1, SHORT), vec![Assign { suspect: true, ..assign(1, 1, 1, 2) }]);
}

#[test]
fn a_failed_proposal_is_made_again_later() {
    let mut bench = Bench::new();
    bench.node(1, 1);
    let proposed = bench.job(1, "u", 0, 1, 5);
    assert_eq!(bench.step(Input::ProposalFailed(proposed[0])), vec![]);
    assert_eq!(bench.step(Input::TryAgain), proposed);
}

#[test]
fn a_lost_node_gets_nothing_and_its_tasks_go_elsewhere() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    bench.node(2, 2);
    bench.job(1, "u", 0, 1, 4);
    assert_eq!(bench.step(Input::NodeDetached(NodeId(1))), vec![]);
    let range = IndexRange::new(0, 2);
    assert_eq!(bench.step(Input::TasksLeft { node: NodeId(1), job: JobId(1), range, busy: None }), vec![]);
    assert_eq!(bench.step(Input::TasksReady { job: JobId(1), range, suspect: false }), vec![]);
    assert_eq!(bench.end(2, 1, 2, 4, SHORT), vec![assign(2, 1, 0, 2)]);
}

#[test]
fn a_node_that_is_held_gets_nothing_until_it_is_not_also_when_it_comes_again() {
    let mut bench = Bench::new();
    let held = |node, held| Input::NodeHeld { node: NodeId(node), held };
    bench.node(1, 2);
    assert_eq!(bench.step(held(1, true)), vec![]);
    assert_eq!(bench.job(1, "ada", 0, 1, 4), vec![]);
    assert!(!bench.scheduler.has_vacancy());
    assert_eq!(bench.step(Input::NodeDetached(NodeId(1))), vec![]);
    assert_eq!(bench.node(1, 2), vec![], "it has not said that it takes tasks again");
    assert_eq!(bench.node(2, 1), vec![assign(2, 1, 0, 1)], "others do");
    assert_eq!(bench.step(held(1, false)), vec![assign(1, 1, 1, 3)]);
    assert_eq!(bench.step(held(1, true)), vec![], "what it has in hand stays its own");
    assert_eq!(bench.end(1, 1, 1, 2, Duration::from_secs(1)), vec![]);
}

#[test]
fn a_wide_task_waits_for_no_node_that_is_held() {
    let mut bench = Bench::new();
    bench.node(1, 4);
    bench.node(2, 2);
    bench.step(Input::NodeHeld { node: NodeId(1), held: true });
    assert_eq!(bench.job(1, "ada", 0, 4, 1), vec![]);
    assert_eq!(bench.job(2, "ada", 0, 2, 1), vec![assign(2, 2, 0, 1)]);
    assert_eq!(bench.step(Input::NodeHeld { node: NodeId(1), held: false }), vec![assign(1, 1, 0, 1)]);
}

#[test]
fn the_standing_of_a_ledger_is_taken_over() {
    let mut bench = Bench::new();
    bench.job(1, "u", 0, 1, 10);
    let range = IndexRange::new(0, 4);
    bench.step(Input::TasksAssigned { node: NodeId(1), job: JobId(1), range });
    assert_eq!((bench.scheduler.ready_count(), bench.scheduler.given_to(NodeId(1))), (6, 4));
    assert_eq!(bench.node(1, 4), vec![], "its slots are taken");
    assert_eq!(bench.step(Input::JobEnded(JobId(1))), vec![]);
    assert_eq!((bench.scheduler.ready_count(), bench.scheduler.given_to(NodeId(1))), (0, 0));
}

#[test]
fn many_short_tasks_of_one_user_do_not_take_another_users_turn() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    bench.job(1, "ann", 0, 1, 1_000_000);
    let given = bench.end(1, 1, 0, 2, SHORT);
    assert_eq!(given.len(), 1);
    assert_eq!(bench.job(2, "bob", 0, 1, 1), vec![assign(1, 2, 0, 1)], "a slot is free within milliseconds");
}

#[test]
fn a_user_who_comes_does_not_inherit_the_past() {
    let mut bench = Bench::new();
    bench.node(1, 1);
    bench.job(1, "ann", 0, 1, 100);
    let long = Duration::from_secs(3600);
    assert_eq!(bench.end(1, 1, 0, 1, long), vec![assign(1, 1, 1, 2)]);
    assert_eq!(bench.job(2, "bob", 0, 1, 100), vec![]);
    let mut turns = Vec::new();
    let mut running = assign(1, 1, 1, 2);
    for _ in 0..6 {
        let next = bench.end(1, running.job.0, running.range.start, running.range.end, long);
        assert_eq!(next.len(), 1);
        running = next[0];
        turns.push(running.job.0);
    }
    assert_eq!(turns.iter().filter(|job| **job == 2).count(), 3, "from then on they take turns: {turns:?}");
}

#[test]
fn a_wide_task_is_not_starved_by_narrow_ones() {
    let mut bench = Bench::new();
    bench.node(1, 2);
    let long = Duration::from_secs(60);
    assert_eq!(bench.job(1, "u", 0, 1, 100), vec![assign(1, 1, 0, 2)]);
    assert_eq!(bench.job(2, "u", 0, 2, 1), vec![]);
    assert_eq!(bench.end(1, 1, 0, 1, long), vec![], "the node is kept free for the wide task");
    assert_eq!(bench.end(1, 1, 1, 2, long), vec![assign(1, 2, 0, 1)]);
    assert_eq!(bench.end(1, 2, 0, 1, long), vec![assign(1, 1, 2, 4)]);
}

/// Once the wide task has its place, what is left of the node that was kept for it goes to those who were turned away.
#[test]
fn what_is_left_of_a_node_that_was_kept_is_given_at_once() {
    let mut bench = Bench::new();
    bench.node(1, 4);
    bench.node(2, 2);
    assert_eq!(bench.job(1, "a", 0, 1, 6)[0], assign(1, 1, 0, 4), "and the other node is full, too");
    assert_eq!(bench.job(2, "c", 0, 1, 0), vec![]);
    assert_eq!(bench.job(3, "b", 0, 2, 1), vec![], "the first node is kept for it");
    let range = IndexRange::new(0, 10);
    assert_eq!(bench.step(Input::TasksReady { job: JobId(2), range, suspect: false }), vec![]);
    let given = bench.end(1, 1, 0, 4, Duration::from_secs(2));
    assert_eq!(given, vec![assign(1, 3, 0, 1), assign(1, 2, 0, 2)]);
}

/// A node that comes back with fewer slots is not kept for a task that it can never take.
#[test]
fn a_node_that_has_changed_is_kept_for_nobody() {
    let mut bench = Bench::new();
    bench.node(1, 4);
    assert_eq!(bench.job(1, "a", 0, 1, 4), vec![assign(1, 1, 0, 4)]);
    assert_eq!(bench.job(2, "b", 0, 3, 1), vec![], "the node is kept for it");
    assert_eq!(bench.job(3, "c", 0, 1, 1), vec![]);
    bench.node(1, 2);
    assert_eq!(bench.end(1, 1, 0, 3, Duration::from_secs(2)), vec![assign(1, 3, 0, 1)]);
}

#[test]
fn the_next_job_of_a_program_is_given_in_advance() {
    let mut bench = Bench::new();
    bench.node(1, 1);
    let facts = |family| JobFacts {
        user: "u".into(),
        priority: 0,
        cpus: 1,
        memory_bytes: 0,
        gpu_milli: 0,
        selection: None,
        input_bytes: 0,
        family,
        expected: None,
    };
    for job in 1..=6 {
        bench.step(Input::JobAccepted { job: JobId(job), facts: facts(if job < 6 { 7 } else { 8 }) });
    }
    let ready = |job| Input::TasksReady { job: JobId(job), range: IndexRange::new(0, 1), suspect: false };
    assert_eq!(bench.step(ready(1)), vec![assign(1, 1, 0, 1)]);
    assert_eq!(bench.step(ready(2)), vec![], "nothing is known yet");
    assert_eq!(bench.end(1, 1, 0, 1, SHORT), vec![assign(1, 2, 0, 1)], "now it is");
    for job in 10..=12 {
        bench.step(Input::JobAccepted { job: JobId(job), facts: facts(7) });
        assert_eq!(bench.step(ready(job)), vec![assign(1, job, 0, 1)], "a short task waits in the node's queue");
    }
    assert_eq!(bench.step(ready(6)), vec![assign(1, 6, 0, 1)], "a long one may follow the short ones");
    assert_eq!(bench.step(ready(3)), vec![], "and nothing waits behind it");
}

#[test]
fn one_wrong_guess_ends_the_giving_in_advance() {
    let mut bench = Bench::new();
    bench.node(1, 1);
    bench.job(1, "u", 0, 1, 100_000);
    let next = bench.end(1, 1, 0, 1, SHORT);
    assert_eq!(next, vec![assign(1, 1, 1, 9)]);
    assert_eq!(bench.end(1, 1, 1, 2, Duration::from_secs(10)), vec![]);
    for i in 2..9 {
        let after = bench.end(1, 1, i, i + 1, Duration::from_secs(10));
        assert_eq!(after.len(), usize::from(i == 8), "one at a time again");
        assert!(after.iter().all(|assign| assign.range.len() == 1));
    }
}

#[test]
fn a_proposal_that_was_committed_after_all_is_counted_once() {
    let mut bench = Bench::new();
    bench.node(1, 1);
    let proposed = bench.job(1, "u", 0, 1, 1);
    bench.step(Input::ProposalFailed(proposed[0]));
    assert_eq!(bench.scheduler.ready_count(), 1);
    let Assign { node, job, range, .. } = proposed[0];
    assert_eq!(bench.step(Input::TasksAssigned { node, job, range }), vec![]);
    assert_eq!((bench.scheduler.ready_count(), bench.scheduler.given_to(node)), (0, 1));
    bench.step(Input::TasksLeft { node, job, range, busy: None });
    assert_eq!(bench.scheduler.given_to(node), 0);
}

#[test]
fn memory_is_not_promised_twice() {
    let mut bench = Bench::new();
    bench.node(1, 4);
    let facts = |memory_bytes| JobFacts {
        user: "u".into(),
        priority: 0,
        cpus: 1,
        memory_bytes,
        gpu_milli: 0,
        selection: None,
        input_bytes: 0,
        family: 0,
        expected: None,
    };
    bench.step(Input::JobAccepted { job: JobId(1), facts: facts(3 * GIB) });
    bench.step(Input::JobAccepted { job: JobId(2), facts: facts(9 * GIB) });
    bench.step(Input::JobAccepted { job: JobId(3), facts: facts(0) });
    let ready = |job, tasks| Input::TasksReady { job: JobId(job), range: IndexRange::new(0, tasks), suspect: false };
    assert_eq!(bench.step(ready(1, 9)), vec![assign(1, 1, 0, 2)], "two fit");
    assert_eq!(bench.end(1, 1, 0, 1, SHORT), vec![assign(1, 1, 2, 3)], "short or not: one for one");
    assert_eq!(bench.step(ready(2, 1)), vec![], "it fits nowhere, and holds up nobody");
    assert_eq!(bench.step(Input::JobEnded(JobId(1))), vec![]);
    assert_eq!(bench.step(ready(3, 1)), vec![assign(1, 3, 0, 1)]);
}

/// A job of one long task at a time that asks for this.
fn asking(bench: &mut Bench, job: u64, gpu_milli: u32, require: &[&str], prefer: &[&str], tasks: u32) -> Vec<Assign> {
    let selectors = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a selector")).collect();
    let selection = Selection { require: selectors(require), prefer: selectors(prefer), copies: 0 };
    selecting(bench, job, gpu_milli, selection, tasks)
}

fn selecting(bench: &mut Bench, job: u64, gpu_milli: u32, selection: Selection, tasks: u32) -> Vec<Assign> {
    let facts = JobFacts {
        user: "u".to_owned(),
        priority: 0,
        cpus: 1,
        memory_bytes: 0,
        gpu_milli,
        selection: (!selection.is_none()).then(|| Arc::new(selection)),
        input_bytes: 0,
        family: job,
        expected: None,
    };
    assert_eq!(bench.step(Input::JobAccepted { job: JobId(job), facts }), vec![]);
    bench.step(Input::TasksReady { job: JobId(job), range: IndexRange::new(0, tasks), suspect: false })
}

fn described(bench: &mut Bench, node: u64, zone: &str, gpus: u32) {
    let mut labels = Labels::default();
    labels.set("zone", Some(zone)).expect("a label");
    let labels = labels.of_node(&format!("n{node}"));
    bench.step(Input::NodeDescribed { node: NodeId(node), labels, gpu_milli: 1000 * gpus });
    bench.node(node, 8);
}

#[test]
fn tasks_run_where_the_labels_are_that_they_require() {
    let mut bench = Bench::new();
    described(&mut bench, 1, "office", 0);
    described(&mut bench, 2, "home", 0);
    assert_eq!(asking(&mut bench, 1, 0, &["zone=home"], &[], 1), vec![assign(2, 1, 0, 1)]);
    assert_eq!(asking(&mut bench, 2, 0, &["node!=n2"], &[], 1), vec![assign(1, 2, 0, 1)]);
    assert_eq!(asking(&mut bench, 3, 0, &["zone=attic"], &[], 1), vec![], "it waits, and holds up nobody");
    assert_eq!(asking(&mut bench, 4, 0, &[], &[], 1).len(), 1);
    let mut labels = Labels::default();
    labels.set("zone", Some("attic")).unwrap();
    let moved = bench.step(Input::NodeLabelled { node: NodeId(1), labels });
    assert_eq!(moved, vec![assign(1, 3, 0, 1)], "a label that comes lets it go");
    assert_eq!(bench.step(Input::TryAgain), vec![]);
}

#[test]
fn tasks_whose_results_need_more_holders_than_there_are_wait_and_hold_up_nobody() {
    let mut bench = Bench::new();
    described(&mut bench, 1, "office", 0);
    let copies = |copies| Selection { copies, ..Selection::default() };
    assert_eq!(selecting(&mut bench, 1, 0, copies(2), 1), vec![]);
    assert_eq!(asking(&mut bench, 2, 0, &[], &[], 1), vec![assign(1, 2, 0, 1)]);
    assert_eq!(selecting(&mut bench, 3, 0, copies(1), 1), vec![assign(1, 3, 0, 1)], "one copy is where it was made");
    bench.step(Input::NodeDescribed { node: NodeId(2), labels: Labels::default(), gpu_milli: 0 });
    let came = bench.step(Input::NodeAttached { node: NodeId(2), slots: 8, memory_bytes: 0 });
    assert_eq!(came.iter().map(|assign| assign.job).collect::<Vec<_>>(), [JobId(1)], "a second holder lets it go");
}

#[test]
fn a_preference_is_followed_while_there_is_room_and_no_longer() {
    let mut bench = Bench::new();
    described(&mut bench, 1, "office", 0);
    described(&mut bench, 2, "home", 0);
    let placed = asking(&mut bench, 1, 0, &[], &["zone=home"], 12);
    let on = |node| placed.iter().filter(|a| a.node == NodeId(node)).map(|a| a.range.len()).sum::<u32>();
    assert_eq!((on(1), on(2)), (4, 8), "{placed:?}");
    assert_eq!(bench.step(Input::TryAgain), vec![]);
}

#[test]
fn parts_of_a_gpu_are_never_promised_twice() {
    let mut bench = Bench::new();
    described(&mut bench, 1, "home", 2);
    let placed = |assigns: &[Assign]| assigns.iter().map(|a| a.range.len()).sum::<u32>();
    // 0.4 of a gpu fits twice into each of two.
    assert_eq!(placed(&asking(&mut bench, 1, 400, &[], &[], 9)), 4);
    assert_eq!(bench.end(1, 1, 0, 1, Duration::from_secs(9)), vec![assign(1, 1, 4, 5)]);
    assert_eq!(asking(&mut bench, 2, 100, &[], &[], 1), vec![], "both are taken");
    assert_eq!(placed(&asking(&mut bench, 3, 0, &[], &[], 1)), 1, "who needs none goes on");
    let mut bench = Bench::new();
    described(&mut bench, 1, "home", 2);
    // 0.6 of a gpu leaves no room for another 0.6: a whole one each.
    assert_eq!(placed(&asking(&mut bench, 1, 600, &[], &[], 9)), 2);
    let mut bench = Bench::new();
    described(&mut bench, 1, "home", 1);
    assert_eq!(asking(&mut bench, 1, 2000, &[], &[], 1), vec![], "two whole ones are not there");
    assert_eq!(bench.step(Input::TryAgain), vec![]);
}
