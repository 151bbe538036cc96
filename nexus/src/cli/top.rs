//! `nexus top`: the cluster and its newest jobs on one screen that keeps itself up to date.
//!
//! It draws with the few escape sequences that every terminal knows and reads no keys: Ctrl-C leaves it. Where stdout is
//! no terminal it prints one picture and ends.

use std::collections::VecDeque;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::Args;
use nexus_model::JobState;
use nexus_wire::{JobView, NodeState, Request, Response, StatusView};
use serde::Serialize;
use tokio::sync::watch;

use super::argument::duration;
use super::cluster::{Cluster, unexpected};
use super::error::CliError;
use super::jobs::{self, now_ms};
use super::wait::{interruption, retry_after};
use super::{node, status};
use crate::health;
use crate::output::Console;
use crate::output::json::{JobDocument, NodeNames, StatusDocument, document};
use crate::output::paint::{FAINT, GOOD, NAME, paint};

/// Jobs on the screen: those that have not ended first.
const JOBS_SHOWN: usize = 12;
/// Newest jobs among which they are looked for.
const JOBS_LOOKED_AT: u32 = 200;
/// Cells of a bar.
const BAR_CELLS: u64 = 24;
/// Pictures over which the rate is measured.
const RATE_PICTURES: usize = 10;

/// Another screen, without a cursor and without wrapping; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Show the cluster on one screen that keeps itself up to date; Ctrl-C leaves it.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus top\n  nexus top --every 5s\n  nexus top --json      one picture as a document"
)]
pub(crate) struct TopArgs {
    /// Time between two pictures
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    every: Duration,
}

/// What is on the screen.
#[derive(Debug, Clone)]
struct Picture {
    status: StatusView,
    jobs: Vec<JobView>,
    at_ms: u64,
}

/// `nexus top --json`.
#[derive(Debug, Serialize)]
struct TopDocument {
    #[serde(flatten)]
    status: StatusDocument,
    jobs: Vec<JobDocument>,
}

/// Runs the verb.
pub(crate) async fn top(
    args: &TopArgs,
    cluster: &impl Cluster,
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    let first = picture(cluster).await?;
    if console.is_json() {
        let names = NodeNames::of(&first.status.nodes);
        let jobs = first.jobs.iter().map(|job| JobDocument::of(job, &names, first.at_ms)).collect();
        console.answer(&document(&TopDocument { status: StatusDocument::of(&first.status, first.at_ms), jobs }));
        return Ok(());
    }
    // Where colours are not wanted, or not understood, the other sequences are not either.
    if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never {
        console.answer(&drawn(&first, None));
        return Ok(());
    }
    console.answer(ENTER);
    let watched = tokio::select! {
        watched = watch_it(args.every, first, cluster, console) => watched,
        () = interruption(interrupted) => Ok(()),
    };
    console.answer(LEAVE);
    watched
}

async fn watch_it(
    every: Duration,
    first: Picture,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    // Tasks that had ended at each of the last pictures.
    let mut ended: VecDeque<(u64, u64)> = VecDeque::new();
    let mut newest = first;
    while !console.is_broken() {
        ended.push_back((newest.at_ms, tasks_ended(&newest)));
        if ended.len() > RATE_PICTURES {
            ended.pop_front();
        }
        let text = drawn(&newest, rate(&ended));
        // Line by line over what was there, so that nothing flickers.
        console.answer(&format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")));
        tokio::time::sleep(every).await;
        newest = picture(cluster).await?;
    }
    Ok(())
}

/// Looks at the cluster; waits where it is busy or between two leaders.
async fn picture(cluster: &impl Cluster) -> Result<Picture, CliError> {
    let Response::Status(mut status) = ask(cluster, Request::GetStatus).await? else { return Err(unexpected()) };
    if status.leader.is_some() {
        health::read(cluster.request(health::request())).await.fill_in_status(&mut status);
    }
    let newest = Request::ListJobs { limit: JOBS_LOOKED_AT, before: None };
    let Response::Jobs(jobs) = ask(cluster, newest).await? else { return Err(unexpected()) };
    Ok(Picture { status: *status, jobs, at_ms: now_ms() })
}

async fn ask(cluster: &impl Cluster, request: Request) -> Result<Response, CliError> {
    loop {
        match cluster.request(request.clone()).await {
            Ok(response) => return Ok(response),
            Err(refusal) => match retry_after(&refusal) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(refusal.into()),
            },
        }
    }
}

fn tasks_ended(picture: &Picture) -> u64 {
    picture.jobs.iter().map(|job| u64::from(job.ended())).sum()
}

/// Tasks that ended in a second, over the last pictures; none where a job was forgotten meanwhile.
fn rate(ended: &VecDeque<(u64, u64)>) -> Option<f64> {
    let ((from_ms, before), (to_ms, after)) = (ended.front()?, ended.back()?);
    let (seconds, tasks) = (to_ms.checked_sub(*from_ms)? as f64 / 1e3, after.checked_sub(*before)?);
    (seconds > 0.0).then(|| tasks as f64 / seconds)
}

/// The whole screen as text.
fn drawn(picture: &Picture, rate: Option<f64>) -> String {
    let Picture { status, jobs, at_ms } = picture;
    let up = status.nodes.iter().filter(|node| node.state == NodeState::Up);
    let slots: u64 = up.clone().map(|node| u64::from(node.capacity.slots)).sum();
    let running: u64 = up.map(|node| u64::from(node.running)).sum();
    let rate = rate.map_or(String::new(), |rate| format!("  {rate:.1} tasks/s"));
    let mut text = format!("{}\n", status::heading(status, *at_ms));
    text.push_str(&format!("slots  {}  {running}/{slots}{rate}\n\n", bar(running, slots)));
    text.push_str(&node::table(&status.nodes, *at_ms));
    text.push('\n');
    let (open, over): (Vec<&JobView>, Vec<&JobView>) = jobs.iter().partition(|job| !job.state.is_final());
    let shown: Vec<JobView> = open.into_iter().chain(over).take(JOBS_SHOWN).cloned().collect();
    if shown.is_empty() {
        text.push_str("no jobs yet; `nexus submit FILE` makes one\n");
    } else {
        text.push_str(&jobs::table(&shown, *at_ms));
    }
    let active = jobs.iter().filter(|job| job.state == JobState::Running);
    for job in active.take(3).filter(|job| job.is_array) {
        let (done, all) = (u64::from(job.ended()), u64::from(job.tasks.len()));
        text.push_str(&format!("{}  {}  {done}/{all}\n", paint(NAME, &job.job.to_string()), bar(done, all)));
    }
    text
}

/// `████████░░░░` for `part` of `whole`.
fn bar(part: u64, whole: u64) -> String {
    let full = (part.min(whole) * BAR_CELLS).checked_div(whole).unwrap_or(0);
    let cells = |cell: &str, count: u64| cell.repeat(count as usize);
    format!("{}{}", paint(GOOD, &cells("█", full)), paint(FAINT, &cells("░", BAR_CELLS - full)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake::{job_view, status as fake_status};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn what_has_not_ended_comes_first() {
        let mut ended = job_view(18, "old.mcode", 1);
        ended.state = JobState::Succeeded;
        let mut running = job_view(17, "sweep.mcode", 400);
        running.state = JobState::Running;
        running.counts[4] = 100;
        let picture = Picture { status: fake_status(), jobs: vec![ended, running], at_ms: 241_000 };
        let text = plain(&drawn(&picture, Some(12.34)));
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("`{what}` is not in:\n{text}"));
        assert!(at("sweep.mcode") < at("old.mcode"), "{text}");
        assert!(text.contains("3/12  12.3 tasks/s"), "{text}");
        assert!(text.contains("job-17  ██████░░░░░░░░░░░░░░░░░░  100/400"), "{text}");
        assert!(text.starts_with("cluster studio"), "{text}");
    }

    #[test]
    fn a_rate_needs_time_and_is_never_negative() {
        let over = |pairs: &[(u64, u64)]| rate(&pairs.iter().copied().collect());
        assert_eq!(over(&[(0, 5)]), None);
        assert_eq!(over(&[(0, 5), (2_000, 45)]), Some(20.0));
        assert_eq!(over(&[(0, 50), (2_000, 45)]), None, "a job was forgotten");
        assert_eq!((plain(&bar(0, 0)).chars().count(), plain(&bar(9, 3))), (24, "█".repeat(24)));
    }
}
