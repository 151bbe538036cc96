//! `nexus optimizer`: what was learned of how programs run fastest here, for people to look at, keep and correct.
//!
//! It works on the file in the data directory, which a node and `nexus run --optimize` share; a running node takes over
//! what is changed here with its next writing.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nexus_actors::learning::{self, StateFile, StateFileError};
use nexus_model::Value;
use nexus_optimizer::{Feedback, Key, Machine, Optimizer, OptimizerConfig, Recalled, Strategy, StrategyError};

use super::argument::{Binding, JobRef};
use super::error::{CliError, Exit};
use super::optimizer_bench;
use super::optimizer_shown::{self, ExplainDocument};
use super::program::Source;
use super::world::World;
use super::{codes, files};
use crate::output::Console;
use crate::output::json::document;

/// Look at, keep and correct what was learned of how programs run fastest.
#[derive(Debug, Clone, Args)]
pub(crate) struct OptimizerArgs {
    #[command(subcommand)]
    verb: OptimizerVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum OptimizerVerb {
    /// Show what is predicted and was seen of every strategy for a program
    #[command(
        after_help = "Examples:\n  nexus optimizer explain pca.mcode\n  nexus optimizer explain 17\n  nexus optimizer explain 3fa1c2"
    )]
    Explain {
        /// A program, a job like 17, or the beginning of the hash of a program's code
        #[arg(value_name = "FILE|JOB|HASH")]
        what: String,
    },
    /// Write a page with plots of what was learned
    #[command(after_help = "Example:\n  nexus optimizer report --output learned.html")]
    Report {
        /// Where the page goes
        #[arg(long, short = 'o', value_name = "FILE", default_value = "optimizer.html")]
        output: PathBuf,
    },
    /// List the strategies that there are to choose from
    #[command(after_help = "Example:\n  nexus optimizer strategies --json")]
    Strategies,
    /// Add a strategy of your own, from a file with the fields of a strategy in TOML
    #[command(after_help = optimizer_shown::REGISTER_HELP)]
    Register {
        /// The strategy
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take away a strategy that was added, with what was seen of it
    #[command(after_help = "Example:\n  nexus optimizer unregister mine")]
    Unregister {
        /// The strategy
        #[arg(value_name = "STRATEGY")]
        strategy: String,
    },
    /// Tell what a run of your own took
    #[command(after_help = "Example:\n  nexus optimizer feedback pca.mcode math_intensive --time-ms 12.5")]
    Feedback(FeedbackArgs),
    /// Write what was learned to a file
    #[command(after_help = "Example:\n  nexus optimizer save learned.json")]
    Save {
        /// Where to
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take what was learned from a file, in place of what is known here
    #[command(after_help = "Example:\n  nexus optimizer load learned.json")]
    Load {
        /// What `nexus optimizer save` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Forget everything that was learned, and the strategies that were added
    #[command(after_help = "Example:\n  nexus optimizer reset")]
    Reset,
    /// Measure what choosing saves here against `default`, beside what was claimed for it
    #[command(after_help = "Example:\n  nexus optimizer bench --json")]
    Bench,
}

#[derive(Debug, Clone, Args)]
struct FeedbackArgs {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The strategy that it ran under
    #[arg(value_name = "STRATEGY")]
    strategy: String,
    /// What the run took, in milliseconds
    #[arg(long, value_name = "MS", value_parser = milliseconds, allow_negative_numbers = true)]
    time_ms: f64,
    /// The run failed
    #[arg(long)]
    failed: bool,
    /// The arguments that it ran with
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE")]
    arguments: Vec<Binding>,
}

/// Times that a run can take: from a tenth of a microsecond to four months. One absurd time would spoil every prediction.
const RUN_MS: std::ops::RangeInclusive<f64> = 1e-4..=1e10;

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(time) if RUN_MS.contains(&time) => Ok(time),
        Ok(_) => Err(format!("a run takes from {} to {:e} milliseconds", RUN_MS.start(), RUN_MS.end())),
        Err(_) => Err("it can be a number of milliseconds, such as 12.5".to_owned()),
    }
}

/// Runs the verb.
pub(crate) fn optimizer(
    args: &OptimizerArgs,
    settings: OptimizerConfig,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let path = settings.model_path.clone().ok_or_else(super::cluster::unexpected)?;
    let mut file = StateFile::new(&path);
    let (mut known, warning) = file.load(settings.clone());
    if let Some(warning) = warning {
        console.say(&format!("warning: {warning}"));
    }
    let machine = learning::machine(&world.hardware_devices(), nexus_config::Machine::look().memory_bytes);
    match &args.verb {
        OptimizerVerb::Explain { what } => explain(what, &known, &machine, world, console),
        OptimizerVerb::Report { output } => report(output, &known, console),
        OptimizerVerb::Strategies => {
            optimizer_shown::strategies(&known, &machine, console);
            Ok(())
        }
        OptimizerVerb::Register { file: path } => {
            let wrong = |error: StrategyError| refused(&format!("{} is no strategy: {error}", path.display()));
            let strategy = Strategy::from_toml(&files::program(path)?).map_err(wrong)?;
            let id = strategy.strategy_id.clone();
            change(&mut file, &mut known, |optimizer| optimizer.register(strategy.clone()))?;
            done(&format!("`{id}` is a strategy from now on; `nexus run --optimize={id}` runs under it"), console);
            Ok(())
        }
        OptimizerVerb::Unregister { strategy } => {
            change(&mut file, &mut known, |optimizer| optimizer.unregister(strategy))?;
            done(&format!("`{strategy}` is no strategy any more"), console);
            Ok(())
        }
        OptimizerVerb::Feedback(args) => feedback(args, (&mut file, &mut known), &machine, world, console),
        OptimizerVerb::Save { file: path } => {
            files::whole(path, known.save().as_bytes())?;
            done(&format!("{} written to {}", pieces(known.known()), path.display()), console);
            Ok(())
        }
        OptimizerVerb::Load { file: path } => {
            let text = files::program(path)?;
            let loaded = Optimizer::load(settings, &text).map_err(|error| {
                let message = format!("{} was not loaded: {error}", path.display());
                CliError::new(Exit::Usage, codes::BAD_INPUT, message)
                    .with_help("`nexus optimizer save` writes such files")
            })?;
            file.replace(&text).map_err(|error| unkept(&error))?;
            done(&format!("known now: {}", pieces(loaded.known())), console);
            Ok(())
        }
        OptimizerVerb::Bench => optimizer_bench::bench(&machine, console),
        OptimizerVerb::Reset => {
            let was = file.reset().map_err(|error| unkept(&error))?;
            done(if was { "everything that was learned is forgotten" } else { "nothing was learned yet" }, console);
            Ok(())
        }
    }
}

/// Says that something is done: to people on stderr, to programs as a document.
fn done(what: &str, console: &mut Console) {
    if console.is_json() {
        console.answer(&document(&optimizer_shown::DoneDocument { done: what }));
    } else {
        console.say(what);
    }
}

/// Changes what is known and writes it; where another process wrote it meanwhile, theirs is changed too.
fn change(
    file: &mut StateFile,
    known: &mut Optimizer,
    act: impl Fn(&mut Optimizer) -> Result<(), StrategyError>,
) -> Result<(), CliError> {
    act(known).map_err(|error| refused(&error))?;
    // What was possible on one state and is not on a newer one (a name that was taken meanwhile) is left out.
    file.save(known, |theirs| drop(act(theirs))).map_err(|error| unkept(&error))?;
    Ok(())
}

fn refused(error: &impl ToString) -> CliError {
    CliError::new(Exit::Usage, "NX0308", error.to_string())
        .with_help("`nexus optimizer strategies` lists the strategies; `nexus optimizer register --help` shows a file")
}

fn unkept(error: &StateFileError) -> CliError {
    CliError::new(Exit::ProgramFailed, "NX0408", error.to_string())
}

fn unwritten(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Usage, codes::BAD_OUTPUT, format!("{} cannot be written: {error}", path.display()))
}

fn explain(
    what: &str,
    known: &Optimizer,
    machine: &Machine,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let keys = find(what, known, machine, world)?;
    let recalled: Vec<Recalled> = keys.iter().filter_map(|key| known.recall(key, machine)).collect();
    if recalled.is_empty() {
        let message = format!("nothing was learned of {what} on this machine");
        return Err(CliError::new(Exit::Usage, codes::NOTHING_LEARNED, message).with_help(
            "`nexus run FILE --optimize` learns of a program; a node learns from its jobs by itself, and writes that down every 15 seconds",
        ));
    }
    if console.is_json() {
        let works = recalled.iter().map(optimizer_shown::explained).collect();
        console.answer(&document(&ExplainDocument { works }));
    } else {
        recalled.iter().for_each(|recalled| optimizer_shown::explain(recalled, console));
    }
    Ok(())
}

fn pieces(known: usize) -> String {
    format!("{known} {} of work", if known == 1 { "piece" } else { "pieces" })
}

/// The pieces of work that a person means.
fn find(what: &str, known: &Optimizer, machine: &Machine, world: &impl World) -> Result<Vec<Key>, CliError> {
    let path = Path::new(what);
    if path.exists() {
        return Ok(known.find(&hex(&outline(path, None, world)?.code), machine));
    }
    let job = what.parse::<JobRef>();
    let is_job = job.is_ok();
    if let Ok(job) = job {
        let named = known.named(&format!("job-{}", job.job.0));
        // A number may also be the beginning of a hash.
        if named.is_some() {
            return Ok(named.into_iter().collect());
        }
    }
    let is_hash = !what.is_empty() && what.chars().all(|c| c.is_ascii_hexdigit());
    match is_hash {
        true => Ok(known.find(&what.to_lowercase(), machine)),
        // A job that nothing was learned of: one of commands, say.
        false if is_job => Ok(Vec::new()),
        false => {
            let message = format!("{what} is no file, job or hash");
            Err(CliError::new(Exit::Usage, codes::UNREADABLE_FILE, message)
                .with_help("give a program like pca.mcode, a job like 17"))
        }
    }
}

fn outline(
    path: &Path,
    arguments: Option<&[(String, Value)]>,
    world: &impl World,
) -> Result<nexus_mcode::Outline, CliError> {
    let source = Source::read(path)?;
    let invalid = |found| CliError::of_program(Exit::ProgramFailed, found, Some(source.text.clone()));
    world.outline(&source.file(), &source.text, Some(source.folder()), arguments).map_err(invalid)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report(output: &Path, known: &Optimizer, console: &mut Console) -> Result<(), CliError> {
    std::fs::write(output, known.report()).map_err(|error| unwritten(output, &error))?;
    let runs = match known.runs().count() {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    };
    done(&format!("{runs} of {}: {}", pieces(known.known()), output.display()), console);
    Ok(())
}

fn feedback(
    args: &FeedbackArgs,
    (file, known): (&mut StateFile, &mut Optimizer),
    machine: &Machine,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let arguments: Vec<(String, Value)> =
        args.arguments.iter().map(|binding| (binding.name.clone(), world.argument(&binding.text))).collect();
    let outline = outline(&args.file, Some(&arguments), world)?;
    let work = learning::work_of(&outline, &arguments, &[], 1);
    change(file, known, |optimizer| {
        optimizer.feedback(&Feedback {
            work: &work,
            machine,
            strategy_id: &args.strategy,
            time_ms: args.time_ms,
            is_success: !args.failed,
        })
    })?;
    done(&format!("learned: {} under {}", args.file.display(), args.strategy), console);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_times_are_refused() {
        assert_eq!(milliseconds("12.5"), Ok(12.5));
        for text in ["1e300", "1e-300", "0", "-1", "NaN", "inf", "soon"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
