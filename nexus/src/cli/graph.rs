//! `nexus submit job.toml`: a graph of tasks, each a job of its own that waits for those that it names.
//!
//! The file is checked as a whole before anything is sent; jobs go out in an order in which each comes after those that it
//! waits for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{
    ArgumentSource, COPIES_MAX, Conditions, Execution, Input, JobId, JobSpec, Program, Resources, RetryPolicy,
    Selection, Selector, Taken, Value, encode_value,
};
use nexus_wire::{Request, Response};

use super::argument::{argument_source, duration, gpus, index_range, size};
use super::cluster::{Cluster, unexpected};
use super::error::{CliError, Exit};
use super::graph_file::{self, InputEntry, TaskTable};
use super::jobs::now_ms;
use super::language::Language;
use super::program::{NamedBytes, Source, checked, user};
use super::submit::reuse;
use super::{codes, files, submit_key};

/// Most tasks in one file.
const TASKS_MAX: usize = 1000;

/// A task whose jobs before it are still names.
#[derive(Debug)]
struct Planned {
    name: String,
    spec: JobSpec,
    files: Vec<(String, PathBuf)>,
    /// What its program brings: external modules, and the strategy that it names.
    brings: NamedBytes,
    after: Vec<String>,
    takes: Vec<(String, String, Option<String>)>,
}

/// A checked graph, in an order in which it can be submitted.
#[derive(Debug)]
pub(crate) struct Graph {
    /// For people.
    pub(crate) name: String,
    tasks: Vec<Planned>,
}

/// A task of a graph that the cluster has.
#[derive(Debug)]
pub(crate) struct SubmittedTask {
    /// Its name in the file.
    pub(crate) name: String,
    pub(crate) job: JobId,
    /// Whether it asks for what not every machine has.
    pub(crate) asks: bool,
}

impl Graph {
    /// Reads and checks the file; programs and inputs are found beside it.
    pub(crate) fn read(path: &Path, language: &impl Language) -> Result<Self, CliError> {
        let text = files::program(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let wrong =
            |message: String| CliError::new(Exit::Usage, codes::BAD_GRAPH, format!("{}: {message}", path.display()));
        let file = graph_file::read(&path.display().to_string(), &text)
            .map_err(|found| CliError::of_program(Exit::Usage, vec![*found], Some(Arc::clone(&text))))?;
        if file.task.is_empty() || file.task.len() > TASKS_MAX {
            return Err(wrong(format!("it has {} tasks; 1 to {TASKS_MAX} can be submitted", file.task.len())));
        }
        let stem = path.file_stem().map_or_else(|| "job".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let name = file.name.unwrap_or(stem);
        let mut tasks = Vec::new();
        for (task, table) in file.task {
            let planned = planned(&name, &task, table, folder, language);
            tasks.push(planned.map_err(|mut error| {
                error.message = format!("{}: task {task}: {}", path.display(), error.message);
                error
            })?);
        }
        Ok(Graph { name, tasks: in_order(tasks).map_err(wrong)? })
    }

    /// Submits every task. With a key each job has a key of its own, so that a repetition makes no second one.
    pub(crate) async fn submit(
        self,
        key: Option<&str>,
        cluster: &impl Cluster,
    ) -> Result<Vec<SubmittedTask>, CliError> {
        let mut jobs: BTreeMap<String, JobId> = BTreeMap::new();
        let mut submitted = Vec::new();
        for Planned { name, mut spec, files, brings, after, takes } in self.tasks {
            let job_of = |name: &str| jobs.get(name).copied().expect("a task comes after those that it names");
            spec.conditions.after = after.iter().map(|name| job_of(name)).collect();
            let taken = takes.into_iter().map(|(name, task, output)| Taken { name, job: job_of(&task), output });
            spec.conditions.takes = taken.collect();
            for (input, bytes) in brings {
                spec.inputs.push(Input { name: input, payload: cluster.store(bytes).await? });
            }
            for (input, file) in files {
                let value = files::input(&input, &file)?;
                let bytes = encode_value(&value).map_err(|error| {
                    CliError::new(Exit::Usage, codes::BAD_INPUT, format!("the input `{input}`: {error}"))
                })?;
                spec.inputs.push(Input { name: input, payload: cluster.store(bytes).await? });
            }
            let key = key.map(|key| format!("{key}/{name}"));
            let asks = spec.resources != Resources::default() || !spec.selection.is_none();
            let (is_keyed, title, range) = (key.is_some(), spec.name.clone(), spec.tasks);
            let asked = cluster.request(Request::SubmitJob { spec: Box::new(spec), key }).await;
            let Response::Submitted(job) = asked.map_err(|refusal| submit_key::not_submitted(refusal, is_keyed))?
            else {
                return Err(unexpected());
            };
            if is_keyed {
                submit_key::held_by(job, &title, range, cluster).await?;
            }
            jobs.insert(name.clone(), job);
            submitted.push(SubmittedTask { name, job, asks });
        }
        Ok(submitted)
    }
}

/// An argument of a task, which may be an array, or what is wrong with it.
fn argument_of(value: &toml::Value, is_array: bool, language: &impl Language) -> Result<ArgumentSource, String> {
    let source = match value {
        toml::Value::String(text) => argument_source(text, |text| language.argument(text)),
        other => argument_value(other).map(ArgumentSource::Value),
    };
    match source {
        Ok(ArgumentSource::Value(value)) => Ok(ArgumentSource::Value(value)),
        Ok(_) if !is_array => Err("is a sweep, which needs an array, like array = \"0..10\"".to_owned()),
        Ok(sweep) => Ok(sweep),
        Err(reason) => Err(format!("is not right: {reason}")),
    }
}

fn planned(
    graph: &str,
    name: &str,
    table: TaskTable,
    folder: &Path,
    language: &impl Language,
) -> Result<Planned, CliError> {
    let wrong = |message: String| CliError::new(Exit::Usage, codes::BAD_GRAPH, message);
    let (mut brings, mut calls_modules) = (NamedBytes::new(), false);
    let program = match (&table.program, table.command.is_empty()) {
        (Some(file), true) => {
            let carried = Source::read(&folder.join(file))?.carried(language)?;
            (calls_modules, brings) = (carried.calls_modules(), carried.brings);
            carried.program
        }
        (None, false) => Program::Command {
            argv: table.command.clone(),
            env: table.env.clone().into_iter().collect(),
            cwd: table.cwd.clone(),
        },
        _ => return Err(wrong("name a `program` or a `command`, one of them".to_owned())),
    };
    fits(&table).map_err(wrong)?;
    let mut spec = JobSpec::single(format!("{graph}/{name}"), program);
    if let Some(array) = &table.array {
        spec.tasks = index_range(array).map_err(|reason| wrong(format!("array = \"{array}\": {reason}")))?;
        spec.is_array = true;
    }
    for (argument, value) in &table.args {
        let source = argument_of(value, table.array.is_some(), language);
        let source = source.map_err(|reason| wrong(format!("the argument `{argument}` {reason}")))?;
        spec.arguments.push((argument.clone(), source));
    }
    let time = |key: &str, text: &Option<String>| -> Result<Option<Duration>, CliError> {
        let read = |text: &String| duration(text).map_err(|reason| wrong(format!("{key} = \"{text}\": {reason}")));
        text.as_ref().map(read).transpose()
    };
    (spec.resources, spec.selection) = asked(&table).map_err(wrong)?;
    (spec.user, spec.seed, spec.priority) = (user(), table.seed.unwrap_or(0), table.priority);
    spec.execution = table.jit.map(Execution::at);
    spec.reuse = reuse(&spec.program, calls_modules, table.reuse, table.pure)
        .map_err(|message| wrong(format!("reuse = true: {message} (pure = true)")))?;
    spec.timeout = time("timeout", &table.timeout)?;
    if let Some(retries) = table.retries {
        spec.retry = RetryPolicy { max_attempts: retries.saturating_add(1) };
    }
    let at = |time: Option<Duration>| time.map(|time| now_ms().saturating_add(time.as_millis() as u64));
    spec.conditions = Conditions {
        not_before_ms: at(time("delay", &table.delay)?),
        deadline_ms: at(time("deadline", &table.deadline)?),
        backoff: time("backoff", &table.backoff)?.unwrap_or_default(),
        retry_failures: table.retries.is_some(),
        ..Conditions::default()
    };
    let (mut files, mut takes) = (Vec::new(), Vec::new());
    for (input, entry) in table.inputs {
        match entry {
            InputEntry::File(file) => files.push((input, folder.join(file))),
            InputEntry::Task { task, output } => takes.push((input, task, output)),
        }
    }
    Ok(Planned { name: name.to_owned(), spec: checked(spec)?, files, brings, after: table.after, takes })
}

/// Refuses what a task would pass over: what describes a program beside a command, and the other way round.
fn fits(table: &TaskTable) -> Result<(), String> {
    let (what, unfit) = match table.command.is_empty() {
        false => {
            let given = [
                ("args", !table.args.is_empty()),
                ("inputs", !table.inputs.is_empty()),
                ("seed", table.seed.is_some()),
                ("jit", table.jit.is_some()),
            ];
            ("a command takes", given.to_vec())
        }
        true => {
            let given = [("env", !table.env.is_empty()), ("cwd", table.cwd.is_some())];
            ("a program takes", given.to_vec())
        }
    };
    let unfit: Vec<String> =
        unfit.into_iter().filter(|(_, given)| *given).map(|(key, _)| format!("no `{key}`")).collect();
    match (unfit.is_empty(), table.command.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(format!("{what} {}: leave it out", unfit.join(", "))),
        (false, false) => {
            Err(format!("{what} {}: write it into the command, or as env = {{ NAME = \"value\" }}", unfit.join(", ")))
        }
    }
}

/// What a task asks of the machines that it runs on.
fn asked(table: &TaskTable) -> Result<(Resources, Selection), String> {
    let memory = |text: &String| size(text).map_err(|reason| format!("memory = \"{text}\": {reason}"));
    let gpu = |number: f64| gpus(&number.to_string()).map_err(|reason| format!("gpu = {number}: {reason}"));
    let selectors = |key: &str, texts: &[String]| {
        let read = |text: &String| text.parse::<Selector>().map_err(|reason| format!("{key} = \"{text}\": {reason}"));
        texts.iter().map(read).collect::<Result<_, _>>()
    };
    let resources = Resources {
        cpus: table.cpus.unwrap_or(1),
        memory_bytes: table.memory.as_ref().map(memory).transpose()?.unwrap_or(0),
        gpu_milli: table.gpu.map(gpu).transpose()?.unwrap_or(0),
    };
    let (require, prefer) = (selectors("require", &table.require)?, selectors("prefer", &table.prefer)?);
    let copies = table.copies.unwrap_or(1);
    if !(1..=COPIES_MAX).contains(&copies) {
        return Err(format!("copies = {copies}: 1 to {COPIES_MAX} copies can be asked for"));
    }
    Ok((resources, Selection { require, prefer, copies }))
}

/// Numbers, truth values and lists of them.
fn argument_value(value: &toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::Integer(n) => Ok(Value::Int(*n)),
        toml::Value::Float(x) => Ok(Value::Scalar(*x)),
        toml::Value::Boolean(b) => Ok(Value::Bool(*b)),
        toml::Value::String(text) => Ok(Value::String(text.clone())),
        toml::Value::Array(values) => Ok(Value::List(values.iter().map(argument_value).collect::<Result<_, _>>()?)),
        toml::Value::Table(_) | toml::Value::Datetime(_) => Err("write a number, true, a text or a list".to_owned()),
    }
}

/// Each task after those that it names (Kahn's algorithm, by name where the order is free).
fn in_order(tasks: Vec<Planned>) -> Result<Vec<Planned>, String> {
    let mut left: BTreeMap<String, Planned> = tasks.into_iter().map(|task| (task.name.clone(), task)).collect();
    let others = |task: &Planned| -> Vec<String> {
        let taken = task.takes.iter().map(|(_, other, _)| other);
        task.after.iter().chain(taken).cloned().collect()
    };
    for task in left.values() {
        if let Some(unknown) = others(task).into_iter().find(|other| !left.contains_key(other)) {
            return Err(format!("task {}: there is no task `{unknown}`", task.name));
        }
    }
    let mut order: Vec<Planned> = Vec::new();
    while !left.is_empty() {
        let free = left.iter().find(|(_, task)| others(task).iter().all(|other| !left.contains_key(other)));
        let Some(name) = free.map(|(name, _)| name.clone()) else {
            let names: Vec<&str> = left.keys().map(String::as_str).collect();
            return Err(format!("these tasks wait for each other: {}", names.join(", ")));
        };
        order.extend(left.remove(&name));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use nexus_actors::embedded::Bundle;

    use super::*;
    use crate::cli::fake::FakeCluster;
    use crate::cli::language::View;
    use nexus_model::Diagnostic;

    struct Plain;

    impl Language for Plain {
        fn check(&self, _: &str, _: &str, _: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
            Ok(Vec::new())
        }

        fn argument(&self, text: &str) -> Value {
            Value::String(text.to_owned())
        }

        fn intermediate(&self, _: &str, _: &str, _: Option<&Path>, _: View) -> Result<String, Vec<Diagnostic>> {
            Ok(String::new())
        }

        fn native(&self, _: &str, _: &str, _: &Path, _: Vec<(String, Value)>) -> Result<String, Vec<Diagnostic>> {
            Ok(String::new())
        }

        fn outline(
            &self,
            file: &str,
            _: &str,
            _: Option<&Path>,
            _: Option<&[(String, Value)]>,
        ) -> Result<nexus_mcode::Outline, Vec<Diagnostic>> {
            let compilation = nexus_mcode::compile(file, "1\n");
            compilation.program.map(|program| nexus_mcode::outline(&program)).ok_or(compilation.diagnostics)
        }

        fn tree(&self, _: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
            Ok(source.to_owned())
        }

        fn formatted(&self, source: &str) -> Result<String, Vec<Diagnostic>> {
            Ok(source.to_owned())
        }

        fn bundled(&self, _: &str, source: &str, _: &Path) -> Result<Bundle, Vec<Diagnostic>> {
            Ok(Bundle { text: source.to_owned(), brings: Vec::new() })
        }

        fn inspect(&self, _: &str, _: &str, _: Option<&Path>) -> nexus_mcode::Inspection {
            nexus_mcode::Inspection::default()
        }

        fn library(&self) -> Vec<nexus_mcode::LibraryEntry> {
            Vec::new()
        }
    }

    fn read(text: &str) -> Result<Graph, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipeline.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("fit.mcode"), "return 1").unwrap();
        Graph::read(&path, &Plain).map_err(|error| error.message)
    }

    #[test]
    fn tasks_go_out_after_those_that_they_name() {
        let graph = read(
            "[task.a]\nprogram = \"fit.mcode\"\nafter = [\"z\"]\ninputs.m = { task = \"fit\", output = \"model\" }\n\
             [task.fit]\nprogram = \"fit.mcode\"\nargs = { n = 3, lr = \"log:1e-4..1e-1\" }\narray = \"0..4\"\n\
             retries = 2\nbackoff = \"1s\"\n[task.z]\ncommand = [\"true\"]\n",
        )
        .unwrap();
        let names: Vec<&str> = graph.tasks.iter().map(|task| task.name.as_str()).collect();
        assert_eq!((graph.name.as_str(), names), ("pipeline", vec!["fit", "z", "a"]));
        let fit = &graph.tasks[0].spec;
        assert_eq!((fit.retry.max_attempts, fit.conditions.retry_failures, fit.tasks.len()), (3, true, 4));
        let cluster = FakeCluster::default();
        let jobs = graph.submit(Some("k"), &cluster);
        let jobs = futures::executor::block_on(jobs).map_err(|_| ()).unwrap();
        assert_eq!(jobs.iter().map(|task| task.job.0).collect::<Vec<_>>(), vec![1, 2, 3]);
        let asked = cluster.asked();
        let asked: Vec<_> = asked.iter().filter(|asked| matches!(asked, Request::SubmitJob { .. })).collect();
        let Request::SubmitJob { spec, key } = asked[2] else { panic!("{asked:?}") };
        assert_eq!((spec.conditions.after.clone(), key.as_deref()), (vec![JobId(2)], Some("k/a")));
        let taken = Taken { name: "m".into(), job: JobId(1), output: Some("model".into()) };
        assert_eq!(spec.conditions.takes, vec![taken]);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_sent() {
        for (text, said) in [
            ("", "it has no tasks"),
            ("[task.a]\n", "name a `program` or a `command`"),
            ("[task.a]\ncommand = [\"x\"]\ncolour = 1\n", "task a: there is no `colour`"),
            ("[task.a]\ncommand = [\"x\"]\nafter = [\"b\"]\n", "task a: there is no task `b`"),
            (
                "[task.a]\ncommand = [\"x\"]\nafter = [\"b\"]\n[task.b]\ncommand = [\"x\"]\nafter = [\"a\"]\n",
                "wait for each other: a, b",
            ),
            ("[task.a]\ncommand = [\"x\"]\ntimeout = \"soon\"\n", "timeout = \"soon\": write a number with"),
            ("[task.a]\ncommand = [\"x\"]\ngpu = 1.5\n", "gpu = 1.5: write a part of one"),
            ("[task.a]\ncommand = [\"x\"]\nrequire = [\"home\"]\n", "require = \"home\": write it like zone=home"),
            ("[task.a]\nprogram = \"none.mcode\"\n", "none.mcode"),
            (
                "[task.a]\ncommand = [\"x\"]\nargs = { n = 3 }\nseed = 0\n",
                "task a: a command takes no `args`, no `seed`: write it into the command",
            ),
            ("[task.a]\nprogram = \"fit.mcode\"\ncwd = \"/data\"\n", "a program takes no `cwd`"),
        ] {
            let error = read(text).err().unwrap_or_else(|| panic!("{text} was accepted"));
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
