//! Log entries and snapshots: what was written is read, any bytes are answered, and version 1 never changes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use std::time::Duration;

use cluster::{Cluster, MS, capacity, failed, machine, range, spec, succeeded};
use nexus_ledger::{
    Assignment, CodecError, Command, Effect, Ledger, NodeNote, ReleaseReason, Released, decode_command, encode_command,
};
use nexus_model::{
    ArgumentSource, AttemptToken, BlobHash, Conditions, Cost, DeviceInfo, DeviceKind, Diagnostic, Execution, Failure,
    Input, JitLevel, JobId, Label, Limits, NodeId, NodeRole, Outcome, Payload, Program, Recurrence, ScheduleId, Span,
    Taken, TaskOutput, VALUE_DEPTH_MAX, Value,
};
use nexus_wire::{AttemptRange, FinishedTasks, ProtocolVersion, TaskDetail};
use proptest::prelude::*;

fn attempt(token: u64) -> AttemptRange {
    AttemptRange { job: JobId(1), range: range(0, 3), token: AttemptToken(token) }
}

fn rich_outcomes() -> Vec<FinishedTasks> {
    let blob = Payload::Blob { hash: BlobHash([9; 32]), bytes: u64::MAX };
    let output =
        TaskOutput { result: blob.clone(), outputs: vec![("y".into(), Payload::Inline([1, 0].as_slice().into()))] };
    let mut diagnostic = Diagnostic::error("MC0203", "shapes do not fit");
    let span = Span { start: 1, end: u32::MAX, line: 4, column: 12 };
    diagnostic.primary = Some(Label { span, text: "here".into() });
    diagnostic.secondary = vec![Label { span, text: String::new() }];
    diagnostic.help = Some("did you mean…".into());
    let failure = Failure {
        code: "MC0203".into(),
        message: "shapes".into(),
        diagnostic: Some(Box::new(diagnostic)),
        retryable: false,
    };
    let cost = Cost {
        wall: Duration::from_micros(41),
        device: "tpu".into(),
        stdout: Some(Payload::Inline(b"hello\n".as_slice().into())),
        stderr: Some(blob),
        exit_code: Some(-9),
    };
    let outcomes = [Outcome::Succeeded(output), Outcome::Failed(failure), Outcome::Cancelled, Outcome::TimedOut];
    outcomes
        .into_iter()
        .zip(0..)
        .map(|(outcome, i)| FinishedTasks {
            attempt: AttemptRange { range: range(i, i + 1), ..attempt(7) },
            outcome,
            cost: cost.clone(),
        })
        .collect()
}

fn conditioned_spec() -> nexus_model::JobSpec {
    let mut spec = rich_spec();
    spec.conditions = Conditions {
        after: vec![JobId(1)],
        takes: vec![Taken { name: "t".into(), job: JobId(2), output: Some("y".into()) }],
        not_before_ms: Some(5),
        deadline_ms: Some(6),
        backoff: Duration::from_millis(7),
        retry_failures: true,
    };
    spec
}

fn executed_spec() -> nexus_model::JobSpec {
    let mut spec = conditioned_spec();
    spec.execution = Some(Execution { loop_unrolling: false, ..Execution::at(JitLevel::Plain) });
    spec
}

fn selective_spec() -> nexus_model::JobSpec {
    let mut spec = executed_spec();
    spec.resources.gpu_milli = 250;
    spec.selection.require = vec!["zone=home".parse().unwrap()];
    spec.selection.prefer = vec!["node!=air".parse().unwrap()];
    spec
}

fn copied_spec() -> nexus_model::JobSpec {
    let mut spec = selective_spec();
    spec.selection.copies = 3;
    spec
}

fn rich_spec() -> nexus_model::JobSpec {
    let mut spec = spec(400);
    spec.program = Program::Command {
        argv: vec!["/bin/echo".into(), "hi".into()],
        env: vec![("K".into(), "V".into())],
        cwd: Some("/tmp".into()),
    };
    spec.arguments = vec![
        ("lr".into(), ArgumentSource::Logarithmic { from: 1e-4, to: 1e-1 }),
        ("n".into(), ArgumentSource::Value(Value::List(vec![Value::Int(3), Value::None]))),
    ];
    spec.inputs = vec![Input { name: "x".into(), payload: Payload::Inline([1, 3].as_slice().into()) }];
    spec.limits = Limits::level(nexus_model::LimitLevel::High);
    spec.timeout = Some(MS);
    spec.priority = -7;
    spec
}

fn placed() -> Command {
    Command::SubmitPlaced { spec: Box::new(rich_spec()), key: Some("k".into()), node: NodeId(2), at_ms: 2 }
}

/// One of each kind.
fn commands() -> Vec<(&'static str, Command)> {
    let mut founder = machine("studio", 1);
    founder.capacity.devices = vec![DeviceInfo { kind: DeviceKind::Gpu, name: "M3 Max".into() }];
    let note = |note| Command::NoteNode { node: NodeId(3), note, at_ms: 11 };
    let released = |attempts, why| Command::ReleaseTasks { node: NodeId(2), attempts, why, at_ms: 9 };
    vec![
        (
            "create-cluster",
            Command::CreateCluster { name: "s".into(), ca_certificate_pem: "PEM".into(), founder, at_ms: 1 },
        ),
        ("submit-job", Command::SubmitJob { spec: Box::new(rich_spec()), key: Some("k".into()), at_ms: 2 }),
        ("cancel-job", Command::CancelJob { job: JobId(3), at_ms: 3 }),
        ("forget-job", Command::ForgetJob { job: JobId(4) }),
        (
            "assign-tasks",
            Command::AssignTasks {
                assignments: vec![Assignment { job: JobId(1), range: range(0, 9), node: NodeId(2) }],
                at_ms: 4,
            },
        ),
        ("finish-tasks", Command::FinishTasks { node: NodeId(2), tasks: rich_outcomes(), at_ms: 5 }),
        ("release-all", released(Released::All, ReleaseReason::WorkerLost)),
        ("release-some", released(Released::Attempts(vec![attempt(5)]), ReleaseReason::WorkerStopped)),
        ("release-rest", released(Released::AllBut(vec![attempt(6)]), ReleaseReason::NotStarted)),
        ("add-node", Command::AddNode { node: machine("air", 2), token_hash: [5; 32], at_ms: 6 }),
        ("update-node", Command::UpdateNode { node: NodeId(2), address: "h:1".into(), capacity: capacity(8) }),
        ("remove-node", Command::RemoveNode { node: NodeId(2), at_ms: 7 }),
        (
            "create-token",
            Command::CreateToken { hash: [6; 32], role: NodeRole::Submitter, expires_at_ms: 99, at_ms: 8 },
        ),
        ("submit-job-with-conditions", Command::SubmitJob { spec: Box::new(conditioned_spec()), key: None, at_ms: 2 }),
        ("submit-job-with-execution", Command::SubmitJob { spec: Box::new(executed_spec()), key: None, at_ms: 2 }),
        ("submit-job-with-needs", Command::SubmitJob { spec: Box::new(selective_spec()), key: None, at_ms: 2 }),
        ("submit-placed", placed()),
        ("submit-job-with-copies", Command::SubmitJob { spec: Box::new(copied_spec()), key: None, at_ms: 2 }),
        ("label-node", labelled()),
        (
            "create-schedule-with-copies",
            Command::CreateSchedule {
                spec: Box::new(copied_spec()),
                recurrence: Recurrence { cron: "0 3 * * *".into(), utc_offset_minutes: 60 },
                at_ms: 12,
            },
        ),
        (
            "create-schedule",
            Command::CreateSchedule {
                spec: Box::new(selective_spec()),
                recurrence: Recurrence { cron: "0 3 * * *".into(), utc_offset_minutes: 60 },
                at_ms: 12,
            },
        ),
        ("record", Command::Record { by: "ada (admin)".into(), act: "node forget node-2".into(), at_ms: 13 }),
        ("raise-protocol", Command::RaiseProtocol { protocol: ProtocolVersion { major: 1, minor: 1 } }),
        ("remove-schedule", Command::RemoveSchedule { schedule: ScheduleId(3) }),
        ("make-again", made_again()),
        ("begin-tasks", begun()),
        ("retry-lost", Command::RetryLost { job: JobId(5), blobs: vec![BlobHash([7; 32])], at_ms: 16 }),
        ("retry-job", Command::RetryJob { job: JobId(3), at_ms: 9 }),
        ("wake", Command::Wake { at_ms: 10 }),
        ("set-voters", Command::SetVoters { voters: vec![NodeId(1), NodeId(2), NodeId(3)] }),
        ("note-node-up", note(NodeNote::Up { slots: 12 })),
        ("note-node-lost", note(NodeNote::Lost)),
        ("note-node-stopped", note(NodeNote::Stopped)),
    ]
}

fn made_again() -> Command {
    let attempt = AttemptRange { job: JobId(5), range: range(0, 9), token: AttemptToken(5) };
    Command::MakeAgain { node: NodeId(2), attempts: vec![attempt], blob: BlobHash([7; 32]), at_ms: 14 }
}

fn begun() -> Command {
    let attempt = AttemptRange { job: JobId(5), range: range(3, 4), token: AttemptToken(5) };
    Command::BeginTasks { node: NodeId(2), attempts: vec![attempt], at_ms: 15 }
}

fn labelled() -> Command {
    let changes = vec![("zone".into(), Some("home".into())), ("old".into(), None)];
    Command::LabelNode { node: NodeId(2), changes }
}

/// A ledger with a bit of everything.
fn rich_ledger() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.ok(Command::CreateToken { hash: [7; 32], role: NodeRole::Viewer, expires_at_ms: 900, at_ms: 5 });
    cluster.ok(Command::SubmitJob { spec: Box::new(rich_spec()), key: Some("run-1".into()), at_ms: 10 });
    let job = JobId(1);
    let held = cluster.assign(job, range(0, 40), 2);
    let tasks = rich_outcomes().into_iter().map(|mut finished| {
        finished.attempt.token = held.token;
        finished
    });
    cluster.ok(Command::FinishTasks { node: NodeId(2), tasks: tasks.collect(), at_ms: 30 });
    cluster.release(
        2,
        Released::Attempts(vec![AttemptRange { range: range(4, 6), ..held }]),
        ReleaseReason::WorkerLost,
    );
    cluster.assign(job, range(4, 5), 3);
    cluster.assign(job, range(300, 310), 3);
    let cancelled = cluster.submit(spec(7));
    cluster.assign(cancelled, range(1, 2), 1);
    cluster.ok(Command::CancelJob { job: cancelled, at_ms: 40 });
    let single = cluster.submit(spec(1));
    let attempt = cluster.assign(single, range(0, 1), 1);
    cluster.finish(1, attempt, failed(false));
    let done = cluster.submit(spec(1));
    let attempt = cluster.assign(done, range(0, 1), 1);
    cluster.finish(1, attempt, succeeded(1));
    cluster.submit(spec(1));
    cluster.ok(Command::RemoveNode { node: NodeId(3), at_ms: 50 });
    cluster
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Bytes that were written once and are never changed. `NEXUS_WRITE_FIXTURES=1 cargo test` writes those that are missing.
fn fixture(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}-v1.hex", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("NEXUS_WRITE_FIXTURES").is_some() && !std::path::Path::new(&path).exists() {
        let lines = bytes.chunks(48).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n");
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    }
    unhex(&std::fs::read_to_string(&path).unwrap())
}

#[test]
fn log_entries_of_version_1_are_read_for_ever() {
    for (name, command) in commands() {
        let bytes = encode_command(&command).unwrap();
        let kept = fixture(name, &bytes);
        assert_eq!(decode_command(&kept), Ok(command), "{name}");
        assert_eq!(kept, bytes, "{name} is still written as it was first");
    }
}

#[test]
fn snapshots_of_version_1_are_read_for_ever() {
    let cluster = rich_ledger();
    let bytes = cluster.ledger.encode_snapshot().unwrap();
    // The first ones had no lives of jobs and nodes.
    let before_lives = Ledger::decode_snapshot(&fixture("snapshot", &[])).unwrap();
    let kept = fixture("snapshot-with-lives", &bytes);
    let ledger = Ledger::decode_snapshot(&kept).unwrap();
    assert!(kept == bytes, "a snapshot is still written as it was first");
    for ledger in [&before_lives, &ledger] {
        same_jobs_and_nodes(ledger, &cluster);
    }
    for view in cluster.ledger.jobs(99, None) {
        assert_eq!(ledger.job_life(view.job), cluster.ledger.job_life(view.job));
    }
    assert_eq!(ledger.node_life(NodeId(2)), cluster.ledger.node_life(NodeId(2)));
    assert!(before_lives.node_life(NodeId(2)).is_some_and(|life| life.entries.is_empty()));
}

#[test]
fn a_snapshot_keeps_what_every_member_speaks_and_it_never_goes_back() {
    let mut cluster = rich_ledger();
    assert_eq!(cluster.ledger.protocol(), ProtocolVersion::FIRST);
    let raised = ProtocolVersion { major: 1, minor: 7 };
    let raise = |protocol| Command::RaiseProtocol { protocol };
    assert_eq!(cluster.ok(raise(raised)).1, [Effect::ProtocolRaised { protocol: raised }]);
    assert_eq!(cluster.ok(raise(ProtocolVersion { major: 1, minor: 6 })).1, []);
    assert_eq!(cluster.ledger.protocol(), raised);
    let bytes = cluster.ledger.encode_snapshot().unwrap();
    let restored = Ledger::decode_snapshot(&bytes).unwrap();
    assert_eq!(restored.protocol(), raised);
    assert_eq!(restored.encode_snapshot().unwrap(), bytes);
}

/// What earlier builds wrote says nothing of versions, so that those builds can read all of it.
#[test]
fn only_entries_that_the_first_version_lacks_ask_for_a_later_one() {
    let second = ProtocolVersion { major: 1, minor: 1 };
    let later: Vec<_> =
        commands().into_iter().filter(|(_, command)| command.since() > ProtocolVersion::FIRST).collect();
    let third = ProtocolVersion { major: 1, minor: 2 };
    let newest = |name: &str| {
        name.ends_with("-copies") || ["submit-placed", "make-again", "begin-tasks", "retry-lost"].contains(&name)
    };
    assert!(later.iter().all(|(name, command)| command.since() == if newest(name) { third } else { second }));
    let names: Vec<_> = later.iter().map(|(name, _)| *name).collect();
    let expected = [
        "submit-job-with-needs",
        "submit-placed",
        "submit-job-with-copies",
        "label-node",
        "create-schedule-with-copies",
        "create-schedule",
        "record",
        "raise-protocol",
        "remove-schedule",
        "make-again",
        "begin-tasks",
        "retry-lost",
    ];
    assert_eq!(names, expected);
}

fn same_jobs_and_nodes(ledger: &Ledger, cluster: &Cluster) {
    for view in cluster.ledger.jobs(99, None) {
        assert_eq!(ledger.job(view.job).as_ref(), Some(&view));
        let tasks = |ledger: &Ledger| ledger.tasks(view.job, view.tasks, TaskDetail::Full, usize::MAX);
        assert_eq!(tasks(ledger), tasks(&cluster.ledger));
        assert_eq!(ledger.spec(view.job), cluster.ledger.spec(view.job));
    }
    assert_eq!(ledger.standing(), cluster.ledger.standing());
    assert_eq!(ledger.nodes(), cluster.ledger.nodes());
    assert_eq!(ledger.job_of_key("ada", "run-1"), Some(JobId(1)));
    assert!(ledger.is_removed(&[3; 32]));
}

#[test]
fn a_snapshot_keeps_how_a_job_is_executed() {
    let mut cluster = Cluster::new();
    let execution = Execution { tensor_fusion: false, ..Execution::at(JitLevel::Optimised) };
    let job = cluster.submit(nexus_model::JobSpec { execution: Some(execution), ..spec(3) });
    let ledger = Ledger::decode_snapshot(&cluster.ledger.encode_snapshot().unwrap()).unwrap();
    assert_eq!(ledger.spec(job).and_then(|spec| spec.execution), Some(execution));
}

#[test]
fn a_snapshot_keeps_how_many_copies_a_job_asks_for() {
    let mut cluster = Cluster::new();
    let selection = nexus_model::Selection { copies: 3, ..Default::default() };
    let job = cluster.submit(nexus_model::JobSpec { selection, ..spec(3) });
    let ledger = Ledger::decode_snapshot(&cluster.ledger.encode_snapshot().unwrap()).unwrap();
    assert_eq!(ledger.spec(job).map(|spec| spec.selection.copies), Some(3));
}

#[test]
fn other_versions_are_refused_by_name() {
    let mut entry = encode_command(&commands()[2].1).unwrap();
    entry[0] = 2;
    let error = decode_command(&entry).unwrap_err();
    assert_eq!(error, CodecError::Version { what: "log entry", version: 2 });
    let mut snapshot = Ledger::new().encode_snapshot().unwrap();
    snapshot[0] = 9;
    let error = Ledger::decode_snapshot(&snapshot).unwrap_err();
    assert_eq!(error, CodecError::Version { what: "snapshot", version: 9 });
}

#[test]
fn a_value_too_deep_to_write_is_an_error() {
    let mut deep = Value::None;
    for _ in 0..=VALUE_DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    let mut spec = spec(1);
    spec.arguments = vec![("n".into(), ArgumentSource::Value(deep))];
    assert!(encode_command(&Command::SubmitJob { spec: Box::new(spec), key: None, at_ms: 1 }).is_err());
}

#[test]
fn one_flipped_bit_of_a_snapshot_is_noticed() {
    let bytes = rich_ledger().ledger.encode_snapshot().unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let harmless = (1..4).contains(&at) || (8..16).contains(&at);
        assert!(harmless || Ledger::decode_snapshot(&flipped).is_err(), "bit of byte {at}");
    }
}

/// Makes the checksum right again, so that what is behind it is read.
fn seal(bytes: &mut [u8]) {
    if bytes.len() >= 16 {
        let checksum = crc32fast::hash(&bytes[16..]);
        bytes[0] = 1;
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_answered(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_command(&bytes);
        if let Some(first) = bytes.first_mut() { *first = 1; }
        let _ = decode_command(&bytes);
        seal(&mut bytes);
        let _ = Ledger::decode_snapshot(&bytes);
    }

    #[test]
    fn damaged_entries_are_answered(
        which in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (_, command) = &commands()[which.index(commands().len())];
        let mut bytes = encode_command(command).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // What can be read can also be applied.
        if let Ok(command) = decode_command(&bytes) {
            let mut cluster = Cluster::new();
            cluster.apply(command);
        }
        let _ = decode_command(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_a_ledger_that_works(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = rich_ledger().ledger.encode_snapshot().unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        seal(&mut bytes);
        if let Ok(mut ledger) = Ledger::decode_snapshot(&bytes) {
            let all = ledger.jobs(usize::MAX, None);
            for view in &all {
                ledger.tasks(view.job, view.tasks, TaskDetail::Full, usize::MAX);
            }
            let index = ledger.applied().saturating_add(1);
            for (i, view) in all.iter().enumerate() {
                ledger.apply(index.saturating_add(i as u64), Command::CancelJob { job: view.job, at_ms: 1 });
            }
            let bytes = ledger.encode_snapshot().unwrap();
            prop_assert!(Ledger::decode_snapshot(&bytes).is_ok());
        }
    }
}
