//! `nexus job logs --follow`: what tasks print, as they print it, wherever they run.
//!
//! The follower asks for the next piece when the last one is written, so that a slow reader slows nobody down but itself;
//! what it holds is a line of each task that it follows. Raw for one task, a line at a time behind the task's name for
//! several, a document a line with `--json`.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_model::{IndexRange, JobId, TaskId, TaskState};
use nexus_wire::{JobView, LogPosition, LogQuery, LogState, Request, Response, TaskDetail, TaskView};
use serde::Serialize;

use super::cluster::{self, Cluster, unexpected};
use super::error::CliError;
use super::job_logs::printed;
use super::wait::retry_after;
use crate::output::Console;
use crate::output::json::document;
use crate::output::paint::{FAINT, paint};

/// Tasks that are followed at once, from the lowest index that has not ended.
const WINDOW: u32 = 256;
/// Longest line that is held back for its end.
const LINE_BYTES_MAX: usize = 64 << 10;
/// How long the node may wait for more of a single task's log.
const LONG_PATIENCE: Duration = Duration::from_secs(2);
/// How long nothing may happen before several tasks are looked at again.
const SHORT_PATIENCE: Duration = Duration::from_millis(250);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// A line of `nexus job logs --follow --json`.
#[derive(Debug, Serialize)]
struct LineDocument<'a> {
    job: u64,
    task: u32,
    stream: &'static str,
    text: &'a str,
}

/// How what is printed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Raw,
    /// Whole lines, each behind the name of its task.
    Named,
    /// A document for each line.
    Json,
}

/// A task that is followed.
#[derive(Debug, Default)]
struct Followed {
    attempt: u32,
    from: LogPosition,
    /// The beginnings of lines of stdout and stderr whose ends have not come.
    begun: [Vec<u8>; 2],
}

/// The follower of a job's tasks.
pub(crate) struct Follower<'a, C> {
    cluster: &'a C,
    job: JobId,
    form: Form,
    tasks: BTreeMap<u32, Followed>,
}

impl<'a, C: Cluster> Follower<'a, C> {
    /// A follower of a job with so many tasks in sight.
    pub(crate) fn new(job: JobId, tasks: u32, cluster: &'a C, console: &Console) -> Self {
        let form = match (console.is_json(), tasks) {
            (true, _) => Form::Json,
            (false, 1) => Form::Raw,
            (false, _) => Form::Named,
        };
        Follower { cluster, job, form, tasks: BTreeMap::new() }
    }

    /// Prints what the tasks of `range` print until the last of them has ended. Answers the job as it was then.
    pub(crate) async fn follow(mut self, range: IndexRange, console: &mut Console) -> Result<JobView, CliError> {
        let mut next = range.start;
        loop {
            let job = self.view().await?;
            let end = next.saturating_add(WINDOW).min(range.end);
            let states = self.states(IndexRange::new(next, end)).await?;
            let mut is_still = true;
            for view in &states {
                is_still &= !self.look_at(view, range.len() == 1, console).await?;
                if console.is_broken() {
                    return Ok(job);
                }
            }
            let ended = states.iter().take_while(|view| view.state.is_final()).last();
            next = ended.map_or(next, |view| view.index.saturating_add(1));
            self.tasks = self.tasks.split_off(&next);
            if next >= range.end {
                return self.view().await;
            }
            // A single task that runs was waited for already.
            let was_waited_for = range.len() == 1 && states.iter().all(|view| view.state == TaskState::Assigned);
            if is_still && ended.is_none() && !was_waited_for {
                self.wait(job.ended()).await?;
            }
        }
    }

    /// Prints what is new of one task; whether there was anything.
    async fn look_at(&mut self, view: &TaskView, alone: bool, console: &mut Console) -> Result<bool, CliError> {
        if view.state.is_final() {
            return self.finish(view.index, console).await;
        }
        if !matches!(view.state, TaskState::Assigned | TaskState::Running) {
            return Ok(false);
        }
        let known = self.tasks.entry(view.index).or_default();
        let patience = if alone { LONG_PATIENCE } else { Duration::ZERO };
        let task = TaskId { job: self.job, index: view.index };
        let query = LogQuery { task, attempt: known.attempt, from: known.from, patience };
        let Response::Log(piece) = self.ask(Request::ReadLog(query)).await? else { return Err(unexpected()) };
        if piece.state == LogState::Waiting || piece.is_empty() {
            return Ok(false);
        }
        self.begin(view.index, piece.attempt, console);
        self.print(view.index, [&piece.stdout, &piece.stderr], console);
        if let Some(known) = self.tasks.get_mut(&view.index) {
            known.from = piece.end();
        }
        Ok(true)
    }

    /// Prints the rest of a task that has ended; whether it was new that it has.
    async fn finish(&mut self, index: u32, console: &mut Console) -> Result<bool, CliError> {
        if self.tasks.get(&index).is_some_and(|known| known.attempt == u32::MAX) {
            return Ok(false);
        }
        let page = cluster::tasks_page(self.cluster, self.job, IndexRange::new(index, index.saturating_add(1))).await?;
        let Some(task) = page.first() else { return Err(unexpected()) };
        let (stdout, stderr) = printed(task, self.cluster).await?;
        if !stdout.is_empty() || !stderr.is_empty() {
            self.begin(index, task.attempts, console);
        }
        let from = self.tasks.get(&index).map_or(LogPosition::default(), |known| known.from);
        let rest = |bytes: &[u8], from: u64| {
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
            bytes[from..].to_vec()
        };
        let (stdout, stderr) = (rest(&stdout, from.stdout), rest(&stderr, from.stderr));
        self.print(index, [&stdout, &stderr], console);
        for stream in [Stream::Stdout, Stream::Stderr] {
            let begun = self.tasks.get_mut(&index).map(|known| std::mem::take(&mut known.begun[stream as usize]));
            if let Some(line) = begun.filter(|line| !line.is_empty()) {
                self.line(index, stream, &line, console);
            }
        }
        // No attempt has this number: the task is done with.
        self.tasks.insert(index, Followed { attempt: u32::MAX, ..Followed::default() });
        Ok(true)
    }

    /// Another attempt prints from the beginning, and that is said.
    fn begin(&mut self, index: u32, attempt: u32, console: &mut Console) {
        let known = self.tasks.entry(index).or_default();
        if known.attempt == attempt {
            return;
        }
        if known.attempt > 0 && self.form != Form::Json {
            console.say(&paint(FAINT, &format!("── {}/{index}, attempt {attempt} ──", self.job.0)));
        }
        *known = Followed { attempt, ..Followed::default() };
    }

    fn print(&mut self, index: u32, new: [&[u8]; 2], console: &mut Console) {
        for (stream, bytes) in [Stream::Stdout, Stream::Stderr].into_iter().zip(new) {
            if bytes.is_empty() {
                continue;
            }
            if self.form == Form::Raw {
                write(stream, bytes, console);
                continue;
            }
            let Some(known) = self.tasks.get_mut(&index) else { continue };
            let mut held = std::mem::take(&mut known.begun[stream as usize]);
            held.extend_from_slice(bytes);
            let mut rest = held.as_slice();
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                self.line(index, stream, &rest[..end], console);
                rest = &rest[end + 1..];
            }
            if rest.len() > LINE_BYTES_MAX {
                self.line(index, stream, rest, console);
                rest = &[];
            }
            if let Some(known) = self.tasks.get_mut(&index) {
                known.begun[stream as usize] = rest.to_vec();
            }
        }
    }

    fn line(&self, index: u32, stream: Stream, line: &[u8], console: &mut Console) {
        let text = String::from_utf8_lossy(line);
        if self.form == Form::Json {
            let stream = if stream == Stream::Stdout { "stdout" } else { "stderr" };
            console.answer(&document(&LineDocument { job: self.job.0, task: index, stream, text: &text }));
        } else {
            let name = paint(FAINT, &format!("{}/{index} |", self.job.0));
            write(stream, format!("{name} {text}\n").as_bytes(), console);
        }
    }

    async fn view(&self) -> Result<JobView, CliError> {
        match self.ask(Request::ShowJob(self.job)).await? {
            Response::Job(view) => Ok(*view),
            _ => Err(unexpected()),
        }
    }

    async fn states(&self, range: IndexRange) -> Result<Vec<TaskView>, CliError> {
        match self.ask(Request::ListTasks { job: self.job, range, detail: TaskDetail::State }).await? {
            Response::Tasks(tasks) => Ok(tasks),
            _ => Err(unexpected()),
        }
    }

    /// Until a task ends, or for a moment.
    async fn wait(&self, seen: u32) -> Result<(), CliError> {
        self.ask(Request::WaitJob { job: self.job, seen, patience: SHORT_PATIENCE }).await.map(drop)
    }

    /// Asks until the cluster answers: it may be busy, or between two leaders.
    async fn ask(&self, request: Request) -> Result<Response, CliError> {
        loop {
            match self.cluster.request(request.clone()).await {
                Ok(response) => return Ok(response),
                Err(refusal) => match retry_after(&refusal) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(refusal.into()),
                },
            }
        }
    }
}

fn write(stream: Stream, bytes: &[u8], console: &mut Console) {
    match stream {
        Stream::Stdout => console.answer_bytes(bytes),
        Stream::Stderr => console.say_raw(&String::from_utf8_lossy(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::FakeCluster;

    fn follower<'a>(cluster: &'a FakeCluster, tasks: u32, console: &Console) -> Follower<'a, FakeCluster> {
        let mut follower = Follower::new(JobId(7), tasks, cluster, console);
        follower.tasks.insert(3, Followed { attempt: 1, ..Followed::default() });
        follower
    }

    #[test]
    fn lines_of_several_tasks_come_whole_behind_their_names() {
        let (mut console, out, err) = pages(false);
        let cluster = FakeCluster::default();
        let mut follower = follower(&cluster, 2, &console);
        follower.print(3, [b"one\ntw", b""], &mut console);
        follower.print(3, [b"o\n", b"oops\n"], &mut console);
        assert_eq!((out.text().as_str(), err.text().as_str()), ("7/3 | one\n7/3 | two\n", "7/3 | oops\n"));
        follower.print(3, [&vec![b'x'; LINE_BYTES_MAX + 1], b""], &mut console);
        assert!(follower.tasks[&3].begun[0].is_empty(), "an endless line is not held for ever");
    }

    #[test]
    fn a_single_task_is_printed_as_it_prints_and_json_line_by_line() {
        let (mut console, out, _) = pages(false);
        let cluster = FakeCluster::default();
        follower(&cluster, 1, &console).print(3, [b"tw", b""], &mut console);
        assert_eq!(out.text(), "tw");
        let (mut console, out, _) = pages(true);
        let mut follower = follower(&cluster, 1, &console);
        follower.print(3, [b"a\"b\nc", b""], &mut console);
        assert_eq!(out.text(), "{\"job\":7,\"task\":3,\"stream\":\"stdout\",\"text\":\"a\\\"b\"}\n");
    }
}
