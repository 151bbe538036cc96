//! Taking tasks back from a node that does not hold them any more, and which of them count as begun.
//!
//! A node that comes back says what it had begun when it was killed: it keeps account of it. What a worker that does not
//! come back has begun is known by its heartbeats alone, and a task that kills its worker between two of them is in none. So
//! everything that it may have begun counts as begun: one that kills whatever runs it must not go round. They are suspects
//! from then on, and say so before they begin again (`scheduler/beginning.rs`): whose loss it is the next time is sure.

use std::collections::{BTreeMap, VecDeque};

use nexus_ledger::{Command, Ledger, Member, ReleaseReason, Released, WORKER_LOST, WORKER_STOPPED};
use nexus_model::{AttemptToken, BlobHash, Failure, IndexRange, JobId, NodeId, Outcome};
use nexus_wire::{AttemptRange, FinishedTasks, Refusal};

use super::ATTEMPTS_MAX;
use crate::codes;
use crate::control::{ControlPlane, now_ms};
use crate::liveness::Liveness;
use crate::worker::lost_blob;

/// Tasks of a slot that may have begun and ended since its worker was last heard of: reports go out every ten milliseconds,
/// and are on their way for as long; a slot runs some seventy commands in twenty. Programs are shorter, and kill nobody but
/// by their memory.
const BEGUN_UNHEARD_MAX: usize = 128;

/// What is known of a worker that may be gone.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// What it said last that it had in hand.
    pub(super) running: Vec<AttemptRange>,
    /// The newest attempt that it may have heard of.
    pub(super) told: AttemptToken,
}

/// What goes back to the queue from a node, and for what reason: a few entries, one after the other. Each names the attempts
/// that the node held when it was looked at, so that what is given to it meanwhile stays its own.
#[derive(Debug, Clone)]
pub(super) struct TakeBack {
    node: NodeId,
    entries: VecDeque<(ReleaseReason, Released)>,
}

impl TakeBack {
    fn of(node: NodeId, entries: impl IntoIterator<Item = (ReleaseReason, Vec<AttemptRange>)>) -> Self {
        let mut back = TakeBack { node, entries: VecDeque::new() };
        for (why, attempts) in entries {
            let pieces = attempts.chunks(ATTEMPTS_MAX).map(|piece| (why, Released::Attempts(piece.to_vec())));
            back.entries.extend(pieces);
        }
        back
    }

    /// From a worker that does not come back, or cannot say what it has begun. What it was known to run and what stood next
    /// in line is blamed for the loss. Any of the rest may have run since it was heard of, if it was only cut off: it counts
    /// as an attempt, as no task may run once more than it is allowed to. What it was never told of was never begun.
    pub(super) fn from_lost(ledger: &Ledger, node: NodeId, Heard { running, told }: Heard) -> Self {
        let (held, untold) = known(ledger.attempts(node), told);
        let mut blamed = among(running, &held);
        let slots = ledger.member(node).map_or(0, |member| member.capacity.slots);
        let (suspects, _) = known(ledger.suspects(node), told);
        blamed.extend(next_in_line(&held, &suspects, &blamed, slots));
        let counted = [(ReleaseReason::WorkerLost, blamed), (ReleaseReason::WorkerStopped, held)];
        TakeBack::of(node, counted.into_iter().chain([(ReleaseReason::NotStarted, untold)]))
    }

    /// From a worker that stops in order and said what it had begun.
    pub(super) fn from_stopped(ledger: &Ledger, node: NodeId, Heard { running: begun, .. }: Heard) -> Self {
        TakeBack::of(node, [(ReleaseReason::WorkerStopped, begun), (ReleaseReason::NotStarted, ledger.attempts(node))])
    }

    /// From a worker that is told to stop all it has: any of it may have begun until it hears that.
    pub(super) fn from_told(ledger: &Ledger, node: NodeId, told: AttemptToken) -> Self {
        let (held, untold) = known(ledger.attempts(node), told);
        TakeBack::of(node, [(ReleaseReason::WorkerStopped, held), (ReleaseReason::NotStarted, untold)])
    }

    /// From a worker that says what it has: all but that, of which it was known to run some.
    fn from_returned(node: NodeId, running: Vec<AttemptRange>, holding: Vec<AttemptRange>) -> Self {
        let ranges = by_attempt(&holding);
        let lost = running.into_iter().flat_map(|attempt| without(attempt, ranges.get(&key(&attempt)))).collect();
        let mut back = TakeBack::of(node, [(ReleaseReason::WorkerLost, lost)]);
        back.entries.push_back((ReleaseReason::NotStarted, Released::AllBut(holding)));
        back
    }

    /// Proposes entry after entry. After a failure the rest is left to be tried again.
    pub(super) async fn propose(&mut self, control: &ControlPlane) -> Result<(), Refusal> {
        while let Some((why, attempts)) = self.entries.front().cloned() {
            control.propose(Command::ReleaseTasks { node: self.node, attempts, why, at_ms: now_ms() }).await?;
            self.entries.pop_front();
        }
        Ok(())
    }
}

/// Attempts that a worker may know of, which was told of those up to this one; and those that it cannot know of.
fn known(attempts: Vec<AttemptRange>, told: AttemptToken) -> (Vec<AttemptRange>, Vec<AttemptRange>) {
    attempts.into_iter().partition(|attempt| attempt.token <= told)
}

pub(super) type Key = (JobId, AttemptToken);

pub(super) fn key(attempt: &AttemptRange) -> Key {
    (attempt.job, attempt.token)
}

/// The tasks of each attempt, in ranges that do not touch each other, in order: there may be many thousands.
pub(super) fn by_attempt(attempts: &[AttemptRange]) -> BTreeMap<Key, Vec<IndexRange>> {
    let mut ranges = BTreeMap::<_, Vec<IndexRange>>::new();
    for attempt in attempts {
        ranges.entry(key(attempt)).or_default().push(attempt.range);
    }
    for ranges in ranges.values_mut() {
        ranges.sort();
        ranges.dedup_by(|next, before| {
            let touches = next.start <= before.end;
            if touches {
                before.end = before.end.max(next.end);
            }
            touches
        });
    }
    ranges
}

/// Whether any task of an attempt is among these.
fn is_among(attempt: &AttemptRange, others: &BTreeMap<Key, Vec<IndexRange>>) -> bool {
    let Some(ranges) = others.get(&key(attempt)) else { return false };
    let after = ranges.partition_point(|range| range.end <= attempt.range.start);
    ranges.get(after).is_some_and(|range| range.start < attempt.range.end)
}

/// Those attempts of which some is held.
fn among(mut attempts: Vec<AttemptRange>, held: &[AttemptRange]) -> Vec<AttemptRange> {
    if attempts.is_empty() {
        return attempts;
    }
    let held = by_attempt(held);
    attempts.retain(|attempt| is_among(attempt, &held));
    attempts
}

/// The parts of an attempt that are in none of the others of it, which are in order: what a slot has in hand shrinks while it
/// runs.
pub(super) fn without(attempt: AttemptRange, others: Option<&Vec<IndexRange>>) -> Vec<AttemptRange> {
    let (mut left, mut from) = (Vec::new(), attempt.range.start);
    for held in others.into_iter().flatten() {
        let until = held.start.min(attempt.range.end);
        if from < until {
            left.push(IndexRange::new(from, until));
        }
        from = from.max(held.end);
    }
    if from < attempt.range.end {
        left.push(IndexRange::new(from, attempt.range.end));
    }
    left.into_iter().map(|range| AttemptRange { range, ..attempt }).collect()
}

/// Gives back to the queue what a node that is here again does not hold any more.
pub(super) async fn release_returned(
    control: &ControlPlane,
    node: NodeId,
    heard: Heard,
    holding: Vec<AttemptRange>,
) -> Result<(), Refusal> {
    let look = |ledger: &Ledger| (!ledger.attempts(node).is_empty(), TakeBack::from_lost(ledger, node, heard.clone()));
    let (holds, lost) = control.read_local(look).await;
    let mut back =
        if holding.is_empty() { lost } else { TakeBack::from_returned(node, heard.running.clone(), holding) };
    if holds { back.propose(control).await } else { Ok(()) }
}

/// How the tasks end that a node had begun when it was killed: what its next process reports of them.
pub(crate) fn lost_with_its_worker() -> Outcome {
    left(WORKER_LOST, "its worker was lost while it ran")
}

/// The same where the node had ended in order.
pub(crate) fn stopped_with_its_worker() -> Outcome {
    left(WORKER_STOPPED, "its worker stopped while it ran")
}

fn left(code: &str, message: &str) -> Outcome {
    Outcome::Failed(Failure { code: code.to_owned(), message: message.to_owned(), diagnostic: None, retryable: true })
}

/// Writes down what a worker reports: what has ended, what it was lost with in an earlier life, and what needs an input that
/// no node has any more.
pub(super) async fn record(
    control: &ControlPlane,
    liveness: &Liveness,
    node: NodeId,
    tasks: Vec<FinishedTasks>,
) -> Result<(), Refusal> {
    let (lost, ended) = apart(WORKER_LOST, tasks);
    let (stopped, ended) = apart(WORKER_STOPPED, ended);
    let (missing, mut ended) = missing_inputs(ended);
    for (attempts, why) in [(lost, ReleaseReason::WorkerLost), (stopped, ReleaseReason::WorkerStopped)] {
        let attempts = still_held(control, node, attempts).await;
        if !attempts.is_empty() {
            tracing::warn!(%node, attempts = attempts.len(), "a worker has ended with what it had begun");
            let attempts = Released::Attempts(attempts);
            control.propose(Command::ReleaseTasks { node, attempts, why, at_ms: now_ms() }).await?;
        }
    }
    for (blob, waiting) in missing {
        let attempts: Vec<AttemptRange> = waiting.iter().map(|finished| finished.attempt).collect();
        if !all_are_up(control, liveness).await {
            // Who is away may have it.
            ended.extend(waiting);
            continue;
        }
        tracing::warn!(%node, %blob, "no node has an input any more; who made it runs again");
        match control.propose(Command::MakeAgain { node, attempts, blob, at_ms: now_ms() }).await {
            Ok(_) => {}
            // A member could not read it: then it is a failure like any other.
            Err(refusal) if refusal.code == codes::PROTOCOL_NOT_YET => ended.extend(waiting),
            Err(refusal) => return Err(refusal),
        }
    }
    if !ended.is_empty() {
        control.propose(Command::FinishTasks { node, tasks: ended, at_ms: now_ms() }).await?;
    }
    Ok(())
}

/// Those of a node's attempts that have not ended: a worker may not have heard that an end was recorded.
async fn still_held(control: &ControlPlane, node: NodeId, attempts: Vec<AttemptRange>) -> Vec<AttemptRange> {
    if attempts.is_empty() {
        return attempts;
    }
    let held = control.read_local(|ledger| ledger.attempts(node)).await;
    among(attempts, &held)
}

/// What a worker says was begun by a process before it, with this code; and the rest.
fn apart(code: &str, tasks: Vec<FinishedTasks>) -> (Vec<AttemptRange>, Vec<FinishedTasks>) {
    let is_lost =
        |finished: &FinishedTasks| matches!(&finished.outcome, Outcome::Failed(failure) if failure.code == code);
    if !tasks.iter().any(is_lost) {
        return (Vec::new(), tasks);
    }
    let (lost, ended): (Vec<_>, Vec<_>) = tasks.into_iter().partition(is_lost);
    (lost.into_iter().map(|finished| finished.attempt).collect(), ended)
}

async fn all_are_up(control: &ControlPlane, liveness: &Liveness) -> bool {
    let is_up = |(node, member): (NodeId, &Member)| !member.is_machine() || liveness.of(node).is_some();
    control.read_local(|ledger| ledger.members().all(is_up)).await
}

/// What failed as no node has an input of it any more, by what is lost; and the rest.
fn missing_inputs(tasks: Vec<FinishedTasks>) -> (BTreeMap<BlobHash, Vec<FinishedTasks>>, Vec<FinishedTasks>) {
    let lost = |finished: &FinishedTasks| match &finished.outcome {
        Outcome::Failed(failure) => lost_blob(failure),
        Outcome::Succeeded(_) | Outcome::Cancelled | Outcome::TimedOut => None,
    };
    if !tasks.iter().any(|finished| lost(finished).is_some()) {
        return (BTreeMap::new(), tasks);
    }
    let (mut missing, mut rest) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for finished in tasks {
        match lost(&finished) {
            Some(blob) => missing.entry(blob).or_default().push(finished),
            None => rest.push(finished),
        }
    }
    (missing, rest)
}

/// What a worker may have begun since it was last heard of: the first tasks of what it held and was not known to run,
/// suspects before others and the oldest first, so many for each slot.
fn next_in_line(
    held: &[AttemptRange],
    suspects: &[AttemptRange],
    running: &[AttemptRange],
    slots: u32,
) -> Vec<AttemptRange> {
    let (suspected, ran) = (by_attempt(suspects), by_attempt(running));
    let others = in_line(held).filter(|task| !is_among(task, &suspected));
    let tasks = in_line(suspects).chain(others).filter(|task| !is_among(task, &ran));
    tasks.take((slots as usize).max(1).saturating_mul(BEGUN_UNHEARD_MAX)).collect()
}

/// The tasks of these attempts one by one, the oldest first.
fn in_line(attempts: &[AttemptRange]) -> impl Iterator<Item = AttemptRange> {
    let mut line = attempts.to_vec();
    line.sort_by_key(|attempt| (attempt.token, attempt.job, attempt.range.start));
    line.into_iter().flat_map(|attempt| {
        let single = move |index| AttemptRange { range: IndexRange::new(index, index + 1), ..attempt };
        (attempt.range.start..attempt.range.end).map(single)
    })
}

#[cfg(test)]
mod tests {
    use nexus_model::{AttemptToken, Cost, JobId};

    use super::*;

    fn attempt(job: u64, start: u32, end: u32, token: u64) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(token) }
    }

    #[test]
    fn what_a_worker_still_has_of_what_it_ran_is_not_lost() {
        let ran = attempt(1, 100, 140, 9);
        let parts = |holding: &[AttemptRange]| without(ran, by_attempt(holding).get(&key(&ran)));
        assert_eq!(parts(&[attempt(1, 106, 140, 9), attempt(1, 98, 106, 9)]), []);
        assert_eq!(parts(&[attempt(1, 110, 120, 9)]), [attempt(1, 100, 110, 9), attempt(1, 120, 140, 9)]);
        assert_eq!(parts(&[attempt(1, 0, 200, 8), attempt(2, 0, 200, 9)]), [ran], "another attempt, another job");
        assert_eq!(parts(&[attempt(1, 0, 101, 9), attempt(1, 130, 300, 9)]), [attempt(1, 101, 130, 9)]);
        assert_eq!(parts(&[attempt(1, 150, 160, 9), attempt(1, 0, 50, 9)]), [ran]);
    }

    #[test]
    fn what_a_worker_was_never_told_of_is_told_apart() {
        let (before, after) = (attempt(1, 0, 9, 10), attempt(1, 9, 12, 11));
        assert_eq!(known(vec![before, after], AttemptToken(10)), (vec![before], vec![after]));
        assert_eq!(known(vec![before, after], AttemptToken(u64::MAX)), (vec![before, after], vec![]));
    }

    #[test]
    fn a_task_that_was_given_just_now_may_have_begun() {
        assert_eq!(next_in_line(&[attempt(1, 0, 1, 9)], &[], &[], 2), [attempt(1, 0, 1, 9)]);
    }

    #[test]
    fn whatever_may_have_begun_unheard_counts_the_oldest_first() {
        let held = [attempt(3, 0, 8, 12), attempt(1, 4, 9, 10), attempt(2, 0, 1, 11)];
        let all: Vec<AttemptRange> = in_line(&held).collect();
        assert_eq!((all.len(), all[0], all[5]), (14, attempt(1, 4, 5, 10), attempt(2, 0, 1, 11)));
        assert_eq!(next_in_line(&held, &[], &[], 2), all, "a slot goes on while its worker is not heard of");
        let running = [attempt(1, 4, 5, 10), attempt(1, 6, 9, 10)];
        let next = next_in_line(&held, &[], &running, 2);
        assert_eq!((next.len(), next[0]), (10, attempt(1, 5, 6, 10)), "what was known to run is counted as that");
    }

    #[test]
    fn what_is_too_far_down_the_line_was_never_begun_and_suspects_stand_first() {
        let held = [attempt(1, 0, 1_000, 10), attempt(1, 5_000, 5_001, 11)];
        let next = next_in_line(&held, &[], &[], 2);
        assert_eq!((next.len(), next.last()), (2 * BEGUN_UNHEARD_MAX, Some(&attempt(1, 255, 256, 10))));
        let suspect = attempt(1, 5_000, 5_001, 11);
        assert_eq!(next_in_line(&held, &[suspect], &[], 1)[..2], [suspect, attempt(1, 0, 1, 10)]);
        assert_eq!(next_in_line(&held, &[suspect], &[suspect], 1)[0], attempt(1, 0, 1, 10));
    }

    #[test]
    fn what_a_node_says_it_was_lost_with_is_taken_back_and_the_rest_has_ended() {
        let finished =
            |index, outcome| FinishedTasks { attempt: attempt(1, index, index + 1, 9), outcome, cost: Cost::default() };
        let tasks = vec![finished(0, Outcome::TimedOut), finished(1, lost_with_its_worker())];
        let (lost, ended) = apart(WORKER_LOST, tasks);
        assert_eq!(lost, [attempt(1, 1, 2, 9)]);
        assert_eq!(ended, [finished(0, Outcome::TimedOut)]);
    }
}
