//! One message of every kind, with every variant of what it holds: what the fixtures were made of. A sample is never
//! changed; what is new gets a sample of its own.

mod audit;
mod blobs;
mod members;
mod submissions;

use std::time::Duration;

use nexus_model::*;
use nexus_wire::*;

fn capacity() -> NodeCapacity {
    NodeCapacity {
        slots: 16,
        memory_bytes: 64 << 30,
        devices: vec![
            DeviceInfo { kind: DeviceKind::Cpu, name: "16 threads, neon".into() },
            DeviceInfo { kind: DeviceKind::Gpu, name: "Apple M4 Max (metal)".into() },
        ],
    }
}

fn sweep() -> Box<JobSpec> {
    let source = "function f(n)\n    return n\nend\n".into();
    let mut spec = JobSpec::single("sweep.mcode", Program::MCode { file: "sweep.mcode".into(), source });
    spec.user = "ada".into();
    spec.tasks = IndexRange::new(0, 400);
    spec.is_array = true;
    spec.arguments = vec![
        ("lr".into(), ArgumentSource::Logarithmic { from: 1e-4, to: 1e-1 }),
        ("x".into(), ArgumentSource::Linear { from: -1.0, to: 1.0 }),
        ("n".into(), ArgumentSource::Value(Value::Int(10))),
    ];
    spec.inputs = vec![
        Input { name: "x".into(), payload: Payload::Inline([1, 3].as_slice().into()) },
        Input { name: "y".into(), payload: Payload::Blob { hash: BlobHash([7; 32]), bytes: 1 << 30 } },
    ];
    spec.device = DeviceChoice::Gpu;
    spec.seed = 42;
    spec.limits = Limits::level(LimitLevel::Medium);
    spec.resources = Resources { cpus: 2, memory_bytes: 1 << 30, gpu_milli: 0 };
    spec.retry = RetryPolicy { max_attempts: 5 };
    spec.timeout = Some(Duration::from_millis(1500));
    spec.priority = -3;
    Box::new(spec)
}

fn command() -> Box<JobSpec> {
    Box::new(JobSpec::single(
        "make",
        Program::Command {
            argv: vec!["make".into(), "-j2".into()],
            env: vec![("CC".into(), "clang".into())],
            cwd: Some("/tmp".into()),
        },
    ))
}

fn conditioned() -> Box<JobSpec> {
    let mut spec = command();
    spec.conditions = Conditions {
        after: vec![JobId(3), JobId(4)],
        takes: vec![
            Taken { name: "x".into(), job: JobId(5), output: None },
            Taken { name: "y".into(), job: JobId(5), output: Some("model".into()) },
        ],
        not_before_ms: Some(1_795_000_000_000),
        deadline_ms: Some(1_795_000_600_000),
        backoff: Duration::from_millis(250),
        retry_failures: true,
    };
    spec
}

fn executed() -> Box<JobSpec> {
    let mut spec = conditioned();
    spec.execution = Some(Execution { operator_fusion: false, ..Execution::at(JitLevel::Optimised) });
    spec
}

fn selective() -> Box<JobSpec> {
    let mut spec = executed();
    spec.resources.gpu_milli = 500;
    let selector = |text: &str| text.parse().expect("a selector");
    spec.selection = Selection { require: vec![selector("zone=home")], prefer: vec![selector("node!=air")], copies: 0 };
    spec
}

fn attempt(start: u32, end: u32) -> AttemptRange {
    AttemptRange { job: JobId(17), range: IndexRange::new(start, end), token: AttemptToken(9001) }
}

fn cost() -> Cost {
    Cost {
        wall: Duration::from_micros(41),
        device: "cpu".into(),
        stdout: Some(Payload::Inline(b"hello\n".as_slice().into())),
        stderr: Some(Payload::Blob { hash: BlobHash([9; 32]), bytes: 1 << 20 }),
        exit_code: Some(-1),
    }
}

fn succeeded() -> Outcome {
    Outcome::Succeeded(TaskOutput {
        result: Payload::Inline([1, 0].as_slice().into()),
        outputs: vec![("y".into(), Payload::Blob { hash: BlobHash([7; 32]), bytes: 1 << 20 })],
    })
}

fn failure() -> Failure {
    let label =
        |start, text: &str| Label { span: Span { start, end: start + 3, line: 2, column: 5 }, text: text.into() };
    Failure {
        code: "MC0407".into(),
        message: "shapes [2, 3] and [4] do not broadcast".into(),
        diagnostic: Some(Box::new(Diagnostic {
            severity: Severity::Error,
            code: "MC0407".into(),
            message: "shapes [2, 3] and [4] do not broadcast".into(),
            file: "sweep.mcode".into(),
            primary: Some(label(20, "here")),
            secondary: vec![label(4, "made here")],
            help: Some("reshape one of them".into()),
        })),
        retryable: false,
    }
}

fn job(state: JobState) -> JobView {
    JobView {
        job: JobId(17),
        name: "sweep.mcode".into(),
        user: "ada".into(),
        state,
        tasks: IndexRange::new(0, 400),
        is_array: true,
        counts: [0, 0, 0, 0, 399, 1, 0, 0],
        by_node: vec![(NodeId(1), 141), (NodeId(2), 258)],
        submitted_at_ms: 1_795_000_000_000,
        started_at_ms: Some(1_795_000_000_001),
        finished_at_ms: None,
        first_failure: Some((TaskId { job: JobId(17), index: 112 }, failure())),
    }
}

fn nodes() -> Vec<NodeView> {
    let node = NodeView {
        node: NodeId(1),
        name: "studio".into(),
        // Those of the first version: its bytes are kept.
        roles: vec![NodeRole::Worker, NodeRole::Voter, NodeRole::Admin, NodeRole::Submitter, NodeRole::Viewer],
        address: "10.0.0.2:7401".into(),
        state: NodeState::Up,
        capacity: capacity(),
        running: 3,
        rtt: Some(Duration::from_micros(310)),
        seen_at_ms: Some(1_795_000_000_002),
        vitals: None,
    };
    vec![node.clone(), NodeView { node: NodeId(2), state: NodeState::Down, rtt: None, seen_at_ms: None, ..node }]
}

fn cluster(request: ClusterRequest) -> Request {
    Request::Cluster(Box::new(request))
}

fn timeline(request: TimelineRequest) -> Request {
    Request::Timeline(Box::new(request))
}

fn decision_requests() -> Vec<(&'static str, Request)> {
    vec![
        (
            "decide-beliefs",
            decide(DecisionQuestion::Beliefs {
                of: vec!["lung".into()],
                method: DecisionMethod::Gibbs,
                samples: 100_000,
                seed: 7,
            }),
        ),
        ("decide-policy", decide(DecisionQuestion::Policy { risk_tolerance: Some(-2.5) })),
        ("decide-value", decide(DecisionQuestion::Value { of: Some("oil".into()), before: None, accuracy: 0.75 })),
        ("decide-explanation", decide(DecisionQuestion::Explanation { of: "lung".into() })),
    ]
}

fn decide(question: DecisionQuestion) -> Request {
    Request::Decide(Box::new(DecisionRequest {
        node: Some(NodeId(3)),
        file: "asia.bif".into(),
        model: "network asia {}".into(),
        evidence: vec![("smoke".into(), "yes".into())],
        memory_bytes: 1 << 30,
        question,
    }))
}

fn kept(node: Option<u64>, ask: KeptRequest) -> Request {
    timeline(TimelineRequest::Kept { node: node.map(NodeId), ask })
}

/// A life with everything in it that can happen.
pub(crate) fn life() -> Life {
    let range = IndexRange::new(3, 9);
    let (node, token) = (NodeId(2), AttemptToken(70));
    let left = |busy, fate| LifeEvent::Left { range, node, token, busy, fate };
    let events = [
        LifeEvent::Accepted,
        LifeEvent::Placed { range, node, token },
        left(Some(Duration::from_micros(41)), Fate::Ended(TaskState::Succeeded)),
        left(None, Fate::Lost),
        left(None, Fate::Requeued),
        left(Some(Duration::ZERO), Fate::Resting),
        LifeEvent::TasksEnded { range, state: TaskState::Cancelled },
        LifeEvent::Ended { state: JobState::Failed },
        LifeEvent::Reopened,
        LifeEvent::Joined,
        LifeEvent::Up { slots: 12 },
        LifeEvent::Lost,
        LifeEvent::Stopped,
        LifeEvent::Voter,
        LifeEvent::NotVoter,
        LifeEvent::Removed,
    ];
    let entry = |(what, at_ms): (LifeEvent, u64)| LifeEntry { at_ms, job: (at_ms < 9).then_some(JobId(17)), what };
    Life { entries: events.into_iter().zip(1..).map(entry).collect(), dropped: 5 }
}

fn recurrence() -> Recurrence {
    Recurrence { cron: "0 3 * * mon-fri".into(), utc_offset_minutes: -480 }
}

fn schedule_view() -> ScheduleView {
    ScheduleView {
        schedule: ScheduleId(3),
        name: "nightly".into(),
        user: "ada".into(),
        recurrence: recurrence(),
        next_at_ms: 60_000,
        last_job: Some(JobId(17)),
        begun: 4,
        skipped: 1,
    }
}

fn labels() -> Labels {
    let mut labels = Labels::default();
    labels.set("zone", Some("home")).expect("a label");
    labels
}

fn log_query() -> LogQuery {
    LogQuery {
        task: TaskId { job: JobId(17), index: 3 },
        attempt: 2,
        from: LogPosition { stdout: 4096, stderr: 7 },
        patience: Duration::from_millis(900),
    }
}

fn log_piece() -> LogPiece {
    let LogQuery { attempt, from, .. } = log_query();
    LogPiece { state: LogState::Running, attempt, from, stdout: b"epoch 3\n".to_vec(), stderr: b"!".to_vec() }
}

/// Those about jobs that recur.
fn schedule_requests() -> Vec<(&'static str, Request)> {
    vec![
        (
            "schedule-create",
            Request::Schedule(Box::new(ScheduleRequest::Create { spec: selective(), recurrence: recurrence() })),
        ),
        ("schedule-list", Request::Schedule(Box::new(ScheduleRequest::List))),
        ("schedule-remove", Request::Schedule(Box::new(ScheduleRequest::Remove(ScheduleId(3))))),
    ]
}

/// A request of every kind.
pub(crate) fn requests() -> Vec<(&'static str, Request)> {
    let job = JobId(17);
    let join = JoinRequest {
        token: "nexus-join-1".into(),
        csr_pem: "node's request".into(),
        client_csr_pem: "client's request".into(),
        name: "mini".into(),
        address: "10.0.0.3:7401".into(),
        capacity: capacity(),
    };
    let mut all = vec![
        ("submit-program", Request::SubmitJob { spec: sweep(), key: Some("run-1".into()) }),
        ("submit-command", Request::SubmitJob { spec: command(), key: None }),
        ("list-jobs", Request::ListJobs { limit: 20, before: Some(job) }),
        ("show-job", Request::ShowJob(job)),
        ("list-tasks", Request::ListTasks { job, range: IndexRange::new(3, 9), detail: TaskDetail::Full }),
        ("list-task-states", Request::ListTasks { job, range: IndexRange::new(3, 9), detail: TaskDetail::State }),
        ("wait-job", Request::WaitJob { job, seen: 141, patience: Duration::from_millis(30_000) }),
        ("cancel-job", Request::CancelJob(job)),
        ("unmet-needs", Request::UnmetNeeds(job)),
        ("retry-job", Request::RetryJob(job)),
        ("explain-job", Request::ExplainJob { job, task: None }),
        ("explain-task", Request::ExplainJob { job, task: Some(3) }),
        ("list-nodes", Request::ListNodes),
        ("get-status", Request::GetStatus),
        ("create-token", Request::CreateToken { role: NodeRole::Submitter, ttl: Duration::from_secs(3600) }),
        ("stop-node", Request::StopNode(Some(NodeId(2)))),
        ("join", Request::Join(Box::new(join))),
        ("raft", Request::Raft(b"vote".to_vec())),
        ("find-leader", cluster(ClusterRequest::FindLeader)),
        (
            "relay",
            cluster(ClusterRequest::Relay {
                caller: RelayedCaller { role: NodeRole::Submitter, node: Some(NodeId(2)), name: "ada".into() },
                request: Box::new(Request::CancelJob(job)),
            }),
        ),
        ("set-voters", cluster(ClusterRequest::SetVoters(vec![NodeId(1), NodeId(2), NodeId(3)]))),
        ("become-voter", cluster(ClusterRequest::BecomeVoter)),
        ("renew", cluster(ClusterRequest::Renew { csr_pem: "CSR".into(), client_csr_pem: "CLIENT".into() })),
        ("forget-node", cluster(ClusterRequest::ForgetNode(NodeId(3)))),
        ("job-life", timeline(TimelineRequest::JobLife(job))),
        ("node-life", timeline(TimelineRequest::NodeLife(NodeId(3)))),
        ("kept-list", kept(None, KeptRequest::List)),
        ("kept-read", kept(Some(3), KeptRequest::Read { name: "launch".into(), position: Some(4) })),
        ("kept-change", kept(Some(3), KeptRequest::Change { name: "launch".into(), position: 9, edits: "{}".into() })),
        ("kept-create", kept(None, KeptRequest::Create { document: "{}".into() })),
        ("drain-node", cluster(ClusterRequest::DrainNode { node: Some(NodeId(3)), draining: true })),
        ("read-log", Request::ReadLog(log_query())),
        (
            "label-node",
            cluster(ClusterRequest::LabelNode {
                node: NodeId(3),
                changes: vec![("zone".into(), Some("home".into())), ("old".into(), None)],
            }),
        ),
        ("list-labels", cluster(ClusterRequest::ListLabels)),
        ("read-engine", cluster(ClusterRequest::ReadEngine)),
        ("read-held-log", cluster(ClusterRequest::ReadHeldLog(log_query()))),
        ("share-experience", cluster(ClusterRequest::ShareExperience(b"[]".to_vec()))),
        ("runs-like", timeline(TimelineRequest::RunsLike(job))),
    ];
    all.extend(submissions::later().into_iter().chain(members::requests()));
    all.extend(
        schedule_requests().into_iter().chain(blobs::requests()).chain(decision_requests()).chain(audit::requests()),
    );
    all
}

/// Those about timelines, and the shortest.
fn other_responses() -> Vec<(&'static str, Response)> {
    let told = |answer| Response::Timeline(Box::new(answer));
    vec![
        ("life", told(TimelineResponse::Life(Box::new(life())))),
        ("timeline-names", told(TimelineResponse::Names(vec!["launch".into(), String::new()]))),
        ("timeline", told(TimelineResponse::Document { document: "{}".into(), position: 9 })),
        ("done", Response::Done),
        ("acts", Response::Cluster(Box::new(ClusterResponse::Audit(audit::acts())))),
        ("labels", Response::Cluster(Box::new(ClusterResponse::Labels(vec![(NodeId(3), labels())])))),
        (
            "schedule-created",
            Response::Schedule(Box::new(ScheduleResponse::Created { schedule: ScheduleId(3), next_at_ms: 60_000 })),
        ),
        ("schedules", Response::Schedule(Box::new(ScheduleResponse::Schedules(vec![schedule_view()])))),
        ("log", Response::Log(log_piece())),
        ("timeline-changed", told(TimelineResponse::Changed { position: 10 })),
        (
            "past-runs",
            told(TimelineResponse::Runs(vec![PastRun {
                job: JobId(17),
                state: JobState::Succeeded,
                started_at_ms: 1_795_294_175_187,
                finished_at_ms: 1_795_294_175_820,
            }])),
        ),
        (
            "decided",
            Response::Decided(Box::new(DecisionResponse { document: "{}".into(), text: "lung  no 0.9\n".into() })),
        ),
    ]
}

fn status() -> StatusView {
    StatusView {
        cluster: "home".into(),
        node: NodeId(1),
        leader: Some(NodeId(2)),
        term: 4,
        applied: 9001,
        voters: vec![NodeId(1), NodeId(2), NodeId(3)],
        nodes: nodes(),
        jobs_active: 2,
        tasks_queued: 1_000_000,
        version: "0.1.0".into(),
        stopped: None,
    }
}

fn engine_use() -> Response {
    let used = EngineUse { pool_bytes: 1, uploads: 2, uploaded_bytes: 3, downloads: 4, downloaded_bytes: 5 };
    Response::Cluster(Box::new(ClusterResponse::Engine(used)))
}

/// A response of every kind.
pub(crate) fn responses() -> Vec<(&'static str, Response)> {
    let states = [JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];
    let ends = [Some(succeeded()), Some(Outcome::Failed(failure())), Some(Outcome::Cancelled), None];
    let tasks = TaskState::ALL.into_iter().zip(ends.into_iter().cycle()).zip(0..).map(|((state, outcome), index)| {
        let (node, cost) = (outcome.is_some().then_some(NodeId(2)), outcome.is_some().then(cost));
        TaskView { index, state, node, attempts: 1 + index, outcome, cost, reused: None }
    });
    let tasks: Vec<TaskView> = tasks.collect();
    let refusal = Refusal {
        code: "NX0104".into(),
        message: "the queue is full".into(),
        help: Some("try again later".into()),
        retry_after: Some(Duration::from_millis(250)),
        leader: Some("10.0.0.2:7401".into()),
    };
    let token = "nexus-join-1".into();
    let mut all = vec![
        ("submitted", Response::Submitted(JobId(17))),
        ("jobs", Response::Jobs(states.map(job).to_vec())),
        ("job", Response::Job(Box::new(job(JobState::Failed)))),
        ("tasks-reused", submissions::reused_tasks(tasks[4].clone())),
        ("tasks", Response::Tasks(tasks)),
        ("nodes", Response::Nodes(nodes())),
        ("explanation", Response::Explanation(vec!["because".into(), String::new()])),
        ("status", Response::Status(Box::new(status()))),
        ("token", Response::Token { token, role: NodeRole::Worker, expires_at_ms: 1_795_000_000_000 }),
        ("joined", Response::Joined(Box::new(members::joined()))),
        ("blob-chunk", Response::BlobChunk { total: 9, bytes: b"piece".to_vec() }),
        ("raft", Response::Raft(b"granted".to_vec())),
        (
            "leader",
            Response::Cluster(Box::new(ClusterResponse::Leader {
                node: NodeId(2),
                term: 7,
                leader: Some((NodeId(1), "10.0.0.1:4747".into())),
            })),
        ),
        (
            "renewed",
            Response::Cluster(Box::new(ClusterResponse::Renewed(Box::new(RenewedCertificates {
                role: NodeRole::Voter,
                certificate_pem: "NODE".into(),
                client_certificate_pem: "CLIENT".into(),
                authority_key_pem: Some("KEY".into()),
            })))),
        ),
        ("engine-use", engine_use()),
        ("health", Response::Cluster(Box::new(ClusterResponse::Health(members::health())))),
        ("health-with-gpus", Response::Cluster(Box::new(ClusterResponse::Health(members::health_with_gpus())))),
        ("experience", Response::Cluster(Box::new(ClusterResponse::Experience(vec![(NodeId(2), b"[]".to_vec())])))),
        ("refused", Response::Refused(refusal)),
    ];
    all.extend(other_responses().into_iter().chain(blobs::responses()));
    all
}

/// A worker message of every kind.
pub(crate) fn worker_messages() -> Vec<(&'static str, WorkerMessage)> {
    let finished = |start, outcome, cost| FinishedTasks { attempt: attempt(start, start + 2), outcome, cost };
    let tasks = vec![
        finished(0, succeeded(), cost()),
        finished(2, Outcome::Failed(failure()), cost()),
        finished(4, Outcome::Cancelled, Cost::default()),
        finished(6, Outcome::TimedOut, Cost::default()),
    ];
    let (node, address) = (NodeId(2), "10.0.0.3:7401".into());
    vec![
        ("hello", WorkerMessage::Hello { node, address, capacity: capacity(), holding: vec![attempt(0, 9)] }),
        ("tasks-finished", WorkerMessage::TasksFinished { sequence: 3, tasks }),
        ("heartbeat", WorkerMessage::Heartbeat { running: vec![attempt(112, 113), attempt(200, 201)], vitals: None }),
        ("heartbeat-with-vitals", members::heartbeat(vec![attempt(112, 113)])),
        ("heartbeat-of-a-gpu", members::heartbeat_of_gpu(vec![attempt(112, 113)])),
        ("beginning-tasks", WorkerMessage::BeginningTasks(vec![attempt(7, 8)])),
        ("goodbye", WorkerMessage::Goodbye),
    ]
}

/// A leader message of every kind.
pub(crate) fn leader_messages() -> Vec<(&'static str, LeaderMessage)> {
    vec![
        ("assign-tasks", LeaderMessage::AssignTasks(vec![attempt(0, 100), attempt(200, 201)])),
        ("describe-job", LeaderMessage::DescribeJob { job: JobId(17), spec: sweep() }),
        ("cancel-job", LeaderMessage::CancelJob(JobId(17))),
        ("describe-job-with-conditions", LeaderMessage::DescribeJob { job: JobId(17), spec: conditioned() }),
        ("describe-job-with-execution", LeaderMessage::DescribeJob { job: JobId(17), spec: executed() }),
        ("describe-job-with-needs", LeaderMessage::DescribeJob { job: JobId(17), spec: selective() }),
        ("describe-job-with-copies", LeaderMessage::DescribeJob { job: JobId(17), spec: submissions::copied() }),
        ("forget-job", LeaderMessage::ForgetJob(JobId(17))),
        ("assign-suspects", LeaderMessage::AssignSuspects(vec![attempt(7, 8)])),
        ("begin-tasks", LeaderMessage::BeginTasks(vec![attempt(7, 8)])),
        ("drop-tasks", LeaderMessage::DropTasks(vec![attempt(7, 8)])),
        ("finished-recorded", LeaderMessage::FinishedRecorded { sequence: 3 }),
    ]
}
