//! `nexus submit`: hands a program or a command to the cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use nexus_model::{
    COPIES_MAX, Conditions, Cron, Input, JobId, JobSpec, LimitLevel, Limits, Program, Recurrence, Resources,
    RetryPolicy, Reuse, Selection, Selector, Taken,
};
use nexus_wire::{Request, Response};
use tokio::sync::watch;

use super::argument::{Binding, duration, gpus, size, utc_offset};
use super::cluster::{self, Cluster, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use super::graph::{Graph, SubmittedTask};
use super::job_result::show_result;
use super::jobs::now_ms;
use super::language::Language;
use super::program::{NamedBytes, ProgramFlags, Source, checked};
use super::submit_options::{Typed, Work};
use super::wait::{Style, Waited, detached, unless_interrupted, until_ended};
use super::{schedule, submit_key};
use crate::health;
use crate::output::json::{GraphDocument, SubmittedDocument, document};
use crate::output::paint::{NAME, WARNING, one_line, paint};
use crate::output::{Console, diagnostic, units};

/// Submit a program, a graph of tasks (.toml), or any command after `--`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("work").required(true).args(["file", "command"]), after_help = "\
Examples:
  nexus submit train.mcode --arg epochs=10 --wait
  nexus submit sweep.mcode --array 0..400 --arg lr=log:1e-4..1e-1 --follow
  nexus submit train.mcode --gpu 0.5 --require zone=home --prefer node=studio
  nexus submit --cpus 4 --timeout 1h --env MODE=fast -- ./simulate --steps 1000
  nexus submit fit.mcode --after 17 --take data=17 --deadline 2h
  nexus submit pipeline.toml --wait
  nexus submit sweep.mcode --array 0..800 --reuse --wait
  nexus submit nightly.mcode --key nightly-2026-11-21
  nexus submit nightly.mcode --schedule \"0 3 * * mon-fri\" --utc-offset +01:00")]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    typed: Typed,
    /// The program, or the .toml file of a graph of tasks
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A command with its arguments, after `--`
    #[arg(last = true, value_name = "PROGRAM ARG")]
    command: Vec<String>,
    #[command(flatten)]
    program: ProgramFlags,
    /// Name for people; the file's or the command's where absent
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Larger runs first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Attempts in all; only failures that may end differently are tried again
    #[arg(long, value_name = "N", conflicts_with = "retries")]
    max_attempts: Option<u32>,
    /// Attempts after the first, whatever a task failed of; one that ran into its --timeout is not tried again
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    retries: Option<u32>,
    /// Pause before the second attempt; doubled for each further one
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    backoff: Option<Duration>,
    /// Begin when this job has succeeded, like 17; can be given several times
    #[arg(long, value_name = "JOB")]
    after: Vec<JobId>,
    /// Give the program the result of a job as an input, like x=17, or one of its outputs, like x=17:model
    #[arg(long, value_name = "NAME=JOB")]
    take: Vec<Binding>,
    /// Begin after this time at the earliest
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    delay: Option<Duration>,
    /// End as timed out what has not ended after this time, counted from now
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    deadline: Option<Duration>,
    /// Submit it at these times, again and again: minute, hour, day of the month, month, day of the week, like "0 3 * * *",
    /// or @hourly, @daily, @weekly, @monthly. A time is left out while the job before has not ended
    #[arg(long, value_name = "TIMES", conflicts_with_all = ["wait", "follow", "key", "after", "take"])]
    schedule: Option<Cron>,
    /// How far the clock that --schedule means is from UTC, like +01:00
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", value_parser = utc_offset, requires = "schedule", allow_hyphen_values = true)]
    utc_offset: i16,
    /// Longest time of one attempt, like 10s or 1.5h
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// How much a program may use: low (60 s, 1 GiB) to maximum (5 s, 50 MiB) strictness
    #[arg(long, value_name = "LEVEL", value_parser = level())]
    limits: Option<LimitLevel>,
    /// Submit once: the same submission with the same key again answers with the first one's job; another one is refused
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Task slots that a task takes (one slot is one core)
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    cpus: u32,
    /// Memory that a task takes, like 512MiB
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory: Option<u64>,
    /// Graphics processors that a task takes: a part of one, like 0.5, which others may share, or whole ones
    #[arg(long, value_name = "N", value_parser = gpus, allow_negative_numbers = true)]
    gpu: Option<u32>,
    /// Run only where this label is, like zone=home, os=macos or node!=air; all that are given must hold
    #[arg(long, value_name = "LABEL=VALUE")]
    require: Vec<Selector>,
    /// Run rather where this label is, while there is room
    #[arg(long, value_name = "LABEL=VALUE")]
    prefer: Vec<Selector>,
    /// Disks on which each result above 64 KiB must lie before its task counts as ended; tasks wait while fewer nodes are up
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(COPIES_MAX)))]
    copies: u32,
    /// Take the results of earlier jobs that did the same work (program, arguments, inputs, seed) instead of running again
    #[arg(long)]
    reuse: bool,
    /// Say that the command, or the external modules of the program, are pure, as --reuse needs: the result depends on nothing
    /// but what is given
    #[arg(long, requires = "reuse")]
    pure: bool,
    /// Set an environment variable of the command
    #[arg(long, value_name = "NAME=VALUE", requires = "command")]
    env: Vec<Binding>,
    /// Run the command in this folder of the node; in a fresh one where absent
    #[arg(long, value_name = "FOLDER", requires = "command")]
    cwd: Option<String>,
    /// Wait until the job has ended and print its result; Ctrl-C leaves it running
    #[arg(long, short = 'w')]
    wait: bool,
    /// Wait, and say what happens; with --json one line for each change
    #[arg(long, short = 'f')]
    follow: bool,
}

/// A key that tells submissions apart; an empty one, as of a script's variable that is not set, would be one for all of them.
fn key(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("a key has at least one character: without --key each submission is a job of its own".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// A name that people see in the list of jobs.
fn name(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("a name has at least one character; without --name it is that of the program".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn level() -> impl TypedValueParser<Value = LimitLevel> {
    PossibleValuesParser::new(LimitLevel::ALL.map(LimitLevel::name)).map(|name| {
        LimitLevel::ALL.into_iter().find(|level| level.name() == name).expect("only names of levels are accepted")
    })
}

/// Runs the verb.
pub(crate) async fn submit(
    args: &SubmitArgs,
    cluster: &impl Cluster,
    language: &impl Language,
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    if let Some(file) = args.file.as_ref().filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
        args.typed.check(Work::Graph, Some(file))?;
        return submit_graph(file, args, cluster, language, console, interrupted).await;
    }
    let work = if args.file.is_some() { Work::Program } else { Work::Command };
    args.typed.check(work, args.file.as_deref())?;
    let (mut spec, brings) = spec(args, language, console)?;
    for (name, bytes) in args.program.read_inputs()?.into_iter().chain(brings) {
        let stored = unless_interrupted(cluster.store(bytes), interrupted).await;
        let payload = stored.ok_or_else(|| submit_key::interrupted_before("nothing was submitted"))??;
        spec.inputs.push(Input { name, payload });
    }
    let spec = Box::new(checked(spec)?);
    if let Some(cron) = &args.schedule {
        let recurrence = Recurrence { cron: cron.to_string(), utc_offset_minutes: args.utc_offset };
        return schedule::create(spec, recurrence, cluster, console).await;
    }
    let (name, tasks) = (spec.name.clone(), spec.tasks);
    let asks = spec.resources != Resources::default() || !spec.selection.is_none();
    let asking = cluster.request(Request::SubmitJob { spec, key: args.key.clone() });
    let asked = unless_interrupted(asking, interrupted).await;
    let asked = asked.ok_or_else(|| submit_key::interrupted(args.key.is_some()))?;
    let Response::Submitted(job) = asked.map_err(|refusal| submit_key::not_submitted(refusal, args.key.is_some()))?
    else {
        return Err(unexpected());
    };
    if args.key.is_some() {
        submit_key::held_by(job, &name, tasks, cluster).await?;
    }
    let tasks = tasks.len();
    if asks {
        say_unmet(job, cluster, console).await;
    }
    say_stopped(cluster, console).await;
    if args.wait || args.follow {
        let style = if args.follow { Style::Follow } else { Style::Quiet };
        console.say(&submitted(job, &name, tasks));
        let names = cluster::names(cluster).await;
        return match until_ended(cluster, job, console, style, &names, interrupted).await? {
            Waited::Ended(view) => show_result(&view, cluster, console, &names).await,
            Waited::Detached if console.is_json() && !args.follow => {
                console.answer(&document(&SubmittedDocument { job: job.0, name: &name, tasks }));
                Err(detached())
            }
            Waited::Detached => Err(detached()),
        };
    }
    if console.is_json() {
        console.answer(&document(&SubmittedDocument { job: job.0, name: &name, tasks }));
    } else {
        console.answer(&format!("{}\n", submitted(job, &name, tasks)));
    }
    Ok(())
}

/// Says what a job asks for that no machine of the cluster has: it waits until one joins, which may never be.
async fn say_unmet(job: JobId, cluster: &impl Cluster, console: &mut Console) {
    // A courtesy: what was accepted is accepted, also by a cluster of an earlier version.
    let Ok(Response::Explanation(unmet)) = cluster.request(Request::UnmetNeeds(job)).await else { return };
    for what in unmet {
        let warning = paint(WARNING, "warning");
        console.say(&format!(
            "{warning}: {what}: {job} waits until a machine joins that has it (nexus job cancel {})",
            job.0
        ));
    }
}

/// Says that all work is stopped to whoever would wait for nothing; programs that submit much see it in the status.
async fn say_stopped(cluster: &impl Cluster, console: &mut Console) {
    if console.is_json() {
        return;
    }
    if let Some(stopped) = health::read(cluster.request(health::request())).await.stopped {
        let warning = paint(WARNING, "warning");
        let by = stopped.by;
        console.say(&format!("{warning}: {by} stopped all work: it waits until somebody says `nexus cluster resume`"));
    }
}

async fn submit_graph(
    file: &Path,
    args: &SubmitArgs,
    cluster: &impl Cluster,
    language: &impl Language,
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    let graph = Graph::read(file, language)?;
    let name = graph.name.clone();
    let submitted = unless_interrupted(graph.submit(args.key.as_deref(), cluster), interrupted).await;
    let jobs = submitted.ok_or_else(|| submit_key::interrupted(args.key.is_some()))??;
    for task in jobs.iter().filter(|task| task.asks) {
        say_unmet(task.job, cluster, console).await;
    }
    say_stopped(cluster, console).await;
    let text = || {
        let line = |task: &SubmittedTask| {
            format!("{}  {}/{}\n", paint(NAME, &task.job.to_string()), one_line(&name), one_line(&task.name))
        };
        let lines = jobs.iter().map(line);
        lines.collect::<String>()
    };
    if !(args.wait || args.follow) {
        if console.is_json() {
            let jobs = jobs.iter().map(|task| (task.name.as_str(), task.job.0)).collect();
            console.answer(&document(&GraphDocument { name: &name, jobs }));
        } else {
            console.answer(&text());
        }
        return Ok(());
    }
    console.say(text().trim_end());
    let names = cluster::names(cluster).await;
    let style = if args.follow { Style::Follow } else { Style::Quiet };
    let mut outcome = Ok(());
    for task in jobs {
        match until_ended(cluster, task.job, console, style, &names, interrupted).await? {
            // The first failure is the one that explains the others.
            Waited::Ended(view) => outcome = outcome.and(show_result(&view, cluster, console, &names).await),
            Waited::Detached => return Err(detached()),
        }
    }
    outcome
}

fn submitted(job: JobId, name: &str, tasks: u32) -> String {
    format!("{}  {}  {}", paint(NAME, &job.to_string()), one_line(name), units::count(u64::from(tasks), "task"))
}

/// What the command line asks for, and the inputs that its job must bring beside those that are named; these are still
/// missing. A program is checked here, so that what is wrong with it is drawn with its source.
fn spec(args: &SubmitArgs, language: &impl Language, console: &mut Console) -> Result<(JobSpec, NamedBytes), CliError> {
    let (mut brings, mut calls_modules) = (Vec::new(), false);
    let (name, program) = match &args.file {
        Some(file) => {
            let source = Source::read(file)?;
            let carried = source.carried(language)?;
            for warning in &carried.warnings {
                console.say_raw(&diagnostic::drawn(warning, Some(&source.text)));
            }
            (calls_modules, brings) = (carried.calls_modules(), carried.brings);
            (source.name(), carried.program)
        }
        None => {
            let name = args.command.first().map(|program| {
                Path::new(program).file_name().map_or(program.clone(), |n| n.to_string_lossy().into_owned())
            });
            let env = args.env.iter().map(|binding| (binding.name.clone(), binding.text.clone())).collect();
            let program = Program::Command { argv: args.command.clone(), env, cwd: args.cwd.clone() };
            (name.unwrap_or_default(), program)
        }
    };
    let name = args.name.clone().unwrap_or(name);
    let mut spec = args.program.spec(name, program, console, |text| language.argument(text))?;
    spec.priority = args.priority;
    spec.timeout = args.timeout;
    let attempts = args.max_attempts.or(args.retries.map(|retries| retries.saturating_add(1)));
    // Of a job that recurs they count from each beginning.
    let now = if args.schedule.is_some() { 0 } else { now_ms() };
    let time = |time: Option<Duration>| time.map(|time| now.saturating_add(time.as_millis() as u64));
    spec.conditions = Conditions {
        after: args.after.clone(),
        takes: args.take.iter().map(taken).collect::<Result<_, _>>()?,
        not_before_ms: time(args.delay),
        deadline_ms: time(args.deadline),
        backoff: args.backoff.unwrap_or_default(),
        retry_failures: args.retries.is_some(),
    };
    spec.retry = attempts.map_or_else(RetryPolicy::default, |max_attempts| RetryPolicy { max_attempts });
    // Without a level the cluster decides: nothing is metered for its owner, strangers get the level of its settings.
    spec.limits = args.limits.map_or_else(Limits::local, Limits::level);
    spec.resources =
        Resources { cpus: args.cpus, memory_bytes: args.memory.unwrap_or(0), gpu_milli: args.gpu.unwrap_or(0) };
    spec.selection = Selection { require: args.require.clone(), prefer: args.prefer.clone(), copies: args.copies };
    spec.reuse = reuse(&spec.program, calls_modules, args.reuse, args.pure).map_err(|message| {
        CliError::new(Exit::Usage, codes::USAGE, message).with_help("add --pure, or leave --reuse out")
    })?;
    Ok((spec, brings))
}

/// Whether results of earlier jobs may be taken. Programs on the nodes of a cluster are pure, unless they call external
/// modules; of those, and of a command, somebody must say so.
pub(super) fn reuse(program: &Program, calls_modules: bool, is_asked: bool, is_pure: bool) -> Result<Reuse, String> {
    match (program, is_asked, is_pure) {
        (_, false, _) => Ok(Reuse::Never),
        (_, true, true) => Ok(Reuse::Allowed),
        (Program::MCode { .. }, true, false) if !calls_modules => Ok(Reuse::Allowed),
        (Program::MCode { .. }, true, false) => {
            Err("an external module may depend on files, the network or the time: the result \
             of what calls it is taken again only where you say that it is pure"
                .to_owned())
        }
        (Program::Command { .. }, true, false) => {
            Err("a command may depend on files, the network or the time: its result is \
             taken again only where you say that it is pure"
                .to_owned())
        }
    }
}

/// `x=17` or `x=17:model`.
fn taken(binding: &Binding) -> Result<Taken, CliError> {
    let (job, output) = match binding.text.split_once(':') {
        Some((job, output)) => (job, Some(output.to_owned())),
        None => (binding.text.as_str(), None),
    };
    let job = job.parse().map_err(|_| {
        let message = format!(
            "--take {}={}: write a job like x=17, or an output of it like x=17:model",
            binding.name, binding.text
        );
        CliError::new(Exit::Usage, codes::USAGE, message)
    })?;
    Ok(Taken { name: binding.name.clone(), job, output })
}
