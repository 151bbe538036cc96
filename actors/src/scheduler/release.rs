//! Taking tasks back from a node that does not hold them any more, and which of them count as begun.
//!
//! What a worker has begun is known by its heartbeats. A task that kills its worker between two of them is in none, so of a
//! worker that is lost the next tasks in its line count as begun too: one that kills whatever runs it must not go round.

use nexus_ledger::{Command, ReleaseReason, Released};
use nexus_model::{IndexRange, NodeId};
use nexus_wire::{AttemptRange, Refusal};

use crate::control::{ControlPlane, now_ms};

/// Gives back to the queue what `node` does not hold any more: all but `holding`. What it had in hand goes back for the
/// reason `in_hand`.
pub(super) async fn release(
    control: ControlPlane,
    node: NodeId,
    running: Vec<AttemptRange>,
    in_hand: ReleaseReason,
    holding: Vec<AttemptRange>,
) -> Result<(), Refusal> {
    let (held, slots) = control
        .read_local(|ledger| (ledger.attempts(node), ledger.member(node).map_or(0, |member| member.capacity.slots)))
        .await;
    if held.is_empty() {
        return Ok(());
    }
    let mut lost: Vec<_> = running.into_iter().filter(|attempt| !holding.contains(attempt)).collect();
    if in_hand == ReleaseReason::WorkerLost && holding.is_empty() {
        lost.extend(next_in_line(&held, &lost, slots));
    }
    if !lost.is_empty() {
        let attempts = Released::Attempts(lost);
        control.propose(Command::ReleaseTasks { node, attempts, why: in_hand, at_ms: now_ms() }).await?;
    }
    let attempts = if holding.is_empty() { Released::All } else { Released::AllBut(holding) };
    let rest = Command::ReleaseTasks { node, attempts, why: ReleaseReason::NotStarted, at_ms: now_ms() };
    control.propose(rest).await.map(drop)
}

/// What a lost worker may have begun since it was last heard of: of what it held, the first task of each of the oldest
/// attempts, one for each slot that was not known to be busy, and one at least.
fn next_in_line(held: &[AttemptRange], running: &[AttemptRange], slots: u32) -> Vec<AttemptRange> {
    let is_known = |attempt: &&AttemptRange| {
        running.iter().any(|known| {
            (known.job, known.token) == (attempt.job, attempt.token)
                && known.range.start < attempt.range.end
                && attempt.range.start < known.range.end
        })
    };
    let mut line: Vec<&AttemptRange> = held.iter().filter(|attempt| !is_known(attempt)).collect();
    line.sort_by_key(|attempt| (attempt.token, attempt.job, attempt.range.start));
    let free = (slots as usize).saturating_sub(running.len()).max(1);
    let first = |attempt: &AttemptRange| AttemptRange {
        range: IndexRange::new(attempt.range.start, attempt.range.start + 1),
        ..*attempt
    };
    line.into_iter().take(free).map(first).collect()
}

#[cfg(test)]
mod tests {
    use nexus_model::{AttemptToken, JobId};

    use super::*;

    fn attempt(job: u64, start: u32, end: u32, token: u64) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(token) }
    }

    #[test]
    fn a_task_that_was_given_just_now_may_have_begun() {
        assert_eq!(next_in_line(&[attempt(1, 0, 1, 9)], &[], 2), [attempt(1, 0, 1, 9)]);
    }

    #[test]
    fn as_many_may_have_begun_as_slots_were_free_the_oldest_first() {
        let held = [attempt(3, 0, 8, 12), attempt(1, 4, 9, 10), attempt(2, 0, 1, 11)];
        assert_eq!(next_in_line(&held, &[], 2), [attempt(1, 4, 5, 10), attempt(2, 0, 1, 11)]);
        let running = [attempt(1, 6, 9, 10)];
        assert_eq!(
            next_in_line(&held, &running, 2),
            [attempt(2, 0, 1, 11)],
            "what is known to run is not counted again"
        );
        assert_eq!(next_in_line(&held, &running, 1), [attempt(2, 0, 1, 11)], "a slot may have gone on to the next");
        assert!(next_in_line(&running, &running, 4).is_empty());
    }
}
