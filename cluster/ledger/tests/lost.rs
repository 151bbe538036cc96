//! Results that no node has any more: made again by whoever made them, while those that need them wait.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use cluster::{Cluster, left, range, ready, spec};
use nexus_ledger::{Command, Effect, ExplainFacts, INPUT_LOST, Reply, Suspect};
use nexus_model::{
    BlobHash, Conditions, JobId, JobSpec, JobState, NodeId, Outcome, Payload, Reuse, Taken, TaskOutput, TaskState,
};
use nexus_wire::{AttemptRange, TaskDetail};

const LOST: BlobHash = BlobHash([9; 32]);

fn gave(blob: BlobHash) -> Outcome {
    Outcome::Succeeded(TaskOutput { result: Payload::Blob { hash: blob, bytes: 1 << 20 }, outputs: vec![] })
}

fn taking(job: JobId, tasks: u32) -> JobSpec {
    let takes = vec![Taken { name: "x".to_owned(), job, output: None }];
    JobSpec { conditions: Conditions { takes, ..Conditions::default() }, ..spec(tasks) }
}

impl Cluster {
    /// A job whose only task gave `LOST` on node 1.
    fn source(&mut self, spec: JobSpec) -> JobId {
        let source = self.submit(spec);
        let attempt = self.assign(source, range(0, 1), 1);
        self.finish(1, attempt, gave(LOST));
        source
    }

    fn make_again(&mut self, attempt: AttemptRange, at_ms: u64) -> (Reply, Vec<Effect>) {
        self.ok(Command::MakeAgain { node: NodeId(2), attempts: vec![attempt], blob: LOST, at_ms })
    }

    fn state(&self, job: JobId) -> JobState {
        self.ledger.job(job).unwrap().state
    }

    fn failure(&self, job: JobId) -> String {
        let (_, failure) = self.ledger.job(job).unwrap().first_failure.unwrap_or_else(|| panic!("{job} did not fail"));
        assert_eq!(failure.code, INPUT_LOST);
        failure.message
    }

    fn explained(&self, job: JobId) -> String {
        let facts = ExplainFacts { now_ms: 100, up: vec![NodeId(1)], held: [].into() };
        self.ledger.explain(job, None, &facts).unwrap().join("\n")
    }
}

#[test]
fn whoever_made_it_runs_again_and_who_needs_it_waits_without_losing_an_attempt() {
    let mut cluster = Cluster::new();
    let source = cluster.source(spec(1));
    let taker = cluster.submit(taking(source, 1));
    let attempt = cluster.assign(taker, range(0, 1), 2);
    let (reply, effects) = cluster.make_again(attempt, 100);
    assert_eq!(reply, Reply::Released { tasks: 1 });
    let again = Effect::JobAccepted { job: source, spec: spec(1).into() };
    let resting = left(2, attempt, range(0, 1), None);
    assert_eq!(effects, vec![again, ready(source, range(0, 1), Suspect::No), resting]);
    assert_eq!((cluster.state(source), cluster.ledger.job(source).unwrap().by_node), (JobState::Running, vec![]));
    assert!(cluster.explained(taker).contains(&format!("waits for {source}, which makes again")));
    assert!(cluster.explained(source).contains(&format!("no node had a result of it any more that {taker} takes")));
    // All of it is there after a snapshot, and another taker that comes now waits for the job as for any.
    assert!(cluster.restored().encode_snapshot() == cluster.ledger.encode_snapshot());
    let later = cluster.submit(taking(source, 1));
    assert_eq!(cluster.ledger.job(later).unwrap().count(TaskState::Waiting), 1);
    // It looks once more before the result is there: nothing is run a third time.
    assert_eq!(cluster.ok(Command::Wake { at_ms: 5_100 }).1, vec![ready(taker, range(0, 1), Suspect::No)]);
    let early = cluster.assign(taker, range(0, 1), 2);
    assert_eq!(cluster.make_again(early, 5_200).1, vec![left(2, early, range(0, 1), None)]);
    let second = cluster.assign(source, range(0, 1), 1);
    cluster.finish(1, second, gave(LOST));
    assert_eq!(cluster.state(source), JobState::Succeeded);
    assert_eq!(cluster.ledger.tasks(source, range(0, 1), TaskDetail::State, 99).unwrap()[0].attempts, 2);
    cluster.ok(Command::Wake { at_ms: 10_200 });
    let third = cluster.assign(taker, range(0, 1), 2);
    cluster.finish(2, third, gave(BlobHash([1; 32])));
    assert_eq!(cluster.state(taker), JobState::Succeeded);
    assert_eq!(cluster.ledger.tasks(taker, range(0, 1), TaskDetail::State, 99).unwrap()[0].attempts, 1);
}

#[test]
fn what_is_lost_again_and_again_ends_with_the_attempts_of_who_made_it() {
    let mut cluster = Cluster::new();
    let mut once = spec(1);
    once.retry.max_attempts = 2;
    let source = cluster.source(once);
    let taker = cluster.submit(taking(source, 1));
    let attempt = cluster.assign(taker, range(0, 1), 2);
    cluster.make_again(attempt, 100);
    let second = cluster.assign(source, range(0, 1), 1);
    cluster.finish(1, second, gave(LOST));
    cluster.ok(Command::Wake { at_ms: 5_100 });
    let attempt = cluster.assign(taker, range(0, 1), 2);
    assert_eq!(cluster.make_again(attempt, 5_200).0, Reply::Released { tasks: 0 });
    assert!(cluster.failure(taker).contains("has had all of its 2 attempts"), "{}", cluster.failure(taker));
    assert_eq!(cluster.state(source), JobState::Succeeded);
}

#[test]
fn what_nobody_can_make_again_is_said() {
    let mut cluster = Cluster::new();
    let source = cluster.source(spec(1));
    let (first, second) = (cluster.submit(taking(source, 1)), cluster.submit(taking(source, 1)));
    let mut given = spec(1);
    given.inputs = vec![nexus_model::Input { name: "x".into(), payload: Payload::Blob { hash: LOST, bytes: 9 } }];
    let given = cluster.submit(given);
    let [first_try, second_try, given_try] = [first, second, given].map(|job| cluster.assign(job, range(0, 1), 2));
    cluster.make_again(given_try, 90);
    assert!(cluster.failure(given).contains("given with the job"), "{}", cluster.failure(given));
    // It fails when it is made again.
    cluster.make_again(first_try, 100);
    let again = cluster.assign(source, range(0, 1), 1);
    cluster.finish(1, again, cluster::failed(false));
    cluster.make_again(second_try, 200);
    assert!(cluster.failure(second).contains("is failed"), "{}", cluster.failure(second));
    cluster.ok(Command::ForgetJob { job: source });
    cluster.ok(Command::Wake { at_ms: 5_100 });
    let first_try = cluster.assign(first, range(0, 1), 2);
    cluster.make_again(first_try, 5_200);
    assert!(cluster.failure(first).contains("is forgotten"), "{}", cluster.failure(first));
}

#[test]
fn a_late_word_of_a_loss_changes_nothing() {
    let mut cluster = Cluster::new();
    let source = cluster.source(spec(1));
    let taker = cluster.submit(taking(source, 1));
    let attempt = cluster.assign(taker, range(0, 1), 2);
    cluster.ok(Command::CancelJob { job: taker, at_ms: 50 });
    assert_eq!(cluster.make_again(attempt, 100), (Reply::Released { tasks: 0 }, vec![]));
    assert_eq!(cluster.state(source), JobState::Succeeded);
}

#[test]
fn a_result_that_was_taken_from_an_earlier_job_is_made_by_who_took_it() {
    let mut cluster = Cluster::new();
    cluster.source(spec(1));
    let source = cluster.submit(JobSpec { reuse: Reuse::Allowed, ..spec(1) });
    assert_eq!(cluster.ledger.job(source).unwrap().reused(), 1);
    let taker = cluster.submit(taking(source, 2));
    let attempt = cluster.assign(taker, range(0, 2), 2);
    assert_eq!(cluster.make_again(attempt, 100).0, Reply::Released { tasks: 2 });
    let view = cluster.ledger.job(source).unwrap();
    assert_eq!((view.reused(), view.count(TaskState::Ready)), (0, 1), "it takes nothing that is lost");
    assert!(cluster.restored().encode_snapshot() == cluster.ledger.encode_snapshot());
}

#[test]
fn what_is_lost_and_nobody_takes_runs_again_for_who_asks_each_task_once_and_with_all_attempts() {
    let mut cluster = Cluster::new();
    let mut of_two = spec(2);
    of_two.retry.max_attempts = 1;
    let job = cluster.submit(of_two);
    let first = cluster.assign(job, range(0, 1), 2);
    // One task made two blobs that are lost.
    let (hash, other) = (LOST, BlobHash([8; 32]));
    let outputs = vec![("model".to_owned(), Payload::Blob { hash: other, bytes: 9 })];
    cluster.finish(2, first, Outcome::Succeeded(TaskOutput { result: Payload::Blob { hash, bytes: 9 }, outputs }));
    let second = cluster.assign(job, range(1, 2), 2);
    let retry = |blobs: &[BlobHash]| Command::RetryLost { job, blobs: blobs.to_vec(), at_ms: 60 };
    cluster.rejected(retry(&[LOST]));
    cluster.finish(2, second, gave(BlobHash([7; 32])));
    cluster.rejected(retry(&[BlobHash([1; 32])]));
    let (_, effects) = cluster.ok(retry(&[LOST, other]));
    assert_eq!(effects.last(), Some(&ready(job, range(0, 1), Suspect::No)));
    assert_eq!(cluster.ledger.job(job).unwrap().state, JobState::Running);
    assert!(cluster.restored().encode_snapshot() == cluster.ledger.encode_snapshot());
    let again = cluster.assign(job, range(0, 1), 3);
    cluster.finish(3, again, gave(LOST));
    assert_eq!(cluster.ledger.job(job).unwrap().state, JobState::Succeeded);
    let of_job = |behind, most| cluster.ledger.results(job, behind, most).unwrap();
    assert_eq!(
        (of_job(0, 9).len(), of_job(0, 1), of_job(1, 9)),
        (2, of_job(0, 9)[..1].to_vec(), of_job(0, 9)[1..].to_vec())
    );
}
