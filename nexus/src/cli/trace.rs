//! `nexus trace JOB`: a job as a trace that a browser shows.

use std::path::PathBuf;

use clap::Args;

use super::cluster::Cluster;
use super::error::CliError;
use super::life::{Form, Subject, Wanted, life};
use super::timeline::verbs::{FormatWord, RangeArgs};
use crate::output::Console;

/// Write a job's attempts, node by node, as a trace for Chrome's viewer and for Perfetto
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus trace 17 -o job-17.json      then open it in chrome://tracing or https://ui.perfetto.dev
  nexus trace 17 | jq '.traceEvents | length'

Spans of requests and tasks go to an OpenTelemetry collector, if nexus.toml names one under [telemetry].")]
pub(crate) struct TraceArgs {
    /// The job, like 17 or job-17
    #[arg(value_name = "JOB", value_parser = job)]
    job: Subject,
    /// Write it there instead of printing it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn job(text: &str) -> Result<Subject, String> {
    Subject::of(text).ok_or_else(|| "write a job, like 17 or job-17 (`nexus jobs` lists them)".to_owned())
}

/// Runs the verb.
pub(crate) async fn trace(args: &TraceArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let form = Form::Written(FormatWord::Trace, args.output.clone());
    life(&args.job, &Wanted { form, range: RangeArgs::default() }, cluster, console).await
}
