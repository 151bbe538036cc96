//! `nexus schedule`: jobs that recur. They are made with `nexus submit --schedule`.

use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_model::{JobSpec, Recurrence, ScheduleId};
use nexus_wire::{Request, Response, ScheduleRequest, ScheduleResponse, ScheduleView};
use serde::Serialize;

use super::cluster::{Cluster, unexpected};
use super::error::CliError;
use super::jobs::now_ms;
use crate::output::json::document;
use crate::output::paint::{NAME, paint};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// List or end schedules of jobs; `nexus submit --schedule` makes them.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    verb: ScheduleVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum ScheduleVerb {
    /// List the schedules, with their next times and newest jobs
    #[command(after_help = "Examples:\n  nexus schedule list\n  nexus schedule list --json")]
    List,
    /// End a schedule; jobs that it made stay as they are
    #[command(after_help = "Example:\n  nexus schedule remove 3")]
    Remove {
        /// The schedule, like 3 or schedule-3
        #[arg(value_name = "SCHEDULE")]
        schedule: ScheduleId,
    },
}

/// A schedule as JSON.
#[derive(Debug, Serialize)]
struct ScheduleDocument<'a> {
    schedule: u64,
    name: &'a str,
    user: &'a str,
    times: &'a str,
    utc_offset_minutes: i16,
    next_ms: u64,
    last_job: Option<u64>,
    jobs: u64,
    skipped: u64,
}

/// `nexus schedule list --json`.
#[derive(Debug, Serialize)]
struct SchedulesDocument<'a> {
    schedules: Vec<ScheduleDocument<'a>>,
}

/// `nexus submit --schedule --json`.
#[derive(Debug, Serialize)]
struct CreatedDocument<'a> {
    schedule: u64,
    name: &'a str,
    next_ms: u64,
}

async fn ask(request: ScheduleRequest, cluster: &impl Cluster) -> Result<Response, CliError> {
    Ok(cluster.request(Request::Schedule(Box::new(request))).await?)
}

/// Makes a schedule, and says when it begins.
pub(crate) async fn create(
    spec: Box<JobSpec>,
    recurrence: Recurrence,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let (name, times) = (spec.name.clone(), recurrence.cron.clone());
    let Response::Schedule(answer) = ask(ScheduleRequest::Create { spec, recurrence }, cluster).await? else {
        return Err(unexpected());
    };
    let ScheduleResponse::Created { schedule, next_at_ms } = *answer else { return Err(unexpected()) };
    let next_ms = next_at_ms.saturating_sub(now_ms());
    if console.is_json() {
        console.answer(&document(&CreatedDocument { schedule: schedule.0, name: &name, next_ms }));
    } else {
        let next = units::age(Duration::from_millis(next_ms));
        let id = paint(NAME, &schedule.to_string());
        console.answer(&format!("{id}  {name}  {times}  next in {next}\n"));
    }
    Ok(())
}

/// Runs the verb.
pub(crate) async fn schedule(
    args: &ScheduleArgs,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    match args.verb {
        ScheduleVerb::List => list(cluster, console).await,
        ScheduleVerb::Remove { schedule } => {
            let Response::Done = ask(ScheduleRequest::Remove(schedule), cluster).await? else {
                return Err(unexpected());
            };
            if console.is_json() {
                console.answer(&format!("{{\"removed\":{}}}\n", schedule.0));
            } else {
                console.say(&format!("{schedule} has ended; its jobs stay as they are"));
            }
            Ok(())
        }
    }
}

async fn list(cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let Response::Schedule(answer) = ask(ScheduleRequest::List, cluster).await? else { return Err(unexpected()) };
    let ScheduleResponse::Schedules(schedules) = *answer else { return Err(unexpected()) };
    if console.is_json() {
        let schedules = schedules.iter().map(|view| facts(view, now_ms())).collect();
        console.answer(&document(&SchedulesDocument { schedules }));
    } else if schedules.is_empty() {
        console.say("no schedules; `nexus submit --schedule TIMES` makes one");
    } else {
        console.answer(&table(&schedules, now_ms()));
    }
    Ok(())
}

fn facts(view: &ScheduleView, now_ms: u64) -> ScheduleDocument<'_> {
    ScheduleDocument {
        schedule: view.schedule.0,
        name: &view.name,
        user: &view.user,
        times: &view.recurrence.cron,
        utc_offset_minutes: view.recurrence.utc_offset_minutes,
        next_ms: view.next_at_ms.saturating_sub(now_ms),
        last_job: view.last_job.map(|job| job.0),
        jobs: view.begun,
        skipped: view.skipped,
    }
}

fn table(schedules: &[ScheduleView], now_ms: u64) -> String {
    let columns = ["SCHEDULE", "NAME", "TIMES", "UTC", "NEXT", "LAST JOB", "JOBS", "SKIPPED"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for view in schedules {
        let facts = facts(view, now_ms);
        let offset = i32::from(facts.utc_offset_minutes);
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        table.row(vec![
            Cell::painted(NAME, facts.schedule.to_string()),
            Cell::new(facts.name),
            Cell::new(facts.times),
            Cell::new(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)),
            Cell::new(format!("in {}", units::age(Duration::from_millis(facts.next_ms)))),
            facts.last_job.map_or_else(Cell::nothing, |job| Cell::new(job.to_string())),
            Cell::new(facts.jobs.to_string()),
            Cell::new(facts.skipped.to_string()),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::JobId;

    #[test]
    fn a_schedule_is_a_line_with_its_clock_and_its_next_time() {
        let view = ScheduleView {
            schedule: ScheduleId(3),
            name: "nightly".into(),
            user: "ada".into(),
            recurrence: Recurrence { cron: "0 3 * * *".into(), utc_offset_minutes: -510 },
            next_at_ms: 7_200_000,
            last_job: Some(JobId(17)),
            begun: 4,
            skipped: 1,
        };
        let text = anstream::adapter::strip_str(&table(&[view], 0)).to_string();
        let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words[..9], ["3", "nightly", "0", "3", "*", "*", "*", "-08:30", "in"], "{text}");
        assert!(text.contains("17"), "{text}");
    }
}
