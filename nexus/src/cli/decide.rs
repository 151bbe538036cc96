//! `nexus decide`: what is likely, what to do, and what to find out first, from a model in a file.
//!
//! A thin front of `nexus_qlogik`, which makes the answers, their text and their JSON; the verbs about networks and
//! diagrams are in `decide::network`, the others in `decide::systems`. Without
//! `--at-node` it talks to no node.

mod far;
mod network;
mod situation;
mod systems;

use clap::{Args, Subcommand};

use self::network::{
    EvalArgs, ExplainArgs, InfluenceArgs, JointArgs, LearnArgs, LikeliestArgs, PolicyArgs, SensitivityArgs,
    SeparatedArgs, VoiArgs,
};
pub(super) use self::situation::refused;
use self::systems::{CircuitArgs, FuzzyArgs, PlotArgs, RankArgs, RulesArgs};
use super::cluster::Cluster;
use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;

/// Ask a decision model: a Bayesian network (.bif, .toml), an influence diagram, a fuzzy system, rules or a ranking
/// (.toml).
#[derive(Debug, Clone, Args)]
pub(crate) struct DecideArgs {
    #[command(subcommand)]
    verb: DecideVerb,
    /// Let this node of the cluster find the answer
    #[arg(long, global = true, value_name = "NODE")]
    pub(crate) at_node: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum DecideVerb {
    /// Show how probable each state of each variable is
    Eval(EvalArgs),
    /// Show what to do at each decision, in each situation
    Policy(PolicyArgs),
    /// Show what it would be worth to find something out before deciding
    Voi(VoiArgs),
    /// Show which evidence moved a belief, and by how much
    Explain(ExplainArgs),
    /// Show the most probable states together: of all variables, or of some whatever the others are
    Likeliest(LikeliestArgs),
    /// Show how probable the states of several variables are together
    Joint(JointArgs),
    /// Show which numbers of the model a belief hangs on
    Sensitivity(SensitivityArgs),
    /// Show how strongly each arrow acts
    Influence(InfluenceArgs),
    /// Show whether one variable can tell anything about another
    Separated(SeparatedArgs),
    /// Learn the tables of a network from observations
    Learn(LearnArgs),
    /// Show what the rules of a model make of what is known, and which advice to follow
    Rules(RulesArgs),
    /// Show what a fuzzy system concludes from numbers
    Fuzzy(FuzzyArgs),
    /// Rank alternatives by several criteria, and show what the winner hangs on
    Rank(RankArgs),
    /// Run a small quantum circuit
    Circuit(CircuitArgs),
    /// Draw the model with its beliefs
    Plot(PlotArgs),
}

/// Lets a node of the cluster answer.
pub(crate) async fn decide_at(
    args: &DecideArgs,
    node: &str,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let asked = match &args.verb {
        DecideVerb::Eval(args) => (&args.situation, args.question()),
        DecideVerb::Policy(args) => (&args.situation, args.question()),
        DecideVerb::Voi(args) => (&args.situation, args.question()),
        DecideVerb::Explain(args) => (&args.situation, args.question()),
        _ => {
            let message = "this is answered on the machine where it is asked";
            return Err(CliError::new(Exit::Usage, codes::USAGE, message)
                .with_help("--at-node works with eval, policy, voi and explain"));
        }
    };
    far::ask(asked, node, cluster, console).await
}

/// Runs the verb.
pub(crate) fn decide(args: &DecideArgs, console: &mut Console) -> Result<(), CliError> {
    match &args.verb {
        DecideVerb::Eval(args) => network::eval(args, console),
        DecideVerb::Policy(args) => network::policy(args, console),
        DecideVerb::Voi(args) => network::voi(args, console),
        DecideVerb::Explain(args) => network::explain(args, console),
        DecideVerb::Likeliest(args) => network::likeliest(args, console),
        DecideVerb::Joint(args) => network::joint(args, console),
        DecideVerb::Sensitivity(args) => network::sensitivity(args, console),
        DecideVerb::Influence(args) => network::influence(args, console),
        DecideVerb::Separated(args) => network::separated(args, console),
        DecideVerb::Learn(args) => network::learn(args, console),
        DecideVerb::Rules(args) => systems::rules(args, console),
        DecideVerb::Fuzzy(args) => systems::fuzzy(args, console),
        DecideVerb::Rank(args) => systems::rank(args, console),
        DecideVerb::Circuit(args) => systems::circuit(args, console),
        DecideVerb::Plot(args) => systems::plot(args, console),
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

    /// The page's commands, each as the words of its line.
    fn commands_of_the_page() -> Vec<Vec<String>> {
        let page = std::fs::read_to_string(root().join("docs/decisions.md")).unwrap();
        let lines = page.lines().filter_map(|line| line.strip_prefix("nexus decide "));
        let words = |line: &str| {
            let mut words: Vec<String> = Vec::new();
            for (place, part) in line.split('"').enumerate() {
                match place % 2 {
                    0 => words.extend(part.split_whitespace().map(str::to_owned)),
                    _ => words.push(part.to_owned()),
                }
            }
            words
        };
        lines.map(words).collect()
    }

    fn root() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_command_of_the_page_gives_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let commands = commands_of_the_page();
        assert!(commands.len() > 15);
        for json in [false, true] {
            for words in &commands {
                let words = words.iter().map(|word| {
                    if word.starts_with("examples/") {
                        root().join(word).display().to_string()
                    } else if word.ends_with(".svg") {
                        folder.path().join(word).display().to_string()
                    } else {
                        word.clone()
                    }
                });
                let line: Vec<String> = std::iter::once("decide".to_owned()).chain(words).collect();
                let args = Line::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}")).args;
                let (mut console, out, _) = pages(json);
                decide(&args, &mut console).unwrap_or_else(|error| panic!("{line:?}: {}", error.message));
                assert_eq!(out.text().is_empty(), line[1] == "plot", "{line:?}");
                assert!(!json || out.text().is_empty() || out.text().starts_with('{'), "{line:?}");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "the pictures");
    }

    fn of_example(words: &[&str], json: bool) -> String {
        let words = words.iter().map(|word| {
            if word.starts_with("examples/") { root().join(word).display().to_string() } else { (*word).to_owned() }
        });
        let line: Vec<String> = std::iter::once("decide".to_owned()).chain(words).collect();
        let (mut console, out, _) = pages(json);
        decide(&Line::try_parse_from(line).unwrap().args, &mut console)
            .unwrap_or_else(|error| panic!("{}", error.message));
        out.text()
    }

    #[test]
    fn rules_are_heard_in_their_order_and_what_they_cost_is_told() {
        let drone = ["rules", "examples/models/drone.toml", "-e", "weather=storm", "-e", "deadline=near"];
        let text = of_example(&drone, false);
        assert!(text.contains("follow fly") && text.contains("fly = later (utility)"), "{text}");
        assert!(text.contains("not    be on time") && text.contains("known: weather = storm"), "{text}");
        let windy =
            ["rules", "examples/models/drone.toml", "-e", "weather=windy", "-e", "deadline=near", "-e", "battery=low"];
        let text = of_example(&windy, false);
        assert!(text.contains("spare the battery: speed = slow"), "{text}");
    }

    #[test]
    fn what_was_learned_is_written_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("learned.toml");
        let path = path.to_str().unwrap();
        let words =
            ["learn", "examples/models/server.toml", "examples/models/server.csv", "-o", path, "--prior", "model"];
        let text = of_example(&words, false);
        assert!(text.contains("60 observations, values missing") && text.contains("kept as they are: slow"), "{text}");
        assert!(of_example(&["eval", path, "-e", "slow=yes"], true).contains("\"method\":\"exact\""));
    }
}
