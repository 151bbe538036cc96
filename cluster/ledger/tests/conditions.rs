//! Jobs that wait for others, take their results, rest, wake, run out of time and are tried again.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use std::sync::Arc;
use std::time::Duration;

use cluster::{Cluster, failed, left, range, ready, spec};
use nexus_ledger::{Command, Effect, ExplainFacts, Ledger, Rejection, Reply, Suspect};
use nexus_model::{
    BlobHash, Conditions, Input, JobId, JobSpec, JobState, NodeId, Outcome, Payload, Taken, TaskOutput, TaskState,
    Value, decode_value, encode_value,
};
use nexus_wire::TaskDetail;

fn after(jobs: &[JobId]) -> Conditions {
    Conditions { after: jobs.to_vec(), ..Conditions::default() }
}

fn conditioned(tasks: u32, conditions: Conditions) -> JobSpec {
    JobSpec { conditions, ..spec(tasks) }
}

fn payload(value: &Value) -> Payload {
    Payload::Inline(encode_value(value).unwrap().into())
}

fn returned(value: &Value) -> Outcome {
    let outputs = vec![("model".to_owned(), payload(&Value::Int(7)))];
    Outcome::Succeeded(TaskOutput { result: payload(value), outputs })
}

fn state(cluster: &Cluster, job: JobId) -> JobState {
    cluster.ledger.job(job).unwrap().state
}

fn task_state(cluster: &Cluster, job: JobId, index: u32) -> TaskState {
    cluster.ledger.tasks(job, range(index, index + 1), TaskDetail::State, 1).unwrap()[0].state
}

fn explained(ledger: &Ledger, job: JobId, task: Option<u32>) -> String {
    let facts = ExplainFacts { now_ms: 40, up: vec![NodeId(1)], held: [].into() };
    ledger.explain(job, task, &facts).unwrap().join("\n")
}

/// A snapshot tells the same story: every later command has the same effects on both.
fn also_restored(cluster: &mut Cluster, command: Command) -> Vec<Effect> {
    let mut restored = cluster.restored();
    let (reply, effects) = cluster.ok(command.clone());
    let applied = restored.apply(cluster.index, command);
    assert_eq!((applied.reply, &applied.effects), (Ok(reply), &effects));
    assert!(restored.encode_snapshot() == cluster.ledger.encode_snapshot(), "both stand in the same place");
    effects
}

#[test]
fn a_job_waits_for_all_it_names_and_then_runs() {
    let mut cluster = Cluster::new();
    let (one, two) = (cluster.submit(spec(1)), cluster.submit(spec(1)));
    let (reply, effects) =
        cluster.ok(Command::SubmitJob { spec: Box::new(conditioned(3, after(&[one, two]))), key: None, at_ms: 10 });
    let job = JobId(3);
    assert_eq!(reply, Reply::Job(job));
    assert!(matches!(effects[..], [Effect::JobAccepted { .. }]), "nothing is ready: {effects:?}");
    assert_eq!(cluster.ledger.job(job).unwrap().counts[TaskState::Waiting as usize], 3);
    assert_eq!((task_state(&cluster, job, 0), cluster.ledger.tasks_queued()), (TaskState::Waiting, 2));
    assert!(explained(&cluster.ledger, job, None).contains("it waits for job-1, which is queued (0/1 tasks ended)"));
    // A leader that would give it out all the same is refused.
    let assignments = vec![nexus_ledger::Assignment { job, range: range(0, 3), node: NodeId(1) }];
    let (reply, _) = cluster.ok(Command::AssignTasks { assignments, at_ms: 11 });
    assert_eq!(reply, Reply::Assigned { tasks: 0, refused: 3 });

    let attempt = cluster.assign(one, range(0, 1), 1);
    let (_, effects) = cluster.finish(1, attempt, returned(&Value::None));
    assert_eq!(effects.last(), Some(&Effect::JobEnded { job: one, state: JobState::Succeeded }));
    let attempt = cluster.assign(two, range(0, 1), 1);
    let (_, effects) = cluster.finish(1, attempt, returned(&Value::None));
    assert_eq!(effects.last(), Some(&ready(job, range(0, 3), Suspect::No)));
    assert_eq!((state(&cluster, job), cluster.ledger.tasks_queued()), (JobState::Queued, 3));
    cluster.assign(job, range(0, 3), 1);
}

#[test]
fn what_waits_for_a_failed_job_fails_with_it_and_so_on() {
    let mut cluster = Cluster::new();
    let first = cluster.submit(spec(1));
    let second = cluster.submit(conditioned(2, after(&[first])));
    let third = cluster.submit(conditioned(1, after(&[second])));
    let attempt = cluster.assign(first, range(0, 1), 1);
    let tasks = vec![nexus_wire::FinishedTasks { attempt, outcome: failed(false), cost: Default::default() }];
    let effects = also_restored(&mut cluster, Command::FinishTasks { node: NodeId(1), tasks, at_ms: 30 });
    for job in [first, second, third] {
        assert!(effects.contains(&Effect::JobEnded { job, state: JobState::Failed }), "{job}: {effects:?}");
    }
    let failure = cluster.ledger.job(third).unwrap().first_failure.unwrap().1;
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("NX0316", "it waited for job-2, which is failed"));
    // One that comes later fails at once; one that names nothing that exists is refused.
    let late = cluster.submit(conditioned(1, after(&[first])));
    assert_eq!(state(&cluster, late), JobState::Failed);
    let unknown = Command::SubmitJob { spec: Box::new(conditioned(1, after(&[JobId(99)]))), key: None, at_ms: 1 };
    assert_eq!(cluster.rejected(unknown), Rejection::UnknownJob(JobId(99)));
    assert_eq!((cluster.ledger.jobs_active(), cluster.ledger.tasks_queued()), (0, 0));
}

#[test]
fn results_become_inputs_by_name() {
    let mut cluster = Cluster::new();
    let (single, array) = (cluster.submit(spec(1)), cluster.submit(spec(3)));
    let taken =
        |name: &str, job, output: Option<&str>| Taken { name: name.to_owned(), job, output: output.map(str::to_owned) };
    let takes = vec![taken("x", single, None), taken("m", single, Some("model")), taken("all", array, None)];
    let job = cluster.submit(conditioned(1, Conditions { takes, ..Conditions::default() }));
    let missing = vec![taken("x", single, Some("nothing"))];
    let missing = cluster.submit(conditioned(1, Conditions { takes: missing, ..Conditions::default() }));
    let attempt = cluster.assign(single, range(0, 1), 1);
    cluster.finish(1, attempt, returned(&Value::Scalar(0.5)));
    for index in 0..3 {
        let attempt = cluster.assign(array, range(index, index + 1), 2);
        cluster.finish(2, attempt, returned(&Value::Int(i64::from(index))));
    }
    let inputs = cluster.ledger.spec(job).unwrap().inputs.clone();
    let read = |name: &str| {
        let input = inputs.iter().find(|input| input.name == name).unwrap();
        let Payload::Inline(bytes) = &input.payload else { panic!("{input:?}") };
        decode_value(bytes).unwrap()
    };
    assert_eq!((read("x"), read("m")), (Value::Scalar(0.5), Value::Int(7)));
    assert_eq!(read("all"), Value::List((0..3).map(Value::Int).collect()));
    let failure = cluster.ledger.job(missing).unwrap().first_failure.unwrap().1;
    assert_eq!(failure.message, "job-1 has no output `nothing`, which the input `x` takes");
    assert!(cluster.restored().encode_snapshot() == cluster.ledger.encode_snapshot());
}

#[test]
fn a_delayed_job_wakes_at_its_time_and_a_deadline_ends_it() {
    let mut cluster = Cluster::new();
    let times = Conditions { not_before_ms: Some(100), deadline_ms: Some(200), ..Conditions::default() };
    let job = cluster.submit(conditioned(2, times));
    assert_eq!(task_state(&cluster, job, 1), TaskState::Waiting);
    assert!(explained(&cluster.ledger, job, Some(1)).contains("it may run in 0.1 s"));
    assert!(!cluster.ledger.has_wakes(99) && cluster.ledger.has_wakes(100));
    assert_eq!(also_restored(&mut cluster, Command::Wake { at_ms: 99 }), vec![]);
    assert_eq!(also_restored(&mut cluster, Command::Wake { at_ms: 100 }), vec![ready(job, range(0, 2), Suspect::No)]);
    let attempt = cluster.assign(job, range(0, 1), 1);
    assert!(!cluster.ledger.has_wakes(199) && cluster.ledger.has_wakes(200));
    let effects = also_restored(&mut cluster, Command::Wake { at_ms: 200 });
    assert_eq!(effects.last(), Some(&Effect::JobEnded { job, state: JobState::Failed }));
    assert_eq!(cluster.ledger.job(job).unwrap().counts[TaskState::TimedOut as usize], 2);
    assert_eq!(cluster.finish(1, attempt, returned(&Value::None)).0, Reply::Finished { recorded: 0, stale: 1 });
    assert!(!cluster.ledger.has_wakes(u64::MAX));
}

#[test]
fn a_failed_attempt_rests_longer_each_time() {
    let mut cluster = Cluster::new();
    let backoff = Conditions { backoff: Duration::from_millis(50), ..Conditions::default() };
    let job = cluster.submit(conditioned(2, backoff));
    let attempt = cluster.assign(job, range(0, 2), 1);
    let (_, effects) = cluster.finish(1, attempt, failed(true));
    assert_eq!(effects, vec![left(1, attempt, range(0, 2), Some(2 * cluster::MS))], "they are not ready yet");
    assert!(!cluster.ledger.has_wakes(79) && cluster.ledger.has_wakes(80), "30 and 50");
    assert_eq!(also_restored(&mut cluster, Command::Wake { at_ms: 80 }), vec![ready(job, range(0, 2), Suspect::No)]);
    let attempt = cluster.assign(job, range(0, 2), 1);
    cluster.finish(1, attempt, failed(true));
    assert!(!cluster.ledger.has_wakes(129) && cluster.ledger.has_wakes(130), "30 and twice 50");
    assert!(explained(&cluster.ledger, job, Some(0)).contains("2 of 3 attempts are over"));
    // A cancel finds what rests.
    let (_, effects) = cluster.ok(Command::CancelJob { job, at_ms: 90 });
    assert_eq!(effects.last(), Some(&Effect::JobEnded { job, state: JobState::Cancelled }));
    assert!(!cluster.ledger.has_wakes(u64::MAX));
}

#[test]
fn only_what_did_not_succeed_is_run_again() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(3));
    let waits = cluster.submit(conditioned(1, after(&[job])));
    let attempt = cluster.assign(job, range(0, 3), 1);
    let part = |start, end| nexus_wire::AttemptRange { range: range(start, end), ..attempt };
    cluster.finish(1, part(0, 1), returned(&Value::None));
    assert_eq!(cluster.rejected(Command::RetryJob { job, at_ms: 31 }), Rejection::JobActive(job));
    cluster.finish(1, part(1, 3), failed(false));
    assert_eq!((state(&cluster, job), state(&cluster, waits)), (JobState::Failed, JobState::Failed));
    let other_first = Rejection::ConditionFailed { job: waits, other: job };
    assert_eq!(cluster.rejected(Command::RetryJob { job: waits, at_ms: 31 }), other_first);
    let effects = also_restored(&mut cluster, Command::RetryJob { job, at_ms: 31 });
    assert_eq!(effects[1..], [ready(job, range(1, 3), Suspect::No)]);
    assert_eq!(effects.len(), 2, "after the acceptance: {effects:?}");
    assert_eq!((state(&cluster, job), cluster.ledger.tasks_queued()), (JobState::Running, 2));
    let late = cluster.finish(1, part(1, 3), returned(&Value::None)).0;
    assert_eq!(late, Reply::Finished { recorded: 0, stale: 2 }, "the old attempt is over");
    let attempt = cluster.assign(job, range(1, 3), 2);
    cluster.finish(2, attempt, returned(&Value::None));
    assert_eq!(state(&cluster, job), JobState::Succeeded);
    assert_eq!(cluster.ledger.job(job).unwrap().first_failure, None);
    assert_eq!(cluster.rejected(Command::RetryJob { job, at_ms: 33 }), Rejection::NothingToRetry(job));
    let effects = also_restored(&mut cluster, Command::RetryJob { job: waits, at_ms: 34 });
    assert_eq!(effects.last(), Some(&ready(waits, range(0, 1), Suspect::No)));
}

#[test]
fn the_oldest_ended_jobs_are_forgotten_first_and_open_ones_never() {
    let mut cluster = Cluster::new();
    let jobs: Vec<JobId> = (0..5).map(|_| cluster.submit(spec(1))).collect();
    for job in [jobs[0], jobs[2], jobs[3]] {
        cluster.ok(Command::CancelJob { job, at_ms: 100 * job.0 });
    }
    assert_eq!(cluster.ledger.forgettable(3, 0, 10), vec![]);
    assert_eq!(cluster.ledger.forgettable(2, 0, 10), vec![jobs[0]]);
    assert_eq!(cluster.ledger.forgettable(0, 0, 2), vec![jobs[0], jobs[2]]);
    assert_eq!(cluster.ledger.forgettable(9, 301, 10), vec![jobs[0], jobs[2]]);
}

#[test]
fn where_a_taken_blob_was_made_is_told_before_its_taker_is_ready_and_to_whoever_leads_next() {
    let mut cluster = Cluster::new();
    let source = cluster.submit(spec(1));
    let conditions = Conditions { takes: vec![Taken { name: "x".into(), job: source, output: None }], ..after(&[]) };
    cluster.ok(Command::SubmitJob { spec: Box::new(conditioned(2, conditions)), key: None, at_ms: 10 });
    let taker = JobId(2);
    let attempt = cluster.assign(source, range(0, 1), 3);
    let blob = Payload::Blob { hash: BlobHash([7; 32]), bytes: 1 << 20 };
    let (_, effects) =
        cluster.finish(3, attempt, Outcome::Succeeded(TaskOutput { result: blob.clone(), outputs: vec![] }));
    let known = |spec: &Arc<JobSpec>| Effect::InputsKnown {
        job: taker,
        spec: spec.clone(),
        made_on: vec![(NodeId(3), 1 << 20)],
    };
    let spec = cluster.ledger.spec(taker).unwrap();
    assert_eq!(spec.inputs, [Input { name: "x".into(), payload: blob }]);
    let at = effects.iter().position(|effect| *effect == known(spec)).expect("it is told");
    assert_eq!(effects[at + 1..], [ready(taker, range(0, 2), Suspect::No)], "{effects:?}");
    assert!(cluster.restored().standing().contains(&known(spec)));
}

#[test]
fn a_job_that_ran_out_of_time_says_so() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(2));
    for (task, outcome) in [(0, Outcome::TimedOut), (1, failed(false))] {
        let attempt = cluster.assign(job, range(task, task + 1), 1);
        cluster.finish(1, attempt, outcome);
    }
    let said = explained(&cluster.ledger, job, None);
    assert!(said.starts_with(&format!("{job} is failed: 1 task failed, 1 timed out\n")), "{said}");
    assert!(explained(&cluster.ledger, job, Some(0)).contains("longer than its timeout"), "of the task");
    let late = cluster.submit(spec(1));
    let attempt = cluster.assign(late, range(0, 1), 1);
    cluster.finish(1, attempt, Outcome::TimedOut);
    let said = explained(&cluster.ledger, late, None);
    assert!(said.starts_with(&format!("{late} is failed: 1 task timed out\n")), "{said}");
    assert!(explained(&cluster.ledger, late, Some(0)).ends_with("after 1 attempt"));
}
