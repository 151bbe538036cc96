//! A cluster in memory for the tests of the verbs: jobs are put in with their tasks, and requests are answered from
//! them. It runs nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_model::{
    BlobHash, Cost, DeviceInfo, DeviceKind, GpuUse, IndexRange, JobId, JobState, NodeCapacity, NodeId, NodeRole,
    Outcome, Payload, TaskOutput, TaskState, Value, Vitals, encode_value,
};
use nexus_wire::{
    ClusterRequest, ClusterResponse, Health, JobView, NodeState, NodeView, Refusal, Request, Response, StatusView,
    TaskView,
};

use super::cluster::Cluster;

#[derive(Default)]
struct Content {
    jobs: BTreeMap<JobId, (JobView, Vec<TaskView>)>,
    blobs: Vec<Vec<u8>>,
    asked: Vec<Request>,
    keys: BTreeMap<String, JobId>,
    required: BTreeMap<JobId, Vec<String>>,
}

/// The cluster.
#[derive(Default)]
pub(crate) struct FakeCluster(Mutex<Content>);

impl FakeCluster {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in a job.
    pub(crate) fn add(&self, job: JobView, tasks: Vec<TaskView>) {
        self.content().jobs.insert(job.job, (job, tasks));
    }

    /// Puts in a job that was submitted with this key.
    pub(crate) fn hold_key(&self, key: &str, job: JobView) {
        self.content().keys.insert(key.to_owned(), job.job);
        self.add(job, Vec::new());
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.content().asked.clone()
    }
}

impl Cluster for FakeCluster {
    async fn request(&self, request: Request) -> Result<Response, Refusal> {
        let mut content = self.content();
        content.asked.push(request.clone());
        let find = |content: &Content, job: JobId| {
            content.jobs.get(&job).cloned().ok_or_else(|| Refusal {
                code: "NX0101".into(),
                message: format!("there is no {job}"),
                help: Some("`nexus jobs` lists them".into()),
                retry_after: None,
                leader: None,
            })
        };
        match request {
            Request::SubmitJob { key: Some(key), .. } if content.keys.contains_key(&key) => {
                Ok(Response::Submitted(content.keys[&key]))
            }
            // As if no machine had any label.
            Request::UnmetNeeds(job) => {
                let required = content.required.get(&job).into_iter().flatten();
                Ok(Response::Explanation(required.map(|label| format!("no node has {label}")).collect()))
            }
            Request::SubmitJob { spec, .. } => {
                let number = content.jobs.keys().next_back().map_or(1, |job| job.0 + 1);
                let mut view = job_view(number, &spec.name, spec.tasks.len());
                view.is_array = spec.is_array;
                content.jobs.insert(JobId(number), (view, Vec::new()));
                let required = spec.selection.require.iter().map(ToString::to_string).collect();
                content.required.insert(JobId(number), required);
                Ok(Response::Submitted(JobId(number)))
            }
            Request::ListJobs { limit, before } => {
                let older = content.jobs.values().rev().filter(|(job, _)| before.is_none_or(|b| job.job < b));
                Ok(Response::Jobs(older.take(limit as usize).map(|(job, _)| job.clone()).collect()))
            }
            Request::ShowJob(job) | Request::WaitJob { job, .. } => Ok(Response::Job(Box::new(find(&content, job)?.0))),
            Request::CancelJob(job) => {
                let (mut view, _) = find(&content, job)?;
                view.state = JobState::Cancelled;
                Ok(Response::Job(Box::new(view)))
            }
            Request::ListTasks { job, range, .. } => {
                // Pages of two, so that asking on is tested.
                let (_, tasks) = find(&content, job)?;
                Ok(Response::Tasks(tasks.into_iter().filter(|task| range.contains(task.index)).take(2).collect()))
            }
            Request::ListNodes => Ok(Response::Nodes(nodes())),
            Request::GetStatus => Ok(Response::Status(Box::new(status()))),
            Request::CreateToken { role, .. } => {
                Ok(Response::Token { token: "NXJ1.7Yk".into(), role, expires_at_ms: 900_000 })
            }
            Request::Cluster(request) if *request == ClusterRequest::ListLabels => {
                Ok(Response::Cluster(Box::new(ClusterResponse::Labels(Vec::new()))))
            }
            Request::Cluster(request) if *request == ClusterRequest::ReadHealth => {
                Ok(Response::Cluster(Box::new(ClusterResponse::Health(health()))))
            }
            _ => Ok(Response::Done),
        }
    }

    async fn fetch(&self, payload: &Payload) -> Result<Vec<u8>, Refusal> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Blob { hash, .. } => {
                let found = self.content().blobs.get(usize::from(hash.0[0])).cloned();
                found.ok_or_else(|| Refusal {
                    code: "NX0109".into(),
                    message: format!("no node that is up has the blob {hash}"),
                    help: None,
                    retry_after: None,
                    leader: None,
                })
            }
        }
    }

    async fn store(&self, bytes: Vec<u8>) -> Result<Payload, Refusal> {
        let mut content = self.content();
        let mut hash = [0; 32];
        hash[0] = content.blobs.len() as u8;
        let payload = Payload::Blob { hash: BlobHash(hash), bytes: bytes.len() as u64 };
        content.blobs.push(bytes);
        Ok(payload)
    }

    /// The node of this machine ends at once.
    async fn until_gone(&self, node: Option<NodeId>, _: Duration) -> Option<bool> {
        node.is_none_or(|node| node == NodeId(1)).then_some(true)
    }

    async fn close(&self) {}
}

/// A queued job.
pub(crate) fn job_view(number: u64, name: &str, tasks: u32) -> JobView {
    let mut counts = [0; 8];
    counts[1] = 0;
    JobView {
        job: JobId(number),
        name: name.into(),
        user: "ada".into(),
        state: JobState::Queued,
        tasks: IndexRange::new(0, tasks),
        is_array: tasks > 1,
        counts,
        by_node: Vec::new(),
        submitted_at_ms: 0,
        started_at_ms: None,
        finished_at_ms: None,
        first_failure: None,
    }
}

/// A task that ended so, on node 1, after 41 ms.
pub(crate) fn task_view(index: u32, outcome: Outcome) -> TaskView {
    let state = match &outcome {
        Outcome::Succeeded(_) => TaskState::Succeeded,
        Outcome::Failed(_) => TaskState::Failed,
        Outcome::Cancelled => TaskState::Cancelled,
        Outcome::TimedOut => TaskState::TimedOut,
    };
    let inline = |text: &str| Some(Payload::Inline(text.as_bytes().into()));
    TaskView {
        index,
        state,
        node: Some(NodeId(1)),
        attempts: 1,
        outcome: Some(outcome),
        cost: Some(Cost {
            wall: Duration::from_millis(41),
            device: "cpu".into(),
            stdout: inline(&format!("out {index}\n")),
            stderr: inline(&format!("err {index}\n")),
            exit_code: None,
        }),
        reused: None,
    }
}

/// A task that returned `value`.
pub(crate) fn returned(index: u32, value: &Value) -> TaskView {
    let payload = Payload::Inline(encode_value(value).expect("not nested").into());
    task_view(index, Outcome::Succeeded(TaskOutput { result: payload, outputs: Vec::new() }))
}

/// A job whose tasks have all ended so.
pub(crate) fn ended(number: u64, name: &str, tasks: Vec<TaskView>) -> (JobView, Vec<TaskView>) {
    let mut view = job_view(number, name, tasks.len() as u32);
    for task in &tasks {
        let state = TaskState::ALL.iter().position(|state| *state == task.state).expect("every state is listed");
        view.counts[state] += 1;
    }
    let all_succeeded = view.counts[4] == view.tasks.len();
    view.state = if all_succeeded { JobState::Succeeded } else { JobState::Failed };
    view.by_node = vec![(NodeId(1), view.counts[4])];
    (view.started_at_ms, view.finished_at_ms) = (Some(100), Some(141));
    (view, tasks)
}

/// Two nodes, the second one down.
pub(crate) fn nodes() -> Vec<NodeView> {
    let node = |number: u64, name: &str, state, devices| NodeView {
        node: NodeId(number),
        name: name.into(),
        roles: if number == 1 { vec![NodeRole::Voter, NodeRole::Worker] } else { vec![NodeRole::Worker] },
        address: format!("192.168.1.2{number}:4747"),
        state,
        capacity: NodeCapacity { slots: 12, memory_bytes: 64 << 30, devices },
        running: if number == 1 { 3 } else { 0 },
        rtt: (number == 1).then_some(Duration::from_micros(400)),
        seen_at_ms: Some(1_000),
        vitals: None,
    };
    let device = |kind, name: &str| DeviceInfo { kind, name: name.into() };
    let both = vec![device(DeviceKind::Cpu, "12 threads"), device(DeviceKind::Gpu, "Apple M3 Max (metal, 48 GB)")];
    vec![node(1, "studio", NodeState::Up, both), node(2, "air", NodeState::Down, Vec::new())]
}

/// A cluster of these nodes.
pub(crate) fn status() -> StatusView {
    StatusView {
        cluster: "studio".into(),
        node: NodeId(1),
        leader: Some(NodeId(1)),
        term: 3,
        applied: 812,
        voters: vec![NodeId(1)],
        nodes: nodes(),
        jobs_active: 2,
        tasks_queued: 99,
        version: "0.1.0".into(),
        stopped: None,
    }
}

/// How the first of them is.
pub(crate) fn health() -> Health {
    let vitals = Vitals {
        cpu_permille: Some(384),
        memory_used_bytes: 21 << 30,
        memory_bytes: 64 << 30,
        gpu: Some(GpuUse { busy_permille: Some(714), given_milli: 500 }),
        held_by: vec!["memory > 30% (now 33%)".into()],
        warnings: vec!["on-battery".into()],
    };
    Health { stopped: None, nodes: vec![(NodeId(1), vitals)] }
}
