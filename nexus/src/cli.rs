//! The command line: its definition, and the way from arguments to an exit code.
//!
//! One file a verb. A verb gets what it needs as arguments (a cluster, the language, the console), so that each is
//! tested without a process, a network or a GPU; only `session` knows the real ones.

mod argument;
mod audit;
mod cluster;
mod cluster_recover;
mod cluster_stop;
pub(crate) mod codes;
mod decide;
mod doctor;
mod engine;
mod engine_bench;
mod error;
mod explain;
#[cfg(test)]
mod fake;
mod files;
mod follow;
mod full_disk;
mod graph;
mod graph_file;
mod interrupt;
mod job;
mod job_logs;
mod job_result;
mod job_task;
mod jobs;
mod language;
mod life;
mod login;
mod lsp;
mod math;
mod mcode;
mod mcode_doc;
mod mcode_format;
mod module;
mod nearby;
mod node;
mod node_label;
mod optimizer;
mod optimizer_bench;
mod optimizer_shown;
mod profile;
mod profile_shown;
mod program;
mod repl;
mod result;
mod run;
mod schedule;
mod service;
mod session;
mod settings;
mod shell;
mod status;
mod submit;
mod submit_key;
mod submit_options;
#[cfg(test)]
mod tests;
mod timeline;
mod token;
mod top;
mod trace;
mod voters;
mod wait;
mod wasm_host;
mod whatif;
mod world;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use nexus_actors::learning;
use nexus_config::{Config, Flags, Machine, Places};
use nexus_optimizer::OptimizerConfig;
use tokio::sync::watch;

#[cfg(test)]
pub(crate) use self::fake::status as fake_status;
pub(crate) use self::jobs::now_ms;

use self::audit::AuditArgs;
use self::cluster::Cluster as _;
use self::cluster_recover::{ClusterArgs, ClusterVerb};
use self::decide::DecideArgs;
use self::engine::{EngineArgs, EngineVerb};
use self::error::{CliError, Exit};
use self::explain::ExplainArgs;
use self::job::JobArgs;
use self::jobs::JobsArgs;
use self::login::LoginArgs;
use self::lsp::LspArgs;
use self::math::MathArgs;
use self::mcode::McodeArgs;
use self::module::ModuleArgs;
use self::node::{NodeArgs, NodeVerb};
use self::optimizer::OptimizerArgs;
use self::profile::ProfileArgs;
use self::repl::ReplArgs;
use self::run::RunArgs;
use self::schedule::ScheduleArgs;
use self::service::ServiceArgs;
use self::shell::{CompletionsArgs, ManArgs};
use self::submit::SubmitArgs;
use self::timeline::TimelineArgs;
use self::token::TokenArgs;
use self::top::TopArgs;
use self::trace::TraceArgs;
use self::voters::VotersArgs;
use self::whatif::WhatifArgs;
use self::world::World;
use crate::output::Console;

/// Your machines as one machine for numerical work.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  nexus run examples/pca.mcode                       run a program here, now
  nexus node start                                   make this machine a node
  nexus submit train.mcode --arg epochs=10 --wait    hand a program to the cluster
  nexus jobs                                         see what became of it

Exit codes: 0 done, 1 the program failed, 2 wrong usage or input, 3 no node answers or it refuses,
4 cancelled or timed out."
)]
struct Cli {
    /// Folder of the node's data [default: NEXUS_HOME, else the platform's place]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print one stable JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(RunArgs),
    Submit(Box<SubmitArgs>),
    Jobs(JobsArgs),
    Job(JobArgs),
    Schedule(ScheduleArgs),
    Node(NodeArgs),
    Service(ServiceArgs),
    Token(TokenArgs),
    Voters(VotersArgs),
    Cluster(ClusterArgs),
    Login(LoginArgs),
    /// Show how the cluster is
    #[command(after_help = "Examples:\n  nexus status\n  nexus status --json")]
    Status,
    Top(TopArgs),
    Audit(AuditArgs),
    Trace(TraceArgs),
    Timeline(TimelineArgs),
    Whatif(WhatifArgs),
    Decide(DecideArgs),
    Explain(ExplainArgs),
    Math(MathArgs),
    Mcode(McodeArgs),
    Module(ModuleArgs),
    Repl(ReplArgs),
    Lsp(LspArgs),
    Engine(EngineArgs),
    Optimizer(OptimizerArgs),
    Profile(ProfileArgs),
    /// Look for what is wrong with this machine's settings, disk, node and devices
    #[command(after_help = "Examples:\n  nexus doctor\n  nexus doctor --json")]
    Doctor,
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Runs the command that the process was started with, and ends with its exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(ended) = wasm_host::asked(&arguments) {
        return ended;
    }
    nexus_actors::modules::run_wasm_with(std::env::current_exe());
    if let Some(folder) = Places::tuning_cache(&Machine::look()) {
        nexus_tensor::keep_tuning_in(folder);
    }
    start(arguments, session::Session::new).into()
}

/// Runs the command of these arguments.
fn start<W: World>(arguments: Vec<OsString>, world: impl FnOnce(Option<&Path>) -> W) -> Exit {
    let arguments = math::with_formulas(arguments);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return misused(&arguments, &error),
    };
    let mut console = Console::standard(cli.json);
    // A conversation goes on behind an interruption, and listens by itself.
    let interrupted = match cli.verb {
        Verb::Repl(_) => watch::channel(false).1,
        _ => interrupt::listen(),
    };
    let mut done = dispatch(&cli, &world(cli.data.as_deref()), &mut console, interrupted);
    if let Some(error) = console.take_lost() {
        let lost = CliError::new(Exit::Usage, codes::BAD_OUTPUT, format!("the answer could not be written: {error}"));
        done = done.and(Err(lost.with_help("make room, or send it elsewhere; what was asked for was done")));
    }
    match done {
        Ok(()) => Exit::Done,
        Err(error) => {
            error.show(&mut console);
            error.exit
        }
    }
}

/// Help and versions are answers; anything else that the command line's reader has to say is an error.
fn misused(arguments: &[OsString], error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match error.print() {
            // Whoever asked and has gone needs no help.
            Err(lost) if lost.kind() != std::io::ErrorKind::BrokenPipe => {
                let lost =
                    CliError::new(Exit::Usage, codes::BAD_OUTPUT, format!("the help could not be written: {lost}"));
                lost.with_help("make room, or send it elsewhere").show(&mut Console::standard(false));
                Exit::Usage
            }
            Ok(()) | Err(_) => Exit::Done,
        };
    }
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    if !json {
        let _ = error.print();
        return Exit::Usage;
    }
    let text = error.render().to_string();
    // The first paragraph is what is wrong; usage and advice follow.
    let paragraph: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let message = paragraph.join(" ").trim_start_matches("error: ").to_owned();
    CliError::new(Exit::Usage, codes::USAGE, message)
        .with_help("each verb's --help shows examples")
        .show(&mut Console::standard(json));
    Exit::Usage
}

fn dispatch(
    cli: &Cli,
    world: &impl World,
    console: &mut Console,
    interrupted: watch::Receiver<bool>,
) -> Result<(), CliError> {
    match &cli.verb {
        Verb::Run(args) => run::run(args, || learning_settings(cli.data.as_deref()), world, console, interrupted),
        Verb::Node(NodeArgs { verb: NodeVerb::Start(args) }) => {
            node::start(args, cli.data.clone(), world, console, interrupted)
        }
        Verb::Service(args) => service::service(args, cli.data.as_deref(), &service::Host::look(), world, console),
        Verb::Timeline(args) if args.is_local(&data_folder(cli.data.as_deref())?) => {
            timeline::timeline(args, &data_folder(cli.data.as_deref())?, console)
        }
        Verb::Explain(args) => explain::explain(args, |code| world.explain(code), console),
        Verb::Math(args) => math::math(args, console, &interrupted),
        Verb::Mcode(args) => mcode::mcode(args, world, console),
        Verb::Module(args) => module::module(args, &data_folder(cli.data.as_deref())?, world, console, &interrupted),
        Verb::Repl(args) => repl::repl(args, &data_folder(cli.data.as_deref())?, world, console),
        Verb::Lsp(args) => lsp::lsp(args, world),
        Verb::Profile(args) => profile::profile(args, world, console, interrupted),
        Verb::Decide(args) if args.at_node.is_none() => decide::decide(args, console),
        Verb::Optimizer(args) => optimizer::optimizer(args, learning_settings(cli.data.as_deref())?, world, console),
        Verb::Engine(EngineArgs { verb: EngineVerb::Status { hardware } }) => {
            let devices = if *hardware { world.hardware_devices() } else { world.devices() };
            // A node asks this of a program of its own while it starts: that is about the machine alone.
            let node = if *hardware { None } else { engine_of_node(cli.data.as_deref(), world) };
            engine::status(&devices, world.kept(&devices), node, console);
            Ok(())
        }
        Verb::Engine(EngineArgs { verb: EngineVerb::Bench(args) }) => engine_bench::bench(args, console),
        Verb::Completions(args) => {
            shell::completions(args, Cli::command(), console);
            Ok(())
        }
        Verb::Man(args) => shell::man(args, Cli::command(), console),
        Verb::Cluster(ClusterArgs { verb: ClusterVerb::Recover { yes } }) => {
            cluster_recover::recover(*yes, &data_folder(cli.data.as_deref())?, world, console)
        }
        Verb::Submit(_)
        | Verb::Login(_)
        | Verb::Jobs(_)
        | Verb::Job(_)
        | Verb::Schedule(_)
        | Verb::Top(_)
        | Verb::Audit(_)
        | Verb::Trace(_)
        | Verb::Node(_)
        | Verb::Timeline(_)
        | Verb::Decide(_)
        | Verb::Whatif(_)
        | Verb::Token(_)
        | Verb::Voters(_)
        | Verb::Cluster(_)
        | Verb::Doctor
        | Verb::Status => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                CliError::new(Exit::Unreachable, codes::UNEXPECTED_ANSWER, format!("no network here: {error}"))
            })?;
            if matches!(cli.verb, Verb::Doctor) {
                return runtime.block_on(doctor::doctor(cli.data.as_deref(), world, console));
            }
            let data = data_folder(cli.data.as_deref())?;
            runtime.block_on(ask(&cli.verb, &data, world, console, interrupted))
        }
    }
}

/// What the tensor engine of this machine's node says, where one runs.
fn engine_of_node(data: Option<&Path>, world: &impl World) -> Option<engine::NodeEngine> {
    let data = data_folder(data).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let cluster = world.connect(&data).await.ok()?;
        let told = engine::of_node(&cluster).await;
        cluster.close().await;
        told
    })
}

/// The verbs that talk to a node.
async fn ask(
    verb: &Verb,
    data: &Path,
    world: &impl World,
    console: &mut Console,
    mut interrupted: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let mut leave = interrupted.clone();
    let work = async {
        if let Verb::Login(args) = verb {
            return login::login(args, data, world, console).await;
        }
        let connected = wait::unless_interrupted(world.connect(data), &mut interrupted).await;
        let connected = connected.ok_or_else(interrupted_error)?;
        if let (Verb::Timeline(args), Err(_)) = (verb, &connected)
            && let Some((life::Subject::Node(name), _)) = args.life(data)
            && args.at_node.is_none()
            && life::Subject::of(&name).is_none()
        {
            // Without a cluster there are no nodes, so that a timeline was meant, and is not there.
            return timeline::timeline(args, data, console);
        }
        let cluster = &connected?;
        let done = tell(verb, data, (cluster, world), console, &mut interrupted).await;
        cluster.close().await;
        done
    };
    let waits = match verb {
        Verb::Submit(_) | Verb::Top(_) => true,
        Verb::Job(args) => args.waits(),
        _ => false,
    };
    tokio::select! {
        // Whoever waits for a job leaves in order when interrupted; that comes first.
        biased;
        done = work => done,
        () = wait::interruption(&mut leave), if !waits => Err(interrupted_error()),
    }
}

/// Does what a verb says, with a cluster that answers.
async fn tell(
    verb: &Verb,
    data: &Path,
    (cluster, world): (&impl cluster::Cluster, &impl World),
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    match verb {
        Verb::Submit(args) => submit::submit(args, cluster, world, console, interrupted).await,
        Verb::Jobs(args) => jobs::jobs(args, cluster, console).await,
        Verb::Top(args) => top::top(args, cluster, console, interrupted).await,
        Verb::Schedule(args) => schedule::schedule(args, cluster, console).await,
        Verb::Audit(args) => audit::audit(args, cluster, console).await,
        Verb::Trace(args) => trace::trace(args, cluster, console).await,
        Verb::Job(args) => job::job(args, cluster, console, interrupted).await,
        Verb::Node(NodeArgs { verb: NodeVerb::Stop { node } }) => node::stop(node.as_deref(), cluster, console).await,
        Verb::Node(NodeArgs { verb: NodeVerb::Drain { node, undo } }) => {
            node::drain(node.as_deref(), !undo, cluster, console).await
        }
        Verb::Node(NodeArgs { verb: NodeVerb::Label { node, labels } }) => {
            node_label::label(node, labels, cluster, console).await
        }
        Verb::Node(NodeArgs { verb: NodeVerb::Forget { node } }) => node::forget(node, cluster, console).await,
        Verb::Node(_) => node::list(cluster, console).await,
        Verb::Whatif(args) => whatif::whatif(args, data, cluster, world, console).await,
        Verb::Timeline(args) => match (&args.at_node, args.life(data)) {
            (Some(node), _) => timeline::far::timeline_at(&args.verb, node, data, cluster, console).await,
            (None, Some((subject, wanted))) => life::life(&subject, &wanted, cluster, console).await,
            (None, None) => timeline::timeline(args, data, console),
        },
        Verb::Decide(args) => match &args.at_node {
            Some(node) => decide::decide_at(args, node, cluster, console).await,
            None => decide::decide(args, console),
        },
        Verb::Token(args) => token::token(args, cluster, console).await,
        Verb::Voters(args) => voters::voters(args, cluster, console).await,
        Verb::Cluster(args) => {
            let stopped = matches!(args.verb, ClusterVerb::StopAll);
            cluster_stop::stop(stopped, cluster, console).await
        }
        _ => status::status(cluster, console).await,
    }
}

fn interrupted_error() -> CliError {
    CliError::new(Exit::Cancelled, codes::INTERRUPTED, "interrupted")
}

/// The folder of the node of this machine. Where it is named, the settings are not asked: they may be wrong.
fn data_folder(flag: Option<&Path>) -> Result<PathBuf, CliError> {
    let flags = Flags { data: flag.map(Path::to_owned), ..Flags::default() };
    let machine = Machine::look();
    if flags.data.is_none() && machine.nexus_home.is_none() {
        return Ok(config(&flags)?.node().data().to_owned());
    }
    Places::data(&flags, &machine, None)
        .map_err(|error| CliError::new(Exit::Usage, codes::BAD_CONFIG, error.to_string()))
}

/// How the optimiser of this machine is set, with the file that keeps what it learned.
fn learning_settings(flag: Option<&Path>) -> Result<OptimizerConfig, CliError> {
    let config = config(&Flags { data: flag.map(Path::to_owned), ..Flags::default() })?;
    let settings = config.optimizer().clone();
    let file = settings.model_path.clone().unwrap_or_else(|| learning::file(config.node().data()));
    Ok(OptimizerConfig { model_path: Some(file), ..settings })
}

fn config(flags: &Flags) -> Result<Config, CliError> {
    let machine = Machine::look();
    Config::load(flags, &machine).map_err(|errors| settings::error(&errors, Places::config_file(flags, &machine)))
}

/// An exit code for the system.
impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
