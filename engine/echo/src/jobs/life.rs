//! A life as a timeline: what happened to a job or a node, each attempt as a bar on its node from start to end.

use std::collections::BTreeMap;

use crate::EchoError;
use crate::event::{EventKind, TimeNode};
use crate::jobs::lanes::{Bar, assign};
use crate::time::Micros;
use crate::timeline::{Timeline, TimelineKind};
use crate::trigger::{Trigger, TriggerKind};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When.
    pub at: Micros,
    /// The job that it happened to, as it should be called where a timeline shows several.
    pub job: Option<String>,
    /// What.
    pub what: What,
}

/// What can happen to a job, its tasks or a node.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The job was accepted.
    Accepted,
    /// Tasks `first..end` were given to a node under the token of an attempt.
    Placed {
        /// The first task.
        first: u32,
        /// The task after the last.
        end: u32,
        /// The node.
        node: String,
        /// The attempt's token, the same for all that were given out together.
        token: u64,
    },
    /// Tasks are a node's no more.
    Left {
        /// The first task.
        first: u32,
        /// The task after the last.
        end: u32,
        /// The node.
        node: String,
        /// The attempt's token.
        token: u64,
        /// Their run times together, where they ran to an end.
        busy: Option<Micros>,
        /// What became of them, in a word: `succeeded`, `failed`, `lost`, `retried` and the like.
        how: String,
    },
    /// Tasks that no node had ended.
    TasksEnded {
        /// The first task.
        first: u32,
        /// The task after the last.
        end: u32,
        /// How.
        how: String,
    },
    /// Every task had ended.
    Ended {
        /// How.
        how: String,
    },
    /// What had not succeeded was to run again.
    Reopened,
    /// Something about the node itself, in a few words.
    Noted {
        /// Its name.
        node: String,
        /// What.
        text: String,
        /// Whether the node is there from now on, gone, or neither.
        there: Option<bool>,
    },
}

/// Tasks that a node got and has not given back.
struct Open {
    node: String,
    at: Micros,
    tasks: u32,
    job: Option<String>,
}

/// What a bar of the timeline is called, and what is known of it.
struct Drawn {
    name: String,
    how: String,
    tasks: u32,
    /// Bars that depend on the job's being accepted.
    of_job: bool,
}

/// The timeline of what happened, in the order of time; what still goes on lasts until `now`. Attempts are bars (metadata
/// `lane`, `until`, `how`) that come after `accepted` and before `ended`.
///
/// The end of an attempt is when the leader heard of it, its start that less what it ran for, but not before it was given
/// to its node: both are good to about ten milliseconds.
///
/// # Errors
/// As [`Timeline::apply`], for names that an event cannot have.
pub fn life_timeline(name: &str, entries: &[Happened], now: Micros) -> Result<Timeline, EchoError> {
    let mut build = Build { timeline: Timeline::new(name, TimelineKind::Primary), names: BTreeMap::new() };
    let (mut bars, mut drawn) = (Vec::new(), Vec::new());
    let mut open: BTreeMap<(u64, String, Option<String>), Open> = BTreeMap::new();
    let mut comings = Comings::default();
    let now = entries.last().map_or(now, |last| now.max(last.at));
    for Happened { at, job, what } in entries {
        match what {
            What::Accepted => build.point("accepted", *at, None)?,
            What::Placed { first, end, node, token } => {
                let key = (*token, node.clone(), job.clone());
                let placed =
                    open.entry(key).or_insert(Open { node: node.clone(), at: *at, tasks: 0, job: job.clone() });
                placed.tasks += end.saturating_sub(*first);
            }
            What::Left { first, end, node, token, busy, how } => {
                let key = (*token, node.clone(), job.clone());
                let placed = open.get_mut(&key).map_or(*at, |open| {
                    open.tasks = open.tasks.saturating_sub(end.saturating_sub(*first));
                    open.at
                });
                let start = busy.map_or(placed.0, |busy| (at.0 - busy.0).max(placed.0).min(at.0));
                bars.push(Bar { node: node.clone(), start, end: at.0, lane: String::new() });
                let (name, tasks) = (tasks_text(job.as_deref(), *first, *end), end.saturating_sub(*first));
                drawn.push(Drawn { name, how: how.clone(), tasks, of_job: job.is_none() });
            }
            What::TasksEnded { first, end, how } => {
                build.point(&format!("{} {how}", tasks_text(job.as_deref(), *first, *end)), *at, None)?;
            }
            What::Ended { .. } | What::Reopened => {}
            What::Noted { node, text, there } => comings.noted(&mut build, *at, (node, text), *there)?,
        }
    }
    for (node, since) in comings.there {
        build.up(&node, since, now)?;
    }
    for held in open.into_values().filter(|open| open.tasks > 0) {
        let tasks = if held.tasks == 1 { "1 task".to_owned() } else { format!("{} tasks", held.tasks) };
        let of = held.job.as_deref().map(|job| format!("{job} ")).unwrap_or_default();
        drawn.push(Drawn {
            name: format!("{of}{tasks} on {}", held.node),
            how: "running".to_owned(),
            tasks: held.tasks,
            of_job: held.job.is_none(),
        });
        bars.push(Bar { node: held.node, start: held.at.0, end: now.0, lane: String::new() });
    }
    assign(&mut bars);
    let attempts = build.bars(&bars, &drawn)?;
    build.ends(entries, &attempts)?;
    Ok(build.timeline)
}

/// `task 7` or `tasks 0..4096`, with the job in front where several are shown.
fn tasks_text(job: Option<&str>, first: u32, end: u32) -> String {
    let tasks = if end.saturating_sub(first) == 1 { format!("task {first}") } else { format!("tasks {first}..{end}") };
    job.map_or(tasks.clone(), |job| format!("{job} {tasks}"))
}

/// Which nodes are there since when, and what they said last.
#[derive(Default)]
struct Comings {
    there: BTreeMap<String, Micros>,
    said: BTreeMap<String, String>,
}

impl Comings {
    /// Something about a node itself: a point, and at the end of its stay a bar.
    fn noted(
        &mut self,
        build: &mut Build,
        at: Micros,
        (node, text): (&str, &str),
        there: Option<bool>,
    ) -> Result<(), EchoError> {
        let was_there = self.there.contains_key(node);
        if there.is_some() {
            let before = self.said.insert(node.to_owned(), text.to_owned());
            // Whoever is there and comes again, to another leader, was not away.
            if was_there && there == Some(true) && before.as_deref() == Some(text) {
                return Ok(());
            }
        }
        build.point(text, at, Some(node))?;
        match there {
            Some(true) if !was_there => _ = self.there.insert(node.to_owned(), at),
            Some(false) => {
                if let Some(since) = self.there.remove(node) {
                    build.up(node, since, at)?;
                }
            }
            Some(true) | None => {}
        }
        Ok(())
    }
}

struct Build {
    timeline: Timeline,
    /// How often each name was used.
    names: BTreeMap<String, u32>,
}

impl Build {
    /// The name, with a number from its second use on: names are identities in a timeline.
    fn unique(&mut self, name: &str) -> String {
        let used = self.names.entry(name.to_owned()).or_default();
        *used += 1;
        if *used == 1 { name.to_owned() } else { format!("{name} ({used})") }
    }

    fn point(&mut self, name: &str, at: Micros, lane: Option<&str>) -> Result<(), EchoError> {
        let mut node = TimeNode::new(self.unique(name), EventKind::Fact, at);
        if let Some(lane) = lane {
            node.metadata.insert("lane".to_owned(), lane.to_owned());
        }
        self.timeline.append(node).map(drop)
    }

    fn up(&mut self, node: &str, since: Micros, until: Micros) -> Result<(), EchoError> {
        let mut bar = TimeNode::new(self.unique("attached"), EventKind::Fact, since);
        bar.metadata.insert("lane".to_owned(), format!("{node} attached"));
        bar.metadata.insert("until".to_owned(), until.0.to_string());
        bar.metadata.insert("how".to_owned(), "attached".to_owned());
        self.timeline.append(bar).map(drop)
    }

    /// Appends the bars; answers the names and ends of those that belong to the timeline's own job.
    fn bars(&mut self, bars: &[Bar], drawn: &[Drawn]) -> Result<Vec<(String, Micros, Micros)>, EchoError> {
        let mut attempts = Vec::new();
        for (bar, drawn) in bars.iter().zip(drawn) {
            let name = self.unique(&drawn.name);
            let mut node = TimeNode::new(&name, EventKind::Fact, Micros(bar.start));
            node.metadata.insert("lane".to_owned(), bar.lane.clone());
            node.metadata.insert("until".to_owned(), bar.end.to_string());
            node.metadata.insert("how".to_owned(), drawn.how.clone());
            if drawn.tasks > 1 {
                node.metadata.insert("tasks".to_owned(), drawn.tasks.to_string());
            }
            self.timeline.append(node)?;
            if drawn.of_job {
                if self.timeline.node("accepted").is_some_and(|accepted| accepted.timestamp.0 <= bar.start) {
                    self.timeline.link(Trigger::new("accepted", TriggerKind::Enables, &name))?;
                }
                attempts.push((name, Micros(bar.start), Micros(bar.end)));
            }
        }
        Ok(attempts)
    }

    /// The ends of the job and its reopenings, each after the attempts that it waited for.
    fn ends(&mut self, entries: &[Happened], attempts: &[(String, Micros, Micros)]) -> Result<(), EchoError> {
        let mut after = Micros(i64::MIN);
        for Happened { at, what, .. } in entries {
            let name = match what {
                What::Ended { how } => self.unique(&format!("ended: {how}")),
                What::Reopened => self.unique("opened again"),
                _ => continue,
            };
            self.timeline.append(TimeNode::new(&name, EventKind::Fact, *at))?;
            if matches!(what, What::Ended { .. }) {
                for (attempt, start, end) in attempts.iter().filter(|(_, start, end)| *start > after && end <= at) {
                    let mut trigger = Trigger::new(attempt, TriggerKind::Enables, &name);
                    trigger.delay.min = Micros(end.0 - start.0);
                    self.timeline.link(trigger)?;
                }
                after = *at;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64, what: What) -> Happened {
        Happened { at: Micros(seconds * SECOND), job: None, what }
    }

    fn placed(first: u32, end: u32, node: &str, token: u64) -> What {
        What::Placed { first, end, node: node.to_owned(), token }
    }

    fn left(first: u32, node: &str, token: u64, busy: Option<i64>, how: &str) -> What {
        let busy = busy.map(|seconds| Micros(seconds * SECOND));
        What::Left { first, end: first + 1, node: node.to_owned(), token, busy, how: how.to_owned() }
    }

    /// Two tasks on two nodes; one is lost with its node and runs again.
    fn life() -> Vec<Happened> {
        vec![
            at(0, What::Accepted),
            at(1, placed(0, 2, "box", 5)),
            at(4, left(0, "box", 5, Some(3), "succeeded")),
            at(6, left(1, "box", 5, None, "lost")),
            at(7, placed(1, 2, "air", 9)),
            at(11, left(1, "air", 9, Some(2), "succeeded")),
            at(11, What::Ended { how: "succeeded".to_owned() }),
        ]
    }

    fn bar(timeline: &Timeline, name: &str) -> (i64, i64, String, String) {
        let node = timeline.node(name).unwrap_or_else(|| panic!("there is no {name}"));
        let until: i64 = node.metadata["until"].parse().unwrap();
        (node.timestamp.0 / SECOND, until / SECOND, node.metadata["lane"].clone(), node.metadata["how"].clone())
    }

    #[test]
    fn attempts_are_bars_from_their_start_to_their_end() {
        let timeline = life_timeline("job", &life(), Micros(11 * SECOND)).unwrap();
        let text = |text: &str| text.to_owned();
        assert_eq!(bar(&timeline, "task 0"), (1, 4, text("box"), text("succeeded")));
        // It never said when it began, so it is drawn from when the node got it.
        assert_eq!(bar(&timeline, "task 1"), (1, 6, text("box ·2"), text("lost")));
        assert_eq!(bar(&timeline, "task 1 (2)"), (9, 11, text("air"), text("succeeded")));
        assert_eq!(timeline.state().events(), 5);
        let report = crate::check::check(&timeline);
        assert!(report.is_consistent(), "{report:?}");
        let graph = crate::Graph::new(timeline.state());
        let before_the_end = graph.ancestors(graph.place("ended: succeeded").unwrap());
        assert_eq!(before_the_end.len(), 4, "accepted and three attempts");
    }

    #[test]
    fn what_goes_on_lasts_until_now() {
        let so_far = &life()[..3];
        let timeline = life_timeline("job", so_far, Micros(20 * SECOND)).unwrap();
        let (start, end, _, how) = bar(&timeline, "1 task on box");
        assert_eq!((start, end, how.as_str()), (1, 20, "running"));
    }

    #[test]
    fn a_nodes_life_has_its_own_events_and_the_tasks_of_its_jobs() {
        let noted = |seconds, text: &str, there| {
            at(seconds, What::Noted { node: "box".to_owned(), text: text.to_owned(), there })
        };
        let mut entries = vec![noted(0, "joined", None), noted(1, "up", Some(true)), noted(9, "lost", Some(false))];
        entries.extend([noted(12, "up", Some(true)), noted(13, "up", Some(true)), noted(14, "drained", Some(true))]);
        for happened in life().into_iter().filter(|happened| matches!(&happened.what, What::Left { .. })).take(1) {
            entries.push(Happened { job: Some("job-3".to_owned()), ..happened });
        }
        let timeline = life_timeline("box", &entries, Micros(15 * SECOND)).unwrap();
        assert_eq!(bar(&timeline, "attached"), (1, 9, "box attached".to_owned(), "attached".to_owned()));
        let again = bar(&timeline, "attached (2)");
        assert_eq!(
            (again.0, again.1),
            (12, 15),
            "whoever attaches to another leader, or drains, is there all the time"
        );
        let points = ["up (2)", "up (3)", "drained", "job-3 task 0"].map(|name| timeline.node(name).is_some());
        assert_eq!(points, [true, false, true, true]);
        assert_eq!(timeline.state().triggers(), 0);
    }
}
