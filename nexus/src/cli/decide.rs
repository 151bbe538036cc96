//! `nexus decide`: what is likely, what to do, and what to find out first, from a model in a file.
//!
//! A thin front of `nexus_qlogik::answer`, which makes the answers, their text and their JSON. It talks to no node.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use nexus_qlogik::answer::{self, Effort, Method};
use nexus_qlogik::{Error, Evidence, MEMORY_MAX, Model, VariableId, influence, picture};
use serde::Serialize;

use super::argument::Binding;
use super::codes;
use super::error::{CliError, Exit};
use super::program::Source;
use crate::output::json::document;
use crate::output::{Console, diagnostic};

/// Ask a decision model: a Bayesian network (.bif, .toml) or an influence diagram (.toml).
#[derive(Debug, Clone, Args)]
pub(crate) struct DecideArgs {
    #[command(subcommand)]
    verb: DecideVerb,
}

/// The model and what is known.
#[derive(Debug, Clone, Args)]
struct Situation {
    /// The model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// What is known, like smoke=yes; may be given several times
    #[arg(long = "evidence", short = 'e', value_name = "VARIABLE=STATE")]
    evidence: Vec<Binding>,
    /// Memory that an exact answer may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_MAX >> 20, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: u64,
}

#[derive(Debug, Clone, Subcommand)]
enum DecideVerb {
    /// Show how probable each state of each variable is
    #[command(after_help = "Examples:\n  nexus decide eval asia.bif -e smoke=yes -e xray=yes\n  \
                            nexus decide eval munin.bif --of L_MED_ALLCV_EW --method sampled --json")]
    Eval {
        #[command(flatten)]
        situation: Situation,
        /// Only this variable; may be given several times
        #[arg(long = "of", value_name = "VARIABLE")]
        of: Vec<String>,
        /// How to answer; auto samples where an exact answer would take too much memory
        #[arg(long, default_value = "auto", value_parser = PossibleValuesParser::new(["auto", "exact", "sampled"]))]
        method: String,
        /// Samples of a sampled answer
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        samples: usize,
        /// Seed of a sampled answer
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
    },
    /// Show what to do at each decision, in each situation
    #[command(after_help = "Examples:\n  nexus decide policy oil.toml\n  \
                            nexus decide policy oil.toml --risk-tolerance 100")]
    Policy {
        #[command(flatten)]
        situation: Situation,
        /// Avoid risk, the more the smaller this amount is (negative: seek it); in the unit of the utilities
        #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
        risk_tolerance: Option<f64>,
    },
    /// Show what it would be worth to find something out before deciding
    #[command(after_help = "Examples:\n  nexus decide voi oil.toml\n  \
                            nexus decide voi oil.toml --of oil --accuracy 0.8")]
    Voi {
        #[command(flatten)]
        situation: Situation,
        /// Only this variable
        #[arg(long = "of", value_name = "VARIABLE")]
        of: Option<String>,
        /// The decision before which it would be known [default: the last]
        #[arg(long, value_name = "DECISION")]
        before: Option<String>,
        /// How often a report of it would be right, from 0 to 1
        #[arg(long, value_name = "P", default_value_t = 1.0, requires = "of")]
        accuracy: f64,
    },
    /// Show which evidence moved a belief, and by how much
    #[command(after_help = "Example:\n  nexus decide explain asia.bif --of lung -e smoke=yes -e xray=yes")]
    Explain {
        #[command(flatten)]
        situation: Situation,
        /// The variable whose belief is explained
        #[arg(long = "of", value_name = "VARIABLE")]
        of: String,
    },
    /// Draw the model with its beliefs
    #[command(after_help = "Examples:\n  nexus decide plot asia.bif -e smoke=yes --output asia.svg\n  \
                            nexus decide plot asia.bif --format dot | dot -Tpdf > asia.pdf")]
    Plot {
        #[command(flatten)]
        situation: Situation,
        /// What to write
        #[arg(long, default_value = "svg", value_parser = PossibleValuesParser::new(["svg", "dot"]))]
        format: String,
        /// Where to write it [default: stdout]
        #[arg(long, short = 'o', value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct ValuesDocument {
    values: Vec<answer::ValueAnswer>,
}

#[derive(Debug, Serialize)]
struct PictureDocument<'a> {
    format: &'a str,
    text: &'a str,
}

/// Runs the verb.
pub(crate) fn decide(args: &DecideArgs, console: &mut Console) -> Result<(), CliError> {
    match &args.verb {
        DecideVerb::Eval { situation, of, method, samples, seed } => {
            let asked = situation.read(console)?;
            let method = match method.as_str() {
                "exact" => Method::Exact,
                "sampled" => Method::Sampled,
                _ => Method::Automatic,
            };
            let of = of.iter().map(|name| asked.find(name)).collect::<Result<Vec<_>, _>>()?;
            let effort = Effort { method, memory_max: situation.memory_max(), samples: *samples, seed: *seed };
            let found = answer::evaluate(asked.model.network(), &of, &asked.evidence, effort).map_err(refused)?;
            tell(&found, &found.to_string(), console);
        }
        DecideVerb::Policy { situation, risk_tolerance } => {
            let asked = situation.read(console)?;
            let mut diagram = asked.diagram()?.clone();
            if let Some(tolerance) = risk_tolerance {
                diagram = diagram.with_risk(influence::Risk::Tolerance(*tolerance)).map_err(refused)?;
            }
            let found = answer::policy(&diagram, &asked.evidence, situation.memory_max()).map_err(refused)?;
            tell(&found, &found.to_string(), console);
        }
        DecideVerb::Voi { situation, of, before, accuracy } => {
            let asked = situation.read(console)?;
            let of = of.as_deref().map(|name| asked.find(name)).transpose()?;
            let before = before.as_deref().map(|name| asked.find(name)).transpose()?;
            let memory_max = situation.memory_max();
            let values =
                answer::value_of_information(asked.diagram()?, of, before, *accuracy, &asked.evidence, memory_max)
                    .map_err(refused)?;
            let text = answer::values(&values);
            tell(&ValuesDocument { values }, &text, console);
        }
        DecideVerb::Explain { situation, of } => {
            let asked = situation.read(console)?;
            let of = asked.find(of)?;
            let found = answer::explain(asked.model.network(), of, &asked.evidence, situation.memory_max());
            let found = found.map_err(refused)?;
            tell(&found, &found.to_string(), console);
        }
        DecideVerb::Plot { situation, format, output } => {
            let asked = situation.read(console)?;
            let effort = Effort { memory_max: situation.memory_max(), ..Effort::default() };
            let found = answer::evaluate(asked.model.network(), &[], &asked.evidence, effort).map_err(refused)?;
            let text = match format.as_str() {
                "dot" => picture::dot(&asked.model, Some(&found)),
                _ => picture::svg(&asked.model, Some(&found)),
            };
            match output {
                Some(path) => write(path, &text)?,
                None => tell(&PictureDocument { format, text: &text }, &text, console),
            }
        }
    }
    Ok(())
}

fn tell(content: &impl Serialize, text: &str, console: &mut Console) {
    console.answer(&if console.is_json() { document(content) } else { text.to_owned() });
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
    })
}

/// A model and what is known, as read.
struct Asked {
    model: Model,
    evidence: Evidence,
}

impl Situation {
    fn memory_max(&self) -> u64 {
        self.memory << 20
    }

    /// Reads the model, shows its warnings, and looks up what is known.
    fn read(&self, console: &mut Console) -> Result<Asked, CliError> {
        let source = Source::read(&self.model)?;
        let (model, warnings) = Model::read(&source.file(), &source.text)
            .map_err(|found| CliError::of_program(Exit::Usage, found, Some(source.text.clone())))?;
        if !console.is_json() && !warnings.is_empty() {
            console.say_raw(&diagnostic::all_drawn(&warnings, Some(&source.text)));
        }
        let known = self.evidence.iter().map(|binding| (binding.name.as_str(), binding.text.trim()));
        let evidence = model.network().evidence(known).map_err(refused)?;
        Ok(Asked { model, evidence })
    }
}

impl Asked {
    fn find(&self, name: &str) -> Result<VariableId, CliError> {
        self.model.network().find(name).map_err(refused)
    }

    fn diagram(&self) -> Result<&influence::Diagram, CliError> {
        self.model.diagram().ok_or_else(|| {
            refused(Error::BadDecision("the model has no decisions, so there is nothing to decide".to_owned()))
                .with_help("`nexus decide eval` shows what is likely; docs/decisions.md shows how to add decisions")
        })
    }
}

fn refused(error: Error) -> CliError {
    let refused = CliError::new(Exit::Usage, error.code(), error.to_string());
    match error.hint() {
        Some(hint) => refused.with_help(hint),
        None => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::tests::pages;
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DecideArgs,
    }

    const MODEL: &str = "name = \"umbrella\"\n[[variable]]\nname = \"weather\"\nstates = [\"rain\", \"sun\"]\ntable = [0.3, 0.7]\n\
        [[decision]]\nname = \"umbrella\"\noptions = [\"take\", \"leave\"]\n\
        [[utility]]\nname = \"comfort\"\nof = [\"weather\", \"umbrella\"]\nvalues = [[70, 0], [20, 100]]\n";

    fn typed(words: &[&str], json: bool) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("umbrella.toml");
        std::fs::write(&path, MODEL).unwrap();
        let (verb, rest) = words.split_first().unwrap();
        let line = ["decide", verb, path.to_str().unwrap()].into_iter().chain(rest.iter().copied());
        let args = Line::try_parse_from(line).map_err(|error| error.to_string())?.args;
        let (mut console, out, _) = pages(json);
        decide(&args, &mut console).map_err(|error| format!("{} {}", error.code, error.message))?;
        Ok(out.text())
    }

    #[test]
    fn decisions_come_with_their_runner_up() {
        let text = typed(&["policy"], false).unwrap();
        assert!(text.contains("always  leave  p 100.00 %  worth 70, 35 more than take"), "{text}");
        assert!(typed(&["voi"], false).unwrap().contains("weather  before umbrella  worth 21 (then 91)"));
        assert!(typed(&["voi"], true).unwrap().starts_with("{\"values\":[{\"variable\":\"weather\""));
        assert!(typed(&["plot"], false).unwrap().starts_with("<svg"));
    }

    #[test]
    fn wrong_questions_are_refused_with_their_code() {
        assert_eq!(
            typed(&["eval", "-e", "wether=rain"], false).unwrap_err(),
            "NX1003 there is no variable wether (did you mean weather?)"
        );
        assert!(
            typed(&["eval", "-e", "weather=snow"], false).unwrap_err().starts_with("NX1003 weather has no state snow")
        );
        assert!(typed(&["voi", "--of", "weather", "--accuracy", "7"], false).unwrap_err().starts_with("NX1008"));
        assert!(typed(&["policy", "--risk-tolerance", "0"], false).unwrap_err().starts_with("NX1009"));
    }
}
