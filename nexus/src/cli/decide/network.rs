//! The verbs of `nexus decide` about networks and influence diagrams: beliefs, policies, values of information, and what
//! they hang on; and learning.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use nexus_qlogik::answer::{self, Method};
use nexus_qlogik::learning::answer::LearnedAnswer;
use nexus_qlogik::learning::data::Data;
use nexus_qlogik::learning::{self, Learning, Prior};
use nexus_qlogik::question::Question;
use nexus_qlogik::{Error, Evidence, Model, Network, VariableId, bif, document};
use serde::Serialize;

use super::situation::{Situation, read, refused, tell, write};
use crate::cli::error::CliError;
use crate::output::Console;

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide eval asia.bif -e smoke=yes -e xray=yes\n  \
                        nexus decide eval munin.bif --of L_MED_ALLCV_EW --method sampled --json")]
pub(super) struct EvalArgs {
    #[command(flatten)]
    pub(super) situation: Situation,
    /// Only this variable; may be given several times
    #[arg(long = "of", value_name = "VARIABLE")]
    of: Vec<String>,
    /// How to answer; auto samples where an exact answer would take too much memory
    #[arg(long, default_value = "auto", value_parser = PossibleValuesParser::new(["auto", "exact", "sampled", "gibbs"]))]
    method: String,
    /// Samples of a sampled answer
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    samples: u64,
    /// Seed of a sampled answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// `nexus decide eval`.
pub(super) fn eval(args: &EvalArgs, console: &mut Console) -> Result<(), CliError> {
    args.situation.answer(&args.question(), console)
}

impl EvalArgs {
    /// What is asked.
    pub(super) fn question(&self) -> Question {
        let method = match self.method.as_str() {
            "exact" => Method::Exact,
            "sampled" => Method::Sampled,
            "gibbs" => Method::Gibbs,
            _ => Method::Automatic,
        };
        Question::Beliefs { of: self.of.clone(), method, samples: self.samples, seed: self.seed }
    }
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus decide policy oil.toml\n  nexus decide policy oil.toml --risk-tolerance 100"
)]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    pub(super) situation: Situation,
    /// Avoid risk, the more the smaller this amount is (negative: seek it); in the unit of the utilities
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    risk_tolerance: Option<f64>,
}

/// `nexus decide policy`.
pub(super) fn policy(args: &PolicyArgs, console: &mut Console) -> Result<(), CliError> {
    args.situation.answer(&args.question(), console)
}

impl PolicyArgs {
    /// What is asked.
    pub(super) fn question(&self) -> Question {
        Question::Policy { risk_tolerance: self.risk_tolerance }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide voi oil.toml\n  nexus decide voi oil.toml --of oil --accuracy 0.8")]
pub(super) struct VoiArgs {
    #[command(flatten)]
    pub(super) situation: Situation,
    /// Only this variable
    #[arg(long = "of", value_name = "VARIABLE")]
    of: Option<String>,
    /// The decision before which it would be known [default: the last]
    #[arg(long, value_name = "DECISION")]
    before: Option<String>,
    /// How often a report of it would be right, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 1.0, requires = "of")]
    accuracy: f64,
}

/// `nexus decide voi`.
pub(super) fn voi(args: &VoiArgs, console: &mut Console) -> Result<(), CliError> {
    args.situation.answer(&args.question(), console)
}

impl VoiArgs {
    /// What is asked.
    pub(super) fn question(&self) -> Question {
        Question::Value { of: self.of.clone(), before: self.before.clone(), accuracy: self.accuracy }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  nexus decide explain asia.bif --of lung -e smoke=yes -e xray=yes")]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) situation: Situation,
    /// The variable whose belief is explained
    #[arg(long = "of", value_name = "VARIABLE")]
    of: String,
}

/// `nexus decide explain`.
pub(super) fn explain(args: &ExplainArgs, console: &mut Console) -> Result<(), CliError> {
    args.situation.answer(&args.question(), console)
}

impl ExplainArgs {
    /// What is asked.
    pub(super) fn question(&self) -> Question {
        Question::Explanation { of: self.of.clone() }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide likeliest asia.bif -e xray=yes\n  \
                        nexus decide likeliest asia.bif -e xray=yes --of lung --of tub")]
pub(super) struct LikeliestArgs {
    #[command(flatten)]
    situation: Situation,
    /// Only of this variable, whatever the others are; may be given several times [default: all variables]
    #[arg(long = "of", value_name = "VARIABLE")]
    of: Vec<String>,
}

/// `nexus decide likeliest`.
pub(super) fn likeliest(args: &LikeliestArgs, console: &mut Console) -> Result<(), CliError> {
    about_several(&args.situation, &args.of, answer::likeliest, console)
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  nexus decide joint asia.bif --of lung --of tub -e xray=yes")]
pub(super) struct JointArgs {
    #[command(flatten)]
    situation: Situation,
    /// One of the variables; given several times
    #[arg(long = "of", value_name = "VARIABLE", required = true)]
    of: Vec<String>,
}

/// `nexus decide joint`.
pub(super) fn joint(args: &JointArgs, console: &mut Console) -> Result<(), CliError> {
    about_several(&args.situation, &args.of, answer::joint, console)
}

/// Asks a question about several variables, and says the answer.
fn about_several<A: Serialize + std::fmt::Display>(
    situation: &Situation,
    of: &[String],
    ask: fn(&Network, &[VariableId], &Evidence, u64) -> Result<A, Error>,
    console: &mut Console,
) -> Result<(), CliError> {
    let asked = situation.read(console)?;
    let of = of.iter().map(|name| asked.find(name)).collect::<Result<Vec<_>, _>>()?;
    let found = ask(asked.model.network(), &of, &asked.evidence, situation.memory_max()).map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  nexus decide sensitivity asia.bif --of lung -e xray=yes")]
pub(super) struct SensitivityArgs {
    #[command(flatten)]
    situation: Situation,
    /// The variable whose belief is followed
    #[arg(long = "of", value_name = "VARIABLE")]
    of: String,
    /// The state whose probability is followed [default: the most probable]
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

/// `nexus decide sensitivity`.
pub(super) fn sensitivity(args: &SensitivityArgs, console: &mut Console) -> Result<(), CliError> {
    let asked = args.situation.read(console)?;
    let network = asked.model.network();
    let of = asked.find(&args.of)?;
    let state = args.state.as_deref().map(|state| network.find_state(of, state)).transpose().map_err(refused)?;
    let found = answer::sensitivity(network, of, state, &asked.evidence, args.situation.memory_max());
    let found = found.map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  nexus decide influence asia.bif -e smoke=yes")]
pub(super) struct InfluenceArgs {
    #[command(flatten)]
    situation: Situation,
}

/// `nexus decide influence`.
pub(super) fn influence(args: &InfluenceArgs, console: &mut Console) -> Result<(), CliError> {
    let asked = args.situation.read(console)?;
    let found = answer::influence(asked.model.network(), &asked.evidence, args.situation.memory_max());
    let found = found.map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide separated asia.bif smoke tub\n  \
                        nexus decide separated asia.bif smoke tub --given xray")]
pub(super) struct SeparatedArgs {
    #[command(flatten)]
    situation: Situation,
    /// One variable
    #[arg(value_name = "A")]
    a: String,
    /// The other
    #[arg(value_name = "B")]
    b: String,
    /// A variable that would be known, whatever its state; may be given several times
    #[arg(long, value_name = "VARIABLE")]
    given: Vec<String>,
}

/// `nexus decide separated`.
pub(super) fn separated(args: &SeparatedArgs, console: &mut Console) -> Result<(), CliError> {
    let asked = args.situation.read(console)?;
    let pair = [asked.find(&args.a)?, asked.find(&args.b)?];
    let given: Vec<VariableId> = args.given.iter().map(|name| asked.find(name)).collect::<Result<_, _>>()?;
    let memory_max = args.situation.memory_max();
    let found = answer::separation(asked.model.network(), pair, &given, &asked.evidence, memory_max);
    let found = found.map_err(refused)?;
    tell(&found, &found.to_string(), console);
    Ok(())
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus decide learn asia.bif patients.csv --output learned.bif\n  \
                        nexus decide learn asia.bif patients.csv --prior even --weight 10 --json")]
pub(super) struct LearnArgs {
    #[command(flatten)]
    situation: Situation,
    /// Observations: a column for each variable, a line for each observation; empty, ? and NA are missing
    #[arg(value_name = "DATA.csv")]
    data: PathBuf,
    /// What is believed before: flat (nothing), each (--weight observations of every cell), even (--weight for every
    /// table), model (--weight for every row, as the model says)
    #[arg(long, default_value = "flat", value_parser = PossibleValuesParser::new(["flat", "each", "even", "model"]))]
    prior: String,
    /// How many observations the prior counts for
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    weight: f64,
    /// The most rounds where values are missing
    #[arg(long, value_name = "N", default_value_t = 500)]
    rounds: usize,
    /// Where to write the learned model: .bif or .toml
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `nexus decide learn`.
pub(super) fn learn(args: &LearnArgs, console: &mut Console) -> Result<(), CliError> {
    let asked = args.situation.read(console)?;
    let Model::Network(network) = &asked.model else {
        let message = "tables are learned of networks; this model has decisions".to_owned();
        return Err(refused(Error::BadData(message)).with_help("learn a model of its variables alone"));
    };
    if asked.evidence != Evidence::new() {
        let message = "what was observed stands in the data, so --evidence means nothing here".to_owned();
        return Err(refused(Error::BadQuestion(message)));
    }
    let prior = match args.prior.as_str() {
        "each" => Prior::Each(args.weight),
        "even" => Prior::Even(args.weight),
        "model" => Prior::Model(args.weight),
        _ => Prior::Flat,
    };
    let (data, _) = read(&args.data, console, |file, text| Data::read(network, file, text))?;
    let how =
        Learning { prior, rounds_max: args.rounds, memory_max: args.situation.memory_max(), ..Learning::default() };
    let learned = learning::learn(network, &data, how).map_err(refused)?;
    if let Some(path) = &args.output {
        let text = if path.extension().is_some_and(|kind| kind == "toml") {
            document::write(&Model::Network(learned.network.clone()))
        } else {
            bif::write(&learned.network)
        };
        write(path, &text.map_err(refused)?)?;
    }
    let found = LearnedAnswer::of(&learned, &data);
    tell(&found, &found.to_string(), console);
    Ok(())
}
