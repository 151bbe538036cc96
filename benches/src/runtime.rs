//! The runtime: a node as a process of its own, and this process as its client.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_actors::client::Client;
use nexus_model::{IndexRange, JobId, JobSpec, JobState, Program};
use nexus_wire::{Request, Response};

use crate::report;

/// Single tasks for the latency.
const LATENCY_RUNS: usize = 500;
/// Whole commands for the start-up times.
const COMMAND_RUNS: usize = 20;
/// Runs of each throughput.
const THROUGHPUT_RUNS: usize = 3;
/// Separate submissions, and how many of them wait for their answer at once.
const SEPARATE: u32 = 102_400;
const PIPELINE: u32 = 128;
const NO_OP: &str = "function main()\n    return none\nend\n";

/// Measures everything on one node.
pub(crate) fn measure() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    start_to_first_result(folder.path())?;
    let data = folder.path().join("node");
    let node = Node::start(&data)?;
    report("idle_memory", "MiB", &[node.memory_mib()?]);
    commands(folder.path(), &data)?;
    client_runtime()?.block_on(async {
        let client = Client::connect(&data).await.map_err(|refusal| refusal.to_string())?;
        latency(&client).await?;
        for count in [1_000, 100_000] {
            throughput(&client, "noop_tasks", count, no_op()).await?;
        }
        throughput(&client, "process_tasks", 2_000, command(&["/bin/true"])).await?;
        let client = separate(client).await?;
        client.close().await;
        Ok::<(), String>(())
    })?;
    report("memory_after", "MiB", &[node.memory_mib()?]);
    bare_spawn()
}

/// Separate submissions alone, on a fresh node.
pub(crate) fn submissions() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let data = folder.path().join("node");
    let _node = Node::start(&data)?;
    client_runtime()?.block_on(async {
        let client = Client::connect(&data).await.map_err(|refusal| refusal.to_string())?;
        separate(client).await?.close().await;
        Ok(())
    })
}

fn client_runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().map_err(|error| error.to_string())
}

fn no_op() -> Program {
    Program::MCode { file: "noop.mcode".to_owned(), source: NO_OP.into() }
}

fn command(argv: &[&str]) -> Program {
    Program::Command { argv: argv.iter().map(|arg| (*arg).to_owned()).collect(), env: Vec::new(), cwd: None }
}

/// Submit to result, one task after another.
async fn latency(client: &Client) -> Result<(), String> {
    let mut runs = Vec::with_capacity(LATENCY_RUNS);
    for _ in 0..LATENCY_RUNS {
        let started = Instant::now();
        run_job(client, JobSpec::single("noop", no_op())).await?;
        runs.push(started.elapsed().as_secs_f64() * 1e3);
    }
    runs.sort_by(f64::total_cmp);
    report("submit_to_result_p50", "ms", &[runs[runs.len() / 2]]);
    report("submit_to_result_p99", "ms", &[runs[runs.len() * 99 / 100]]);
    Ok(())
}

/// An array from submit until every task has ended.
async fn throughput(client: &Client, name: &str, count: u32, program: Program) -> Result<(), String> {
    let mut runs = Vec::new();
    for _ in 0..THROUGHPUT_RUNS {
        let mut spec = JobSpec::single(name, program.clone());
        (spec.tasks, spec.is_array) = (IndexRange::new(0, count), true);
        let started = Instant::now();
        run_job(client, spec).await?;
        runs.push(started.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    }
    report(&format!("{name}_{count}"), "us/task", &runs);
    Ok(())
}

/// As many submissions of one task each, pipelined from one client, until the last of their jobs has ended.
async fn separate(client: Client) -> Result<Client, String> {
    let client = Arc::new(client);
    let started = Instant::now();
    let mut lines = tokio::task::JoinSet::new();
    for _ in 0..PIPELINE {
        let client = Arc::clone(&client);
        lines.spawn(async move {
            for _ in 0..SEPARATE / PIPELINE {
                let request = Request::SubmitJob { spec: Box::new(JobSpec::single("noop", no_op())), key: None };
                client.request(request).await.map_err(|refusal| refusal.to_string())?;
            }
            Ok::<(), String>(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line.map_err(|error| error.to_string())??;
    }
    let accepted = started.elapsed().as_secs_f64() * 1e6 / f64::from(SEPARATE);
    report("separate_submissions_accepted", "us/task", &[accepted]);
    loop {
        match client.request(Request::GetStatus).await.map_err(|refusal| refusal.to_string())? {
            Response::Status(status) if status.jobs_active == 0 => break,
            Response::Status(_) => {}
            _ => return Err("an answer that does not fit".to_owned()),
        }
    }
    let ended = started.elapsed().as_secs_f64() * 1e6 / f64::from(SEPARATE);
    report("separate_submissions_ended", "us/task", &[ended]);
    Arc::into_inner(client).ok_or_else(|| "a submission is still under way".to_owned())
}

async fn run_job(client: &Client, spec: JobSpec) -> Result<JobId, String> {
    let request = Request::SubmitJob { spec: Box::new(spec), key: None };
    let Response::Submitted(job) = client.request(request).await.map_err(|refusal| refusal.to_string())? else {
        return Err("an answer that does not fit".to_owned());
    };
    let mut seen = 0;
    loop {
        let wait = Request::WaitJob { job, seen, patience: Duration::from_secs(30) };
        match client.request(wait).await.map_err(|refusal| refusal.to_string())? {
            Response::Job(view) if view.state == JobState::Succeeded => return Ok(job),
            Response::Job(view) if view.state.is_final() => {
                return Err(format!("{job} ended as {}", view.state.name()));
            }
            Response::Job(view) => seen = view.ended(),
            _ => return Err("an answer that does not fit".to_owned()),
        }
    }
}

/// Whole commands, as a shell sees them.
fn commands(folder: &Path, data: &Path) -> Result<(), String> {
    let hello = folder.join("hello.mcode");
    std::fs::write(&hello, "function main()\n    return \"hello\"\nend\n").map_err(|error| error.to_string())?;
    let hello = hello.to_string_lossy().into_owned();
    timed_command("nexus_run_hello", data, &["run", &hello])?;
    timed_command("cli_submit", data, &["submit", &hello])?;
    timed_command("cli_submit_wait", data, &["submit", &hello, "--wait"])
}

fn timed_command(name: &str, data: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut runs = Vec::new();
    for _ in 0..COMMAND_RUNS {
        let started = Instant::now();
        let output = Command::new(binary()?).args(arguments).env("NEXUS_HOME", data).output();
        let output = output.map_err(|error| error.to_string())?;
        runs.push(started.elapsed().as_secs_f64() * 1e3);
        if !output.status.success() {
            return Err(format!("nexus {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    report(name, "ms", &runs);
    Ok(())
}

/// From `nexus node start` on an empty directory to the result of the first task.
fn start_to_first_result(folder: &Path) -> Result<(), String> {
    let mut runs = Vec::new();
    for turn in 0..5 {
        let data = folder.join(format!("first-{turn}"));
        let started = Instant::now();
        let node = Node::start(&data)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(async {
            let client = Client::connect(&data).await.map_err(|refusal| refusal.to_string())?;
            run_job(&client, JobSpec::single("noop", no_op())).await
        })?;
        runs.push(started.elapsed().as_secs_f64() * 1e3);
        drop(node);
    }
    report("node_start_to_first_result", "ms", &runs);
    Ok(())
}

/// The floor of process tasks: spawn and wait, two at a time as on the node.
fn bare_spawn() -> Result<(), String> {
    let started = Instant::now();
    let count = 1_000;
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    (0..count).try_for_each(|_| Command::new("/bin/true").output().map(drop).map_err(|e| e.to_string()))
                })
            })
            .collect();
        loops.into_iter().try_for_each(|handle| handle.join().unwrap_or_else(|_| Err("a loop panicked".to_owned())))
    })?;
    report("floor_spawn_and_wait", "us/task", &[started.elapsed().as_secs_f64() * 1e6 / f64::from(2 * count)]);
    Ok(())
}

/// The `nexus` beside this program.
fn binary() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.with_file_name("nexus");
    if path.exists() { Ok(path) } else { Err(format!("{} is missing: build it first", path.display())) }
}

/// A node that is killed when dropped.
struct Node {
    child: Child,
}

impl Node {
    fn start(data: &Path) -> Result<Node, String> {
        let mut child = Command::new(binary()?)
            .args(["node", "start", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let beacon = data.join("node.json");
        let patience = Instant::now() + Duration::from_secs(20);
        while !beacon.exists() {
            if Instant::now() > patience || !matches!(child.try_wait(), Ok(None)) {
                return Err("the node did not start".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(Node { child })
    }

    fn memory_mib(&self) -> Result<f64, String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).map_err(|e| e.to_string())?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).ok_or("no VmRSS")?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
