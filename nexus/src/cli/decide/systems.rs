//! The verbs of `nexus decide` about rules, fuzzy systems, rankings and circuits; and pictures of models.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use nexus_qlogik::answer::{self, Effort};
use nexus_qlogik::fuzzy::{self, System};
use nexus_qlogik::ranking::{self, Rule};
use nexus_qlogik::rules::answer::judge;
use nexus_qlogik::state_vector::circuit as circuits;
use nexus_qlogik::{Error, MEMORY_MAX, picture};
use serde::Serialize;

use super::situation::{Situation, read, refused, tell, write};
use crate::cli::argument::Binding;
use crate::cli::codes;
use crate::cli::error::{CliError, Exit};
use crate::cli::program::Source;
use crate::output::Console;

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide rules drone.toml -e weather=storm\n  \
                        nexus decide rules drone.toml -e battery=low --priorities time,safety,utility")]
pub(super) struct RulesArgs {
    #[command(flatten)]
    situation: Situation,
    /// Who is heard first, in another order than the model's
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    priorities: Vec<String>,
}

/// `nexus decide rules`.
pub(super) fn rules(args: &RulesArgs, console: &mut Console) -> Result<(), CliError> {
    let asked = args.situation.read(console)?;
    let rules = if args.priorities.is_empty() {
        asked.rules
    } else {
        asked.rules.ordered(&args.priorities).map_err(refused)?
    };
    let found = judge(&asked.model, &rules, &asked.evidence, args.situation.memory_max()).map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  nexus decide fuzzy fan.toml --set load=80 --set battery=25")]
pub(super) struct FuzzyArgs {
    /// The fuzzy system
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The number of an input, like load=80; for each input once
    #[arg(long = "set", short = 's', value_name = "INPUT=NUMBER")]
    inputs: Vec<Binding>,
}

/// `nexus decide fuzzy`.
pub(super) fn fuzzy(args: &FuzzyArgs, console: &mut Console) -> Result<(), CliError> {
    let (system, _) = read(&args.model, console, fuzzy::document::read)?;
    let inputs = numbers(&system, &args.inputs)?;
    let found = fuzzy::answer::answer(&system, &inputs).map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

/// One number for each input of a system.
fn numbers(system: &System, given: &[Binding]) -> Result<Vec<f64>, CliError> {
    let mut named = Vec::new();
    for Binding { name, text } in given {
        let number = text.trim().parse::<f64>().map_err(|_| {
            let message = format!("{name} = {text} is no number");
            CliError::new(Exit::Usage, codes::USAGE, message)
        })?;
        named.push((name.as_str(), number));
    }
    system.inputs_from(named).map_err(refused)
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide rank laptops.toml\n  \
                        nexus decide rank laptops.toml --rule sum --weight price=5")]
pub(super) struct RankArgs {
    /// Criteria and alternatives
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// How scores become one number
    #[arg(long, default_value = "topsis", value_parser = PossibleValuesParser::new(["topsis", "sum"]))]
    rule: String,
    /// Another weight of a criterion; may be given several times
    #[arg(long = "weight", short = 'w', value_name = "CRITERION=NUMBER")]
    weights: Vec<Binding>,
}

/// `nexus decide rank`.
pub(super) fn rank(args: &RankArgs, console: &mut Console) -> Result<(), CliError> {
    let reader = |file: &str, text: &str| ranking::document::read(file, text).map(|choice| (choice, Vec::new()));
    let (mut choice, _) = read(&args.model, console, reader)?;
    for Binding { name, text } in &args.weights {
        let bad = |message: String| refused(Error::BadCriteria(message));
        let weight =
            text.trim().parse::<f64>().map_err(|_| bad(format!("the weight {text} of {name} is no number")))?;
        let known = choice.criteria.iter_mut().find(|criterion| criterion.name == *name);
        known.ok_or_else(|| bad(format!("there is no criterion {name}")))?.weight = weight;
    }
    let rule = if args.rule == "sum" { Rule::WeightedSum } else { Rule::Topsis };
    let found = ranking::answer::ranking(&choice, rule).map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  printf 'qubits 2\\nh 0\\ncnot 0 1\\n' > pair.txt && nexus decide circuit pair.txt")]
pub(super) struct CircuitArgs {
    /// The circuit: `qubits N`, then one gate a line (h x y z s t cnot swap measure)
    #[arg(value_name = "CIRCUIT")]
    circuit: PathBuf,
    /// Runs of a circuit that measures
    #[arg(long, value_name = "N", default_value_t = 1000)]
    shots: usize,
    /// Seed of the measurements
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// `nexus decide circuit`.
pub(super) fn circuit(args: &CircuitArgs, console: &mut Console) -> Result<(), CliError> {
    let reader = |file: &str, text: &str| circuits::read(file, text).map(|circuit| (circuit, Vec::new()));
    let (circuit, _) = read(&args.circuit, console, reader)?;
    let found = circuits::run(&circuit, args.shots, args.seed, MEMORY_MAX).map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide plot asia.bif -e smoke=yes --output asia.svg\n  \
                        nexus decide plot fan.toml --set load=80 --set battery=25 -o fan.svg\n  \
                        nexus decide plot asia.bif --format dot | dot -Tpdf > asia.pdf")]
pub(super) struct PlotArgs {
    #[command(flatten)]
    situation: Situation,
    /// What to write
    #[arg(long, default_value = "svg", value_parser = PossibleValuesParser::new(["svg", "dot"]))]
    format: String,
    /// Draw what to do at each decision instead
    #[arg(long)]
    policy: bool,
    /// Of a fuzzy system: the number of an input, like load=80
    #[arg(long = "set", short = 's', value_name = "INPUT=NUMBER")]
    inputs: Vec<Binding>,
    /// Where to write it [default: stdout]
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct PictureDocument<'a> {
    format: &'a str,
    text: &'a str,
}

/// `nexus decide plot`.
pub(super) fn plot(args: &PlotArgs, console: &mut Console) -> Result<(), CliError> {
    let text = if fuzzy::document::is_system(&Source::read(&args.situation.model)?.text) {
        fuzzy_picture(args, console)?
    } else {
        picture(args, console)?
    };
    match &args.output {
        Some(path) => write(path, &text),
        None => {
            tell(&PictureDocument { format: &args.format, text: &text }, &text, console);
            Ok(())
        }
    }
}

fn fuzzy_picture(args: &PlotArgs, console: &mut Console) -> Result<String, CliError> {
    if args.format != "svg" || args.policy {
        let message = "a fuzzy system is drawn as SVG, and has no policy".to_owned();
        return Err(refused(Error::BadQuestion(message)));
    }
    let (system, _) = read(&args.situation.model, console, fuzzy::document::read)?;
    if args.inputs.is_empty() {
        return Ok(fuzzy::picture::svg(&system, None));
    }
    let inputs = numbers(&system, &args.inputs)?;
    let found = system.infer(&inputs).map_err(refused)?;
    Ok(fuzzy::picture::svg(&system, Some((&inputs, &found))))
}

fn picture(args: &PlotArgs, console: &mut Console) -> Result<String, CliError> {
    let asked = args.situation.read(console)?;
    if !args.inputs.is_empty() {
        let message = "--set is for fuzzy systems; what is known of this model is said with --evidence".to_owned();
        return Err(refused(Error::BadQuestion(message)));
    }
    let memory_max = args.situation.memory_max();
    if args.policy {
        let advised = answer::policy(asked.diagram()?, &asked.evidence, memory_max).map_err(refused)?;
        return Ok(match args.format.as_str() {
            "dot" => picture::policy::dot(&advised),
            _ => picture::policy::svg(&advised),
        });
    }
    let effort = Effort { memory_max, ..Effort::default() };
    let found = answer::evaluate(asked.model.network(), &[], &asked.evidence, effort).map_err(refused)?;
    Ok(match args.format.as_str() {
        "dot" => picture::dot(&asked.model, Some(&found)),
        _ => picture::svg(&asked.model, Some(&found)),
    })
}
