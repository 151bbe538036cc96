//! The guarantees of the runtime, as somebody outside can check them.
//!
//! 1. An accepted submission is not lost, and its results are right. 2. One key is one job. 3. A task runs at least once
//!    and at most `max_attempts` times, and has one result. 4. After an acknowledged cancel nothing more is done. 5. A task
//!    that lost two workers is quarantined, others go on. 6. Reads are current.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::linux::book::{Entry, Work};
use crate::linux::node::Door;
use crate::linux::workload::Site;

/// Attempts of a task where nobody says otherwise.
const ATTEMPTS_MAX: u64 = 3;
/// The code of a job that does not exist.
const UNKNOWN_JOB: &[&str] = &["NX0101", "NX0607"];
/// Workers that a task may kill, and how it ends then.
const LOSSES_MAX: u64 = 2;
const QUARANTINED: &str = "NX0312";
/// How a task may end because its workers were lost: no attempts left, quarantined, given up.
const LOST: &[&str] = &["NX0311", "NX0312", "NX0313"];

/// What a look at a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything is as promised, for good.
    Right,
    /// It has not ended yet.
    Goes,
    /// Nobody answered.
    Silence,
    /// Not as promised; the book knows.
    Wrong,
}

/// Guarantees 1 and 6: a job that was acknowledged is known to whoever answers.
pub(crate) fn known(site: &Site, door: &Door, key: &str, job: u64) {
    let Some(output) = door.run(&["job", "show", &job.to_string()]) else { return };
    let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else { return };
    if output.status.success() {
        site.book.count(|counts| counts.reads += 1);
        let total: u64 = document["tasks"].as_u64().unwrap_or(0);
        if document["name"] != key || total == 0 {
            site.book.report("an accepted submission is not lost", format!("{key} was job {job}, which is {document}"));
        }
    } else if document["error"]["code"].as_str().is_some_and(|code| UNKNOWN_JOB.contains(&code)) {
        site.book.report("an accepted submission is not lost", format!("{key}, acknowledged as job {job}: {document}"));
    }
}

/// Looks at an acknowledged job through one node.
pub(crate) fn look(site: &Site, door: &Door, key: &str, entry: &Entry) -> Look {
    let Some(job) = entry.job else { return Look::Silence };
    known(site, door, key, job);
    let id = job.to_string();
    let Some(shown) = door.json(&["job", "show", &id]) else { return Look::Silence };
    match shown["state"].as_str() {
        Some("succeeded" | "failed" | "cancelled") => {}
        _ => return Look::Goes,
    }
    let Some(result) = door.json_of_any_end(&["job", "result", &id]) else { return Look::Silence };
    let verdict = match entry.work {
        Work::Program { factor, tasks } => {
            results(site, key, entry, &result, tasks, |index| Some(1000 * factor + index)).map(drop)
        }
        Work::Command { tasks } => {
            results(site, key, entry, &result, tasks, |_| None).and_then(|done| attempts(site, key, tasks, &done))
        }
        Work::Cancelled { .. } => after_cancel(entry, &shown),
        Work::Poison => quarantined(site, key, &shown),
    };
    match verdict {
        Ok(()) => {
            site.book.change(key, |entry| entry.is_verified = true);
            Look::Right
        }
        Err((promise, found)) => {
            site.book.report(promise, format!("{key}, job {job}: {found}\n{result}\n{shown}"));
            Look::Wrong
        }
    }
}

type Verdict<T> = Result<T, (&'static str, String)>;

/// Guarantees 1, 3 and 5: each task is there once, with the result that it must have, or was quarantined. Returns which
/// succeeded. (A command that succeeds gives its exit code, 0.)
fn results(
    site: &Site,
    key: &str,
    entry: &Entry,
    result: &Value,
    tasks: u64,
    expected: impl Fn(u64) -> Option<u64>,
) -> Verdict<BTreeMap<u64, bool>> {
    const ONE: &str = "exactly one result of each task is committed, and it is right";
    let listed = result["tasks"].as_array().ok_or_else(|| (ONE, format!("no tasks in the result of {key}")))?;
    let mut done = BTreeMap::new();
    let (mut right, mut lost) = (0, 0);
    for task in listed {
        let index = task["index"].as_u64().unwrap_or(u64::MAX);
        let succeeded = task["state"] == "succeeded";
        if done.insert(index, succeeded).is_some() {
            return Err((ONE, format!("task {index} is there twice")));
        }
        if succeeded {
            let value = expected(index).unwrap_or(0);
            if task["result"].as_u64() != Some(value) {
                return Err((ONE, format!("task {index} gave {}, not {value}", task["result"])));
            }
            right += 1;
        } else if task["error"]["code"].as_str().is_some_and(|code| LOST.contains(&code)) {
            lost += 1;
        } else {
            return Err((
                "a task ends otherwise than well only when its workers are lost",
                format!("task {index}: {task}"),
            ));
        }
    }
    if !done.keys().copied().eq(0..tasks) {
        return Err((ONE, format!("tasks {:?} of {tasks} are there", done.keys())));
    }
    let losses = site.book.losses() - entry.losses_before;
    if lost > 0 && losses < 2 {
        return Err(("only a task that lost two workers is quarantined", format!("{losses} workers were lost")));
    }
    site.book.count(|counts| {
        counts.results += right;
        counts.quarantined += lost;
    });
    Ok(done)
}

/// Guarantee 3: what the commands wrote down themselves.
fn attempts(site: &Site, key: &str, tasks: u64, done: &BTreeMap<u64, bool>) -> Verdict<()> {
    for index in 0..tasks {
        let text = std::fs::read_to_string(site.runs(key, index)).unwrap_or_default();
        let runs = text.lines().count() as u64;
        let least = u64::from(done.get(&index).copied().unwrap_or(false));
        if !(least..=ATTEMPTS_MAX).contains(&runs) {
            let found = format!("task {index} ran {runs} times; {least} to {ATTEMPTS_MAX} are right");
            return Err(("a task runs at least once and at most max_attempts times", found));
        }
        site.book.count(|counts| counts.runs += runs);
    }
    Ok(())
}

/// Guarantee 5, of a task that kills every worker that runs it.
fn quarantined(site: &Site, key: &str, shown: &Value) -> Verdict<()> {
    let text = std::fs::read_to_string(site.runs(key, 0)).unwrap_or_default();
    let runs = text.lines().count() as u64;
    site.book.count(|counts| counts.runs += runs);
    if shown["first_failure"]["code"] != QUARANTINED || runs > LOSSES_MAX {
        let found = format!("it ran {runs} times");
        return Err(("a task that kills its worker is quarantined after two", found));
    }
    Ok(())
}

/// Guarantee 4.
fn after_cancel(entry: &Entry, shown: &Value) -> Verdict<()> {
    let done = shown["counts"]["succeeded"].as_u64();
    match entry.at_cancel {
        Some(then) if done != Some(then) => {
            let found = format!("{then} tasks had succeeded when the cancel was acknowledged, {done:?} have now");
            Err(("a cancel that was acknowledged holds", found))
        }
        Some(_) | None => Ok(()),
    }
}
