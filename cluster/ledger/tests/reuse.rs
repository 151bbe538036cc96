//! Results of earlier jobs that tasks take: whose, when, and what is kept of where they are from.

#![expect(clippy::panic, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use cluster::{Cluster, failed, range, ready, spec, succeeded};
use nexus_ledger::{Command, Effect, ExplainFacts, ReleaseReason, Released, Reply, Suspect};
use nexus_model::{
    ArgumentSource, Conditions, Cost, Input, JobId, JobSpec, JobState, NodeId, Outcome, Payload, Program, Reuse,
    Reused, Taken, TaskState, Value,
};
use nexus_wire::{FinishedTasks, JobView, ProtocolVersion, REUSED_ON, TaskDetail, TaskView};

fn reusing(spec: JobSpec) -> JobSpec {
    JobSpec { reuse: Reuse::Allowed, ..spec }
}

impl Cluster {
    /// Runs all of a job's tasks on node 1; task `i` gives `first + i`.
    fn run(&mut self, spec: JobSpec, first: u8) -> JobId {
        let tasks = spec.tasks;
        let job = self.submit(spec);
        for index in tasks.start..tasks.end {
            let attempt = self.assign(job, range(index, index + 1), 1);
            self.finish(1, attempt, succeeded(first + index as u8));
        }
        job
    }

    fn view(&self, job: JobId) -> JobView {
        self.ledger.job(job).expect("it is there")
    }

    fn tasks(&self, job: JobId) -> Vec<TaskView> {
        self.ledger.tasks(job, range(0, 100), TaskDetail::Full, 1 << 20).expect("it is there")
    }

    fn explained(&self, job: JobId, task: Option<u32>) -> String {
        let facts = ExplainFacts { now_ms: 530, up: vec![NodeId(1)], held: [].into() };
        self.ledger.explain(job, task, &facts).expect("it is there").join("\n")
    }
}

#[test]
fn a_job_takes_what_an_earlier_one_gave_and_says_whose_it_is() {
    let mut cluster = Cluster::new();
    let first = cluster.run(spec(2), 7);
    let (reply, effects) = cluster.ok(Command::SubmitJob { spec: Box::new(reusing(spec(2))), key: None, at_ms: 500 });
    let Reply::Job(second) = reply else { panic!("{reply:?}") };
    let accepted = Effect::JobAccepted { job: second, spec: reusing(spec(2)).into() };
    let ended = Effect::TasksEnded { job: second, range: range(0, 2), state: TaskState::Succeeded };
    assert_eq!(effects, vec![accepted, ended, Effect::JobEnded { job: second, state: JobState::Succeeded }]);
    let view = cluster.view(second);
    assert_eq!((view.state, view.reused(), view.started_at_ms), (JobState::Succeeded, 2, None));
    assert_eq!((view.by_node.clone(), view.ran_on().count()), (vec![(REUSED_ON, 2)], 0));
    let from = Reused { job: first, committed_at_ms: 30 };
    for (task, given) in cluster.tasks(second).into_iter().zip([7, 8]) {
        assert_eq!((task.node, task.attempts, task.reused), (None, 0, Some(from)));
        assert_eq!(task.outcome, Some(succeeded(given)));
        assert_eq!(task.cost.map(|cost| (cost.wall.is_zero(), cost.device)), Some((true, "cpu".to_owned())));
    }
    assert!(cluster.explained(second, None).contains("2 tasks took results of earlier jobs"));
    let said = cluster.explained(second, Some(1));
    assert!(said.contains(&format!("task {}/1, committed 0.5 s ago", first.0)), "{said}");
    // What took a result gives it on as that of who made it, also once that one is forgotten.
    cluster.ok(Command::ForgetJob { job: first });
    let third = cluster.submit(reusing(spec(2)));
    assert!(cluster.tasks(third).iter().all(|task| task.reused == Some(from)));
    // It is all there after a snapshot.
    let restored = cluster.restored();
    assert!(restored.encode_snapshot() == cluster.ledger.encode_snapshot());
    assert_eq!(restored.job(third), cluster.ledger.job(third));
}

#[test]
fn who_does_not_ask_runs_and_nothing_is_taken_from_other_work() {
    let mut cluster = Cluster::new();
    cluster.run(spec(2), 7);
    let plain = cluster.submit(spec(2));
    assert_eq!(cluster.view(plain).count(TaskState::Ready), 2, "it did not ask");
    let with = |change: &dyn Fn(&mut JobSpec)| {
        let mut other = reusing(spec(2));
        change(&mut other);
        other
    };
    let payload = Payload::Inline(vec![1, 2].into());
    let input = Input { name: "x".to_owned(), payload };
    for other in [
        with(&|spec| spec.seed = 1),
        with(&|spec| spec.device = nexus_model::DeviceChoice::Gpu),
        with(&|spec| spec.is_array = false),
        with(&|spec| spec.inputs = vec![input.clone()]),
        with(&|spec| spec.arguments = vec![("n".to_owned(), ArgumentSource::Value(Value::Int(3)))]),
        with(&|spec| spec.program = Program::MCode { file: "j.mcode".into(), source: "return 2".into() }),
        with(&|spec| spec.program = Program::Command { argv: vec!["true".into()], env: vec![], cwd: None }),
    ] {
        let job = cluster.submit(other.clone());
        assert_eq!(cluster.view(job).reused(), 0, "{other:?}");
        assert!(cluster.explained(job, None).contains("had a result of the same work"));
    }
    let renamed = Program::MCode { file: "other.mcode".into(), source: "return 1".into() };
    let same = with(&|spec| {
        (spec.program, spec.priority, spec.user) = (renamed.clone(), 5, "bob".to_owned());
        spec.limits = nexus_model::Limits::level(nexus_model::LimitLevel::Maximum);
    });
    let job = cluster.submit(same);
    assert_eq!(cluster.view(job).reused(), 2, "for whom and within which bounds may differ");
}

#[test]
fn of_an_array_only_what_is_new_runs() {
    let mut cluster = Cluster::new();
    cluster.run(spec(3), 1);
    let larger = reusing(spec(5));
    let (reply, effects) = cluster.ok(Command::SubmitJob { spec: Box::new(larger), key: None, at_ms: 40 });
    let Reply::Job(job) = reply else { panic!("{reply:?}") };
    assert_eq!(
        effects[1..],
        [
            Effect::TasksEnded { job, range: range(0, 3), state: TaskState::Succeeded },
            ready(job, range(3, 5), Suspect::No)
        ]
    );
    assert_eq!((cluster.view(job).reused(), cluster.ledger.tasks_queued()), (3, 2));
    // What may depend on the number of tasks is taken only from as many.
    let counting = |tasks| {
        let program =
            Program::MCode { file: "c".into(), source: "function main(task_count)\n    return task_count\nend".into() };
        JobSpec { program, ..spec(tasks) }
    };
    let sweeping = |tasks| {
        let sweep = ArgumentSource::Linear { from: 0.0, to: 1.0 };
        JobSpec { arguments: vec![("x".to_owned(), sweep)], ..spec(tasks) }
    };
    for of_count in [&counting as &dyn Fn(u32) -> JobSpec, &sweeping] {
        cluster.run(of_count(3), 1);
        let larger = cluster.submit(reusing(of_count(5)));
        let as_large = cluster.submit(reusing(of_count(3)));
        assert_eq!((cluster.view(larger).reused(), cluster.view(as_large).reused()), (0, 3));
    }
}

#[test]
fn what_succeeded_of_a_job_that_was_cancelled_or_failed_is_taken() {
    let mut cluster = Cluster::new();
    let first = cluster.submit(spec(3));
    let attempt = cluster.assign(first, range(0, 3), 1);
    cluster.finish(1, nexus_wire::AttemptRange { range: range(1, 2), ..attempt }, succeeded(4));
    let early = cluster.submit(reusing(spec(3)));
    assert_eq!(cluster.view(early).reused(), 0, "it has not ended");
    cluster.ok(Command::CancelJob { job: early, at_ms: 35 });
    cluster.finish(1, nexus_wire::AttemptRange { range: range(2, 3), ..attempt }, failed(false));
    cluster.ok(Command::CancelJob { job: first, at_ms: 40 });
    let second = cluster.submit(reusing(spec(3)));
    let states: Vec<_> = cluster.tasks(second).iter().map(|task| (task.state, task.reused.is_some())).collect();
    assert_eq!(states, vec![(TaskState::Ready, false), (TaskState::Succeeded, true), (TaskState::Ready, false)]);
    // The rest runs like any other task, and what is cancelled stays so.
    let attempt = cluster.assign(second, range(0, 1), 2);
    cluster.release(2, Released::Attempts(vec![attempt]), ReleaseReason::WorkerLost);
    cluster.ok(Command::CancelJob { job: second, at_ms: 50 });
    let view = cluster.view(second);
    assert_eq!((view.state, view.reused(), view.count(TaskState::Cancelled)), (JobState::Cancelled, 1, 2));
    // Run again, it takes what is known by then.
    cluster.run(spec(3), 9);
    cluster.ok(Command::RetryJob { job: second, at_ms: 60 });
    assert_eq!((cluster.view(second).state, cluster.view(second).reused()), (JobState::Succeeded, 3));
    let outcomes: Vec<Option<Outcome>> = cluster.tasks(second).into_iter().map(|task| task.outcome).collect();
    assert_eq!(outcomes, vec![Some(succeeded(9)), Some(succeeded(4)), Some(succeeded(11))]);
}

#[test]
fn what_is_taken_from_others_decides_what_the_same_work_is() {
    let mut cluster = Cluster::new();
    let source = |given: u8, cluster: &mut Cluster| {
        cluster.run(JobSpec { name: "source".into(), seed: given.into(), ..spec(1) }, given)
    };
    let fed = |job| {
        let takes = vec![Taken { name: "x".to_owned(), job, output: None }];
        JobSpec { conditions: Conditions { takes, ..Conditions::default() }, ..spec(1) }
    };
    let (one, same, other) = (source(3, &mut cluster), source(3, &mut cluster), source(4, &mut cluster));
    let first = cluster.run(fed(one), 50);
    assert_eq!(cluster.view(first).state, JobState::Succeeded);
    let again = cluster.submit(reusing(fed(same)));
    assert_eq!((cluster.view(again).reused(), cluster.view(again).state), (1, JobState::Succeeded));
    let fresh = cluster.submit(reusing(fed(other)));
    assert_eq!((cluster.view(fresh).reused(), cluster.view(fresh).state), (0, JobState::Queued));
    // A chain of them ends in the entry in which its first link does.
    let open = cluster.submit(JobSpec { seed: 3, name: "source".into(), ..spec(1) });
    let waiting = cluster.submit(reusing(fed(open)));
    assert!(cluster.explained(waiting, None).contains("once it need not wait"));
    let attempt = cluster.assign(open, range(0, 1), 1);
    cluster.finish(1, attempt, succeeded(3));
    assert_eq!((cluster.view(waiting).state, cluster.view(waiting).reused()), (JobState::Succeeded, 1));
}

#[test]
fn a_node_that_began_with_a_snapshot_takes_the_same() {
    let mut cluster = Cluster::new();
    let jobs: Vec<JobId> = (0..4).map(|given| cluster.run(spec(2), given * 10)).collect();
    // This one has asked before, and has seen jobs go since; the other begins with what is left.
    cluster.submit(reusing(spec(2)));
    cluster.ok(Command::ForgetJob { job: jobs[3] });
    cluster.ok(Command::ForgetJob { job: jobs[1] });
    let mut young = Cluster { ledger: cluster.restored(), index: cluster.index };
    for at in [&mut cluster, &mut young] {
        let open = at.submit(spec(2));
        at.ok(Command::CancelJob { job: open, at_ms: 70 });
        at.submit(reusing(spec(3)));
    }
    assert!(cluster.ledger.encode_snapshot() == young.ledger.encode_snapshot());
}

#[test]
fn what_ends_in_the_same_entry_is_taken_alike_by_a_node_that_never_asked_before() {
    let mut cluster = Cluster::new();
    // Two jobs of other work end together; a third waits for the second, which is settled first, and does the work of the
    // first.
    let one = cluster.submit(JobSpec { seed: 1, ..spec(1) });
    let two = cluster.submit(JobSpec { seed: 2, ..spec(1) });
    let after = Conditions { after: vec![two], ..Conditions::default() };
    let third = cluster.submit(JobSpec { seed: 1, conditions: after, ..reusing(spec(1)) });
    let mut asked = cluster.clone();
    asked.submit(reusing(JobSpec { seed: 9, ..spec(1) }));
    let mut young = Cluster { ledger: asked.restored(), index: asked.index };
    for at in [&mut asked, &mut young] {
        let attempts = [one, two].map(|job| at.assign(job, range(0, 1), 1));
        let ended = |attempt| FinishedTasks { attempt, outcome: succeeded(7), cost: Cost::default() };
        let tasks = attempts.map(ended).to_vec();
        at.ok(Command::FinishTasks { node: NodeId(1), tasks, at_ms: 90 });
        assert_eq!(at.view(third).reused(), 1);
    }
    assert!(asked.ledger.encode_snapshot() == young.ledger.encode_snapshot());
}

#[test]
fn nobody_hears_of_it_who_could_not_read_it() {
    let command = |spec| Command::SubmitJob { spec: Box::new(spec), key: None, at_ms: 1 };
    assert_eq!(command(spec(1)).since(), ProtocolVersion::FIRST);
    assert_eq!(command(reusing(spec(1))).since(), ProtocolVersion { major: 1, minor: 2 });
    let bytes = nexus_ledger::encode_command(&command(reusing(spec(1)))).expect("it can be written");
    assert_eq!(nexus_ledger::decode_command(&bytes), Ok(command(reusing(spec(1)))));
}
