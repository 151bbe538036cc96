//! Why a job, or one task of it, is where it is: sentences for people, from what the ledger knows. Nothing here changes
//! anything.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_model::{
    GPU_MILLI, IndexRange, JobId, JobSpec, JobState, NodeId, Outcome, Resources, Reuse, Reused, TaskState,
};
use nexus_wire::{REUSED_ON, Stopped};

use crate::command::Command;
use crate::job::{Grant, Job, LOSSES_MAX};
use crate::ledger::Ledger;
use crate::members::Member;
use crate::table::Slot;

/// Jobs that are named of those for which one runs again.
const TAKERS_MAX: usize = 3;

/// Machines, or jobs that are waited for, that are named of those of which the same is to be said.
const NAMED_MAX: usize = 3;
/// Machines that are named of those that have tasks of a job in hand.
const HOLDERS_NAMED_MAX: usize = 12;

/// What the ledger does not know and an explanation needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainFacts {
    /// The time now, ms since 1970.
    pub now_ms: u64,
    /// The machines that are up.
    pub up: Vec<NodeId>,
    /// Those of them that take nothing new by their rules, and why.
    pub held: BTreeMap<NodeId, String>,
}

impl Ledger {
    /// Why `task` of the job, or the job as a whole, is where it is: the most important first. `None` where there is no
    /// such job or task.
    pub fn explain(&self, id: JobId, task: Option<u32>, facts: &ExplainFacts) -> Option<Vec<String>> {
        let job = self.jobs.get(&id)?;
        match task {
            Some(index) if job.table.range().contains(index) => Some(self.explain_task(job, index, facts)),
            Some(_) => None,
            None => Some(self.explain_job(id, job, facts)),
        }
    }

    fn explain_job(&self, id: JobId, job: &Job, facts: &ExplainFacts) -> Vec<String> {
        let count = |state| job.counts.get(state);
        let mut said = vec![headline(id, job)];
        said.extend(reuse_of(job));
        said.extend(self.others_waited_for(job));
        said.extend(self.made_again_for(id, job));
        if let Some(waiting) = job.waiting.as_deref().filter(|waiting| waiting.after.is_empty())
            && let Some(until) = waiting.next_wake()
        {
            let tasks = tasks(count(TaskState::Waiting));
            said.push(format!("{tasks} may not run yet; the next may in {}", until_text(until, facts.now_ms)));
        }
        if count(TaskState::Ready) > 0 {
            let ready = tasks(count(TaskState::Ready));
            said.push(match self.nowhere(job, facts) {
                Some(why) => format!("{ready} ready, and nowhere to run: {why}"),
                None => format!("{ready} could run now: {}", self.in_hand(facts)),
            });
            said.extend(self.held(facts));
        }
        let held = job.work.iter().flat_map(|work| &work.grants).filter(|grant| grant.live > 0);
        let with = |grant: &&Grant| {
            format!("{} with {} (attempt token {})", tasks(grant.live), self.name(grant.node), grant.token.0)
        };
        let more = |left: &[&Grant]| {
            format!("and {} in {} more pieces", tasks(left.iter().map(|grant| grant.live).sum()), left.len())
        };
        said.extend(some_named(held, HOLDERS_NAMED_MAX, with, more));
        if job.counts.get(TaskState::Assigned) > 0 {
            said.extend(self.too_few_up(job, facts).map(|why| format!("what ends now waits for its copies: {why}")));
        }
        if let Some(deadline) = job.spec.conditions.deadline_ms.filter(|_| job.counts.open() > 0) {
            said.push(format!("what has not ended in {} ends as timed out", until_text(deadline, facts.now_ms)));
        }
        if let Some((index, end)) = job.work.as_ref().and_then(|work| work.first_failure) {
            said.push(format!("first failure: task {}/{index}: {}", id.0, ending(job, end)));
        }
        said
    }

    /// What it means for a task in hand that it has lost a worker before.
    fn suspicion(&self, losses: u8) -> Option<String> {
        let waits = losses < LOSSES_MAX && self.protocol >= Command::BEGUN;
        let what =
            if waits { "it begins once that is written down" } else { "if this one is lost too, it is quarantined" };
        (losses > 0).then(|| format!("a worker was lost with it before: {what}"))
    }

    fn explain_task(&self, job: &Job, index: u32, facts: &ExplainFacts) -> Vec<String> {
        let (_, slot) = job.table.run(index, index + 1);
        let mut said = Vec::new();
        match slot {
            Slot::Ready { attempts, losses } => {
                let waits = job.holds_back(IndexRange::new(index, index + 1));
                said.extend(match (waits, self.nowhere(job, facts)) {
                    (true, _) => vec!["it waits".to_owned()],
                    (false, Some(why)) => vec!["it is ready, and has nowhere to run".to_owned(), why],
                    (false, None) => vec!["it could run now".to_owned(), self.in_hand(facts)],
                });
                if !waits {
                    said.extend(self.held(facts));
                }
                said.extend(self.others_waited_for(job));
                if let Some(until) = job.waiting.as_ref().and_then(|waiting| waiting.wakes_at(index)) {
                    said.push(format!("it may run in {}", until_text(until, facts.now_ms)));
                }
                if attempts > 0 {
                    said.push(format!("{attempts} of {} attempts are over", job.spec.retry.max_attempts));
                }
                if losses > 0 {
                    said.push("a worker was lost with it, so it runs apart from others like it".to_owned());
                }
            }
            Slot::Assigned { grant, attempts, losses } => {
                let max = job.spec.retry.max_attempts;
                said.push(match job.grant(grant) {
                    Some(grant) => format!("it is with {}, attempt {attempts} of {max}", self.name(grant.node)),
                    None => format!("it is with a machine, attempt {attempts} of {max}"),
                });
                said.extend(self.suspicion(losses));
                let copies = self.too_few_up(job, facts);
                said.extend(copies.map(|why| format!("once it has run it waits for its copies: {why}")));
            }
            Slot::Ended { end, attempts } => {
                let ended = job.work.as_ref().and_then(|work| work.ends.get(end));
                if let Some(from) = ended.as_ref().and_then(|end| end.reused) {
                    return vec![taken_from(from, index, facts.now_ms)];
                }
                let node = ended.and_then(|end| end.node);
                let place = node.map_or_else(|| "without having run".to_owned(), |n| format!("on {}", self.name(n)));
                let after = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
                said.push(format!("{}, {place}, after {after}", ending(job, end)));
            }
        }
        said
    }

    fn others_waited_for(&self, job: &Job) -> Vec<String> {
        let waiting = job.waiting.iter().flat_map(|waiting| &waiting.after);
        let others = waiting.filter_map(|other| Some((other, self.jobs.get(other)?)));
        let waits = |(other, state): &(&JobId, &Job)| {
            let (open, all) = (state.counts.open(), state.table.range().len());
            format!("it waits for {other}, which is {} ({}/{all} tasks ended)", state.state().name(), all - open)
        };
        let more = |left: &[(&JobId, &Job)]| format!("and for {} more jobs", left.len());
        let said = some_named(others, NAMED_MAX, waits, more);
        let again = some_named(self.made_again(job), NAMED_MAX, String::clone, |left| {
            format!("and for {} more jobs that make again what no node had any more", left.len())
        });
        said.into_iter().chain(again).collect()
    }

    /// Jobs that make again what this one takes and no node had any more.
    fn made_again<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = String> + 'a {
        let is_open = job.counts.open() > 0;
        let sources =
            job.spec.conditions.jobs().into_iter().filter(move |other| is_open && self.makes_again_for(*other, job));
        sources.map(|other| format!("it waits for {other}, which makes again what no node had any more"))
    }

    /// For whom a job makes its results again.
    fn made_again_for(&self, id: JobId, job: &Job) -> Vec<String> {
        if job.counts.open() == 0 || job.work.is_none() {
            return Vec::new();
        }
        let takers = self
            .active
            .iter()
            .filter(|other| self.jobs.get(other).is_some_and(|other| self.makes_again_for(id, other)));
        takers
            .take(TAKERS_MAX)
            .map(|other| format!("it runs again: no node had a result of it any more that {other} takes"))
            .collect()
    }

    /// Whether a job has not ended that another one takes from without waiting for it: it had ended when that one began.
    fn makes_again_for(&self, source: JobId, taker: &Job) -> bool {
        let waits = taker.waiting.as_ref().is_some_and(|waiting| waiting.after.contains(&source));
        let takes = taker.spec.conditions.takes.iter().any(|taken| taken.job == source);
        takes && !waits && taker.counts.open() > 0 && self.active.contains(&source)
    }

    /// What a job asks for that no machine of the cluster has, whether it is up or not: its tasks wait until one joins, or
    /// is labelled so. `None` for an unknown job; an empty list where some machine could run a task of it.
    pub fn unmet_needs(&self, id: JobId) -> Option<Vec<String>> {
        let spec = self.spec(id)?;
        let machines = self.members().map(|(_, member)| member).filter(|member| member.is_machine());
        let machines: Vec<&Member> = machines.collect();
        Some(self.unmet_copies(spec).or_else(|| unmet(spec, &machines, "of this cluster")).into_iter().collect())
    }

    /// What is said of a job that asks for more copies of its results than the cluster has machines, up or not.
    pub fn unmet_copies(&self, spec: &JobSpec) -> Option<String> {
        too_few(spec, self.members().filter(|(_, member)| member.is_machine()).count(), "in this cluster")
    }

    /// Whether some machine that is up could run a task of the job, were it free.
    pub fn has_somewhere(&self, id: JobId, facts: &ExplainFacts) -> bool {
        self.jobs.get(&id).is_some_and(|job| self.nowhere(job, facts).is_none())
    }

    /// Why no machine that is up could run a task of the job, however free it is.
    fn nowhere(&self, job: &Job, facts: &ExplainFacts) -> Option<String> {
        let up: Vec<&Member> = facts.up.iter().filter_map(|node| self.member(*node)).collect();
        if let Some(stopped) = self.is_stopped(facts.now_ms) {
            return Some(stopped);
        }
        if up.is_empty() {
            return Some("no machine is up that could run it".to_owned());
        }
        let unmet_up = || unmet(&job.spec, &up, "that is up");
        self.too_few_up(job, facts).or_else(unmet_up).or_else(|| {
            let open = facts.up.iter().filter(|node| !facts.held.contains_key(node));
            let open: Vec<&Member> = open.filter_map(|node| self.member(*node)).collect();
            let none = unmet(&job.spec, &open, "that is up and not held by a rule").is_some();
            (!facts.held.is_empty() && none)
                .then(|| "every machine that could run it is held by a rule of its own".to_owned())
        })
    }

    /// What is said where all work is stopped.
    fn is_stopped(&self, now_ms: u64) -> Option<String> {
        let Stopped { by, at_ms } = self.stopped.as_ref()?;
        let ago = Duration::from_millis(now_ms.saturating_sub(*at_ms)).as_secs();
        Some(format!("{by} stopped all work {ago} s ago; `nexus cluster resume` gives it out again"))
    }

    /// The machines that take nothing new by their own rules.
    fn held(&self, facts: &ExplainFacts) -> Vec<String> {
        let held = facts.held.iter().filter(|(node, _)| facts.up.contains(node));
        let one = |(node, why): &(&NodeId, &String)| format!("{} takes no new tasks: {why}", self.name(**node));
        let more = |left: &[(&NodeId, &String)]| format!("and {} more take none by rules of their own", left.len());
        some_named(held, NAMED_MAX, one, more)
    }

    /// What is missing for the copies of the job's results, if something is.
    fn too_few_up(&self, job: &Job, facts: &ExplainFacts) -> Option<String> {
        let up = facts.up.iter().filter_map(|node| self.member(*node)).filter(|member| member.capacity.slots > 0);
        too_few(&job.spec, up.count(), "up and taking work")
    }

    /// What the machines that are up have to do.
    fn in_hand(&self, facts: &ExplainFacts) -> String {
        let open = facts.up.iter().filter(|node| !facts.held.contains_key(node));
        let slots: u32 = open.filter_map(|node| self.member(*node)).map(|member| member.capacity.slots).sum();
        let held: u32 = self.jobs.values().map(|job| job.counts.get(TaskState::Assigned)).sum();
        format!("the {slots} slots that are up have {held} tasks in hand, and {} tasks are ready in all", self.queued)
    }

    fn name(&self, node: NodeId) -> String {
        self.member(node).map_or_else(|| node.to_string(), |member| member.name.clone())
    }
}

/// What is said where a job asks for more copies of its results than there are machines.
fn too_few(spec: &JobSpec, machines: usize, which: &str) -> Option<String> {
    let copies = spec.selection.copies;
    let are = if machines == 1 { "machine is" } else { "machines are" };
    let said = || format!("each result is to lie on {copies} machines, and {machines} {are} {which}");
    (!spec.selection.has_holders(0..machines)).then(said)
}

/// What a job asks for that none of these machines has.
fn unmet(spec: &JobSpec, machines: &[&Member], which: &str) -> Option<String> {
    let labels: Vec<_> = machines.iter().map(|member| (*member, member.all_labels())).collect();
    let admitted = labels.iter().filter(|(_, labels)| spec.selection.admits(labels)).map(|(member, _)| *member);
    let admitted: Vec<&Member> = admitted.collect();
    if admitted.is_empty() {
        let mut required = spec.selection.require.iter();
        let lone = required.find(|selector| !labels.iter().any(|(_, labels)| selector.admits(labels)));
        return Some(match lone {
            Some(selector) => format!("it is to run where {selector}, and no machine {which} is so"),
            None => format!("no machine {which} has all the labels that it asks for"),
        });
    }
    let with_them = if spec.selection.require.is_empty() {
        which.to_owned()
    } else {
        format!("{which}, with the labels that it asks for,")
    };
    let Resources { cpus, memory_bytes, gpu_milli } = spec.resources;
    let slots = admitted.iter().map(|member| member.capacity.slots).max().unwrap_or(0);
    if slots == 0 {
        return Some(format!("every machine {with_them} is drained"));
    }
    if cpus > slots {
        return Some(format!("a task needs {cpus} slots; the largest machine {with_them} has {slots}"));
    }
    // A machine whose memory is not known counts as large enough.
    let memory = admitted.iter().map(|member| member.capacity.memory_bytes);
    let most = memory.map(|bytes| if bytes == 0 { u64::MAX } else { bytes }).max().unwrap_or(0);
    if memory_bytes > most {
        let (needed, most) = (gibibytes(memory_bytes), gibibytes(most));
        return Some(format!("a task needs {needed} of memory; the largest machine {with_them} has {most}"));
    }
    let gpus = admitted.iter().map(|member| member.gpu_milli()).max().unwrap_or(0);
    if gpu_milli > gpus {
        let count = |milli: u32| f64::from(milli) / f64::from(GPU_MILLI);
        let (needed, most) = (count(gpu_milli), count(gpus));
        return Some(format!("a task needs {needed} of a gpu; the machine {with_them} that has most has {most}"));
    }
    let fits = |member: &&Member| {
        let memory = member.capacity.memory_bytes == 0 || member.capacity.memory_bytes >= memory_bytes;
        member.capacity.slots >= cpus && memory && member.gpu_milli() >= gpu_milli
    };
    (!admitted.iter().any(fits)).then(|| format!("no machine {with_them} has all that a task needs at once"))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn ending(job: &Job, end: u32) -> String {
    let end = job.work.as_ref().and_then(|work| work.ends.get(end)).map(|end| (end.outcome, end.cost));
    match end {
        Some((Outcome::Succeeded(_), _)) => "it succeeded".to_owned(),
        Some((Outcome::Failed(failure), _)) => format!("it failed: {} ({})", failure.message, failure.code),
        Some((Outcome::TimedOut, cost)) if cost.is_unattempted() => "it had not ended at the deadline".to_owned(),
        Some((Outcome::TimedOut, _)) => "it ran longer than its timeout".to_owned(),
        Some((Outcome::Cancelled, _)) | None => "it was cancelled".to_owned(),
    }
}

/// Where the result of a task is from that took it.
fn taken_from(from: Reused, index: u32, now_ms: u64) -> String {
    let Reused { job, committed_at_ms } = from;
    let ago = Duration::from_millis(now_ms.saturating_sub(committed_at_ms)).as_secs_f64();
    format!(
        "it did not run: it took the result of task {}/{index}, committed {ago:.1} s ago or before (--reuse)",
        job.0
    )
}

/// What is said of a job that may take results of earlier ones.
fn reuse_of(job: &Job) -> Option<String> {
    let taken = job.work.as_ref().and_then(|work| work.by_node.get(&REUSED_ON)).copied().unwrap_or(0);
    let (all, began) = (job.table.range().len(), job.waiting.as_ref().is_none_or(|waiting| waiting.after.is_empty()));
    match (job.spec.reuse, taken) {
        (Reuse::Never, _) => None,
        (Reuse::Allowed, _) if !began => Some("it takes results of earlier jobs once it need not wait".to_owned()),
        (Reuse::Allowed, 0) => {
            let why = "no job that is kept had a result of the same work when it began";
            Some(format!("it may take results of earlier jobs (--reuse): {why}"))
        }
        (Reuse::Allowed, taken) if taken == all => {
            Some(format!("{} took results of earlier jobs instead of running (--reuse)", tasks(taken)))
        }
        (Reuse::Allowed, taken) => Some(format!(
            "{} took results of earlier jobs instead of running (--reuse); the other {} had none to take",
            tasks(taken),
            all - taken
        )),
    }
}

/// The state of the job; where it failed of lateness, that.
fn headline(id: JobId, job: &Job) -> String {
    let said = format!("{id} is {}", job.state().name());
    match (job.state(), job.counts.get(TaskState::Failed), job.counts.get(TaskState::TimedOut)) {
        (JobState::Failed, 0, late @ 1..) => format!("{said}: {} timed out", tasks(late)),
        (JobState::Failed, failed, late @ 1..) => format!("{said}: {} failed, {late} timed out", tasks(failed)),
        _ => said,
    }
}

/// A sentence for each of the first `max`, and one for what is left.
fn some_named<T>(
    all: impl Iterator<Item = T>,
    max: usize,
    one: impl Fn(&T) -> String,
    more: impl Fn(&[T]) -> String,
) -> Vec<String> {
    let all: Vec<T> = all.collect();
    let (named, left) = all.split_at(all.len().min(max));
    let more = (!left.is_empty()).then(|| more(left));
    named.iter().map(one).chain(more).collect()
}

fn tasks(count: u32) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

fn until_text(until_ms: u64, now_ms: u64) -> String {
    let left = Duration::from_millis(until_ms.saturating_sub(now_ms));
    format!("{:.1} s", left.as_secs_f64())
}
