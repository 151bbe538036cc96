//! Whole commands against a world in memory: what a person types, and what stands on stdout and stderr then.

mod language;
mod mcode;
mod nodes;
mod run_choices;
mod submissions;
mod tasks;

use std::ffi::OsString;
use std::path::Path;

use clap::Parser;
use nexus_model::{
    ArgumentSource, DeviceInfo, DeviceKind, Diagnostic, Execution, Failure, IndexRange, JitLevel, JobSpec, LimitLevel,
    Limits, Outcome, Program, Value,
};
use nexus_wire::Request;
use tokio::sync::watch;

use super::cluster_recover::RecoverySurvey;
use super::engine::Kept;
use super::error::tests::pages;
use super::error::{CliError, Exit};
use super::fake::{FakeCluster, ended, returned, task_view};
use super::language::Language as _;
use super::login::LoggedIn;
use super::nearby::{Nearby, NearbyNode};
use super::node::{NodeStart, NodeStarted};
use super::repl::{Pieces, Typed};
use super::run::{Finished, RunOptions, Runtime};
use super::world::World;
use super::{Cli, dispatch};

/// A world in which programs are JSON: a program returns what it spells, and `!` fails.
#[derive(Default)]
pub(crate) struct FakeWorld {
    cluster: std::sync::Arc<FakeCluster>,
    ran: std::sync::Mutex<Vec<JobSpec>>,
    pub(crate) join_token: Option<String>,
}

fn broken(file: &str) -> Diagnostic {
    Diagnostic { file: file.into(), ..Diagnostic::error("MC0105", "unexpected `!`") }
}

impl Runtime for FakeWorld {
    fn run(&self, spec: JobSpec, mut options: RunOptions, _: watch::Receiver<bool>) -> Result<Finished, CliError> {
        (options.print)("printed\n");
        let Program::MCode { source, .. } = &spec.program else { panic!("run takes programs only") };
        let end = |index| match source.trim() {
            "fail" => {
                let failure = Failure {
                    code: "MC0401".into(),
                    message: "division by zero".into(),
                    diagnostic: None,
                    retryable: false,
                };
                task_view(index, Outcome::Failed(failure))
            }
            text => returned(index, &self.argument(text)),
        };
        let (mut job, tasks) = ended(1, &spec.name, (spec.tasks.start..spec.tasks.end).map(end).collect());
        job.is_array = spec.is_array;
        (options.progress)(&job);
        self.ran.lock().unwrap().push(spec);
        let load = |payload: &nexus_model::Payload| match payload {
            nexus_model::Payload::Inline(bytes) => Ok(bytes.to_vec()),
            nexus_model::Payload::Blob { .. } => panic!("only small values here"),
        };
        let devices = vec![DeviceInfo { kind: DeviceKind::Cpu, name: "2 threads, avx512".into() }];
        Ok(Finished { job, tasks, load: Box::new(load), devices, choice: None, warning: None })
    }
}

impl Pieces for FakeWorld {
    fn evaluate(&self, _: Typed<'_>) -> Result<nexus_mcode::PieceResult, Vec<Diagnostic>> {
        Err(vec![broken("repl")])
    }

    fn code_of(&self, _: &str, _: nexus_mcode::Before<'_>) -> Result<String, Vec<Diagnostic>> {
        Err(vec![broken("repl")])
    }
}

impl World for FakeWorld {
    type Cluster = std::sync::Arc<FakeCluster>;

    async fn connect(&self, _: &Path) -> Result<Self::Cluster, CliError> {
        Ok(std::sync::Arc::clone(&self.cluster))
    }

    fn hardware_devices(&self) -> Vec<DeviceInfo> {
        self.devices()
    }

    async fn login(&self, _: &Path, _: &str, token: &str) -> Result<LoggedIn, CliError> {
        assert_eq!(token, "NXJ1.token");
        Ok(LoggedIn { cluster: "studio".to_owned(), name: "ada".to_owned(), role: "submitter" })
    }

    fn join_token(&self) -> Option<String> {
        self.join_token.clone()
    }

    fn is_member(&self, data: &Path) -> bool {
        data.join("identity").exists()
    }

    fn nearby(&self, _: &Path, token: Option<&str>, begins: impl FnOnce()) -> Result<Nearby, CliError> {
        begins();
        let node = |name: &str, fits: bool| NearbyNode {
            node: name.to_owned(),
            cluster: format!("{name}-cluster"),
            addresses: vec![format!("{name}.local:4747")],
            authority: "ab".repeat(32),
            fits_token: token.map(|token| fits && token == "NXJ1.token"),
        };
        Ok(Nearby { nodes: vec![node("box", false), node("studio", true)], left_out: 0 })
    }

    fn recover(&self, _: &Path, perform: bool) -> Result<RecoverySurvey, CliError> {
        Ok(RecoverySurvey {
            node: 1,
            cluster: "studio".to_owned(),
            last_entry: 9,
            committed: 9,
            term: 2,
            voters: vec![1, 2, 3],
            recovered: perform,
        })
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        Vec::new()
    }

    fn kept(&self, _: &[DeviceInfo]) -> Kept {
        Kept::default()
    }

    fn explain(&self, code: &str) -> Option<&'static str> {
        (code == "MC0203").then_some("The shapes do not fit a matrix product.")
    }

    fn begin_again(&self, _: Vec<OsString>) -> CliError {
        unreachable!("no disk is full here")
    }

    fn node(
        &self,
        start: NodeStart,
        ready: impl FnOnce(&NodeStarted),
        _: watch::Receiver<bool>,
    ) -> Result<(), CliError> {
        ready(&NodeStarted {
            node: 1,
            name: start.name,
            cluster: "studio".into(),
            arrival: if start.join.is_some() { "joined" } else { "founded" },
            address: start.join.map_or_else(
                || start.config.node().listen().to_string(),
                |(addresses, token)| format!("{} with {token}", addresses.join(" ")),
            ),
            web: None,
            data: "/data".into(),
            slots: start.slots,
            devices: vec!["cpu 12 threads".into()],
            version: "0.1.0",
        });
        Ok(())
    }
}

/// What a command line gives: exit code, stdout, stderr.
fn typed(world: &FakeWorld, line: &str) -> (Exit, String, String) {
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{error}"));
    let (mut console, out, err) = pages(cli.json);
    let (_keep, interrupted) = watch::channel(false);
    let exit = match dispatch(&cli, world, &mut console, interrupted) {
        Ok(()) => Exit::Done,
        Err(error) => {
            error.show(&mut console);
            error.exit
        }
    };
    (exit, out.text(), err.text())
}

/// A folder with programs, and the way to one of them.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        let programs = Programs(tempfile::tempdir().unwrap());
        for (name, text) in [
            ("ok.mcode", r#"{"x": {"dtype": "f32", "shape": [2], "data": [0.5, 1]}, "n": 3}"#),
            ("seven.mcode", "7"),
            ("bad.mcode", "!"),
            ("fails.mcode", "fail"),
        ] {
            std::fs::write(programs.0.path().join(name), text).unwrap();
        }
        programs
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[test]
fn people_log_in_and_majorities_are_recovered_only_when_told_so() {
    let world = FakeWorld::default();
    let (exit, _, err) = typed(&world, "nexus login 127.0.0.1:4747 --token NXJ1.token");
    assert_eq!(
        (exit, err.as_str()),
        (Exit::Done, "ada is a submitter of the cluster \"studio\" now; try `nexus status`\n")
    );
    let (_, out, _) = typed(&world, "nexus cluster recover --json --data here");
    assert!(out.contains("\"recovered\":false") && out.contains("\"last_entry\":9"), "{out}");
    let (_, out, _) = typed(&world, "nexus cluster recover --yes --json --data here");
    assert!(out.contains("\"recovered\":true"), "{out}");
}

#[test]
fn the_command_line_is_well_defined() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn run_answers_on_stdout_and_talks_on_stderr() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let (exit, out, err) = typed(&world, &format!("nexus run {}", programs.path("ok.mcode")));
    assert_eq!(exit, Exit::Done);
    assert_eq!(out, "printed\nx  tensor f32[2]  0.5  1.0\nn  3\n");
    // What stood in the task's stderr is told as well: warnings of operations.
    assert_eq!(err, "err 0\nok.mcode · cpu (2 threads, avx512) · 41 ms\n");
    let (_, out, err) = typed(&world, &format!("nexus run {} --json", programs.path("ok.mcode")));
    assert_eq!(
        out,
        "{\"result\":{\"x\":{\"dtype\":\"f32\",\"shape\":[2],\"data\":[0.5,1]},\"n\":3},\"outputs\":{},\
         \"device\":\"cpu\",\"time_ms\":41.0}\n"
    );
    assert_eq!(err, "printed\nerr 0\n");
}

#[test]
fn run_takes_arguments_inputs_and_outputs() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    std::fs::write(programs.path("in.csv"), "1,2\n3,4\n").unwrap();
    let line = format!(
        "nexus run {} --arg n=10 -a lr=-3 --input d={} --output x={} --device cpu --seed 7 --jit 1",
        programs.path("ok.mcode"),
        programs.path("in.csv"),
        programs.path("x.npy")
    );
    let (exit, _, err) = typed(&world, &line);
    assert_eq!(exit, Exit::Done, "{err}");
    assert!(err.ends_with(&format!("x → {}\n", programs.path("x.npy"))), "{err}");
    let written = std::fs::read(programs.path("x.npy")).unwrap();
    let Value::Tensor(x) = nexus_formats::read(nexus_formats::Format::Npy, &written).unwrap() else { panic!() };
    assert_eq!(x.shape(), [2]);
    let ran = world.ran.lock().unwrap();
    assert_eq!(ran[0].seed, 7);
    assert_eq!(ran[0].execution, Some(Execution::at(JitLevel::Optimised)));
    assert_eq!(ran[0].arguments[0], ("n".into(), ArgumentSource::Value(Value::Int(10))));
    assert_eq!(ran[0].arguments[1], ("lr".into(), ArgumentSource::Value(Value::Int(-3))));
}

#[test]
fn run_of_an_array_shows_its_tasks() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let path = programs.path("seven.mcode");
    let (exit, out, _) =
        typed(&world, &format!("nexus run {path} --array 3..6 --output {}", programs.path("all.json")));
    assert_eq!((exit, out.as_str()), (Exit::Done, "printed\n[7, 7, 7]\n"));
    assert_eq!(std::fs::read_to_string(programs.path("all.json")).unwrap(), "[7,7,7]\n");
    let (_, out, _) = typed(&world, &format!("nexus run {path} --array 0..100"));
    insta::assert_snapshot!(out, @r"
    printed
     0  7
     1  7
     2  7
     3  7
     4  7
     …  94 more
    99  7
    ");
}

#[test]
fn failures_of_programs_end_with_one_and_of_usage_with_two() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let (exit, _, err) = typed(&world, &format!("nexus run {}", programs.path("bad.mcode")));
    assert_eq!(exit, Exit::ProgramFailed);
    assert!(err.ends_with("1 error. `nexus explain MC0105` tells more.\n"), "{err}");
    let (exit, out, err) = typed(&world, &format!("nexus run {}", programs.path("fails.mcode")));
    assert_eq!(
        (exit, out.as_str(), err.as_str()),
        (Exit::ProgramFailed, "printed\n", "err 0\nerror[MC0401]: division by zero\n")
    );
    let (exit, _, err) = typed(&world, &format!("nexus run {} --array 0..3", programs.path("fails.mcode")));
    assert_eq!(exit, Exit::ProgramFailed);
    assert!(err.ends_with("error[NX0509]: 3 of 3 tasks of job-1 failed\n"), "{err}");
    for (line, part) in [
        ("nexus run none.mcode", "none.mcode does not exist"),
        (&*format!("nexus run {} --output x.xlsx", programs.path("ok.mcode")), "no extension of a known format"),
        (
            &*format!("nexus run {} --arg n=log:0..1", programs.path("ok.mcode")),
            "the argument `n` = `log:0..1`: a logarithmic sweep",
        ),
        (&*format!("nexus run {} --arg n=1 --arg n=2", programs.path("ok.mcode")), "the argument `n` is given twice"),
        (&*format!("nexus run {} --input d=none.npy", programs.path("ok.mcode")), "none.npy does not exist"),
        ("nexus explain MC9999", "there is no code `MC9999`"),
    ] {
        let (exit, out, err) = typed(&world, line);
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(err.contains(part), "{line}: {err}");
    }
}

#[test]
fn submissions_carry_everything_that_was_typed() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    std::fs::write(programs.path("d.json"), "[1]").unwrap();
    let line = format!(
        "nexus submit {} --name sweep --array 0..400 --input d={} --priority -3 --retries 4 --timeout 10s \
         --limits high --key k1 --cpus 2 --memory 1GiB --jit 0",
        programs.path("ok.mcode"),
        programs.path("d.json")
    );
    let (exit, out, err) = typed(&world, &line);
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Done, "job-1  sweep  400 tasks\n", ""));
    let asked = world.cluster.asked();
    // Behind it, which job has the key is asked, and whether the cluster has what the tasks need.
    let [.., Request::SubmitJob { spec, key }, Request::ShowJob(_), Request::UnmetNeeds(_), Request::Cluster(_)] =
        asked.as_slice()
    else {
        panic!("{asked:?}")
    };
    assert_eq!(key.as_deref(), Some("k1"));
    assert_eq!((spec.tasks, spec.is_array, spec.priority), (IndexRange::new(0, 400), true, -3));
    assert_eq!((spec.retry.max_attempts, spec.resources.cpus, spec.resources.memory_bytes), (5, 2, 1 << 30));
    assert_eq!(spec.limits, Limits::level(LimitLevel::High));
    assert_eq!(spec.inputs[0].name, "d");
    assert_eq!(spec.execution, Some(Execution::at(JitLevel::Plain)));
}

#[test]
fn commands_are_submitted_with_their_environment() {
    let world = FakeWorld::default();
    let (_, out, _) = typed(&world, "nexus submit --env A=b=c --cwd /tmp --json -- /bin/echo hello --json");
    assert_eq!(out, "{\"job\":1,\"name\":\"echo\",\"tasks\":1}\n");
    let asked = world.cluster.asked();
    let Some(Request::SubmitJob { spec, .. }) = asked.last() else { panic!("{asked:?}") };
    let argv = ["/bin/echo", "hello", "--json"].map(str::to_owned).to_vec();
    let env = vec![("A".to_owned(), "b=c".to_owned())];
    assert_eq!(spec.program, Program::Command { argv, env, cwd: Some("/tmp".into()) });
}

#[test]
fn waiting_ends_with_the_result() {
    let world = FakeWorld::default();
    let (job, tasks) = ended(1, "fib.mcode", vec![returned(0, &Value::Int(55))]);
    world.cluster.add(job, tasks);
    let (exit, out, err) = typed(&world, "nexus job wait 1");
    assert_eq!((exit, out.as_str()), (Exit::Done, "out 0\n55\n"));
    assert_eq!(err, "err 0\nfib.mcode · studio · 41 ms\n");
    let (_, out, _) = typed(&world, "nexus job wait job-1 --json");
    assert_eq!(
        out,
        "{\"job\":1,\"state\":\"succeeded\",\"node\":\"studio\",\"attempts\":1,\"result\":55,\"outputs\":{},\
         \"error\":null,\"exit_code\":null,\"time_ms\":41.0}\n"
    );
}

#[test]
fn results_of_arrays_are_read_page_by_page() {
    let world = FakeWorld::default();
    let mut tasks: Vec<_> = (0..5).map(|index| returned(index, &Value::Int(i64::from(index)))).collect();
    tasks[3] = task_view(3, Outcome::TimedOut);
    let (job, tasks) = ended(2, "sweep.mcode", tasks);
    world.cluster.add(job, tasks);
    let (exit, out, err) = typed(&world, "nexus job result 2");
    assert_eq!(exit, Exit::Cancelled);
    assert_eq!(out, "0  0\n1  1\n2  2\n3  timed out\n4  4\n");
    assert!(err.contains("1 of 5 tasks of job-2 ran longer than the timeout"), "{err}");
    let (exit, out, _) = typed(&world, "nexus job result 2 --json");
    assert_eq!((exit, out.matches("\"index\":").count()), (Exit::Cancelled, 5));
    assert!(
        out.starts_with("{\"job\":2,\"state\":\"failed\",\"tasks\":[{\"index\":0,") && out.ends_with("]}\n"),
        "{out}"
    );
    let (exit, out, _) = typed(&world, "nexus job result 2/4");
    assert_eq!((exit, out.as_str()), (Exit::Done, "4\n"));
    let (exit, _, err) = typed(&world, "nexus job result 2/9");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("job-2 has no task 9"), "{err}");
}

#[test]
fn logs_go_to_the_streams_that_they_came_from() {
    let world = FakeWorld::default();
    let (job, tasks) = ended(3, "echo", (0..3).map(|index| returned(index, &Value::Int(0))).collect());
    world.cluster.add(job, tasks);
    let (_, out, err) = typed(&world, "nexus job logs 3");
    assert_eq!(out, "out 0\nout 1\nout 2\n");
    assert_eq!(err, "── 3/0 ──\nerr 0\n── 3/1 ──\nerr 1\n── 3/2 ──\nerr 2\n");
    let (_, out, _) = typed(&world, "nexus job logs 3/1 --json");
    assert_eq!(out, "{\"job\":3,\"tasks\":[{\"index\":1,\"stdout\":\"out 1\\n\",\"stderr\":\"err 1\\n\"}]}\n");
}

#[test]
fn a_job_is_shown_with_its_nodes_and_its_first_failure() {
    let world = FakeWorld::default();
    let failure =
        Failure { code: "MC0401".into(), message: "division by zero".into(), diagnostic: None, retryable: false };
    let mut tasks: Vec<_> = (0..3).map(|index| returned(index, &Value::Int(0))).collect();
    tasks[1] = task_view(1, Outcome::Failed(failure.clone()));
    let (mut job, tasks) = ended(4, "sweep.mcode", tasks);
    job.first_failure = Some(("4/1".parse().unwrap(), failure));
    job.submitted_at_ms = super::jobs::now_ms();
    world.cluster.add(job, tasks);
    insta::assert_snapshot!(typed(&world, "nexus job show 4").1, @r"
    job-4  sweep.mcode  3 tasks  failed
    tasks     2 succeeded, 1 failed
    ran on    studio 2
    submitted 0 s ago by ada
    time      41 ms
    first failure: task 4/1
    error[MC0401]: division by zero
    ");
    let (_, out, _) = typed(&world, "nexus job show 4 --json");
    assert!(out.contains("\"ran_on\":[{\"node\":\"studio\",\"tasks\":2}]"), "{out}");
    assert!(out.contains("\"first_failure\":{\"task\":1,\"code\":\"MC0401\""), "{out}");
}

#[test]
fn unknown_jobs_and_nodes_are_refused_with_help() {
    let world = FakeWorld::default();
    let (exit, _, err) = typed(&world, "nexus job show 99");
    assert_eq!(exit, Exit::Usage);
    assert_eq!(err, "error[NX0101]: there is no job-99\n  = help: `nexus jobs` lists them\n");
    let (exit, _, err) = typed(&world, "nexus node stop zzz");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("no node is called `zzz`"), "{err}");
    let (exit, _, err) = typed(&world, "nexus node stop ai");
    assert_eq!(
        (exit, err.as_str()),
        (Exit::Done, "air (node-2) is stopping; its running tasks go back to the queue\n")
    );
}

#[test]
fn an_interrupted_wait_leaves_the_job_alone() {
    let world = FakeWorld::default();
    world.cluster.add(super::fake::job_view(5, "long", 2), Vec::new());
    let cli = Cli::try_parse_from(["nexus", "job", "wait", "5"]).unwrap();
    let (mut console, out, err) = pages(false);
    let (interrupt, interrupted) = watch::channel(false);
    interrupt.send_replace(true);
    let left = dispatch(&cli, &world, &mut console, interrupted).unwrap_err();
    assert_eq!((left.exit, left.is_told), (Exit::Cancelled, true));
    assert_eq!((out.text().as_str(), err.text().as_str()), ("", "^C  detached; the job goes on.  nexus job wait 5\n"));
    assert!(!world.cluster.asked().iter().any(|request| matches!(request, Request::CancelJob(_))));
}

#[test]
fn tokens_are_the_answer_and_the_hint_is_not() {
    let world = FakeWorld::default();
    let (_, out, err) = typed(&world, "nexus token create --ttl 1h");
    assert_eq!(out, "NXJ1.7Yk\n");
    assert!(err.starts_with("Add a machine:  nexus node start --join 192.168.1.21:4747 --token NXJ1.7Yk\n"), "{err}");
}

#[test]
fn codes_are_explained_whoever_owns_them() {
    let world = FakeWorld::default();
    assert_eq!(typed(&world, "nexus explain mc0203").1, "MC0203  The shapes do not fit a matrix product.\n");
    assert!(typed(&world, "nexus explain NX0508").1.contains("nexus job wait"));
}

#[test]
fn shells_and_man_are_told_of_every_verb() {
    let world = FakeWorld::default();
    for shell in ["zsh", "bash", "fish"] {
        assert!(typed(&world, &format!("nexus completions {shell}")).1.contains("submit"), "{shell}");
    }
    assert!(typed(&world, "nexus man").1.contains("nexus"));
    assert!(typed(&world, "nexus man job result").1.contains("nexus job result"));
    assert_eq!(typed(&world, "nexus man nonsense").0, Exit::Usage);
}
