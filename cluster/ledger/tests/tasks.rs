//! The life of jobs and tasks: every transition with the whole list of its effects.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cluster;

use cluster::{Cluster, MS, failed, left, range, ready, spec, succeeded};
use nexus_ledger::{Assignment, Command, Effect, ExplainFacts, Rejection, ReleaseReason, Released, Reply, Suspect};
use nexus_model::{
    AttemptToken, Cost, INLINE_BYTES_MAX, IndexRange, JobId, JobState, NodeId, Outcome, Payload, TaskOutput, TaskState,
};
use nexus_wire::{AttemptRange, FinishedTasks, TaskDetail};

fn states(cluster: &Cluster, job: JobId) -> Vec<TaskState> {
    let all = range(0, u32::MAX);
    cluster.ledger.tasks(job, all, TaskDetail::State, usize::MAX).unwrap().iter().map(|task| task.state).collect()
}

#[test]
fn a_job_may_be_given_away_in_the_entry_that_accepts_it() {
    let mut cluster = Cluster::new();
    let placed = |key: &str, node: u64| Command::SubmitPlaced {
        spec: Box::new(spec(1)),
        key: Some(key.into()),
        node: NodeId(node),
        at_ms: 10,
    };
    let (reply, effects) = cluster.ok(placed("k", 2));
    let (job, token) = (JobId(1), AttemptToken(cluster.index));
    let attempt = AttemptRange { job, range: range(0, 1), token };
    let accepted = Effect::JobAccepted { job, spec: cluster.ledger.spec(job).unwrap().clone() };
    assert_eq!(reply, Reply::Job(job));
    let assigned = Effect::TasksAssigned { node: NodeId(2), attempt, suspect: Suspect::No };
    assert_eq!(effects, vec![accepted, ready(job, range(0, 1), Suspect::No), assigned]);
    assert_eq!(cluster.ledger.attempts(NodeId(2)), [attempt]);
    // The same key is the same job, and nobody is given it again.
    assert_eq!(cluster.ok(placed("k", 1)), (Reply::Job(job), vec![]));
    // Its token is the fence, as that of any other assignment.
    let late = AttemptRange { token: AttemptToken(token.0 - 1), ..attempt };
    assert_eq!(cluster.finish(2, late, succeeded(1)).0, Reply::Finished { recorded: 0, stale: 1 });
    assert_eq!(cluster.finish(2, attempt, succeeded(2)).0, Reply::Finished { recorded: 1, stale: 0 });
    assert_eq!(states(&cluster, job), [TaskState::Succeeded]);
}

#[test]
fn a_job_for_a_node_that_is_gone_is_accepted_and_waits() {
    let mut cluster = Cluster::new();
    let (reply, effects) =
        cluster.ok(Command::SubmitPlaced { spec: Box::new(spec(2)), key: None, node: NodeId(77), at_ms: 10 });
    let (job, all) = (JobId(1), range(0, 2));
    assert_eq!(reply, Reply::Job(job));
    assert!(effects.contains(&Effect::AssignmentRefused { job, range: all, node: NodeId(77) }), "{effects:?}");
    assert_eq!(effects.last(), Some(&ready(job, all, Suspect::No)));
    assert_eq!(states(&cluster, job), [TaskState::Ready; 2]);
    let mut later = spec(1);
    later.conditions.not_before_ms = Some(5_000);
    cluster.ok(Command::SubmitPlaced { spec: Box::new(later), key: None, node: NodeId(1), at_ms: 10 });
    assert_eq!(cluster.ledger.attempts(NodeId(1)), [], "what may not run yet is given to nobody");
}

#[test]
fn a_job_passes_from_queued_to_succeeded() {
    let mut cluster = Cluster::new();
    let (reply, effects) = cluster.ok(Command::SubmitJob { spec: Box::new(spec(4)), key: None, at_ms: 10 });
    let job = JobId(1);
    let accepted = Effect::JobAccepted { job, spec: cluster.ledger.spec(job).unwrap().clone() };
    assert_eq!(reply, Reply::Job(job));
    assert_eq!(effects, vec![accepted, ready(job, range(0, 4), Suspect::No)]);
    assert_eq!(cluster.ledger.job(job).unwrap().state, JobState::Queued);

    let assignments = vec![
        Assignment { job, range: range(0, 3), node: NodeId(1) },
        Assignment { job, range: range(3, 4), node: NodeId(2) },
    ];
    let (reply, effects) = cluster.ok(Command::AssignTasks { assignments, at_ms: 20 });
    let token = AttemptToken(cluster.index);
    let attempt = AttemptRange { job, range: range(0, 3), token };
    let other = AttemptRange { job, range: range(3, 4), token };
    assert_eq!(reply, Reply::Assigned { tasks: 4, refused: 0 });
    assert_eq!(
        effects,
        vec![
            Effect::TasksAssigned { node: NodeId(1), attempt, suspect: Suspect::No },
            Effect::TasksAssigned { node: NodeId(2), attempt: other, suspect: Suspect::No },
        ]
    );
    assert_eq!(cluster.ledger.attempts(NodeId(1)), vec![attempt]);
    assert_eq!(cluster.ledger.job(job).unwrap().state, JobState::Running);

    let (reply, effects) = cluster.finish(1, attempt, succeeded(7));
    assert_eq!(reply, Reply::Finished { recorded: 3, stale: 0 });
    assert_eq!(
        effects,
        vec![
            left(1, attempt, range(0, 3), Some(3 * MS)),
            Effect::TasksEnded { job, range: range(0, 3), state: TaskState::Succeeded },
        ]
    );
    let (_, effects) = cluster.finish(2, other, succeeded(8));
    assert_eq!(
        effects,
        vec![
            left(2, other, range(3, 4), Some(MS)),
            Effect::TasksEnded { job, range: range(3, 4), state: TaskState::Succeeded },
            Effect::JobEnded { job, state: JobState::Succeeded },
        ]
    );
    let view = cluster.ledger.job(job).unwrap();
    assert_eq!(view.by_node, vec![(NodeId(1), 3), (NodeId(2), 1)]);
    assert_eq!(view.counts, [0, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!((view.submitted_at_ms, view.started_at_ms, view.finished_at_ms), (10, Some(20), Some(30)));
    let tasks = cluster.ledger.tasks(job, range(2, 4), TaskDetail::Full, usize::MAX).unwrap();
    assert_eq!(tasks[0].outcome, Some(succeeded(7)));
    assert_eq!((tasks[1].outcome.clone(), tasks[1].node, tasks[1].attempts), (Some(succeeded(8)), Some(NodeId(2)), 1));
    assert_eq!((cluster.ledger.jobs_active(), cluster.ledger.tasks_queued()), (0, 0));
}

#[test]
fn the_same_key_of_the_same_user_is_the_same_job() {
    let mut cluster = Cluster::new();
    let submit = |user: &str| {
        let mut spec = spec(1);
        spec.user = user.into();
        Command::SubmitJob { spec: Box::new(spec), key: Some("k".into()), at_ms: 10 }
    };
    assert_eq!(cluster.ok(submit("ada")).0, Reply::Job(JobId(1)));
    assert_eq!(cluster.ok(submit("ada")), (Reply::Job(JobId(1)), vec![]));
    assert_eq!(cluster.ok(submit("bob")).0, Reply::Job(JobId(2)));
    cluster.ok(Command::CancelJob { job: JobId(1), at_ms: 11 });
    cluster.ok(Command::ForgetJob { job: JobId(1) });
    assert_eq!(cluster.ok(submit("ada")).0, Reply::Job(JobId(1)), "a key outlives its job");
}

#[test]
fn a_retryable_failure_is_tried_again_while_attempts_are_left() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    for attempt in 1..=3 {
        let token = cluster.assign(job, range(0, 1), 1);
        let (_, effects) = cluster.finish(1, token, failed(true));
        let after = if attempt < 3 {
            vec![ready(job, range(0, 1), Suspect::No)]
        } else {
            vec![
                Effect::TasksEnded { job, range: range(0, 1), state: TaskState::Failed },
                Effect::JobEnded { job, state: JobState::Failed },
            ]
        };
        assert_eq!(effects, [vec![left(1, token, range(0, 1), Some(MS))], after].concat());
    }
    let (task, failure) = cluster.ledger.job(job).unwrap().first_failure.unwrap();
    assert_eq!((task.index, failure.code.as_str()), (0, "MC0001"));
}

#[test]
fn a_final_failure_and_a_timeout_end_the_task_at_once() {
    for (outcome, state) in [(failed(false), TaskState::Failed), (Outcome::TimedOut, TaskState::TimedOut)] {
        let mut cluster = Cluster::new();
        let job = cluster.submit(spec(1));
        let token = cluster.assign(job, range(0, 1), 1);
        cluster.finish(1, token, outcome);
        assert_eq!(states(&cluster, job), vec![state]);
        assert!(cluster.ledger.job(job).unwrap().first_failure.is_some());
        assert_eq!(cluster.ledger.job(job).unwrap().state, JobState::Failed);
    }
}

#[test]
fn only_the_current_token_of_its_node_commits() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(2));
    let first = cluster.assign(job, range(0, 2), 1);
    cluster.release(1, Released::All, ReleaseReason::WorkerStopped);
    let second = cluster.assign(job, range(0, 2), 2);
    assert_eq!(cluster.finish(1, first, succeeded(1)), (Reply::Finished { recorded: 0, stale: 2 }, vec![]));
    assert_eq!(cluster.finish(1, second, succeeded(1)).0, Reply::Finished { recorded: 0, stale: 2 });
    assert_eq!(cluster.finish(2, second, succeeded(2)).0, Reply::Finished { recorded: 2, stale: 0 });
    assert_eq!(cluster.finish(2, second, succeeded(3)).0, Reply::Finished { recorded: 0, stale: 2 });
    let tasks = cluster.ledger.tasks(job, range(0, 2), TaskDetail::Full, usize::MAX).unwrap();
    assert!(tasks.iter().all(|task| task.outcome == Some(succeeded(2)) && task.attempts == 2));
}

#[test]
fn lying_ranges_and_unknown_jobs_are_stale() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(2));
    let token = cluster.assign(job, range(0, 2), 1);
    let lie = AttemptRange { range: range(1, u32::MAX), ..token };
    assert_eq!(cluster.finish(1, lie, succeeded(1)).0, Reply::Finished { recorded: 1, stale: u32::MAX - 2 });
    let unknown = AttemptRange { job: JobId(99), ..token };
    assert_eq!(cluster.finish(1, unknown, succeeded(1)).0, Reply::Finished { recorded: 0, stale: 2 });
    let backwards = AttemptRange { range: IndexRange::new(2, 0), ..token };
    assert_eq!(cluster.finish(1, backwards, succeeded(1)).0, Reply::Finished { recorded: 0, stale: 0 });
}

#[test]
fn a_lost_worker_returns_its_tasks_as_suspects_and_the_second_loss_quarantines() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(3));
    let first = cluster.assign(job, range(0, 2), 2);
    let (reply, effects) = cluster.release(2, Released::All, ReleaseReason::WorkerLost);
    assert_eq!(reply, Reply::Released { tasks: 2 });
    assert_eq!(effects, vec![left(2, first, range(0, 2), None), ready(job, range(0, 2), Suspect::Yes)]);
    let second = cluster.assign(job, range(1, 3), 3);
    let (_, effects) = cluster.release(3, Released::All, ReleaseReason::WorkerLost);
    assert_eq!(
        effects,
        vec![
            left(3, second, range(1, 2), None),
            Effect::TasksEnded { job, range: range(1, 2), state: TaskState::Failed },
            left(3, second, range(2, 3), None),
            ready(job, range(2, 3), Suspect::Yes),
        ]
    );
    let (task, failure) = cluster.ledger.job(job).unwrap().first_failure.unwrap();
    assert_eq!((task.index, failure.code.as_str()), (1, "NX0312"));
    assert_eq!(cluster.ledger.attempts(NodeId(3)), vec![]);
}

#[test]
fn a_second_loss_counts_only_against_what_had_begun() {
    let mut cluster = Cluster::new();
    cluster.ok(Command::RaiseProtocol { protocol: Command::BEGUN });
    let job = cluster.submit(spec(2));
    cluster.assign(job, range(0, 2), 2);
    cluster.release(2, Released::All, ReleaseReason::WorkerLost);
    let lost_again = |cluster: &mut Cluster, begins: bool| {
        let attempt = cluster.assign(job, range(1, 2), 3);
        if begins {
            let begin = |node, attempt| Command::BeginTasks { node: NodeId(node), attempts: vec![attempt], at_ms: 30 };
            let (reply, effects) = cluster.ok(begin(2, attempt));
            assert_eq!(
                (reply, effects),
                (Reply::Begun { tasks: 0 }, vec![]),
                "whoever does not hold it begins nothing"
            );
            assert_eq!(cluster.ok(begin(3, attempt)).0, Reply::Begun { tasks: 1 });
            cluster.ledger = cluster.restored();
        }
        let facts = ExplainFacts { now_ms: 50, up: vec![NodeId(3)], held: [].into() };
        let said = cluster.ledger.explain(job, Some(1), &facts).unwrap().join("; ");
        let what =
            if begins { "if this one is lost too, it is quarantined" } else { "it begins once that is written down" };
        assert!(said.contains(what), "{said}");
        (attempt, cluster.release(3, Released::All, ReleaseReason::WorkerLost).1)
    };
    for _ in 0..3 {
        let (attempt, effects) = lost_again(&mut cluster, false);
        let left = left(3, attempt, range(1, 2), None);
        assert_eq!(effects, vec![left, ready(job, range(1, 2), Suspect::Yes)], "it was not begun, however often");
    }
    let (attempt, effects) = lost_again(&mut cluster, true);
    let ended = Effect::TasksEnded { job, range: range(1, 2), state: TaskState::Failed };
    assert_eq!(effects, vec![left(3, attempt, range(1, 2), None), ended]);
    assert_eq!(cluster.ledger.job(job).unwrap().first_failure.unwrap().1.code, "NX0312");
}

#[test]
fn a_suspect_that_began_and_was_reported_or_given_back_has_lost_one_worker() {
    let mut cluster = Cluster::new();
    cluster.ok(Command::RaiseProtocol { protocol: Command::BEGUN });
    let mut often = spec(1);
    often.retry.max_attempts = 10;
    let job = cluster.submit(often);
    let one = range(0, 1);
    cluster.assign(job, one, 2);
    cluster.release(2, Released::All, ReleaseReason::WorkerLost);
    for round in 0..3 {
        let attempt = cluster.assign(job, one, 3);
        cluster.ok(Command::BeginTasks { node: NodeId(3), attempts: vec![attempt], at_ms: 30 });
        let effects = match round {
            0 => cluster.finish(3, attempt, failed(true)).1,
            1 => cluster.release(3, Released::All, ReleaseReason::WorkerStopped).1,
            _ => cluster.release(3, Released::All, ReleaseReason::NotStarted).1,
        };
        assert_eq!(effects.last(), Some(&ready(job, one, Suspect::Yes)), "round {round}");
        let attempt = cluster.assign(job, one, 3);
        let (_, effects) = cluster.release(3, Released::All, ReleaseReason::WorkerLost);
        assert_eq!(effects, vec![left(3, attempt, one, None), ready(job, one, Suspect::Yes)], "round {round}");
    }
}

#[test]
fn a_lost_worker_ends_a_task_without_attempts_left() {
    let mut cluster = Cluster::new();
    let mut once = spec(1);
    once.retry.max_attempts = 1;
    let job = cluster.submit(once);
    cluster.assign(job, range(0, 1), 2);
    cluster.release(2, Released::All, ReleaseReason::WorkerLost);
    assert_eq!(cluster.ledger.job(job).unwrap().first_failure.unwrap().1.code, "NX0311");
}

#[test]
fn tasks_that_never_started_lose_no_attempt() {
    let mut cluster = Cluster::new();
    let mut once = spec(4);
    once.retry.max_attempts = 1;
    let job = cluster.submit(once);
    let attempt = cluster.assign(job, range(0, 4), 2);
    let held = AttemptRange { range: range(1, 2), ..attempt };
    let (reply, effects) = cluster.release(2, Released::AllBut(vec![held]), ReleaseReason::NotStarted);
    assert_eq!(reply, Reply::Released { tasks: 3 });
    assert_eq!(
        effects,
        vec![
            left(2, attempt, range(0, 1), None),
            ready(job, range(0, 1), Suspect::No),
            left(2, attempt, range(2, 4), None),
            ready(job, range(2, 4), Suspect::No),
        ]
    );
    assert_eq!(cluster.ledger.attempts(NodeId(2)), vec![held]);
    let tasks = cluster.ledger.tasks(job, range(0, 4), TaskDetail::State, usize::MAX).unwrap();
    assert_eq!(tasks.iter().map(|task| task.attempts).collect::<Vec<_>>(), vec![0, 1, 0, 0]);
}

#[test]
fn an_attempt_that_its_worker_gave_up_is_tried_elsewhere() {
    let mut cluster = Cluster::new();
    let mut twice = spec(1);
    twice.retry.max_attempts = 2;
    let job = cluster.submit(twice);
    let first = cluster.assign(job, range(0, 1), 1);
    let (_, effects) = cluster.finish(1, first, Outcome::Cancelled);
    assert_eq!(effects, vec![left(1, first, range(0, 1), Some(MS)), ready(job, range(0, 1), Suspect::No)]);
    let second = cluster.assign(job, range(0, 1), 1);
    cluster.finish(1, second, Outcome::Cancelled);
    assert_eq!(cluster.ledger.job(job).unwrap().first_failure.unwrap().1.code, "NX0313");
}

#[test]
fn after_a_cancel_no_result_is_committed() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(4));
    let attempt = cluster.assign(job, range(0, 2), 1);
    cluster.finish(1, AttemptRange { range: range(0, 1), ..attempt }, succeeded(1));
    let (_, effects) = cluster.ok(Command::CancelJob { job, at_ms: 50 });
    assert_eq!(
        effects,
        vec![
            left(1, attempt, range(1, 2), None),
            Effect::TasksEnded { job, range: range(1, 4), state: TaskState::Cancelled },
            Effect::JobEnded { job, state: JobState::Cancelled },
        ]
    );
    assert_eq!(cluster.finish(1, attempt, succeeded(2)), (Reply::Finished { recorded: 0, stale: 2 }, vec![]));
    assert_eq!(cluster.ok(Command::CancelJob { job, at_ms: 51 }), (Reply::Done, vec![]), "repeating it is safe");
    let view = cluster.ledger.job(job).unwrap();
    assert_eq!((view.state, view.counts), (JobState::Cancelled, [0, 0, 0, 0, 1, 0, 3, 0]));
}

#[test]
fn what_is_not_ready_is_not_assigned_and_the_rest_is() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(6));
    let first = cluster.assign(job, range(2, 4), 1);
    let at = |range, node| Assignment { job, range, node: NodeId(node) };
    let assignments = vec![at(range(0, 6), 2), at(range(4, 9), 2), at(range(0, 1), 99)];
    let (reply, effects) = cluster.ok(Command::AssignTasks { assignments, at_ms: 20 });
    assert_eq!(reply, Reply::Assigned { tasks: 4, refused: 8 });
    let token = AttemptToken(cluster.index);
    let refused = |range, node| Effect::AssignmentRefused { job, range, node: NodeId(node) };
    let assigned = |range| Effect::TasksAssigned {
        node: NodeId(2),
        attempt: AttemptRange { job, range, token },
        suspect: Suspect::No,
    };
    assert_eq!(
        effects,
        vec![
            assigned(range(0, 2)),
            refused(range(2, 4), 2),
            assigned(range(4, 6)),
            refused(range(4, 9), 2),
            refused(range(0, 1), 99),
        ]
    );
    assert_eq!(cluster.ledger.attempts(NodeId(1)), vec![first]);
    assert_eq!(cluster.ledger.attempts(NodeId(2)).len(), 2);
}

#[test]
fn a_node_that_is_gone_gets_nothing_and_the_tasks_are_still_ready() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(2));
    cluster.ok(Command::RemoveNode { node: NodeId(3), at_ms: 12 });
    let assignments = vec![Assignment { job, range: range(0, 2), node: NodeId(3) }];
    let (_, effects) = cluster.ok(Command::AssignTasks { assignments, at_ms: 20 });
    let refused = Effect::AssignmentRefused { job, range: range(0, 2), node: NodeId(3) };
    assert_eq!(effects, vec![refused, ready(job, range(0, 2), Suspect::No)]);
}

#[test]
fn results_above_the_bound_are_failures_not_memory() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    let attempt = cluster.assign(job, range(0, 1), 1);
    let result = Payload::Inline(vec![0; INLINE_BYTES_MAX + 1].into());
    cluster.finish(1, attempt, Outcome::Succeeded(TaskOutput { result, outputs: vec![] }));
    assert_eq!(cluster.ledger.job(job).unwrap().first_failure.unwrap().1.code, "NX0314");
}

#[test]
fn pages_of_tasks_stop_at_their_size() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1000));
    let page = |from, bytes| cluster.ledger.tasks(job, range(from, 1000), TaskDetail::Full, bytes).unwrap();
    assert_eq!(page(0, 0).len(), 1, "a page has at least one task");
    let first = page(0, 6400);
    assert!((50..200).contains(&first.len()));
    assert_eq!(page(990, usize::MAX).len(), 10);
    assert_eq!(cluster.ledger.tasks(JobId(9), range(0, 1), TaskDetail::Full, 1), None);
}

#[test]
fn jobs_are_listed_newest_first_in_pages() {
    let mut cluster = Cluster::new();
    for _ in 0..5 {
        cluster.submit(spec(1));
    }
    let ids = |jobs: Vec<nexus_wire::JobView>| jobs.iter().map(|view| view.job.0).collect::<Vec<_>>();
    assert_eq!(ids(cluster.ledger.jobs(2, None)), vec![5, 4]);
    assert_eq!(ids(cluster.ledger.jobs(9, Some(JobId(4)))), vec![3, 2, 1]);
}

#[test]
fn illegal_job_commands_change_nothing() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    assert_eq!(cluster.rejected(Command::ForgetJob { job }), Rejection::JobActive(job));
    let unknown = JobId(9);
    assert_eq!(cluster.rejected(Command::CancelJob { job: unknown, at_ms: 1 }), Rejection::UnknownJob(unknown));
    let empty = Command::SubmitJob { spec: Box::new(spec(0)), key: None, at_ms: 1 };
    assert!(matches!(cluster.rejected(empty), Rejection::Spec(_)));
    let key = Some("k".repeat(257));
    let long = Command::SubmitJob { spec: Box::new(spec(1)), key, at_ms: 1 };
    assert!(matches!(cluster.rejected(long), Rejection::TooLong { .. }));
    let index = cluster.index;
    let again = cluster.ledger.apply(index, Command::ForgetJob { job });
    assert_eq!(again.reply, Err(Rejection::AlreadyApplied { index, applied: index }));
}

#[test]
fn a_new_leader_can_stand_where_the_ledger_stands() {
    let mut cluster = Cluster::new();
    let done = cluster.submit(spec(1));
    let attempt = cluster.assign(done, range(0, 1), 1);
    cluster.finish(1, attempt, succeeded(1));
    let job = cluster.submit(spec(4));
    let held = cluster.assign(job, range(1, 3), 2);
    let accepted = Effect::JobAccepted { job, spec: cluster.ledger.spec(job).unwrap().clone() };
    assert_eq!(
        cluster.ledger.standing(),
        vec![
            accepted,
            ready(job, range(0, 1), Suspect::No),
            ready(job, range(3, 4), Suspect::No),
            Effect::TasksAssigned { node: NodeId(2), attempt: held, suspect: Suspect::No },
        ]
    );
}

#[test]
fn a_batch_of_many_ends_is_joined_into_few_effects() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1000));
    let attempt = cluster.assign(job, range(0, 1000), 1);
    let tasks = (0..1000).map(|i| FinishedTasks {
        attempt: AttemptRange { range: range(i, i + 1), ..attempt },
        outcome: succeeded(i as u8),
        cost: Cost { wall: MS, ..Cost::default() },
    });
    let (reply, effects) = cluster.ok(Command::FinishTasks { node: NodeId(1), tasks: tasks.collect(), at_ms: 30 });
    assert_eq!(reply, Reply::Finished { recorded: 1000, stale: 0 });
    assert_eq!(
        effects,
        vec![
            left(1, attempt, range(0, 1000), Some(1000 * MS)),
            Effect::TasksEnded { job, range: range(0, 1000), state: TaskState::Succeeded },
            Effect::JobEnded { job, state: JobState::Succeeded },
        ]
    );
    let tasks = cluster.ledger.tasks(job, range(0, 1000), TaskDetail::Full, usize::MAX).unwrap();
    assert!(tasks.iter().all(|task| task.outcome == Some(succeeded(task.index as u8))));
    let copy = cluster.restored();
    assert_eq!(copy.tasks(job, range(0, 1000), TaskDetail::Full, usize::MAX), Some(tasks));
}
