//! Messages of every kind with arbitrary content within their bounds, for property tests.

mod decisions;
mod live;
mod workers;

use std::time::Duration;

use nexus_model::*;
use nexus_wire::archived::DURATION_MAX;
use nexus_wire::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use decisions::decision_request;
use live::{log_piece, log_query, selective};
pub(crate) use workers::{leader_message, worker_message};

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

fn job_id() -> impl Strategy<Value = JobId> {
    any::<u64>().prop_map(JobId)
}

fn node_id() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId)
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..DURATION_MAX.as_secs(), 0..1_000_000_000u32).prop_map(|(s, n)| Duration::new(s, n))
}

fn range() -> impl Strategy<Value = IndexRange> {
    (any::<u32>(), any::<u32>()).prop_map(|(a, b)| IndexRange::new(a.min(b), a.max(b)))
}

fn hash() -> impl Strategy<Value = BlobHash> {
    any::<[u8; 32]>().prop_map(BlobHash)
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        vec(any::<u8>(), 0..40).prop_map(|bytes| Payload::Inline(bytes.into())),
        (hash(), any::<u64>()).prop_map(|(hash, bytes)| Payload::Blob { hash, bytes }),
    ]
}

fn label() -> impl Strategy<Value = Label> {
    (range(), any::<[u32; 2]>(), text()).prop_map(|(range, [line, column], text)| Label {
        span: Span { start: range.start, end: range.end, line, column },
        text,
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    let diagnostic =
        (any::<bool>(), text(), text(), text(), option::of(label()), vec(label(), 0..3), option::of(text())).prop_map(
            |(error, code, message, file, primary, secondary, help)| {
                let severity = if error { Severity::Error } else { Severity::Warning };
                Box::new(Diagnostic { severity, code, message, file, primary, secondary, help })
            },
        );
    (text(), text(), option::of(diagnostic), any::<bool>()).prop_map(|(code, message, diagnostic, retryable)| Failure {
        code,
        message,
        diagnostic,
        retryable,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (payload(), vec((text(), payload()), 0..3))
            .prop_map(|(result, outputs)| Outcome::Succeeded(TaskOutput { result, outputs })),
        failure().prop_map(Outcome::Failed),
        Just(Outcome::Cancelled),
        Just(Outcome::TimedOut),
    ]
}

fn cost() -> impl Strategy<Value = Cost> {
    (duration(), text(), option::of(payload()), option::of(payload()), option::of(any::<i32>()))
        .prop_map(|(wall, device, stdout, stderr, exit_code)| Cost { wall, device, stdout, stderr, exit_code })
}

fn role() -> impl Strategy<Value = NodeRole> {
    proptest::sample::select(NodeRole::ALL.to_vec())
}

fn capacity() -> impl Strategy<Value = NodeCapacity> {
    let device = (any::<bool>(), text())
        .prop_map(|(gpu, name)| DeviceInfo { kind: if gpu { DeviceKind::Gpu } else { DeviceKind::Cpu }, name });
    (any::<u32>(), any::<u64>(), vec(device, 0..3)).prop_map(|(slots, memory_bytes, devices)| NodeCapacity {
        slots,
        memory_bytes,
        devices,
    })
}

fn program() -> impl Strategy<Value = Program> {
    prop_oneof![
        (text(), text()).prop_map(|(file, source)| Program::MCode { file, source: source.into() }),
        (vec(text(), 0..4), vec((text(), text()), 0..3), option::of(text()))
            .prop_map(|(argv, env, cwd)| Program::Command { argv, env, cwd }),
    ]
}

fn argument() -> impl Strategy<Value = ArgumentSource> {
    let end = -1e300..1e300f64;
    prop_oneof![
        text().prop_map(|t| ArgumentSource::Value(Value::List(vec![Value::String(t), Value::Int(-7)]))),
        (end.clone(), end.clone()).prop_map(|(from, to)| ArgumentSource::Linear { from, to }),
        (end.clone(), end).prop_map(|(from, to)| ArgumentSource::Logarithmic { from, to }),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        option::of(duration()),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
        any::<u32>(),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    )
        .prop_map(|(wall, memory_bytes, loop_iterations, recursion_depth, tensor_elements, output_bytes)| Limits {
            wall,
            memory_bytes,
            loop_iterations,
            recursion_depth,
            tensor_elements,
            output_bytes,
        })
}

fn spec() -> impl Strategy<Value = Box<JobSpec>> {
    let what = (text(), text(), program(), range(), any::<bool>(), vec((text(), argument()), 0..3));
    let inputs = vec((text(), payload()).prop_map(|(name, payload)| Input { name, payload }), 0..3);
    let device = proptest::sample::select(vec![DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Gpu]);
    let how = (
        device,
        any::<u64>(),
        limits(),
        any::<(u32, u64, u32, i32)>(),
        option::of(duration()),
        conditions(),
        (option::of(execution()), proptest::sample::select(vec![Reuse::Never, Reuse::Allowed])),
    );
    (what, inputs, how).prop_map(
        |(
            (name, user, program, tasks, is_array, arguments),
            inputs,
            (device, seed, limits, numbers, timeout, conditions, (execution, reuse)),
        )| {
            let (cpus, memory_bytes, max_attempts, priority) = numbers;
            Box::new(JobSpec {
                name,
                user,
                program,
                tasks,
                is_array,
                arguments,
                inputs,
                device,
                seed,
                limits,
                resources: Resources { cpus, memory_bytes, gpu_milli: 0 },
                retry: RetryPolicy { max_attempts },
                timeout,
                priority,
                selection: Selection::default(),
                conditions,
                execution,
                reuse,
            })
        },
    )
}

fn execution() -> impl Strategy<Value = Execution> {
    let level = proptest::sample::select(JitLevel::ALL.to_vec());
    (level, any::<[bool; 3]>()).prop_map(|(jit_level, [tensor_fusion, operator_fusion, loop_unrolling])| Execution {
        jit_level,
        tensor_fusion,
        operator_fusion,
        loop_unrolling,
    })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let taken = (text(), job_id(), option::of(text())).prop_map(|(name, job, output)| Taken { name, job, output });
    let some = (vec(job_id(), 0..3), vec(taken, 0..3), any::<(Option<u64>, Option<u64>, bool)>(), duration());
    let some = some.prop_map(|(after, takes, (not_before_ms, deadline_ms, retry_failures), backoff)| Conditions {
        after,
        takes,
        not_before_ms,
        deadline_ms,
        backoff,
        retry_failures,
    });
    prop_oneof![Just(Conditions::default()), some]
}

/// Any request about the cluster; what is relayed is small, so that strategies do not nest.
fn cluster_request() -> impl Strategy<Value = ClusterRequest> {
    let relayed = prop_oneof![
        job_id().prop_map(Request::CancelJob),
        Just(Request::Cluster(Box::new(ClusterRequest::SetVoters(vec![NodeId(1)])))),
    ];
    let caller =
        (role(), option::of(node_id()), text()).prop_map(|(role, node, name)| RelayedCaller { role, node, name });
    prop_oneof![
        Just(ClusterRequest::FindLeader),
        (caller, relayed).prop_map(|(caller, request)| ClusterRequest::Relay { caller, request: Box::new(request) }),
        vec(node_id(), 0..limits::VOTERS_MAX).prop_map(ClusterRequest::SetVoters),
        Just(ClusterRequest::BecomeVoter),
        node_id().prop_map(ClusterRequest::ForgetNode),
        (option::of(node_id()), any::<bool>())
            .prop_map(|(node, draining)| ClusterRequest::DrainNode { node, draining }),
        vec(any::<u8>(), 0..300).prop_map(ClusterRequest::ShareExperience),
        log_query().prop_map(ClusterRequest::ReadHeldLog),
        (node_id(), vec((text(), option::of(text())), 0..4))
            .prop_map(|(node, changes)| ClusterRequest::LabelNode { node, changes }),
        live::looking(),
        hash().prop_map(ClusterRequest::ReadBlobOutline),
        vec(hash(), 0..4).prop_map(ClusterRequest::FindBlobs),
        any::<u64>().prop_map(|from| ClusterRequest::Audit(AuditRequest::Read { from })),
        (text(), text()).prop_map(|(by, act)| ClusterRequest::Audit(AuditRequest::Write { by, act })),
        (text(), text()).prop_map(|(csr_pem, client_csr_pem)| ClusterRequest::Renew { csr_pem, client_csr_pem }),
    ]
}

/// Any request about timelines.
fn timeline_request() -> impl Strategy<Value = TimelineRequest> {
    let ask = prop_oneof![
        Just(KeptRequest::List),
        (text(), option::of(any::<u64>())).prop_map(|(name, position)| KeptRequest::Read { name, position }),
        (text(), any::<u64>(), text()).prop_map(|(name, position, edits)| KeptRequest::Change {
            name,
            position,
            edits
        }),
        text().prop_map(|document| KeptRequest::Create { document }),
    ];
    prop_oneof![
        job_id().prop_map(TimelineRequest::JobLife),
        job_id().prop_map(TimelineRequest::RunsLike),
        node_id().prop_map(TimelineRequest::NodeLife),
        (option::of(node_id()), ask).prop_map(|(node, ask)| TimelineRequest::Kept { node, ask }),
    ]
}

/// Any answer about timelines.
fn timeline_response() -> impl Strategy<Value = TimelineResponse> {
    let placed = (range(), node_id(), any::<u64>()).prop_map(|(range, node, token)| LifeEvent::Placed {
        range,
        node,
        token: AttemptToken(token),
    });
    let fate = prop_oneof![task_state().prop_map(Fate::Ended), Just(Fate::Lost), Just(Fate::Resting)];
    let left = (range(), node_id(), any::<u64>(), option::of(duration()), fate).prop_map(
        |(range, node, token, busy, fate)| LifeEvent::Left { range, node, token: AttemptToken(token), busy, fate },
    );
    let up = any::<u32>().prop_map(|slots| LifeEvent::Up { slots });
    let entry = (any::<u64>(), option::of(job_id()), prop_oneof![placed, left, up, Just(LifeEvent::Voter)])
        .prop_map(|(at_ms, job, what)| LifeEntry { at_ms, job, what });
    prop_oneof![
        (vec(entry, 0..5), any::<u64>())
            .prop_map(|(entries, dropped)| TimelineResponse::Life(Box::new(Life { entries, dropped }))),
        vec(text(), 0..4).prop_map(TimelineResponse::Names),
        (text(), any::<u64>()).prop_map(|(document, position)| TimelineResponse::Document { document, position }),
        any::<u64>().prop_map(|position| TimelineResponse::Changed { position }),
        vec((job_id(), any::<u64>(), any::<u64>()), 0..4).prop_map(|runs| {
            let run = |(job, started_at_ms, finished_at_ms)| PastRun {
                job,
                state: JobState::Succeeded,
                started_at_ms,
                finished_at_ms,
            };
            TimelineResponse::Runs(runs.into_iter().map(run).collect())
        }),
    ]
}

/// Any answer about the cluster.
fn cluster_response() -> impl Strategy<Value = ClusterResponse> {
    prop_oneof![
        (node_id(), any::<u64>(), option::of((node_id(), text())))
            .prop_map(|(node, term, leader)| ClusterResponse::Leader { node, term, leader }),
        live::engine(),
        live::health(),
        vec((node_id(), vec(any::<u8>(), 0..300)), 0..limits::EXPERIENCE_NODES_MAX)
            .prop_map(ClusterResponse::Experience),
        (role(), text(), text(), option::of(text())).prop_map(
            |(role, certificate_pem, client_certificate_pem, authority_key_pem)| {
                ClusterResponse::Renewed(Box::new(RenewedCertificates {
                    role,
                    certificate_pem,
                    client_certificate_pem,
                    authority_key_pem,
                }))
            }
        ),
    ]
}

/// Any request.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let detail = prop_oneof![Just(TaskDetail::State), Just(TaskDetail::Full)];
    let join = (text(), text(), text(), text(), text(), capacity()).prop_map(
        |(token, csr_pem, client_csr_pem, name, address, capacity)| {
            Box::new(JoinRequest { token, csr_pem, client_csr_pem, name, address, capacity })
        },
    );
    prop_oneof![
        (spec(), option::of(text())).prop_map(|(spec, key)| Request::SubmitJob { spec, key }),
        (any::<u32>(), option::of(job_id())).prop_map(|(limit, before)| Request::ListJobs { limit, before }),
        (selective(), option::of(text())).prop_map(|(spec, key)| Request::SubmitJob { spec, key }),
        job_id().prop_map(Request::UnmetNeeds),
        log_query().prop_map(Request::ReadLog),
        job_id().prop_map(Request::ShowJob),
        (job_id(), range(), detail).prop_map(|(job, range, detail)| Request::ListTasks { job, range, detail }),
        (job_id(), any::<u32>(), duration()).prop_map(|(job, seen, patience)| Request::WaitJob { job, seen, patience }),
        job_id().prop_map(Request::CancelJob),
        job_id().prop_map(Request::RetryJob),
        (job_id(), option::of(any::<u32>())).prop_map(|(job, task)| Request::ExplainJob { job, task }),
        Just(Request::ListNodes),
        Just(Request::GetStatus),
        (role(), duration()).prop_map(|(role, ttl)| Request::CreateToken { role, ttl }),
        option::of(node_id()).prop_map(Request::StopNode),
        join.prop_map(Request::Join),
        (hash(), any::<u64>()).prop_map(|(hash, offset)| Request::ReadBlob { hash, offset }),
        (hash(), any::<u32>(), any::<u32>(), vec(any::<u8>(), 0..50)).prop_map(|(hash, before, behind, bytes)| {
            let total = u64::from(before) + bytes.len() as u64 + u64::from(behind);
            Request::WriteBlob { hash, total, offset: before.into(), bytes }
        }),
        vec(any::<u8>(), 0..50).prop_map(Request::Raft),
        cluster_request().prop_map(|request| Request::Cluster(Box::new(request))),
        timeline_request().prop_map(|request| Request::Timeline(Box::new(request))),
        decision_request().prop_map(|request| Request::Decide(Box::new(request))),
    ]
}

fn task_state() -> impl Strategy<Value = TaskState> {
    proptest::sample::select(TaskState::ALL.to_vec())
}

fn job_view() -> impl Strategy<Value = JobView> {
    let states = vec![JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];
    let names = (job_id(), text(), text(), proptest::sample::select(states), range(), any::<bool>());
    let failure = option::of((job_id(), any::<u32>(), failure()));
    let rest = (any::<[u32; 8]>(), vec((node_id(), any::<u32>()), 0..3), any::<(u64, Option<u64>, Option<u64>)>());
    (names, rest, failure).prop_map(|((job, name, user, state, tasks, is_array), (counts, by_node, times), failure)| {
        JobView {
            job,
            name,
            user,
            state,
            tasks,
            is_array,
            counts,
            by_node,
            submitted_at_ms: times.0,
            started_at_ms: times.1,
            finished_at_ms: times.2,
            first_failure: failure.map(|(job, index, failure)| (TaskId { job, index }, failure)),
        }
    })
}

fn task_view() -> impl Strategy<Value = TaskView> {
    let reused =
        option::of((job_id(), any::<u64>()).prop_map(|(job, committed_at_ms)| Reused { job, committed_at_ms }));
    let ended = (option::of(outcome()), option::of(cost()), reused);
    (any::<u32>(), task_state(), option::of(node_id()), any::<u32>(), ended).prop_map(
        |(index, state, node, attempts, (outcome, cost, reused))| TaskView {
            index,
            state,
            node,
            attempts,
            outcome,
            cost,
            reused,
        },
    )
}

fn node_view() -> impl Strategy<Value = NodeView> {
    let state = prop_oneof![Just(NodeState::Up), Just(NodeState::Down)];
    (
        node_id(),
        (text(), text()),
        vec(role(), 0..3),
        state,
        capacity(),
        any::<(u32, Option<u64>)>(),
        option::of(duration()),
    )
        .prop_map(|(node, (name, address), roles, state, capacity, (running, seen_at_ms), rtt)| NodeView {
            node,
            name,
            roles,
            address,
            state,
            capacity,
            running,
            rtt,
            seen_at_ms,
            vitals: None,
        })
}

fn status_view() -> impl Strategy<Value = StatusView> {
    let ids = (node_id(), option::of(node_id()), vec(node_id(), 0..4));
    ((text(), text()), ids, any::<(u64, u64, u32, u64)>(), vec(node_view(), 0..3)).prop_map(
        |((cluster, version), (node, leader, voters), (term, applied, jobs_active, tasks_queued), nodes)| StatusView {
            cluster,
            node,
            leader,
            term,
            applied,
            voters,
            nodes,
            jobs_active,
            tasks_queued,
            version,
            stopped: None,
        },
    )
}

/// Any response.
pub(crate) fn response() -> impl Strategy<Value = Response> {
    let joined = (node_id(), role(), (text(), text(), text(), text()), vec(text(), 0..3)).prop_map(
        |(node, role, (certificate_pem, client_certificate_pem, ca_pem, cluster), peers)| {
            Box::new(JoinedNode { node, role, certificate_pem, client_certificate_pem, ca_pem, cluster, peers })
        },
    );
    let refusal = (text(), text(), option::of(text()), option::of(duration()), option::of(text()))
        .prop_map(|(code, message, help, retry_after, leader)| Refusal { code, message, help, retry_after, leader });
    prop_oneof![
        job_id().prop_map(Response::Submitted),
        vec(job_view(), 0..3).prop_map(Response::Jobs),
        job_view().prop_map(|view| Response::Job(Box::new(view))),
        vec(task_view(), 0..4).prop_map(Response::Tasks),
        vec(node_view(), 0..3).prop_map(Response::Nodes),
        vec(text(), 0..3).prop_map(Response::Explanation),
        status_view().prop_map(|view| Response::Status(Box::new(view))),
        (text(), role(), any::<u64>()).prop_map(|(token, role, expires_at_ms)| Response::Token {
            token,
            role,
            expires_at_ms
        }),
        joined.prop_map(Response::Joined),
        (50..u64::MAX, vec(any::<u8>(), 0..50)).prop_map(|(total, bytes)| Response::BlobChunk { total, bytes }),
        vec(any::<u8>(), 0..50).prop_map(Response::Raft),
        log_piece().prop_map(Response::Log),
        cluster_response().prop_map(|response| Response::Cluster(Box::new(response))),
        timeline_response().prop_map(|response| Response::Timeline(Box::new(response))),
        (text(), text()).prop_map(|(document, text)| Response::Decided(Box::new(DecisionResponse { document, text }))),
        Just(Response::Done),
        refusal.prop_map(Response::Refused),
    ]
}
