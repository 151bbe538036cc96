//! `nexus jobs`: the newest jobs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use nexus_model::{JobId, JobState, TaskState};
use nexus_wire::limits::JOBS_PER_PAGE_MAX;
use nexus_wire::{JobView, Request, Response};

use super::cluster::{Cluster, unexpected};
use super::error::CliError;
use crate::output::json::{JobDocument, JobsDocument, NodeNames, document};
use crate::output::paint::{ERROR, FAINT, GOOD};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// List the newest jobs.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus jobs\n  nexus jobs --limit 100\n  nexus jobs --all --json")]
pub(crate) struct JobsArgs {
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Every job that the cluster knows
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// Runs the verb.
pub(crate) async fn jobs(args: &JobsArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let wanted = if args.all { usize::MAX } else { args.limit as usize };
    let mut found: Vec<JobView> = Vec::new();
    while found.len() < wanted {
        let before: Option<JobId> = found.last().map(|job| job.job);
        let limit = u32::try_from(wanted - found.len()).unwrap_or(u32::MAX).min(JOBS_PER_PAGE_MAX);
        let Response::Jobs(page) = cluster.request(Request::ListJobs { limit, before }).await? else {
            return Err(unexpected());
        };
        // A page must move on, or it would be asked for forever.
        if page.is_empty() || page.iter().any(|job| before.is_some_and(|before| job.job >= before)) {
            break;
        }
        found.extend(page);
    }
    if console.is_json() {
        let names = NodeNames::default();
        let jobs = found.iter().map(|job| JobDocument::of(job, &names, now_ms())).collect();
        console.answer(&document(&JobsDocument { jobs }));
    } else if found.is_empty() {
        console.say("no jobs yet; `nexus submit FILE` makes one");
    } else {
        console.answer(&table(&found, now_ms()));
    }
    Ok(())
}

/// Now, in ms since 1970 on this machine's clock.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The jobs as a table: of `jobs` and of `top`.
pub(crate) fn table(jobs: &[JobView], now_ms: u64) -> String {
    let mut table = Table::new(&[
        ("JOB", Align::Left),
        ("NAME", Align::Left),
        ("STATE", Align::Left),
        ("DONE", Align::Left),
        ("FAILED", Align::Left),
        ("RUNNING", Align::Left),
        ("AGE", Align::Left),
        ("TIME", Align::Left),
    ]);
    for job in jobs {
        let facts = JobDocument::of(job, &NodeNames::default(), now_ms);
        let time = facts.time_ms.filter(|_| job.state.is_final());
        table.row(vec![
            Cell::new(facts.job.to_string()),
            Cell::new(&facts.name),
            state(job),
            Cell::new(format!("{}/{}", facts.done, facts.tasks)),
            if facts.failed > 0 { Cell::painted(ERROR, facts.failed.to_string()) } else { Cell::new("0") },
            Cell::new(facts.running.to_string()),
            Cell::new(units::age(Duration::from_millis(facts.age_ms))),
            time.map_or_else(Cell::nothing, |time| Cell::new(units::duration(Duration::from_millis(time)))),
        ]);
    }
    table.render()
}

/// The state of a job in words: of one that failed only of lateness, that.
pub(crate) fn state_text(job: &JobView) -> &'static str {
    let all_late = job.count(TaskState::Failed) == 0 && job.count(TaskState::TimedOut) > 0;
    if job.state == JobState::Failed && all_late { "timed out" } else { job.state.name() }
}

fn state(job: &JobView) -> Cell {
    let text = state_text(job);
    match job.state {
        JobState::Succeeded => Cell::painted(GOOD, text),
        JobState::Failed => Cell::painted(ERROR, text),
        JobState::Queued | JobState::Cancelled => Cell::painted(FAINT, text),
        JobState::Running => Cell::new(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::{FakeCluster, job_view};

    #[test]
    fn the_table_is_the_one_that_was_promised() {
        let mut running = job_view(17, "sweep.mcode", 400);
        running.state = JobState::Running;
        running.counts[3] = 12;
        running.counts[4] = 301;
        running.submitted_at_ms = 1_000;
        let mut ended = job_view(16, "train.mcode", 1);
        ended.state = JobState::Succeeded;
        ended.counts[4] = 1;
        (ended.started_at_ms, ended.finished_at_ms) = (Some(10), Some(720_010));
        let mut late = job_view(15, "slow.mcode", 2);
        (late.state, late.submitted_at_ms) = (JobState::Failed, 1_000);
        late.counts[7] = 1;
        late.counts[4] = 1;
        let mut both = job_view(14, "bad.mcode", 2);
        (both.state, both.submitted_at_ms) = (JobState::Failed, 1_000);
        both.counts[7] = 1;
        both.counts[5] = 1;
        let text = table(&[running, ended, late, both], 151_000);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        JOB  NAME         STATE      DONE     FAILED  RUNNING  AGE    TIME
        17   sweep.mcode  running    301/400  0       12       2 min  —
        16   train.mcode  succeeded  1/1      0       0        2 min  12 min
        15   slow.mcode   timed out  2/2      1       0        2 min  —
        14   bad.mcode    failed     2/2      2       0        2 min  —
        ");
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_there_are_enough() {
        let cluster = FakeCluster::default();
        for number in 1..=2500 {
            cluster.add(job_view(number, "j", 1), vec![]);
        }
        let (mut console, out, _) = pages(true);
        jobs(&JobsArgs { limit: 1, all: true }, &cluster, &mut console).await.unwrap();
        assert_eq!(out.text().matches("\"job\":").count(), 2500);
        let (mut console, out, _) = pages(true);
        jobs(&JobsArgs { limit: 3, all: false }, &cluster, &mut console).await.unwrap();
        assert_eq!(out.text().matches("\"job\":").count(), 3);
        assert!(out.text().starts_with("{\"jobs\":[{\"job\":2500,\"name\":\"j\""), "{}", out.text());
    }

    #[tokio::test]
    async fn no_jobs_are_said_to_a_person_and_an_empty_list_to_a_program() {
        let (mut console, out, err) = pages(false);
        jobs(&JobsArgs { limit: 3, all: false }, &FakeCluster::default(), &mut console).await.unwrap();
        assert_eq!((out.text().as_str(), err.text().as_str()), ("", "no jobs yet; `nexus submit FILE` makes one\n"));
        let (mut console, out, _) = pages(true);
        jobs(&JobsArgs { limit: 3, all: false }, &FakeCluster::default(), &mut console).await.unwrap();
        assert_eq!(out.text(), "{\"jobs\":[]}\n");
    }
}
