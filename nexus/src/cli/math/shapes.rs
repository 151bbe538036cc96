//! Graphs and balls, for `nexus math`.

use std::path::PathBuf;

use clap::Args;
use nexus_mprime::answer::{self, GraphFormat, NamedGraph};
use nexus_mprime::symbolic::MathError;

use super::Unanswered;
use super::answers::Answer;

/// The longest file that is read: 64 MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file with a graph, and what is asked of it.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus math graph roads.txt\n  nexus math graph roads.txt --from home --to work\n  \
    nexus math graph torus.toml\n\nA line of roads.txt is an edge: `home shop 2.5`. A file that ends in .toml or .json has \
    `edges`, `directed`,\n`simplices`, or a `grid` with `walls`: docs/math.md has the whole story."
)]
pub(super) struct GraphArgs {
    /// The file: lines of edges, or a document of TOML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Find how far every vertex is from this one
    #[arg(long, value_name = "VERTEX")]
    from: Option<String>,
    /// Find the shortest way to this one
    #[arg(long, value_name = "VERTEX", requires = "from")]
    to: Option<String>,
}

/// A ball, in any number of dimensions up to ten.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus math ball 4\n  nexus math ball 3 --radius 1/2")]
pub(super) struct BallArgs {
    /// Dimensions, from 1 to 10
    #[arg(value_name = "DIMENSIONS", value_parser = clap::value_parser!(u8).range(1..=10))]
    dimensions: u8,
    /// The radius, a rational number
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    radius: String,
}

/// What a graph is like, or ways in it.
pub(super) fn graph(args: &GraphArgs) -> Result<Answer, Unanswered> {
    let name = args.file.display().to_string();
    let unread = |why: String| {
        let error = MathError::other(format!("{name} cannot be read: {why}"));
        Unanswered { error: error.with_help("Give a file of edges, TOML or JSON"), text: name.clone() }
    };
    let size = std::fs::metadata(&args.file).map_err(|error| unread(error.to_string()))?;
    if !size.is_file() || size.len() > FILE_BYTES_MAX {
        return Err(unread("it is no file of at most 64 MiB".to_owned()));
    }
    let text = std::fs::read_to_string(&args.file).map_err(|error| unread(error.to_string()))?;
    let format = match args.file.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => GraphFormat::Toml,
        Some("json") => GraphFormat::Json,
        _ => GraphFormat::Edges,
    };
    let graph = NamedGraph::read(&text, format).map_err(Unanswered::of(&text))?;
    let refused = |error| Unanswered { error, text: name.clone() };
    match (&args.from, &args.to) {
        (Some(from), Some(to)) => answer::path(&graph, from, to).map(|found| Answer::told(&found)),
        (Some(from), None) => answer::distances(&graph, from).map(|found| Answer::told(&found)),
        (None, _) => answer::describe(&graph).map(|found| Answer::told(&found)),
    }
    .map_err(refused)
}

/// Volume and surface of a ball.
pub(super) fn ball(args: &BallArgs) -> Result<Answer, Unanswered> {
    let found = answer::ball(usize::from(args.dimensions), &args.radius);
    found.map(|found| Answer::told(&found)).map_err(Unanswered::of(&args.radius))
}
