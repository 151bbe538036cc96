//! The users of the cluster: they submit all the time, at any node, and ask again under the same key until they are told
//! that their job was accepted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::linux::bell::Bell;
use crate::linux::book::{Book, Work};
use crate::linux::chance::Chance;
use crate::linux::node::Door;
use crate::linux::promises;

/// Between two submissions of one user.
const PAUSE_MAX: Duration = Duration::from_millis(150);
/// Before an unanswered submission is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// A cancel comes this long after its submission was acknowledged.
const CANCEL_AFTER_MAX: Duration = Duration::from_millis(600);
/// Tasks of one job.
const TASKS_MAX: u64 = 12;

/// What every user needs.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Ways to all nodes, as the users of their machines.
    pub(crate) doors: Vec<Door>,
    /// Ways to all nodes for each person: whoever submits a key is one user of the cluster, at whichever node.
    pub(crate) people: Vec<Vec<Door>>,
    /// Program, and files that commands write.
    pub(crate) folder: PathBuf,
    pub(crate) book: Arc<Book>,
    pub(crate) bell: Arc<Bell>,
}

impl Site {
    /// Writes the program that is submitted.
    pub(crate) fn prepare(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(self.folder.join("runs"))?;
        let program =
            "function main(factor: int = 0, task_index: int = 0)\n    return factor * 1000 + task_index\nend\n";
        std::fs::write(self.folder.join("factor.mcode"), program)
    }

    /// The file to which task `index` of a command adds a line for each attempt.
    pub(crate) fn runs(&self, key: &str, index: u64) -> PathBuf {
        self.folder.join("runs").join(format!("{key}.{index}"))
    }

    /// The arguments of `nexus` that submit this.
    fn arguments(&self, key: &str, work: Work) -> Vec<String> {
        let tasks = match work {
            Work::Program { tasks, .. } | Work::Command { tasks } | Work::Cancelled { tasks } => tasks,
            Work::Poison => 1,
        };
        let array = format!("0..{tasks}");
        let mut line: Vec<String> =
            ["submit", "--key", key, "--name", key, "--array", &array].map(str::to_owned).into();
        let shell = |script: String| ["--".to_owned(), "/bin/sh".to_owned(), "-c".to_owned(), script];
        match work {
            Work::Program { factor, .. } => {
                line.push(self.folder.join("factor.mcode").display().to_string());
                line.extend(["--arg".to_owned(), format!("factor={factor}")]);
            }
            Work::Command { .. } => {
                let file = self.folder.join("runs").join(key);
                line.extend(shell(format!("echo ran >> {}.$NEXUS_TASK_INDEX", file.display())));
            }
            Work::Cancelled { .. } => line.extend(shell("sleep 0.2".to_owned())),
            Work::Poison => {
                line.extend(shell(format!("echo ran >> {}; kill -9 $PPID", self.runs(key, 0).display())));
            }
        }
        line
    }

    /// Submits at one node. The job, where the submission was acknowledged.
    pub(crate) fn submit(&self, door: &Door, key: &str, work: Work) -> Option<u64> {
        let line = self.arguments(key, work);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let output = door.run(&line);
        let document: Option<Value> = output.as_ref().and_then(|output| serde_json::from_slice(&output.stdout).ok());
        let job = document.as_ref().and_then(|document| document["job"].as_u64());
        if job.is_none() {
            let code = document.as_ref().and_then(|document| document["error"]["code"].as_str());
            self.book.refused(code.unwrap_or("no answer"));
            self.book.count(|counts| counts.unanswered += 1);
        }
        job
    }

    /// The person whose key this is.
    pub(crate) fn person(&self, key: &str) -> &[Door] {
        let number = key.split_once('-').and_then(|(user, _)| user[1..].parse::<usize>().ok());
        number.and_then(|number| self.people.get(number)).map_or(&[], Vec::as_slice)
    }
}

/// Submits until the bell rings. `user` tells the users' keys apart.
pub(crate) fn submit_all_the_time(site: &Site, user: usize, mut chance: Chance) {
    for number in 0_u64.. {
        if site.bell.wait(chance.between(Duration::ZERO, PAUSE_MAX)) {
            return;
        }
        let key = format!("u{user}-{number}");
        let tasks = 1 + chance.below(TASKS_MAX);
        let work = match chance.below(100) {
            0..=59 => Work::Program { factor: chance.below(1_000_000), tasks },
            60..=84 => Work::Command { tasks: tasks.div_ceil(3) },
            _ => Work::Cancelled { tasks: 4 * tasks },
        };
        site.book.intend(&key, work);
        let Some(job) = submit_until_acknowledged(site, &key, work, &mut chance) else { return };
        match work {
            Work::Cancelled { .. } => cancel(site, &key, job, &mut chance),
            // Whoever was told that the job is accepted finds it at every node that answers.
            Work::Program { .. } | Work::Command { .. } | Work::Poison => {
                if let Some(door) = chance.pick(&site.doors) {
                    promises::known(site, door, &key, job);
                }
            }
        }
    }
}

fn submit_until_acknowledged(site: &Site, key: &str, work: Work, chance: &mut Chance) -> Option<u64> {
    loop {
        let door = chance.pick(site.person(key))?;
        if let Some(job) = site.submit(door, key, work) {
            site.book.acknowledge(key, job);
            return Some(job);
        }
        if site.bell.wait(RETRY_PAUSE) {
            return None;
        }
    }
}

/// Cancels until it is acknowledged, and reads what had been done by then.
fn cancel(site: &Site, key: &str, job: u64, chance: &mut Chance) {
    site.bell.wait(chance.between(Duration::ZERO, CANCEL_AFTER_MAX));
    let id = job.to_string();
    let mut ask = |line: &[&str]| loop {
        let door = chance.pick(site.person(key))?;
        if let Some(document) = door.json(line) {
            return Some(document);
        }
        if site.bell.wait(RETRY_PAUSE) {
            return None;
        }
    };
    if ask(&["job", "cancel", &id]).is_none() {
        return;
    }
    let Some(shown) = ask(&["job", "show", &id]) else { return };
    site.book.count(|counts| counts.cancelled += 1);
    let done = shown["counts"]["succeeded"].as_u64();
    if !matches!(shown["state"].as_str(), Some("cancelled" | "succeeded" | "failed")) {
        site.book.report("a cancel that was acknowledged holds", format!("{key}: job {job} is {shown} after it"));
    }
    site.book.change(key, |entry| entry.at_cancel = done);
}
