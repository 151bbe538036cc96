//! `nexus timeline beliefs`, `advise` and `model`: a timeline as a belief network or an influence diagram, with what was seen.
//!
//! Without `--until` time plays no part: events happen or not. With it, time is cut into slices, and answers say by when.
//! What decides is `nexus-bridge`; this is words in and words out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use nexus_bridge::{
    Advice, BeliefModel, BridgeError, DecisionModel, Effort, Method, Policy, SLICES_MAX, Seen, Slices, TimedBeliefs,
    TimedDecisionModel, TimedModel,
};
use nexus_echo::{EventKind, Graph, Micros, Timeline};
use nexus_qlogik::{Evidence, Finding, MEMORY_MAX, Model, Network, bif, document as models};
use serde_json::{Value, json};

use super::exported;
use crate::cli::codes;
use crate::cli::decide::refused;
use crate::cli::error::{CliError, Exit};
use crate::cli::program::Source;
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};

/// Slices where none are asked for.
const SLICES: u8 = 24;
/// Columns of a table over time.
const COLUMNS: usize = 5;

/// How time is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeArgs {
    /// Say by when, up to this time; without it only whether
    #[arg(long, value_name = "TIME", value_parser = Micros::parse, allow_hyphen_values = true)]
    until: Option<Micros>,
    /// Slices that time up to --until is cut into [default: 24]
    #[arg(long, value_name = "N", requires = "until", value_parser = clap::value_parser!(u8).range(1..=SLICES_MAX as i64))]
    slices: Option<u8>,
}

impl TimeArgs {
    fn slices(&self, graph: &Graph) -> Result<Option<Slices>, BridgeError> {
        let count = usize::from(self.slices.unwrap_or(SLICES));
        self.until.map(|until| Slices::until(graph, until, count)).transpose()
    }
}

/// What was seen, and what an answer may cost.
#[derive(Debug, Clone, Args)]
pub(crate) struct SeenArgs {
    /// The timeline
    pub(crate) name: String,
    /// What was seen of an event: EVENT=yes, EVENT=no, and with --until EVENT=TIME or EVENT=not-by:TIME
    #[arg(long, short, value_name = "EVENT=WHAT", value_parser = seen)]
    seen: Vec<(String, SeenWord)>,
    #[command(flatten)]
    time: TimeArgs,
    /// Memory that an exact answer may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_MAX >> 20, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: u64,
    /// Samples where the tables would take more
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    samples: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What to write.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// The timeline
    pub(crate) name: String,
    #[command(flatten)]
    time: TimeArgs,
    /// Leave the decisions open: each option with equal chance
    #[arg(long)]
    beliefs: bool,
    /// Where to write it: .toml, or .bif for a belief network
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeenWord {
    Happened,
    Never,
    At(Micros),
    NotBy(Micros),
}

fn seen(text: &str) -> Result<(String, SeenWord), String> {
    let wrong = || "write EVENT=yes, EVENT=no, EVENT=40d or EVENT=not-by:40d".to_owned();
    let (event, what) = text.rsplit_once('=').ok_or_else(wrong)?;
    let what = match what.trim() {
        "yes" => SeenWord::Happened,
        "no" => SeenWord::Never,
        what => match what.strip_prefix("not-by:") {
            Some(time) => SeenWord::NotBy(Micros::parse(time)?),
            None => SeenWord::At(Micros::parse(what).map_err(|error| format!("{}; or {error}", wrong()))?),
        },
    };
    Ok((event.trim().to_owned(), what))
}

impl From<BridgeError> for CliError {
    fn from(error: BridgeError) -> Self {
        match error {
            BridgeError::Echo(error) => error.into(),
            BridgeError::Model(error) => refused(error),
            BridgeError::Timed { .. } => CliError::new(Exit::Usage, codes::USAGE, error.to_string())
                .with_help("give --until TIME, so that the answer is over time"),
            error => CliError::new(Exit::Usage, codes::USAGE, error.to_string()),
        }
    }
}

impl SeenArgs {
    /// What was seen, where time plays no part.
    fn whether(&self, graph: &Graph) -> Result<BTreeMap<String, bool>, CliError> {
        let mut known = BTreeMap::new();
        for (event, what) in &self.seen {
            graph.place(event)?;
            let happened = match what {
                SeenWord::Happened => true,
                SeenWord::Never => false,
                SeenWord::At(_) | SeenWord::NotBy(_) => {
                    let message = format!("when `{event}` happens plays no part without --until");
                    let help = format!("give --until TIME, or --seen \"{event}=yes\" or no");
                    return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(help));
                }
            };
            once(known.insert(event.clone(), happened), event)?;
        }
        Ok(known)
    }

    /// What was seen, over time.
    fn when(&self, graph: &Graph, slices: Slices) -> Result<BTreeMap<String, Seen>, CliError> {
        let mut known = BTreeMap::new();
        for (event, what) in &self.seen {
            graph.place(event)?;
            let seen = match *what {
                SeenWord::At(time) => Seen::At(time),
                SeenWord::NotBy(time) => Seen::NotBy(time),
                SeenWord::Never => Seen::NotBy(slices.end(slices.count() - 1)),
                SeenWord::Happened => {
                    let message = format!("with --until, say when `{event}` was seen");
                    let help = format!("--seen \"{event}=40d\", or \"{event}=not-by:40d\"");
                    return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(help));
                }
            };
            once(known.insert(event.clone(), seen), event)?;
        }
        Ok(known)
    }

    fn effort(&self) -> Effort {
        Effort { memory_max: self.memory << 20, samples: self.samples as usize, seed: self.seed }
    }
}

fn once<T>(before: Option<T>, event: &str) -> Result<(), CliError> {
    match before {
        None => Ok(()),
        Some(_) => Err(CliError::new(Exit::Usage, codes::USAGE, format!("`{event}` was seen twice"))),
    }
}

/// `nexus timeline beliefs`.
pub(super) fn beliefs(timeline: &Timeline, args: &SeenArgs, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    if let Some(slices) = args.time.slices(&graph)? {
        let found = nexus_bridge::timed_beliefs(&graph, slices, &args.when(&graph, slices)?, args.effort())?;
        return over_time(&found, slices, console);
    }
    let found = nexus_bridge::beliefs(&graph, &args.whether(&graph)?)?;
    if console.is_json() {
        console.answer(&document(&json!({"method": "exact", "events": found})));
        return Ok(());
    }
    let mut table = Table::new(&[("EVENT", Align::Left), ("PROBABILITY", Align::Left)]);
    for node in &graph.nodes {
        table.row(vec![Cell::new(&node.name), Cell::new(format!("{:.4}", found[&node.name]))]);
    }
    console.answer(&table.render());
    Ok(())
}

fn over_time(found: &TimedBeliefs, slices: Slices, console: &mut Console) -> Result<(), CliError> {
    let ends: Vec<Micros> = (0..slices.count()).map(|at| slices.end(at)).collect();
    if console.is_json() {
        let of = |event: &nexus_bridge::TimedBelief| {
            let by = event.by.iter().zip(&ends).map(
                |(bound, end)| json!({"by": end, "probability": bound.probability, "interval": [bound.low, bound.high]}),
            );
            json!({"event": event.event, "by": by.collect::<Vec<_>>()})
        };
        let events: Vec<_> = found.events.iter().map(of).collect();
        console.answer(&document(&json!({"method": method(found.method), "events": events})));
        return Ok(());
    }
    // A few of the slices, the last among them.
    let columns = COLUMNS.min(ends.len());
    let shown: Vec<usize> = (1..=columns).map(|at| (at * ends.len()).div_ceil(columns) - 1).collect();
    let titles: Vec<String> = shown.iter().map(|&at| format!("BY {}", ends[at].point())).collect();
    let heads = std::iter::once(("EVENT", Align::Left)).chain(titles.iter().map(|title| (title.as_str(), Align::Left)));
    let mut table = Table::new(&heads.collect::<Vec<_>>());
    for event in &found.events {
        let by = shown.iter().map(|&at| {
            let bound = event.by[at];
            let half = (bound.high - bound.low) / 2.0;
            let error = if half > 0.0 { format!(" ±{half:.3}") } else { String::new() };
            Cell::new(format!("{:.3}{error}", bound.probability))
        });
        table.row(std::iter::once(Cell::new(&event.event)).chain(by).collect());
    }
    console.answer(&table.render());
    console.say(&found_by(found.method, slices));
    Ok(())
}

fn found_by(method: Method, slices: Slices) -> String {
    let width = slices.width();
    match method {
        Method::Exact => format!("exact, in {} slices of {width}", slices.count()),
        Method::Sampled { effective } => {
            format!("from samples worth {effective:.0} without weights, in {} slices of {width}", slices.count())
        }
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Exact => "exact",
        Method::Sampled { .. } => "sampled",
    }
}

/// `nexus timeline advise`.
pub(super) fn advise(timeline: &Timeline, args: &SeenArgs, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let (policy, how, said) = match args.time.slices(&graph)? {
        Some(slices) => {
            let found = nexus_bridge::timed_policy(&graph, slices, &args.when(&graph, slices)?, args.effort())?;
            (found.policy, method(found.method), found_by(found.method, slices))
        }
        None => (nexus_bridge::policy(&graph, &args.whether(&graph)?)?, "exact", "exact".to_owned()),
    };
    let Policy { utility, advice } = policy;
    if console.is_json() {
        let advice: Vec<Value> = advice.iter().map(told).collect();
        console.answer(&document(&json!({"method": how, "utility": utility, "advice": advice})));
        return Ok(());
    }
    for Advice { decision, after, known, choose, options, probability } in &advice {
        let after = after.iter().map(|(decision, option)| format!("{decision} {option}"));
        let known = known.iter().map(|(event, yes)| format!("{}{event}", if *yes { "" } else { "no " }));
        let given: Vec<String> = after.chain(known).collect();
        let given = if given.is_empty() { String::new() } else { format!(" after {}", given.join(", ")) };
        console.answer(&format!("{decision}: {choose}{given} ({:.0} %)\n", probability * 100.0));
        let best = options.iter().map(|(_, worth)| *worth).fold(f64::NEG_INFINITY, f64::max);
        for (option, worth) in options {
            let regret = best - worth;
            let regret = if regret > 0.0 { format!(", regret {regret:.2}") } else { String::new() };
            console.answer(&format!("    {option}: {worth:.2}{regret}\n"));
        }
    }
    console.answer(&format!("expected utility {utility:.2}\n"));
    console.say(&said);
    Ok(())
}

fn told(advice: &Advice) -> Value {
    let known = |(event, happened): &(String, bool)| json!({"event": event, "happened": happened});
    let option = |(option, utility): &(String, f64)| json!({"option": option, "utility": utility});
    json!({
        "decision": advice.decision,
        "after": advice.after.iter().map(|(decision, option)| json!({"decision": decision, "option": option})).collect::<Vec<_>>(),
        "known": advice.known.iter().map(known).collect::<Vec<_>>(),
        "choose": advice.choose,
        "options": advice.options.iter().map(option).collect::<Vec<_>>(),
        "probability": advice.probability,
    })
}

/// `nexus timeline model`.
pub(super) fn model(timeline: &Timeline, args: &ModelArgs, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let decides = graph.nodes.iter().any(|node| node.kind == EventKind::Decision);
    let as_bif = args.output.as_ref().is_some_and(|path| path.extension().is_some_and(|kind| kind == "bif"));
    let (model, evidence) = match (args.time.slices(&graph)?, decides && !args.beliefs && !as_bif) {
        (None, true) => {
            let DecisionModel { diagram, evidence } = nexus_bridge::diagram(&graph)?;
            (Model::Diagram(diagram), evidence)
        }
        (None, false) => {
            let BeliefModel { network, evidence } = nexus_bridge::network(&graph)?;
            (Model::Network(network), evidence)
        }
        (Some(slices), true) => {
            let TimedDecisionModel { diagram, evidence, .. } = nexus_bridge::timed_diagram(&graph, slices)?;
            (Model::Diagram(diagram), evidence)
        }
        (Some(slices), false) => {
            let TimedModel { network, evidence, .. } = nexus_bridge::timed_network(&graph, slices)?;
            (Model::Network(network), evidence)
        }
    };
    let text = match &model {
        Model::Network(network) if as_bif => bif::write(network),
        model => models::write(model),
    };
    exported(&text.map_err(refused)?, args.output.as_deref(), console)?;
    let known = facts(model.network(), &evidence);
    if !known.is_empty() && !console.is_json() {
        console.say(&format!("the facts, for `nexus decide`: {}", known.join(" ")));
    }
    Ok(())
}

/// A model in a file as a timeline, called like the model.
pub(super) fn of_model(file: &Path) -> Result<Timeline, CliError> {
    let source = Source::read(file)?;
    let (model, _) = Model::read(&source.file(), &source.text)
        .map_err(|found| CliError::of_program(Exit::Usage, found, Some(source.text.clone())))?;
    Ok(nexus_bridge::timeline(&model, model.network().name())?)
}

/// Evidence as options of `nexus decide`.
fn facts(network: &Network, evidence: &Evidence) -> Vec<String> {
    let state = |(id, finding): (nexus_qlogik::VariableId, &Finding)| match finding {
        Finding::State(state) => {
            let variable = network.variable(id);
            Some(format!("-e \"{}={}\"", variable.name, variable.states[*state]))
        }
        Finding::Likelihood(_) => None,
    };
    evidence.iter().filter_map(state).collect()
}

#[cfg(test)]
mod tests {
    use crate::cli::timeline::tests::Kept;

    #[test]
    fn what_was_seen_moves_what_is_believed_and_what_to_do() {
        let kept = Kept::new();
        let by = |words: &[&str]| -> f64 {
            let text = kept.typed(words, true).unwrap();
            let found: serde_json::Value = serde_json::from_str(&text).unwrap();
            let events = found["events"].as_array().unwrap();
            let event = events.iter().find(|event| event["event"] == "parts on time").unwrap();
            event["by"].as_array().unwrap().last().unwrap()["probability"].as_f64().unwrap()
        };
        let before = by(&["beliefs", "launch", "--until", "160d", "--slices", "32"]);
        let after = by(&["beliefs", "launch", "--until", "160d", "--slices", "32", "--seen", "build=not-by:60d"]);
        assert!((before - 0.65).abs() < 1e-9 && after < before - 0.05, "{before} {after}");
        let text = kept.typed(&["advise", "launch", "--until", "160d", "--slices", "16"], false).unwrap();
        assert!(text.contains("suppliers?: two suppliers (100 %)"), "{text}");
        assert!(
            text.contains("after suppliers? two suppliers, no parts on time") && !text.contains("choose"),
            "{text}"
        );
    }

    #[test]
    fn a_timeline_is_written_as_a_model_that_is_read_again() {
        let kept = Kept::new();
        let diagram = kept.path("launch.toml");
        kept.typed(&["model", "launch", "--until", "160d", "--slices", "8", "-o", &diagram], false).unwrap();
        let text = std::fs::read_to_string(&diagram).unwrap();
        let (model, _) = nexus_qlogik::Model::read("launch.toml", &text).unwrap();
        assert_eq!(model.diagram().unwrap().decisions().len(), 2);
        let network = kept.path("launch.bif");
        kept.typed(&["model", "launch", "-o", &network], false).unwrap();
        let refused = kept.typed(&["import", &network, "--as", "again"], false).unwrap_err();
        assert!(refused.contains("`choose suppliers?` does not have the states no and yes"), "{refused}");
        let asia = kept.path("risk.toml");
        let risk = "name = \"risk\"\n[[variable]]\nname = \"storm\"\nstates = [\"no\", \"yes\"]\ntable = [0.7, 0.3]\n";
        std::fs::write(&asia, risk).unwrap();
        kept.typed(&["import", &asia], false).unwrap();
        assert!(kept.typed(&["beliefs", "risk"], false).unwrap().contains("storm  0.3000"));
    }

    #[test]
    fn wrong_questions_say_what_to_ask_instead() {
        let kept = Kept::new();
        let refused = |words: &[&str]| kept.typed(words, false).unwrap_err();
        assert!(refused(&["advise", "launch"]).ends_with("give --until TIME, so that the answer is over time"));
        assert!(refused(&["beliefs", "launch", "--seen", "build=40d"]).contains("give --until TIME"));
        assert!(refused(&["beliefs", "launch", "--until", "9d", "--seen", "build=yes"]).contains("say when `build`"));
        assert!(refused(&["beliefs", "launch", "--seen", "bild=no"]).starts_with("NX0903"));
        assert!(refused(&["beliefs", "launch", "--seen", "go=yes", "--seen", "go=no"]).contains("seen twice"));
        assert!(refused(&["beliefs", "launch", "--until", "0d"]).contains("slices"));
    }
}
