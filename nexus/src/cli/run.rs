//! `nexus run`: a program, here and now, without a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nexus_actors::{Optimize, ProfileSink};
use nexus_formats::json::JsonValue;
use nexus_model::{DeviceInfo, JitLevel, JobSpec, Outcome, Payload};
use nexus_optimizer::{Choice, OptimizerConfig, Reason};
use nexus_wire::{JobView, Refusal, TaskView};

use super::argument::OutputBinding;
use super::codes;
use super::error::{CliError, Exit};
use super::files;
use super::job_result::{entries_of, shown_tasks};
use super::language::Language;
use super::profile::{self, ProfileRequest};
use super::program::{Place, ProgramFlags, Source, checked};
use super::result::{TaskResult, failure_error, header, job_error, save, show, task_error};
use super::wait::Progress;
use crate::output::json::{Named, NodeNames, RunArrayDocument, RunDocument, document, ms};
use crate::output::{Console, diagnostic, human, units};

/// Run a program on this machine, without a node.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus run examples/pca.mcode
  nexus run price.mcode --arg paths=1000000 --seed 7 --json
  nexus run fit.mcode --input x=data.csv --output weights=weights.npy
  nexus run sweep.mcode --array 0..100 --arg rate=log:1e-3..1
  nexus run pca.mcode --optimize                     learn how it runs fastest")]
pub(crate) struct RunArgs {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    program: ProgramFlags,
    /// Write an output (or the result, where no name is given) to a file: .npy, .npz, .safetensors, .csv, .json or .png
    #[arg(long, short = 'o', value_name = "[NAME=]PATH")]
    output: Vec<OutputBinding>,
    /// Run it under the strategy that was learned to be the fastest, or under this one, and learn from the run
    #[arg(long, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    optimize: Option<String>,
    /// Show what the run spent its time on: text, json, folded (stacks), svg (a flame graph) or trace (for Chrome and
    /// Perfetto); the latter four go to stdout, or with FORMAT=FILE to a file
    #[arg(long, value_name = "FORMAT[=FILE]", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    profile: Option<ProfileRequest>,
    /// Stop at the first operation on tensors that makes NaN or infinity of finite numbers, and name it
    #[arg(long)]
    check_finite: bool,
    /// Tasks at once, for an array; one for each core where absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    slots: Option<u32>,
}

/// Turns true when the user interrupts.
pub(crate) type Interrupted = tokio::sync::watch::Receiver<bool>;

/// What a run needs beside its specification.
pub(crate) struct RunOptions {
    /// Encoded values of the inputs, by name.
    pub(crate) inputs: Vec<(String, Vec<u8>)>,
    /// Tasks at once.
    pub(crate) slots: Option<u32>,
    /// The program may read below this folder.
    pub(crate) files_root: PathBuf,
    /// Takes what the program prints.
    pub(crate) print: Box<dyn FnMut(&str) + Send>,
    /// Hears how the job moves.
    pub(crate) progress: Box<dyn FnMut(&JobView)>,
    /// Which programs run as the optimiser chooses.
    pub(crate) optimize: Optimize,
    /// How the optimiser is set, with the file of what was learned; none where it is not needed.
    pub(crate) learned: Option<OptimizerConfig>,
    /// Gets profiles, where they are wanted.
    pub(crate) profiles: Option<ProfileSink>,
    /// The program stops at the first operation that makes NaN or infinity of finite numbers.
    pub(crate) check_finite: bool,
}

/// Gives the bytes behind a payload.
pub(crate) type Load = Box<dyn Fn(&Payload) -> Result<Vec<u8>, Refusal>>;

/// A run that has ended, well or not.
pub(crate) struct Finished {
    /// The job.
    pub(crate) job: JobView,
    /// Its tasks in order.
    pub(crate) tasks: Vec<TaskView>,
    /// The bytes behind a payload.
    pub(crate) load: Load,
    /// The devices that there were.
    pub(crate) devices: Vec<DeviceInfo>,
    /// What the optimiser chose last, where it was asked.
    pub(crate) choice: Option<Box<Choice>>,
    /// What there is to say about the optimiser's file.
    pub(crate) warning: Option<String>,
}

/// The whole runtime in this process.
pub(crate) trait Runtime {
    /// Runs one job to its end.
    fn run(&self, spec: JobSpec, options: RunOptions, interrupted: Interrupted) -> Result<Finished, CliError>;
}

/// Runs the verb.
pub(crate) fn run(
    args: &RunArgs,
    settings: impl FnOnce() -> Result<OptimizerConfig, CliError>,
    world: &(impl Runtime + Language),
    console: &mut Console,
    interrupted: Interrupted,
) -> Result<(), CliError> {
    for binding in &args.output {
        files::check_output(Path::new(&binding.path))?;
    }
    args.profile.iter().try_for_each(|request| request.check(console))?;
    refuse_two_choices(args)?;
    let source = Source::read(&args.file)?;
    let invalid = |found| CliError::of_program(Exit::ProgramFailed, found, Some(source.text.clone()));
    for warning in world.check(&source.file(), &source.text, Some(source.folder())).map_err(invalid)? {
        console.say_raw(&diagnostic::drawn(&warning, Some(&source.text)));
    }
    let spec = args.program.spec(source.name(), source.program(), console, |text| world.argument(text))?;
    let mut progress = Progress::new(console, NodeNames::default());
    let optimize = match args.optimize.as_deref() {
        None => Optimize::OnRequest,
        Some("") => Optimize::Always,
        Some(strategy) => Optimize::Named(strategy.to_owned()),
    };
    // Settings that nobody needs may be wrong.
    let wants = optimize != Optimize::OnRequest || nexus_mcode::mentions_attribute(&source.text, "optimize");
    let learned = if wants { Some(settings()?) } else { None };
    let profiles = ProfileRequest::sink(args.profile.as_ref(), &source.text);
    let options = RunOptions {
        profiles: profiles.clone(),
        check_finite: args.check_finite,
        optimize,
        learned,
        inputs: args.program.read_inputs()?,
        slots: args.slots,
        files_root: source.folder().to_owned(),
        print: Box::new(console.printer()),
        progress: Box::new(move |job| {
            progress.show(job);
            if job.state.is_final() {
                progress.clear();
            }
        }),
    };
    let was_left = interrupted.clone();
    let finished = world.run(checked(spec)?, options, interrupted)?;
    if let Some(warning) = &finished.warning {
        console.say(&format!("warning: {warning}"));
    }
    if let Some(choice) = &finished.choice {
        console.say(&chosen(choice));
    }
    say_warnings(&finished, console)?;
    let ended = if finished.job.is_array {
        array(args, &source, finished, console)
    } else {
        single(args, &source, finished, console)
    };
    // Nothing else ends a run from outside, and it is no job of a cluster.
    let ended = match ended {
        Err(error) if error.code == codes::JOB_CANCELLED && *was_left.borrow() => {
            Err(CliError::new(Exit::Cancelled, codes::INTERRUPTED, "interrupted"))
        }
        ended => ended,
    };
    match &profiles {
        Some(profiles) => ended.and(profile::show(args.profile.as_ref(), profiles, &source.name(), console)),
        None => ended,
    }
}

/// Says what the runtime and the operations had to say of the tasks, which is what stands in their stderr, each line once.
fn say_warnings(finished: &Finished, console: &mut Console) -> Result<(), CliError> {
    let mut said = std::collections::BTreeSet::new();
    for payload in finished.tasks.iter().filter_map(|task| task.cost.as_ref()?.stderr.as_ref()) {
        let text = String::from_utf8_lossy(&(finished.load)(payload)?).into_owned();
        for line in text.lines() {
            if said.insert(line.to_owned()) {
                console.say(line);
            }
        }
    }
    Ok(())
}

/// What a strategy decides cannot be asked for beside it: one of the two would silently not count.
fn refuse_two_choices(args: &RunArgs) -> Result<(), CliError> {
    let asked = match (&args.optimize, args.program.jit, args.program.device) {
        (None, Some(JitLevel::Optimised | JitLevel::Native), _) if args.check_finite => {
            let message = "--check-finite runs operations one at a time, which is --jit 0";
            return Err(CliError::new(Exit::Usage, codes::USAGE, message.to_owned()).with_help("leave out --jit"));
        }
        (None, _, _) => return Ok(()),
        (Some(_), _, _) if args.check_finite => "--check-finite",
        (Some(_), Some(_), _) => "--jit",
        (Some(_), None, Place::Gpu) => "--device gpu",
        (Some(_), None, Place::Auto | Place::Cpu | Place::Ane) => return Ok(()),
    };
    let message = format!("{asked} and --optimize both say how the program is run");
    Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(format!(
        "leave out {asked} to let the strategy decide, or --optimize to decide yourself; `--device cpu` goes with \
         --optimize and keeps to the processor"
    )))
}

/// `strategy math_intensive: it is the best known (12 runs, 3.1 ms predicted)`.
fn chosen(choice: &Choice) -> String {
    if choice.reason == Reason::Disabled {
        // It ran as without --optimize, which is none of the strategies.
        return format!("no strategy: {} (`optimizer.enabled`)", choice.reason);
    }
    let seen = match choice.prediction() {
        Some(p) if p.runs > 0 => {
            format!(
                " ({} seen, {} predicted)",
                units::count(p.runs, "run"),
                units::duration(Duration::try_from_secs_f64(p.median_s).unwrap_or_default())
            )
        }
        _ => String::new(),
    };
    format!("strategy {}: {}{seen}", choice.strategy.strategy_id, choice.reason)
}

fn single(args: &RunArgs, source: &Source, finished: Finished, console: &mut Console) -> Result<(), CliError> {
    let Finished { job, tasks, load, devices, .. } = finished;
    let Some(view) = tasks.into_iter().next() else { return Err(super::cluster::unexpected()) };
    let task = TaskResult::loaded(view, &load)?;
    let Some(result) = &task.result else { return Err(task_error(&task, &job, Some(source.text.clone()))) };
    let (device, time) = used(&task.view);
    if console.is_json() {
        console.answer(&document(&RunDocument {
            result: JsonValue(result),
            outputs: Named(&task.outputs),
            device,
            time_ms: ms(time),
        }));
    } else {
        console.say(&header(&source.name(), &place(device, &devices), Some(time)));
        show(console, result, &task.outputs, &args.output);
    }
    save(console, &args.output, result, &task.outputs)
}

/// Why the run failed, where it did.
pub(crate) fn fail_of(finished: &Finished, source: &Source) -> Result<(), CliError> {
    let Finished { job, tasks, load, .. } = finished;
    let failed = tasks.iter().find(|task| !matches!(task.outcome, Some(Outcome::Succeeded(_))));
    let Some(view) = failed else { return Ok(()) };
    let task = TaskResult::loaded(view.clone(), load)?;
    Err(task_error(&task, job, Some(source.text.clone())))
}

fn array(args: &RunArgs, source: &Source, finished: Finished, console: &mut Console) -> Result<(), CliError> {
    let Finished { job, tasks, load, devices, .. } = finished;
    let tasks = tasks.into_iter().map(|view| TaskResult::loaded(view, &load)).collect::<Result<Vec<_>, _>>()?;
    let time = match (job.started_at_ms, job.finished_at_ms) {
        (Some(start), Some(end)) => Duration::from_millis(end.saturating_sub(start)),
        _ => Duration::ZERO,
    };
    let device = tasks.first().map_or("", |task| used(&task.view).0);
    if console.is_json() {
        let names = NodeNames::default();
        let tasks = tasks.iter().map(|task| task.document(&names)).collect();
        console.answer(&document(&RunArrayDocument { state: job.state.name(), tasks, device, time_ms: ms(time) }));
    } else {
        console.say(&header(&source.name(), &place(device, &devices), Some(time)));
        console.answer(&human::array(job.tasks.len(), &entries_of(shown_tasks(&tasks))));
    }
    let failed = tasks.iter().find(|task| matches!(task.view.outcome, Some(Outcome::Failed(_))));
    if let Some(error) = job_error(&job) {
        // The tasks are gone with this process: nothing can be looked up later.
        let error = CliError { help: None, ..error };
        if console.is_json() {
            return Err(error.told());
        }
        if let Some(failure) = failed.and_then(TaskResult::failure) {
            failure_error(failure, Some(source.text.clone())).show(console);
        }
        return Err(error);
    }
    let (results, outputs) = super::job_result::columns(tasks)?;
    save(console, &args.output, &results, &outputs)
}

/// The device that did the work and the time that it took.
fn used(task: &TaskView) -> (&str, Duration) {
    task.cost.as_ref().map_or(("", Duration::ZERO), |cost| (cost.device.as_str(), cost.wall))
}

/// `cpu (2 threads, avx512)`, `gpu NVIDIA H100 80GB HBM3 (vulkan)`.
pub(crate) fn place(device: &str, devices: &[DeviceInfo]) -> String {
    match devices.iter().find(|info| info.kind.name() == device).map(|info| info.name.as_str()) {
        None | Some("") => device.to_owned(),
        Some(name) if name.contains('(') => format!("{device} {name}"),
        Some(name) => format!("{device} ({name})"),
    }
}
