//! What jobs and nodes write into their lives, and that it survives a snapshot.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use cluster::{Cluster, MS, failed, range, spec, succeeded};
use nexus_ledger::{Command, NodeNote, Rejection, ReleaseReason, Released};
use nexus_model::{ArgumentSource, AttemptToken, JobId, JobSpec, JobState, NodeId, Program, TaskState, Value};
use nexus_wire::{AttemptRange, Fate, LifeEvent};

/// When and what, of a job.
fn life(cluster: &Cluster, job: JobId) -> Vec<(u64, LifeEvent)> {
    let life = cluster.ledger.job_life(job).unwrap();
    assert_eq!(life, cluster.restored().job_life(job).unwrap(), "a snapshot keeps lives");
    assert!(life.entries.iter().all(|entry| entry.job == Some(job)));
    life.entries.iter().map(|entry| (entry.at_ms, entry.what)).collect()
}

fn node_life(cluster: &Cluster, node: u64) -> Vec<(u64, Option<JobId>, LifeEvent)> {
    let life = cluster.ledger.node_life(NodeId(node)).unwrap();
    assert_eq!(life, cluster.restored().node_life(NodeId(node)).unwrap(), "a snapshot keeps lives");
    life.entries.iter().map(|entry| (entry.at_ms, entry.job, entry.what)).collect()
}

fn placed(attempt: AttemptRange, node: u64) -> LifeEvent {
    LifeEvent::Placed { range: attempt.range, node: NodeId(node), token: attempt.token }
}

fn left(attempt: AttemptRange, node: u64, busy: bool, fate: Fate) -> LifeEvent {
    let busy = busy.then(|| MS * attempt.range.len());
    LifeEvent::Left { range: attempt.range, node: NodeId(node), token: attempt.token, busy, fate }
}

#[test]
fn a_job_writes_down_where_its_tasks_ran_and_how_they_ended() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(3));
    let first = cluster.assign(job, range(0, 2), 2);
    let second = cluster.assign(job, range(2, 3), 3);
    cluster.finish(2, first, succeeded(1));
    // The first attempt fails and may be repeated; its node is lost with the second; the third succeeds.
    cluster.finish(3, second, failed(true));
    let third = cluster.assign(job, range(2, 3), 3);
    cluster.release(3, Released::All, ReleaseReason::WorkerLost);
    let fourth = cluster.assign(job, range(2, 3), 2);
    cluster.finish(2, fourth, succeeded(2));
    let ended = Fate::Ended(TaskState::Succeeded);
    assert_eq!(
        life(&cluster, job),
        [
            (10, LifeEvent::Accepted),
            (20, placed(first, 2)),
            (20, placed(second, 3)),
            (30, left(first, 2, true, ended)),
            (30, left(second, 3, true, Fate::Requeued)),
            // The times of one leader never go back, whatever its clock does.
            (30, placed(third, 3)),
            (40, left(third, 3, false, Fate::Lost)),
            (40, placed(fourth, 2)),
            (40, left(fourth, 2, true, ended)),
            (40, LifeEvent::Ended { state: JobState::Succeeded }),
        ]
    );
}

#[test]
fn a_cancel_ends_what_ran_and_what_waited() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(5));
    let held = cluster.assign(job, range(0, 2), 2);
    cluster.ok(Command::CancelJob { job, at_ms: 50 });
    let cancelled = TaskState::Cancelled;
    assert_eq!(
        life(&cluster, job)[2..],
        [
            (50, left(held, 2, false, Fate::Ended(cancelled))),
            (50, LifeEvent::TasksEnded { range: range(2, 5), state: cancelled }),
            (50, LifeEvent::Ended { state: JobState::Cancelled }),
        ]
    );
    cluster.ok(Command::RetryJob { job, at_ms: 60 });
    assert_eq!(life(&cluster, job).last(), Some(&(60, LifeEvent::Reopened)));
}

#[test]
fn a_queued_job_has_no_life_to_pay_for() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    assert_eq!(life(&cluster, job), [(10, LifeEvent::Accepted)]);
    assert_eq!(cluster.ledger.job_life(JobId(99)), None);
}

#[test]
fn a_life_goes_with_its_job() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    let attempt = cluster.assign(job, range(0, 1), 1);
    cluster.finish(1, attempt, succeeded(1));
    assert!(cluster.ledger.job_life(job).is_some_and(|life| life.entries.len() == 4));
    cluster.ok(Command::ForgetJob { job });
    assert_eq!(cluster.ledger.job_life(job), None);
    assert_eq!(node_life(&cluster, 1).len(), 2, "joined and voter: the job's tasks are gone with it");
}

#[test]
fn a_node_writes_down_that_it_came_and_went() {
    let mut cluster = Cluster::new();
    let note = |note, at_ms| Command::NoteNode { node: NodeId(3), note, at_ms };
    assert_eq!(cluster.ledger.thought_attached(), []);
    cluster.ok(note(NodeNote::Up { slots: 4 }, 8));
    let job = cluster.submit(spec(1));
    let attempt = cluster.assign(job, range(0, 1), 3);
    assert_eq!(cluster.ledger.thought_attached(), [(NodeId(3), 8)]);
    cluster.ok(note(NodeNote::Lost, 25));
    assert_eq!((cluster.ledger.thought_attached(), cluster.ledger.last_happened_ms()), (vec![], 25));
    cluster.release(3, Released::All, ReleaseReason::WorkerLost);
    cluster.ok(note(NodeNote::Up { slots: 0 }, 50));
    cluster.ok(note(NodeNote::Stopped, 60));
    cluster.ok(Command::RemoveNode { node: NodeId(3), at_ms: 70 });
    assert_eq!(
        node_life(&cluster, 3),
        [
            (3, None, LifeEvent::Joined),
            (8, None, LifeEvent::Up { slots: 4 }),
            (20, Some(job), placed(attempt, 3)),
            (25, None, LifeEvent::Lost),
            (40, Some(job), left(attempt, 3, false, Fate::Lost)),
            (50, None, LifeEvent::Up { slots: 0 }),
            (60, None, LifeEvent::Stopped),
            (70, None, LifeEvent::Removed),
        ]
    );
    assert_eq!(cluster.rejected(note(NodeNote::Lost, 80)), Rejection::UnknownNode(NodeId(3)));
    assert_eq!(cluster.ledger.node_life(NodeId(99)), None);
}

#[test]
fn voters_are_written_down_as_they_change() {
    let mut cluster = Cluster::new();
    cluster.ok(Command::SetVoters { voters: vec![NodeId(1), NodeId(2), NodeId(3)] });
    cluster.ok(Command::SetVoters { voters: vec![NodeId(2)] });
    let votes = |node| node_life(&cluster, node).into_iter().map(|(_, _, what)| what).collect::<Vec<_>>();
    assert_eq!(votes(1), [LifeEvent::Joined, LifeEvent::Voter, LifeEvent::NotVoter]);
    assert_eq!(votes(2), [LifeEvent::Joined, LifeEvent::Voter]);
    assert_eq!(votes(3), [LifeEvent::Joined, LifeEvent::Voter, LifeEvent::NotVoter]);
}

#[test]
fn a_batch_of_an_array_is_one_entry() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(100_000));
    let attempt = cluster.assign(job, range(0, 100_000), 2);
    let cost = nexus_model::Cost { wall: MS, ..nexus_model::Cost::default() };
    for start in (0..100_000).step_by(4_000) {
        // Results of their own, reported together.
        let tasks = (start..start + 4_000).map(|index| nexus_wire::FinishedTasks {
            attempt: AttemptRange { range: range(index, index + 1), token: AttemptToken(attempt.token.0), job },
            outcome: succeeded((index % 251) as u8),
            cost: cost.clone(),
        });
        cluster.ok(Command::FinishTasks { node: NodeId(2), tasks: tasks.collect(), at_ms: 30 });
    }
    assert_eq!(life(&cluster, job).len(), 1 + 1 + 25 + 1);
}

#[test]
fn runs_of_the_same_work_are_known_by_what_they_do() {
    let mut cluster = Cluster::new();
    let mut run = |change: fn(&mut JobSpec)| {
        let mut of = spec(2);
        change(&mut of);
        let job = cluster.submit(of);
        let attempt = cluster.assign(job, range(0, 2), 1);
        cluster.finish(1, attempt, succeeded(1));
        job
    };
    let first = run(|_| {});
    let again = run(|spec| (spec.name, spec.seed, spec.priority) = ("other".into(), 7, 3));
    run(|spec| spec.arguments = vec![("n".into(), ArgumentSource::Value(Value::Int(9)))]);
    run(|spec| spec.program = Program::MCode { file: "j.mcode".into(), source: "return 2".into() });
    run(|spec| spec.resources.cpus = 2);
    let newest = run(|spec| spec.user = "eva".into());
    cluster.submit(spec(2));
    let jobs = |job| cluster.ledger.runs_like(job).unwrap().iter().map(|run| (run.job, run.state)).collect::<Vec<_>>();
    assert_eq!(
        jobs(first),
        [(newest, JobState::Succeeded), (again, JobState::Succeeded)],
        "not one that has not ended"
    );
    assert_eq!(jobs(newest).len(), 2);
    assert_eq!(cluster.ledger.runs_like(JobId(999)), None);
}
