//! Waiting for a job: progress on a terminal, events with `--follow`, and Ctrl-C that leaves the job alone.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nexus_model::{JobId, TaskState};
use nexus_wire::limits::WAIT_MAX;
use nexus_wire::{JobView, Refusal, Request, Response};
use tokio::sync::watch;

use super::cluster::{Cluster, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use super::jobs::{now_ms, state_text};
use crate::output::json::{JobDocument, NodeNames, document};
use crate::output::{Console, units};

/// Pause before asking again where the node is busy or has no leader and does not say for how long.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// How to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Progress on a terminal, nothing elsewhere.
    Quiet,
    /// A line for each change as well: on stderr, or with `--json` a document on stdout.
    Follow,
}

/// What waiting came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Waited {
    /// The job has ended.
    Ended(Box<JobView>),
    /// The user left; the job goes on.
    Detached,
}

/// How a command ends whose user left it while the job went on: no script takes that for the job's end.
pub(super) fn detached() -> CliError {
    CliError::new(Exit::Cancelled, codes::INTERRUPTED, "detached").told()
}

/// Waits until `job` has ended or the user leaves.
pub(crate) async fn until_ended(
    cluster: &impl Cluster,
    job: JobId,
    console: &mut Console,
    style: Style,
    names: &NodeNames,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<Waited, CliError> {
    let mut progress = Progress::new(console, names.clone());
    let mut last: Option<JobView> = None;
    loop {
        let seen = last.as_ref().map_or(0, JobView::ended);
        // The first question is answered at once, so that what is known already is shown.
        let patience = if last.is_some() { WAIT_MAX } else { Duration::ZERO };
        let answer = tokio::select! {
            answer = cluster.request(Request::WaitJob { job, seen, patience }) => answer,
            () = interruption(interrupted) => {
                progress.clear();
                console.say(&format!("^C  detached; the job goes on.  nexus job wait {}", job.0));
                return Ok(Waited::Detached);
            }
        };
        match answer {
            Ok(Response::Job(view)) => {
                progress.show(&view);
                if style == Style::Follow && last.as_ref() != Some(&*view) {
                    tell(console, &progress, &view, names);
                }
                if view.state.is_final() {
                    progress.clear();
                    return Ok(Waited::Ended(view));
                }
                last = Some(*view);
            }
            Ok(_) => return Err(unexpected()),
            Err(refusal) => match retry_after(&refusal) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    progress.clear();
                    let known = refusal.code == "NX0101";
                    let error = CliError::from(refusal);
                    let help = format!("the job goes on without this command: nexus job wait {}", job.0);
                    return Err(if known { error } else { error.with_help(help) });
                }
            },
        }
    }
}

/// Resolves when the user interrupts; never, where nobody can.
pub(crate) async fn interruption(interrupted: &mut watch::Receiver<bool>) {
    if interrupted.wait_for(|interrupted| *interrupted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What `work` comes to; nothing where the user interrupts before that.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = T>,
    interrupted: &mut watch::Receiver<bool>,
) -> Option<T> {
    tokio::select! {
        // What is done is done.
        biased;
        done = work => Some(done),
        () = interruption(interrupted) => None,
    }
}

/// How long to wait before asking again, if asking again makes sense.
pub(crate) fn retry_after(refusal: &Refusal) -> Option<Duration> {
    match (refusal.retry_after, refusal.code.as_str()) {
        (Some(pause), _) => Some(pause.clamp(Duration::from_millis(1), WAIT_MAX)),
        (None, "NX0104" | "NX0106") => Some(RETRY_PAUSE),
        (None, _) => None,
    }
}

fn tell(console: &mut Console, progress: &Progress, view: &JobView, names: &NodeNames) {
    if console.is_json() {
        console.answer(&document(&JobDocument::of(view, names, now_ms())));
    } else if !progress.is_drawn() {
        console.say(&summary(view, names));
    }
}

/// `job-17  running  268/400  studio 141 · air 64`.
pub(crate) fn summary(job: &JobView, names: &NodeNames) -> String {
    let mut parts =
        vec![job.job.to_string(), state_text(job).to_owned(), format!("{}/{}", job.ended(), job.tasks.len())];
    for (state, what) in [(TaskState::Failed, "failed"), (TaskState::TimedOut, "timed out")] {
        let count = job.count(state);
        parts.extend((count > 0).then(|| format!("{count} {what}")));
    }
    let nodes = by_node(job, names);
    if !nodes.is_empty() {
        parts.push(nodes);
    }
    parts.join("  ")
}

/// `studio 141 · air 64 · earlier jobs 12`, the busiest first.
pub(crate) fn by_node(job: &JobView, names: &NodeNames) -> String {
    let earlier = (job.reused() > 0).then(|| format!("earlier jobs {}", job.reused()));
    ran_on(job, names).into_iter().chain(earlier).collect::<Vec<_>>().join(" · ")
}

/// `studio 141`, `air 64`: where tasks ran that succeeded, the busiest first.
pub(crate) fn ran_on(job: &JobView, names: &NodeNames) -> Vec<String> {
    let mut nodes: Vec<(u32, String)> = job.ran_on().map(|(node, tasks)| (tasks, names.name(node))).collect();
    nodes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    nodes.into_iter().map(|(tasks, node)| format!("{node} {tasks}")).collect()
}

/// A bar for an array, on a terminal only.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    names: NodeNames,
}

impl Progress {
    pub(crate) fn new(console: &Console, names: NodeNames) -> Self {
        let bar = console.is_interactive().then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        Progress { bar, names }
    }

    fn is_drawn(&self) -> bool {
        self.bar.is_some()
    }

    pub(crate) fn show(&mut self, job: &JobView) {
        let Some(bar) = &self.bar else { return };
        if !job.is_array {
            return;
        }
        if bar.length().is_none() {
            bar.set_length(u64::from(job.tasks.len()));
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}").expect("the template is valid");
            bar.set_style(style.progress_chars("█▓░"));
        }
        bar.set_position(u64::from(job.ended()));
        bar.set_message(self.message(job, bar));
    }

    /// `studio 141 · air 64  2.1 s/task  eta 1 min 35 s`.
    fn message(&self, job: &JobView, bar: &ProgressBar) -> String {
        // In this process alone there is one node, which has no name.
        let mut message = if self.names.is_empty() { String::new() } else { by_node(job, &self.names) };
        let (done, left) = (job.ended(), job.tasks.len() - job.ended().min(job.tasks.len()));
        if done > 0 && left > 0 {
            let each = bar.elapsed() / done;
            let eta = each.saturating_mul(left);
            message.push_str(&format!("  {}/task  eta {}", units::duration(each), units::duration(eta)));
        }
        message
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use nexus_model::{JobState, NodeId, Payload};

    use super::*;
    use crate::cli::codes;
    use crate::cli::error::Exit;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::job_view;

    /// Answers with a refusal of this code for some time, then with an ended job.
    struct Reluctant {
        code: &'static str,
        left: Cell<u32>,
    }

    impl Cluster for Reluctant {
        async fn request(&self, _: Request) -> Result<Response, Refusal> {
            if self.left.get() == 0 {
                let ended = JobView { state: JobState::Succeeded, ..job_view(7, "j", 1) };
                return Ok(Response::Job(Box::new(ended)));
            }
            self.left.set(self.left.get() - 1);
            let retry_after = (self.code == "NX0104").then_some(Duration::from_millis(1));
            Err(Refusal { code: self.code.into(), message: "no".into(), help: None, retry_after, leader: None })
        }

        async fn fetch(&self, _: &Payload) -> Result<Vec<u8>, Refusal> {
            Ok(Vec::new())
        }

        async fn store(&self, _: Vec<u8>) -> Result<Payload, Refusal> {
            Ok(Payload::Inline(Vec::new().into()))
        }

        async fn until_gone(&self, _: Option<NodeId>, _: Duration) -> Option<bool> {
            None
        }

        async fn close(&self) {}
    }

    async fn wait_for(cluster: &Reluctant, style: Style, json: bool) -> (Result<Waited, CliError>, String, String) {
        let (mut console, out, err) = pages(json);
        let (_keep, mut interrupted) = watch::channel(false);
        let names = NodeNames::default();
        let waited = until_ended(cluster, JobId(7), &mut console, style, &names, &mut interrupted).await;
        (waited, out.text(), err.text())
    }

    #[tokio::test]
    async fn a_busy_node_is_asked_again() {
        let cluster = Reluctant { code: "NX0104", left: Cell::new(3) };
        let (waited, _, err) = wait_for(&cluster, Style::Follow, false).await;
        assert!(matches!(waited, Ok(Waited::Ended(_))), "{waited:?}");
        assert_eq!((cluster.left.get(), err.as_str()), (0, "job-7  succeeded  0/1\n"));
    }

    #[test]
    fn what_ran_out_of_time_is_said_to_have() {
        let mut late = JobView { state: JobState::Failed, ..job_view(7, "j", 5) };
        (late.counts[4], late.counts[7]) = (3, 2);
        assert_eq!(summary(&late, &NodeNames::default()), "job-7  timed out  5/5  2 timed out");
        (late.counts[4], late.counts[5]) = (2, 1);
        assert_eq!(summary(&late, &NodeNames::default()), "job-7  failed  5/5  1 failed  2 timed out");
        let json = document(&JobDocument::of(&late, &NodeNames::default(), 0));
        assert!(json.contains("\"state\":\"failed\"") && json.contains("\"failed\":3,\"timed_out\":2,"), "{json}");
    }

    #[tokio::test]
    async fn a_lost_node_leaves_the_job_and_says_so() {
        let (waited, ..) = wait_for(&Reluctant { code: "NX0405", left: Cell::new(9) }, Style::Quiet, false).await;
        let error = waited.unwrap_err();
        assert_eq!(error.exit, Exit::Unreachable);
        assert!(error.help.is_some_and(|help| help.contains("nexus job wait 7")));
    }

    #[tokio::test]
    async fn followers_with_json_get_a_document_for_each_change() {
        let (_, out, _) = wait_for(&Reluctant { code: codes::USAGE, left: Cell::new(0) }, Style::Follow, true).await;
        assert!(out.starts_with("{\"job\":7,") && out.lines().count() == 1, "{out}");
    }

    #[tokio::test]
    async fn whoever_leaves_waits_for_no_answer_and_what_is_done_is_done() {
        let (interrupt, mut interrupted) = watch::channel(false);
        interrupt.send_replace(true);
        assert_eq!(unless_interrupted(std::future::pending::<()>(), &mut interrupted).await, None);
        assert_eq!(unless_interrupted(std::future::ready(7), &mut interrupted).await, Some(7));
    }
}
