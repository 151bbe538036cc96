//! The worker's own queue: assigned ranges, cut into chunks for the slots.
//!
//! A pure value: no threads, no clock. It decides how many tasks a slot takes at once, so that microsecond tasks are not
//! paid for one by one and long tasks spread over all slots. The slots drive it under one lock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_model::{IndexRange, JobId};
use nexus_wire::AttemptRange;

use super::gpus::{GpuShare, Gpus};

/// Work that one chunk should hold: long enough that the queue's lock does not show, short enough that results flow and
/// the other slots find something left.
const CHUNK_TARGET: Duration = Duration::from_millis(2);
/// Most tasks in one chunk, however short they are.
const CHUNK_TASKS_MAX: u32 = 4096;
/// Weight of the newest chunk in the estimate of a job's time per task.
const NEWEST_WEIGHT: f64 = 0.5;

/// A piece of an assigned range for one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// What to run.
    pub(crate) attempt: AttemptRange,
    /// It has lost a worker before, and is one task.
    pub(crate) is_suspect: bool,
    /// Slots that each of its tasks takes.
    pub(crate) cpus: u32,
    /// The graphics processors that its task has.
    pub(crate) gpus: GpuShare,
}

#[derive(Debug, Clone, Copy)]
struct JobPace {
    cpus: u32,
    gpu_milli: u32,
    seconds_per_task: Option<f64>,
}

/// Assigned and not yet started.
#[derive(Debug)]
pub(crate) struct WorkQueue {
    slots: u32,
    slots_free: u32,
    gpus: Gpus,
    ranges: VecDeque<AttemptRange>,
    /// What has lost a worker before, taken first and one by one.
    suspects: VecDeque<AttemptRange>,
    paces: BTreeMap<JobId, JobPace>,
}

impl WorkQueue {
    /// An empty queue for `slots` slots (at least one) and so many graphics processors.
    pub(crate) fn new(slots: u32, gpus: usize) -> Self {
        assert!(slots > 0, "a worker has at least one slot");
        let (ranges, suspects) = (VecDeque::new(), VecDeque::new());
        WorkQueue { slots, slots_free: slots, gpus: Gpus::new(gpus), ranges, suspects, paces: BTreeMap::new() }
    }

    /// Learns what a job's tasks take, before its first range comes. More slots or graphics processors than there are count
    /// as all of them.
    pub(crate) fn describe(&mut self, job: JobId, cpus: u32, gpu_milli: u32) {
        let (cpus, gpu_milli) = (cpus.clamp(1, self.slots), gpu_milli.min(self.gpus.all()));
        self.paces.entry(job).or_insert(JobPace { cpus, gpu_milli, seconds_per_task: None });
    }

    /// Adds an assigned range. A range of an unknown job counts one slot a task.
    pub(crate) fn push(&mut self, attempt: AttemptRange) {
        if !attempt.range.is_empty() {
            self.ranges.push_back(attempt);
        }
    }

    /// Adds tasks that have lost a worker before.
    pub(crate) fn push_suspect(&mut self, attempt: AttemptRange) {
        if !attempt.range.is_empty() {
            self.suspects.push_back(attempt);
        }
    }

    /// The next chunk for a free slot, or `None` when nothing waits or what waits needs more slots than are free. First
    /// come, first served: a wide task at the front is not overtaken for ever.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        let is_suspect = !self.suspects.is_empty();
        let line = if is_suspect { &mut self.suspects } else { &mut self.ranges };
        let front = line.front_mut()?;
        let pace =
            self.paces.get(&front.job).copied().unwrap_or(JobPace { cpus: 1, gpu_milli: 0, seconds_per_task: None });
        if pace.cpus > self.slots_free {
            return None;
        }
        let gpus = self.gpus.take(pace.gpu_milli)?;
        let is_alone = is_suspect || pace.gpu_milli > 0;
        let count = if is_alone { 1 } else { chunk_tasks(pace, front.range.len(), self.slots) };
        let end = front.range.start + count;
        let attempt = AttemptRange { range: IndexRange::new(front.range.start, end), ..*front };
        front.range.start = end;
        if front.range.is_empty() {
            line.pop_front();
        }
        self.slots_free -= pace.cpus;
        Some(Chunk { attempt, is_suspect, cpus: pace.cpus, gpus })
    }

    /// A chunk is done: its slots are free again, and the job's pace is better known.
    pub(crate) fn finish(&mut self, chunk: Chunk, ran: u32, took: Duration) {
        self.slots_free += chunk.cpus;
        self.gpus.give_back(chunk.gpus);
        assert!(self.slots_free <= self.slots, "more slots were freed than taken");
        if ran == 0 {
            return;
        }
        if let Some(pace) = self.paces.get_mut(&chunk.attempt.job) {
            let newest = took.as_secs_f64() / f64::from(ran);
            let known = pace.seconds_per_task.unwrap_or(newest);
            pace.seconds_per_task = Some(NEWEST_WEIGHT * newest + (1.0 - NEWEST_WEIGHT) * known);
        }
    }

    /// What tasks have of the graphics processors, in thousandths; `None` where there are none.
    pub(crate) fn gpus_given(&self) -> Option<u32> {
        (self.gpus.all() > 0).then(|| self.gpus.given())
    }

    /// What was taken and not begun stands first again.
    pub(crate) fn put_back(&mut self, attempt: AttemptRange) {
        if !attempt.range.is_empty() {
            self.ranges.push_front(attempt);
        }
    }

    /// Drops what waits of `job` and says what that was.
    pub(crate) fn cancel(&mut self, job: JobId) -> Vec<AttemptRange> {
        let mut dropped = Vec::new();
        for line in [&mut self.suspects, &mut self.ranges] {
            dropped.extend(line.iter().filter(|attempt| attempt.job == job));
            line.retain(|attempt| attempt.job != job);
        }
        dropped
    }

    /// Drops what waits of attempts that are not this worker's any more; what is still its own of a range waits on.
    pub(crate) fn drop_stale(&mut self, stale: &[AttemptRange]) {
        for line in [&mut self.suspects, &mut self.ranges] {
            for stale in stale {
                if line.iter().any(|attempt| overlap(stale, attempt)) {
                    *line = line.iter().flat_map(|attempt| cut(*attempt, stale)).collect();
                }
            }
        }
    }

    /// Forgets a job that has ended.
    pub(crate) fn forget(&mut self, job: JobId) {
        self.paces.remove(&job);
    }

    /// What waits, in order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &AttemptRange> {
        self.suspects.iter().chain(&self.ranges)
    }
}

/// What is left of an attempt before and behind what is cut out of it.
fn cut(attempt: AttemptRange, out: &AttemptRange) -> impl Iterator<Item = AttemptRange> {
    let AttemptRange { range, .. } = attempt;
    let parts = match overlap(&attempt, out) {
        true => [
            IndexRange::new(range.start, out.range.start.max(range.start)),
            IndexRange::new(out.range.end.min(range.end), range.end),
        ],
        false => [range, IndexRange::new(range.end, range.end)],
    };
    parts.into_iter().filter(|part| !part.is_empty()).map(move |range| AttemptRange { range, ..attempt })
}

/// Whether all tasks of an attempt are in a range of it.
pub(crate) fn covers(all: &AttemptRange, attempt: &AttemptRange) -> bool {
    overlap(all, attempt) && all.range.start <= attempt.range.start && attempt.range.end <= all.range.end
}

/// Whether two ranges have tasks of one attempt in common.
fn overlap(a: &AttemptRange, b: &AttemptRange) -> bool {
    (a.job, a.token) == (b.job, b.token) && a.range.start < b.range.end && b.range.start < a.range.end
}

/// How many of the next `left` tasks one slot should take: one while nothing is known, then as many as fill
/// [`CHUNK_TARGET`], but never more than a fair share of what is left.
fn chunk_tasks(pace: JobPace, left: u32, slots: u32) -> u32 {
    let fair = left.div_ceil((slots / pace.cpus).max(1)).max(1);
    let by_time = match pace.seconds_per_task {
        None => 1,
        Some(seconds) => (CHUNK_TARGET.as_secs_f64() / seconds.max(1e-9)) as u32,
    };
    by_time.clamp(1, CHUNK_TASKS_MAX).min(fair)
}

#[cfg(test)]
mod tests {
    use nexus_model::AttemptToken;
    use proptest::prelude::*;

    use super::*;

    fn attempt(job: u64, start: u32, end: u32) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(start, end), token: AttemptToken(9) }
    }

    fn queue(slots: u32, cpus: u32) -> WorkQueue {
        let mut queue = WorkQueue::new(slots, 0);
        queue.describe(JobId(1), cpus, 0);
        queue
    }

    #[test]
    fn an_unknown_job_starts_with_one_task_a_slot() {
        let mut queue = queue(2, 1);
        queue.push(attempt(1, 0, 100));
        assert_eq!(queue.take().unwrap().attempt, attempt(1, 0, 1));
        assert_eq!(queue.take().unwrap().attempt, attempt(1, 1, 2));
        assert_eq!(queue.take(), None, "both slots are taken");
    }

    #[test]
    fn short_tasks_are_taken_by_the_thousand_but_not_more_than_a_fair_share() {
        let mut queue = queue(2, 1);
        queue.push(attempt(1, 0, 100_001));
        let first = queue.take().unwrap();
        queue.finish(first, 1, Duration::from_micros(1));
        assert_eq!(queue.take().unwrap().attempt, attempt(1, 1, 2001));
        let mut queue = WorkQueue::new(2, 0);
        queue.describe(JobId(1), 1, 0);
        queue.push(attempt(1, 0, 11));
        let first = queue.take().unwrap();
        queue.finish(first, 1, Duration::from_micros(1));
        assert_eq!(queue.take().unwrap().attempt, attempt(1, 1, 6), "half of the ten that are left");
    }

    #[test]
    fn long_tasks_are_taken_one_by_one() {
        let mut queue = queue(2, 1);
        queue.push(attempt(1, 0, 10));
        let first = queue.take().unwrap();
        queue.finish(first, 1, Duration::from_secs(3));
        assert_eq!(queue.take().unwrap().attempt.range.len(), 1);
    }

    #[test]
    fn a_wide_task_waits_for_its_slots_and_is_not_overtaken() {
        let mut queue = queue(2, 1);
        queue.describe(JobId(2), 2, 0);
        queue.push(attempt(1, 0, 1));
        queue.push(attempt(2, 0, 1));
        queue.push(attempt(1, 5, 6));
        let narrow = queue.take().unwrap();
        assert_eq!(queue.take(), None);
        queue.finish(narrow, 1, Duration::from_millis(1));
        let wide = Chunk { attempt: attempt(2, 0, 1), is_suspect: false, cpus: 2, gpus: GpuShare::default() };
        assert_eq!(queue.take(), Some(wide));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn suspects_are_taken_first_and_one_by_one() {
        let mut queue = queue(3, 1);
        queue.push(attempt(1, 0, 100));
        let first = queue.take().unwrap();
        queue.finish(first, 1, Duration::from_micros(1));
        queue.push_suspect(attempt(1, 200, 202));
        let taken: Vec<Chunk> = std::iter::from_fn(|| queue.take()).collect();
        let said: Vec<_> = taken.iter().map(|chunk| (chunk.is_suspect, chunk.attempt.range.len())).collect();
        assert_eq!(said, [(true, 1), (true, 1), (false, 33)]);
        queue.push_suspect(attempt(2, 0, 1));
        assert_eq!(queue.cancel(JobId(2)), vec![attempt(2, 0, 1)]);
    }

    #[test]
    fn what_is_put_back_is_taken_next() {
        let mut queue = queue(1, 1);
        queue.push(attempt(1, 0, 100));
        let first = queue.take().unwrap();
        queue.finish(first, 1, Duration::from_micros(1));
        let chunk = queue.take().unwrap();
        assert_eq!(chunk.attempt, attempt(1, 1, 100));
        queue.put_back(attempt(1, 40, 100));
        queue.put_back(attempt(1, 40, 40));
        queue.finish(chunk, 39, Duration::from_micros(39));
        assert_eq!(queue.take().unwrap().attempt, attempt(1, 40, 100));
    }

    #[test]
    fn what_is_stale_is_dropped_and_other_attempts_of_the_same_tasks_are_not() {
        let mut queue = queue(1, 1);
        let other = AttemptRange { token: AttemptToken(12), ..attempt(1, 0, 5) };
        queue.push(attempt(1, 0, 5));
        queue.push(other);
        queue.push(attempt(2, 0, 5));
        queue.drop_stale(&[attempt(1, 0, 5), attempt(2, 7, 9)]);
        assert_eq!(queue.waiting().collect::<Vec<_>>(), vec![&other, &attempt(2, 0, 5)]);
        // Of a range perhaps some tasks only.
        queue.drop_stale(&[attempt(2, 1, 2), attempt(2, 4, 9)]);
        let left = [other, attempt(2, 0, 1), attempt(2, 2, 4)];
        assert_eq!(queue.waiting().copied().collect::<Vec<_>>(), left);
    }

    #[test]
    fn cancel_drops_only_the_job() {
        let mut queue = queue(1, 1);
        queue.push(attempt(1, 0, 5));
        queue.push(attempt(2, 0, 5));
        assert_eq!(queue.cancel(JobId(1)), vec![attempt(1, 0, 5)]);
        assert_eq!(queue.waiting().collect::<Vec<_>>(), vec![&attempt(2, 0, 5)]);
    }

    #[test]
    fn tasks_that_share_a_gpu_have_room_on_it_and_whole_ones_their_own() {
        let mut queue = WorkQueue::new(8, 2);
        for (job, milli) in [(1, 600), (2, 400), (3, 2000)] {
            queue.describe(JobId(job), 1, milli);
        }
        queue.push(attempt(1, 0, 2));
        queue.push(attempt(2, 0, 3));
        let on: Vec<Chunk> = std::iter::from_fn(|| queue.take()).collect();
        let devices: Vec<String> = on.iter().map(|chunk| chunk.gpus.devices()).collect();
        assert_eq!(devices, ["0", "1", "0", "1"], "0.6 and 0.4 each, and the third 0.4 waits");
        assert_eq!(queue.gpus_given(), Some(2000));
        on.iter().for_each(|chunk| queue.finish(*chunk, 1, Duration::from_millis(1)));
        queue.push(attempt(3, 0, 1));
        let last = queue.take().unwrap();
        assert_eq!(queue.take(), None, "0.4 has both for itself no more");
        assert_eq!(queue.gpus_given(), Some(400));
        queue.finish(last, 1, Duration::from_millis(1));
        assert_eq!(queue.take().unwrap().gpus.devices(), "0,1");
        assert_eq!(WorkQueue::new(8, 0).gpus_given(), None);
    }

    proptest! {
        #[test]
        fn every_task_is_handed_out_exactly_once(
            sizes in proptest::collection::vec(1u32..3000, 1..5),
            slots in 1u32..8,
            micros in proptest::collection::vec(0u64..5000, 1..20),
        ) {
            let mut queue = queue(slots, 1);
            let mut expected = Vec::new();
            for (i, size) in sizes.iter().enumerate() {
                let start = i as u32 * 10_000;
                queue.push(attempt(1, start, start + size));
                expected.extend(start..start + size);
            }
            let mut seen = Vec::new();
            let mut times = micros.iter().cycle();
            while let Some(chunk) = queue.take() {
                prop_assert!(chunk.attempt.range.len() <= CHUNK_TASKS_MAX);
                seen.extend(chunk.attempt.range.start..chunk.attempt.range.end);
                queue.finish(chunk, chunk.attempt.range.len(), Duration::from_micros(*times.next().unwrap()));
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
