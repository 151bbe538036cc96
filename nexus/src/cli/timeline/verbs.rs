//! The words of `nexus timeline`: verbs, options, and how their values are read.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use nexus_echo::{
    Delay, Document, EventKind, Graph, Micros, Preference, Spread, TimeRange, Timeline, TimelineKind, TriggerKind, draw,
};

use super::bridge::{ModelArgs, SeenArgs};
use crate::cli::error::CliError;
use crate::output::Console;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TimelineVerb {
    /// List the timelines
    #[command(after_help = "Example:\n  nexus timeline list")]
    List,
    /// Make an empty timeline
    #[command(after_help = "Example:\n  nexus timeline create launch")]
    Create {
        name: String,
        #[arg(long, value_enum, default_value = "primary")]
        kind: KindWord,
    },
    /// Read a timeline from a JSON file (- is stdin), or make one of a belief network or influence diagram (.bif, .toml)
    #[command(
        after_help = "Examples:\n  nexus timeline import examples/launch.json\n  nexus timeline import asia.bif --as asia"
    )]
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Call it this
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
    },
    /// Add an event
    #[command(after_help = "Example:\n  nexus timeline append launch review --at 12d --after build --delay 1d..3d")]
    Append(EventArgs),
    /// Add a trigger between two events
    #[command(
        after_help = "Examples:\n  nexus timeline link launch design enables build --delay 5d..12d --mode 6d\n  nexus timeline link launch storm causes late --probability 0.3 --delay 2d"
    )]
    Link(TriggerArgs),
    /// Change an event, or do edits from a file of JSON lines
    #[command(
        after_help = "Examples:\n  nexus timeline edit launch --event review --at 14d\n  nexus timeline edit launch --event review --remove\n  nexus timeline edit launch --cut storm causes late\n  nexus timeline edit launch --file edits.jsonl"
    )]
    Edit(EditArgs),
    /// Make a branch; the two share what they have in common
    #[command(
        after_help = "Example:\n  nexus timeline fork launch rushed\n  nexus timeline fork launch before --at 12"
    )]
    Fork {
        name: String,
        /// The branch's name
        branch: String,
        /// Fork at this position of the log, or this snapshot
        #[arg(long, value_name = "POSITION")]
        at: Option<String>,
        #[arg(long, value_enum, default_value = "alternative")]
        kind: KindWord,
    },
    /// Name the present state
    #[command(after_help = "Example:\n  nexus timeline snapshot launch agreed")]
    Snapshot { name: String, snapshot: String },
    /// Go back to a position of the log or to a snapshot; the log keeps what was in between
    #[command(after_help = "Example:\n  nexus timeline rollback launch agreed")]
    Rollback { name: String, to: String },
    /// Take a branch's changes in; conflicts are reported
    #[command(after_help = "Example:\n  nexus timeline merge launch rushed --dry-run")]
    Merge {
        name: String,
        /// The branch to take in
        branch: String,
        /// What becomes of conflicts
        #[arg(long, value_enum, default_value = "report")]
        prefer: PreferWord,
        /// Show what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Draw the timelines with their branches
    #[command(after_help = "Example:\n  nexus timeline branches --svg branches.svg")]
    Branches {
        /// Only this one and what was forked from it
        name: Option<String>,
        #[arg(long, value_name = "FILE", required_unless_present = "dot", conflicts_with = "dot")]
        svg: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        dot: Option<PathBuf>,
    },
    /// Compare two timelines
    #[command(after_help = "Example:\n  nexus timeline diff launch rushed")]
    Diff { first: String, second: String },
    /// Find what cannot be; ends with code 1 if there is something
    #[command(after_help = "Example:\n  nexus timeline check launch --json")]
    Check { name: String },
    /// Propose the least change that makes it consistent
    #[command(after_help = "Example:\n  nexus timeline repair launch\n  nexus timeline repair launch --apply 1")]
    Repair {
        name: String,
        /// Do proposal N (1 is the cheapest)
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
        apply: Option<u8>,
    },
    /// Draw it, or what happened to a job or a node
    #[command(
        after_help = "Examples:\n  nexus timeline show launch\n  nexus timeline show 17\n  nexus timeline show studio\n  nexus timeline show 17 --svg job.svg\n  nexus timeline show launch --from 20d --to 60d"
    )]
    Show {
        /// A timeline, the number of a job, or a node
        name: String,
        /// Write an SVG picture instead
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// As of this position of the log, or this snapshot
        #[arg(long, value_name = "POSITION")]
        at: Option<String>,
        #[command(flatten)]
        range: RangeArgs,
    },
    /// List its edits, with their hashes
    #[command(after_help = "Example:\n  nexus timeline log launch")]
    Log { name: String },
    /// Everything through which an event comes about
    #[command(after_help = "Example:\n  nexus timeline causes launch build")]
    Causes { name: String, event: String },
    /// Everything that comes about through an event
    #[command(after_help = "Example:\n  nexus timeline effects launch design")]
    Effects { name: String, event: String },
    /// The causal paths between two events
    #[command(after_help = "Example:\n  nexus timeline paths launch design launch")]
    Paths { name: String, from: String, to: String },
    /// Simulate what could happen
    #[command(after_help = "Example:\n  nexus timeline forecast launch --choose \"suppliers?=two suppliers\"")]
    Forecast(ForecastArgs),
    /// Find what to do at its decisions
    #[command(after_help = "Examples:\n  nexus timeline plan launch\n  nexus timeline plan launch --svg policy.svg")]
    Plan(PlanArgs),
    /// What to believe of its events, given what was seen
    #[command(
        after_help = "Examples:\n  nexus timeline beliefs launch --seen \"parts late=yes\"\n  nexus timeline beliefs launch --until 160d --seen build=not-by:40d"
    )]
    Beliefs(SeenArgs),
    /// What to do, given what was seen: as an influence diagram
    #[command(after_help = "Example:\n  nexus timeline advise launch --until 160d --slices 16")]
    Advise(SeenArgs),
    /// Write it as a belief network or an influence diagram, for `nexus decide`
    #[command(
        after_help = "Examples:\n  nexus timeline model launch --until 160d -o launch.toml\n  nexus timeline model launch -o launch.bif"
    )]
    Model(ModelArgs),
    /// Write it as JSON, DOT, SVG or a trace for Chrome's viewer
    #[command(
        after_help = "Examples:\n  nexus timeline export launch --format svg -o launch.svg\n  nexus timeline export 17 --format trace -o trace.json"
    )]
    Export {
        /// A timeline, the number of a job, or a node
        name: String,
        #[arg(long, value_enum, default_value = "json")]
        format: FormatWord,
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// As of this position of the log, or this snapshot
        #[arg(long, value_name = "POSITION")]
        at: Option<String>,
        #[command(flatten)]
        range: RangeArgs,
    },
}

/// A range of time.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct RangeArgs {
    /// Only what happens from then on: a date, or a span like 3d (of a job: since its beginning)
    #[arg(long, value_name = "TIME", value_parser = Micros::parse, allow_hyphen_values = true)]
    from: Option<Micros>,
    /// Only what happens until then
    #[arg(long, value_name = "TIME", value_parser = Micros::parse, allow_hyphen_values = true)]
    to: Option<Micros>,
}

impl RangeArgs {
    /// The range in the times of a timeline. Where nothing lies in it, the console says so.
    pub(crate) fn of(self, timeline: &Timeline, console: &mut Console) -> Result<TimeRange, CliError> {
        let range = TimeRange::of(timeline.state(), self.from, self.to)?;
        let times = || timeline.state().iter_nodes().map(|(_, node)| node);
        if let (Some(first), Some(last)) =
            (times().map(|node| node.timestamp).min(), times().map(|node| node.until()).max())
            && !times().any(|node| range.touches(node))
        {
            let (name, first, last) = (timeline.name(), first.point(), last.point());
            console.say(&format!("nothing lies in that range: {name} goes from {first} to {last}"));
        }
        Ok(range)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EventArgs {
    /// The timeline
    pub(crate) name: String,
    /// The event's name
    pub(crate) event: String,
    /// When: a span from zero (3d, 1.5h) or a date
    #[arg(long, value_parser = Micros::parse, allow_hyphen_values = true)]
    pub(crate) at: Micros,
    #[arg(long, value_enum, default_value = "planned")]
    pub(crate) kind: EventWord,
    /// How likely, from 0 to 1
    #[arg(long)]
    pub(crate) probability: Option<f64>,
    /// What it is worth
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub(crate) utility: f64,
    /// What each day late costs
    #[arg(long, default_value_t = 0.0)]
    pub(crate) late_cost: f64,
    /// It needs this event first
    #[arg(long, value_name = "EVENT")]
    pub(crate) after: Vec<String>,
    /// How long after: 2d or 2d..5d
    #[arg(long, value_name = "DELAY", value_parser = delay, requires = "after")]
    pub(crate) delay: Option<Delay>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TriggerArgs {
    /// The timeline
    pub(crate) name: String,
    /// The event that acts
    pub(crate) from: String,
    #[arg(value_enum)]
    pub(crate) kind: TriggerWord,
    /// The event acted on
    pub(crate) to: String,
    /// How likely it acts, from 0 to 1
    #[arg(long, default_value_t = 1.0)]
    pub(crate) probability: f64,
    /// How long it takes: 2d or 2d..5d
    #[arg(long, value_name = "DELAY", value_parser = delay)]
    pub(crate) delay: Option<Delay>,
    /// The likeliest delay, between the bounds (PERT)
    #[arg(long, value_name = "DELAY", value_parser = Micros::parse, conflicts_with = "mean")]
    pub(crate) mode: Option<Micros>,
    /// Mean of an exponential delay
    #[arg(long, value_name = "DELAY", value_parser = Micros::parse)]
    pub(crate) mean: Option<Micros>,
}

impl TriggerArgs {
    pub(crate) fn spread(&self) -> Spread {
        match (self.mode, self.mean) {
            (Some(mode), _) => Spread::Pert { mode },
            (None, Some(mean)) => Spread::Exponential { mean },
            (None, None) => Spread::Uniform,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EditArgs {
    /// The timeline
    pub(crate) name: String,
    /// Edits, one JSON value a line (- is stdin)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event", "cut"])]
    pub(crate) file: Option<PathBuf>,
    /// The event to change
    #[arg(long, required_unless_present_any = ["file", "cut"])]
    pub(crate) event: Option<String>,
    /// Move it
    #[arg(long, value_parser = Micros::parse, requires = "event", allow_hyphen_values = true)]
    pub(crate) at: Option<Micros>,
    #[arg(long, requires = "event", value_enum)]
    pub(crate) kind: Option<EventWord>,
    #[arg(long, requires = "event")]
    pub(crate) probability: Option<f64>,
    #[arg(long, requires = "event", allow_hyphen_values = true)]
    pub(crate) utility: Option<f64>,
    #[arg(long, requires = "event")]
    pub(crate) late_cost: Option<f64>,
    /// Take it out, with its triggers
    #[arg(long, requires = "event", conflicts_with_all = ["at", "kind", "probability", "utility", "late_cost"])]
    pub(crate) remove: bool,
    /// Cut a trigger
    #[arg(long, num_args = 3, value_names = ["FROM", "KIND", "TO"], conflicts_with = "event")]
    pub(crate) cut: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ForecastArgs {
    /// The timeline
    pub(crate) name: String,
    /// How many futures
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=nexus_echo::forecast::ROLLOUTS_MAX))]
    pub(crate) rollouts: u64,
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Take an option: DECISION=OPTION
    #[arg(long, value_name = "DECISION=OPTION", value_parser = choice)]
    pub(crate) choose: Vec<(String, String)>,
    /// Ask what matters for when this event happens [default: for the last one]
    #[arg(long, value_name = "EVENT")]
    pub(crate) of: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    /// The timeline
    pub(crate) name: String,
    /// Futures sampled where the answer cannot be computed exactly
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub(crate) rollouts: u64,
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Take an option for given: DECISION=OPTION
    #[arg(long, value_name = "DECISION=OPTION", value_parser = choice)]
    pub(crate) choose: Vec<(String, String)>,
    /// Write the policy as an SVG picture instead
    #[arg(long, value_name = "FILE", conflicts_with = "dot")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the policy as a graph for Graphviz instead
    #[arg(long, value_name = "FILE")]
    pub(crate) dot: Option<PathBuf>,
}

fn choice(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((decision, option)) => Ok((decision.to_owned(), option.to_owned())),
        None => Err("write DECISION=OPTION".to_owned()),
    }
}

fn delay(text: &str) -> Result<Delay, String> {
    match text.split_once("..") {
        Some((min, max)) => Ok(Delay { min: Micros::parse(min)?, max: Some(Micros::parse(max)?) }),
        None => Micros::parse(text).map(|delay| Delay { min: delay, max: Some(delay) }),
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident => $target:ty { $($word:ident => $value:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($word,)+ }

        impl From<$name> for $target {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value,)+ }
            }
        }
    };
}

words! {
    /// Kinds of timelines.
    KindWord => TimelineKind {
        Primary => TimelineKind::Primary,
        Alternative => TimelineKind::Alternative,
        Simulation => TimelineKind::Simulation,
    }
}
words! {
    /// Kinds of events.
    EventWord => EventKind {
        Fact => EventKind::Fact,
        Planned => EventKind::Planned,
        Decision => EventKind::Decision,
    }
}
words! {
    /// Kinds of triggers.
    TriggerWord => TriggerKind {
        Causes => TriggerKind::Causes,
        Enables => TriggerKind::Enables,
        Prevents => TriggerKind::Prevents,
        Excludes => TriggerKind::Excludes,
        Informs => TriggerKind::Informs,
        Option => TriggerKind::Option,
    }
}
words! {
    /// What becomes of conflicts.
    PreferWord => Preference {
        Report => Preference::Report,
        Ours => Preference::Ours,
        Theirs => Preference::Theirs,
    }
}

/// Formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatWord {
    Json,
    Dot,
    Svg,
    Trace,
}

/// A range of a timeline in a format.
pub(crate) fn text(timeline: &Timeline, range: TimeRange, format: FormatWord) -> String {
    let graph = || Graph::within(timeline.state(), range);
    match format {
        FormatWord::Json => Document::within(timeline, range).to_text(),
        FormatWord::Dot => draw::dot(&graph(), timeline.name()),
        FormatWord::Svg => draw::svg(&graph(), timeline.name(), range),
        FormatWord::Trace => draw::trace(&graph()),
    }
}
