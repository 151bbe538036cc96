//! What happened to one job or one node, packed one behind the other: some twelve bytes an entry.
//!
//! Times are differences to the entry before, numbers have as many bytes as they need. What is written when is
//! `lives.rs`. Bytes of a snapshot are checked before they become a log; a log that this made can always be read.

use std::time::Duration;

use nexus_model::{AttemptToken, IndexRange, JobId, JobState, NodeId, TaskState};
use nexus_wire::limits::LIFE_ENTRIES_MAX;
use nexus_wire::{Fate, LifeEntry, LifeEvent};

use crate::packed::{Reader, Unreadable, write_number};

/// Most entries of one life: what one answer holds, less what is added when it is asked for.
pub(crate) const ENTRIES_MAX: u32 = LIFE_ENTRIES_MAX as u32 - 16;

mod tag {
    pub(super) const PLACED: u8 = 0;
    pub(super) const LEFT: u8 = 1;
    pub(super) const TASKS_ENDED: u8 = 2;
    pub(super) const ENDED: u8 = 3;
    pub(super) const REOPENED: u8 = 4;
    pub(super) const JOINED: u8 = 5;
    pub(super) const UP: u8 = 6;
    pub(super) const LOST: u8 = 7;
    pub(super) const STOPPED: u8 = 8;
    pub(super) const VOTER: u8 = 9;
    pub(super) const NOT_VOTER: u8 = 10;
    pub(super) const REMOVED: u8 = 11;
    pub(super) const ACCEPTED: u8 = 12;
}

/// The life of a job or a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LifeLog {
    pub(crate) bytes: Vec<u8>,
    /// Time of the last entry; the first one is relative to 0.
    pub(crate) last_ms: u64,
    pub(crate) entries: u32,
    /// Entries that were not kept.
    pub(crate) dropped: u64,
}

/// What goes where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The new entry, unless it ends the life: how a job began says more than its thousandth retry.
    DropNew,
    /// The older half: of a node the last months count.
    DropOld,
}

impl LifeLog {
    /// Writes down that `event` happened at `at_ms`; a time before that of the last entry counts as that.
    pub(crate) fn push(&mut self, at_ms: u64, event: LifeEvent, overflow: Overflow) {
        if self.entries >= ENTRIES_MAX {
            match overflow {
                Overflow::DropNew if matches!(event, LifeEvent::Ended { .. }) => self.drop_last(),
                Overflow::DropNew => {
                    self.dropped += 1;
                    return;
                }
                Overflow::DropOld => self.drop_older_half(),
            }
        }
        let at_ms = at_ms.max(self.last_ms);
        write_number(at_ms - self.last_ms, &mut self.bytes);
        write_event(event, &mut self.bytes);
        self.last_ms = at_ms;
        self.entries += 1;
    }

    /// Everything, in order; each entry happened to `job`.
    pub(crate) fn entries(&self, job: Option<JobId>) -> Vec<LifeEntry> {
        // Stops where it cannot read on, which is at the end: what is kept was written here or checked.
        self.read(job).unwrap_or_else(|(_, read)| read)
    }

    /// A log of a snapshot's bytes.
    pub(crate) fn restore(bytes: &[u8], last_ms: u64, entries: u32, dropped: u64) -> Result<Self, Unreadable> {
        let log = LifeLog { bytes: bytes.to_vec(), last_ms, entries, dropped };
        let read = log.read(None).map_err(|(error, _)| error)?;
        let ends_there = read.last().map_or(0, |entry| entry.at_ms) == last_ms;
        let complete = read.len() == entries as usize && entries <= ENTRIES_MAX && ends_there;
        if complete { Ok(log) } else { Err(Unreadable { at: bytes.len() }) }
    }

    /// Gives back the memory that was kept for more entries.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    fn read(&self, job: Option<JobId>) -> Result<Vec<LifeEntry>, (Unreadable, Vec<LifeEntry>)> {
        let mut reader = Reader::new(&self.bytes);
        // Each entry takes two bytes at least, so that no lying count makes this large.
        let mut read = Vec::with_capacity((self.entries as usize).min(self.bytes.len() / 2));
        let mut at_ms = 0u64;
        while reader.end().is_err() {
            let entry = reader.number().and_then(|later| {
                let at_ms = at_ms.checked_add(later).ok_or(reader.damaged())?;
                Ok((at_ms, read_event(&mut reader)?))
            });
            match entry {
                Ok((time, what)) => {
                    at_ms = time;
                    read.push(LifeEntry { at_ms, job, what });
                }
                Err(error) => return Err((error, read)),
            }
        }
        Ok(read)
    }

    fn rewrite(&mut self, kept: &[LifeEntry], dropped: u64, overflow: Overflow) {
        *self = LifeLog { dropped: self.dropped + dropped, ..LifeLog::default() };
        kept.iter().for_each(|entry| self.push(entry.at_ms, entry.what, overflow));
    }

    fn drop_last(&mut self) {
        let entries = self.entries(None);
        self.rewrite(&entries[..entries.len().saturating_sub(1)], 1, Overflow::DropNew);
    }

    fn drop_older_half(&mut self) {
        let entries = self.entries(None);
        let half = entries.len() / 2;
        self.rewrite(&entries[half..], half as u64, Overflow::DropOld);
    }
}

fn write_event(event: LifeEvent, out: &mut Vec<u8>) {
    let write_range = |range: IndexRange, out: &mut Vec<u8>| {
        write_number(range.start.into(), out);
        write_number(range.len().into(), out);
    };
    match event {
        LifeEvent::Accepted => out.push(tag::ACCEPTED),
        LifeEvent::Placed { range, node, token } => {
            out.push(tag::PLACED);
            write_range(range, out);
            write_number(node.0, out);
            write_number(token.0, out);
        }
        LifeEvent::Left { range, node, token, busy, fate } => {
            out.push(tag::LEFT);
            write_range(range, out);
            write_number(node.0, out);
            write_number(token.0, out);
            // 0 is "did not run to an end".
            let micros = busy.map_or(0, |busy| u64::try_from(busy.as_micros()).unwrap_or(u64::MAX).saturating_add(1));
            write_number(micros, out);
            out.push(match fate {
                Fate::Ended(state) => state as u8,
                Fate::Requeued => 8,
                Fate::Lost => 9,
                Fate::Resting => 10,
            });
        }
        LifeEvent::TasksEnded { range, state } => {
            out.push(tag::TASKS_ENDED);
            write_range(range, out);
            out.push(state as u8);
        }
        LifeEvent::Ended { state } => out.extend([tag::ENDED, state as u8]),
        LifeEvent::Reopened => out.push(tag::REOPENED),
        LifeEvent::Joined => out.push(tag::JOINED),
        LifeEvent::Up { slots } => {
            out.push(tag::UP);
            write_number(slots.into(), out);
        }
        LifeEvent::Lost => out.push(tag::LOST),
        LifeEvent::Stopped => out.push(tag::STOPPED),
        LifeEvent::Voter => out.push(tag::VOTER),
        LifeEvent::NotVoter => out.push(tag::NOT_VOTER),
        LifeEvent::Removed => out.push(tag::REMOVED),
    }
}

fn read_event(reader: &mut Reader<'_>) -> Result<LifeEvent, Unreadable> {
    Ok(match reader.byte()? {
        tag::ACCEPTED => LifeEvent::Accepted,
        tag::PLACED => LifeEvent::Placed {
            range: read_range(reader)?,
            node: NodeId(reader.number()?),
            token: AttemptToken(reader.number()?),
        },
        tag::LEFT => LifeEvent::Left {
            range: read_range(reader)?,
            node: NodeId(reader.number()?),
            token: AttemptToken(reader.number()?),
            busy: reader.number()?.checked_sub(1).map(Duration::from_micros),
            fate: match reader.byte()? {
                8 => Fate::Requeued,
                9 => Fate::Lost,
                10 => Fate::Resting,
                state => Fate::Ended(task_state(state).ok_or(reader.damaged())?),
            },
        },
        tag::TASKS_ENDED => LifeEvent::TasksEnded {
            range: read_range(reader)?,
            state: reader.byte().and_then(|state| task_state(state).ok_or(reader.damaged()))?,
        },
        tag::ENDED => {
            LifeEvent::Ended { state: reader.byte().and_then(|state| job_state(state).ok_or(reader.damaged()))? }
        }
        tag::REOPENED => LifeEvent::Reopened,
        tag::JOINED => LifeEvent::Joined,
        tag::UP => LifeEvent::Up { slots: reader.number_u32()? },
        tag::LOST => LifeEvent::Lost,
        tag::STOPPED => LifeEvent::Stopped,
        tag::VOTER => LifeEvent::Voter,
        tag::NOT_VOTER => LifeEvent::NotVoter,
        tag::REMOVED => LifeEvent::Removed,
        _ => return Err(reader.damaged()),
    })
}

fn read_range(reader: &mut Reader<'_>) -> Result<IndexRange, Unreadable> {
    let start = reader.number_u32()?;
    let end = start.checked_add(reader.number_u32()?).ok_or(reader.damaged())?;
    Ok(IndexRange::new(start, end))
}

fn task_state(number: u8) -> Option<TaskState> {
    TaskState::ALL.into_iter().find(|state| *state as u8 == number)
}

fn job_state(number: u8) -> Option<JobState> {
    let all = [JobState::Queued, JobState::Running, JobState::Succeeded, JobState::Failed, JobState::Cancelled];
    all.into_iter().find(|state| *state as u8 == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(start: u32) -> LifeEvent {
        LifeEvent::Placed { range: IndexRange::new(start, start + 3), node: NodeId(7), token: AttemptToken(900) }
    }

    fn left(fate: Fate, busy: Option<Duration>) -> LifeEvent {
        LifeEvent::Left { range: IndexRange::new(0, 1), node: NodeId(1), token: AttemptToken(5), busy, fate }
    }

    #[test]
    fn what_was_written_is_read_and_restored() {
        let events = [
            LifeEvent::Accepted,
            placed(0),
            left(Fate::Lost, None),
            left(Fate::Requeued, Some(Duration::ZERO)),
            left(Fate::Resting, Some(Duration::from_micros(41))),
            left(Fate::Ended(TaskState::TimedOut), Some(Duration::from_secs(86_400))),
            LifeEvent::TasksEnded { range: IndexRange::new(4, u32::MAX), state: TaskState::Cancelled },
            LifeEvent::Ended { state: JobState::Failed },
            LifeEvent::Reopened,
            LifeEvent::Joined,
            LifeEvent::Up { slots: 12 },
            LifeEvent::Lost,
            LifeEvent::Stopped,
            LifeEvent::Voter,
            LifeEvent::NotVoter,
            LifeEvent::Removed,
        ];
        let mut log = LifeLog::default();
        events.iter().zip(0..).for_each(|(event, at)| log.push(1_000 + at, *event, Overflow::DropNew));
        let read: Vec<_> = log.entries(Some(JobId(3))).into_iter().map(|e| (e.at_ms, e.job, e.what)).collect();
        let wanted: Vec<_> = events.iter().zip(0..).map(|(event, at)| (1_000 + at, Some(JobId(3)), *event)).collect();
        assert_eq!(read, wanted);
        let again = LifeLog::restore(&log.bytes, log.last_ms, log.entries, log.dropped);
        assert_eq!(again, Ok(log.clone()));
        for cut in 0..log.bytes.len() {
            assert!(LifeLog::restore(&log.bytes[..cut], log.last_ms, log.entries, 0).is_err(), "cut at {cut}");
        }
        assert!(LifeLog::restore(&log.bytes, log.last_ms + 1, log.entries, 0).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_does_not_take_the_life_with_it() {
        let mut log = LifeLog::default();
        log.push(50, placed(0), Overflow::DropNew);
        log.push(20, placed(1), Overflow::DropNew);
        log.push(60, placed(2), Overflow::DropNew);
        assert_eq!(log.entries(None).iter().map(|entry| entry.at_ms).collect::<Vec<_>>(), [50, 50, 60]);
    }

    #[test]
    fn a_life_is_bounded_and_its_end_is_there() {
        let (mut job, mut node) = (LifeLog::default(), LifeLog::default());
        for at in 0..u64::from(ENTRIES_MAX) + 10 {
            job.push(at, placed(0), Overflow::DropNew);
            node.push(at, LifeEvent::Lost, Overflow::DropOld);
        }
        job.push(u64::from(ENTRIES_MAX) + 11, LifeEvent::Ended { state: JobState::Succeeded }, Overflow::DropNew);
        let (of_job, of_node) = (job.entries(None), node.entries(None));
        assert_eq!((of_job.len() as u32, job.dropped), (ENTRIES_MAX, 11));
        assert_eq!(of_job.last().map(|entry| entry.what), Some(LifeEvent::Ended { state: JobState::Succeeded }));
        assert_eq!(of_node.len() as u64 + node.dropped, u64::from(ENTRIES_MAX) + 10);
        assert_eq!(of_node.last().map(|entry| entry.at_ms), Some(u64::from(ENTRIES_MAX) + 9));
        assert!(job.bytes.len() < 10 * ENTRIES_MAX as usize, "{} bytes", job.bytes.len());
    }
}
